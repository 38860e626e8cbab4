--- What a GroupBy, a Join or a StagingQuery can be asked at the prompt.
local C = require 'repl.cdef'
local args_of = require 'repl.args'
local convert = require 'repl.convert'
local doc = require 'repl.doc'
local ffi = require 'ffi'
local host = require 'repl.host'
local json = require 'repl.json'
local lineage = require 'repl.lineage'
local names = require 'repl.name'
local object = require 'chronon.object'
local result = require 'repl.result'

local M = {
  methods = {},                                -- of all kinds
  join_methods = {},                           -- of Joins alone
  loaded = setmetatable({}, { __mode = 'k' }), -- definition -> the name it was loaded by
}

local methods, join_methods = M.methods, M.join_methods
local options, day, instant = args_of.options, args_of.day, args_of.instant

function M.is(x) return convert.KINDS[object.kind(x) or ''] ~= nil end

--- Kind and JSON for C.
local function pass(x)
  if not M.is(x) then
    host.fail('a definition is needed, as in gb:schema(), and got %s', object.describe(x))
  end
  names.give(x, _G)
  return convert.KINDS[object.kind(x)], convert.to_json(x)
end
M.pass = pass

-- ---- what it reads and gives ------------------------------------------------------------------

doc.method('definition', methods, 'schema', {
    short = 'its columns and types',
  usage = 'gb:schema()', text = 'Its keys, inputs and outputs with types, from the tables\' schemas alone.',
  example = 'load("shop.spending.v1"):schema()',
}, function(x) return result.take(C.explore_schema, pass(x)) end)

doc.method('definition', methods, 'sql', {
    short = 'the SQL that reads its sources',
  usage = 'gb:sql { ds = "2024-03-10" }',
  text = 'The SQL that reads its sources (of a Join the left side) for a day, as the engine runs it.',
  example = 'print(load("shop.spending.v1"):sql())',
}, function(x, args)
  local o = options(args, 'sql', { 'ds' })
  local kind, definition = pass(x)
  return host.text(C.explore_scan, kind, definition, day(o.ds, 'ds'))
end)

doc.method('definition', methods, 'sample', {
    short = 'the first rows that it reads',
  usage = 'gb:sample(10, { ds = "2024-03-10" })', text = 'The first rows of that; without a day of the last there is.',
  example = 'load("shop.spending.v1"):sample(3)',
}, function(x, n, args)
  if type(n) == 'table' then n, args = nil, n end
  local o = options(args, 'sample', { 'ds' })
  local kind, definition = pass(x)
  return result.take(C.explore_sample, kind, definition, day(o.ds, 'ds'), n or 10)
end)

doc.method('definition', methods, 'backfill', {
    short = 'computes a day or days, into a result',
  usage = 'gb:backfill { ds = "2024-03-10" }',
  text = 'Computes a day (ds), or days (from, to), and keeps the rows here; `table = "ns.name"` writes them '
    .. 'into the warehouse, too. Without a day it is the last one of the first source.',
  example = 'load("shop.spending.v1"):backfill { ds = "2024-01-10" }',
}, function(x, args)
  local o = options(args, 'backfill', { 'ds', 'from', 'to', 'table' })
  local kind, definition = pass(x)
  local first, last = day(o.from or o.ds, 'from'), day(o.to or o.ds, 'to')
  local r = result.take(C.explore_backfill, kind, definition, first, last)
  if o.table then r:write(o.table) end
  return r
end)

doc.method('definition', methods, 'lineage', {
    short = 'where each feature comes from',
  usage = 'gb:lineage()', text = 'Where each feature comes from: operation, window, expression, table.',
  example = 'load("shop.spending.v1"):lineage()',
}, function(x) return lineage.of(x, methods.schema(x)) end)

doc.method('definition', methods, 'json', {
    short = 'Chronon\'s JSON',
  usage = 'gb:json()', text = 'The definition as Chronon\'s JSON, on one line.',
  example = 'print(load("shop.spending.v1"):json())',
}, function(x)
  local _, definition = pass(x)
  return definition
end)

-- ---- serving ----------------------------------------------------------------------------------

--- Keys as an array of JSON objects, from one row or a list of rows.
local function keys_json(keys, what)
  if result.is(keys) then keys = keys:rows() end
  if type(keys) ~= 'table' or next(keys) == nil then
    host.fail('%s needs keys, as in %s { user_id = 5 }, or a list of such', what, what)
  end
  local rows = {}
  for i, row in ipairs(#keys > 0 and keys or { keys }) do
    if type(row) ~= 'table' then host.fail('%s: row %d of the keys is no table', what, i) end
    rows[i] = row
  end
  return json.encode(rows)
end

doc.method('definition', methods, 'fetch', {
    short = 'features of keys from the online store',
  usage = 'join:fetch({ user_id = 5 }, "2024-03-10T12:00:00Z")',
  text = 'The features of keys from the online store, now or at an instant; also of a list of keys, or of a result.',
  example = 'load("shop.training_set.v1"):fetch { user_id = "ada" }',
}, function(x, keys, at)
  local kind, definition = pass(x)
  return result.take(C.explore_fetch, kind, definition, keys_json(keys, 'fetch'), instant(at))
end)

doc.method('definition', methods, 'explain', {
    short = 'what served values are made of',
  usage = 'join:explain({ user_id = 5 }, { feature = "...", at = "..." })',
  text = 'What each served value is made of; with `feature` the pieces of that one.',
  example = 'load("shop.training_set.v1"):explain { user_id = "ada" }',
}, function(x, keys, args)
  local o = options(args, 'explain', { 'feature', 'at' })
  local kind, definition = pass(x)
  return result.take(C.explore_explain, kind, definition, keys_json(keys, 'explain'), instant(o.at), o.feature)
end)

doc.method('join', join_methods, 'compare', {
    short = 'what is served beside a backfill',
  usage = 'join:compare({ user_id = 5 }, "2024-03-10T12:00:00Z")',
  text = 'What is served beside what a backfill gives for the same keys and instant.',
  example = 'load("shop.training_set.v1"):compare({ user_id = "ada" }, "2024-01-15")',
}, function(x, keys, at)
  local _, definition = pass(x)
  return result.take(C.explore_compare, definition, keys_json(keys, 'compare'), instant(at))
end)

-- ---- by name ----------------------------------------------------------------------------------

local function read(name)
  local kind, buf = ffi.new('int32_t[1]'), ffi.gc(ffi.new('struct chn_buf'), C.chn_buf_deinit)
  host.call(C.explore_load, name, kind, buf)
  return convert.from_json(convert.KIND_NAMES[kind[0]], ffi.string(C.chn_buf_str(buf)))
end

function M.load(name)
  if type(name) ~= 'string' then host.fail('load takes the name of a definition, as in load "team.file.v1"') end
  local x = read(name)
  M.loaded[x] = name
  return x
end

--- Reads every loaded definition again, into the objects that variables hold.
--- @return string[] names
function M.reload()
  local list = {}
  for x, name in pairs(M.loaded) do list[#list + 1] = { x = x, name = name, new = read(name) } end
  local done, seen = {}, {}
  for _, l in ipairs(list) do
    for key in pairs(l.x) do l.x[key] = nil end
    for key, value in pairs(l.new) do l.x[key] = value end
    if not seen[l.name] then seen[l.name], done[#done + 1] = true, l.name end
  end
  table.sort(done)
  return done
end

--- @return string[] names that load() knows
function M.names()
  local buf = ffi.gc(ffi.new('struct chn_buf'), C.chn_buf_deinit)
  C.explore_definition_names(host.session, buf)
  local out = {}
  for name in ffi.string(C.chn_buf_str(buf)):gmatch('[^\n]+') do
    if out[#out] ~= name then out[#out + 1] = name end
  end
  return out
end

-- ---- as values --------------------------------------------------------------------------------

local function describe(x)
  local lines = { ('%s %s'):format(object.kind(x), x.metaData.name or '(not named yet)') }
  local function add(what, list)
    if list and #list > 0 then lines[#lines + 1] = ('  %-12s %s'):format(what, table.concat(list, ', ')) end
  end
  add('keys', x.keyColumns)
  local tables = {}
  for _, source in ipairs(x.sources or { x.left }) do
    local inner = object.inner(source)
    tables[#tables + 1] = inner.table or inner.snapshotTable or ('join ' .. tostring(inner.join.metaData.name))
  end
  add('reads', tables)
  local parts = {}
  for i, part in ipairs(x.joinParts or {}) do parts[i] = part.groupBy.metaData.name or '(not named yet)' end
  add('parts', parts)
  local operations = require('chronon.aggregation').output_columns
  local columns = {}
  for _, aggregation in ipairs(x.aggregations or {}) do
    for _, column in ipairs(operations(aggregation)) do columns[#columns + 1] = column end
  end
  if #columns > 8 then columns = { columns[1], columns[2], columns[3], ('... (%d)'):format(#columns) } end
  add('features', columns)
  return table.concat(lines, '\n')
end

--- Makes the constructors' objects answer the methods.
function M.install()
  for kind in pairs(convert.KINDS) do
    local meta = getmetatable(object.new(kind, {}))
    meta.__index = function(_, key)
      local method = methods[key]
      if method == nil and join_methods[key] then
        if kind == 'Join' then return join_methods[key] end
        return function() host.fail('%s is of a Join, and this is a %s; a Join that has it as a part can do it', key, kind) end
      end
      return method
    end
    meta.__tostring = describe
  end
end

return M
