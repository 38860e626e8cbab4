--- A folder with source tables and compiled definitions, for functional specs of batch jobs: what
--- they write is small enough to be said in the spec itself.
local cdef = require('spec.support.cdef')
local json = require('dkjson')
local program = require('spec.support.program')
local rows = require('spec.support.rows')
local C = cdef.load('warehouse/warehouse.h')

local M = {}
M.__index = M

--- Epoch milliseconds of "yyyy-MM-dd[ HH:mm:ss]", UTC.
function M.ms(text)
  local y, m, d = text:match('^(%d+)-(%d+)-(%d+)')
  local h, min, s = text:match(' (%d+):(%d+):(%d+)')
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  local a = math.floor((14 - m) / 12)
  local yy, mm = y + 4800 - a, m + 12 * a - 3
  local day = d + math.floor((153 * mm + 2) / 5) + 365 * yy + math.floor(yy / 4) - math.floor(yy / 100)
    + math.floor(yy / 400) - 32045 - 2440588
  return (day * 86400 + (h or 0) * 3600 + (min or 0) * 60 + (s or 0)) * 1000
end

function M.new()
  local self = setmetatable({ folder = program.folder(), paths = {} }, M)
  self.warehouse = self.folder .. '/warehouse'
  self.wh, self.sources = rows.open(self.folder .. '/making', {})
  program.shell('mkdir -p ' .. program.quote(self.folder .. '/production'))
  program.write(self.folder .. '/teams.json', '{"default": {"namespace": "ns"}}')
  return self
end

function M:remove()
  self.wh = nil
  collectgarbage()
  program.remove(self.folder)
end

--- Makes a source table of a DuckDB SELECT; with `partitions` a folder of k=v folders.
function M:table(name, select, partitions)
  local path = self.folder .. '/' .. name .. (partitions and '' or '.parquet')
  program.remove(path)
  local by = partitions and (', PARTITION_BY (%s)'):format(partitions) or ''
  cdef.check(C.wh_exec, self.wh, ("COPY (%s) TO '%s' (FORMAT parquet%s)"):format(select, path, by))
  self.paths[name] = path
end

--- A SELECT of the rows { { value, ... }, ... }; `columns` is "name TYPE, name TYPE".
function M.values(columns, list)
  local names, casts = {}, {}
  for name, kind in columns:gmatch('([%w_]+) ([%w_%[%]]+)') do
    names[#names + 1] = name
    casts[#casts + 1] = ('CAST(%s AS %s) AS %s'):format(name, kind, name)
  end
  local lines = {}
  for i, row in ipairs(list) do
    local cells = {}
    for c = 1, #names do
      local v = row[c]
      if v == nil or v == rows.NULL then
        cells[c] = 'NULL'
      elseif type(v) == 'string' then
        cells[c] = "'" .. v:gsub("'", "''") .. "'"
      else
        cells[c] = type(v) == 'number' and ('%.17g'):format(v) or tostring(v)
      end
    end
    lines[i] = '(' .. table.concat(cells, ', ') .. ')'
  end
  if #lines == 0 then
    for c = 1, #names do lines[c] = 'NULL' end
    lines = { '(' .. table.concat(lines, ', ') .. ')' }
    return ('SELECT %s FROM (VALUES %s) AS t(%s) WHERE false'):format(table.concat(casts, ', '), lines[1],
      table.concat(names, ', '))
  end
  return ('SELECT %s FROM (VALUES %s) AS t(%s)'):format(table.concat(casts, ', '), table.concat(lines, ', '),
    table.concat(names, ', '))
end

--- Writes a compiled definition; its table is ns.<name>.
function M:conf(name, conf)
  conf.metaData = conf.metaData or {}
  conf.metaData.name = conf.metaData.name or name
  conf.metaData.outputNamespace = 'ns'
  local path = self.folder .. '/production/' .. name
  program.shell('mkdir -p ' .. program.quote(path:match('^(.*)/')))
  program.write(path, json.encode(conf))
end

--- Runs `chronon run`; `more` are further arguments.
function M:run(mode, name, ds, more)
  local args = { 'run', '--mode', mode, '--conf', self.folder .. '/production/' .. name, '--ds', ds,
    '--warehouse', self.warehouse, '--repo', self.folder }
  for table_name, path in pairs(self.paths) do
    args[#args + 1] = '--table'
    args[#args + 1] = table_name .. '=' .. path
  end
  for _, word in ipairs(more or {}) do args[#args + 1] = word end
  return program.run(args)
end

function M:succeed(...)
  local result = self:run(...)
  if result.code ~= 0 then error(result.err .. result.out, 2) end
  return result
end

--- Reads tables with DuckDB SQL; each of `tables` is made known first.
function M:read(sql, tables)
  local wh, sources = rows.open(self.warehouse, self.paths)
  for _, name in ipairs(tables) do cdef.check(C.wh_use, wh, name) end
  local list, columns = rows.read(wh, sql)
  return list, columns, sources -- whose texts must live until here
end

return M
