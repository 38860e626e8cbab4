--- Runs parity cases through libchronon, in this process: tables as small Parquet files, the
--- definition as JSON, the backfill, and its output read back.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local cols = require('spec.support.cols')
local conf = require('spec.support.parity.conf')
local model = require('spec.support.parity.model')
local C = cdef.load('batch/batch.h', 'model/json.h', 'warehouse/warehouse.h')
local null = cols.null

local M = {}
local E = {}
E.__index = E

--- Cases that one warehouse takes before it is replaced by a new one.
local CASES, TABLES = 100, 8

local function quote(s) return "'" .. s:gsub("'", "''") .. "'" end

-- ---- tables -------------------------------------------------------------------------------------

local DUCK = { boolean = 'BOOLEAN', short = 'SMALLINT', int = 'INTEGER', long = 'BIGINT', float = 'FLOAT',
  double = 'DOUBLE', string = 'VARCHAR', binary = 'BLOB' }

local function duck_type(t)
  local element = t:match('^list<(.*)>$')
  if element then return DUCK[element] .. '[]' end
  local value = t:match('^map<string,(.*)>$')
  return value and ('MAP(VARCHAR, %s)'):format(DUCK[value]) or DUCK[t]
end

local function literal(t, v)
  if v == null then return 'NULL' end
  local element = t:match('^list<(.*)>$')
  if element then
    local list = {}
    for i = 1, v.n do list[i] = literal(element, v[i]) end
    return ('[%s]::%s'):format(table.concat(list, ', '), duck_type(t))
  elseif t:match('^map') then
    local keys, values = {}, {}
    for i, pair in ipairs(v) do keys[i], values[i] = quote(pair[1]), literal(t:match(',(.*)>$'), pair[2]) end
    return ('MAP([%s], [%s])::%s'):format(table.concat(keys, ', '), table.concat(values, ', '), duck_type(t))
  elseif t == 'string' then return quote(v)
  elseif t == 'binary' then
    return "'" .. v:gsub('.', function(c) return ('\\x%02X'):format(c:byte()) end) .. "'::BLOB"
  elseif t == 'double' or t == 'float' then
    if v ~= v or math.abs(v) == math.huge then
      return ("'%s'::DOUBLE"):format(v ~= v and 'nan' or v > 0 and 'inf' or '-inf')
    end
    return ('%.17ge0'):format(v)
  end
  return (tostring(v):gsub('LL$', ''))
end

--- The SELECT of a table's rows.
local function table_sql(t)
  local names, rows = {}, {}
  for i, c in ipairs(t.columns) do names[i] = ('CAST(c%d AS %s) AS "%s"'):format(i, duck_type(c[2]), c[1]) end
  names[#names + 1] = ('CAST(c0 AS VARCHAR) AS "%s"'):format(t.pcol)
  for r, row in ipairs(t.rows) do
    local values = { quote(model.ds_of(row.day)) }
    for i, c in ipairs(t.columns) do values[i + 1] = literal(c[2], row[i]) end
    rows[r] = '(' .. table.concat(values, ', ') .. ')'
  end
  local columns = { 'c0' }
  for i in ipairs(t.columns) do columns[i + 1] = 'c' .. i end
  local empty = #rows == 0
  if empty then
    local nulls = {}
    for i in ipairs(columns) do nulls[i] = 'NULL' end
    rows[1] = '(' .. table.concat(nulls, ', ') .. ')'
  end
  return ('SELECT %s FROM (VALUES %s) AS t(%s)%s'):format(table.concat(names, ', '),
    table.concat(rows, ',\n'), table.concat(columns, ', '), empty and ' WHERE FALSE' or '')
end

function E:create(t, path)
  -- An empty table in folders would have no schema.
  local hive = t.hive and #t.rows > 0
  local options = hive and (', PARTITION_BY ("%s")'):format(t.pcol) or ''
  cdef.check(C.wh_exec, self.wh, ('COPY (%s) TO %s (FORMAT parquet%s)'):format(table_sql(t), quote(path), options))
end

-- ---- a warehouse --------------------------------------------------------------------------------

local function new_root()
  local pipe = assert(io.popen('mktemp -d "$(test -w /dev/shm && echo /dev/shm || echo "${TMPDIR:-/tmp}")/parity.XXXXXX"'))
  local root = pipe:read('*l')
  pipe:close()
  return root
end

function M.new() return setmetatable({ used = 0, opened = 0 }, E) end

function E:open()
  self:close()
  self.root, self.used, self.opened = new_root(), 0, self.opened + 1
  local n = CASES * TABLES
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
  if not self.wh or self.used >= CASES then self:open() end
  local id, names = 'c' .. self.used, {}
  for i, t in ipairs(case.tables) do
    local name = 't' .. (self.used * TABLES + i - 1)
    names[i] = 'src.' .. name
    self:create(t, ('%s/src/%s.parquet'):format(self.root, name))
  end
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

M.table_sql = table_sql
return M
