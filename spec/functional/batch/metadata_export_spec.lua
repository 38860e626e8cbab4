local batch_repo = require('spec.support.batch_repo')
local json = require('dkjson')
local program = require('spec.support.program')

local repo
before_each(function()
  repo = batch_repo.new()
  repo:table('raw.events', batch_repo.values('user BIGINT, tags VARCHAR[], amount DOUBLE, ts BIGINT, ds VARCHAR',
    { { 1, nil, 2.5, batch_repo.ms('2024-01-01'), '2024-01-01' } }), 'ds')
end)
after_each(function() repo:remove() end)

local function group_by(name, table_name)
  return { metaData = { name = name, outputNamespace = 'ns', team = 'shop' },
    sources = { { events = { table = table_name or 'raw.events', query = {
      selects = { user = 'user', amount = 'amount', tags = 'tags' }, timeColumn = 'ts' } } } },
    keyColumns = { 'user' },
    aggregations = {
      { inputColumn = 'amount', operation = 7, windows = { { length = 7, timeUnit = 1 }, { length = 2, timeUnit = 0 } } },
      { inputColumn = 'tags', operation = 17, argMap = { k = '3' } } } }
end

local function export(more, cwd_args)
  local args = { 'run', '--mode', 'metadata-export', '--repo', repo.folder, '--warehouse', repo.warehouse,
    '--ds', '2024-01-02', unpack(cwd_args or { '--input-root-path', repo.folder .. '/production' }) }
  for name, path in pairs(repo.paths) do
    args[#args + 1] = '--table'
    args[#args + 1] = name .. '=' .. path
  end
  for _, word in ipairs(more) do args[#args + 1] = word end
  return program.run(args)
end

local function exported(path)
  return json.decode(program.read(repo.folder .. '/out/' .. path), 1, json.null)
end

describe('metadata-export', function()
  it('adds the features to what was compiled', function()
    repo:conf('group_bys/shop/a.v1', group_by('shop.a.v1'))
    repo:conf('joins/shop/j.v1', { metaData = { name = 'shop.j.v1' }, left = { events = { table = 'raw.events', query = {
      selects = { user = 'user' }, timeColumn = 'ts' } } }, joinParts = { { groupBy = group_by('shop.a.v1'), prefix = 'p' } } })
    repo:conf('staging_queries/shop/q.v1', { metaData = { name = 'shop.q.v1' }, query = 'SELECT user, ds FROM raw.events' })
    local r = export({ '--output-root-path', repo.folder .. '/out', '-o', 'json' })
    assert.equal('', r.err)
    assert.same({ written = 3, exceptions = 0, failures = {} }, json.decode(r.out))
    local a = exported('group_bys/a.v1')
    assert.equal('raw.events', a.sources[1].events.table)
    assert.equal('shop.a.v1', a.metaData.name)
    local function feature(name, window, kind, input, operation)
      return { name = name, window = window, columnType = kind, inputColumn = input, operation = operation, groupBy = json.null }
    end
    assert.same({
      feature('amount_sum_7d', '7d', 'double', 'amount', 'sum'),
      feature('amount_sum_2h', '2h', 'double', 'amount', 'sum'),
      feature('tags_histogram', 'unbounded', 'map_string_int', 'tags', 'histogram'),
    }, a.features)
    local j = exported('joins/j.v1').features
    assert.equal(3, #j)
    assert.same({ name = 'p_shop_a_v1_amount_sum_7d', window = '7d', columnType = 'double', inputColumn = 'amount',
      operation = 'sum', groupBy = 'shop.a.v1' }, j[1])
    assert.same(feature('user', json.null, 'long', json.null, 'StagingQuery'), exported('staging_queries/q.v1').features[1])
  end)

  it('says why there are none', function()
    repo:conf('group_bys/shop/a.v1', group_by('shop.a.v1', 'raw.gone'))
    local r = export({ '--output-root-path', repo.folder .. '/out' })
    assert.equal(0, r.code)
    assert.equal('1 definition written, 1 of them with an exception for features\n', r.out)
    local a = exported('group_bys/a.v1')
    assert.is_nil(a.features)
    assert.matches('table raw.gone does not exist', a.exception, 1, true)
  end)

  it('keeps files of one name of two teams', function()
    repo:conf('group_bys/shop/a.v1', group_by('shop.a.v1'))
    repo:conf('group_bys/club/a.v1', group_by('club.a.v1'))
    export({ '--output-root-path', repo.folder .. '/out' })
    assert.equal('club.a.v1', exported('group_bys/a.v1').metaData.name)
    assert.equal('shop.a.v1', exported('group_bys/shop/a.v1').metaData.name)
  end)

  it('names the files that are no definition, after the others', function()
    repo:conf('group_bys/shop/a.v1', group_by('shop.a.v1'))
    program.write(repo.folder .. '/production/group_bys/shop/0.v1', '{')
    local r = export({ '--output-root-path', repo.folder .. '/out' })
    assert.equal(1, r.code)
    assert.matches('failed: .*/group_bys/shop/0.v1:1:', r.err)
    assert.equal('shop.a.v1', exported('group_bys/a.v1').metaData.name)
  end)

  it('writes a table, replacing the day', function()
    repo:conf('group_bys/shop/a.v1', group_by('shop.a.v1'))
    repo:conf('models/shop/m.v1', { metaData = { name = 'shop.m.v1' } })
    repo:conf('joins/shop/j.v1', { metaData = { name = 'shop.j.v1' }, left = { events = { table = 'raw.events', query = {
      selects = { user = 'user' }, timeColumn = 'ts' } } }, joinParts = { { groupBy = group_by('shop.a.v1') },
      { groupBy = group_by('shop.inner') } } })
    for _ = 1, 2 do
      local r = export({ '--output-table-name', 'meta.features', '--process-embedded-group-bys',
        '--output-table-properties-json', '{"owner": "us"}' })
      assert.equal(0, r.code, r.err)
    end
    local list = repo:read([[SELECT "entityType" AS e, ds, split_part(path, '/production/', 2) AS p,
      coalesce(json_array_length(metadata, '$.features'), -1)::INT AS n FROM meta.features ORDER BY e]], { 'meta.features' })
    local lines = {}
    for i, row in ipairs(list) do lines[i] = ('%s %s %s %d'):format(row.e, row.ds, row.p, row.n) end
    assert.same({
      'embeddedGroupBy 2024-01-02 embedded_group_bys/shop.inner 3',
      'groupBy 2024-01-02 group_bys/shop/a.v1 3',
      'join 2024-01-02 joins/shop/j.v1 6',
      'unknown 2024-01-02 models/shop/m.v1 -1',
    }, lines)
    assert.matches('"owner": "us"', program.read(repo.warehouse .. '/meta/features/_chronon.json'), 1, true)
  end)

  it('needs a source, a destination, and properties that are some', function()
    local function refused(code, more, args)
      local r = export(more, args)
      assert.equal(code, r.code)
      return r.err
    end
    assert.matches('no destination', refused(2, {}), 1, true)
    assert.matches('--input-root-path', refused(2, { '--output-root-path', '/x' }, {}), 1, true)
    assert.matches('is no folder', refused(1, { '--output-root-path', '/x' }, { '--input-root-path', '/nowhere' }), 1, true)
    local properties = { '--output-table-name', 'a.b', '--output-table-properties-json', '[]' }
    assert.matches('an object of texts', refused(1, properties), 1, true)
  end)
end)
