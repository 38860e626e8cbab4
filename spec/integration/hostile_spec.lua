--- A producer that means harm: events that come twice, in any order, too late or broken.
local program = require('spec.support.program')
local real = require('spec.support.real')
local redis = require('spec.support.redis')
local seed = require('spec.support.seed')
local server = require('spec.support.server')

local MINUTE = 60000
local BROKEN = {
  '{"user": "UA-EWR", "delay": ', '[]', '', 'null', '\0\255\254', '{"user": "UA-EWR", "delay": "much", "ts": 1359936000000}',
  '{"user": 5, "delay": 1, "ts": 1359936000000}', '{"user": "UA-EWR", "delay": 1e999, "ts": 1359936000000}',
  '{"user": "UA-EWR", "user": "AA-EWR", "ts": 1359936000000}', '{"user": "UA-EWR", "delay": 1, "ts": "now"}',
  ('['):rep(100000), '{"user": "UA-EWR", "delay": 1, "ts": 99999999999999999999}',
}
local TIMELESS = '{"user": "UA-EWR", "delay": 1, "dest": "ORD"}'

--- What each partition brings, by the rules of docs/reference/streaming.md, said again here: an event
--- is late when its tile ended 5 minutes or more before the greatest time of its partition.
local function oracle(r, order, tiled)
  local greatest, sums, late = {}, {}, 0
  for _, row in ipairs(order) do
    local p = r:partition_of(row)
    local tile_end = row.ts - row.ts % (5 * MINUTE) + 5 * MINUTE
    if tiled and greatest[p] and tile_end <= greatest[p] - 5 * MINUTE then
      late = late + 1
    else
      local u = sums[row.user] or { n = 0, sum = 0 }
      u.n, u.sum = u.n + 1, u.sum + row.delay
      sums[row.user] = u
      greatest[p] = math.max(greatest[p] or row.ts, row.ts)
    end
  end
  return sums, late
end

--- Rows with duplicates, moved a little, now and then far back.
local function hostile(random, rows)
  local keyed = {}
  for i, row in ipairs(rows) do
    for _ = 1, random(1, 12) == 1 and random(2, 4) or 1 do
      local shift = random(1, 20)
      local by = shift == 1 and random(0, 300) or shift < 10 and random(-5, 5) or 0
      keyed[#keyed + 1] = { i + by + random(0, 999) / 1000, row }
    end
  end
  table.sort(keyed, function(a, b) return a[1] < b[1] end)
  local out = {}
  for i, k in ipairs(keyed) do out[i] = k[2] end
  return out
end

describe('a hostile producer', function()
  local db
  setup(function() db = redis.start() end)
  teardown(function() db:close() end)

  for _, case in ipairs({ { 'tiles', 'lmdb' }, { 'rows', 'lmdb' }, { 'tiles', 'redis' }, { 'rows', 'redis' } }) do
    local how, kind = case[1], case[2]
    it(('makes no other features of %s in %s'):format(how, kind), function()
      local tiled = how == 'tiles'
      local random, first = seed.random('hostile ' .. how .. kind)
      local r = real.new({ tiled = tiled, partitions = 2 })
      finally(function() r:remove() end)
      local late, dead = real.name('late'), real.name('dead')
      r.cluster:topic(late)
      r.cluster:topic(dead)
      local order = hostile(random, real.flights(3))
      local url = r:fresh(kind == 'redis' and ('redis://127.0.0.1:%d/%d'):format(db.port, tiled and 1 or 2) or nil)
      local group = real.name('hostile')
      local run = r:start(url, group, { '--late-output', 'kafka:' .. late, '--dead-letter', 'kafka:' .. dead })
      for i = 1, #order, 500 do
        r:send({ unpack(order, i, math.min(i + 499, #order)) })
        r:send(BROKEN, i % 2)
        r:send({ TIMELESS }, i % 2)
      end
      r:wait(run, url, group)
      local report = r:finish(run)

      local times = math.ceil(#order / 500)
      local want, n_late = oracle(r, order, tiled)
      assert.is_true(tiled == (n_late > 50), n_late)
      local told = ('seed %d: %s'):format(first, run:err())
      assert.same({ #order + (#BROKEN + 1) * times, n_late, (#BROKEN + 1) * times },
        { report.messages, report.late, report.rejected }, told)

      -- Each of them is in its topic, and says where it came from.
      local kept = r:read(late, n_late)
      assert.equal(n_late, #kept)
      for _, m in ipairs(kept) do assert.equal('late', m.reason) end
      local reasons = {}
      for _, m in ipairs(r:read(dead, (#BROKEN + 1) * times)) do
        assert.same({ r.topic, 'gb' }, { m.topic, m.groupBy })
        reasons[m.reason] = (reasons[m.reason] or 0) + 1
      end
      assert.same({ decode = #BROKEN * times, no_time = times }, reasons)

      -- Duplicates are events of their own.
      local s = server.start(url)
      local users, keys = {}, {}
      for user in pairs(want) do users[#users + 1], keys[#keys + 1] = user, { user = user } end
      local results = real.ask(s, 'groupby', 'gb', real.STOP + 3 * 86400000, keys)
      s:stop()
      for i, user in ipairs(users) do
        local batch = user == 'UA-EWR' and 1 or 0
        assert.equal(want[user].n + batch, results[i].features.delay_count_7d, user)
        assert.near(want[user].sum + batch, results[i].features.delay_sum_7d, 1e-6, user)
      end
      assert.is_true(#users > 20)
    end)
  end

  it('stops a strict stream at its first broken message, and nothing of it is written', function()
    local r = real.new({ partitions = 1 })
    finally(function() r:remove() end)
    r:send({ BROKEN[1] }, 0)
    local url, group = r:fresh(), real.name('strict')
    local run = r:start(url, group, { '--on-error', 'stop' })
    assert.equal(1, run:ended())
    assert.matches(('%s, partition 0, offset 0: decode: '):format(r.topic), run:err(), 1, true)
    assert.equal(0, r:total(r:marks(url, group)))
  end)
end)

describe('a topic that is not there', function()
  it('is refused, and those of nearly its name are told', function()
    local r = real.new({ partitions = 1 })
    finally(function() r:remove() end)
    local near = r.topic:gsub('^flights', 'flihgts')
    r.s.o.topic = near
    r.s:define(r.s.o)
    local function refused(more)
      local words = r:words(r.url, 'g', more)
      words[#words + 1], words[#words + 2] = '-o', 'table'
      local got = program.run(words)
      assert.equal(1, got.code)
      local told, nearest = got.err:match('(%S+ has no topic "[^"]+"); the nearest of its %d+: ([^,\n]+)')
      assert.same({ ('%s has no topic "%s"'):format(r.bootstrap, near), r.topic }, { told, nearest }, got.err)
    end
    refused()
    r.s.o.topic = r.topic
    r.s:define(r.s.o)
    refused({ '--dead-letter', 'kafka:' .. near })
    refused({ '--late-output', 'kafka:' .. near })
  end)
end)

