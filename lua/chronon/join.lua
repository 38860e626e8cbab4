--- Join and its parts.
local agg = require 'chronon.aggregation'
local check = require 'chronon.check'
local dependency = require 'chronon.dependency'
local external = require 'chronon.external'
local group_by = require 'chronon.group_by'
local map = require 'chronon.map'
local metadata = require 'chronon.metadata'
local object = require 'chronon.object'
local params = require 'chronon.params'
local query = require 'chronon.query'
local text = require 'chronon.text'
local types = require 'chronon.types'

local fail = params.fail

local M = {}

M.JoinPart = params.constructor {
  name = 'JoinPart', returns = 'JoinPart',
  doc = 'A GroupBy inside a join, and how the left side meets its keys.',
  example = 'c.JoinPart { group_by = require("group_bys.team.purchases").v1, key_mapping = { buyer = "user" '
    .. '}, prefix = "buyer" }',
  params = {
    { name = 'group_by', type = group_by.type, required = true, doc = 'the GroupBy' },
    { name = 'key_mapping', type = metadata.strings_map, doc = 'left column to key of the GroupBy' },
    { name = 'prefix', type = types.string, doc = 'of its output columns' },
    { name = 'tags', type = agg.tags_type, doc = 'kept in customJson' },
  },
  build = function(v, path)
    external.check_named(v.group_by, path .. '.group_by')
    local keys, known = v.group_by.keyColumns, {}
    for _, key in ipairs(keys) do known[key] = true end
    for left, key in map.each(v.key_mapping or map.new()) do
      if not known[key] then
        fail(('%s.key_mapping["%s"]'):format(path, left), '`%s` is no key of %s%s', key,
          v.group_by.metaData.name, text.hint(key, keys))
      end
    end
    local part = object.new('JoinPart', { groupBy = v.group_by, keyMapping = v.key_mapping, prefix = v.prefix })
    object.note(part).tags = v.tags
    return part
  end,
}

local join_part_type = types.object { 'JoinPart' }

local function check_label(label, v, path)
  local aggregations = label.groupBy.aggregations
  if not aggregations then return end
  if #v.labels ~= 1 then fail(path .. '.labels', 'one with aggregations stands alone, and there are %d', #v.labels) end
  local windows = aggregations[1] and aggregations[1].windows or {}
  if #aggregations ~= 1 or #windows ~= 1 then
    fail(path .. '.labels[1].group_by', 'a label has one aggregation with one window')
  end
  local window = windows[1]
  if window.timeUnit ~= agg.DAYS then fail(path .. '.labels[1].group_by', 'the window of a label is in days') end
  if v.left_start_offset ~= window.length or v.left_end_offset ~= window.length then
    fail(path, 'left_start_offset and left_end_offset are the window of the label, %d days', window.length)
  end
end

M.LabelPart = params.constructor {
  name = 'LabelPart', returns = 'LabelPart',
  doc = 'Labels that are known only days after the row they belong to.',
  example = 'c.LabelPart { labels = { c.JoinPart { group_by = labels } }, left_start_offset = 30, '
    .. 'left_end_offset = 10 }',
  params = {
    { name = 'labels', type = types.list(join_part_type), required = true, doc = 'the label GroupBys' },
    { name = 'left_start_offset', type = types.integer, required = true,
      doc = 'days before the label\'s day of the oldest row' },
    { name = 'left_end_offset', type = types.integer, required = true,
      doc = 'days before the label\'s day of the newest row' },
    { name = 'label_offline_schedule', type = types.string, default = '@daily', doc = 'of the label join' },
  },
  build = function(v, path)
    for _, label in ipairs(v.labels) do check_label(label, v, path) end
    return object.new('LabelPart', {
      labels = v.labels, leftStartOffset = v.left_start_offset, leftEndOffset = v.left_end_offset,
      metaData = object.new('MetaData', { offlineSchedule = v.label_offline_schedule }),
    })
  end,
}

M.BootstrapPart = params.constructor {
  name = 'BootstrapPart', returns = 'BootstrapPart',
  doc = 'A table of values that are taken as they are instead of computed.',
  example = 'c.BootstrapPart { table = "data.logged", key_columns = { "request_id" }, query = c.Query { '
    .. 'selects = c.select("request_id", { amount_sum_7d = "old_sum" }) } }',
  params = {
    { name = 'table', type = types.name, required = true, doc = 'the table' },
    { name = 'key_columns', type = types.list(types.string),
      doc = 'columns that find the row (default: the join\'s row_ids)' },
    { name = 'query', type = query.query_type, doc = 'output column to expression over the table' },
  },
  build = function(v)
    return object.new('BootstrapPart', { table = v.table, query = v.query, keyColumns = v.key_columns })
  end,
}

--- The left side with its time as the column `ts`.
local function complete_left(left, path)
  if left.joinSource then
    fail(path .. '.left', 'a join cannot be the left side: use an event source over the parent join\'s table')
  end
  local copy = object.copy_source(left)
  local events = copy.events
  if not events then return copy end
  if events.isCumulative then fail(path .. '.left', 'a cumulative event source cannot be the left side') end
  local q = events.query
  if q.selects and #q.selects.keys > 0 then
    if map.get(q.selects, 'ts') ~= nil then
      fail(path .. '.left.query.selects', '`ts` is a reserved name: put the expression into time_column')
    end
    if not q.timeColumn then
      fail(path .. '.left.query.time_column', 'is missing: the rows of the left side need a time')
    end
    map.set(q.selects, 'ts', q.timeColumn)
  end
  return copy
end

local function check_external_parts(parts, path)
  local seen = {}
  for i, part in ipairs(parts or {}) do
    local name = (part.prefix or '') .. '/' .. part.source.metadata.name
    if seen[name] then
      fail(('%s.online_external_parts[%d]'):format(path, i),
        'is the source "%s" again with the same prefix as part %d: give it another prefix',
        part.source.metadata.name, seen[name])
    end
    seen[name] = i
  end
end

local function bootstrap_parts(v, path)
  if not v.bootstrap_from_log then return v.bootstrap_parts end
  if not (v.online and v.sample_percent and v.sample_percent > 0) then
    fail(path .. '.bootstrap_from_log', 'needs online = true and a sample_percent above 0: there is no log otherwise')
  end
  local parts = {}
  for i, part in ipairs(v.bootstrap_parts or {}) do parts[i] = part end
  parts[#parts + 1] = object.new('BootstrapPart', { table = '{{ logged_table }}' })
  return parts
end

local function is_some(value)
  if map.is(value) then return #value.keys > 0 end
  return value ~= nil and value ~= map.null and (type(value) ~= 'table' or #value > 0)
end

local function custom_json(v)
  local custom, part_tags = map.new(), map.new()
  map.set(custom, 'check_consistency', v.check_consistency)
  map.set(custom, 'lag', v.lag)
  if is_some(v.additional_args) then map.set(custom, 'additional_args', v.additional_args) end
  if is_some(v.additional_env) then map.set(custom, 'additional_env', v.additional_env) end
  group_by.add_keywords(custom, v)
  for _, part in ipairs(v.right_parts) do
    local tags = object.note(part).tags
    if tags and #tags.keys > 0 then
      local has_prefix = part.prefix and part.prefix ~= ''
      map.set(part_tags, (has_prefix and part.prefix .. '_' or '') .. part.groupBy.metaData.name, tags)
    end
  end
  map.set(custom, 'join_tags', v.tags or map.null)
  map.set(custom, 'join_part_tags', part_tags)
  return text.json(custom)
end

local function label_part(v, left_dependencies)
  if not v.label_part then return nil end
  local copy = object.copy(v.label_part)
  copy.metaData = object.new('MetaData', {
    dependencies = dependency.unique(left_dependencies, dependency.of_labels(copy)),
    offlineSchedule = copy.metaData.offlineSchedule,
  })
  return copy
end

local function build(v, path)
  local left = complete_left(v.left, path)
  local left_dependencies = dependency.of_source(left, v.dependencies, v.lag)
  local right_dependencies = {}
  for i, part in ipairs(v.right_parts) do
    check.group_by(part.groupBy, ('%s.right_parts[%d].group_by'):format(path, i))
    dependency.append_group_by(right_dependencies, part.groupBy)
  end
  check_external_parts(v.online_external_parts, path)
  local parts = bootstrap_parts(v, path)
  local bootstrap = v.dependencies and {} or dependency.of_bootstrap(parts)
  return object.new('Join', {
    metaData = object.new('MetaData', {
      online = v.online, production = v.production, customJson = custom_json(v),
      dependencies = dependency.unique(left_dependencies, right_dependencies, bootstrap),
      outputNamespace = v.output_namespace, tableProperties = v.table_properties, modeToEnvMap = v.env,
      samplePercent = v.sample_percent, offlineSchedule = v.offline_schedule,
      consistencySamplePercent = v.check_consistency and v.consistency_sample_percent or nil,
      historicalBackfill = v.historical_backfill, deprecationDate = v.deprecation_date, description = v.description,
    }),
    left = left, joinParts = v.right_parts, skewKeys = v.skew_keys,
    onlineExternalParts = v.online_external_parts, labelPart = label_part(v, left_dependencies),
    bootstrapParts = parts, rowIds = v.row_ids, derivations = v.derivations, modelTransforms = v.model_transforms,
  })
end

M.Join = params.constructor {
  name = 'Join', returns = 'Join',
  doc = 'A training table or a feature vector: rows of the left side, each with the GroupBys\' values at its time.',
  example = 'c.Join { left = source, right_parts = { c.JoinPart { group_by = '
    .. 'require("group_bys.team.purchases").v1 } }, row_ids = { "request_id" } }',
  params = group_by.with_keywords {
    { name = 'left', type = query.source_type, required = true, doc = 'the rows' },
    { name = 'right_parts', type = types.list(join_part_type), required = true, doc = 'the GroupBys' },
    { name = 'check_consistency', type = types.boolean, default = false,
      doc = 'compare what was served with what a backfill gives' },
    { name = 'additional_args', type = types.json, doc = 'customJson: further arguments of jobs' },
    { name = 'additional_env', type = types.json, doc = 'customJson: deprecated, use env' },
    { name = 'dependencies', type = types.list(types.string),
      doc = 'partition specs to wait for, instead of that of the left side' },
    { name = 'online', type = types.boolean, default = false, doc = 'served online' },
    { name = 'production', type = types.boolean, default = false, doc = 'alerts are wanted' },
    { name = 'output_namespace', type = types.string,
      doc = 'where the output table is put (default: the team\'s namespace)' },
    { name = 'table_properties', type = metadata.strings_map,
      doc = 'properties of the output table (default: the team\'s)' },
    { name = 'env', type = metadata.env_type, doc = 'mode to environment variables' },
    { name = 'lag', type = types.integer, default = 0, doc = 'days to wait longer for the left side' },
    { name = 'skew_keys', type = types.map(types.list(types.string)),
      doc = 'key column to SQL literals of values to leave out' },
    { name = 'sample_percent', type = types.number, doc = 'share of requests to log, 0 to 100' },
    { name = 'consistency_sample_percent', type = types.number, default = 5,
      doc = 'share of logged requests to compare' },
    { name = 'online_external_parts', type = types.list(types.object { 'ExternalPart' }), doc = 'external sources' },
    { name = 'offline_schedule', type = types.string, default = '@daily',
      doc = 'cron expression or @daily, @weekly, ..., @never' },
    { name = 'historical_backfill', type = types.boolean, doc = 'fill all holes, or only the latest day' },
    { name = 'row_ids', type = types.list(types.string), doc = 'left columns that identify a row' },
    { name = 'bootstrap_parts', type = types.list(types.object { 'BootstrapPart' }),
      doc = 'tables of values to take as they are' },
    { name = 'bootstrap_from_log', type = types.boolean, default = false,
      doc = 'take the logged values (online, with sample_percent)' },
    { name = 'label_part', type = types.object { 'LabelPart' }, doc = 'the labels' },
    { name = 'derivations', type = metadata.derivations_type, doc = 'columns computed from the output' },
    { name = 'deprecation_date', type = types.string, doc = 'yyyy-MM-dd' },
    { name = 'tags', type = agg.tags_type, doc = 'kept in customJson' },
    { name = 'description', type = types.string, doc = 'for people' },
    { name = 'model_transforms', type = types.object { 'ModelTransforms' }, doc = 'models over the output' },
  },
  build = build,
}

return M
