--- Runs parity cases through libchronon, in this process: tables as small Parquet files, the
--- definition as JSON, the backfill, and its output read back.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local cols = require('spec.support.cols')
local conf = require('spec.support.parity.conf')
local duck = require('spec.support.parity.duck')
local model = require('spec.support.parity.model')
local C = cdef.load('batch/batch.h', 'model/json.h', 'warehouse/warehouse.h')

local M = {}
local E = {}
E.__index = E

--- Cases that one warehouse takes before it is replaced by a new one.
local CASES, TABLES = 150, 600

-- ---- tables -------------------------------------------------------------------------------------

function E:create(t, path)
  -- An empty table in folders would have no schema.
  local hive = t.hive and #t.rows > 0
  local options = hive and (', PARTITION_BY ("%s")'):format(t.pcol) or ''
  cdef.check(C.wh_exec, self.wh, ('COPY (%s) TO %s (FORMAT parquet%s)'):format(duck.table_sql(t), duck.quote(path), options))
end

--- The name of a table, which the cases of one data set share.
function E:table(t)
  if not self.made[t] then
    local name = 't' .. self.n_made
    self.n_made = self.n_made + 1
    self:create(t, ('%s/src/%s.parquet'):format(self.root, name))
    self.made[t] = 'src.' .. name
  end
  return self.made[t]
end

-- ---- a warehouse --------------------------------------------------------------------------------

local function new_root()
  local pipe = assert(io.popen('mktemp -d "$(test -w /dev/shm && echo /dev/shm || echo "${TMPDIR:-/tmp}")/parity.XXXXXX"'))
  local root = pipe:read('*l')
  pipe:close()
  return root
end

function M.new() return setmetatable({ used = 0, opened = 0, made = {} }, E) end

function E:open()
  self:close()
  self.root, self.used, self.opened, self.made, self.n_made = new_root(), 0, self.opened + 1, {}, 0
  local n = TABLES
  local sources, keep = ffi.new('struct wh_source[?]', n), {}
  for i = 0, n - 1 do
    local name, path = 'src.t' .. i, self.root .. '/src/t' .. i .. '.parquet'
    keep[#keep + 1], keep[#keep + 2] = name, path
    sources[i].table, sources[i].path = name, path
  end
  self.keep, self.warehouse = { sources, keep }, self.root .. '/wh'
  os.execute('mkdir -p ' .. self.root .. '/src')
  local options = ffi.new('struct wh_options', { root = self.warehouse, sources = sources, n_sources = n,
    threads = self.opened % 4 == 0 and 2 or 1 }) -- threads cost more than they give on tables this small
  local out = ffi.new('struct wh *[1]')
  cdef.check(C.wh_open, options, out)
  self.wh = out[0]
end

function E:close()
  if self.wh then C.wh_close(self.wh) end
  if self.root then os.execute('rm -rf ' .. self.root) end
  self.wh, self.root = nil, nil
end

-- ---- reading back -------------------------------------------------------------------------------

--- @return table[] rows name -> value, table types name -> row_type, table texts name -> type text
local function read(wh, sql)
  local out = ffi.new('struct wh_rows *[1]')
  cdef.check(C.wh_rows_load, wh, sql, out)
  local loaded = out[0]
  local schema = C.wh_rows_schema(loaded)
  local names, types, texts, rows = {}, {}, {}, {}
  local arena = cols.arena()
  for i = 0, schema.n_fields - 1 do
    local name = ffi.string(schema.fields[i].name)
    names[i + 1], texts[name] = name, cols.type_text(schema.fields[i].type)
  end
  local columns = ffi.new('struct row_col[?]', schema.n_fields + 1)
  for c = 0, tonumber(C.wh_rows_chunks(loaded)) - 1 do
    for r = 0, tonumber(C.wh_rows_chunk(loaded, c, columns)) - 1 do
      local row = {}
      for i, name in ipairs(names) do row[name] = cols.read(columns[i - 1], r) end
      rows[#rows + 1] = row
    end
  end
  C.wh_rows_free(loaded)
  local described = ffi.new('struct row_schema')
  cdef.check(C.wh_describe, wh, sql, arena, described)
  for i = 0, described.n_fields - 1 do
    types[ffi.string(described.fields[i].name)] = described.fields[i].type
  end
  return rows, types, texts
end

-- ---- a case -------------------------------------------------------------------------------------

--- What a running job points to, kept from the collector.
local held

local function backfill(wh, text, run)
  local arena, c, err = ffi.new('struct arena'), ffi.new('struct model_conf'), ffi.new('struct chn_err')
  local report = ffi.new('struct batch_report')
  local start, stop = run.start and model.ds_of(run.start), model.ds_of(run.stop)
  local o = ffi.new('struct batch_options')
  held = { arena, c, err, report, start, stop, o, text }
  o.wh, o.end_ds, o.start_ds, o.step_days, o.threads = wh, stop, start, run.step_days, run.threads
  o.memory_limit, o.run_first_hole, o.spill_rows = run.memory, run.first_hole or false, run.spill or 0
  local status = C.model_read_json(arena, text, #text, 0, 'the case', c, err)
  if status == 0 then status = C.batch_backfill(c, o, report, err) end
  C.batch_report_deinit(report)
  C.arena_deinit(arena)
  assert(held[7] == o)
  return status == 0, ffi.string(err.msg), status
end

--- Runs a case; @return table? { rows, types, texts }, string? message of a failure
function E:run(case)
  if not self.wh or self.used >= CASES or self.n_made + #case.tables > TABLES then self:open() end
  local id, names = 'c' .. self.used, {}
  for i in pairs(model.tables_used(case)) do names[i] = self:table(case.tables[i]) end
  self.used = self.used + 1
  local text = conf.json(case, names, id)
  for _, run in ipairs(case.runs) do
    local ok, message, status = backfill(self.wh, text, run)
    if not ok and status == C.CHN_E_MEMORY then
      self.out_of_memory = (self.out_of_memory or 0) + 1
      local more = {}
      for k, v in pairs(run) do more[k] = v end
      more.memory = 0
      ok, message = backfill(self.wh, text, more)
    end
    if not ok then return nil, message end
  end
  if not C.wh_table_exists(self.wh, 'out.' .. id) then return { rows = {}, types = {}, texts = {} } end
  cdef.check(C.wh_use, self.wh, 'out.' .. id)
  local rows, types, texts = read(self.wh, 'SELECT * FROM out.' .. id)
  return { rows = rows, types = types, texts = texts }
end

return M
