--- `chronon fetch --type join-stats`: the table of stats-summary as series by time.
local json = require('dkjson')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')

local HOUR = 3600000

describe('chronon fetch --type join-stats', function()
  local r, first
  setup(function()
    r = repo.new()
    first = repo.ms('2024-03-01')
    local left = {}
    for i = 1, 60 do
      left[i] = { 'u' .. i % 3, i % 5 ~= 0 and i or require('spec.support.rows').NULL, first + i % 4 * HOUR, '2024-03-01' }
    end
    r:table('data.left', repo.values('uid VARCHAR, n BIGINT, ts BIGINT, ds VARCHAR', left), 'ds')
    r:table('data.ev', repo.values('uid VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR', { { 'u1', 5, first, '2024-03-01' } }))
    r:conf('joins/team/j.v1', { metaData = { name = 'team.j.v1', team = 'team' },
      left = { events = { table = 'data.left', query = { timeColumn = 'ts', selects = { uid = 'uid', n = 'n' }, setups = {} } } },
      joinParts = { { groupBy = { metaData = { name = 'team.g.v1', team = 'team' }, keyColumns = { 'uid' }, accuracy = 0,
        sources = { { events = { table = 'data.ev', query = { selects = { uid = 'uid', v = 'v' }, timeColumn = 'ts',
          setups = {} } } } }, aggregations = { { inputColumn = 'v', operation = 7 } } } } } })
    r:succeed('backfill', 'joins/team/j.v1', '2024-03-01')
  end)
  teardown(function() r:remove() end)

  local function fetch(...)
    return program.run { 'fetch', '--type', 'join-stats', '--repo', r.folder, '--warehouse', r.warehouse, ... }
  end

  it('says which mode makes the table', function()
    local got = fetch('team/j.v1')
    assert.equal(1, got.code)
    assert.matches('ns.team_j_v1_daily_stats is not there: `chronon run --mode stats-summary` makes it (of few '
      .. 'rows with --sample 1)', got.err, 1, true)
  end)

  describe('of a table', function()
    setup(function() r:succeed('stats-summary', 'joins/team/j.v1', '2024-03-01', { '--sample', '1' }) end)

    it('has each metric by hour', function()
      local got = fetch('team/j.v1', '-o', 'json')
      assert.equal(0, got.code, got.err)
      local all = json.decode(got.out)
      local want = {}
      for h = 0, 3 do want[h + 1] = { millis = first + h * HOUR, value = 15 } end
      assert.same(want, all.total_count)
      for h = 0, 3 do want[h + 1].value = 3 end
      assert.same(want, all.n__null_sum)
      local low = tonumber(all.n_approx_percentile[1].value['0.01'])
      assert.is_true(low >= 4 and low <= 8)
      assert.is_nil(all.JoinPath)
    end)

    it('has one metric between two instants', function()
      local got = fetch('team/j.v1', '-o', 'csv', '-k', json.encode { statsKey = 'total_count', startTs = first + HOUR,
        endTs = '2024-03-01T02:00:00Z' })
      assert.equal(0, got.code, got.err)
      assert.equal(('metric,ts,value\ntotal_count,%d,15\ntotal_count,%d,15\n'):format(first + HOUR, first + 2 * HOUR),
        (got.out:gsub('\r', '')))
    end)

    it('has how far the sketches of each two hours are apart', function()
      local got = fetch('team/j.v1/drift', '-o', 'json')
      assert.equal(0, got.code, got.err)
      local all = json.decode(got.out)
      -- 12 numbers an hour, 4 apart and all different from the hour before: bins of one number, each empty in the
      -- other, beside one below all that is empty in both.
      local eps = 1e-6
      local per, empty = 1 / 12 - eps, eps * 12 / 13
      local want = 24 * (per - empty) * math.log(per / empty)
      assert.equal(3, #all.n_approx_percentile)
      for h = 1, 3 do
        assert.equal(first + h * HOUR, all.n_approx_percentile[h].millis)
        assert.is_near(want, all.n_approx_percentile[h].value, 1e-6)
      end
      assert.is_nil(all.total_count)
      got = fetch('team/j.v1/drift', '-o', 'csv', 'statsKey=n_approx_percentile', 'endTs=' .. first + HOUR)
      assert.matches(('^metric,ts,value\r?\nn_approx_percentile,%d,[%%d.]+\r?\n$'):format(first + HOUR), got.out)
    end)

    it('says what is wrong', function()
      local got = fetch('team/j.v1', 'statsKey=totalcount')
      assert.equal(1, got.code)
      assert.matches('no metric totalcount (did you mean total_count?)', got.err, 1, true)
      got = fetch('team/j.v1', 'startTs=soon')
      assert.equal(1, got.code)
      assert.matches('startTs: ', got.err, 1, true)
      got = fetch('team/k.v1')
      assert.equal(1, got.code)
      assert.matches('j.v1', got.err, 1, true)
    end)
  end)
end)
