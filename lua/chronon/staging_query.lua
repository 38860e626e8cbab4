--- StagingQuery, and sources over its output.
local dependency = require 'chronon.dependency'
local object = require 'chronon.object'
local params = require 'chronon.params'
local query = require 'chronon.query'
local types = require 'chronon.types'

local M = {}

M.StagingQuery = params.constructor {
  name = 'StagingQuery', returns = 'StagingQuery',
  doc = 'A table made by SQL, day by day.',
  example = [[c.StagingQuery { query = "SELECT * FROM raw.clicks WHERE ds BETWEEN '{{ start_date }}' AND '{{ ]]
    .. [[end_date }}'", startPartition = "2024-01-01" }]],
  params = {
    { name = 'metaData', type = types.object { 'MetaData' }, doc = 'namespace, dependencies, properties' },
    { name = 'query', type = types.name, required = true,
      doc = 'Spark SQL with {{ start_date }}, {{ end_date }}, {{ latest_date }}, '
        .. '{{ max_date(table=ns.name) }}; its output has a column ds' },
    { name = 'startPartition', type = types.string, doc = 'the first day' },
    { name = 'setups', type = types.list(types.string), doc = 'statements to run first' },
    { name = 'createView', type = types.boolean, doc = 'make a view instead of a table' },
  },
  build = function(v)
    return object.new('StagingQuery', {
      metaData = v.metaData and object.copy(v.metaData) or object.new('MetaData', {}),
      query = v.query, startPartition = v.startPartition, setups = v.setups, createView = v.createView,
    })
  end,
}

local staging_query_type = types.object { 'StagingQuery' }

--- The table that the staging query writes. Upstream takes the name as authored when there is one,
--- which no run writes: here it is always the sanitised name.
local function output_table(staging_query, path)
  local namespace, full_table = dependency.output_table(staging_query)
  if not full_table then
    params.fail(path .. '.staging_query', 'has no name yet: define it in a file under staging_queries/ and '
      .. 'require that, or give its MetaData a `name`')
  end
  return namespace, full_table
end

local STAGING_QUERY = {
  name = 'staging_query', type = staging_query_type, required = true, aliases = { 'sq' }, doc = 'the staging query',
}
local QUERY = { name = 'query', type = query.query_type, required = true, doc = 'what is read from its table' }

M.StagingQueryEventSource = params.constructor {
  name = 'StagingQueryEventSource', returns = 'Source',
  doc = 'The output of a staging query as events.',
  example = 'c.StagingQueryEventSource { staging_query = departures, query = c.Query { time_column = "ts" } }',
  params = {
    STAGING_QUERY, QUERY,
    { name = 'is_cumulative', type = types.boolean, default = false,
      doc = 'every partition holds all the events so far' },
  },
  build = function(v, path)
    local _, full_table = output_table(v.staging_query, path)
    return object.new('Source', {
      events = object.new('EventSource', { table = full_table, query = v.query, isCumulative = v.is_cumulative }),
    })
  end,
}

M.StagingQueryEntitySource = params.constructor {
  name = 'StagingQueryEntitySource', returns = 'Source',
  doc = 'The output of a staging query as daily snapshots.',
  example = 'c.StagingQueryEntitySource { staging_query = planes, query = c.Query { selects = '
    .. 'c.select("tailnum") } }',
  params = { STAGING_QUERY, QUERY },
  build = function(v, path)
    local _, full_table = output_table(v.staging_query, path)
    return object.new('Source', {
      entities = object.new('EntitySource', { snapshotTable = full_table, query = v.query }),
    })
  end,
}

M.get_staging_query_dependencies = params.constructor {
  name = 'get_staging_query_dependencies', returns = 'string[]', positional = true,
  doc = 'The signal that a staging query has run, for `dependencies`.',
  example = 'c.get_staging_query_dependencies { staging_query = departures }',
  params = {
    STAGING_QUERY,
    { name = 'lag', type = types.integer, default = 0, doc = 'taken and not used, as upstream' },
  },
  build = function(v, path)
    local namespace, full_table = output_table(v.staging_query, path)
    return { ('%s.chronon_signal_partitions/ds={{ ds }}/table_name=%s'):format(namespace, full_table) }
  end,
}

return M
