--- `{{ CHRONON_RUN_DS }}` in the selects of a GroupBy: the day that is scanned.
local repo = require('spec.support.batch_repo')

describe('CHRONON_RUN_DS', function()
  local r
  before_each(function()
    r = repo.new()
    r:table('data.snap', repo.values('k VARCHAR, since VARCHAR, ds VARCHAR', {
      { 'a', '2024-01-01', '2024-01-01' }, { 'a', '2024-01-01', '2024-01-02' }, { 'a', '2024-01-01', '2024-01-03' },
    }))
    r:table('data.left', repo.values('k VARCHAR, ts BIGINT, ds VARCHAR', {
      { 'a', repo.ms('2024-01-02') + 5, '2024-01-02' }, { 'a', repo.ms('2024-01-03') + 5, '2024-01-03' },
      { 'a', repo.ms('2024-01-04') + 5, '2024-01-04' },
    }))
  end)
  after_each(function() r:remove() end)

  local function group_by(source)
    return {
      metaData = { name = 'g' }, keyColumns = { 'k' }, backfillStartDate = '2024-01-01', accuracy = 1,
      sources = { source or { entities = { snapshotTable = 'data.snap', query = {
        selects = { k = 'k', age = "datediff('{{CHRONON_RUN_DS}}', since)", day = "'{{  CHRONON_RUN_DS }}'" } } } } },
      aggregations = { { inputColumn = 'age', operation = 7 }, { inputColumn = 'day', operation = 1 } },
    }
  end

  local function read(name, columns)
    local out = {}
    for i, row in ipairs((r:read(('SELECT ds, %s FROM %s ORDER BY ds'):format(columns, name), { name }))) do
      out[i] = row.ds .. ' ' .. tostring(row.age) .. ' ' .. tostring(row.day)
    end
    return out
  end

  it('is the day of a snapshot, also when many days are missing', function()
    r:conf('g', group_by())
    r:succeed('backfill', 'g', '2024-01-03')
    assert.same({ '2024-01-01 0 2024-01-01', '2024-01-02 1 2024-01-02', '2024-01-03 2 2024-01-03' },
      read('ns.g', 'age_sum AS age, day_max AS day'))
  end)

  it('makes a join go day by day', function()
    r:conf('j', { left = { events = { table = 'data.left',
      query = { selects = { k = 'k', ts = 'ts' }, timeColumn = 'ts' } } }, joinParts = { { groupBy = group_by() } } })
    local result = r:succeed('backfill', 'j', '2024-01-04', { '-o', 'json' })
    local _, steps = result.out:gsub('"start_ds"', '')
    assert.equal(3, steps, result.out)
    assert.same({ '2024-01-02 0 2024-01-01', '2024-01-03 1 2024-01-02', '2024-01-04 2 2024-01-03' },
      read('ns.j', 'g_age_sum AS age, g_day_max AS day'))
  end)

  it('is refused where a scan has several days', function()
    r:conf('g', group_by({ events = { table = 'data.left', query = {
      selects = { k = 'k', age = '1', day = "'{{ CHRONON_RUN_DS }}'" }, timeColumn = 'ts' } } }))
    local result = r:run('backfill', 'g', '2024-01-03')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('CHRONON_RUN_DS }} is only for GroupBy sources that are scanned for a single day',
      1, true), result.err)
  end)

  it('is not for a left side', function()
    r:conf('j', { left = { events = { table = 'data.left', query = {
      selects = { k = 'k', ts = 'ts', day = "'{{ CHRONON_RUN_DS }}'" }, timeColumn = 'ts' } } }, joinParts = {} })
    local result = r:run('backfill', 'j', '2024-01-02')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('left: .*CHRONON_RUN_DS'), result.err)
  end)
end)
