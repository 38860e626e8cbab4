-- What `chronon serve` does with clients that are slow, huge, many or wrong: one answer for them, others unharmed.
local C = require('spec.support.cdef').load('base/time.h')
local json = require('dkjson')
local served = require('spec.support.served')
local server = require('spec.support.server')
local socket = require('spec.support.socket')

local JOIN = '/v1/features/join/team%2Fj1.v1'
local GROUP_BY = '/v1/features/groupby/team.gs.v1'

describe('chronon serve under bad clients', function()
  local data, s
  setup(function()
    data = served.new()
    s = server.start(data.url, { '--request-timeout', '2000', '--idle-timeout', '3000', '--max-body', '100000', '--max-keys',
      '50', '--max-connections', '40', '--threads', '2' })
  end)
  teardown(function()
    s:stop()
    data.remove()
  end)

  local function lives(path) assert.equal(200, s:ask(path or GROUP_BY, { body = '[{"uid":1}]' }).status) end
  local function why(r) return json.decode(r.body).errors[1] end

  --- Milliseconds until the other side has closed; nil where it does not in a minute.
  local function closes(c, each)
    local began = C.chn_monotonic_ms()
    repeat
      if each then each() end
      local took = C.chn_monotonic_ms() - began
      if c:more(100) == '' then return took end
    until took > 60000
  end

  local function cut() return tonumber(s:ask('/metrics').body:match('chronon_http_slow_connections_total (%d+)')) end

  it('cuts who brings a request byte by byte, and answers others meanwhile', function()
    local before = cut()
    for _, whole in ipairs({ 'GET /ping HTTP/1.1\r\nHost: x\r\nX-Long: ' .. ('a'):rep(200), -- headers
      socket.request(GROUP_BY, { body = (' '):rep(500) }) }) do -- a body
      local c, at = s:connect(), 1
      local took = closes(c, function()
        c:send(whole:sub(at, at))
        at = at + 1
        lives()
      end)
      assert.is_true(took ~= nil and took >= 1000, tostring(took))
      c:close()
    end
    assert.equal(before + 2, cut())
  end)

  it('cuts who does not take the answer', function()
    local before = cut()
    local c = s:connect()
    local body = ('[%s{"uid":1}]'):format(('{"uid":1},'):rep(49))
    for _ = 1, 2000 do
      c:send(socket.request(GROUP_BY, { body = body })) -- 10 MB of answers, none of which is read
      if cut() > before then break end
    end
    assert(server.wait_for(function() return cut() > before end, 60))
    lives()
    c:close()
  end)

  it('closes an idle connection, also one that never said anything', function()
    local quiet, used = s:connect(), s:connect()
    assert.equal(200, used:ask('/ping').status)
    assert(closes(used))
    assert(closes(quiet))
    quiet:close()
    used:close()
  end)

  it('refuses a body that is too large, whatever its length says', function()
    local big = '[' .. (' '):rep(100000) .. ']'
    for _, path in ipairs({ GROUP_BY, JOIN, '/ping', '/nope' }) do
      local r = s:ask(path, { method = 'POST', body = big })
      assert.equal(path == '/ping' and 405 or path == '/nope' and 404 or 413, r.status)
    end
    assert.equal('the body is larger than 100000 bytes', why(s:ask(GROUP_BY, { body = big })))
    local c = s:connect()
    c:send(('POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'):format(GROUP_BY))
    for _ = 1, 11 do c:send(('%x\r\n%s\r\n'):format(10000, (' '):rep(10000))) end
    c:send('0\r\n\r\n')
    assert.equal(413, c:response().status)
    c:close()
    lives()
  end)

  it('asks for no body that it would refuse', function()
    local c = s:connect()
    c:send(('POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000000\r\nExpect: 100-continue\r\n\r\n'):format(GROUP_BY))
    local r = c:response()
    assert.same({ 413, 'close' }, { r.status, r.headers.connection })
    c:close()
  end)

  it('cuts a body that never ends', function()
    local c = s:connect()
    c:send(('POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'):format(GROUP_BY))
    local chunk, sent = ('%x\r\n%s\r\n'):format(50000, (' '):rep(50000)), 0
    while sent < 1000 and c:send(chunk) do sent = sent + 1 end
    assert.is_true(sent < 1000)
    c:close()
    lives()
  end)

  it('takes a chunked body', function()
    local c = s:connect()
    c:send(('POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{"ui\r\n6\r\nd":9}]\r\n0\r\n\r\n'):format(
      GROUP_BY))
    assert.equal('{"results":[{"status":"Success","entityKeys":{"uid":9}}]}', c:response().body)
    c:close()
  end)

  it('refuses too many key objects, and documents that are none', function()
    local r = s:ask(GROUP_BY, { body = '[' .. ('{},'):rep(50) .. '{}]' })
    assert.same({ 413, 'the body has 51 key objects; at most 50 are answered at once' }, { r.status, why(r) })
    assert.equal(200, s:ask(GROUP_BY, { body = '[' .. ('{},'):rep(49) .. '{}]' }).status)
    local deep = s:ask(GROUP_BY, { body = ('['):rep(90000) })
    assert.equal(400, deep.status)
    assert.matches('^body:1:%d+: ', why(deep))
    assert.equal(400, s:ask(GROUP_BY, { body = '[{"uid":' .. ('{"a":'):rep(15000) }).status)
  end)

  it('refuses headers that are too long, and what is no HTTP', function()
    local r = s:ask('/ping?' .. ('a'):rep(40000))
    assert.is_true(r == nil or r.status == 414 or r.status == 431)
    local c = s:connect()
    c:send('GET /ping HTTP/1.1\r\nHost: x\r\n' .. ('X-A: ' .. ('b'):rep(1000) .. '\r\n'):rep(40) .. '\r\n')
    local answer, reason = c:response()
    assert.is_true(answer and answer.status == 431 or reason == 'closed')
    c:close()
    for _, bytes in ipairs({ '\0\1\2\3\r\n\r\n', 'GET\r\n\r\n', '\22\3\1\2\0\1\0\1\252\3\3' .. ('\7'):rep(600) .. '\r\n\r\n',
      'POST ' .. GROUP_BY .. ' HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n[]',
      'POST ' .. GROUP_BY .. ' HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n[]',
      'POST ' .. GROUP_BY .. ' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n' }) do
      local odd = s:connect()
      odd:send(bytes)
      local status = odd:response({ ms = 3000 })
      assert.is_true(status == nil or status.status >= 400, bytes)
      odd:close()
      lives()
    end
  end)

  it('answers HTTP/1.0 and closes', function()
    local c = s:connect()
    c:send('GET /ping HTTP/1.0\r\n\r\n')
    local r = c:response()
    assert.same({ 200, '"Pong!"' }, { r.status, r.body })
    assert(closes(c))
    c:close()
  end)

  it('lets connections wait that are too many', function()
    local open = {}
    for i = 1, 60 do
      open[i] = s:connect()
      open[i]:send(socket.request('/ping'))
    end
    -- All are answered in the end: the first at once, the others when idle ones have been closed.
    for i = 1, 60 do assert.equal('"Pong!"', open[i]:response().body) end
    for i = 1, 60 do open[i]:close() end
    lives()
  end)

  it('survives clients that go in the middle', function()
    local request = socket.request(JOIN, { body = '[{"uid":1}]' })
    for i = 1, #request do
      local c = s:connect()
      c:send(request:sub(1, i))
      c:close()
    end
    lives(JOIN)
    assert(server.wait_for(function()
      local m = s:ask('/metrics').body
      return m:match('chronon_http_connections 1\n') and m:match('chronon_http_requests_in_flight 1\n')
    end, 60))
  end)

  it('keeps its memory', function()
    local function resident() return tonumber(s:ask('/metrics').body:match('\nprocess_resident_memory_bytes (%S+)')) end
    local body = '[' .. ('{"uid":1,"other":"a text beside"},'):rep(49) .. '{"uid":9}]'
    local c = s:connect()
    local function burst(n)
      for _ = 1, n do
        assert.equal(200, c:ask(JOIN, { body = body }).status)
        assert.equal(400, c:ask(JOIN, { body = '[{"uid":' }).status)
      end
    end
    burst(200)
    local before = resident()
    burst(2000)
    c:close()
    assert.is_true(resident() - before < 4e6)
  end)
end)
