--- Results: tables of the session, as values.
---
--- A result is a userdata, because Lua 5.1 gives a table no `#` of its own. What it knows lies in
--- `known`; its rows stay in the engine until rows() asks for them.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local doc = require 'repl.doc'
local host = require 'repl.host'
local values = require 'repl.values'

local M = {}

local known = setmetatable({}, { __mode = 'k' }) -- result -> { table, count, names, types }
local methods = {}

--- @return table? facts { table: string, count: integer, names: string[], types: string[] }
function M.facts(x) return type(x) == 'userdata' and known[x] or nil end
function M.is(x) return M.facts(x) ~= nil end

local function facts_of(x)
  return M.facts(x) or host.fail('a result is needed, as in r:%s', 'rows()')
end

local prototype = newproxy(true)
local meta = getmetatable(prototype)
meta.__len = function(r) return known[r].count end
meta.__tostring = function(r)
  local k = known[r]
  return ('result %s: %d rows of %s'):format(k.table, k.count, table.concat(k.names, ', '))
end
meta.__index = function(r, key)
  local k = known[r]
  if key == 'name' then return k.table end
  if key == 'columns' then return { unpack(k.names) } end
  if key == 'types' then return { unpack(k.types) } end
  return methods[key]
end

local function new(out)
  local k = { table = ffi.string(out.table), count = tonumber(out.rows), names = {}, types = {} }
  for i = 0, out.n_columns - 1 do
    k.names[i + 1], k.types[i + 1] = ffi.string(out.names[i]), ffi.string(out.types[i])
  end
  local r = newproxy(prototype)
  known[r] = k
  return r
end

--- Calls f(session, ..., out, err): the result it makes.
function M.take(f, ...)
  local out = ffi.new('struct explore_result')
  local n = select('#', ...)
  local args = { ... }
  args[n + 1] = out
  host.call(f, unpack(args, 1, n + 1))
  return new(out)
end

local function duckdb(text) return M.take(C.explore_sql, text, true) end

-- ---- rows -------------------------------------------------------------------------------------

local function readable(k) return host.text(C.explore_readable, k.table, true) end

--- Calls f(row) for each row, { column = value }; NULL is nil. f returns true to stop.
function M.each(r, f)
  local k = facts_of(r)
  values.each(readable(k), f)
end

doc.method('result', methods, 'rows', {
    short = 'the rows as Lua tables',
  usage = 'r:rows()', text = 'The rows as a list of Lua tables by column; NULL is nil.',
  example = 'for _, row in ipairs(sql[[SELECT 1 AS n]]:rows()) do print(row.n) end',
}, function(r)
  local out = {}
  M.each(r, function(row) out[#out + 1] = row end)
  return out
end)

doc.method('result', methods, 'column', {
    short = 'one column as a list',
  usage = 'r:column "name"', text = 'One column as a list; NULL is c.null.',
  example = 'sql[[SELECT 1 AS n]]:column "n"',
}, function(r, name)
  local out = {}
  local null = require('chronon.map').null
  M.each(r, function(row)
    local value = row[name]
    out[#out + 1] = value == nil and null or value
  end)
  return out
end)

-- ---- other results ----------------------------------------------------------------------------

local function quoted(name) return '"' .. name:gsub('"', '""') .. '"' end

local function by_function(k, f)
  local ids = {}
  values.each(('SELECT rowid AS "__rowid", * FROM (%s)'):format(
    ('SELECT rowid, * FROM %s'):format(quoted(k.table))), function(row)
    local id = row.__rowid
    row.__rowid, row.rowid = nil, nil
    if f(row) then ids[#ids + 1] = ('%d'):format(tonumber(id)) end
  end)
  return duckdb(('SELECT * FROM %s WHERE rowid IN (SELECT unnest([%s]::BIGINT[])) ORDER BY rowid'):format(
    quoted(k.table), table.concat(ids, ', ')))
end

doc.method('result', methods, 'filter', {
    short = 'the rows that meet a condition',
  usage = 'r:filter(condition)', text = 'The rows for which a function of the row is true, or an SQL condition (DuckDB\'s).',
  example = 'sql[[SELECT 1 AS n UNION ALL SELECT 2]]:filter(function(row) return row.n > 1 end)',
}, function(r, condition)
  local k = facts_of(r)
  if type(condition) == 'function' then return by_function(k, condition) end
  if type(condition) ~= 'string' then
    host.fail('filter takes a function of the row or an SQL condition, as in r:filter "n > 1"')
  end
  return duckdb(('SELECT * FROM %s WHERE %s'):format(quoted(k.table), condition))
end)

doc.method('result', methods, 'head', {
    short = 'the first rows',
  usage = 'r:head(n)', text = 'The first n rows (10).', example = 'sql[[SELECT 1 AS n]]:head(3)',
}, function(r, n)
  return duckdb(('SELECT * FROM %s LIMIT %d'):format(quoted(facts_of(r).table), n or 10))
end)

doc.method('result', methods, 'sort', {
    short = 'the rows in another order',
  usage = 'r:sort "column DESC"', text = 'The rows in another order.', example = 'sql[[SELECT 1 AS n]]:sort "n DESC"',
}, function(r, order)
  return duckdb(('SELECT * FROM %s ORDER BY %s'):format(quoted(facts_of(r).table), order))
end)

-- ---- keeping ----------------------------------------------------------------------------------

doc.method('result', methods, 'as', {
    short = 'gives it a name in SQL',
  usage = 'r:as "name"', text = 'Gives the result a name of its own in SQL.', example = 'sql[[SELECT 1 AS n]]:as "one"',
}, function(r, name)
  host.call(C.explore_name, facts_of(r).table, name)
end)

doc.method('result', methods, 'save', {
    short = 'writes a Parquet, CSV or JSON file',
  usage = 'r:save "file.parquet"', text = 'Writes the rows to a file: .parquet, .csv, .json or .jsonl.',
  example = 'sql[[SELECT 1 AS n]]:save "one.csv"',
}, function(r, path)
  host.call(C.explore_save, facts_of(r).table, path)
end)

doc.method('result', methods, 'write', {
    short = 'writes a table of the warehouse',
  usage = 'r:write "ns.table"',
  text = 'Writes the rows into the warehouse; a table with a column ds is partitioned by it.',
  example = 'sql[[SELECT 1 AS n]]:write "try.one"',
}, function(r, name)
  host.call(C.explore_write, facts_of(r).table, name)
end)

doc.method('result', methods, 'drop', {
    short = 'forgets the rows',
  usage = 'r:drop()', text = 'Forgets the rows; else they stay until the shell ends.',
  example = 'sql[[SELECT 1 AS n]]:drop()',
}, function(r) C.explore_drop(host.session, facts_of(r).table) end)

M.methods = methods

return M
