--- Streams through the program: a repo with one GroupBy, its upload, files of events.
local json = require('dkjson')
local kv = require('spec.support.kv')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')
local cdef = require('spec.support.cdef')
local agg = require('spec.support.agg')
local C = cdef.load('agg/plan.h')

local M = {}
M.__index = M

M.null = json.null
local UNITS = { h = 0, d = 1 }

local function array(list) return setmetatable(list, { __jsontype = 'array' }) end

--- An Aggregation of a compiled definition, of { column, 'SUM', windows = { '7d' }, buckets =, args = }.
function M.aggregation(def)
  local windows, args
  for i, text in ipairs(def.windows or {}) do
    local length, unit = text:match('^(%d+)(.)$')
    windows = windows or array({})
    windows[i] = { length = tonumber(length), timeUnit = UNITS[unit] }
  end
  for k, v in pairs(def.args or {}) do
    args = args or {}
    args[k] = tostring(v)
  end
  local out = { inputColumn = def[1], operation = tonumber(C['AGG_' .. def[2]]), windows = windows, argMap = args,
                buckets = def.buckets and array(def.buckets) }
  if def.element_wise then out.elementWise = 1 end
  return out
end

local SQL = { long = 'BIGINT', int = 'INTEGER', double = 'DOUBLE', string = 'VARCHAR', boolean = 'BOOLEAN',
              ['map<string,double>'] = 'MAP(VARCHAR, DOUBLE)', ['list<double>'] = 'DOUBLE[]',
              ['list<long>'] = 'BIGINT[]', ['list<string>'] = 'VARCHAR[]' }

--- A row as a line of JSON, its fields in order. Numbers come back as they were.
function M.line(fields, row)
  local parts = {}
  for _, f in ipairs(fields) do
    local v = row[f[1]]
    if v ~= nil then
      local text
      if type(v) == 'number' then text = ('%.17g'):format(v)
      elseif type(v) == 'cdata' then text = tostring(v):gsub('LL$', '')
      else text = json.encode(v) end
      parts[#parts + 1] = ('"%s":%s'):format(f[1], text)
    end
  end
  return '{' .. table.concat(parts, ',') .. '}'
end

--- @param o table { name?, fields = {{name, type}}, defs, tiled =, keys = {'user'}, entities =, wheres = }
---   fields are those of the table without keys and ts
function M.new(o)
  local self = setmetatable({ r = repo.new(), o = o, name = o.name or 'gb' }, M)
  self.folder = self.r.folder
  self.store_url = o.store or ('lmdb:' .. self.folder .. '/kv')
  self.input = self.folder .. '/input'
  self.columns = { { 'user', 'string' } }
  for _, f in ipairs(o.fields) do self.columns[#self.columns + 1] = f end
  self.columns[#self.columns + 1] = { 'ts', 'long' }
  self.batch_columns = {}
  for i, f in ipairs(self.columns) do self.batch_columns[i] = f end
  self.batch_columns[#self.batch_columns + 1] = { 'ds', 'string' }
  if o.defs then self.plan = assert(agg.plan(o.fields, o.defs)) end
  self:define(o)
  return self
end

function M:define(o)
  local query = { selects = { user = 'user' }, timeColumn = 'ts', wheres = o.wheres }
  for _, f in ipairs(o.fields) do query.selects[f[1]] = f[1] end
  local source = { events = { table = 'data.events', topic = o.topic or 'events', query = query } }
  if o.entities then
    source = { entities = { snapshotTable = 'data.snapshot', mutationTable = 'data.mutations', mutationTopic = o.topic or 'events',
                            query = query } }
  end
  local gb = { metaData = { team = 'team', online = 1, name = self.name,
                            customJson = o.tiled and '{"enable_tiling": true}' or nil },
               sources = { source }, keyColumns = { 'user' }, accuracy = 0, aggregations = array({}) }
  for i, d in ipairs(o.defs) do gb.aggregations[i] = M.aggregation(d) end
  self.r:conf(self.name, gb)
end

--- Makes a source table of rows.
function M:table(name, columns, rows)
  local lines, kinds = {}, {}
  for i, row in ipairs(rows) do lines[i] = M.line(columns, row) .. '\n' end
  for i, f in ipairs(columns) do kinds[i] = ("'%s': '%s'"):format(f[1], SQL[f[2]]) end
  local path = self.folder .. '/' .. name .. '.jsonl'
  program.write(path, table.concat(lines))
  self.r:table(name, ("SELECT * FROM read_json('%s', format = 'newline_delimited', columns = {%s})"):format(path,
    table.concat(kinds, ', ')), 'ds')
end

--- Uploads `rows` (with ds) of the days up to ds.
function M:upload(rows, ds)
  self:table('data.events', self.batch_columns, rows)
  self.r:succeed('upload', self.name, ds, { '--store', self.store_url })
end

--- Writes the events of partitions (lists of rows, or of lines) as files.
function M:events(partitions, input)
  input = input or self.input
  program.remove(input)
  program.shell('mkdir -p ' .. program.quote(input))
  for p, list in ipairs(partitions) do
    local lines = {}
    for i, row in ipairs(list) do lines[i] = (type(row) == 'table' and M.line(self.columns, row) or row) .. '\n' end
    program.write(('%s/%03d'):format(input, p), table.concat(lines))
  end
end

--- The arguments of a run; `more` are further ones.
function M:arguments(more, o)
  o = o or {}
  local args = { 'run', '--mode', 'local-streaming', '--conf', self.folder .. '/production/' .. self.name,
    '--input', o.input or self.input, '--store', o.store or self.store_url, '--repo', self.folder,
    '--warehouse', self.r.warehouse, '-o', 'json' }
  for _, word in ipairs(more or {}) do args[#args + 1] = word end
  return args
end

--- Runs it to the end. @return table the report's row, string what it said
function M:stream(more, o)
  local result = program.run(self:arguments(more, o))
  if result.code ~= 0 then error(result.err .. result.out, 2) end
  return json.decode(result.out)[1], result.err
end

--- Starts it in the background. @return table with pid, and out, err: paths of what it says
function M:start(more, o)
  local words = { 'exec', program.quote(program.bin) }
  for _, a in ipairs(self:arguments(more, o)) do words[#words + 1] = program.quote(a) end
  self.runs = (self.runs or 0) + 1
  local run = { base = ('%s/run%d'):format(self.folder, self.runs) }
  run.out, run.err = run.base .. '.out', run.base .. '.err'
  -- The code appears whole: it is renamed.
  local script = ('(%s) </dev/null >BASE.out 2>BASE.err & echo $! >BASE.pid; wait $!; echo $? >BASE.new; mv BASE.new BASE.code')
    :gsub('BASE', run.base):format(table.concat(words, ' '))
  program.shell(('sh -c %s >/dev/null 2>&1 &'):format(program.quote(script)))
  repeat program.shell('sleep 0.01') until program.shell('test -s ' .. run.base .. '.pid') == 0
  run.pid = tonumber(program.read(run.base .. '.pid'))
  return run
end

function M.signal(run, name)
  if name == 'TERM' or name == 'INT' then program.wait_for_handlers(run.pid) end
  program.shell(('kill -%s %d 2>/dev/null'):format(name, run.pid))
end

function M.is_running(run) return program.shell('test ! -e ' .. run.base .. '.code') == 0 end

--- Waits until it has said this (a plain text), or has ended. @return boolean
function M.says(run, text)
  for _ = 1, 6000 do
    local ended, f = not M.is_running(run), io.open(run.err) -- which its shell makes
    local said = f and f:read('*a') or ''
    if f then f:close() end
    if said:find(text, 1, true) then return true end
    if ended then return false end
    program.shell('sleep 0.02')
  end
  return false
end

--- Waits until it has written to its store: rows, tiles or how far it has come.
function M:wait_for_writes(run)
  local store = kv.open(self.store_url, false)
  for _ = 1, 6000 do
    if store:list()[self:dataset()] and #store:scan(self:dataset()) > 0 or not M.is_running(run) then break end
    program.shell('sleep 0.02')
  end
  store:close()
end

--- Waits for its end, some minutes at most. @return integer code, string what it said
function M.wait(run)
  local n = 0
  while M.is_running(run) do
    n = n + 1
    if n > 6000 then
      M.signal(run, 'KILL')
      error('it does not end: ' .. program.read(run.err), 2)
    end
    program.shell('sleep 0.05')
  end
  return tonumber(program.read(run.base .. '.code')), program.read(run.err)
end

function M:remove() self.r:remove() end

--- All versions of the stream's dataset: key .. version -> value.
function M:content(url)
  local store = kv.open(url or self.store_url, false)
  local out = {}
  for _, item in ipairs(store:scan(self:dataset())) do
    out[('%s@%d'):format(item[1], item[2])] = item[3]
  end
  store:close()
  return out
end

local function hex(text)
  return text and (text:gsub('.', function(ch) return ('%02x'):format(ch:byte()) end)) or 'nothing'
end

--- The first versions in which two contents differ, as text; nil where they are the same.
function M.differences(want, got)
  local names, lines = {}, {}
  for name, value in pairs(want) do
    if got[name] ~= value then names[#names + 1] = name end
  end
  for name in pairs(got) do
    if want[name] == nil then names[#names + 1] = name end
  end
  if #names == 0 then return nil end
  table.sort(names)
  for i = 1, math.min(#names, 3) do
    lines[i] = ('%s: got %s, want %s'):format(names[i], hex(got[names[i]]), hex(want[names[i]]))
  end
  return ('%d differ\n%s'):format(#names, table.concat(lines, '\n'))
end

function M:dataset() return (self.name:gsub('[^%w_]', '_')):upper() .. '_STREAMING' end

--- Random events of ten users in two partitions, n each from `stop` on, late ones among them.
function M.two_partitions(random, stop, n, step)
  local out = { {}, {} }
  for p = 1, 2 do
    for i = 1, n do
      out[p][i] = { user = 'u' .. random(1, 10), ts = stop + i * step + random(0, 240) * 1000 + p, n = random(-9, 9),
                    s = 's' .. random(1, 5) }
    end
  end
  return out
end

return M
