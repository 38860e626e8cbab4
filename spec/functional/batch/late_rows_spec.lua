--- Which partitions a part of a join reads: those of the days of the left rows' instants.
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')

local EVENTS = 'user VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR'
local LEFT = 'id VARCHAR, user VARCHAR, ts BIGINT, ds VARCHAR'

local function definition()
  local function source(name, selects)
    return { events = { table = name, query = { selects = selects, timeColumn = 'ts' } } }
  end
  return {
    left = source('data.left', { id = 'id', user = 'user' }), rowIds = { 'id' },
    joinParts = { { groupBy = {
      metaData = { name = 'g' }, sources = { source('data.ev', { user = 'user', v = 'v' }) }, keyColumns = { 'user' },
      accuracy = 0, aggregations = { { inputColumn = 'v', operation = 7, windows = { { length = 2, timeUnit = 1 } } } },
    } } },
  }
end

describe('the partitions that a step of a join reads', function()
  local r
  before_each(function() r = repo.new() end)
  after_each(function() r:remove() end)

  --- "<id> <sum>" of each row of a join through a day.
  local function sums(ds, left)
    r:table('data.ev', repo.values(EVENTS, {
      { 'u', 1, repo.ms('2024-01-02 10:00:00'), '2024-01-02' }, { 'u', 10, repo.ms('2024-01-02 11:00:00'), '2024-01-03' },
      { 'u', 100, repo.ms('2024-01-03 09:00:00'), '2024-01-03' },
    }))
    r:table('data.left', repo.values(LEFT, left))
    r:conf('j', definition())
    r:succeed('backfill', 'j', ds)
    local list = {}
    for i, row in ipairs((r:read('SELECT id, g_v_sum_2d AS s FROM ns.j ORDER BY id', { 'ns.j' }))) do
      list[i] = row.id .. ' ' .. rows.text(row.s)
    end
    return list
  end

  local NOON = repo.ms('2024-01-02 12:00:00')

  it('end with the day of its rows', function()
    assert.same({ 'a 1' }, sums('2024-01-02', { { 'a', 'u', NOON, '2024-01-02' } }))
  end)

  it('reach the day of a row that came early, for all its rows', function()
    assert.same({ 'a 11', 'b 111' }, sums('2024-01-02',
      { { 'a', 'u', NOON, '2024-01-02' }, { 'b', 'u', repo.ms('2024-01-03 10:00:00'), '2024-01-02' } }))
  end)

  it('do not reach the partition of rows that came late', function()
    assert.same({ 'a 1' }, sums('2024-01-03', { { 'a', 'u', NOON, '2024-01-03' } }))
  end)
end)
