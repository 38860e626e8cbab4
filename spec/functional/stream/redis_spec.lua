--- A stream into a Redis server that dies, hangs, or loses the answers to commits: nothing is lost,
--- nothing counts twice.
local program = require('spec.support.program')
local redis = require('spec.support.redis')
local seed = require('spec.support.seed')
local streaming = require('spec.support.streaming')

local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 's', 'string' } }
local DEFS = { { 'n', 'SUM', windows = { '1h', '7d' } }, { 'n', 'COUNT', windows = { '1d' } },
               { 's', 'HISTOGRAM', windows = { '7d' } } }
local BATCH = { { user = 'u1', n = 1, s = 's', ts = STOP - 1000, ds = '2024-01-31' } }
local EVENTS, STEP = 2000, 10000
local q = program.quote

local function masked(content, tiled)
  for name, value in pairs(tiled and content or {}) do content[name] = value:sub(1, -2) end
  return content
end

describe('a stream into Redis', function()
  local server
  setup(function() server = redis.start('--appendonly yes --appendfsync always') end)
  teardown(function() if server then server:close() end end)

  for _, how in ipairs({ 'tiles', 'rows' }) do
    describe('of ' .. how, function()
      local s, want, random, first
      local tiled = how == 'tiles'

      before_each(function()
        random, first = seed.random('stream redis ' .. how)
        s = streaming.new({ fields = FIELDS, defs = DEFS, tiled = tiled })
        s:upload(BATCH, '2024-01-31')
        s:events(streaming.two_partitions(random, STOP, EVENTS, STEP))
        s:stream()
        want = masked(s:content(), tiled)
        s.store_url = ('redis://127.0.0.1:%d'):format(server.port)
        server:cli('flushall')
        s:upload(BATCH, '2024-01-31')
      end)
      after_each(function() s:remove() end)

      --- What the store has is what an undisturbed run leaves.
      local function check(url)
        local differ = streaming.differences(want, masked(s:content(url), tiled))
        assert(not differ, ('seed %d: %s'):format(first, differ))
        assert.equal(0, s:stream({}, { store = url }).messages)
      end

      --- A stream that has written something and has more to do.
      local function begun(...)
        local run = s:start(...)
        s:wait_for_writes(run)
        return run
      end

      local AWAY = 'the store does not'

      --- Some seconds of a replay.
      local function paced(seconds)
        return { '--batch-rows', '50', '--replay-speed', tostring(EVENTS * STEP / 1000 / seconds) }
      end

      it('waits for a server that is killed and comes back', function()
        local run = begun(paced(6))
        for i = 1, 3 do
          program.shell(('sleep %.2f'):format(random(30, 80) / 100))
          server:stop()
          if i == 1 then assert.is_true(streaming.says(run, AWAY)) end
          program.shell(('sleep %.2f'):format(i == 2 and 1.2 or 0.2))
          assert.is_true(server:run())
        end
        local code, said = streaming.wait(run)
        assert.equal(0, code, said)
        check()
      end)

      it('waits for a server that hangs', function()
        local run = begun(paced(6))
        for i = 1, 2 do
          program.shell('sleep 0.6')
          server:signal('STOP')
          if i == 1 then assert.is_true(streaming.says(run, AWAY)) end
          program.shell('sleep 0.7')
          server:signal('CONT')
        end
        local code, said = streaming.wait(run)
        assert.equal(0, code, said)
        check()
      end)

      it('counts once what a lost answer left in doubt', function()
        local told = s.folder .. '/port'
        local pipe = io.popen(('luajit spec/support/redis_proxy.lua %s %d %d >%s/proxy.log 2>&1 & echo $!'):format(q(told),
          server.port, first, s.folder))
        local proxy = pipe:read('*l')
        pipe:close()
        finally(function() program.shell('kill ' .. proxy .. ' 2>/dev/null') end)
        repeat program.shell('sleep 0.02') until program.shell('test -s ' .. q(told)) == 0
        local url = ('redis://127.0.0.1:%s'):format(program.read(told))
        local code, said = streaming.wait(s:start(paced(4), { store = url }))
        assert.equal(0, code, said)
        assert.matches('consumption waits', said)
        check()
      end)

      it('can be stopped while the server is away', function()
        local run = begun(paced(4))
        server:stop()
        assert.is_true(streaming.says(run, AWAY))
        streaming.signal(run, 'TERM')
        local code, said = streaming.wait(run)
        assert.equal(0, code, said)
        assert.matches('the next run reads it again', said)
        assert.is_true(server:run())
        s:stream({ '--batch-rows', '50' })
        check()
      end)
    end)
  end
end)
