--- What only the Redis store has: a server that is slow, away, or wants a password.
local kv = require('spec.support.kv')
local redis = require('spec.support.redis')
local ffi = require('ffi')
require('spec.support.cdef').load('base/time.h')
local C = kv.C

local function took(f)
  local start = C.chn_monotonic_ms()
  local ok, why = pcall(f)
  return C.chn_monotonic_ms() - start, ok, why
end

describe('kv redis', function()
  local server
  after_each(function() server:close() end)

  local function url(options, login) return ('redis://%s127.0.0.1:%d%s'):format(login or '', server.port, options or '') end

  it('answers with an error within its time when the server hangs, and again when it goes on', function()
    server = redis.start()
    local store = kv.open(url('?timeout=2000'))
    store:create('A')
    store:put('A', 'k', 'v', 1)
    assert.equal(1, #store:get('A', 'k'))
    server:signal('STOP')
    for _, use in ipairs({
      function() store:get('A', 'k') end,
      function() store:put('A', 'k', 'v', 2) end,
      function() store:load('A', 2) end,
      function() store:list() end,
    }) do
      local ms, ok, why = took(use)
      assert.is_false(ok)
      assert.matches('store redis://127.0.0.1:%d+', why)
      assert.is_true(why:match('no answer within 2000 ms') ~= nil or why:match('not reachable') ~= nil, why)
      assert.is_true(ms < 10000, ms)
    end
    server:signal('CONT')
    for _ = 1, 1000 do
      if pcall(store.get, store, 'A', 'k') then break end
      os.execute('sleep 0.05')
    end
    assert.equal('v', store:get('A', 'k')[1][2])
    store:close()
  end)

  it('fails at once while the server is away and finds it again', function()
    server = redis.start()
    local store = kv.open(url('?timeout=60000'))
    store:create('A')
    store:put('A', 'k', 'old', 1)
    assert.equal(1, #store:get('A', 'k'))
    server:stop()
    for _ = 1, 5 do
      local ms, ok, why = took(function() store:get('A', 'k') end)
      assert.is_false(ok)
      assert.is_true(why:match('[Cc]onnection') ~= nil or why:match('not reachable; next attempt in %d+ ms') ~= nil
        or why:match('closed') ~= nil, why)
      assert.is_true(ms < 20000, ms) -- no wait for an answer
    end
    assert.is_true(server:run())
    local again = false
    for _ = 1, 200 do
      again = pcall(store.get, store, 'A', 'k')
      if again then break end
      os.execute('sleep 0.05')
    end
    assert.is_true(again)
    assert.same({}, store:get('A', 'k')) -- it kept nothing
    for _ = 1, 200 do
      if pcall(store.create, store, 'A') then break end
      os.execute('sleep 0.05')
    end
    store:put('A', 'k', 'new', 1)
    assert.same({ { 1, 'new' } }, store:get('A', 'k'))
    store:close()
  end)

  it('may be opened before its server is there', function()
    server = redis.start()
    server:stop()
    local store = kv.open(url())
    assert.is_false(pcall(store.ping, store))
    store:close()
  end)

  it('knows passwords and users', function()
    server = redis.start('--requirepass "s3cret p@ss"', "-a 's3cret p@ss'")
    local store = kv.open(url('/2', ':s3cret%20p%40ss@'))
    store:create('A')
    store:put('A', 'k', 'v', 1)
    assert.equal('v', store:get('A', 'k')[1][2])
    assert.matches('chronon:1:A:1:{k}', server:cli('-n', '2', 'keys', '*'))
    store:close()
    server:cli('acl', 'setuser', 'ann', 'on', '>pw', '~chronon:*', '+@all')
    store = kv.open(url('/2', 'ann:pw@'))
    assert.equal('v', store:get('A', 'k')[1][2])
    store:close()
    for login, why in pairs({ [''] = 'NOAUTH', [':wrong@'] = 'WRONGPASS', ['bob:pw@'] = 'WRONGPASS' }) do
      store = kv.open(url('', login))
      local ok, message = pcall(store.ping, store)
      assert.is_false(ok)
      assert.matches(why, message)
      assert.is_nil(message:find('wrong', 1, true) and message:find(':wrong@', 1, true))
      store:close()
    end
  end)

  it('keeps one key of another type from harming the others of a read', function()
    server = redis.start()
    local store = kv.open(url())
    store:create('A')
    store:put('A', 'good', 'v', 1)
    server:cli('set', 'chronon:1:A:1:{bad}', 'x')
    server:cli('zadd', 'chronon:1:A:1:{short}', '0', 'x')
    local gets = ffi.new('struct kv_get[3]')
    for i, key in ipairs({ 'bad', 'good', 'short' }) do
      gets[i - 1].dataset, gets[i - 1].key, gets[i - 1].key_len = store:dataset('A'), key, #key
      gets[i - 1].after_ts = kv.ALL
    end
    store:read(function(reader)
      local err = ffi.new('struct chn_err')
      assert.equal(C.CHN_E_IO, C.kv_read(reader, gets, 3, err))
      assert.matches('WRONGTYPE', ffi.string(err.msg))
      assert.equal(C.CHN_E_IO, gets[0].status)
      assert.equal(C.CHN_OK, gets[1].status)
      assert.equal('v', ffi.string(gets[1].versions[0].data, gets[1].versions[0].len))
      assert.equal(0, tonumber(gets[2].count))
    end)
    store:close()
  end)

  it('refuses TLS it has not, or a server that does not speak it', function()
    server = redis.start()
    local store = kv.open(('rediss://127.0.0.1:%d'):format(server.port))
    local ok, why = pcall(store.ping, store)
    assert.is_false(ok)
    assert.matches('TLS', why)
    store:close()
  end)
end)
