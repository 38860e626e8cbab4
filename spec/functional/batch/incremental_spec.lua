--- GroupBys with isIncremental: states of days are kept and merged.
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')

local function days(...)
  local list = {}
  for i, n in ipairs({ ... }) do list[i] = { length = n, timeUnit = 1 } end
  return list
end

local function definition(aggregations, incremental)
  return {
    sources = { { events = { table = 'data.ev', query = {
      selects = { user = 'user', v = 'v', d = 'd', s = 's', b = 'b', l = 'l' }, timeColumn = 'ts' } } } },
    keyColumns = { 'user' }, accuracy = 1, backfillStartDate = '2024-01-02', isIncremental = incremental and 1 or nil,
    aggregations = aggregations,
  }
end

local COLUMNS = 'user VARCHAR, v BIGINT, d DOUBLE, s VARCHAR, b VARCHAR, l BIGINT[], ts BIGINT, ds VARCHAR'

describe('an incremental GroupBy', function()
  local r
  before_each(function() r = repo.new() end)
  after_each(function() r:remove() end)

  local function small(more)
    local list = {
      { 'u1', 10, 1, 'x', 'p', nil, 1704189600000, '2024-01-02' },
      { 'u2', 20, 1, 'x', 'p', nil, 1704193200000, '2024-01-02' },
      { 'u1', 30, 1, 'x', 'p', nil, 1704276000000, '2024-01-03' },
    }
    for _, row in ipairs(more or {}) do list[#list + 1] = row end
    r:table('data.ev', repo.values(COLUMNS, list))
  end

  local AGGS = {
    { inputColumn = 'v', operation = 7, windows = days(2, 7) }, { inputColumn = 'v', operation = 3, windows = days(2) },
    { inputColumn = 'v', operation = 8, windows = days(2) },
  }

  local function texts(sql, ...)
    local list, columns = r:read(sql, { ... })
    local out, names = {}, {}
    for c, column in ipairs(columns) do names[c] = column.name .. ':' .. column.type end
    for i, row in ipairs(list) do
      local cells = {}
      for c, column in ipairs(columns) do cells[c] = rows.text(row[column.name]) end
      out[i] = table.concat(cells, ' ')
    end
    return out, table.concat(names, ', ')
  end

  it('keeps states as upstream does, and merges them', function()
    small()
    r:conf('g', definition(AGGS, true))
    r:succeed('backfill', 'g', '2024-01-03')
    local out = texts('SELECT "user", v_sum_2d, v_sum_7d, v_last_2d, v_average_2d, ds FROM ns.g ORDER BY ALL', 'ns.g')
    assert.same({ 'u1 10 10 10 10 2024-01-02', 'u1 40 40 30 20 2024-01-03', 'u2 20 20 20 20 2024-01-02',
      'u2 20 20 20 20 2024-01-03' }, out)
    local states, columns = texts('SELECT * FROM ns.g_daily_inc ORDER BY ALL', 'ns.g_daily_inc')
    assert.equal('user:string, ts:bigint, v_sum:bigint, v_last:struct<epochMillis:bigint,payload:bigint>, '
      .. 'v_average:struct<sum:double,count:int>, ds:string', columns)
    assert.same({
      'u1 1704153600000 10 [[epochMillis,1704189600000],[payload,10]] [[sum,10],[count,1]] 2024-01-02',
      'u1 1704240000000 30 [[epochMillis,1704276000000],[payload,30]] [[sum,30],[count,1]] 2024-01-03',
      'u2 1704153600000 20 [[epochMillis,1704193200000],[payload,20]] [[sum,20],[count,1]] 2024-01-02',
    }, states)
  end)

  it('makes the states of a day once: later runs, and one after a kill, reuse them', function()
    small()
    r:conf('g', definition(AGGS, true))
    r:succeed('backfill', 'g', '2024-01-03')
    -- The output is lost, as if the run had been killed between the two writes; the source of the
    -- first day is gone too.
    require('spec.support.program').remove(r.warehouse .. '/ns/g')
    r:table('data.ev', repo.values(COLUMNS, { { 'u1', 500, 1, 'x', 'p', nil, 1704276000000, '2024-01-03' },
      { 'u1', 7, 1, 'x', 'p', nil, 1704362400000, '2024-01-04' } }))
    r:succeed('backfill', 'g', '2024-01-04')
    assert.same({ 'u1 40 2024-01-03', 'u2 20 2024-01-03', 'u1 37 2024-01-04' },
      texts('SELECT "user", v_sum_2d, ds FROM ns.g WHERE v_sum_2d IS NOT NULL ORDER BY ds, 1', 'ns.g'))
    assert.same({ '2024-01-02', '2024-01-03', '2024-01-04' },
      texts('SELECT DISTINCT ds FROM ns.g_daily_inc ORDER BY 1', 'ns.g_daily_inc'))
  end)

  it('has the values of one that is not', function()
    local random, the_seed = seed.random('incremental')
    local words = { 'a', 'b', 'c', '', 'longer than twelve bytes' }
    local ops = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16 }
    for trial = 1, tonumber(os.getenv('TRIALS')) or 3 do
      local list = { ("('a', 1, 1, 'a', 'a', NULL, %d, '2024-01-02')"):format(repo.ms('2024-01-02')) }
      for _ = 1, random(1, 150) do
        local day = random(0, 11)
        local ts = repo.ms('2023-12-28') + day * 86400000 + random(0, 86399) * 1000 + #list
        local l = random(1, 3) == 1 and 'NULL' or ('[%d, %d]'):format(random(0, 3), random(0, 3))
        list[#list + 1] = ("('%s', %s, %s, '%s', '%s', %s, %d, strftime(make_timestamp(%d * 1000), '%%Y-%%m-%%d'))")
          :format(words[random(1, 5)], random(1, 8) == 1 and 'NULL' or random(-5, 5), random(-20, 20) / 4,
            words[random(1, 5)], words[random(1, 3)], l, ts, ts)
      end
      r:table('data.ev', ('SELECT "user"::VARCHAR AS "user", v::BIGINT AS v, d::DOUBLE AS d, s::VARCHAR AS s, '
        .. 'b::VARCHAR AS b, l::BIGINT[] AS l, ts::BIGINT AS ts, ds::VARCHAR AS ds FROM (VALUES %s) '
        .. 't("user", v, d, s, b, l, ts, ds)'):format(table.concat(list, ', ')))
      local aggs = {}
      for _, op in ipairs(ops) do
        local a = { inputColumn = random(1, 2) == 1 and 'v' or 'd', operation = op, windows = days(1, 3) }
        if op >= 13 then a.argMap = { k = '2' } end
        if random(1, 3) == 1 then a.buckets = { 'b' } end
        if op == 7 then a.inputColumn, a.buckets = 'l', nil end
        aggs[#aggs + 1] = a
      end
      aggs[#aggs + 1] = { inputColumn = 's', operation = 17, windows = days(2) }
      r:conf('inc', definition(aggs, true))
      r:conf('all', definition(aggs, false))
      local program = require('spec.support.program')
      program.remove(r.warehouse)
      for _, name in ipairs({ 'inc', 'all' }) do
        r:succeed('backfill', name, '2024-01-08', { '--step-days', tostring(random(2, 9)) })
      end
      local want, columns = r:read('SELECT * FROM ns."all"', { 'ns.all' })
      local got = r:read('SELECT * FROM ns.inc', { 'ns.inc' })
      local names = { 'ds', 'user' }
      for _, c in ipairs(columns) do
        if c.name ~= 'ds' and c.name ~= 'user' then names[#names + 1] = c.name end
      end
      -- A skew of 0 is what rounding leaves of it.
      local function same(_, x, y) return type(x) == 'number' and type(y) == 'number' and math.abs(x - y) < 1e-12 end
      assert.equal('', table.concat(rows.differences(want, got, names, same), '\n'),
        ('seed %d, trial %d'):format(the_seed, trial))
    end
  end)

  it('keeps the states of two aggregations of one kind once', function()
    small()
    r:conf('g', definition({ { inputColumn = 'v', operation = 7, windows = days(1) },
      { inputColumn = 'd', operation = 7, windows = days(2) }, { inputColumn = 'v', operation = 7, windows = days(2) } }, true))
    r:succeed('backfill', 'g', '2024-01-03')
    assert.same({ 'u1 10 1 10 2024-01-02', 'u1 30 2 40 2024-01-03', 'u2 20 1 20 2024-01-02', 'u2 NULL 1 20 2024-01-03' },
      (texts('SELECT "user", v_sum_1d, d_sum_2d, v_sum_2d, ds FROM ns.g ORDER BY ALL', 'ns.g')))
    local _, columns = texts('SELECT * FROM ns.g_daily_inc', 'ns.g_daily_inc')
    assert.equal('user:string, ts:bigint, v_sum:bigint, d_sum:double, ds:string', columns)
  end)

  it('sees a late row only where it arrives in the same --step-days as its own day', function()
    -- A day's states are made with the partitions of their run of days: 7 of the 3rd comes in that of
    -- the 4th, which the run of two days has and a run of one day has not.
    small({ { 'u1', 7, 1, 'x', 'p', nil, 1704276100000, '2024-01-04' } })
    for _, case in ipairs({ { '1', 40 }, { '2', 40 }, { '3', 47 }, { '30', 47 } }) do
      require('spec.support.program').remove(r.warehouse)
      r:conf('g', definition({ { inputColumn = 'v', operation = 7, windows = days(2) } }, true))
      r:succeed('backfill', 'g', '2024-01-04', { '--step-days', case[1] })
      assert.same({ tostring(case[2]) }, (texts([[SELECT v_sum_2d FROM ns.g WHERE ds = '2024-01-03' AND "user" = 'u1']], 'ns.g')),
        'step days ' .. case[1])
    end
  end)

  it('does not mix states of another definition', function()
    small()
    r:conf('g', definition(AGGS, true))
    r:succeed('backfill', 'g', '2024-01-02')
    r:conf('g', definition({ { inputColumn = 'v', operation = 1, windows = days(2) } }, true))
    local result = r:run('backfill', 'g', '2024-01-03')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('ns.g_daily_inc', 1, true), result.err)
    assert.truthy(result.err:find('v_max', 1, true), result.err)
  end)

  for why, change in pairs({
    ['is for SNAPSHOT accuracy only'] = function(c) c.accuracy = 0 end,
    ['is for sources of events only'] = function(c)
      c.sources = { { entities = { snapshotTable = 'data.ev', query = c.sources[1].events.query } } }
    end,
    ['needs an aggregation with a window'] = function(c) c.aggregations = { { inputColumn = 'v', operation = 7 } } end,
    ['a window of 5 hours'] = function(c) c.aggregations[1].windows = { { length = 5, timeUnit = 0 } } end,
    ['that differ keep their states as "v_approx_unique_count"'] = function(c)
      c.aggregations[4] = { inputColumn = 'v', operation = 5, windows = days(3), argMap = { k = '8' } }
      c.aggregations[5] = { inputColumn = 'v', operation = 5, windows = days(2), argMap = { k = '10' } }
    end,
  }) do
    it('is refused: ' .. why, function()
      small()
      local conf = definition({ unpack(AGGS) }, true)
      conf.aggregations[1] = { inputColumn = 'v', operation = 7, windows = days(2, 7) }
      change(conf)
      r:conf('g', conf)
      local result = r:run('backfill', 'g', '2024-01-03')
      assert.equal(1, result.code)
      assert.truthy(result.err:find(why, 1, true), result.err)
    end)
  end
end)
