--- SQL, results out of it, and results out of Lua's rows.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local host = require 'repl.host'
local result = require 'repl.result'

local M = {}

local function run(text, duckdb)
  if type(text) ~= 'string' then host.fail('a query is a string, as in sql [[SELECT 1]]') end
  return result.take(C.explore_sql, text, duckdb)
end

--- @param text string a SELECT of Spark's
function M.sql(text) return run(text, false) end

--- @param text string a SELECT of DuckDB's own
function M.duckdb(text) return run(text, true) end

local function literal(x)
  if x == nil then return 'NULL' end
  if type(x) == 'number' then return ('%.17g'):format(x) end
  if type(x) == 'boolean' then return tostring(x) end
  return "'" .. tostring(x):gsub("'", "''") .. "'"
end

--- A result of rows made in Lua; all columns are texts unless a type is given.
--- @param columns string[] "name" or "name TYPE"
--- @param rows any[][] with nil for NULL
function M.rows(columns, rows)
  local names, selects = {}, {}
  for i, column in ipairs(columns) do
    local name, kind = column:match('^(%S+)%s*(.*)$')
    names[i] = ('c%d'):format(i)
    selects[i] = ('CAST(c%d AS %s) AS "%s"'):format(i, kind ~= '' and kind or 'VARCHAR', name)
  end
  local lines = {}
  for i, row in ipairs(rows) do
    local cells = {}
    for k = 1, #columns do cells[k] = literal(row[k]) end
    lines[i] = '(' .. table.concat(cells, ', ') .. ')'
  end
  if #lines == 0 then lines[1] = '(NULL' .. (', NULL'):rep(#columns - 1) .. ')' end
  return M.duckdb(('SELECT %s FROM (VALUES %s) AS v(%s)%s'):format(table.concat(selects, ', '),
    table.concat(lines, ', '), table.concat(names, ', '), #rows == 0 and ' WHERE false' or ''))
end

--- The names of what SQL can read.
--- @return string[]
function M.table_names()
  local buf = ffi.gc(ffi.new('struct chn_buf'), C.chn_buf_deinit)
  C.explore_table_names(host.session, buf)
  local out = {}
  for name in ffi.string(C.chn_buf_str(buf)):gmatch('[^\n]+') do out[#out + 1] = name end
  table.sort(out)
  return out
end

return M
