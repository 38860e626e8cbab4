--- Query, select and the sources.
local map = require 'chronon.map'
local object = require 'chronon.object'
local params = require 'chronon.params'
local types = require 'chronon.types'

local M = {}

--- The selected columns in the authored order: names stand for themselves, one-entry tables give an
--- alias its expression. A table of several entries has no order of its own: it goes by name.
--- @param ... string|table<string, string>
--- @return chronon.Map
function M.select(...)
  local m = params.guarded(2, function(...)
    return types.add_entries(map.new(), { ... }, types.string, 'select', true)
  end, ...)
  return m
end

--- An ordered map of anything JSON knows, from one-entry tables: c.map({ b = 1 }, { a = 2 }).
--- @param ... table<string, any>
--- @return chronon.Map
function M.map(...)
  local m = params.guarded(2, function(...)
    return types.add_entries(map.new(), { ... }, types.json, 'map')
  end, ...)
  return m
end

local strings = types.list(types.string)

M.Query = params.constructor {
  name = 'Query', returns = 'Query',
  doc = 'What is read from a table: columns, filters, the range of partitions, the time.',
  example = 'c.Query { selects = c.select("user", { cents = "amount * 100" }), wheres = { "amount > 0" }, '
    .. 'time_column = "ts" }',
  params = {
    { name = 'selects', type = types.map(types.string, true),
      doc = 'alias to Spark SQL expression; without it the needed columns are taken by name' },
    { name = 'wheres', type = strings, doc = 'Spark SQL conditions, all of which must hold' },
    { name = 'start_partition', type = types.string, doc = 'first valid day of the table, inclusive' },
    { name = 'end_partition', type = types.string, doc = 'last valid day of the table, inclusive' },
    { name = 'time_column', type = types.string, doc = 'expression that gives milliseconds since the epoch' },
    { name = 'setups', type = strings, doc = 'statements to run first, such as the registration of functions' },
    { name = 'mutation_time_column', type = types.string,
      doc = 'of an entity source with mutations: when the change happened (default `mutation_ts`)' },
    { name = 'reversal_column', type = types.string,
      doc = 'of an entity source with mutations: true on the old value of a row (default `is_before`)' },
    { name = 'partition_column', type = types.string,
      doc = 'name of the partition column of the table (default `ds`)' },
  },
  build = function(v)
    return object.new('Query', {
      selects = v.selects, wheres = v.wheres, startPartition = v.start_partition,
      endPartition = v.end_partition, timeColumn = v.time_column, setups = v.setups or {},
      mutationTimeColumn = v.mutation_time_column, reversalColumn = v.reversal_column,
      partitionColumn = v.partition_column,
    })
  end,
}

local query_type = types.object { 'Query' }

M.EventSource = params.constructor {
  name = 'EventSource', returns = 'EventSource',
  doc = 'Things that happened: a table of events partitioned by day, and the topic they arrive on.',
  example = 'c.EventSource { table = "data.purchases", topic = "events.purchases", query = c.Query { '
    .. 'time_column = "ts" } }',
  params = {
    { name = 'table', type = types.name, required = true,
      doc = 'the table, `namespace.name`, with `/column=value` for a sub-partition' },
    { name = 'topic', type = types.string, doc = 'the stream of the same events' },
    { name = 'query', type = query_type, required = true, doc = 'what is read from it' },
    { name = 'isCumulative', type = types.boolean, doc = 'every partition holds all the events so far' },
  },
  build = function(v)
    return object.new('EventSource', {
      table = v.table, topic = v.topic, query = v.query, isCumulative = v.isCumulative,
    })
  end,
}

M.EntitySource = params.constructor {
  name = 'EntitySource', returns = 'EntitySource',
  doc = 'Things that are: a table whose daily partitions are snapshots, and the changes between them.',
  example = 'c.EntitySource { snapshotTable = "data.users", query = c.Query { selects = c.select("user", '
    .. '"country") } }',
  params = {
    { name = 'snapshotTable', type = types.name, required = true, doc = 'the table of daily snapshots' },
    { name = 'mutationTable', type = types.string, doc = 'the table of changes' },
    { name = 'mutationTopic', type = types.string, doc = 'the stream of changes' },
    { name = 'query', type = query_type, required = true, doc = 'what is read from it' },
  },
  build = function(v)
    return object.new('EntitySource', {
      snapshotTable = v.snapshotTable, mutationTable = v.mutationTable,
      mutationTopic = v.mutationTopic, query = v.query,
    })
  end,
}

M.JoinSource = params.constructor {
  name = 'JoinSource', returns = 'JoinSource',
  doc = 'The output of another Join as a stream of events.',
  example = 'c.JoinSource { join = require("joins.team.parent").v1, query = c.Query { selects = '
    .. 'c.select("user"), time_column = "ts" } }',
  params = {
    { name = 'join', type = types.object { 'Join' }, required = true,
      doc = 'the parent join; its left side needs a topic' },
    { name = 'query', type = query_type, required = true, doc = 'what is read from its output' },
  },
  build = function(v)
    return object.new('JoinSource', { join = v.join, query = v.query })
  end,
}

M.Source = params.constructor {
  name = 'Source', returns = 'Source',
  doc = 'One of the sources; the bare source means the same.',
  example = 'c.Source { events = c.EventSource { table = "data.purchases", query = c.Query { time_column = '
    .. '"ts" } } }',
  params = {
    { name = 'events', type = types.object { 'EventSource' }, doc = 'an event source' },
    { name = 'entities', type = types.object { 'EntitySource' }, doc = 'an entity source' },
    { name = 'joinSource', type = types.object { 'JoinSource' }, doc = 'a join as a source' },
  },
  build = function(v, path)
    local count = (v.events and 1 or 0) + (v.entities and 1 or 0) + (v.joinSource and 1 or 0)
    if count ~= 1 then
      params.fail(path, 'takes exactly one of `events`, `entities` and `joinSource`, and got %d', count)
    end
    return object.new('Source', { events = v.events, entities = v.entities, joinSource = v.joinSource })
  end,
}

local BRANCHES = { EventSource = 'events', EntitySource = 'entities', JoinSource = 'joinSource' }

--- A Source, or a bare EventSource, EntitySource or JoinSource, which becomes one.
M.source_type = types.object({ 'Source', 'EventSource', 'EntitySource', 'JoinSource' })
local accept = M.source_type.check
function M.source_type.check(value, path)
  local branch = BRANCHES[object.kind(accept(value, path))]
  return branch and object.new('Source', { [branch] = value }) or value
end

M.query_type = query_type

return M
