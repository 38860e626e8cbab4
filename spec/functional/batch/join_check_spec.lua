--- What would make a join's backfill fail is said before its first step, all of it at once, and
--- nothing is written or archived before.
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')

local EVENTS = {
  { 'a', 1, repo.ms('2024-01-01 10:00:00'), '2024-01-01' }, { 'a', 2, repo.ms('2024-01-02 10:00:00'), '2024-01-02' },
}

local function group_by(name, keys, more)
  local gb = { metaData = { name = name, team = 't' }, keyColumns = keys, accuracy = 1,
    sources = { { events = { table = 'data.t', query = { selects = { k = 'k', n = 'n', v = 'v' }, timeColumn = 'ts' } } } },
    aggregations = { { inputColumn = 'v', operation = 7 } } }
  for key, value in pairs(more or {}) do gb[key] = value end
  return gb
end

local function join(more)
  local j = { left = { events = { table = 'data.t', query = { selects = { k = 'k', n = 'n' }, timeColumn = 'ts' } } },
    joinParts = { { groupBy = group_by('t.g', { 'k' }) } } }
  for key, value in pairs(more or {}) do j[key] = value end
  return j
end

describe('a join is checked before its first step:', function()
  local r
  before_each(function()
    r = repo.new()
    r:table('data.t', repo.values('k VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR, n INTEGER', {
      { 'a', 1, EVENTS[1][3], '2024-01-01', 1 }, { 'a', 2, EVENTS[2][3], '2024-01-02', 1 } }), 'ds')
    r:table('data.boot', repo.values('k VARCHAR, t_g_v_sum INTEGER, ds VARCHAR', { { 'a', 1, '2024-01-01' } }), 'ds')
  end)
  after_each(function() r:remove() end)

  local MODES = {
    backfill = { 'backfill' },
    ['backfill-left'] = { 'backfill-left' },
    ['--parallelism'] = { 'backfill', '--start-ds', '2024-01-01', '--end-ds', '2024-01-02', '--parallelism', '2' },
  }

  local function refused(conf, says, modes)
    r:conf('j', conf)
    for name, args in pairs(modes or MODES) do
      local result = r:run(args[1], 'j', '2024-01-02', { unpack(args, 2) })
      assert.equal(1, result.code, name .. ': ' .. result.out)
      for _, text in ipairs(type(says) == 'table' and says or { says }) do
        assert.matches(text, result.err, 1, true)
      end
      assert.is_nil(result.err:find('step 1 of', 1, true), name .. ': ' .. result.err)
      assert.is_nil(program.run({ 'tables', '--warehouse', r.warehouse, '-o', 'json' }).out:find('"ns%.'))
    end
  end

  local function boot(query)
    return { { table = 'data.boot', keyColumns = { 'k' }, query = query } }
  end

  it('a key that is not on the left', function()
    refused(join({ joinParts = { { groupBy = group_by('t.g', { 'k' }), keyMapping = { kk = 'k' } } } }),
      't.g: key "kk" is not a column of the left side (did you mean "k"?)')
  end)

  it('a key of another type', function()
    refused(join({ left = { events = { table = 'data.t', query = { selects = { k = 'n' }, timeColumn = 'ts' } } } }),
      't.g: key "k" is string, and the left\'s "k" is int; cast one of them')
  end)

  it('a skew key that no part has', function()
    refused(join({ skewKeys = { kk = { "'a'" } } }), 'skew key "kk" is not a key of any part')
  end)

  it('a reserved column on the left', function()
    refused(join({ left = { events = { table = 'data.t', query = { selects = { k = 'k', matched_hashes = 'n' },
      timeColumn = 'ts' } } } }), 'the column name "matched_hashes" is reserved')
  end)

  it('a left side whose time is no number of milliseconds', function()
    refused(join({ left = { events = { table = 'data.t', query = { selects = { k = 'k', ts = 'CAST(ts AS DOUBLE)' } } } } }),
      'left: ts must be a bigint column')
  end)

  it('a bootstrap table without a key', function()
    refused(join({ bootstrapParts = boot({ selects = { t_g_v_sum = 'CAST(t_g_v_sum AS BIGINT)' } }) }),
      'bootstrap part 1: key "k" is not in both the left side and the table')
  end)

  it('a bootstrap column that is none of the join', function()
    refused(join({ bootstrapParts = boot({ selects = { k = 'k', t_g_v_sun = 't_g_v_sum' } }) }),
      'bootstrap part 1: "t_g_v_sun" is no column of the join (did you mean "t_g_v_sum"?)')
  end)

  it('a bootstrap column of another type', function()
    refused(join({ bootstrapParts = boot({ selects = { k = 'k', t_g_v_sum = 't_g_v_sum' } }) }),
      'bootstrap part 1: "t_g_v_sum" is int, and the join\'s is bigint; cast it in the selects')
  end)

  it('a bootstrapped derivation of another type', function()
    refused(join({ derivations = { { name = 'half', expression = 't_g_v_sum / 2' } },
      bootstrapParts = boot({ selects = { k = 'k', half = 't_g_v_sum' } }) }),
      'bootstrap part 1: "half" is int, and the join\'s is double')
  end)

  it('an offline GroupBy of an external source whose key is not on the left', function()
    refused(join({ onlineExternalParts = { { source = { metadata = { name = 'ext' }, offlineGroupBy =
      group_by('t.e', { 'k' }) }, keyMapping = { other = 'k' } } } }), 't.e: key "other" is not a column of the left side')
  end)

  it('a part whose table is not there', function()
    refused(join({ joinParts = { { groupBy = group_by('t.g', { 'k' }, { sources = {
      { events = { table = 'data.tt', query = { selects = { k = 'k', v = 'v' }, timeColumn = 'ts' } } } } }) } } }),
      'data.tt')
  end)

  it('several at once', function()
    refused(join({ joinParts = { { groupBy = group_by('t.g', { 'k' }), keyMapping = { kk = 'k' } },
      { groupBy = group_by('t.h', { 'n' }, { sources = { { events = { table = 'data.t',
        query = { selects = { n = 'CAST(n AS STRING)', v = 'v' }, timeColumn = 'ts' } } } } }) } } }),
      { '2 mistakes', 't.g: key "kk"', 't.h: key "n" is string, and the left\'s "n" is int' })
  end)

  it('of the chosen parts only', function()
    local conf = join({ joinParts = { { groupBy = group_by('t.g', { 'k' }), keyMapping = { kk = 'k' } },
      { groupBy = group_by('t.h', { 'k' }) } } })
    refused(conf, 't.g: key "kk"', { part = { 'backfill', '--selected-join-parts', 't_g' } })
    r:conf('j', conf)
    r:succeed('backfill', 'j', '2024-01-02', { '--selected-join-parts', 't_h' })
  end)

  it('and nothing is archived before', function()
    r:conf('j', join())
    r:succeed('backfill', 'j', '2024-01-02')
    r:conf('j', join({ joinParts = { { groupBy = group_by('t.g', { 'k' }, { accuracy = 0 }),
      keyMapping = { kk = 'k' } } } }))
    assert.equal(1, r:run('backfill', 'j', '2024-01-02').code)
    assert.equal(2, #r:read('SELECT * FROM ns.j', { 'ns.j' }))
  end)

  it('but not where nothing is to be done', function()
    r:conf('j', join())
    r:succeed('backfill', 'j', '2024-01-02')
    local without_v = { { 'a', EVENTS[1][3], '2024-01-01', 1 }, { 'a', EVENTS[2][3], '2024-01-02', 1 } }
    r:table('data.t', repo.values('k VARCHAR, ts BIGINT, ds VARCHAR, n INTEGER', without_v), 'ds')
    assert.matches('nothing to do', r:succeed('backfill', 'j', '2024-01-02').out)
    without_v[3] = { 'a', EVENTS[2][3], '2024-01-03', 1 }
    r:table('data.t', repo.values('k VARCHAR, ts BIGINT, ds VARCHAR, n INTEGER', without_v), 'ds')
    assert.matches('"v"', r:run('backfill', 'j', '2024-01-03').err, 1, true)
  end)
end)
