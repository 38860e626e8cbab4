--- What a test file says to `chronon test`: its tests with their tables and expectations, as a plan
--- that the program runs once the file has ended. Nothing is computed here, so tests run in the same
--- sandbox as definitions do.
local map = require 'chronon.map'
local object = require 'chronon.object'
local params = require 'chronon.params'
local text = require 'chronon.text'

local M = {}

local FOLDERS = require 'chronon.module'.FOLDERS -- with a folder below for each team
local KINDS = { GroupBy = true, Join = true, StagingQuery = true }
local OPTIONS = {
  table = { 'columns', 'ds' },
  rows = { 'ds', 'start_ds' },
}

local plan    ---@type table? of the file that runs; nil outside of `chronon test`
local current ---@type table? the test that runs
local numbers ---@type table<table, integer> definition -> its place in plan.definitions

-- Errors of the author are raised at the author's line: every function of the API is level 1 here,
-- its caller level 2, and what it calls one more.
local function bad(level, message, ...)
  error(message:format(...), level + 1)
end

local function plain(x) return type(x) == 'table' and not object.kind(x) end

local function open(level, what)
  if not plan then
    bad(level + 1, '%s belongs in a file that ends in _test.lua, and is run by `chronon test`', what)
  end
end

local function inside(level, what)
  open(level + 1, what)
  if not current then
    bad(level + 1, '%s belongs inside a test: t.test("what it shows", function() ... end)', what)
  end
end

local function check_options(level, what, given, names)
  if given == nil then return {} end
  if not plain(given) then bad(level + 1, '%s: options are a table, not %s', what, object.describe(given)) end
  for _, key in ipairs(map.sorted_keys(given)) do
    local known = false
    for _, name in ipairs(names) do known = known or name == key end
    if not known then bad(level + 1, '%s: unknown option `%s`%s', what, key, text.hint(key, names)) end
    if key ~= 'columns' and type(given[key]) ~= 'string' then
      bad(level + 1, '%s: `%s` is a day, "2024-01-03", not %s', what, key, object.describe(given[key]))
    end
  end
  return given
end

--- A row as a document: names to values.
local function check_row(level, what, row)
  if not plain(row) or #row > 0 then
    bad(level + 1, '%s is a table of column names and values, as in { user_id = "u1" }, not %s', what,
      plain(row) and 'a list' or object.describe(row))
  end
  for key in pairs(row) do
    if type(key) ~= 'string' then bad(level + 1, '%s: a column is named by a text, not by %s', what, tostring(key)) end
  end
  return row
end

local function check_rows(level, what, rows)
  if not plain(rows) or (next(rows) ~= nil and #rows == 0) then
    bad(level + 1, '%s is a list of rows, as in { { user_id = "u1" } }, not %s', what,
      plain(rows) and 'a table of names' or object.describe(rows))
  end
  for i, row in ipairs(rows) do check_row(level + 1, ('%s[%d]'):format(what, i), row) end
  return rows
end

-- ---- names --------------------------------------------------------------------------------------

--- A definition made in a test file has the file's team, and a name of its own.
local function give_names(x)
  local meta = x.metaData
  if not meta.name then
    plan.unnamed = plan.unnamed + 1
    meta.name = ('%s.test.definition_%d'):format(plan.team, plan.unnamed)
    meta.team = meta.team or plan.team
  end
  for _, part in ipairs(rawget(x, 'joinParts') or {}) do give_names(part.groupBy) end
  for _, source in ipairs(rawget(x, 'sources') or {}) do
    if source.joinSource then give_names(source.joinSource.join) end
  end
end

local function number_of(level, what, x)
  local kind = object.kind(x)
  if not KINDS[kind] then
    local hint = plain(x) and next(x) ~= nil and ' (a file returns a table of them: is its `.v1` meant?)' or ''
    bad(level + 1, '%s takes a GroupBy, a Join or a StagingQuery, not %s%s', what, object.describe(x), hint)
  end
  if not numbers[x] then
    give_names(x)
    local list = plan.definitions
    list[#list + 1] = { kind = kind, name = x.metaData.name, where = object.note(x).where, object = x }
    numbers[x] = #list
  end
  return numbers[x]
end

-- ---- the API ------------------------------------------------------------------------------------

local function add(check)
  check.fails = current.fails
  current.checks[#current.checks + 1] = check
end

local function tables_of(list)
  local copy = {}
  for i, x in ipairs(list) do copy[i] = x end
  return copy
end

function M.test(name, f)
  open(2, 't.test')
  if type(name) ~= 'string' or name == '' or type(f) ~= 'function' then
    bad(2, 't.test takes what it shows and a function: t.test("a week of returns", function() ... end)')
  end
  if current then bad(2, 't.test: a test inside the test %q', current.name) end
  local test = { name = name, where = params.position(2), tables = tables_of(plan.tables), checks = {}, own = {} }
  current = test
  local ok, message = pcall(f)
  current = nil
  if not ok then test.error = tostring(message) end
  plan.tests[#plan.tests + 1] = test
end

function M.table(name, options, rows)
  open(2, 't.table')
  if rows == nil then options, rows = nil, options end
  if type(name) ~= 'string' or not name:find('^[^.]+%.[^.]+$') then
    bad(2, 't.table takes the name of a table, as in "data.purchases", not %s', object.describe(name))
  end
  local what = ('t.table("%s")'):format(name)
  options = check_options(2, what, options, OPTIONS.table)
  for column, type_name in pairs(options.columns or {}) do
    if type(column) ~= 'string' or type(type_name) ~= 'string' then
      bad(2, '%s: columns are names and types, as in { amount = "double" }', what)
    end
  end
  local entry = {
    name = name, where = params.position(2), rows = check_rows(2, what .. ' rows', rows),
    columns = options.columns and next(options.columns) and options.columns or nil, ds = options.ds,
  }
  local owner = current and current.own or plan.own
  if owner[name] then bad(2, '%s: the table is given twice', what) end
  owner[name] = true
  local list = current and current.tables or plan.tables
  for i, other in ipairs(list) do
    if other.name == name then -- a test's own table hides the file's
      list[i] = entry
      return
    end
  end
  list[#list + 1] = entry
end

function M.expect(definition, keys, at, features)
  inside(2, 't.expect')
  local n = number_of(2, 't.expect', definition)
  if object.kind(definition) == 'StagingQuery' then
    bad(2, 't.expect asks for features of keys at an instant; the rows of a StagingQuery are t.expect_rows')
  end
  check_row(2, 't.expect: keys', keys)
  if type(at) ~= 'string' and type(at) ~= 'number' then
    bad(2, 't.expect: the instant is a text, "2024-01-05T10:00:00Z", or epoch milliseconds, not %s', object.describe(at))
  end
  if features ~= nil then check_row(2, 't.expect: features', features) end
  if (features == nil or next(features) == nil) and not current.fails then
    bad(2, 't.expect expects no feature: name some, as in { amount_sum_7d = 5 }, t.null where there is none')
  end
  add { kind = 'at', where = params.position(2), definition = n, keys = keys, at = tostring(at), want = features }
end

function M.expect_rows(definition, options, rows)
  inside(2, 't.expect_rows')
  if rows == nil and not (plain(options) and (options.ds or options.start_ds)) then
    options, rows = nil, options
  end
  local n = number_of(2, 't.expect_rows', definition)
  options = check_options(2, 't.expect_rows', options, OPTIONS.rows)
  if rows ~= nil or not current.fails then check_rows(2, 't.expect_rows: rows', rows) end
  add {
    kind = 'rows', where = params.position(2), definition = n, want = rows,
    start_ds = options.start_ds, ds = options.ds,
  }
end

function M.expect_error(f, part)
  inside(2, 't.expect_error')
  if type(f) ~= 'function' or type(part) ~= 'string' or part == '' then
    bad(2, 't.expect_error takes a function and a part of the message: t.expect_error(function() ... end, "windows")')
  end
  if current.fails then bad(2, 't.expect_error inside another one') end
  local where, before = params.position(2), #current.checks
  current.fails = part
  local ok, message = pcall(f)
  current.fails = nil
  if not ok then
    for i = #current.checks, before + 1, -1 do current.checks[i] = nil end
    add { kind = 'raised', where = where, text = part, message = tostring(message) }
  elseif #current.checks == before then
    add { kind = 'raised', where = where, text = part }
  end
end

function M.approx(value, within)
  if type(value) ~= 'number' or (within ~= nil and (type(within) ~= 'number' or within < 0)) then
    bad(2, 't.approx takes a number and how far it may be off: t.approx(0.333, 0.001)')
  end
  return { ['$approx'] = value, ['$within'] = within or math.abs(value) * 1e-6 }
end

-- ---- for the program ----------------------------------------------------------------------------

--- @param path string the test file, from the repo
function M.begin(path)
  plan = {
    tests = {}, tables = {}, own = {}, definitions = {}, unnamed = 0,
    team = FOLDERS[path:match('^[^/]+')] and path:match('^[^/]+/([%w_-]+)/') or 'test',
  }
  current, numbers = nil, {}
end

function M.finish()
  local made = { tests = plan.tests, definitions = plan.definitions }
  for _, test in ipairs(made.tests) do test.own = nil end
  plan = nil
  return made
end

return M
