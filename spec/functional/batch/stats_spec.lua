--- `run --mode stats-summary`: each number against SQL over the same rows, the upload's bytes
--- decoded by the schemas that it carries.
local agg = require('spec.support.agg')
local avro = require('spec.support.avro')
local IR = require('spec.support.ir')
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')

local NULL, HOUR = rows.NULL, 3600000
local STATS, UPLOAD = 'ns.team_j_v1_daily_stats', 'ns.team_j_v1_daily_stats_upload'
local LEFT = 'id BIGINT, who VARCHAR, s VARCHAR, d DOUBLE, tiny TINYINT, total BIGINT, ts BIGINT, ds VARCHAR'

local function group_by(more)
  local gb = { metaData = { name = 'g' }, keyColumns = { 'key' }, accuracy = 0,
    sources = { { events = { table = 'data.ev', query = { selects = { key = 'key', v = 'v' }, timeColumn = 'ts' } } } },
    aggregations = { { inputColumn = 'v', operation = 7 } } }
  for k, v in pairs(more or {}) do gb[k] = v end
  return gb
end

local function join(change)
  local conf = {
    metaData = { name = 'team.j.v1', tableProperties = { owner = 'me' } },
    left = { events = { table = 'data.left', query = { timeColumn = 'ts', selects = {
      id = 'id', who = 'who', s = 's', d = 'd', tiny = 'tiny', total = 'total', ts = 'ts' } } } },
    joinParts = { { keyMapping = { who = 'key' }, groupBy = group_by() } },
    rowIds = { 'id' },
  }
  if change then change(conf) end
  return conf
end

local EXPECTED = { 'd__null_sum', 'd_approx_percentile', 'g_v_sum__null_sum', 'g_v_sum_approx_percentile',
  'id__null_sum', 'id_approx_percentile', 's__null_sum', 'tiny__null_sum', 'total__null_sum',
  'total_approx_percentile', 'total_count' }

describe('stats-summary', function()
  local r, left, random, from
  before_each(function()
    random, from = seed.random('stats')
    r = repo.new()
    left = {}
    for i = 1, 300 do
      local day = random(1, 3)
      local function maybe(v) return random(1, 4) == 1 and NULL or v end
      left[i] = { i, 'u' .. random(1, 4), maybe('s' .. i), maybe(random(-500, 500) / 8), maybe(random(0, 9)),
        maybe(random(0, 9)), repo.ms(('2024-03-%02d'):format(day)) + random(0, 5) * HOUR + random(0, HOUR - 1),
        ('2024-03-%02d'):format(day) }
    end
    r:table('data.left', repo.values(LEFT, left), 'ds')
    r:table('data.ev', repo.values('key VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR',
      { { 'u1', 5, repo.ms('2024-03-01'), '2024-03-01' }, { 'u2', 7, repo.ms('2024-03-02'), '2024-03-02' } }))
    r:conf('j', join())
    r:succeed('backfill', 'j', '2024-03-03')
  end)
  after_each(function() r:remove() end)

  local function summary(...) return r:succeed('stats-summary', 'j', '2024-03-03', { ... }) end
  local function stats() return r:read(('SELECT * FROM %s ORDER BY ts'):format(STATS), { STATS }) end
  local function upload() return r:read(('SELECT * FROM %s ORDER BY ts'):format(UPLOAD), { UPLOAD }) end

  --- The Avro schemas in an upload, and its other rows.
  local function decoded()
    local list, schemas, out = upload(), {}, {}
    for _, row in ipairs(list) do
      local which = row.key_bytes:match('^team/j%.v1__(%a+)Schema$')
      if which then
        assert.equal('__' .. which .. 'Schema', row.key_json)
        assert.equal(row.value_bytes, row.value_json)
        assert.equal(os.date('!%Y-%m-%d'), row.ds)
        schemas[which] = assert(avro.parse(row.value_bytes))
        schemas[which .. '_text'] = row.value_bytes
      else
        out[#out + 1] = row
      end
    end
    return out, schemas
  end

  --- `sql` over the join's rows by hour, as rows with a column `ts`.
  local function by_hour(sql)
    return (r:read(('SELECT %s, ts // 3600000 * 3600000 AS ts FROM ns.team_j_v1 GROUP BY ALL ORDER BY 2'):format(sql),
      { 'ns.team_j_v1' }))
  end

  it('counts rows and nulls by hour, of every column but keys and times', function()
    summary('--sample', '1')
    local list, columns = stats()
    local names = {}
    for i, c in ipairs(columns) do names[i] = c.name end
    local want = { 'JoinPath' }
    for _, name in ipairs(EXPECTED) do want[#want + 1] = name end
    for _, name in ipairs({ 'ts', 'd_approx_percentile_finalized', 'g_v_sum_approx_percentile_finalized',
      'id_approx_percentile_finalized', 'total_approx_percentile_finalized', 'ds' }) do want[#want + 1] = name end
    assert.same(want, names)
    for column, metric in pairs({ d = 'd__null_sum', s = 's__null_sum', tiny = 'tiny__null_sum',
      total = 'total__null_sum', g_v_sum = 'g_v_sum__null_sum' }) do
      local hours = by_hour(('struct_pack(n := count(*), nulls := count(*) - count("%s")) AS v'):format(column))
      assert.equal(#hours, #list)
      for i, hour in ipairs(hours) do
        assert.same({ hour.ts, { { 'n', list[i].total_count }, { 'nulls', list[i][metric] } } }, { list[i].ts, hour.v })
        assert.equal(os.date('!%Y-%m-%d', list[i].ts / 1000), list[i].ds)
        assert.equal('team/j.v1', list[i].JoinPath)
      end
    end
  end)

  it('shows quantiles that are of the values', function()
    summary('--sample', '1')
    local list = stats()
    local hours = by_hour('list(CAST(d AS FLOAT) ORDER BY d) FILTER (d IS NOT NULL) AS v')
    local checked = 0
    for i, hour in ipairs(hours) do
      local map = list[i].d_approx_percentile_finalized
      assert.equal(21, #map)
      for _, pair in ipairs(map) do
        local f, q = tonumber(pair[1]), tonumber(pair[2])
        local below, upto = 0, 0
        for _, v in ipairs(hour.v) do
          below, upto = below + (v < q and 1 or 0), upto + (v <= q and 1 or 0)
        end
        local n = #hour.v
        assert.is_true(below / n <= f + 1 / n and f - 1 / n <= upto / n,
          ('seed %d: quantile %g is %g, of ranks %g to %g'):format(from, f, q, below / n, upto / n))
        assert.is_true(upto > below, 'a quantile is one of the values')
        checked = checked + 1
      end
    end
    assert.is_true(checked > 100)
    assert.equal('0.01', list[1].d_approx_percentile_finalized[1][1])
    assert.is_truthy(list[1].id_approx_percentile_finalized[1][2]:match('^%d+%.0$'))
  end)

  it('uploads states that merge to those of all rows', function()
    summary('--sample', '1')
    local hours, schemas = decoded()
    local flat = stats()
    assert.equal(#flat, #hours)
    assert.same(EXPECTED, avro.names(schemas.value))
    assert.truthy(schemas.key_text:find('"type" : "record",\n  "name" : "Key",\n  "namespace" : "ai.chronon.data"', 1,
      true))
    assert.truthy(schemas.value_text:find('"name" : "Value"', 1, true))
    local plan = agg.plan({ { 'flag', 'boolean' }, { 'd', 'double' } }, {
      { 'flag', 'SUM' }, { 'd', 'APPROX_PERCENTILE', args = { percentiles = '[0.0, 0.5, 1.0]' } }, { 'flag', 'COUNT' } })
    local all = IR.new(plan.parts, plan.n_parts)
    for i, row in ipairs(hours) do
      assert.same({ JoinPath = 'team/j.v1' }, avro.decode(schemas.key, row.key_bytes))
      local value = avro.decode(schemas.value, row.value_bytes)
      assert.equal(row.ts, flat[i].ts)
      assert.equal(row.ds, flat[i].ds)
      assert.equal(value.d_approx_percentile, flat[i].d_approx_percentile)
      local one = IR.new(plan.parts, plan.n_parts)
      for p, name in ipairs({ 'd__null_sum', 'd_approx_percentile', 'total_count' }) do
        assert.is_nil((one:load(p - 1, value[name])))
      end
      assert.is_nil((all:merge(one)))
    end
    local got = all:finish()
    local want = r:read('SELECT count(*) AS n, count(*) - count(d) AS nulls, min(CAST(d AS FLOAT)) AS low, ' ..
      'max(CAST(d AS FLOAT)) AS high FROM ns.team_j_v1', { 'ns.team_j_v1' })[1]
    assert.equal(want.nulls, tonumber(got[1]))
    assert.equal(want.n, tonumber(got[3]))
    assert.equal(want.low, got[2][1])
    assert.equal(want.high, got[2][3])
  end)

  it('says what the tables are', function()
    summary()
    for name, kind in pairs({ [STATS] = 'daily_stats', [UPLOAD] = 'daily_stats_upload' }) do
      local text = require('spec.support.program').read(r.warehouse .. '/' .. name:gsub('%.', '/') .. '/_chronon.json')
      local properties = require('dkjson').decode(text).properties
      assert.equal(kind, properties.chronon_table_type)
      assert.equal('true', properties.chronon_generated)
      assert.equal('me', properties.owner)
      assert.truthy(properties.semantic_hash)
    end
  end)

  it('samples the same rows whenever it is run', function()
    local function bytes()
      local out, n = {}, 0
      for i, row in ipairs((decoded())) do out[i] = row.ts .. row.value_bytes end
      for _, row in ipairs((stats())) do n = n + row.total_count end
      return out, n
    end
    summary('--sample', '0.3')
    local first, n = bytes()
    summary('--sample', '0.3', '--force-backfill', '--threads', '1')
    assert.same(first, (bytes()))
    assert.is_true(n > 50 and n < 130, ('%d of 300 rows'):format(n))
    summary('--force-backfill')
    assert.is_true(select(2, bytes()) < 60)
    for _, bad in ipairs({ '0', '1.1', '-1', 'x', 'nan' }) do
      local result = r:run('stats-summary', 'j', '2024-03-03', { '--sample', bad })
      assert.equal(2, result.code)
      assert.truthy(result.err:find('above 0 and up to 1', 1, true))
    end
  end)

  it('fills the days that are missing', function()
    r:succeed('stats-summary', 'j', '2024-03-02', { '--sample', '1' })
    local before = upload()
    assert.truthy(summary('--sample', '1').out:find('2024-03-03', 1, true))
    local after = upload()
    local at = {}
    for _, row in ipairs(after) do at[row.key_bytes .. row.ts] = row.value_bytes end
    for _, row in ipairs(before) do
      if row.key_bytes:sub(-6) ~= 'Schema' then assert.equal(row.value_bytes, at[row.key_bytes .. row.ts]) end
    end
    assert.is_true(#after > #before)
    assert.truthy(summary('--sample', '1').out:find('nothing to do', 1, true))
    require('spec.support.program').remove(r.warehouse .. '/ns/team_j_v1_daily_stats/ds=2024-03-02')
    assert.truthy(summary('--sample', '1').out:find('2024-03-02', 1, true))
    assert.same({ { n = 300 } }, (r:read('SELECT CAST(sum(total_count) AS BIGINT) AS n FROM ' .. STATS, { STATS })))
  end)

  it('puts rows into the day of their ts, and loses none that come late', function()
    local late = { { 1001, 'u1', NULL, 1, 1, 1, repo.ms('2024-03-01 23:30:00'), '2024-03-03' },
                   { 1002, 'u1', NULL, 1, 1, 1, repo.ms('2024-03-04 00:00:01'), '2024-03-03' },
                   { 1003, 'u1', NULL, 1, 1, 1, repo.ms('2024-03-04 00:30:00'), '2024-03-04' },
                   { 1004, 'u1', NULL, 1, 1, 1, NULL, '2024-03-04' } }
    for _, row in ipairs(late) do left[#left + 1] = row end
    r:table('data.left', repo.values(LEFT, left), 'ds')
    require('spec.support.program').remove(r.warehouse)
    for day = 1, 4 do
      local ds = ('2024-03-%02d'):format(day)
      r:succeed('backfill', 'j', ds)
      r:succeed('stats-summary', 'j', ds, { '--sample', '1' })
    end
    local want = r:read('SELECT count(*) AS n, coalesce(ts, 0) // 3600000 * 3600000 AS ts FROM ns.team_j_v1 ' ..
      'GROUP BY 2 ORDER BY 2', { 'ns.team_j_v1' })
    local got = stats()
    assert.equal(#want, #got)
    for i, row in ipairs(got) do assert.same(want[i], { n = row.total_count, ts = row.ts }) end
    assert.equal('1970-01-01', got[1].ds)
    assert.truthy(r:succeed('stats-summary', 'j', '2024-03-04', { '--sample', '1' }).out:find('nothing to do', 1, true))
  end)

  it('computes by day where rows have no ts', function()
    r:table('data.users', repo.values('who VARCHAR, age INTEGER, ds VARCHAR', {
      { 'u1', 30, '2024-03-01' }, { 'u2', NULL, '2024-03-01' }, { 'u1', 31, '2024-03-02' } }))
    r:conf('j', join(function(conf)
      conf.left = { entities = { snapshotTable = 'data.users', query = { selects = { who = 'who', age = 'age' } } } }
      conf.rowIds = nil
      conf.joinParts[1].groupBy = group_by({ accuracy = 1 })
    end))
    require('spec.support.program').remove(r.warehouse)
    r:succeed('backfill', 'j', '2024-03-02')
    summary('--sample', '1')
    local out = {}
    for i, row in ipairs(stats()) do
      out[i] = { row.ts, row.ds, row.total_count, row.age__null_sum, row.who__null_sum }
    end
    assert.same({ { repo.ms('2024-03-01'), '2024-03-01', 2, 1 }, { repo.ms('2024-03-02'), '2024-03-02', 1, 0 } }, out)
  end)

  it('is the same with little memory, some days at a time', function()
    for i = 301, 600 do
      local day = i % 20 + 1
      left[i] = { i, 'u' .. i, NULL, i / 3, 1, NULL, repo.ms(('2024-02-%02d'):format(day)), ('2024-02-%02d'):format(day) }
    end
    r:table('data.left', repo.values(LEFT, left), 'ds')
    require('spec.support.program').remove(r.warehouse)
    r:succeed('backfill', 'j', '2024-03-03')
    summary('--sample', '1', '--step-days', '1')
    local one = decoded()
    summary('--sample', '1', '--force-backfill', '--memory-limit', '64M')
    local other = decoded()
    assert.equal(#one, #other)
    for i, row in ipairs(one) do assert.equal(row.value_bytes, other[i].value_bytes) end
  end)

  it('starts anew when the join has', function()
    summary('--sample', '1')
    r:conf('j', join(function(conf) conf.left.events.query.selects.more = 'd' end))
    r:succeed('backfill', 'j', '2024-03-03')
    local result = summary('--sample', '1')
    assert.truthy(result.err:find("the join's definition has changed: " .. STATS .. ' is removed', 1, true))
    assert.equal('more__null_sum', select(2, stats())[8].name)
    assert.same({ { n = 300 } }, (r:read('SELECT CAST(sum(total_count) AS BIGINT) AS n FROM ' .. STATS, { STATS })))
  end)

  it('says what is missing', function()
    require('spec.support.program').remove(r.warehouse)
    local result = r:run('stats-summary', 'j', '2024-03-03')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('join team.j.v1: there is no output yet (run --mode backfill makes it)', 1, true))
    r:conf('g', group_by())
    result = r:run('stats-summary', 'g', '2024-03-03')
    assert.truthy(result.err:find('statistics are of a named join, this is a GroupBy', 1, true))
  end)

  it('computes nothing in a dry run', function()
    local plan = summary('--dry-run')
    assert.truthy(plan.out:find('2024-03-01', 1, true))
    summary()
    local before = upload()
    assert.truthy(summary('--dry-run', '--force-backfill').out:find('2024-03-01', 1, true))
    assert.equal(#before, #upload())
  end)
end)
