--- A stream that is killed at random instants, again and again, leaves in the store what an
--- undisturbed one does, to the last byte.
local real = require('spec.support.real')
local redis = require('spec.support.redis')
local seed = require('spec.support.seed')
local streaming = require('spec.support.streaming')

local KILLS = 17 -- 51 in all
local SMALL = { '--batch-rows', '20' }

--- The same member comes back at once: without a name of its own the group would wait for the dead one.
local function words(member)
  return { SMALL[1], SMALL[2], '--kafka', 'group.instance.id=' .. member }
end

describe('a stream of Kafka that is killed', function()
  local server
  setup(function() server = redis.start('--databases 200') end) -- one a store
  teardown(function() server:close() end)

  for _, case in ipairs({ { 'tiles', 'lmdb' }, { 'rows', 'lmdb' }, { 'tiles', 'redis' } }) do
    local how, kind = case[1], case[2]
    it(('of %s in %s, leaves what an undisturbed one does'):format(how, kind), function()
      local random, first = seed.random('real kill ' .. how .. kind)
      local r = real.new({ tiled = how == 'tiles' })
      finally(function() r:remove() end)
      r:send(real.flights(6))
      local began = real.clock()
      local want, report = r:undisturbed(SMALL)
      local full = (real.clock() - began) / 1000
      assert.same({ r:total(), 0, 0 }, { report.rows, report.late, report.rejected })

      local kills, midway, stores = 0, 0, 0
      -- Where the machine is busy, many fall before or behind the work: then there are more of them.
      while kills < KILLS or midway < KILLS / 3 and kills < 6 * KILLS do
        stores = stores + 1
        local url = r:fresh(kind == 'redis' and ('redis://127.0.0.1:%d/%d'):format(server.port, stores) or nil)
        local group = real.name('killed')
        local more = words(group)
        local before = 0
        for _ = 1, 6 do
          local run = r:start(url, group, more)
          -- At any instant of its life, or of its work: most of a short life is its start.
          if random(1, 3) == 1 then
            os.execute(('sleep %.3f'):format(full * random(30, 500) / 1000))
          else
            r:reach(url, group, before + random(1, math.max(1, math.floor((r:total() - before) / 2))), 120)
          end
          run:signal('KILL')
          assert.equal(137, run:ended(), run:err())
          kills = kills + 1
          local done = r:total(r:marks(url, group))
          midway = midway + (done > 0 and done < r:total() and 1 or 0)
          before = done
          if done == r:total() then break end
        end
        local run = r:start(url, group, more)
        r:wait(run, url, group)
        r:finish(run)
        local differ = streaming.differences(want, r:content(url))
        assert(not differ, ('seed %d, after %d kills: %s'):format(first, kills, differ))
      end
      assert.is_true(midway >= KILLS / 3, midway .. ' kills fell into the work')
    end)
  end
end)
