--- Joins as sources: which late rows their values have.
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')

local EVENTS = 'user VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR'
local LEFT = 'id VARCHAR, user VARCHAR, ts BIGINT, ds VARCHAR'

local function source(name, selects)
  return { events = { table = name, query = { selects = selects, timeColumn = 'ts' } } }
end

local function group_by(name, from, input, accuracy)
  return { groupBy = { metaData = { name = name, outputNamespace = 'ns' }, sources = { from }, keyColumns = { 'user' },
    accuracy = accuracy, aggregations = { { inputColumn = input, operation = 7, windows = { { length = 5, timeUnit = 1 } } } } } }
end

local function definition(accuracy)
  local left = source('data.left', { id = 'id', user = 'user' })
  local parent = { metaData = { name = 'parent', outputNamespace = 'ns' }, left = left, rowIds = { 'id' },
    joinParts = { group_by('g', source('data.ev', { user = 'user', v = 'v' }), 'v', 0) } }
  local from = { joinSource = { join = parent, query = { selects = { user = 'user', g = 'g_v_sum_5d' }, timeColumn = 'ts' } } }
  return { left = left, rowIds = { 'id' }, joinParts = { group_by('c', from, 'g', accuracy) } }
end

describe('a join whose source is a join', function()
  local r
  before_each(function()
    r = repo.new()
    -- 10 is of the 2nd and comes on the 3rd.
    r:table('data.ev', repo.values(EVENTS, { { 'u', 1, repo.ms('2024-01-02 10:00:00'), '2024-01-02' },
      { 'u', 10, repo.ms('2024-01-02 11:00:00'), '2024-01-03' } }))
    r:table('data.left', repo.values(LEFT, { { 'a', 'u', repo.ms('2024-01-02 12:00:00'), '2024-01-02' },
      { 'b', 'u', repo.ms('2024-01-03 12:00:00'), '2024-01-03' }, { 'c', 'u', repo.ms('2024-01-03 13:00:00'), '2024-01-03' } }))
  end)
  after_each(function() r:remove() end)

  local function values(accuracy, ...)
    r:conf('j', definition(accuracy))
    r:succeed('backfill', 'j', '2024-01-03', { ... })
    local list = {}
    for i, row in ipairs((r:read('SELECT id, c_g_sum_5d AS s FROM ns.j ORDER BY id', { 'ns.j' }))) do
      list[i] = row.id .. ' ' .. rows.text(row.s)
    end
    return table.concat(list, ', ')
  end

  it('makes it through its own last day first, in one step: snapshots of days before have its late rows', function()
    assert.equal('a NULL, b 11, c 11', values(1))
    require('spec.support.program').remove(r.warehouse)
    assert.equal('a NULL, b 11, c 11', values(1, '--step-days', '1'))
  end)

  it('makes it through the day before for TEMPORAL parts', function()
    assert.equal('a NULL, b 1, c 1', values(0))
  end)
end)
