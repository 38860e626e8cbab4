--- Tables of parity cases as DuckDB's SQL.
local cols = require('spec.support.cols')
local model = require('spec.support.parity.model')
local null = cols.null

local M = {}

local function quote(s) return "'" .. s:gsub("'", "''") .. "'" end
M.quote = quote

local DUCK = { boolean = 'BOOLEAN', short = 'SMALLINT', int = 'INTEGER', long = 'BIGINT', float = 'FLOAT',
  double = 'DOUBLE', string = 'VARCHAR', binary = 'BLOB' }

local function duck_type(t)
  local element = t:match('^list<(.*)>$')
  if element then return DUCK[element] .. '[]' end
  local value = t:match('^map<string,(.*)>$')
  return value and ('MAP(VARCHAR, %s)'):format(DUCK[value]) or DUCK[t]
end

--- Whether a column can have this type.
function M.known(t) return DUCK[t] ~= nil end

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
function M.table_sql(t)
  local names, rows = {}, {}
  for i, c in ipairs(t.columns) do names[i] = ('CAST(c%d AS %s) AS "%s"'):format(i, duck_type(c[2]), c[1]) end
  if t.pcol then names[#names + 1] = ('CAST(c0 AS VARCHAR) AS "%s"'):format(t.pcol) end
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

return M
