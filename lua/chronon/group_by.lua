--- GroupBy.
local agg = require 'chronon.aggregation'
local check = require 'chronon.check'
local dependency = require 'chronon.dependency'
local map = require 'chronon.map'
local metadata = require 'chronon.metadata'
local object = require 'chronon.object'
local params = require 'chronon.params'
local query = require 'chronon.query'
local text = require 'chronon.text'
local types = require 'chronon.types'

local fail = params.fail

local M = {}

--- Keywords that Python takes as **kwargs and that Chronon knows; they land in customJson.
M.KEYWORDS = {
  { name = 'enable_tiling', type = types.boolean, doc = 'customJson: the online store keeps tiles' },
  { name = 'enable_write_notifications', type = types.boolean, doc = 'customJson: tell a topic about writes' },
  { name = 'notification_topic_override', type = types.string, doc = 'customJson: that topic' },
  { name = 'team_override', type = types.string, doc = 'customJson: the team in metrics' },
  { name = 'kwargs', type = types.map(types.json), doc = 'further keys of customJson, in order' },
}

--- Adds the keywords that are given to customJson: those of kwargs in their order, then the rest.
function M.add_keywords(custom, v)
  for key, value in map.each(v.kwargs or map.new()) do map.set(custom, key, value) end
  for _, p in ipairs(M.KEYWORDS) do
    if p.name ~= 'kwargs' and v[p.name] ~= nil then map.set(custom, p.name, v[p.name]) end
  end
end

--- @return table[] list the parameters of both lists
function M.with_keywords(list)
  local all = {}
  for _, p in ipairs(list) do all[#all + 1] = p end
  for _, p in ipairs(M.KEYWORDS) do all[#all + 1] = p end
  return all
end

--- Selects what is needed by name, and moves a selected `ts` to the time column.
local function complete_source(source, needed, path)
  local q = object.inner(source).query
  q.selects = q.selects or map.new()
  for _, column in ipairs(needed) do
    if map.get(q.selects, column) == nil then map.set(q.selects, column, column) end
  end
  local ts = map.get(q.selects, 'ts')
  if ts == nil then return end
  map.remove(q.selects, 'ts')
  q.timeColumn = q.timeColumn or ts
  if q.timeColumn ~= ts then
    fail(path .. '.query',
      'selects `ts` as "%s" and has the time_column "%s": give only the time_column', ts, q.timeColumn)
  end
end

local function complete_sources(v, path)
  local needed = {}
  for i, key in ipairs(v.keys) do needed[i] = key end
  for _, aggregation in ipairs(v.aggregations or {}) do needed[#needed + 1] = aggregation.inputColumn end
  local sources = {}
  for i, source in ipairs(v.sources) do
    sources[i] = object.copy_source(source)
    complete_source(sources[i], needed, ('%s.sources[%d]'):format(path, i))
  end
  return sources
end

local function column_tags(aggregations)
  local tags = map.new()
  for _, aggregation in ipairs(aggregations or {}) do
    local own = object.note(aggregation).tags
    if own and #own.keys > 0 then
      for _, column in ipairs(agg.output_columns(aggregation)) do map.set(tags, column, own) end
    end
  end
  return tags
end

local function custom_json(v)
  local custom = map.new()
  M.add_keywords(custom, v)
  if v.additional_args then map.set(custom, 'additional_args', v.additional_args) end
  map.set(custom, 'lag', v.lag)
  map.set(custom, 'groupby_tags', v.tags or map.null)
  map.set(custom, 'column_tags', column_tags(v.aggregations))
  if v.upload_schedule ~= '@daily' then map.set(custom, 'uploadSchedule', v.upload_schedule) end
  return text.json(custom)
end

local function check_upload_schedule(v, path)
  if v.upload_schedule == '@daily' then return end
  if v.accuracy == agg.TEMPORAL then
    fail(path .. '.upload_schedule', '%s needs c.Accuracy.SNAPSHOT: TEMPORAL is uploaded daily', v.upload_schedule)
  end
  for i, source in ipairs(v.sources) do
    if check.is_streaming(source) then
      fail(path .. '.upload_schedule',
        '%s is for GroupBys without a stream, and sources[%d] has one', v.upload_schedule, i)
    end
  end
end

local function build(v, path)
  if #v.sources == 0 then fail(path .. '.sources', 'is empty') end
  if v.historical_backfill ~= nil and not v.backfill_start_date then
    fail(path .. '.historical_backfill', 'means nothing without backfill_start_date')
  end
  for i, aggregation in ipairs(v.aggregations or {}) do
    if not aggregation.inputColumn then
      fail(('%s.aggregations[%d].input_column'):format(path, i), 'is missing')
    end
  end
  check_upload_schedule(v, path)
  local sources = complete_sources(v, path)
  local dependencies = {}
  for _, source in ipairs(sources) do
    for _, d in ipairs(dependency.of_source(source, v.dependencies, v.lag)) do
      dependencies[#dependencies + 1] = d
    end
  end
  local group_by = object.new('GroupBy', {
    metaData = object.new('MetaData', {
      name = v.name, online = v.online, production = v.production, customJson = custom_json(v),
      dependencies = dependencies, tableProperties = v.table_properties,
      outputNamespace = v.output_namespace, modeToEnvMap = v.env, offlineSchedule = v.offline_schedule,
      historicalBackfill = v.historical_backfill, deprecationDate = v.deprecation_date,
      description = v.description,
    }),
    sources = sources, keyColumns = v.keys, aggregations = v.aggregations, accuracy = v.accuracy,
    backfillStartDate = v.backfill_start_date, derivations = v.derivations, isIncremental = v.is_incremental,
  })
  check.group_by(group_by, path)
  return group_by
end

local columns = types.list(types.name)

M.GroupBy = params.constructor {
  name = 'GroupBy', returns = 'GroupBy',
  doc = 'Features: aggregations of the rows of some sources, for every key.',
  example = 'c.GroupBy { sources = source, keys = { "user" }, aggregations = { c.Aggregation { input_column '
    .. '= "amount", operation = c.Operation.SUM, windows = { "7d" } } }, online = true }',
  params = M.with_keywords {
    { name = 'sources', type = types.list(query.source_type, true), required = true,
      doc = 'one source or a list; all select the same columns' },
    { name = 'keys', type = columns, required = true, doc = 'the key columns' },
    { name = 'aggregations', type = types.list(agg.aggregation_type),
      doc = 'none only over entities without mutations: the selected columns are the features' },
    { name = 'online', type = types.boolean, doc = 'served online; unset it follows from its joins' },
    { name = 'production', type = types.boolean, doc = 'alerts are wanted; unset it follows from its joins' },
    { name = 'backfill_start_date', type = types.string, doc = 'first day of the GroupBy\'s own table' },
    { name = 'dependencies', type = types.list(types.string),
      doc = 'partition specs to wait for, instead of those of the sources' },
    { name = 'env', type = metadata.env_type, doc = 'mode to environment variables' },
    { name = 'table_properties', type = metadata.strings_map,
      doc = 'properties of the output table (default: the team\'s)' },
    { name = 'output_namespace', type = types.string,
      doc = 'where the output table is put (default: the team\'s namespace)' },
    { name = 'accuracy', type = agg.accuracy_type,
      doc = 'values as of the event or as of the day; unset it follows from the sources' },
    { name = 'lag', type = types.integer, default = 0, doc = 'days to wait longer for the sources' },
    { name = 'offline_schedule', type = types.string, default = '@daily',
      doc = 'cron expression or @daily, @weekly, ..., @never' },
    { name = 'name', type = types.name, doc = 'only for a GroupBy defined inside a join\'s file' },
    { name = 'tags', type = agg.tags_type, doc = 'kept in customJson' },
    { name = 'derivations', type = metadata.derivations_type, doc = 'columns computed from the outputs' },
    { name = 'historical_backfill', type = types.boolean, doc = 'fill all holes, or only the latest day' },
    { name = 'deprecation_date', type = types.string, doc = 'yyyy-MM-dd' },
    { name = 'description', type = types.string, doc = 'for people' },
    { name = 'is_incremental', type = types.boolean, doc = 'keep daily partial aggregates (events, SNAPSHOT)' },
    { name = 'upload_schedule', type = types.choice('@daily', '@weekly', '@monthly', '@quarterly'), default = '@daily',
      doc = 'how often the online store gets new batch values' },
    { name = 'additional_args', type = types.json, doc = 'customJson: further arguments of jobs' },
  },
  build = build,
  made = function(group_by, where)
    group_by.metaData.team = where and where:match('([^/]+)/[^/]*:%d+$')
  end,
}

M.type = types.object { 'GroupBy' }

return M
