-- Requests that are no honest HTTP, and bytes that are no text: one clear answer, JSON where JSON is told, nothing forged.
local json = require('dkjson')
local served = require('spec.support.served')
local server = require('spec.support.server')

local JOIN = '/v1/features/join/team%2Fj1.v1'
local GT = '/v1/features/groupby/team.gt.v1'

--- Whether these bytes are UTF-8 (no surrogates, nothing overlong beyond two bytes).
local function is_text(s)
  s = s:gsub('[\1-\127]', ''):gsub('[\194-\223][\128-\191]', ''):gsub('[\224-\239][\128-\191][\128-\191]', '')
  return s:gsub('[\240-\244][\128-\191][\128-\191][\128-\191]', '') == ''
end

describe('chronon serve under hostile requests', function()
  local data, s
  setup(function()
    data = served.new()
    s = server.start(data.url, { '--threads', '2' })
  end)
  teardown(function()
    s:stop()
    data.remove()
  end)

  local function raw(bytes)
    local c = s:connect()
    c:send(bytes)
    local r, why = c:response({ ms = 3000 })
    c:close()
    return assert(r, why)
  end
  local function get(target) return raw('GET ' .. target .. ' HTTP/1.1\r\nHost: x\r\n\r\n') end
  local function post(headers, body)
    return raw('POST ' .. JOIN .. ' HTTP/1.1\r\nHost: x\r\n' .. headers .. '\r\n' .. (body or ''))
  end

  it('tells errors as text, whatever bytes were asked with', function()
    local long = 'a' .. ('%c3%a9'):rep(1500)
    for _, target in ipairs({ '/v1/features/groupby/\255?uid=1', GT .. '?uid=\254', GT .. '?uid=1&at=\254',
      GT .. '?uid=1&at=' .. long, '/v1/features/join/' .. long .. '?uid=1', '/v1/features/groupby/' .. long .. '%?uid=1',
      GT .. '?uid=' .. long,
      GT .. '?uid=b' .. long }) do
      local r = get(target)
      assert.is_true(r.status == 400 or r.status == 404 or r.status == 200, target)
      assert.is_true(is_text(r.body), target:sub(1, 60))
      assert.is_table(json.decode(r.body))
    end
  end)

  it('writes no line on stderr that the client made up', function()
    for _, name in ipairs({ 'x%0Ajoin%20forged', 'x%0d%0aforged', 'x%1b%5b31mforged' }) do
      raw(('POST /v1/features/join/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]'):format(name))
      os.execute('sleep 1.1') -- one line a second is written
    end
    local told = s:err()
    assert.matches('forged', told)
    for line in told:gmatch('[^\n]+') do
      assert.is_nil(line:find('[%z\1-\8\11-\31\127]'), line)
      assert.is_nil(line:find('^%s*join forged'))
      assert.is_nil(line:find('^forged'))
    end
  end)

  it('answers a query of very many parameters', function()
    local words = {}
    for i = 1, 4000 do words[i] = 'k' .. i end
    local r = get(GT .. '?' .. table.concat(words, '&') .. '&uid=1')
    assert.equal(200, r.status)
    assert.equal(8, json.decode(r.body).results[1].features.v_sum_7d)
  end)

  it('refuses at once a body whose end is not told, or told twice', function()
    local length, chunked = 'Content-Length: 2\r\n', 'Transfer-Encoding: chunked\r\n'
    for headers, why in pairs({ ['Transfer-Encoding: gzip\r\n'] = 'chunked', ['Transfer-Encoding: gzip, chunked\r\n'] = 'chunked',
      ['Transfer-Encoding: identity\r\n' .. length] = 'chunked', [chunked .. chunked] = 'twice', [length .. length] = 'twice',
      [length .. chunked] = 'both' }) do
      local r = post(headers)
      assert.same({ 400, 'close' }, { r.status, r.headers.connection }, headers)
      assert.matches(why, json.decode(r.body).errors[1], 1, true)
    end
    for _, bytes in ipairs({ '9223372036854775807', '5000000000' }) do
      local r = post('Content-Length: ' .. bytes .. '\r\n', '[{"uid"')
      assert.same({ 413, 'close' }, { r.status, r.headers.connection })
    end
    assert.equal(200, post('transfer-encoding: Chunked\r\n', '2\r\n[]\r\n0\r\n\r\n').status)
  end)

  it('reads the query of a GET, not a body beside it', function()
    local r = raw(('GET %s?uid=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n[{"uid":2'):format(GT))
    assert.equal(200, r.status)
    assert.equal(8, json.decode(r.body).results[1].features.v_sum_7d)
    assert.equal('the query: the key "uid" stands twice in the object', json.decode(get(GT .. '?uid=1&uid=2').body).errors[1])
    assert.equal(400, get(GT .. '?uid=1&at=-9223372036854775808').status) -- what now is told by inside
  end)

  it('takes a whole URL, as a proxy asks with it', function()
    assert.equal('"Pong!"', get('http://localhost:8080/ping').body)
    assert.equal(200, get('HTTP://x' .. GT .. '?uid=1').status)
    assert.equal(404, get('http://localhost').status)
    assert.equal(404, get('/x://y/ping').status)
  end)
end)
