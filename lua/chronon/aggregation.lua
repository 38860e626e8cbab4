--- Operations, windows and aggregations.
local map = require 'chronon.map'
local object = require 'chronon.object'
local params = require 'chronon.params'
local query = require 'chronon.query'
local text = require 'chronon.text'
local types = require 'chronon.types'

local fail = params.fail

local M = {}

--- Chronon's numbers of the operations.
M.OPERATIONS = {
  MIN = 0, MAX = 1, FIRST = 2, LAST = 3, UNIQUE_COUNT = 4, APPROX_UNIQUE_COUNT = 5, COUNT = 6,
  SUM = 7, AVERAGE = 8, VARIANCE = 9, SKEW = 10, KURTOSIS = 11, APPROX_PERCENTILE = 12,
  LAST_K = 13, FIRST_K = 14, TOP_K = 15, BOTTOM_K = 16, HISTOGRAM = 17, APPROX_HISTOGRAM_K = 18,
  BOUNDED_UNIQUE_COUNT = 19,
}
M.OPERATION_NAMES = {}
for name, number in pairs(M.OPERATIONS) do M.OPERATION_NAMES[number] = name end

local TimeUnit, time_unit = types.enum('TimeUnit', { HOURS = 0, DAYS = 1 })
local Accuracy, accuracy = types.enum('Accuracy', { TEMPORAL = 0, SNAPSHOT = 1 })
M.TimeUnit, M.Accuracy = TimeUnit, Accuracy
M.HOURS, M.DAYS = 0, 1
M.TEMPORAL, M.SNAPSHOT = 0, 1
M.accuracy_type = accuracy

local function operation(number, arg_map)
  return object.new('Operation', { number = number, arg_map = arg_map or map.new() })
end

--- An operation that Python calls with arguments. The value itself is callable and no Operation, so
--- that one who forgets the call is told so.
--- @param arrange nil|fun(...): any changes the arguments first
local function called(spec, arrange)
  local make = params.register(spec)
  return setmetatable({ name = spec.name }, {
    __chronon = 'uncalled operation',
    __call = function(_, ...)
      local result = params.guarded(2, make, (arrange or function(...) return ... end)(...))
      return result
    end,
  })
end

--- @param least integer smallest k
local function with_k(name, thrift_name, least, doc)
  return called {
    name = 'Operation.' .. name, returns = 'Operation', positional = true, doc = doc,
    example = ('c.Operation.%s(%d)'):format(name, 10),
    params = { { name = 'k', type = types.at_least(least), required = true, doc = 'the bound' } },
    build = function(v)
      local arg_map = map.new()
      map.set(arg_map, 'k', text.number(v.k))
      return operation(M.OPERATIONS[thrift_name], arg_map)
    end,
  }
end

--- A list of shares is a list of floats, and is written as Python's str() writes one.
local function percentiles_text(shares)
  local parts = {}
  for i, share in ipairs(shares) do parts[i] = text.number(share, true) end
  return '[' .. table.concat(parts, ', ') .. ']'
end

--- APPROX_PERCENTILE({ 0.5, 0.9 }), whose one table is the list and not the table of parameters;
--- also ({ 0.5 }, 200) and ({ 0.5 }, { k = 200 }).
local function percentile_arguments(...)
  local first, second = ...
  local is_list = type(first) == 'table' and type(first[1]) == 'number' and first.k == nil
  if not is_list or first.percentiles ~= nil then return ... end
  local k = second
  if type(second) == 'table' then k = second.k end
  return { percentiles = first, k = k }
end

local function approx_percentile()
  return called({
    name = 'Operation.APPROX_PERCENTILE', returns = 'Operation', positional = true,
    doc = 'Approximate percentiles by a KLL sketch.',
    example = 'c.Operation.APPROX_PERCENTILE { percentiles = { 0.5, 0.99 }, k = 200 }',
    params = {
      { name = 'percentiles', type = types.list(types.number), required = true,
        doc = 'a list of shares from 0 to 1' },
      { name = 'k', type = types.at_least(1), default = 128, doc = 'the size of the sketch' },
    },
    build = function(v, path)
      if #v.percentiles == 0 then fail(path .. '.percentiles', 'is empty') end
      for i, share in ipairs(v.percentiles) do
        if not (share >= 0 and share <= 1) then
          fail(('%s.percentiles[%d]'):format(path, i), 'expected a share from 0 to 1, got %g', share)
        end
      end
      local arg_map = map.new()
      map.set(arg_map, 'k', text.number(v.k))
      map.set(arg_map, 'percentiles', percentiles_text(v.percentiles))
      return operation(M.OPERATIONS.APPROX_PERCENTILE, arg_map)
    end,
  }, percentile_arguments)
end

local PLAIN = {
  'MIN', 'MAX', 'FIRST', 'LAST', 'COUNT', 'SUM', 'AVERAGE', 'VARIANCE', 'SKEW', 'KURTOSIS',
  'UNIQUE_COUNT', 'APPROX_UNIQUE_COUNT', 'HISTOGRAM',
}

M.Operation = {}
for _, name in ipairs(PLAIN) do M.Operation[name] = operation(M.OPERATIONS[name]) end
for _, entry in ipairs {
  { 'APPROX_UNIQUE_COUNT_LGK', 'APPROX_UNIQUE_COUNT', 4, 'Distinct values by a CPC sketch of 2^k slots.' },
  { 'BOUNDED_UNIQUE_COUNT_K', 'BOUNDED_UNIQUE_COUNT', 1, 'Distinct values, counted exactly up to k.' },
  { 'HISTOGRAM_K', 'HISTOGRAM', 0, 'Counts of the k most frequent values; 0 keeps all.' },
  { 'APPROX_HISTOGRAM_K', 'APPROX_HISTOGRAM_K', 1, 'Counts of the k most frequent values, in bounded memory.' },
  { 'FIRST_K', 'FIRST_K', 1, 'The k earliest values.' },
  { 'LAST_K', 'LAST_K', 1, 'The k latest values, newest first.' },
  { 'TOP_K', 'TOP_K', 1, 'The k largest values.' },
  { 'BOTTOM_K', 'BOTTOM_K', 1, 'The k smallest values.' },
} do
  M.Operation[entry[1]] = with_k(entry[1], entry[2], entry[3], entry[4])
end
M.Operation.APPROX_PERCENTILE = approx_percentile()
M.plain_operations = PLAIN

--- An operation without arguments that is called is told so, and which one takes them.
getmetatable(M.Operation.SUM).__call = function(self)
  local name = M.OPERATION_NAMES[self.number]
  local other = rawget(M.Operation, name .. '_K') and ('; c.Operation.%s_K does'):format(name) or ''
  params.guarded(2, params.fail, 'Operation.' .. name, 'takes no argument%s', other)
end
params.strict('c.Operation', M.Operation)

local operation_type = types.object({ 'Operation' }, function(value, path)
  if object.kind(value) == 'uncalled operation' then
    local argument = value.name:match('PERCENTILE') and '{ 0.5, 0.9 }' or 'k'
    fail(path, '%s takes an argument: c.%s(%s)', value.name:match('[^.]+$'), value.name, argument)
  elseif type(value) == 'string' and rawget(M.Operation, value:upper()) then
    fail(path, 'expected c.Operation.%s, got %s', value:upper(), object.describe(value))
  end
end)
operation_type.text = 'Operation'
M.operation_type = operation_type

local WRONG_UNITS = {
  m = 'minutes', min = 'minutes', s = 'seconds', sec = 'seconds', ms = 'milliseconds', w = 'weeks',
  y = 'years', mo = 'months',
}

local function window_text(value, path)
  local length, unit = value:match('^(%d+)([hd])$')
  if not length then
    local number, other = value:match('^(%d+)%s*(%a+)$')
    local reason = 'write a whole number of hours ("1h") or days ("7d")'
    if WRONG_UNITS[other] then
      local days = other == 'w' and (', so write "%dd"'):format(tonumber(number) * 7) or ''
      reason = ('it is in %s, and Chronon has hours and days%s'):format(WRONG_UNITS[other], days)
    end
    fail(path, 'the window %q cannot be: %s', value, reason)
  end
  return object.new('Window', {
    length = types.at_least(1).check(tonumber(length), path),
    timeUnit = unit == 'h' and M.HOURS or M.DAYS,
  })
end

local window_type = types.object({ 'Window' }, function(value, path)
  if type(value) == 'string' then return window_text(value, path) end
end)
window_type.text, window_type.lua = 'Window or text such as "7d"', 'chronon.Window|string'
local accepts_window = window_type.accepts
function window_type.accepts(value) return type(value) == 'string' or accepts_window(value) end

M.Window = params.constructor {
  name = 'Window', returns = 'Window',
  doc = 'How far back an aggregation looks. The texts "1h" and "7d" mean the same.',
  example = 'c.Window { length = 7, time_unit = c.TimeUnit.DAYS }',
  params = {
    { name = 'length', type = types.at_least(1), required = true, doc = 'a number of units' },
    { name = 'timeUnit', type = time_unit, required = true, doc = 'c.TimeUnit.HOURS or c.TimeUnit.DAYS' },
  },
  build = function(v)
    return object.new('Window', { length = v.length, timeUnit = v.timeUnit })
  end,
}

local ADVICE = {
  [M.OPERATIONS.UNIQUE_COUNT] =
    'UNIQUE_COUNT keeps every value: BOUNDED_UNIQUE_COUNT_K or APPROX_UNIQUE_COUNT stay small',
  [M.OPERATIONS.HISTOGRAM] = 'HISTOGRAM keeps every value: APPROX_HISTOGRAM_K stays small',
}

local function build_aggregation(v)
  local op = v.operation or M.Operation.LAST
  local aggregation = object.new('Aggregation', {
    inputColumn = v.input_column, operation = op.number, argMap = op.arg_map, windows = v.windows,
    buckets = v.buckets, elementWise = v.element_wise,
  })
  object.note(aggregation).tags = v.tags
  object.note(aggregation).advice = ADVICE[op.number]
  return aggregation
end

M.tags_type = types.map(types.json)

M.Aggregation = params.constructor {
  name = 'Aggregation', returns = 'Aggregation',
  doc = 'One input column folded by one operation, over each of some windows.',
  example = 'c.Aggregation { input_column = "amount", operation = c.Operation.SUM, windows = { "1h", "7d" } }',
  params = {
    { name = 'input_column', type = types.name,
      doc = 'a selected column; inside c.Aggregations the name given there' },
    { name = 'operation', type = operation_type, doc = 'default LAST' },
    { name = 'windows', type = types.list(window_type), doc = 'one output column each; without it all of the past' },
    { name = 'buckets', type = types.list(types.name),
      doc = 'columns to group by further; the output becomes a map' },
    { name = 'tags', type = M.tags_type, doc = 'kept in customJson for each output column' },
    { name = 'element_wise', type = types.boolean, doc = 'fold lists position by position' },
  },
  build = build_aggregation,
}

local aggregation_type = types.object { 'Aggregation' }
M.aggregation_type = aggregation_type

--- Aggregations by name: { total = c.Aggregation { ... } } in the order of the names, or one-entry
--- tables in the authored order. An aggregation without input column takes the name.
function M.Aggregations(entries)
  local list = params.guarded(2, function()
    if type(entries) ~= 'table' or object.kind(entries) then
      fail('Aggregations', 'takes one table of named aggregations, and got %s', object.describe(entries))
    end
    local named = types.add_entries(map.new(), entries, aggregation_type, 'Aggregations')
    local made = {}
    for name, aggregation in map.each(named) do
      local copy = object.copy(aggregation)
      copy.inputColumn = copy.inputColumn or name
      made[#made + 1] = copy
    end
    return made
  end)
  return list
end

local RESERVED = { ts = true, is_before = true, mutation_ts = true, ds = true }

M.DefaultAggregation = params.constructor {
  name = 'DefaultAggregation', returns = 'Aggregation[]',
  doc = 'One aggregation for every selected column that is neither key nor time.',
  example = 'c.DefaultAggregation { keys = { "user" }, sources = { source } }',
  params = {
    { name = 'keys', type = types.list(types.name), required = true, doc = 'the key columns' },
    { name = 'sources', type = types.list(query.source_type, true), required = true,
      doc = 'the sources, with selects' },
    { name = 'operation', type = operation_type, doc = 'default LAST' },
    { name = 'tags', type = M.tags_type, doc = 'kept in customJson for each output column' },
  },
  build = function(v, path)
    local list, skipped = {}, {}
    for _, key in ipairs(v.keys) do skipped[key] = true end
    for i, source in ipairs(v.sources) do
      local q = object.inner(source).query
      if not q.selects then fail(('%s.sources[%d].query'):format(path, i), 'has no selects') end
      for column in map.each(q.selects) do
        if not skipped[column] and not RESERVED[column] and column ~= q.timeColumn then
          list[#list + 1] = build_aggregation { input_column = column, operation = v.operation, tags = v.tags }
        end
      end
    end
    return list
  end,
}

local K_OPERATIONS = {
  [M.OPERATIONS.LAST_K] = 'last', [M.OPERATIONS.FIRST_K] = 'first', [M.OPERATIONS.TOP_K] = 'top',
  [M.OPERATIONS.BOTTOM_K] = 'bottom',
}

--- The output columns of an aggregation: `amount_sum_7d_by_merchant`, `item_last5`.
--- @return string[]
function M.output_columns(aggregation)
  local short = K_OPERATIONS[aggregation.operation]
  local suffix = short and short .. (map.get(aggregation.argMap, 'k') or '')
    or M.OPERATION_NAMES[aggregation.operation]:lower()
  local base = aggregation.inputColumn .. '_' .. suffix
  local columns = {}
  for _, window in ipairs(aggregation.windows or {}) do
    columns[#columns + 1] = ('%s_%d%s'):format(base, window.length, window.timeUnit == M.HOURS and 'h' or 'd')
  end
  if #columns == 0 then columns[1] = base end
  if not aggregation.buckets or #aggregation.buckets == 0 then return columns end
  local bucketed = {}
  for _, bucket in ipairs(aggregation.buckets) do
    for _, column in ipairs(columns) do bucketed[#bucketed + 1] = column .. '_by_' .. bucket end
  end
  return bucketed
end

return M
