-- How `chronon serve` ends, reloads, and stands a store that goes away.
local json = require('dkjson')
local redis = require('spec.support.redis')
local program = require('spec.support.program')
local served = require('spec.support.served')
local server = require('spec.support.server')
local socket = require('spec.support.socket')

local JOIN = '/v1/features/join/team%2Fj1.v1'
local GT = '/v1/features/groupby/team.gt.v1'
local BODY = '[{"uid":1}]'

--- Waits until the server has read a part of one request more, which another of its threads may do.
local function wait_for_half(s)
  assert(server.wait_for(function() return s:ask('/metrics').body:match('chronon_http_requests_in_flight 2\n') end, 60))
end

describe('chronon serve that is stopped', function()
  local data
  setup(function() data = served.new() end)
  teardown(function() data.remove() end)

  local function start(...)
    local s = server.start(data.url, { ... })
    finally(function() s:stop() end)
    return s
  end

  for _, signal in ipairs({ 'TERM', 'INT' }) do
    it('by SIG' .. signal .. ' lets a request under way end, takes no other, and exits with 0', function()
      local s = start()
      local c, idle = s:connect(), s:connect()
      assert.equal(200, idle:ask('/ping').status)
      local request = socket.request(JOIN, { body = BODY })
      c:send(request:sub(1, -4))
      wait_for_half(s)
      s:signal(signal)
      assert(server.wait_for(function()
        local late = socket.connect(s.port)
        if late then late:close() end
        return not late
      end, 60))
      assert.is_nil(s:code())
      c:send(request:sub(-3))
      local r = c:response()
      assert.same({ 200, 'close' }, { r.status, r.headers.connection })
      assert.equal(8, json.decode(r.body).results[1].features.team_gt_v1_v_sum_7d)
      assert.equal(0, s:ended())
      assert.matches('stopped\n$', s:err())
      c:close()
      idle:close()
    end)
  end

  it('answers what an idle connection brings at the last moment, or closes it whole', function()
    local s = start()
    local open = {}
    for i = 1, 10 do
      open[i] = s:connect()
      assert.equal(200, open[i]:ask('/ping').status)
    end
    s:signal('TERM')
    for i = 1, 10 do open[i]:send(socket.request(GT, { body = BODY })) end
    for i = 1, 10 do
      local r, why = open[i]:response()
      assert.is_true(r and r.status == 200 or why == 'closed')
      open[i]:close()
    end
    assert.equal(0, s:ended())
  end)

  it('waits so long and no longer', function()
    local s = start('--stop-timeout', '300')
    local c = s:connect()
    c:send(socket.request(JOIN, { body = BODY }):sub(1, -2))
    wait_for_half(s)
    s:signal('TERM')
    assert.equal(0, s:ended())
    assert.matches('1 request was cut after 300 ms', s:err(), 1, true)
    c:close()
  end)

  it('at the second signal does not wait', function()
    local s = start('--stop-timeout', '600000')
    local c = s:connect()
    c:send(socket.request(JOIN, { body = BODY }):sub(1, -2))
    wait_for_half(s)
    s:signal('TERM')
    assert.is_nil(server.wait_for(function() return s:code() end, 0.5))
    s:signal('TERM')
    assert.equal(0, s:ended())
    c:close()
  end)
end)

describe('chronon serve that reloads', function()
  local data, s
  before_each(function()
    data = served.new()
    s = server.start(data.url, { '--threads', '2' })
  end)
  after_each(function()
    s:stop()
    data.remove()
  end)

  local function features() return json.decode(s:ask(GT, { body = BODY }).body).results[1].features end

  it('drops no request and mixes no answer', function()
    local open, seen = {}, {}
    for i = 1, 8 do open[i] = s:connect() end
    local request = socket.request(GT, { body = BODY })
    for round = 1, 40 do
      for i = 1, 8 do open[i]:send(request) end
      if round % 4 == 0 then data.upload(round + 0LL) end
      if round % 2 == 0 then s:signal('HUP') end
      for i = 1, 8 do
        local r = assert(open[i]:response())
        assert.equal(200, r.status)
        local f = assert(json.decode(r.body).results[1].features, r.body)
        if f.v_sum_7d ~= 8 then assert.same({ v_sum_7d = f.v_sum_7d, v_average = f.v_sum_7d, v_last2 = { f.v_sum_7d } }, f) end
        seen[f.v_sum_7d] = true
      end
    end
    for _, value in ipairs({ 8, 20, 36 }) do assert.is_true(seen[value], value) end
    data.upload(7LL, { { 'v', 'SUM' }, { 'v', 'MAX' } })
    for i = 1, 8 do open[i]:send(request) end
    s:signal('HUP')
    assert(server.wait_for(function() return s:err():match('read again: 1 changed') end, 60))
    for i = 1, 8 do
      assert.equal(200, open[i]:response().status)
      assert.same({ v_sum = 7, v_max = 7 }, json.decode(open[i]:ask(GT, { body = BODY }).body).results[1].features)
      open[i]:close()
    end
  end)

  it('answers whole, old or new, while uploads change the aggregations and nobody says so', function()
    local open, seen = {}, {}
    for i = 1, 8 do open[i] = s:connect() end
    local request = socket.request(GT, { body = BODY })
    local kinds = { { { 'v', 'SUM' } }, { { 'v', 'MAX' }, { 'v', 'LAST_K', args = { k = 2 } } }, { { 'v', 'MIN' } } }
    for round = 1, 30 do
      for i = 1, 8 do open[i]:send(request) end
      data.upload(round + 0LL, kinds[round % 3 + 1])
      for i = 1, 8 do
        local f = assert(json.decode(assert(open[i]:response()).body).results[1].features)
        local of = f.v_sum and 1 or f.v_max and 2 or f.v_min and 3 or 0
        local n = f.v_sum or f.v_max or f.v_min
        local whole = { [0] = { v_sum_7d = 8, v_average = 4, v_last2 = { 5, 3 } }, { v_sum = n }, { v_max = n, v_last2 = { n } },
                        { v_min = n } }
        assert.same(whole[of], f)
        assert.is_true(of == 0 or n % 3 + 1 == of, 'features of one upload, values of another')
        seen[of] = true
      end
    end
    assert.same({ [0] = seen[0], true, true, true }, seen)
    for i = 1, 8 do open[i]:close() end
  end)

  it('says what it did', function()
    local r = s:ask('/admin/reload', { method = 'POST' })
    assert.same({ 200, '{"status":"ok","changed":0}' }, { r.status, r.body })
    s:ask('/v1/features/groupby/team.never_was.v1', { body = BODY })
    features()
    data.upload(5LL, { { 'v', 'MIN' } })
    assert.equal('{"status":"ok","changed":1}', s:ask('/admin/reload', { method = 'POST', body = '' }).body)
    assert.same({ v_min = 5 }, features())
    s:signal('HUP')
    assert(server.wait_for(function() return s:err():match('metadata was read again: %d changed') end, 60))
    assert.matches('chronon_reloads_total{result="done"} 3\n', s:ask('/metrics').body, 1, true)
  end)
end)

describe('chronon serve whose store goes', function()
  it('says so to each request while Redis is gone, and goes on when it is back', function()
    local r = redis.start()
    local data = served.new('redis://127.0.0.1:' .. r.port)
    local s = server.start(data.url)
    finally(function()
      s:stop()
      r:close()
      data.remove()
    end)
    local c = s:connect()
    local whole = c:ask(JOIN, { body = BODY }).body
    assert.equal(8, json.decode(whole).results[1].features.team_gt_v1_v_sum_7d)
    r:stop()
    local function gone(text)
      local why = text:match('^store redis://127%.0%.0%.1:' .. r.port .. ': (.*)')
      assert.is_true(why == 'Connection refused' or (why or ''):match('^not reachable; next attempt in') ~= nil, text)
    end
    for _, path in ipairs({ JOIN, GT, GT .. '?detailed=1' }) do
      local bad = c:ask(path, { body = BODY })
      assert.same({ 500, 'application/json' }, { bad.status, bad.headers['content-type'] })
      gone(json.decode(bad.body).errors[1])
    end
    assert.equal(400, c:ask(GT, { body = 'x' }).status)
    assert.equal('"Pong!"', c:ask('/ping').body)
    assert.equal(200, c:ask('/healthz').status)
    local ready = c:ask('/readyz')
    assert.equal(503, ready.status)
    gone(json.decode(ready.body).errors[1])
    assert.matches('chronon_store_up 0\n', c:ask('/metrics').body, 1, true)
    local reload = c:ask('/admin/reload', { method = 'POST' })
    assert.equal(500, reload.status)
    gone(json.decode(reload.body).errors[1]:gsub('^.-(store redis)', '%1'))
    assert.matches('join team/j1.v1: store redis://', s:err(), 1, true)
    assert.is_true(r:run())
    data.fill()
    assert(server.wait_for(function() return c:ask(JOIN, { body = BODY }).body == whole end, 60))
    assert.equal(200, c:ask('/readyz').status)
    c:close()
  end)

  it('starts before its Redis does, and says what is missing', function()
    local r = redis.start()
    r:stop()
    local s = server.start('redis://127.0.0.1:' .. r.port)
    finally(function()
      s:stop()
      r:close()
    end)
    local said = '\nthe store does not answer yet, and until it does every request fails: store redis://127.0.0.1:' .. r.port
    assert(server.wait_for(function() return s:err():find(said, 1, true) end, 30), s:err())
    assert.equal(503, s:ask('/readyz').status)
    assert.is_true(r:run())
    assert(server.wait_for(function() return s:ask('/readyz').status == 200 end, 60))
  end)

  it('does not wait for a Redis that hangs longer than it must', function()
    local r = redis.start()
    local data = served.new('redis://127.0.0.1:' .. r.port .. '?timeout=1500')
    local s = server.start(data.url)
    finally(function()
      s:stop()
      r:close()
      data.remove()
    end)
    assert.equal(200, s:ask(JOIN, { body = BODY }).status)
    r:signal('STOP')
    local bad = s:ask(JOIN, { body = BODY })
    assert.equal(500, bad.status)
    assert.equal('"Pong!"', s:ask('/ping').body)
    r:signal('CONT')
    assert(server.wait_for(function() return s:ask(JOIN, { body = BODY }).status == 200 end, 60))
  end)

  it('fails no request where Redis has closed its connections', function()
    local r = redis.start()
    local data = served.new('redis://127.0.0.1:' .. r.port)
    local s = server.start(data.url, { '--threads', '1' })
    finally(function()
      s:stop()
      r:close()
      data.remove()
    end)
    local whole = s:ask(JOIN, { body = BODY })
    assert.equal(200, whole.status)
    for _ = 1, 5 do
      r:cli('client', 'kill', 'type', 'normal')
      assert.same({ 200, whole.body }, { s:ask(JOIN, { body = BODY }).status, s:ask(JOIN, { body = BODY }).body })
    end
    r:stop()
    assert.is_true(r:run())
    assert.equal(200, s:ask('/v1/features/groupby/team.gt.v1', { body = BODY }).status)
  end)

  it('answers from the mapped file when the LMDB folder was removed, and is not ready', function()
    local data = served.new()
    local s = server.start(data.url)
    finally(function()
      s:stop()
      data.remove()
    end)
    local whole = s:ask(JOIN, { body = BODY }).body
    assert.equal(200, s:ask('/readyz').status)
    program.remove(data.folder .. '/kv')
    assert.equal(whole, s:ask(JOIN, { body = BODY }).body)
    local ready = s:ask('/readyz')
    assert.equal(503, ready.status)
    assert.matches('data.mdb was removed since this process opened it', json.decode(ready.body).errors[1], 1, true)
    assert.matches('chronon_store_up 0\n', s:ask('/metrics').body, 1, true)
    assert.equal(200, s:ask('/healthz').status)
  end)

  it('fails the part that it cannot decode and keeps the others', function()
    local data = served.new()
    local s = server.start(data.url)
    finally(function()
      s:stop()
      data.remove()
    end)
    data.spoil()
    local r = s:ask(JOIN, { body = '[{"uid":1},{"uid":9}]' })
    assert.equal(200, r.status)
    local results = json.decode(r.body).results
    assert.equal(8, results[1].features.team_gt_v1_v_sum_7d)
    assert.matches('team.gs.v1', results[1].features.team_gs_v1_exception, 1, true)
    assert.same({}, results[2].features)
  end)
end)
