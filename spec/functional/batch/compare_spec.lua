--- `run --mode compare`: what the two tables and the printed summary say of planted differences.
local json = require('dkjson')
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')

local HOUR = 3600000
local DS = '2024-03-02'
local NULL = rows.NULL
local ROWS, STATS = 'ns.compare_join_query_team_j_v1_team_q_v1', 'ns.compare_stats_join_query_team_j_v1_team_q_v1'

local COLUMNS = {
  { 'i', 'INTEGER' }, { 'b', 'TINYINT' }, { 'n', 'BIGINT' }, { 'd', 'DOUBLE' }, { 'f', 'FLOAT' }, { 's', 'VARCHAR' },
  { 'l', 'VARCHAR[]' }, { 'm', 'MAP(VARCHAR, BIGINT)' }, { 'ok', 'BOOLEAN' },
}

--- A table of rows { uid, ts, column = 'SQL' or nil }; a column left out is NULL.
local function write(r, name, list, columns)
  local lines = {}
  for k, row in ipairs(list) do
    local cells = { ("'%s' AS uid"):format(row[1]), ('%d::BIGINT AS ts'):format(row[2]) }
    for _, c in ipairs(columns or COLUMNS) do
      cells[#cells + 1] = ('CAST(%s AS %s) AS %s'):format(row[c[1]] or 'NULL', c[2], c[1])
    end
    cells[#cells + 1] = ("'%s' AS ds"):format(row.ds or os.date('!%Y-%m-%d', math.floor(row[2] / 1000)))
    lines[k] = 'SELECT ' .. table.concat(cells, ', ')
  end
  r:table(name, table.concat(lines, ' UNION ALL '), 'ds')
end

local function join(more)
  local selects = { uid = 'uid' }
  for _, c in ipairs(COLUMNS) do selects[c[1]] = c[1] end
  local conf = {
    metaData = { name = 'team.j.v1', tableProperties = { who = 'us' } },
    left = { events = { table = 'data.left', query = { selects = selects, timeColumn = 'ts', setups = {} } } },
    joinParts = { { groupBy = {
      metaData = { name = 'team.g.v1' },
      sources = { { events = { table = 'data.left', query = { selects = { uid = 'uid', n = 'n' }, timeColumn = 'ts',
        setups = {} } } } },
      keyColumns = { 'uid' }, accuracy = 0, aggregations = { { inputColumn = 'n', operation = 6 } },
    } } },
  }
  for k, v in pairs(more or {}) do conf[k] = v end
  return conf
end

local RANGE = "WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'"

local function query(r, sql)
  r:conf('staging_queries/team/q.v1', { metaData = { name = 'team.q.v1' }, query = sql })
end

local function compare(r, ds, more)
  local args = { '--query-conf', r.folder .. '/production/staging_queries/team/q.v1' }
  for _, word in ipairs(more or {}) do args[#args + 1] = word end
  return r:run('compare', 'joins/team/j.v1', ds, args)
end

local function text(v) return rows.text(v, 9) end

describe('run --mode compare', function()
  local r
  local base = repo.ms('2024-03-02 10:00:00')
  before_each(function()
    r = repo.new()
    for _, kind in ipairs({ 'joins', 'staging_queries' }) do
      os.execute(('mkdir -p "%s/production/%s/team"'):format(r.folder, kind))
    end
    r:conf('joins/team/j.v1', join())
  end)
  after_each(function() r:remove() end)

  --- Backfills the join over `left`, compares it with SQL over `right`, and reads the metrics.
  local function run(left, right, sql)
    write(r, 'data.left', left)
    write(r, 'data.right', right)
    r:succeed('backfill', 'joins/team/j.v1', DS)
    query(r, sql or ('SELECT * FROM data.right ' .. RANGE))
    local result = compare(r, DS, { '--start-date', '2024-03-01', '-o', 'json' })
    assert.equal(0, result.code, result.err)
    return json.decode(result.out), result
  end

  it('counts planted differences by hour, as upstream defines each metric', function()
    local summary, result = run({
      { 'same', base, i = '1', b = '1', n = '5', d = '1.5', f = '0.5', s = "'a'", l = "['x', 'y']", m = "MAP{'k': 1}",
        ok = 'true' },
      { 'drift', base + 1, i = '3', b = '100', n = '9223372036854775807', d = '1.0', f = '1', s = "'a'",
        l = "['a', 'b', 'c']", m = "MAP{'k': 1, 'o': 2}", ok = 'true' },
      { 'left', base + 2, i = '7', s = "'a'", l = "['a']" },
      { 'nulls', base + HOUR, i = '4', m = "MAP{'k': 1}", d = '0' },
    }, {
      { 'same', base, i = '1', b = '1', n = '5', d = '1.5', f = '0.5', s = "'a'", l = "['x', 'y']",
        m = "MAP{'z': NULL, 'k': 1}", ok = 'true' },
      { 'drift', base + 1, i = '1', b = '-100', n = '-9223372036854775807', d = '3.0', f = '3', s = "'b'",
        l = "['b', 'c', 'd', 'e']", m = "MAP{'o': 2, 'k': 7}", ok = 'false' },
      { 'right', base + 3, i = '-2', l = "['q', 'r']" },
      { 'nulls', base + HOUR, b = '4', m = "MAP{'k': 1}", d = '0' },
    })
    local got = r:read(('SELECT * FROM %s ORDER BY ts'):format(STATS), { STATS })
    assert.equal(2, #got)
    assert.equal('undefined', got[1].JoinPath)
    assert.same({ base, base + HOUR }, { got[1].ts, got[2].ts })
    -- both_null, left_null, right_null, mismatch, total of the first hour: same, drift, left, right
    local first = { i = '0 1 1 1 4', b = '2 0 0 1 4', n = '2 0 0 1 4', d = '2 0 0 1 4', f = '2 0 0 1 4',
      s = '1 0 1 1 4', l = '0 1 1 1 4', m = '2 0 0 1 4', ok = '2 0 0 1 4' }
    local second = { i = '0 0 1 0 1', b = '0 1 0 0 1', n = '1 0 0 0 1', d = '0 0 0 0 1', f = '1 0 0 0 1',
      s = '1 0 0 0 1', l = '1 0 0 0 1', m = '0 0 0 0 1', ok = '1 0 0 0 1' }
    for k, want in ipairs({ first, second }) do
      for name, counts in pairs(want) do
        local row = got[k]
        local function of(metric) return text(row[name .. '_' .. metric]) end
        assert.equal(counts, table.concat({ of('both_null_sum'), of('left_null_sum'), of('right_null_sum'),
          of('mismatch_sum'), of('total_count') }, ' '), name .. ' of hour ' .. k)
      end
    end
    -- Rows with a NULL count as 0 in smape: (0 + 2*2/4 + 0 + 0) / 4.
    assert.is_near(0.25, got[1].i_smape_average, 1e-12)
    assert.is_near(2 * 200 / 200 / 4, got[1].b_smape_average, 1e-12)
    assert.is_near(2 / 4, got[1].n_smape_average, 1e-12)
    assert.is_near(2 * 2 / 4 / 4, got[1].d_smape_average, 1e-12)
    assert.equal(0, got[2].d_smape_average)
    local function ends(name)
      local list = got[1][name]
      assert.equal(42, #list, name)
      return text(list[1]) .. ' ' .. text(list[42])
    end
    assert.equal('0 2', ends('i_left_minus_right_approx_percentile'))
    assert.equal('1 7', ends('i_left_approx_percentile'))
    assert.equal('-2 1', ends('i_right_approx_percentile'))
    assert.equal('0 200', ends('b_left_minus_right_approx_percentile'))
    assert.equal('0 1', ends('l_edit_distance_insert_approx_percentile')) -- drift lacks a; left lacks a
    assert.equal('0 2', ends('l_edit_distance_delete_approx_percentile')) -- drift has d, e; right has q, r
    assert.equal('-1 3', ends('l_left_length_approx_percentile'))
    assert.equal('-1 4', ends('l_right_length_approx_percentile'))
    assert.equal(1, got[1].l_mismatch_length_sum)
    assert.equal(NULL, got[2].n_left_approx_percentile)

    assert.same({ rows = 5, missing_left = 1, missing_right = 1, repeated_keys = 0 }, summary.compared_now)
    local i = summary.features[1]
    for _, f in ipairs(summary.features) do if f.feature == 'i' then i = f end end
    assert.same({ feature = 'i', rows = 5, different = 1, missing_left = 1, missing_right = 2, missing_both = 0,
      mismatch_rate = 0.8, smape = 0.2 }, i)
    assert.is_truthy(result.err:find('not compared, because staging query team.q.v1 lacks them: team_g_v1_n_count', 1,
      true), result.err)
  end)

  it('keeps the rows side by side, and names columns as upstream does', function()
    run({ { 'a', base, i = '1', l = "['x']" } }, { { 'a', base, i = '2' }, { 'b', base, i = '3' } },
      'SELECT l, uid, ts, ds, i FROM data.right ' .. RANGE)
    local list, columns = r:read(('SELECT * FROM %s ORDER BY uid'):format(ROWS), { ROWS })
    local names = {}
    for k, c in ipairs(columns) do names[k] = c.name end
    assert.same({ 'uid', 'ds', 'ts' }, { names[1], names[2], names[3] })
    table.sort(names)
    assert.same({ 'ds', 'i_left', 'i_right', 'l_left', 'l_right', 'ts', 'uid' }, names)
    assert.same({ 'a', 1, 2, 'b', NULL, 3 },
      { list[1].uid, list[1].i_left, list[1].i_right, list[2].uid, list[2].i_left, list[2].i_right })
    local _, stats = r:read('SELECT * FROM ' .. STATS, { STATS })
    local order, types = {}, {}
    for k, c in ipairs(stats) do order[k], types[c.name] = c.name, c.type end
    local function metrics(prefix)
      local out = {}
      for _, name in ipairs(order) do
        if name:sub(1, #prefix) == prefix then out[#out + 1] = name:sub(#prefix + 1) end
      end
      return table.concat(out, ' ')
    end
    assert.equal('both_null_sum left_null_sum right_null_sum smape_average left_minus_right_approx_percentile ' ..
      'left_approx_percentile right_approx_percentile mismatch_sum total_count', metrics('i_'))
    assert.equal('both_null_sum left_null_sum right_null_sum edit_distance_insert_approx_percentile ' ..
      'edit_distance_delete_approx_percentile left_length_approx_percentile right_length_approx_percentile ' ..
      'mismatch_length_sum mismatch_sum total_count', metrics('l_'))
    assert.same({ 'JoinPath', 'ts' }, { order[1], order[#order] })
    assert.same({ 'bigint', 'double', 'array<float>' },
      { types.i_both_null_sum, types.i_smape_average, types.i_left_approx_percentile })
  end)

  it('takes row_ids as keys, hours by day where they have no ts, and tells of repeated keys', function()
    r:conf('joins/team/j.v1', join({ rowIds = { 'uid', 'ds' } }))
    local summary, result = run({ { 'a', base, i = '1' }, { 'a', base + HOUR, i = '2' } }, { { 'a', base, i = '1' } })
    local got = r:read('SELECT * FROM ' .. STATS, { STATS })
    assert.equal(1, #got)
    assert.equal(repo.ms('2024-03-02'), got[1].ts)
    assert.same({ 2, 1, 1 }, { got[1].i_total_count, got[1].i_mismatch_sum, got[1].ts_mismatch_sum })
    assert.equal(1, summary.compared_now.repeated_keys)
    assert.is_truthy(result.err:find('1 keys? stands? several times'), result.err)
  end)

  it('replaces what the last run wrote, also by nothing', function()
    run({ { 'a', base, i = '1' } }, { { 'a', base, i = '2' } })
    local result = compare(r, DS, { '-o', 'json' })
    assert.equal(0, result.code, result.err)
    query(r, 'SELECT * FROM data.right WHERE false')
    r:conf('joins/team/j.v1', join({ rowIds = { 'i', 'ds' } }))
    result = compare(r, DS)
    assert.equal(0, result.code, result.err)
    local got = r:read('SELECT count(*) AS n FROM ' .. ROWS, { ROWS })
    assert.equal(1, got[1].n)
  end)

  it('says all that keeps the sides from being compared', function()
    write(r, 'data.left', { { 'a', base, i = '1' } })
    r:succeed('backfill', 'joins/team/j.v1', DS)
    for sql, wants in pairs({
      ["SELECT uid, ts, i FROM data.left"] = { 'key "ds" is not in staging query team.q.v1' },
      ["SELECT uid, ts, ds, CAST(i AS BIGINT) AS i, CAST(s AS INT) AS s FROM data.left"] = {
        'column "i" is int in ns.team_j_v1 and bigint in staging query team.q.v1',
        'column "s" is string in ns.team_j_v1 and int in staging query team.q.v1' },
      ["SELECT uid, ts, ds, i, i AS ii, team FROM (SELECT *, 'x' AS team FROM data.left)"] = {
        'column "ii" of staging query team.q.v1 is not in ns.team_j_v1', 'column "team" of' },
      ["SELECT uid, ts, ds FROM data.left"] = { 'no column in common but the keys' },
      ["SELECT CAST(uid AS INT) AS uid, ts, ds, i FROM data.left"] = { 'key "uid" is string in ns.team_j_v1 and int' },
      ["SELECT * FROM data.nothing"] = { 'staging query team.q.v1', 'data.nothing' },
    }) do
      query(r, sql)
      local result = compare(r, DS)
      assert.equal(1, result.code, sql)
      for _, want in ipairs(wants) do assert.is_truthy(result.err:find(want, 1, true), sql .. '\n' .. result.err) end
    end
    query(r, 'SELECT * FROM data.left')
    r:conf('joins/team/j.v1', join({ rowIds = { 'uid' } }))
    assert.is_truthy(compare(r, DS).err:find('none of the keys is a time', 1, true))
  end)

  it('needs a query and a backfilled join', function()
    write(r, 'data.left', { { 'a', base, i = '1' } })
    query(r, 'SELECT * FROM data.left')
    local result = r:run('compare', 'joins/team/j.v1', DS)
    assert.equal(2, result.code)
    assert.is_truthy(result.err:find('--query-conf', 1, true), result.err)
    result = compare(r, DS)
    assert.equal(1, result.code)
    assert.is_truthy(result.err:find('ns.team_j_v1 does not exist: backfill the join first', 1, true), result.err)
    r:succeed('backfill', 'joins/team/j.v1', DS)
    result = compare(r, '2024-03-09')
    assert.is_truthy(result.err:find('has no day of 2024-03-09 to 2024-03-09', 1, true), result.err)
    result = r:run('compare', 'joins/team/j.v1', DS, { '--query-conf', r.folder .. '/production/joins/team/j.v1' })
    assert.is_truthy(result.err:find('compared with a named staging query, this is a', 1, true), result.err)
  end)

  it('tells of days that only one side has', function()
    write(r, 'data.left', { { 'a', base, i = '1' } })
    r:succeed('backfill', 'joins/team/j.v1', DS)
    write(r, 'data.right', { { 'a', base, i = '1' }, { 'a', base - 48 * HOUR, i = '1' } })
    query(r, 'SELECT * FROM data.right')
    local result = compare(r, DS, { '--start-ds', '2024-03-01' })
    assert.equal(0, result.code, result.err)
    assert.is_truthy(result.err:find('ns.team_j_v1 lacks 1 of the days', 1, true), result.err)
    assert.is_truthy(result.err:find('1 rows of the staging query are of days outside', 1, true), result.err)
    assert.is_truthy(result.out:find('mismatch_rate', 1, true), result.out)
  end)
end)
