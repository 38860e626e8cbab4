--- What the constructors make: the values that Chronon's Python library makes.
local dsl = require 'spec.support.dsl'
local c = require 'chronon'
local map = require 'chronon.map'

local function events(args)
  args = args or {}
  return c.EventSource {
    table = args.table or 'data.ev', topic = args.topic,
    query = c.Query { selects = args.selects, time_column = args.time_column or 'ts', start_partition = args.start },
  }
end

local function sum(column)
  return c.Aggregation { input_column = column or 'd', operation = c.Operation.SUM }
end

local function selects_of(group_by, i)
  return table.concat(group_by.sources[i or 1].events.query.selects.keys, ' ')
end

describe('c.select', function()
  it('keeps the authored order of names and one-entry tables', function()
    local m = c.select('z', { b = 'B(x)' }, 'a')
    assert.same({ 'z', 'b', 'a' }, m.keys)
    assert.equal('B(x)', m.values.b)
    assert.equal('z', m.values.z)
  end)

  it('orders a table of several entries by name', function()
    assert.same({ 'q', 'a', 'b', 'c' }, c.select('q', { c = '1', a = '2', b = '3' }).keys)
  end)

  it('takes a plain table of selects the same way', function()
    local q = c.Query { selects = { 'user', { z = 'Z' }, b = 'B', a = 'A' } }
    assert.same({ 'user', 'z', 'a', 'b' }, q.selects.keys)
  end)
end)

describe('a GroupBy', function()
  it('selects keys and inputs that are missing, without touching what it was given', function()
    local source = events { selects = c.select('d') }
    local one = c.GroupBy { sources = source, keys = { 'user' }, aggregations = { sum 'd', sum 'e' } }
    local two = c.GroupBy { sources = { source }, keys = { 'item' }, aggregations = { sum 'd' } }
    assert.equal('d user e', selects_of(one))
    assert.equal('d item', selects_of(two))
    assert.same({ 'd' }, source.query.selects.keys)
  end)

  it('moves a selected ts to the time column', function()
    local source = c.EventSource { table = 't', query = c.Query { selects = c.select('user', { ts = 'sec * 1000' },
      'd') } }
    local gb = c.GroupBy { sources = source, keys = { 'user' }, aggregations = { sum() } }
    assert.equal('sec * 1000', gb.sources[1].events.query.timeColumn)
    assert.equal('user d', selects_of(gb))
  end)

  it('writes customJson as Python does, with the keywords first', function()
    local gb = c.GroupBy {
      sources = events(), keys = { 'user' }, lag = 2, tags = { b = true, a = 1.5 },
      aggregations = { c.Aggregation { input_column = 'd', operation = c.Operation.LAST_K(3), windows = { '7d', '1h' },
        buckets = { 'x' }, tags = { t = 'é"' } } },
      kwargs = c.map({ z = c.null }, { y = { 1, 2.5 } }), enable_tiling = true,
    }
    assert.equal('{"z": null, "y": [1, 2.5], "enable_tiling": true, "lag": 2, "groupby_tags": {"a": 1.5, "b": true}, '
      .. '"column_tags": {"d_last3_7d_by_x": {"t": "\\u00e9\\""}, "d_last3_1h_by_x": {"t": "\\u00e9\\""}}}',
      gb.metaData.customJson)
  end)

  it('waits for its sources, with the lag and the sub-partition', function()
    local gb = c.GroupBy {
      sources = events { table = 'ns.ev/hr=12', start = '2024-01-01' }, keys = { 'user' }, aggregations = { sum() },
        lag = 1,
    }
    assert.same({ '{"name": "wait_for_ns.ev_ds_minus_1", "spec": "ns.ev/ds={{ macros.ds_add(ds, -1) }}/hr=12", '
      .. '"start": "2024-01-01", "end": null}' }, gb.metaData.dependencies)
  end)

  it('waits for a snapshot and its mutations, and for what the author names instead', function()
    local source = c.EntitySource {
      snapshotTable = 'ns.snap', mutation_table = 'ns.mut', mutationTopic = 'topic',
      query = c.Query { time_column = 'ts', partition_column = 'day' },
    }
    local args = { sources = source, keys = { 'user' }, aggregations = { sum() } }
    assert.match('ns.snap/day={{ ds }}', c.GroupBy(args).metaData.dependencies[1], 1, true)
    assert.match('ns.mut/day={{ ds }}', c.GroupBy(args).metaData.dependencies[2], 1, true)
    args.dependencies = { 'a.b/ds={{ ds }}' }
    assert.same({ '{"name": "wait_for_a_b_ds_ds", "spec": "a.b/ds={{ ds }}", "start": null, "end": null}' },
      c.GroupBy(args).metaData.dependencies)
  end)

  it('keeps an upload schedule only when it is not daily', function()
    local args = { sources = events(), keys = { 'user' }, aggregations = { sum() } }
    assert.is_nil(c.GroupBy(args).metaData.customJson:find('uploadSchedule'))
    args.upload_schedule = '@weekly'
    assert.match('"column_tags": {}, "uploadSchedule": "@weekly"}$', c.GroupBy(args).metaData.customJson)
  end)

  it('leaves online and production unset, as they follow from its joins', function()
    local gb = c.GroupBy { sources = events(), keys = { 'user' }, aggregations = { sum() }, online = c.null }
    assert.is_nil(gb.metaData.online)
    assert.is_nil(gb.metaData.production)
    assert.equal('@daily', gb.metaData.offlineSchedule)
  end)
end)

describe('an operation', function()
  local function arguments(operation)
    local aggregation = c.Aggregation { input_column = 'd', operation = operation }
    return aggregation.operation .. ' ' .. dsl.json(aggregation.argMap)
  end

  it('is a number and its arguments', function()
    assert.equal('7 {}', arguments(c.Operation.SUM))
    assert.equal('3 {}', arguments(nil))
    assert.equal('13 {"k": "5"}', arguments(c.Operation.LAST_K(5)))
    assert.equal('5 {"k": "10"}', arguments(c.Operation.APPROX_UNIQUE_COUNT_LGK { k = 10 }))
    assert.equal('17 {"k": "0"}', arguments(c.Operation.HISTOGRAM_K(0)))
    assert.equal('19 {"k": "8"}', arguments(c.Operation.BOUNDED_UNIQUE_COUNT_K(8)))
  end)

  it('takes percentiles in every natural form', function()
    local want = '12 {"k": "200", "percentiles": "[0.99, 0.5]"}'
    assert.equal(want, arguments(c.Operation.APPROX_PERCENTILE({ 0.99, 0.5 }, 200)))
    assert.equal(want, arguments(c.Operation.APPROX_PERCENTILE({ 0.99, 0.5 }, { k = 200 })))
    assert.equal(want, arguments(c.Operation.APPROX_PERCENTILE { percentiles = { 0.99, 0.5 }, k = 200 }))
    assert.equal(want, arguments(c.Operation.APPROX_PERCENTILE { { 0.99, 0.5 }, k = 200 }))
    assert.equal('12 {"k": "128", "percentiles": "[0.5, 1.0]"}', arguments(c.Operation.APPROX_PERCENTILE({ 0.5, 1 })))
  end)
end)

describe('windows', function()
  it('are objects, positional objects or texts', function()
    local aggregation = c.Aggregation {
      windows = { '1h', '7d', c.Window { length = 3, timeUnit = c.TimeUnit.DAYS },
        c.Window { length = 4, time_unit = c.TimeUnit.HOURS }, c.Window { 5, c.TimeUnit.DAYS } },
    }
    local list = {}
    for i, w in ipairs(aggregation.windows) do list[i] = w.length .. '/' .. w.timeUnit end
    assert.equal('1/0 7/1 3/1 4/0 5/1', table.concat(list, ' '))
  end)
end)

describe('Aggregations and DefaultAggregation', function()
  it('name the inputs, by name or in the authored order', function()
    local function inputs(list)
      local names = {}
      for i, aggregation in ipairs(list) do names[i] = aggregation.inputColumn end
      return table.concat(names, ' ')
    end
    local agg = c.Aggregation { operation = c.Operation.SUM }
    assert.equal('a z', inputs(c.Aggregations { z = agg, a = agg }))
    assert.equal('z a', inputs(c.Aggregations { { z = agg }, { a = agg } }))
    assert.equal('other', inputs(c.Aggregations { z = c.Aggregation { input_column = 'other' } }))
    assert.is_nil(agg.inputColumn)
    local source = events { selects = c.select('user', 'a', 'b', 'ds', 'mutation_ts', 'is_before', 'ts') }
    assert.equal('a b', inputs(c.DefaultAggregation { keys = { 'user' }, sources = source }))
  end)
end)

describe('a Join', function()
  local function part(args)
    args = args or {}
    args.group_by = c.GroupBy {
      name = args.name or 'team.gb.v1', sources = events(), keys = { 'user' }, aggregations = { sum() },
    }
    args.name = nil
    return c.JoinPart(args)
  end

  it('adds its time to the left side, and leaves the given source alone', function()
    local left = events { selects = c.select('user'), time_column = 'sec * 1000' }
    local join = c.Join { left = left, right_parts = {} }
    assert.equal('{"user": "user", "ts": "sec * 1000"}', dsl.json(join.left.events.query.selects))
    assert.same({ 'user' }, left.query.selects.keys)
    assert.same({}, join.joinParts)
    assert.is_false(join.metaData.online)
  end)

  it('writes customJson in the order of Chronon', function()
    local join = c.Join {
      left = events { selects = c.select('user') }, right_parts = { part { prefix = 'p', tags = { x = 1 } } },
      check_consistency = true, additional_args = { '--step-days 14' }, additional_env = { custom_env = 'v' },
      tags = { t = true },
    }
    assert.equal('{"check_consistency": true, "lag": 0, "additional_args": ["--step-days 14"], '
      .. '"additional_env": {"custom_env": "v"}, "join_tags": {"t": true}, '
      .. '"join_part_tags": {"p_team.gb.v1": {"x": 1}}}', join.metaData.customJson)
    assert.equal(5, join.metaData.consistencySamplePercent)
  end)

  it('waits for each table once, for bootstraps, and labels for the join itself', function()
    local join = c.Join {
      left = events { selects = c.select('user') }, right_parts = { part(), part { name = 'team.gb.v2' } },
      bootstrap_parts = { c.BootstrapPart { table = 'data.boot', query = c.Query { start_partition = '2024-02-02' } } },
      label_part = c.LabelPart {
        labels = { c.JoinPart { group_by = c.GroupBy { name = 'l', keys = { 'user' },
          sources = c.EntitySource { snapshotTable = 'data.labels', query = c.Query {
            selects = c.select('label') } } } } },
        left_start_offset = 5, left_end_offset = 3,
      },
    }
    local names = {}
    for i, d in ipairs(join.metaData.dependencies) do names[i] = d:match('"name": "([^"]+)"') end
    assert.same({ 'wait_for_data.ev_ds', 'wait_for_data.boot_ds' }, names)
    assert.equal('{"name": "wait_for_{{ join_backfill_table }}", "spec": "{{ join_backfill_table }}/ds={{ ds }}"}',
      join.labelPart.metaData.dependencies[3])
  end)

  it('takes the log as a last bootstrap', function()
    local join = c.Join {
      left = events { selects = c.select('user') }, right_parts = {}, online = true, sample_percent = 10,
      bootstrap_from_log = true, bootstrap_parts = { c.BootstrapPart { 'data.boot', { 'id' } } },
    }
    assert.equal('{{ logged_table }}', join.bootstrapParts[2].table)
    assert.same({ 'id' }, join.bootstrapParts[1].keyColumns)
  end)
end)

describe('schemas', function()
  it('nest, by call or by table', function()
    local D = c.DataType
    local want = '{"kind": 11, "params": [{"dataType": {"kind": 7}, "name": "key"}, '
      .. '{"dataType": {"kind": 12, "params": [{"dataType": {"kind": 6}, "name": "elem"}]}, "name": "value"}]}'
    assert.equal(want, dsl.json(D.MAP(D.STRING, D.LIST(D.DOUBLE))))
    assert.equal(want, dsl.json(D.MAP { key_type = D.STRING, value_type = D.LIST { D.DOUBLE } }))
    local struct = '{"kind": 13, "name": "S", "params": [{"dataType": {"kind": 3}, "name": "b"}, '
      .. '{"dataType": {"kind": 4}, "name": "a"}]}'
    assert.equal(struct, dsl.json(D.STRUCT('S', { 'b', D.INT }, { a = D.LONG })))
    assert.equal(struct, dsl.json(D.STRUCT { name = 'S', fields = { { 'b', D.INT }, { 'a', D.LONG } } }))
  end)

  it('name the structs of sources and models', function()
    local fields = { { 'x', c.DataType.DOUBLE } }
    local source = c.ExternalSource { name = 'risk', team = 't', key_fields = fields, value_fields = fields,
      factory_name = 'f' }
    assert.equal('ext_risk_keys ext_risk_values f',
      source.keySchema.name .. ' ' .. source.valueSchema.name .. ' ' .. source.factoryConfig.factoryName)
    local model = c.Model {
      name = 'm', inference_spec = c.InferenceSpec { 'http', { url = 'u' } }, input_schema = fields,
        output_schema = fields,
    }
    assert.equal('model_m_inputs model_m_outputs', model.inputSchema.name .. ' ' .. model.outputSchema.name)
    assert.equal('default', c.ContextualSource { fields = fields }.metadata.team)
  end)
end)

describe('staging queries', function()
  local query = c.StagingQuery { query = 'SELECT 1', metaData = c.MetaData { name = 'team.file.v1',
    outputNamespace = 'ns' } }

  it('are sources under the name of the table they write', function()
    local source = c.StagingQueryEventSource { staging_query = query, query = c.Query { time_column = 'ts' } }
    assert.equal('ns.team_file_v1', source.events.table)
    assert.is_false(source.events.isCumulative)
    assert.equal('ns.team_file_v1', c.StagingQueryEntitySource { sq = query,
      query = c.Query {} }.entities.snapshotTable)
    assert.same({ 'ns.chronon_signal_partitions/ds={{ ds }}/table_name=ns.team_file_v1' },
      c.get_staging_query_dependencies(query))
  end)

  it('leave the namespace of their team to the compiler', function()
    local other = c.StagingQuery { query = 'SELECT 1', metaData = c.MetaData { name = 'team.file.v1' } }
    local source = c.StagingQueryEntitySource { staging_query = other, query = c.Query {} }
    assert.equal('{{ db:team }}.team_file_v1', source.entities.snapshotTable)
  end)

  it('do not share the metadata they were given', function()
    local meta = c.MetaData { description = 'x' }
    local one = c.StagingQuery { metaData = meta, query = 'SELECT 1' }
    one.metaData.name = 'changed'
    assert.is_nil(meta.name)
  end)
end)

describe('python text', function()
  local text = require 'chronon.text'

  it('prints floats as repr does', function()
    for want, x in pairs { ['0.1'] = 0.1, ['1e+22'] = 1e22, ['1e-05'] = 1e-5, ['0.0001'] = 0.0001,
      ['123456.789'] = 123456.789,
      ['-0.5'] = -0.5, ['1.2345678901234568e+17'] = 123456789012345678, ['5e-324'] = 5e-324,
        ['12345678.9'] = 12345678.9 } do
      assert.equal(want, text.number(x))
    end
    assert.equal('5', text.number(5))
    assert.equal('5.0', text.number(5, true))
  end)

  it('prints non-ASCII as \\u, in pairs above the basic plane', function()
    assert.equal('"\\u00e9\\ud83d\\ude00\\n\\u007f"', text.json('é😀\n\127'))
    assert.equal('{"b": [], "a": {}}', text.json(c.map({ b = {} }, { a = c.map() })))
  end)

  it('keeps maps in order when a key is set again', function()
    local m = c.map({ b = 1 }, { a = 2 })
    map.set(m, 'b', 3)
    assert.equal('{"b": 3, "a": 2}', text.json(m))
  end)
end)
