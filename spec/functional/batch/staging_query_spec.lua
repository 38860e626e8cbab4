--- Staging queries beyond one table by ds: further partition columns, views, and the days of sources
--- named with sub-partitions.
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')

describe('a staging query', function()
  local r
  before_each(function()
    r = repo.new()
    r:table('data.t', repo.values('k INTEGER, region VARCHAR, ds VARCHAR', {
      { 1, 'eu', '2024-01-01' }, { 2, 'us', '2024-01-01' }, { 3, 'eu', '2024-01-02' },
    }))
  end)
  after_each(function() r:remove() end)

  local BY_DAY = "SELECT k, region, ds FROM data.t WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'"

  local function staged(custom)
    r:conf('q', { query = BY_DAY, startPartition = '2024-01-01', metaData = { customJson = custom } })
    return r:run('backfill', 'q', '2024-01-02')
  end

  local function count(name, where)
    return r:read(('SELECT count(*)::BIGINT AS n FROM %s %s'):format(name, where or ''), { name })[1].n
  end

  it('is partitioned by what customJson adds to ds', function()
    assert.equal(0, staged('{"additional_partition_cols": ["region"]}').code)
    assert.equal(0, program.shell(('test -d %s/ns/q/ds=2024-01-01/region=us'):format(r.warehouse)))
    assert.equal(3, count('ns.q'))
    local again = r:succeed('backfill', 'q', '2024-01-02')
    assert.truthy(again.out:find('nothing to do', 1, true), again.out)
  end)

  it('refuses what is no list of columns, or no column', function()
    local result = staged('{"additional_partition_cols": "region"}')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('additional_partition_cols must be a list of column names', 1, true), result.err)
    result = staged('{"additional_partition_cols": ["nix"]}')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('no partition column "nix"', 1, true), result.err)
    result = staged('{"additional_partition_cols": ')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('customJson:1:', 1, true), result.err)
  end)

  local function view(query)
    r:conf('v', { query = query, createView = 1, metaData = { tableProperties = { owner = 'me' } } })
    return r:run('backfill', 'v', '2024-01-02')
  end

  it('becomes a view with createView, and signals its day', function()
    local result = view("SELECT k, '{{ latest_date }}' AS of, ds FROM data.t WHERE ds <= '{{ max_date(table=data.t) }}'")
    assert.equal(0, result.code, result.err)
    assert.equal(3, count('ns.v', "WHERE of = '2024-01-02'"))
    r:table('data.t', repo.values('k INTEGER, region VARCHAR, ds VARCHAR', { { 9, 'eu', '2024-01-01' } }))
    assert.equal(1, count('ns.v'))
    local signal = r:read('SELECT * FROM ns.chronon_signal_partitions', { 'ns.chronon_signal_partitions' })
    assert.equal(1, #signal)
    assert.equal('2024-01-02', signal[1].ds)
    assert.equal('ns.v', signal[1].table_name)
    assert.truthy(signal[1].created_at:match('^%d+-%d+-%d+T%d+:%d+:%d+%.%d+Z$'), signal[1].created_at)
  end)

  it('keeps the signals of other days and views', function()
    assert.equal(0, view('SELECT * FROM data.t').code)
    assert.equal(0, r:run('backfill', 'v', '2024-01-03').code)
    r:conf('w', { query = 'SELECT k FROM ns.v', createView = 1 })
    assert.equal(0, r:run('backfill', 'w', '2024-01-03').code)
    assert.equal(3, count('ns.chronon_signal_partitions'))
    assert.equal(3, count('ns.w'))
  end)

  it('is a source like any table when it is a view', function()
    assert.equal(0, view('SELECT k, region, ds FROM data.t').code)
    r:conf('g', {
      sources = { { entities = { snapshotTable = 'ns.v', query = { selects = { region = 'region', k = 'k' } } } } },
      keyColumns = { 'region' }, aggregations = { { inputColumn = 'k', operation = 7 } },
      backfillStartDate = '2024-01-01',
    })
    r:succeed('backfill', 'g', '2024-01-02')
    assert.equal(3, count('ns.g'))
  end)

  for why, query in pairs({
    ['a view has no start_date and end_date'] = BY_DAY,
    ['nix'] = 'SELECT nix FROM data.t',
    ['data.nix'] = 'SELECT 1 AS x FROM data.nix',
  }) do
    it('is refused as a view: ' .. why, function()
      local result = view(query)
      assert.equal(1, result.code)
      assert.truthy(result.err:find(why, 1, true), result.err)
    end)
  end

  it('is not written as a table where its view stands, nor the other way round', function()
    assert.equal(0, view('SELECT * FROM data.t').code)
    r:conf('v', { query = BY_DAY, startPartition = '2024-01-01' })
    local result = r:run('backfill', 'v', '2024-01-02', { '--run-first-hole', '--start-ds', '2023-12-30' })
    assert.equal(1, result.code)
    assert.truthy(result.err:find('ns.v is a view', 1, true), result.err)
    assert.equal(0, staged().code)
    r:conf('q', { query = 'SELECT 1 AS x', createView = 1 })
    result = r:run('backfill', 'q', '2024-01-02')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('there is a table of that name', 1, true), result.err)
  end)
end)

describe('a source with sub-partitions in its name', function()
  local r
  before_each(function()
    r = repo.new()
    r:table('data.parts', repo.values('k VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR, region VARCHAR', {
      { 'a', 1, repo.ms('2024-01-01'), '2024-01-01', 'eu' }, { 'a', 2, repo.ms('2024-01-02'), '2024-01-02', 'us' },
      { 'a', 4, repo.ms('2024-01-03'), '2024-01-03', 'eu' },
    }), 'ds, region')
  end)
  after_each(function() r:remove() end)

  local function group_by(name)
    r:conf('g', {
      sources = { { events = { table = name, query = { selects = { k = 'k', v = 'v' }, timeColumn = 'ts' } } } },
      keyColumns = { 'k' }, backfillStartDate = '2024-01-01', accuracy = 1,
      aggregations = { { inputColumn = 'v', operation = 7, windows = { { length = 2, timeUnit = 1 } } } },
    })
    r:succeed('backfill', 'g', '2024-01-03')
    local out = {}
    for i, row in ipairs((r:read('SELECT ds, v_sum_2d FROM ns.g ORDER BY 1', { 'ns.g' }))) do
      out[i] = row.ds .. ' ' .. row.v_sum_2d
    end
    return out
  end

  it('is missing the days that this sub-partition lacks, but is read whole', function()
    assert.same({ '2024-01-01 1', '2024-01-03 6' }, group_by('data.parts/region=eu'))
  end)

  it('has every day when no sub-partition is asked for', function()
    assert.same({ '2024-01-01 1', '2024-01-02 3', '2024-01-03 6' }, group_by('data.parts'))
  end)

  it('sets the first day of a join', function()
    r:conf('j', { left = { events = { table = 'data.parts/region=us',
      query = { selects = { k = 'k', ts = 'ts' }, timeColumn = 'ts' } } }, joinParts = {} })
    r:succeed('backfill', 'j', '2024-01-03')
    local days = r:read('SELECT DISTINCT ds FROM ns.j ORDER BY 1', { 'ns.j' })
    assert.equal(1, #days)
    assert.equal('2024-01-02', days[1].ds)
  end)
end)
