--- What a GroupBy must fulfil (Chronon's validate_group_by), checked when it is made and again when
--- a Join takes it.
local agg = require 'chronon.aggregation'
local map = require 'chronon.map'
local object = require 'chronon.object'
local params = require 'chronon.params'
local text = require 'chronon.text'

local fail = params.fail

local M = {}

--- Whether a stream feeds the source; of a parent join, its left side.
function M.is_streaming(source)
  if source.joinSource then return M.is_streaming(source.joinSource.join.left) end
  local topic = source.events and source.events.topic or source.entities and source.entities.mutationTopic
  return topic ~= nil and topic ~= ''
end

local function any_streaming(sources)
  for _, source in ipairs(sources) do
    if M.is_streaming(source) then return true end
  end
  return false
end

local function check_events(group_by, source, path)
  local query = source.events.query
  if query.mutationTimeColumn then
    fail(path .. '.query.mutation_time_column', 'events have no mutations: their time is time_column')
  end
  if query.reversalColumn then
    fail(path .. '.query.reversal_column', 'events have no mutations')
  end
  if group_by.accuracy ~= agg.SNAPSHOT then
    if not query.timeColumn then
      fail(path .. '.query.time_column',
        'is missing: an event source needs one, unless the GroupBy has c.Accuracy.SNAPSHOT')
    end
  elseif M.is_streaming(source) then
    fail(path .. '.topic', 'a GroupBy of c.Accuracy.SNAPSHOT reads no stream: drop the topic or the accuracy')
  end
end

local ORDERED = { [agg.OPERATIONS.FIRST] = true, [agg.OPERATIONS.LAST] = true, [agg.OPERATIONS.FIRST_K] = true,
  [agg.OPERATIONS.LAST_K] = true }

local function check_untimed(group_by, path)
  for i, aggregation in ipairs(group_by.aggregations or {}) do
    if aggregation.windows and #aggregation.windows > 0 then
      fail(path .. '.query.time_column', 'is missing: aggregations[%d] has windows', i)
    end
    if ORDERED[aggregation.operation] then
      fail(path .. '.query.time_column', 'is missing: aggregations[%d] is %s, which goes by the time of the rows', i,
        agg.OPERATION_NAMES[aggregation.operation])
    end
  end
end

local function check_source(group_by, source, path)
  if source.events then
    check_events(group_by, source, path)
  elseif source.joinSource then
    if not M.is_streaming(source) then
      fail(path .. '.join',
        'the left side of the parent join has no topic: use a plain source over its output table instead')
    end
  else
    if not source.entities.query.timeColumn then check_untimed(group_by, path) end
  end
end

local function check_incremental(group_by, path)
  if not group_by.isIncremental then return end
  for i, source in ipairs(group_by.sources) do
    if not source.events then
      fail(('%s.sources[%d]'):format(path, i), 'is_incremental takes event sources only')
    end
  end
  local snapshot = group_by.accuracy == agg.SNAPSHOT
    or group_by.accuracy == nil and not any_streaming(group_by.sources)
  if not snapshot then fail(path .. '.is_incremental', 'needs c.Accuracy.SNAPSHOT') end
end

--- The columns in one list and not in the other.
local function difference(a, b)
  local names = {}
  for column in map.each(a) do
    if map.get(b, column) == nil then names[#names + 1] = column end
  end
  for column in map.each(b) do
    if map.get(a, column) == nil then names[#names + 1] = column end
  end
  return names
end

local function check_columns(group_by, path)
  local first = object.inner(group_by.sources[1]).query.selects
  if map.get(first, 'ts') ~= nil then
    fail(path .. '.sources[1].query.selects', '`ts` is a reserved name: put the expression into time_column')
  end
  for i = 2, #group_by.sources do
    local other = object.inner(group_by.sources[i]).query.selects
    local names = difference(first, other)
    if #names > 0 then
      fail(('%s.sources[%d]'):format(path, i),
        'selects other columns than sources[1]: %s differ', table.concat(names, ', '))
    end
  end
  for i, key in ipairs(group_by.keyColumns) do
    if map.get(first, key) == nil then
      fail(('%s.keys[%d]'):format(path, i), '`%s` is not selected%s', key, text.hint(key, first.keys))
    end
  end
end

local function check_no_aggregations(group_by, path)
  for i, source in ipairs(group_by.sources) do
    local entities = source.entities
    local changes = entities and (entities.mutationTable or entities.mutationTopic)
    if source.events or changes then
      fail(path .. '.aggregations', 'is missing: only entity sources without mutations do without, and sources[%d] %s',
        i, source.events and 'has events' or 'has mutations')
    end
  end
end

local function check_percentiles(aggregation, path)
  if aggregation.operation ~= agg.OPERATIONS.APPROX_PERCENTILE then return end
  if not map.get(aggregation.argMap, 'percentiles') then
    fail(path .. '.operation', 'APPROX_PERCENTILE needs percentiles: c.Operation.APPROX_PERCENTILE({ 0.5, 0.9 })')
  end
end

local function check_windows(group_by, aggregation, path)
  for i, window in ipairs(aggregation.windows or {}) do
    if window.timeUnit == agg.HOURS then
      local window_path = ('%s.windows[%d]'):format(path, i)
      local hours = ('%d hour%s'):format(window.length, window.length == 1 and '' or 's')
      if group_by.accuracy == agg.SNAPSHOT then
        fail(window_path, 'a window of %s is too fine for c.Accuracy.SNAPSHOT, which knows days', hours)
      elseif group_by.backfillStartDate then
        fail(window_path, 'a window of %s is too fine for the daily table of a GroupBy with '
          .. 'backfill_start_date: drop that, or use days', hours)
      end
    end
  end
end

local function check_aggregations(group_by, path)
  local known = object.inner(group_by.sources[1]).query.selects
  for i, aggregation in ipairs(group_by.aggregations) do
    local at = ('%s.aggregations[%d]'):format(path, i)
    local column = aggregation.inputColumn
    if not column then
      fail(at .. '.input_column', 'is missing: %s needs one', agg.OPERATION_NAMES[aggregation.operation])
    end
    if map.get(known, column) == nil and column ~= 'ts' then
      fail(at .. '.input_column', '`%s` is not selected%s', column, text.hint(column, known.keys))
    end
    check_percentiles(aggregation, at)
    check_windows(group_by, aggregation, at)
  end
end

--- @param path string of the GroupBy, for messages
function M.group_by(group_by, path)
  if #group_by.keyColumns == 0 then fail(path .. '.keys', 'is empty: a GroupBy is about at least one key') end
  for i, source in ipairs(group_by.sources) do
    check_source(group_by, source, ('%s.sources[%d]'):format(path, i))
  end
  check_incremental(group_by, path)
  check_columns(group_by, path)
  if group_by.aggregations == nil then
    check_no_aggregations(group_by, path)
  elseif #group_by.aggregations == 0 then
    fail(path .. '.aggregations', 'is empty: give at least one, or leave it out where entities have one row a key already')
  else
    check_aggregations(group_by, path)
  end
end

return M
