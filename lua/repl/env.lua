--- What stands in the shell: c, load, reload, sql, tables, describe, help.
local C = require 'repl.cdef'
local definition = require 'repl.definition'
local doc = require 'repl.doc'
local help = require 'repl.help'
local host = require 'repl.host'
local names = require 'repl.name'
local plot = require 'repl.plot'
local result = require 'repl.result'
local show = require 'repl.show'
local sql = require 'repl.sql'
local stats = require 'repl.stats'

local M = {}

local function describe(x)
  if definition.is(x) then return x:schema() end
  local facts = result.facts(x)
  if not facts and type(x) ~= 'string' then
    host.fail('describe takes the name of a table, a result or a definition')
  end
  return result.take(C.explore_describe, facts and facts.table or x)
end

local function show_print(...)
  local parts = {}
  for i = 1, select('#', ...) do
    local x = select(i, ...)
    if result.is(x) then
      show.value(x)
    else
      parts[#parts + 1] = type(x) == 'table' and show.text(x) or tostring(x)
    end
  end
  host.out():write(table.concat(parts, '\t'), '\n')
end

local function leave(code)
  if type(code) == 'boolean' then code = code and 0 or 1 end
  host.leaving = tonumber(code) or 0
  error(host.LEAVE, 0)
end

--- Puts everything into the globals.
function M.install()
  definition.install()
  local env = _G
  env.c = require 'chronon'
  doc.global(env, 'load', {
    short = 'a definition out of the repo\'s files, by name',
    usage = 'load "team.file.v1"', text = 'A definition out of the repo\'s files, compiled in the sandbox.',
    example = 'gb = load "shop.spending.v1"',
  }, definition.load)
  doc.global(env, 'reload', {
    short = 'reads every loaded definition again after an edit',
    usage = 'reload()', text = 'Reads every loaded definition again after an edit; variables see the new ones.',
    example = 'reload()',
  }, definition.reload)
  doc.global(env, 'sql', {
    short = 'runs Spark SQL over tables and results',
    usage = 'sql [[SELECT ...]]', text = 'Runs Spark SQL over the tables, results by name, and _, the last result.',
    example = 'sql [[SELECT count(*) AS n FROM raw.purchases]]',
  }, sql.sql)
  doc.global(env, 'duckdb', {
    short = 'the same in DuckDB\'s own SQL',
    usage = 'duckdb [[SELECT ...]]', text = 'The same in DuckDB\'s own SQL.',
    example = 'duckdb [[SELECT unnest([1, 2]) AS n]]',
  }, sql.duckdb)
  doc.global(env, 'tables', {
    short = 'the tables, and the results of this session',
    usage = 'tables()', text = 'The tables of the warehouse, and the results of this session.', example = 'tables()',
  }, function() return result.take(C.explore_tables) end)
  doc.global(env, 'describe', {
    short = 'the columns of a table, a result or a definition',
    usage = 'describe(x)', text = 'The columns of a table, a result or a definition.',
    example = 'describe "raw.purchases"',
  }, describe)
  stats.install(env)
  plot.install(env)
  doc.global(env, 'exit', {
    usage = 'exit()', text = 'Leaves the shell, as Ctrl-D does.', example = 'exit()',
    short = 'leaves the shell, as Ctrl-D does',
  }, leave)
  env.quit = leave
  os.exit = leave -- luacheck: ignore 122 (what is open is closed first)
  env.help = help.value
  env.print = show_print
  names.watch(env)
end

return M
