-- Rows and columns that upstream fails on or takes, found by running both.
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')

local EVENTS = 'user VARCHAR, price DECIMAL, ts BIGINT, ds VARCHAR'
local COUNT = 6

local function source(name, selects)
  return { events = { table = name, query = { selects = selects, timeColumn = 'ts' } } }
end

local function counting()
  return {
    metaData = { name = 'g' }, sources = { source('data.ev', { user = 'user', price = 'price' }) },
    keyColumns = { 'user' }, accuracy = 0,
    aggregations = { { inputColumn = 'price', operation = COUNT, windows = { { length = 2, timeUnit = 1 } } } },
  }
end

describe('odd rows', function()
  local r
  before_each(function()
    r = repo.new()
    r:table('data.ev', repo.values(EVENTS, {
      { 'u', '1.50', repo.ms('2024-01-02 10:00:00'), '2024-01-02' },
      { 'u', '1.50', repo.ms('2024-01-02 11:00:00'), '2024-01-02' },
      { 'u', rows.NULL, repo.ms('2024-01-02 11:30:00'), '2024-01-02' },
    }))
  end)
  after_each(function() r:remove() end)

  it('counts decimals, and keeps a left row without an instant, with nulls', function()
    r:table('data.left', repo.values('id VARCHAR, user VARCHAR, ts BIGINT, ds VARCHAR', {
      { 'a', 'u', repo.ms('2024-01-02 12:00:00'), '2024-01-02' }, { 'b', 'u', rows.NULL, '2024-01-02' },
    }))
    r:conf('j', {
      left = source('data.left', { id = 'id', user = 'user' }), rowIds = { 'id' }, joinParts = { { groupBy = counting() } },
    })
    r:succeed('backfill', 'j', '2024-01-02')
    local list = {}
    for i, row in ipairs((r:read('SELECT id, g_price_count_2d AS n FROM ns.j ORDER BY id', { 'ns.j' }))) do
      list[i] = row.id .. ' ' .. rows.text(row.n)
    end
    assert.same({ 'a 2', 'b NULL' }, list)
  end)
end)
