--- `chronon fetch` and `run --mode fetch`: what is printed, in what form, and what is said of mistakes.
local json = require('dkjson')
local program = require('spec.support.program')
local served = require('spec.support.served')

describe('chronon fetch', function()
  local data
  setup(function()
    data = served.new()
    program.write(data.folder .. '/teams.json', '{}')
  end)
  teardown(function() data.remove() end)

  local function run(words, o)
    words = { unpack(words) }
    for _, word in ipairs { '--store', data.url } do words[#words + 1] = word end
    o = o or {}
    o.cwd = data.folder
    return program.run(words, o)
  end
  local function fetch(...) return run { 'fetch', ... } end
  local function succeed(...)
    local r = fetch(...)
    assert.equal(0, r.code, r.err)
    return r
  end

  it('prints a table of features', function()
    local r = succeed('team/j1.v1', 'uid=1')
    assert.equal('feature               value\nteam_gs_v1_v_sum_7d   8\nteam_gs_v1_v_average  4.0\n'
      .. 'team_gs_v1_v_last2    [5,3]\nteam_gt_v1_v_sum_7d   8\nteam_gt_v1_v_average  4.0\n'
      .. 'team_gt_v1_v_last2    [5,3]\n', r.out)
    assert.equal('', r.err)
  end)

  it('prints sorted pretty JSON, as Chronon does', function()
    assert.equal('{\n  "v_average" : 4.0,\n  "v_last2" : [ 5, 3 ],\n  "v_sum_7d" : 8\n}\n',
      succeed('team/gs.v1', 'uid=1', '-o', 'json').out)
  end)

  it('takes keys as words, JSON, a list and a file of lines', function()
    local one = succeed('team/gs.v1', 'uid=1', '-o', 'json').out
    assert.equal(one, succeed('team/gs.v1', '-k', '{"uid": "1"}', '-o', 'json').out)
    assert.equal(one, run({ 'run', '--mode', 'fetch', '--type', 'group-by', '--name', 'team/gs.v1', '--key-json',
      '{"uid":1}', '-o', 'json' }).out)
    program.write(data.folder .. '/keys', '{"uid": 1}\n\n{"uid": 9}\n{"uid": 2}\n')
    local want = { json.decode(one), json.null,
      { v_sum_7d = json.null, v_average = json.null, v_last2 = json.null } }
    for _, words in ipairs { { '-f', 'keys' }, { '-k', '[{"uid":1},{"uid":9},{"uid":2}]' } } do
      local r = succeed('team/gs.v1', '-o', 'json', unpack(words))
      assert.same(want, (json.decode(r.out, 1, json.null)))
      assert.equal('uid=9: No data present for the provided key.\n', r.err)
    end
  end)

  it('answers for an instant', function()
    for at, want in pairs { [data.stop] = 1, [data.stop + 1000] = 1, [data.stop + 1001] = 11 } do
      local r = succeed('team/at.v1', 'uid=1', '--at-millis', ('%d'):format(at), '-o', 'json')
      assert.equal(want, json.decode(r.out).v_sum, at)
    end
    local iso = os.date('!%Y-%m-%dT%H:%M:%SZ', data.stop / 1000)
    assert.equal(1, json.decode(succeed('team/at.v1', 'uid=1', '--at-millis', iso, '-o', 'json').out).v_sum)
  end)

  it('says how each feature stands', function()
    local r = succeed('team/gs.v1', 'uid=2', '--detailed')
    assert.matches('v_sum_7d   NULL   null', r.out, 1, true)
    r = succeed('team/j1.v1', 'uid=9', '--detailed', '-o', 'json')
    local got = json.decode(r.out)
    assert.same({ status = 'missing_key' }, got.features.team_gs_v1_v_sum_7d)
    assert.same({}, got.errors)
  end)

  it('keeps the features of a join whose part has no upload', function()
    local r = succeed('team/j2.v1', 'uid=1', '-o', 'json')
    local got = json.decode(r.out)
    assert.equal(8, got.team_gt_v1_v_sum_7d)
    assert.matches('TEAM_GMISSING_V1_BATCH', got.team_gmissing_v1_exception, 1, true)
  end)

  it('fetches a compiled join that is not in the store', function()
    local conf = { metaData = { name = 'team.new.v1', team = 'team' },
      left = { events = { table = 'data.left', query = { selects = { uid = 'uid' }, timeColumn = 'ts', setups = {} } } },
      joinParts = { { groupBy = { metaData = { name = 'team.gs.v1', team = 'team' }, keyColumns = { 'uid' },
        sources = { { events = { table = 'data.x', query = { selects = { uid = 'uid', v = 'v' }, timeColumn = 'ts',
          setups = {} } } } }, aggregations = { { inputColumn = 'v', operation = 7 } } } } } }
    local folder = data.folder .. '/production/joins/team'
    program.shell('mkdir -p ' .. program.quote(folder))
    program.write(folder .. '/new.v1', json.encode(conf))
    local r = succeed('--conf', 'production/joins/team/new.v1', '-k', '{"uid": 1}', '-o', 'json')
    assert.equal(8, json.decode(r.out).team_gs_v1_v_sum_7d)
  end)

  it('goes on until it is stopped with --loop', function()
    local out = data.folder .. '/looped'
    local code = program.shell(([[
cd %s
%s fetch team/at.v1 uid=1 --at-millis %d --loop --interval 0 --store %s >%s 2>&1 &
while kill -0 $! 2>/dev/null && [ "$(grep -c v_sum %s)" -lt 2 ]; do sleep 0.02; done
kill -INT $! 2>/dev/null
wait $!
]]):format(data.folder, program.bin, data.stop, data.url, out, out))
    local text = program.read(out)
    assert.is_true(code == 0 or code == 130, code .. ': ' .. text)
    assert.is_true(select(2, text:gsub('v_sum', '')) > 1, text)
  end)

  for words, cases in pairs {
    ['team/gs.v2 uid=1'] = { 1, 'did you mean team/gs.v1?' },
    ['--type group-by team/gs.v2 uid=1'] = { 1, 'did you mean team/gs.v1?' },
    ['team.j1.v1 uid=1'] = { 1, 'A join is named with a slash: team/j1.v1' },
    ['--type join team/gs.v1 uid=1'] = { 1, 'team/gs.v1 is a GroupBy: --type group-by' },
    ['--type group-by team/j1.v1 uid=1'] = { 1, 'team/j1.v1 is a Join: --type join' },
    ['--type groupby team/gs.v1 uid=1'] = { 2, 'did you mean group-by?' },
    ['team/gs.v1 uid=abc'] = { 1, 'For input string: "abc"' },
    ['team/gs.v1 uid'] = { 2, '"uid" is no key: user_id=5 is one' },
    ['team/gs.v1 uid=1 uid=2'] = { 2, 'the key uid is given twice; --key-json takes a list' },
    ['team/gs.v1 uid=1 --loop --interval -1'] = { 2, '--interval "-1": a whole number from 0' },
    ['team/gs.v1 uid=1 --at-millis 9223372036854775807'] = { 2, 'no instant of the years 1 to 9999' },
    ['team/gs.v1 -k [{}]'] = { 0, 'no keys: No data present' },
    ['team/gs.v1'] = { 2, 'keys are needed' },
    ['team/gs.v1 -k []'] = { 2, 'there is no key in --key-json' },
    ['team/gs.v1 -k [1]'] = { 2, '--key-json:1:2: ' },
    ['team/gs.v1 -k {"uid":1'] = { 2, '--key-json:1:9: ' },
    ['team/gs.v1 -f nofile'] = { 2, '--key-json-file nofile: No such file' },
    ['team/gs.v1 -k {} uid=1'] = { 2, 'keys are given twice' },
    ['uid=1'] = { 2, 'what is to be fetched?' },
    ['team/gs.v1 uid=1 --at-millis soon'] = { 2, '--at-millis: ' },
    ['team/gs.v1 u_id=1'] = { 0, 'u_id is no key of team.gs.v1 (did you mean uid?); its keys are: uid' },
    ['team/gs.v1 -k {"uid":null}'] = { 0, 'a key is null: there is no answer' },
  } do
    it('says what is wrong with ' .. words, function()
      local list = {}
      for word in words:gmatch('%S+') do list[#list + 1] = word end
      local r = fetch(unpack(list))
      assert.equal(cases[1], r.code, r.err)
      assert.matches(cases[2], r.err, 1, true)
    end)
  end

  it('says what is wrong with a store that is not there', function()
    local r = program.run({ 'fetch', 'team/gs.v1', 'uid=1' }, { cwd = data.folder })
    assert.equal(1, r.code)
    assert.matches('does not exist: upload something first', r.err, 1, true)
  end)

  it('fails a list of which a row fails, after printing the others', function()
    local r = fetch('team/gs.v1', '-k', '[{"uid":"x"},{"uid":1}]', '-o', 'json')
    assert.equal(1, r.code)
    assert.same({ { error = 'For input string: "x"' }, { v_average = 4, v_last2 = { 5, 3 }, v_sum_7d = 8 } },
      (json.decode(r.out)))
    assert.matches('1 of 2 rows failed, the first: For input string: ', r.err, 1, true)
  end)
end)
