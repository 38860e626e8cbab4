--- Two structs whose fields have the same names, which Avro gives names of their own: nobody else sees those.
local json = require('dkjson')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')

describe('two structs with the same fields', function()
  local r, store
  before_each(function()
    r = repo.new()
    store = 'lmdb:' .. r.folder .. '/kv'
  end)
  after_each(function() r:remove() end)

  local function run(...)
    local out = program.run({ ... }, { cwd = r.folder })
    assert(out.code == 0, out.err)
    return out.out
  end

  it('are uploaded, streamed, derived of, logged and compared by their names', function()
    r:table('data.e', ([[SELECT 'u' AS uid, {'a': 1, 'b': 'x'} AS k, {'a': 2, 'b': 'y'} AS v, %d AS ts,
      '2024-03-10' AS ds]]):format(repo.ms('2024-03-10 01:00:00')), 'ds')
    r:table('data.left', ([[SELECT 'u' AS uid, %d AS ts, '2024-03-11' AS ds]]):format(repo.ms('2024-03-11 01:00:00')), 'ds')
    local window = { { length = 7, timeUnit = 1 } }
    local gb = {
      metaData = { name = 'shop.gb', team = 'shop', online = 1 }, keyColumns = { 'uid' }, accuracy = 0,
      sources = { { events = { table = 'data.e', topic = 'e', query = {
        selects = { uid = 'uid', k = 'k', v = 'v' }, timeColumn = 'ts', setups = {} } } } },
      aggregations = { { inputColumn = 'k', operation = 3, windows = window },
                       { inputColumn = 'v', operation = 3, windows = window } },
    }
    r:conf('gb', gb)
    local left = { events = { table = 'data.left',
                              query = { selects = { uid = 'uid' }, timeColumn = 'ts', setups = {} } } }
    r:conf('joins/shop/join', { metaData = { name = 'shop.join', team = 'shop', online = 1, samplePercent = 100 },
      left = left, rowIds = { 'uid', 'ts' }, joinParts = { { groupBy = gb } },
      derivations = { { name = 'sum', expression = 'shop_gb_k_last_7d.a + shop_gb_v_last_7d.a' },
                      { name = '*', expression = '*' } } })
    r:succeed('upload', 'gb', '2024-03-10', { '--store', store })
    local function fetch(at)
      return json.decode(run('fetch', '--conf', r.folder .. '/production/joins/shop/join', 'uid=u', '--store', store,
        '--warehouse', r.warehouse, '--at-millis', at, '--log', '--detailed', '-q', '-o', 'json')).features
    end
    local got = fetch('2024-03-11T01:00:00Z')
    assert.same({ a = 1, b = 'x' }, got.shop_gb_k_last_7d.value)
    assert.same({ a = 2, b = 'y' }, got.shop_gb_v_last_7d.value)
    assert.equal(3, got.sum.value)

    r:succeed('log-flattener', 'joins/shop/join', '2024-03-11',
      { '--log-table', 'logs.served', '--schema-table', 'logs.served_schemas' })
    local out = r:succeed('consistency-metrics-compute', 'joins/shop/join', '2024-03-11', { '-o', 'csv', '-q' }).out
    for _, feature in ipairs { 'sum', 'shop_gb_k_last_7d', 'shop_gb_v_last_7d' } do
      assert.matches('\n' .. feature .. ',1,0,0,0,0,', out, 1, true)
    end

    program.write(r.folder .. '/events.json', json.encode { uid = 'u', k = { a = 30, b = 'k' }, v = { a = 40, b = 'v' },
                                                            ts = repo.ms('2024-03-11 02:00:00') } .. '\n')
    r:succeed('local-streaming', 'gb', '2024-03-11', { '--store', store, '--input', r.folder .. '/events.json' })
    got = fetch('2024-03-11T03:00:00Z')
    assert.same({ a = 30, b = 'k' }, got.shop_gb_k_last_7d.value)
    assert.same({ a = 40, b = 'v' }, got.shop_gb_v_last_7d.value)
    assert.equal(70, got.sum.value)
  end)
end)
