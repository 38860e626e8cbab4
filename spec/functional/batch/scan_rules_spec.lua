-- Which rows a definition reads, by spec/05 §2 to §5: small tables, and every row of the answer.
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local ms = repo.ms

local function day(d) return '2024-01-0' .. d end
local function at(d) return ms(day(d) .. ' 10:00:00') end

local function query(more)
  local q = { selects = { user = 'user', v = 'v' }, timeColumn = 'ts', setups = {} }
  for k, v in pairs(more or {}) do q[k] = v or nil end
  return q
end

local function events(more, table_name) return { events = { table = table_name or 'data.ev', query = query(more) } } end

local function group_by(sources, more)
  local g = {
    sources = sources or { events() }, keyColumns = { 'user' }, accuracy = 1,
    backfillStartDate = day(1), aggregations = { {
      inputColumn = 'v', operation = 7, windows = { { length = 1, timeUnit = 1 }, { length = 2, timeUnit = 1 } },
    } },
  }
  for k, v in pairs(more or {}) do g[k] = v end
  return g
end

local function entities(aggregation, time)
  return group_by({ { entities = { snapshotTable = 'data.ev', query = query { timeColumn = time or false } } } },
    { aggregations = { aggregation } })
end

local NAMED = { metaData = { name = 'g' } }

local function join(left, more)
  local j = { left = events(left), joinParts = { { groupBy = group_by(nil, NAMED) } } }
  for k, v in pairs(more or {}) do j[k] = v end
  return j
end

local LEFT = { selects = { user = 'user', ts = 'ts' } }
local function left(more)
  local q = { selects = LEFT.selects }
  for k, v in pairs(more) do q[k] = v end
  return q
end

describe('a scan', function()
  local r
  before_each(function()
    r = repo.new()
    r:table('data.ev', repo.values('user VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR', {
      { 'u1', 1, at(1), day(1) }, { 'u1', 2, at(2), day(2) }, { 'u2', 4, at(3), day(3) }, { 'u1', 8, at(4), day(4) },
    }))
  end)
  after_each(function() r:remove() end)

  local last = 0

  --- Rows of the output as "user sums.. d<day>", sorted.
  local function output(conf, ds, columns)
    last = last + 1
    local name, table_name = ('t.c.v%d'):format(last), ('ns.t_c_v%d'):format(last)
    r:conf(name, conf)
    r:succeed('backfill', name, ds)
    local list = r:read(('SELECT "user", %s, ds FROM %s'):format(columns, table_name), { table_name })
    local out = {}
    for i, row in ipairs(list) do
      local cells = { rows.text(row.user) }
      for column in columns:gmatch('[%w_]+') do cells[#cells + 1] = rows.text(row[column]) end
      out[i] = table.concat(cells, ' ') .. ' d' .. row.ds:sub(-1)
    end
    table.sort(out)
    return out, name
  end

  local function sums(conf, ds) return output(conf, ds, 'v_sum_1d, v_sum_2d') end

  it('is of the last day alone with historicalBackfill = false', function()
    assert.same({ 'u1 8 8 d4', 'u2 NULL 4 d4' }, sums(group_by(nil, { metaData = { historicalBackfill = 0 } }), day(4)))
    assert.same({ 'u1 NULL 2 d4' }, output(join(LEFT, { metaData = { historicalBackfill = 0 } }), day(4),
      'g_v_sum_1d, g_v_sum_2d'))
  end)

  it('is between startPartition and endPartition, though days after are computed', function()
    assert.same({ 'u1 2 2 d2', 'u1 NULL 2 d3', 'u2 4 4 d3', 'u2 NULL 4 d4' },
      sums(group_by { events { startPartition = day(2), endPartition = day(3) } }, day(4)))
    assert.same({ 'u1 1 1 d2', 'u1 NULL NULL d1' }, output(join(left { endPartition = day(2) }), day(4),
      'g_v_sum_1d, g_v_sum_2d'))
    assert.same({ 'u1 NULL 2 d4', 'u2 NULL NULL d3' }, output(join(left { startPartition = day(3) }),
      day(4), 'g_v_sum_1d, g_v_sum_2d'))
  end)

  it('of cumulative events is their endPartition, else their last one', function()
    local source = events { endPartition = day(2) }
    source.events.isCumulative = 1
    assert.same({ 'u1 2 2 d2', 'u1 NULL 2 d3' }, sums(group_by { source }, day(3)))
  end)

  it('takes a table without days whole', function()
    r:table('data.flat', repo.values('user VARCHAR, v BIGINT, ts BIGINT', { { 'u1', 5, at(1) } }))
    assert.same({ 'u1 5 5 d1', 'u1 NULL 5 d2' }, sums(group_by { events(nil, 'data.flat') }, day(3)))
  end)

  it('of several sources puts columns together by name, each with its own partition column', function()
    r:table('data.other', repo.values('v BIGINT, who VARCHAR, t BIGINT, day VARCHAR', { { 3, 'u9', at(1), day(1) } }))
    local other = events({ selects = { v = 'v', user = 'who' }, timeColumn = 't', partitionColumn = 'day' }, 'data.other')
    assert.same({ 'u1 1 1 d1', 'u1 2 3 d2', 'u9 3 3 d1', 'u9 NULL 3 d2' }, sums(group_by { events(), other }, day(2)))
  end)

  it('without selects has every column as it is, and no time column', function()
    assert.same({ 'u1 1 1 d1', 'u1 2 3 d2' }, sums(group_by { events { selects = false, timeColumn = 'ts + 86400000' } },
      day(2)))
  end)

  it('lets a select named ts win over the time column', function()
    local selects = { user = 'user', v = 'v', ts = 'ts + 86400000' }
    assert.same({ 'u1 1 1 d2', 'u1 2 3 d3' }, sums(group_by { events { selects = selects } }, day(3)))
  end)

  it('runs a setup that several sources have once', function()
    local view = 'CREATE TEMPORARY VIEW w AS SELECT 1 AS a'
    assert.same({ 'u1 1 1 d1' }, sums(group_by { events { setups = { view, view } } }, day(1)))
    assert.same({ 'u1 2 2 d1' }, sums(group_by { events { setups = { view } }, events { setups = { view } } }, day(1)))
  end)

  for values, want in pairs({
    [{ "'u1'" }] = { 'u2 NULL NULL d2' }, -- NOT IN is NULL of NULL
    [{ 'null', "'u1'", 'NULL' }] = { 'u2 NULL NULL d2' },
    [{ 'Null' }] = { 'u1 NULL NULL d1', 'u2 NULL NULL d2' },
    [{}] = { 'NULL NULL NULL d2', 'u1 NULL NULL d1', 'u2 NULL NULL d2' },
  }) do
    it('leaves out the left rows of skew keys: {' .. table.concat(values, ', ') .. '}', function()
      r:table('data.ev', repo.values('user VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR', {
        { 'u1', 1, at(1), day(1) }, { 'u2', 4, at(2), day(2) }, { rows.NULL, 8, at(2), day(2) },
      }))
      assert.same(want, output(join(LEFT, { skewKeys = { user = values } }), day(2), 'g_v_sum_1d, g_v_sum_2d'))
    end)
  end

  it('writes no partition of a day without rows', function()
    local one = group_by({ events { wheres = { "ds <> '" .. day(2) .. "'" } } })
    one.aggregations[1].windows = { { length = 1, timeUnit = 1 } }
    local out, name = output(one, day(4), 'v_sum_1d')
    assert.same({ 'u1 1 d1', 'u1 8 d4', 'u2 4 d3' }, out)
    local again = r:succeed('backfill', name, day(4))
    assert.truthy(again.err:find('days without rows have no partition', 1, true), again.err)
  end)

  for why, case in pairs({
    ['a GroupBy is backfilled from its backfill_start_date'] = group_by(nil, { backfillStartDate = false }),
    ['a setup must be CREATE [OR REPLACE] TEMPORARY VIEW'] = group_by { events { setups = { 'SELEC 1' } } },
    ['loads a Java class'] = group_by { events { setups = { "CREATE TEMPORARY FUNCTION f AS 'com.x.F'" } } },
    ['is a string, and times are epoch milliseconds'] = group_by { events { timeColumn = 'CAST(ts AS STRING)' } },
    ['source 1: table data.ev: the rows have no time, which events, windows, FIRST and LAST need; give the source'] =
      entities { inputColumn = 'v', operation = 3 },
    ['the rows have no time'] = entities { inputColumn = 'v', operation = 7, windows = { { length = 1, timeUnit = 1 } } },
    ['skew key "nope" is not a key of any part'] = join(LEFT, { skewKeys = { nope = { "'a'" } } }),
    [ [[key "user" is int, and the left's "user" is string; cast one of them]] ] = join(LEFT,
      { joinParts = { { groupBy = group_by({ events { selects = { user = 'length(user)', v = 'v' } } }, NAMED) } } }),
    ['key "user" is not a column of the left side'] = join { selects = { v = 'v', ts = 'ts' } },
  }) do
    it('is refused: ' .. why, function()
      if case.backfillStartDate == false then case.backfillStartDate = nil end
      r:conf('t.c.v1', case)
      local result = r:run('backfill', 't.c.v1', day(2))
      assert.equal(1, result.code)
      assert.truthy(result.err:find(why, 1, true), result.err)
    end)
  end

  for unit, factor in pairs({ ['near 1970'] = 'div 1000', ['after the year 2100'] = '* 1000' }) do
    it('is refused where all times of one source or of the left are in another unit: ' .. unit, function()
      local other = { timeColumn = 'ts ' .. factor }
      for why, case in pairs({
        ['source 2: table data.ev: time_column "ts ' .. factor .. '": all 4 times lie ' .. unit] =
          group_by { events(), events(other) },
        ['part g: source 2: table data.ev: time_column "ts ' .. factor .. '"'] =
          join(LEFT, { joinParts = { { groupBy = group_by({ events(), events(other) }, NAMED) } } }),
        ['source 1: table data.ev: time_column "ts ' .. factor .. '": all 4 times lie ' .. unit] =
          entities({ inputColumn = 'v', operation = 7, windows = { { length = 1, timeUnit = 1 } } }, 'ts ' .. factor),
        ['write time_column = "(ts ' .. factor .. ') '] = group_by { events(other) },
        ['left: time_column "ts": all 4 times lie ' .. unit] = join({ selects = { user = 'user' },
          timeColumn = 'ts ' .. factor }),
      }) do
        r:conf('t.c.v1', case)
        local result = r:run('backfill', 't.c.v1', day(4))
        assert.equal(1, result.code)
        assert.truthy(result.err:find(why, 1, true), result.err)
      end
    end)
  end

  it('of a GroupBy is no mode of a join', function()
    r:conf('t.c.v1', group_by())
    for mode, why in pairs({ ['label-join'] = 'labels are of a named join', ['backfill-left'] = 'only a join is computed',
                             ['log-flattener'] = 'a GroupBy', ['stats-summary'] = 'a GroupBy' }) do
      local result = r:run(mode, 't.c.v1', day(2))
      assert.is_true(result.code ~= 0)
      assert.truthy(result.err:find(why, 1, true), mode .. ': ' .. result.err)
    end
  end)
end)
