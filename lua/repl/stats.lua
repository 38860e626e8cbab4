--- How the columns of a table, a result or a definition's output look.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local args = require 'repl.args'
local definition = require 'repl.definition'
local doc = require 'repl.doc'
local host = require 'repl.host'
local result = require 'repl.result'

local M = {}

M.OPTIONS = { 'columns', 'ds', 'from', 'to', 'baseline' }

local function read(given)
  local o = args.options(given, 'stats', M.OPTIONS)
  if o.ds and (o.from or o.to) then host.fail('stats: ds is one day, from and to are several: one of them') end
  local columns = type(o.columns) == 'string' and { o.columns } or o.columns or {}
  if type(columns) ~= 'table' then host.fail('stats: columns is a list of names') end
  for _, name in ipairs(columns) do args.text(name, 'stats', 'a column') end
  return {
    columns = columns, baseline = args.day(o.baseline, 'baseline'),
    from = args.day(o.from or o.ds, 'from'), to = args.day(o.to or o.ds, 'to'),
  }
end

local function of_table(name, o)
  local columns = ffi.new('const char *[?]', #o.columns + 1)
  for i, column in ipairs(o.columns) do columns[i - 1] = column end
  return result.take(C.explore_stats, name, ffi.new('struct describe_options', {
    start_ds = o.from, end_ds = o.to, baseline = o.baseline,
    columns = #o.columns > 0 and columns or nil, n_columns = #o.columns,
  }))
end

--- A day and a day: the earlier one.
local function earlier(a, b) return a and b and (a < b and a or b) or a or b end
local function later(a, b) return a and b and (a > b and a or b) or nil end

--- Of the table that its backfill wrote; where there is none, of days computed for this.
local function of_definition(x, o)
  local kind, json = definition.pass(x)
  local name = host.text(C.explore_output, kind, json)
  if name ~= '' then return of_table(name, o) end
  local rows = x:backfill { from = earlier(o.from, o.baseline), to = later(o.to, o.baseline) or o.to }
  local stats = of_table(rows.name, o)
  rows:drop()
  return stats
end

--- @param x userdata|table|string result, definition or the name of a table
function M.stats(x, given)
  local o = read(given)
  if definition.is(x) then return of_definition(x, o) end
  local facts = result.facts(x)
  if not facts and type(x) ~= 'string' then
    host.fail('stats takes the name of a table, a result or a definition')
  end
  return of_table(facts and facts.table or x, o)
end

doc.method('result', result.methods, 'stats', {
  short = 'how its columns look',
  usage = 'r:stats { columns = { "a" }, ds = "2024-03-10", baseline = "2024-03-09" }',
  text = 'A row a column: count, nulls, distinct values (about), quantiles, shape; of days (ds, or from and to), '
    .. 'and with a baseline\n  how far numbers have drifted since that day (psi, linf).',
  example = 'sql[[SELECT amount FROM raw.purchases]]:stats()',
}, M.stats)

doc.method('definition', definition.methods, 'stats', {
  short = 'how its features look',
  usage = 'gb:stats { ds = "2024-03-10", baseline = "2024-03-09" }',
  text = 'The same of the table that its backfill wrote; where there is none, of a backfill of the days asked for,\n'
    .. '  else of the last one\n  (with a baseline of those since), which leaves nothing behind.',
  example = 'load("shop.spending.v1"):stats { ds = "2024-01-10", columns = { "amount_sum_7d" } }',
}, M.stats)

--- Puts `stats` among the globals.
function M.install(env)
  doc.global(env, 'stats', {
    short = 'how the columns of a table look',
    usage = 'stats("ns.table", { ds = "2024-03-10", baseline = "2024-03-09" })',
    text = 'How the columns of a table, a result or a definition\'s output look, as `chronon stats` tells.',
    example = 'stats("raw.purchases", { ds = "2024-01-14", baseline = "2024-01-13" })',
  }, M.stats)
end

return M
