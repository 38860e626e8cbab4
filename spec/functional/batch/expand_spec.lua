--- Tables whose definition gets other columns: joins and staging queries grow, GroupBys do not.
local repo = require('spec.support.batch_repo')
local NULL = require('spec.support.rows').NULL

local DAYS = {
  { 'a', 1, repo.ms('2024-01-01 10:00:00'), '2024-01-01' }, { 'a', 2, repo.ms('2024-01-02 10:00:00'), '2024-01-02' },
}

describe('a changed schema', function()
  local r
  before_each(function()
    r = repo.new()
    r:table('data.t', repo.values('k VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR', DAYS), 'ds')
  end)
  after_each(function() r:remove() end)

  local function staged(select)
    r:conf('q', { query = 'SELECT ' .. select .. ", ds FROM data.t WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'",
      startPartition = '2024-01-01' })
  end

  it('adds columns of a staging query at the end, and fills lacking ones with NULL', function()
    staged('k')
    r:succeed('backfill', 'q', '2024-01-01')
    staged('v AS w')
    r:succeed('backfill', 'q', '2024-01-02')
    local list, columns = r:read('SELECT * FROM ns.q ORDER BY ds', { 'ns.q' })
    assert.same({ 'k', 'w', 'ds' }, { columns[1].name, columns[2].name, columns[3].name })
    assert.same({ 'a', NULL }, { list[1].k, list[1].w })
    assert.equal(NULL, list[2].k)
    assert.equal('2', (tostring(list[2].w):gsub('LL$', '')))
  end)

  it('is refused by a staging query with --enable-auto-expand=false', function()
    staged('k')
    r:succeed('backfill', 'q', '2024-01-01')
    staged('k, v')
    local result = r:run('backfill', 'q', '2024-01-02', { '--enable-auto-expand=false' })
    assert.equal(1, result.code)
    assert.matches('has no column "v"', result.err, 1, true)
    assert.equal(2, r:run('backfill', 'q', '2024-01-02', { '--enable-auto-expand=maybe' }).code)
  end)

  it('is refused where a type changes', function()
    staged('v')
    r:succeed('backfill', 'q', '2024-01-01')
    staged('CAST(v AS STRING) AS v')
    local result = r:run('backfill', 'q', '2024-01-02')
    assert.equal(1, result.code)
    assert.matches('existing columns cannot be modified', result.err, 1, true)
  end)

  local function join(selects)
    r:conf('j', { left = { events = { table = 'data.t', query = { selects = selects, timeColumn = 'ts' } } } })
  end

  it('adds columns of a join whose table is kept', function()
    join({ k = 'k' })
    r:succeed('backfill', 'j', '2024-01-01')
    join({ k = 'k', w = 'v' })
    r:succeed('backfill', 'j', '2024-01-02', { '--unset-semantic-hash' })
    local list = r:read('SELECT * FROM ns.j ORDER BY ds', { 'ns.j' })
    assert.equal(NULL, list[1].w)
    assert.equal('2', (tostring(list[2].w):gsub('LL$', '')))
  end)

  it('is refused by a GroupBy', function()
    local function group_by(operations)
      local conf = { keyColumns = { 'k' }, backfillStartDate = '2024-01-01', accuracy = 1, aggregations = {},
        sources = { { events = { table = 'data.t', query = { selects = { k = 'k', v = 'v' }, timeColumn = 'ts' } } } } }
      for i, op in ipairs(operations) do conf.aggregations[i] = { inputColumn = 'v', operation = op } end
      r:conf('g', conf)
    end
    group_by({ 7 })
    r:succeed('backfill', 'g', '2024-01-01')
    group_by({ 7, 6 })
    local result = r:run('backfill', 'g', '2024-01-02')
    assert.equal(1, result.code)
    assert.matches('table ns.g has no column "v_', result.err, 1, true)
  end)
end)
