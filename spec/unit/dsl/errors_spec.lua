--- What an author is told: file, line, the path inside the definition, the cause, the nearest name.
local dsl = require 'spec.support.dsl'

--- @param want string what follows `Constructor.path: ` or any plain part of the message
local function says(want, source)
  local message = dsl.error_of(source)
  assert.is_truthy(message:find(want, 1, true), ('expected\n  %s\nin\n  %s'):format(want, message))
end

local EVENTS = [[
local function events(args)
  args = args or {}
  return c.EventSource { table = 'ns.t', topic = args.topic, isCumulative = args.cumulative,
    query = c.Query { selects = args.selects, time_column = args.time or 'ts' } }
end
local function gb(args)
  args.sources = args.sources or events()
  args.keys = args.keys or { 'user' }
  if args.aggregations == nil then args.aggregations = { c.Aggregation { input_column = 'd' } } end
  local made = c.GroupBy(args)
  return made
end
]]

--- One that uses the helpers above.
local function group_by_says(want, source)
  says(want, EVENTS .. source)
end

describe('an error of the author', function()
  it('has the file and line of the call, also when a helper makes it', function()
    assert.equal('group_bys/t/f.lua:4: Window.length: expected a whole number, got the string "7"',
      dsl.error_of("local x = 1\n\nreturn { c.Window { length = '7', time_unit = c.TimeUnit.DAYS } }",
        'group_bys/t/f.lua'))
    assert.match('^f.lua:3: Query.selects: ',
      dsl.error_of('local function q(t)\n local x = c.Query(t)\n return x end\nq { 1, 2 }', 'f.lua'))
  end)

  it('is raised for an entry of a map that is a pair, which would be lost', function()
    says('ExternalPart.key_mapping[1]: expected { name = value }, got a table',
      "c.ExternalPart { source = c.ContextualSource { fields = {} }, key_mapping = { { 'a', 'b' } } }")
  end)

  it('has the path inside the definition', function()
    says('Aggregation.windows[2]: the window "90m" cannot be: it is in minutes, and Chronon has hours and days',
      "c.Aggregation { windows = { '1h', '90m' } }")
    says('GroupBy.env["backfill"]["X"]: expected a string, got the number 1',
      "c.GroupBy { env = { backfill = { X = 1 } }, keys = {},"
      .. " sources = c.EventSource { table = 't', query = c.Query {} } }")
  end)

  it('names the nearest parameter, in either spelling', function()
    says('unknown parameter `select` (did you mean "selects"?)', "c.Query { select = c.select('a') }")
    says('unknown parameter `timecolumn` (did you mean "time_column"?)', "c.Query { timecolumn = 'ts' }")
    says('unknown parameter `aggregation` (did you mean "aggregations"?); keywords of your own go into kwargs',
      'c.GroupBy { aggregation = {} }')
  end)

  it('names the nearest constructor, operation and unit', function()
    says('chronon has no GroupBY (did you mean "GroupBy"?)', 'c.GroupBY {}')
    says('c.Operation has no AVG', 'local x = c.Operation.AVG')
    says('c.Operation has no AVERGE (did you mean "AVERAGE"?)', 'local x = c.Operation.AVERGE')
    says('c.TimeUnit has no MINUTES (known: DAYS, HOURS)', 'local x = c.TimeUnit.MINUTES')
  end)

  it('says what is missing and what it is for', function()
    says('EventSource: the parameter `query` is missing: what is read from it', "c.EventSource { table = 't' }")
    says('the parameter `timeUnit` is missing', 'c.Window { length = 1 }')
  end)

  it('says what type it wants and what it got', function()
    says('Query.wheres: expected a list, got the string "x": put it in braces', "c.Query { wheres = 'x' }")
    says('Query.wheres: the list has no item 1 of 2', "c.Query { wheres = { nil, 'x' } }")
    says('Query.wheres[1]: expected a string, got the boolean true', 'c.Query { wheres = { true } }')
    says('EventSource.query: expected c.Query, got a plain table', "c.EventSource { table = 't', query = {} }")
    says('Aggregation.operation: expected c.Operation.SUM, got the string "SUM"', "c.Aggregation { operation = 'SUM' }")
    says('Aggregation.operation: expected c.Operation.LAST_K, got the string "last_k"', "c.Aggregation { operation = 'last_k' }")
    says('Aggregation.operation: expected c.Operation, got the string "X"', "c.Aggregation { operation = 'X' }")
    says('Operation.SUM: takes no argument', 'c.Operation.SUM(3)')
    says('Operation.HISTOGRAM: takes no argument; c.Operation.HISTOGRAM_K does', 'c.Operation.HISTOGRAM(3)')
    says('Window.time_unit: expected c.TimeUnit (such as c.TimeUnit.DAYS), got an Accuracy',
      'c.Window { length = 1, time_unit = c.Accuracy.SNAPSHOT }')
    says('Window.timeUnit: expected c.TimeUnit (such as c.TimeUnit.DAYS), got an Accuracy',
      'c.Window { length = 1, timeUnit = c.Accuracy.SNAPSHOT }')
    says('Query: takes one table, as in c.Query { selects = ... }, and got the string "x"', "c.Query('x')")
    says('Source: takes one table', "c.Source(c.EventSource { table = 't', query = c.Query {} })")
    says('the parameter `timeUnit` is given twice',
      'c.Window { length = 1, timeUnit = c.TimeUnit.DAYS, time_unit = c.TimeUnit.DAYS }')
    says('Window: takes 2 parameters, and got a value at position 3', 'c.Window { 1, c.TimeUnit.DAYS, 3 }')
  end)
end)

describe('windows', function()
  for text, want in pairs {
    ['90m'] = 'it is in minutes, and Chronon has hours and days',
    ['2w'] = 'write "14d"',
    ['7 d'] = 'write a whole number of hours ("1h") or days ("7d")',
    ['1.5h'] = 'write a whole number of hours ("1h") or days ("7d")',
    ['0d'] = 'expected a whole number from 1 up, got 0',
  } do
    it('refuses "' .. text .. '"', function() says(want, ("c.Aggregation { windows = { '%s' } }"):format(text)) end)
  end

  it('wants a list', function()
    says('Aggregation.windows: expected a list, got the string "7d": put it in braces',
      "c.Aggregation { windows = '7d' }")
  end)
end)

describe('operations', function()
  it('that take an argument must be called', function()
    says('APPROX_PERCENTILE takes an argument: c.Operation.APPROX_PERCENTILE({ 0.5, 0.9 })',
      'c.Aggregation { operation = c.Operation.APPROX_PERCENTILE }')
    says('LAST_K takes an argument: c.Operation.LAST_K(k)', 'c.Aggregation { operation = c.Operation.LAST_K }')
  end)

  it('refuse arguments that cannot be', function()
    says('Operation.LAST_K.k: expected a whole number from 1 up, got 0', 'c.Operation.LAST_K(0)')
    says('percentiles[2]: expected a share from 0 to 1, got 99', 'c.Operation.APPROX_PERCENTILE({ 0.5, 99 })')
    says('Operation.LAST_K: the parameter `k` is missing', 'c.Operation.LAST_K()')
  end)
end)

describe('a GroupBy refuses', function()
  it('no sources, and holes to fill without a start', function()
    says('GroupBy.sources: is empty', "c.GroupBy { sources = {}, keys = { 'a' } }")
    group_by_says('GroupBy.historical_backfill: means nothing without backfill_start_date',
      'gb { historical_backfill = true }')
  end)

  it('a ts that contradicts the time column', function()
    group_by_says('selects `ts` as "a" and has the time_column "b"',
      "gb { sources = events { selects = c.select({ ts = 'a' }), time = 'b' } }")
  end)

  it('event sources with mutations, without time, or streaming into snapshots', function()
    group_by_says('sources[1].query.mutation_time_column: events have no mutations',
      "gb { sources = c.EventSource { table = 't',"
      .. " query = c.Query { time_column = 'ts', mutation_time_column = 'm' } } }")
    group_by_says('sources[1].query.reversal_column: events have no mutations',
      "gb { sources = c.EventSource { table = 't', query = c.Query { time_column = 'ts', reversal_column = 'm' } } }")
    group_by_says('GroupBy.sources[1].query.time_column: is missing: an event source needs one',
      "gb { sources = c.EventSource { table = 't', query = c.Query {} } }")
    group_by_says('GroupBy.sources[1].topic: a GroupBy of c.Accuracy.SNAPSHOT reads no stream',
      "gb { sources = events { topic = 'x' }, accuracy = c.Accuracy.SNAPSHOT }")
  end)

  it('windows over entities without time', function()
    group_by_says('GroupBy.sources[1].query.time_column: is missing: aggregations[1] has windows',
      "gb { sources = c.EntitySource { snapshotTable = 't', query = c.Query {} },"
      .. " aggregations = { c.Aggregation { input_column = 'd', windows = { '1d' } } } }")
  end)

  for operation, name in pairs({ ['LAST'] = 'LAST', ['FIRST_K(2)'] = 'FIRST_K' }) do
    it('the first or last of entities without time: ' .. operation, function()
      group_by_says('GroupBy.sources[1].query.time_column: is missing: aggregations[2] is ' .. name
        .. ', which goes by the time of the rows',
        "gb { sources = c.EntitySource { snapshotTable = 't', query = c.Query {} },"
        .. " aggregations = { c.Aggregation { input_column = 'd', operation = c.Operation.COUNT },"
        .. " c.Aggregation { input_column = 'd', operation = c.Operation." .. operation .. " } } }")
    end)
  end

  it('a parent join without a stream', function()
    group_by_says('GroupBy.sources[1].join: the left side of the parent join has no topic',
      "local parent = c.Join { left = events(), right_parts = {} }\n"
      .. "gb { sources = c.JoinSource { join = parent, query = c.Query { time_column = 'ts' } } }")
  end)

  it('incremental mode over entities or with temporal accuracy', function()
    group_by_says('GroupBy.is_incremental: needs c.Accuracy.SNAPSHOT',
      'gb { is_incremental = true, accuracy = c.Accuracy.TEMPORAL }')
    group_by_says('GroupBy.sources[1]: is_incremental takes event sources only',
      "gb { is_incremental = true, sources = c.EntitySource { snapshotTable = 't', query = c.Query { time_column = 'ts' } } }")
  end)

  it('sources that select different columns', function()
    group_by_says('GroupBy.sources[2]: selects other columns than sources[1]: a, b differ',
      "gb { sources = { events { selects = c.select('a') }, events { selects = c.select('b') } } }")
  end)

  it('no aggregations over events or mutations', function()
    says('GroupBy.aggregations: is missing: only entity sources without mutations do without, '
      .. 'and sources[1] has events',
      "c.GroupBy { sources = c.EventSource { table = 't', query = c.Query { time_column = 'ts' } }, keys = { 'a' } }")
    says('and sources[1] has mutations',
      "c.GroupBy { keys = { 'a' },"
      .. " sources = c.EntitySource { snapshotTable = 't', mutationTopic = 'm', query = c.Query {} } }")
  end)

  it('no keys', function()
    group_by_says('GroupBy.keys: is empty', 'gb { keys = {} }')
    group_by_says('GroupBy.aggregations: is empty: give at least one, or leave it out', 'gb { aggregations = {} }')
  end)

  it('an aggregation without input', function()
    group_by_says('GroupBy.aggregations[1].input_column: is missing', 'gb { aggregations = { c.Aggregation {} } }')
  end)

  it('windows of hours in snapshots and in tables of its own', function()
    local with = "gb { aggregations = { c.Aggregation { input_column = 'd', windows = { '1d', '6h' } } }, %s }"
    group_by_says('GroupBy.aggregations[1].windows[2]: a window of 6 hours is too fine for c.Accuracy.SNAPSHOT',
      with:format('accuracy = c.Accuracy.SNAPSHOT'))
    group_by_says('GroupBy.aggregations[1].windows[2]: a window of 6 hours is too fine for the daily table',
      with:format("backfill_start_date = '2024-01-01'"))
    group_by_says('a window of 1 hour is too fine', "gb { accuracy = c.Accuracy.SNAPSHOT, "
      .. "aggregations = { c.Aggregation { input_column = 'd', windows = { '1h' } } } }")
  end)

  it('upload schedules that it does not know or cannot have', function()
    group_by_says('GroupBy.upload_schedule: expected one of "@daily", "@weekly"', "gb { upload_schedule = '@hourly' }")
    group_by_says('@weekly needs c.Accuracy.SNAPSHOT',
      "gb { upload_schedule = '@weekly', accuracy = c.Accuracy.TEMPORAL }")
    group_by_says('is for GroupBys without a stream, and sources[1] has one',
      "gb { upload_schedule = '@weekly', sources = events { topic = 't' } }")
  end)
end)

describe('a Join refuses', function()
  it('parts without a name or with keys that are not there', function()
    group_by_says('JoinPart.group_by: this GroupBy has no name', 'c.JoinPart { group_by = gb {} }')
    group_by_says('JoinPart.key_mapping["buyer"]: `usr` is no key of t.g (did you mean "user"?)',
      "c.JoinPart { group_by = gb { name = 't.g' }, key_mapping = { buyer = 'usr' } }")
  end)

  it('left sides that are joins, cumulative, without time or select ts', function()
    group_by_says('Join.left: a cumulative event source cannot be the left side',
      'c.Join { left = events { cumulative = true }, right_parts = {} }')
    group_by_says('Join.left: a join cannot be the left side',
      "local j = c.Join { left = events(), right_parts = {} }\n"
      .. "c.Join { left = c.JoinSource { join = j, query = c.Query {} }, right_parts = {} }")
    group_by_says('Join.left.query.selects: `ts` is a reserved name',
      "c.Join { left = events { selects = c.select('ts') }, right_parts = {} }")
    group_by_says('Join.left.query.time_column: is missing',
      "c.Join { left = c.EventSource { table = 't', query = c.Query { selects = c.select('a') } }, right_parts = {} }")
  end)

  it('the same external source twice, and logs that are not written', function()
    group_by_says('Join.online_external_parts[2]: is the source "contextual" again with the same prefix as part 1',
      "local p = c.ExternalPart { source = c.ContextualSource { fields = { { 'a', c.DataType.INT } } } }\n"
      .. 'c.Join { left = events(), right_parts = {}, online_external_parts = { p, p } }')
    group_by_says('Join.bootstrap_from_log: needs online = true and a sample_percent above 0',
      'c.Join { left = events(), right_parts = {}, bootstrap_from_log = true, online = true }')
  end)

  it('labels whose window is not their offset', function()
    local label = "c.LabelPart { labels = { c.JoinPart { group_by = gb { name = 'l', aggregations = { %s } } } },"
      .. ' left_start_offset = 7, left_end_offset = %d }'
    local week = "c.Aggregation { input_column = 'd', windows = { '7d' } }"
    group_by_says('LabelPart: left_start_offset and left_end_offset are the window of the label, 7 days',
      label:format(week, 3))
    group_by_says('a label has one aggregation with one window', label:format(week .. ',' .. week, 7))
    group_by_says('the window of a label is in days',
      label:format("c.Aggregation { input_column = 'd', windows = { '7h' } }", 7))
  end)
end)

describe('schemas and sources refuse', function()
  it('what has no place', function()
    says('DataType.MAP.key_type: the keys of a map are c.DataType.STRING',
      'c.DataType.MAP(c.DataType.INT, c.DataType.INT)')
    says('DataType.LIST takes the types inside it', "c.ContextualSource { fields = { { 'a', c.DataType.LIST } } }")
    says('ContextualSource.fields[1]: expected { "name", c.DataType.X }', "c.ContextualSource { fields = { 'a' } }")
    says('"contextual" is built in',
      "c.ExternalSource { name = 'contextual', team = 't', key_fields = {}, value_fields = {} }")
    says('Source: takes exactly one of `events`, `entities` and `joinSource`, and got 0', 'c.Source {}')
    says('staging_query: has no name yet',
      "c.StagingQueryEventSource { staging_query = c.StagingQuery { query = 'x' }, query = c.Query {} }")
  end)
end)

describe('a definition file', function()
  local module = require 'chronon.module'
  local c = require 'chronon'

  local function query() return c.StagingQuery { query = 'SELECT 1' } end

  it('names what it made, and not what it got from another', function()
    local shared = query()
    local list = module.define('staging_queries.team.sub.file', 'f', { v2 = query(), v1 = shared,
      helper = function() end })
    assert.equal('team.sub.file.v1 team.sub.file.v2', list[1].name .. ' ' .. list[2].name)
    assert.equal('team', list[1].object.metaData.team)
    assert.match('errors_spec.lua:%d+$', list[1].where)
    assert.same({}, module.define('staging_queries.team.other', 'g', { again = shared }))
    assert.equal('team.sub.file.v1', shared.metaData.name)
  end)

  it('must return a table of definitions, each under one name', function()
    local shared = query()
    for want, value in pairs {
      ['must end with a table of named definitions'] = false,
      ['and returned a StagingQuery'] = query(),
      ['are the same StagingQuery'] = { a = shared, b = shared },
      ['is no identifier'] = { ['a-b'] = query() },
    } do
      local ok, message = pcall(module.define, 'staging_queries.team.file', 'the/file.lua', value or nil)
      assert.is_false(ok)
      assert.match('^the/file.lua: ', message)
      assert.is_truthy(message:find(want, 1, true), message)
    end
  end)

  it('belongs to a team', function()
    local ok, message = pcall(module.define, 'staging_queries.file', 'staging_queries/file.lua', { v1 = query() })
    assert.is_false(ok)
    assert.match('put it into staging_queries/<team>/', message)
  end)
end)
