--- Where features come from, from a definition and its schema.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local map = require 'chronon.map'
local object = require 'chronon.object'
local sql = require 'repl.sql'

local M = {}

local function add(list, text)
  for _, have in ipairs(list) do
    if have == text then return end
  end
  list[#list + 1] = text
end

--- The expressions that give a column, and the tables they read.
local function column_of(sources, column)
  local expressions, tables = {}, {}
  for _, source in ipairs(sources) do
    local inner = object.inner(source)
    local selects = inner.query and inner.query.selects
    local expression = selects and map.get(selects, column) or (not selects and column)
    if inner.query and inner.query.timeColumn and column == 'ts' then expression = inner.query.timeColumn end
    if expression then
      add(expressions, expression)
      add(tables, inner.table or inner.snapshotTable or ('join ' .. tostring(inner.join.metaData.name)))
    end
  end
  return table.concat(expressions, '; '), table.concat(tables, ', ')
end

local function derivation_of(x, column)
  for _, d in ipairs(x.derivations or {}) do
    if d.name == column then return d.expression end
  end
end

local function group_by_of(x, name)
  if x.sources and not x.joinParts then return x end
  for _, part in ipairs(x.joinParts or {}) do
    if part.groupBy.metaData.name == name then return part.groupBy end
  end
end

local function describe(x, row)
  local derived = row.operation == 'Derivation' and derivation_of(x, row.column)
  if derived then return { row.column, 'derivation', nil, nil, derived, nil } end
  local gb = group_by_of(x, row.group_by)
  local expression, tables
  if gb then expression, tables = column_of(gb.sources, row.input or row.column) end
  local operation = row.operation ~= 'No Operation' and row.operation or nil
  return { row.column, operation, operation and row.window, row.group_by, expression ~= '' and expression or row.input,
           tables ~= '' and tables or nil }
end

--- The tables of a query, whose macros stand for days.
local function query_tables(query)
  local arena = ffi.gc(ffi.new('struct arena'), C.arena_deinit)
  local tables, n, err = ffi.new('char **[1]'), ffi.new('size_t[1]'), ffi.new('struct chn_err')
  if C.sql_query_tables(arena, (query:gsub('{{.-}}', '2000-01-01')), tables, n, err) ~= 0 then return nil end
  local names = {}
  for i = 0, tonumber(n[0]) - 1 do names[i + 1] = ffi.string(tables[0][i]) end
  return table.concat(names, ', ')
end

local COLUMNS = { 'feature', 'operation', 'window', 'group_by', 'expression', 'reads' }

--- @param x table definition
--- @param schema userdata result of x:schema()
function M.of(x, schema)
  local rows, columns = {}, schema:rows()
  schema:drop()
  for _, row in ipairs(columns) do
    if row.role == 'output' then rows[#rows + 1] = describe(x, row) end
  end
  if object.kind(x) == 'StagingQuery' then
    local tables = query_tables(x.query)
    for _, row in ipairs(rows) do row[2], row[3], row[5], row[6] = nil, nil, nil, tables end
  end
  return sql.rows(COLUMNS, rows)
end

return M
