--- The loop on one machine: upload, fetch with logging, log-flattener, consistency-metrics-compute.
local json = require('dkjson')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')
local server = require('spec.support.server')

local HOUR = 3600000
local END = repo.ms('2024-03-11') -- of the upload
local LOG = { '--log-table', 'logs.served', '--schema-table', 'logs.schemas' }

local function group_by(name, aggregations, accuracy)
  return { metaData = { name = name, team = 'team', online = 1 },
    sources = { { events = { table = 'data.events', query = { selects = { uid = 'uid', x = 'x', s = 's' },
      timeColumn = 'ts', setups = {} } } } },
    keyColumns = { 'uid' }, accuracy = accuracy, aggregations = aggregations }
end

local WEEK, HOURS = { length = 7, timeUnit = 1 }, { length = 5, timeUnit = 0 }
local G = group_by('team.g.v1', { { inputColumn = 'x', operation = 7, windows = { WEEK, HOURS } },
  { inputColumn = 's', operation = 13, argMap = { k = '3' }, windows = { WEEK } } }, 0)
local H = group_by('team.h.v1', { { inputColumn = 'x', operation = 6 } }, 1)

local function join()
  return { metaData = { name = 'team.j.v1', team = 'team', samplePercent = 100 },
    left = { events = { table = 'data.left', query = { selects = { user = 'user' }, timeColumn = 'ts', setups = {} } } },
    rowIds = { 'order' }, -- which requests do not have
    joinParts = { { keyMapping = { user = 'uid' }, groupBy = G }, { keyMapping = { user = 'uid' }, groupBy = H } },
    onlineExternalParts = { { source = { metadata = { name = 'contextual' },
      keySchema = { kind = 13, name = 'contextual_keys', params = { { name = 'rate', dataType = { kind = 6 } } } },
      valueSchema = { kind = 13, name = 'contextual_values', params = { { name = 'rate', dataType = { kind = 6 } } } } } } },
    derivations = { { name = '*', expression = '*' }, { name = 'rated', expression = 'team_g_v1_x_sum_7d * rate' },
      { name = 'share', expression = 'team_g_v1_x_sum_5h / team_g_v1_x_sum_7d' } } }
end

describe('what was served against what a backfill says', function()
  local r, url

  local function events(more)
    local list = {}
    for i = 1, 400 do
      list[i] = { 'u' .. i % 20, i, 's' .. i % 7, END - i * 17 * 60000, os.date('!%Y-%m-%d', END / 1000 - i * 17 * 60) }
    end
    for _, row in ipairs(more or {}) do list[#list + 1] = row end
    r:table('data.events', repo.values('uid VARCHAR, x BIGINT, s VARCHAR, ts BIGINT, ds VARCHAR', list), 'ds')
  end

  --- Fetches keys at an instant, into the log.
  local function fetch(keys, at)
    local words = { 'fetch', 'team/j.v1', '-k', json.encode(keys), '--at-millis', ('%d'):format(at), '--log', '--store', url,
      '--warehouse', r.warehouse, '--repo', r.folder, '-o', 'json', '-q' }
    for _, word in ipairs(LOG) do words[#words + 1] = word end
    local result = program.run(words)
    assert.equal(0, result.code, result.err)
    return json.decode(result.out)
  end

  --- Fetches every user.
  local function serve(at)
    local keys = {}
    for i = 1, 22 do keys[i] = { user = 'u' .. i - 1, rate = i / 4 } end -- two of whom nothing is known
    keys[23] = { user = 'u1', rate = 100 } -- of the same keys and instant
    return fetch(keys, at)
  end

  --- @return table<string, table> by feature; string table as printed
  local function compare()
    r:succeed('log-flattener', 'joins/team/j.v1', '2024-03-11', LOG)
    local function consistency(more) return r:succeed('consistency-metrics-compute', 'joins/team/j.v1', '2024-03-11', more).out end
    local printed = consistency {}
    local features = {}
    for _, f in ipairs(json.decode(consistency { '-o', 'json' }).features) do features[f.feature] = f end
    return features, printed
  end

  before_each(function()
    r = repo.new()
    url = 'lmdb:' .. r.folder .. '/kv'
    r:conf('group_bys/team/g.v1', G)
    r:conf('group_bys/team/h.v1', H)
    r:conf('joins/team/j.v1', join())
    events()
    r:table('data.left', repo.values('user VARCHAR, ts BIGINT, ds VARCHAR', { { 'u1', END, '2024-03-11' } }), 'ds')
    for _, name in ipairs { 'g', 'h' } do
      r:succeed('upload', ('group_bys/team/%s.v1'):format(name), '2024-03-10', { '--store', url })
    end
    r:succeed('metadata-upload', 'joins/team/j.v1', '2024-03-10', { '--store', url })
  end)
  after_each(function() r:remove() end)

  local NAMES = { 'team_g_v1_x_sum_7d', 'team_g_v1_x_sum_5h', 'team_g_v1_s_last3_7d', 'team_h_v1_x_count', 'share', 'rated' }

  it('is the same for every feature of every row', function()
    local served = serve(END + HOUR)
    assert.equal(23, #served)
    assert.is_number(served[2].share)
    serve(END + 7 * HOUR + 1)
    local features, printed = compare()
    for _, name in ipairs(NAMES) do
      local f = assert(features[name], name)
      assert.same({ 46, 0 }, { f.rows, f.mismatch_rate }, name)
    end
    assert.is_true(features.team_g_v1_x_sum_7d.missing_both < 46)
    assert.matches('mismatch_rate', printed, 1, true)
  end)

  it('matches requests that came without a contextual field', function()
    local keys = { { user = 'u1' }, { user = 'u2' }, { user = 'u3', rate = 2 } }
    fetch(keys, END + HOUR)
    local features = compare()
    assert.same({ 3, 0 }, { features.team_g_v1_x_sum_7d.rows, features.team_g_v1_x_sum_7d.mismatch_rate })
    assert.same({ 3, 0 }, { features.rated.rows, features.rated.mismatch_rate })
  end)

  it('shows what the store was never told', function()
    serve(END + HOUR)
    events { { 'u3', 1000, 'late', END + 1000, '2024-03-11' } } -- no stream brought it
    local features, printed = compare()
    for name, want in pairs { team_g_v1_x_sum_7d = 1 / 23, team_g_v1_x_sum_5h = 1 / 23, team_g_v1_s_last3_7d = 1 / 23,
      team_h_v1_x_count = 0, share = 1 / 23, rated = 1 / 23 } do
      assert.is_near(want, features[name].mismatch_rate, 1e-9, name)
    end
    assert.matches('team_g_v1_x_sum_7d', printed, 1, true)
  end)

  it('has what a server answered', function()
    local s = server.start(url, { '--log', '--warehouse', r.warehouse, '--repo', r.folder, unpack(LOG) })
    for i = 0, 21 do
      local answer = s:ask(('/v1/features/join/team%%2Fj.v1?user=u%d&rate=%d&at=%d'):format(i, i, END + HOUR))
      assert.equal(200, answer.status, answer.body)
    end
    assert.matches('chronon_log_rows_total 22\n', s:ask('/metrics').body, 1, true)
    assert.equal(0, s:stop())
    local features = compare()
    for _, name in ipairs(NAMES) do
      local f = assert(features[name], name)
      assert.same({ 22, 0 }, { f.rows, f.mismatch_rate }, name)
    end
  end)

  it('survives a fetcher that is killed: whole files or none', function()
    local words = {}
    local keys = {}
    for i = 1, 3000 do keys[i] = { user = 'u' .. i } end
    program.write(r.folder .. '/keys', json.encode(keys))
    for _, word in ipairs { program.bin, 'fetch', 'team/j.v1', '-f', r.folder .. '/keys', '--at-millis',
      ('%d'):format(END + HOUR), '--log', LOG[1], LOG[2], LOG[3], LOG[4], '--store', url, '--warehouse', r.warehouse,
      '--repo', r.folder, '--loop', '--interval', '0' } do
      words[#words + 1] = program.quote(word)
    end
    for i = 1, 6 do
      program.shell(('timeout -s KILL %.2f %s >/dev/null 2>&1'):format(i * 0.12, table.concat(words, ' ')))
    end
    serve(END + 2 * HOUR)
    local features = compare()
    assert.equal(0, features.team_g_v1_x_sum_7d.mismatch_rate)
    assert.is_true(features.team_g_v1_x_sum_7d.rows >= 22)
  end)
end)
