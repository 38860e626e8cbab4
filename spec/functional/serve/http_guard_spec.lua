-- Who may read what: bearer tokens with scopes, TLS, and what is refused beyond loopback.
local json = require('dkjson')
local program = require('spec.support.program')
local served = require('spec.support.served')
local server = require('spec.support.server')

local JOIN = '/v1/features/join/'
local GROUP_BY = '/v1/features/groupby/'

local function sha256(text)
  local pipe = io.popen(("printf %%s '%s' | sha256sum"):format(text))
  local sum = pipe:read('*a'):match('^%x+')
  pipe:close()
  return sum
end

--- A certificate for 127.0.0.1 of its own making, and its key.
local function certificate(folder, name)
  local cert, key = folder .. '/' .. name .. '.pem', folder .. '/' .. name .. '.key'
  assert(program.shell(('openssl req -x509 -newkey rsa:2048 -nodes -keyout %s -out %s -days 2 -subj /CN=localhost '
    .. '-addext subjectAltName=IP:127.0.0.1 2>/dev/null'):format(key, cert)) == 0, 'openssl is missing')
  return cert, key
end

describe('chronon serve with tokens', function()
  local data, s, path
  local function tokens(list) program.write(path, json.encode(list)) end
  local first = {
    { token = 'for-team', team = 'team' },
    { sha256 = sha256('for-all'), team = 'ops', scopes = { 'read:*', 'metrics', 'admin' } },
    { token = 'for-x', team = 'team_x' },
    { token = 'for-nothing', team = 'team', scopes = { 'metrics' } },
  }
  setup(function()
    data = served.new()
    path = data.folder .. '/tokens.json'
    tokens(first)
    s = server.start(data.url, { '--tokens', path })
  end)
  teardown(function()
    s:stop()
    data.remove()
  end)

  local function ask(route, token, o)
    o = o or {}
    o.headers = token and { Authorization = token:find(' ') and token or 'Bearer ' .. token } or nil
    return s:ask(route, o)
  end
  local function post(route, token) return ask(route, token, { body = '[{"uid":1}]' }) end
  local function why(r) return json.decode(r.body).errors[1] end

  it('asks for one', function()
    for _, route in ipairs({ JOIN .. 'team%2Fj1.v1', GROUP_BY .. 'team.gt.v1', JOIN .. 'team%2Fnone.v1' }) do
      local r = post(route)
      assert.same({ 401, 'Bearer', 'a token is needed: Authorization: Bearer TOKEN' },
        { r.status, r.headers['www-authenticate'], why(r) })
    end
    for _, wrong in ipairs({ 'no', 'for-tea', 'for-teamm', 'Basic for-team', 'Bearer ', 'Bearer', 'bearer  ',
      sha256('for-all') }) do
      local r = post(GROUP_BY .. 'team.gt.v1', wrong)
      assert.same({ 401, 'the token is not known: Authorization: Bearer TOKEN' }, { r.status, why(r) }, wrong)
    end
    for _, route in ipairs({ '/config', '/metrics' }) do assert.equal(401, ask(route).status) end
    assert.equal(401, ask('/admin/reload', nil, { method = 'POST' }).status)
  end)

  it('needs none for what tells nothing', function()
    for _, route in ipairs({ '/ping', '/healthz', '/readyz', '/openapi.json' }) do assert.equal(200, ask(route).status) end
    assert.equal(404, ask('/nope').status)
  end)

  it('lets a team read its own', function()
    for _, route in ipairs({ JOIN .. 'team%2Fj1.v1', GROUP_BY .. 'team.gt.v1', GROUP_BY .. 'team%2Fgt.v1' }) do
      assert.equal(200, post(route, 'for-team').status)
      assert.equal(200, post(route, 'bearer for-team').status)
    end
    assert.equal(200, ask(JOIN .. 'team%2Fj1.v1?uid=1', 'for-team').status)
    assert.equal(42, json.decode(post(GROUP_BY .. 'team_x.secret.v1', 'for-x').body).results[1].features.v_sum)
  end)

  it('lets it read no other, whatever the name is written like', function()
    for _, name in ipairs({ 'team_x.secret.v1', 'team_x%2Fsecret.v1', 'TEAM_X.SECRET.V1', 'TEAM.X_SECRET_V1', 'team.x.secret.v1',
      'team%2Fx_secret_v1', 'team.x_secret.v1' }) do
      local r = post(GROUP_BY .. name, 'for-team')
      assert.is_true(r.status == 403 or r.body:find('"Failure"', 1, true) ~= nil, name .. ': ' .. r.body)
      assert.is_nil(r.body:find('42', 1, true))
    end
    local r = post(GROUP_BY .. 'team_x.secret.v1', 'for-team')
    assert.same({ 403, 'the token may not read the features of team "team_x"' }, { r.status, why(r) })
    assert.equal(403, post(JOIN .. 'team%2Fj1.v1', 'for-nothing').status)
    assert.equal(403, ask(GROUP_BY .. 'team_x.secret.v1?uid=1', 'for-team').status)
  end)

  it('has scopes beyond reading', function()
    assert.equal(200, ask('/metrics', 'for-nothing').status)
    local r = ask('/metrics', 'for-team')
    assert.same({ 403, 'the token has no scope "metrics"' }, { r.status, why(r) })
    assert.equal(403, ask('/admin/reload', 'for-team', { method = 'POST' }).status)
    assert.equal(200, ask('/admin/reload', 'for-all', { method = 'POST' }).status)
    assert.equal(200, ask('/config', 'for-team').status)
    assert.equal(200, post(GROUP_BY .. 'team_x.secret.v1', 'for-all').status)
  end)

  it('tells no token, in answers or on stderr', function()
    post(GROUP_BY .. 'team.gt.v1', 'a-wrong-secret')
    for _, text in ipairs({ s:err(), ask('/config', 'for-all').body, ask('/metrics', 'for-all').body }) do
      for _, secret in ipairs({ 'for-team', 'for-all', 'a-wrong-secret', sha256('for-all') }) do
        assert.is_nil(text:find(secret, 1, true))
      end
    end
  end)

  it('reads the file again on SIGHUP, and keeps what it has where that is broken', function()
    finally(function()
      tokens(first)
      s:signal('HUP')
    end)
    local function becomes(token, status)
      return server.wait_for(function() return post(GROUP_BY .. 'team.gt.v1', token).status == status end, 60)
    end
    tokens({ { token = 'another', team = 'team' } })
    s:signal('HUP')
    assert(becomes('another', 200))
    assert.equal(401, post(GROUP_BY .. 'team.gt.v1', 'for-team').status)
    program.write(path, '[{"token": "x"')
    s:signal('HUP')
    assert(server.wait_for(function() return s:err():match('what is known stays: [^\n]*tokens%.json:1:') end, 60))
    assert.equal(200, post(GROUP_BY .. 'team.gt.v1', 'another').status)
  end)

  it('says what is wrong with the file', function()
    local file = data.folder .. '/wrong.json'
    for text, want in pairs({
      ['{}'] = 'wrong.json:1:1: ', ['[{"team":"a"}]'] = 'either "token" or "sha256" is needed', ['[{"token":"a"}]'] = 'no "team"',
      ['[1]'] = 'wrong.json:1:2: an object', ['[{"token":"a","team":"b","scope":[]}]'] = 'did you mean "scopes"?',
      ['[{"token":"a","team":"b","scopes":["write"]}]'] = 'read:TEAM, read:*, metrics and admin are known',
      ['[{"token":"a","team":"b","scopes":"admin"}]'] = '"scopes" is a list',
      ['[{"sha256":"abc","team":"b"}]'] = '64 hexadecimal digits',
      ['[{"token":"a","sha256":"b","team":"b"}]'] = 'either "token" or "sha256"', ['['] = 'wrong.json:1:',
      ['[{"token":"a","team":"b"},\n{"token":"c","team":"b"},\n{"token":"a","team":"d"}]'] =
        'wrong.json:3:1: the token stands twice',
    }) do
      program.write(file, text)
      local r = program.run({ 'serve', '--port', '0', '--store', data.url, '--tokens', file })
      assert.equal(1, r.code)
      assert.matches(want, r.err, 1, true)
    end
    local r = program.run({ 'serve', '--port', '0', '--store', data.url, '--tokens', '/no/such/file' })
    assert.matches('--tokens: /no/such/file: No such file', r.err, 1, true)
  end)
end)

describe('chronon serve with TLS', function()
  local data, s, cert, key
  setup(function()
    data = served.new()
    cert, key = certificate(data.folder, 'server')
    s = server.start(data.url, { '--tls-cert', cert, '--tls-key', key })
  end)
  teardown(function()
    s:stop()
    data.remove()
  end)

  local function curl(...)
    local words = { 'curl -sS --max-time 60' }
    for _, word in ipairs({ ... }) do words[#words + 1] = program.quote(word) end
    local pipe = io.popen(table.concat(words, ' ') .. ' 2>&1')
    local out = pipe:read('*a')
    pipe:close()
    return out
  end

  it('answers whom its certificate convinces', function()
    assert.matches('^https://127%.0%.0%.1:%d+$', s.url)
    assert.equal('"Pong!""Pong!"', curl('--cacert', cert, s.url .. '/ping', s.url .. '/ping'))
    local r = json.decode(curl('--cacert', cert, '-d', '[{"uid":1}]', s.url .. JOIN .. 'team%2Fj1.v1'))
    assert.equal(8, r.results[1].features.team_gt_v1_v_sum_7d)
    local other = certificate(data.folder, 'other')
    assert.matches('certificate', curl('--cacert', other, s.url .. '/ping'))
  end)

  it('is not harmed by who speaks plain HTTP, nor by half a handshake', function()
    local r, reason = s:ask('/ping', { ms = 60000 })
    assert.is_true(r == nil and reason == 'closed', reason)
    local c = s:connect()
    c:send('\22\3\1')
    assert.equal('"Pong!"', curl('--cacert', cert, s.url .. '/ping'))
    c:close()
  end)

  it('speaks nothing that is broken', function()
    for _, old in ipairs({ '--tls-max 1.0 --tlsv1.0', '--tls-max 1.1 --tlsv1.1' }) do
      assert.is_nil(curl('--ciphers', 'DEFAULT@SECLEVEL=0', '--cacert', cert, unpack({ old:match('(%S+) (%S+) (%S+)') }),
        s.url .. '/ping'):find('Pong', 1, true))
    end
  end)

  it('ends without cutting an answer', function()
    local t = server.start(data.url, { '--tls-cert', cert, '--tls-key', key })
    assert.equal('"Pong!"', curl('--cacert', cert, t.url .. '/ping'))
    assert.equal(0, t:stop())
  end)

  it('says what is wrong with the files', function()
    local other, other_key = certificate(data.folder, 'third')
    program.write(data.folder .. '/empty', '')
    program.write(data.folder .. '/broken', '-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n')
    for want, args in pairs({
      ['--tls-cert and --tls-key go together: --tls-key is missing'] = { '--tls-cert', cert },
      ['--tls-cert and --tls-key go together: --tls-cert is missing'] = { '--tls-key', key },
      ['--tls-cert /none: No such file'] = { '--tls-cert', '/none', '--tls-key', key },
      ['empty: no PEM text is in it'] = { '--tls-cert', data.folder .. '/empty', '--tls-key', key },
      ['broken is no certificate, '] = { '--tls-cert', data.folder .. '/broken', '--tls-key', key },
      ['server.key no key, or they do not belong together'] = { '--tls-cert', other, '--tls-key', key },
    }) do
      local r = program.run({ 'serve', '--port', '0', '--store', data.url, unpack(args) })
      assert.equal(1, r.code, want)
      assert.matches(want, r.err, 1, true)
    end
    assert.is_string(other_key)
  end)
end)

describe('chronon serve beyond loopback', function()
  local data, cert, key, tokens
  setup(function()
    data = served.new()
    cert, key = certificate(data.folder, 'server')
    tokens = data.folder .. '/tokens.json'
    program.write(tokens, '[{"token":"t","team":"team"}]')
  end)
  teardown(function() data.remove() end)

  it('is refused without guards', function()
    for host in ('0.0.0.0 ::'):gmatch('%S+') do
      for want, args in pairs({
        ['give --tokens and --tls-cert and --tls-key, or --insecure'] = {},
        ['read all features: give --tls-cert and --tls-key, or --insecure'] = { '--tokens', tokens },
        ['read all features: give --tokens, or --insecure'] = { '--tls-cert', cert, '--tls-key', key },
      }) do
        local r = program.run({ 'serve', '--port', '0', '--host', host, '--store', data.url, unpack(args) })
        assert.equal(1, r.code)
        assert.matches(host .. ' is not loopback', r.err, 1, true)
        assert.matches(want, r.err, 1, true)
      end
    end
  end)

  it('is served with both, or when that is waived', function()
    for _, args in ipairs({ { '--tokens', tokens, '--tls-cert', cert, '--tls-key', key }, { '--insecure' } }) do
      local s = server.start(data.url, { '--host', '0.0.0.0', unpack(args) })
      assert.matches('^https?://0%.0%.0%.0:%d+$', s.url)
      assert.equal(0, s:stop())
    end
  end)

  it('is not what loopback is, in any of its names', function()
    for _, host in ipairs({ 'localhost', '127.0.0.1', '127.9.9.9' }) do
      assert.equal(0, server.start(data.url, { '--host', host }):stop())
    end
  end)
end)
