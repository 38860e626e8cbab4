--- Two processes of one group that both believe to own the partitions: the store's marks decide, and
--- no event counts twice.
local kv = require('spec.support.kv')
local program = require('spec.support.program')
local seed = require('spec.support.seed')
local streaming = require('spec.support.streaming')

local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 's', 'string' } }
local DEFS = { { 'n', 'SUM', windows = { '1h', '7d' } }, { 's', 'HISTOGRAM', windows = { '7d' } } }
local EVENTS, STEP = 3000, 10000

describe('two streams of one group', function()
  for _, how in ipairs({ 'tiles', 'rows' }) do
    describe('of ' .. how, function()
      local s, want, random, first
      local tiled = how == 'tiles'

      local function contents()
        local out = s:content()
        for name, value in pairs(tiled and out or {}) do out[name] = value:sub(1, -2) end
        return out
      end

      local function fresh()
        program.remove(s.folder .. '/kv')
        program.shell(('cp -r %s/empty %s/kv'):format(s.folder, s.folder))
      end

      local function check(round)
        local differ = streaming.differences(want, contents())
        assert(not differ, ('seed %d, round %d: %s'):format(first, round, differ))
        assert.equal(0, s:stream().messages)
      end

      local function paced(seconds, ...)
        return { '--batch-rows', '50', '--replay-speed', tostring(EVENTS * STEP / 1000 / seconds), ... }
      end

      before_each(function()
        random, first = seed.random('stream zombie ' .. how)
        s = streaming.new({ fields = FIELDS, defs = DEFS, tiled = tiled })
        s:upload({ { user = 'u1', n = 1, s = 's', ts = STOP - 1000, ds = '2024-01-31' } }, '2024-01-31')
        program.shell(('cp -r %s/kv %s/empty'):format(s.folder, s.folder))
        s:events(streaming.two_partitions(random, STOP, EVENTS, STEP))
        s:stream()
        want = contents()
        fresh()
      end)
      after_each(function() s:remove() end)

      --- Both end; who never got a commit in may give up to the other, and says so.
      local function both_end(a, b)
        local done = 0
        for _, run in ipairs({ a, b }) do
          local code, said = streaming.wait(run)
          done = done + (code == 0 and 1 or 0)
          assert(code == 0 or said:find('another process streams', 1, true), said)
        end
        assert.is_true(done > 0)
      end

      it('count every event once while both write', function()
        for round = 1, 4 do
          local a = s:start(paced(1.5))
          program.shell(('sleep %.2f'):format(random(0, 40) / 100))
          local b = s:start(paced(1.2))
          both_end(a, b)
          check(round)
          fresh()
        end
      end)

      it('go on behind what the other has written, after a long sleep', function()
        for round = 1, 2 do
          local a = s:start(paced(1.5))
          program.shell(('sleep %.2f'):format(random(60, 120) / 100))
          streaming.signal(a, 'STOP')
          local b = s:start(round == 1 and { '--batch-rows', '70' } or nil)
          -- Where it was stopped in the middle of a transaction, LMDB lets nobody else write.
          for _ = 1, 60 do
            if not streaming.is_running(b) then break end
            program.shell('sleep 0.05')
          end
          streaming.signal(a, 'CONT')
          both_end(a, b) -- where b could not write meanwhile, both write now
          check(round)
          fresh()
        end
      end)
    end)
  end

  it('end with the reason when one is never let in', function()
    local s = streaming.new({ fields = FIELDS, defs = DEFS, tiled = true })
    finally(function() s:remove() end)
    s:upload({ { user = 'u1', n = 1, s = 's', ts = STOP - 1000, ds = '2024-01-31' } }, '2024-01-31')
    local random = seed.random('stream shut out')
    s:events(streaming.two_partitions(random, STOP, EVENTS, STEP))
    -- A mark that reads well but is never what the commit expects, as if it moved each time: its end is
    -- behind a NUL.
    local pipe = io.popen('realpath ' .. program.quote(s.input))
    local name = ('stream/chronon-gb/%s/0'):format(pipe:read('*l'))
    pipe:close()
    local store = kv.open(s.store_url, false)
    store:commit({}, { { name, '0 -9223372036854775808\0x' } })
    store:close()
    local run = s:start()
    local code, said = streaming.wait(run)
    assert.equal(1, code, said)
    assert.matches('another process streams gb into this store under group chronon%-gb', said)
  end)
end)
