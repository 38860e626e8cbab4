local kafka = require('spec.support.kafka')
local seeds = require('spec.support.seed')
local C = require('spec.support.cdef').load('stream/source.h')

local FETCH, OFFSET_COMMIT = 1, 8
local NOT_LEADER, REBALANCE, DISCONNECT = 6, 27, -195

local take, nothing, assigned = kafka.take, kafka.nothing, kafka.assigned
local datas, values = kafka.datas, kafka.values

describe('stream source of Kafka', function()
  local cluster
  local at = {} -- sources by topic, assigned
  local lines = {}

  --- Topics of one partition unless said, with messages before the source begins.
  local specs = {
    { 'all', 3 }, { 'marks', 2 }, { 'latest', 1, latest = true }, { 'random', 2 }, { 'pause', 2 }, { 'commit', 2 }, { 'held', 1 },
    { 'one', 1 }, { 'cut', 1 }, { 'short', 1 }, { 'cut_skip', 1, skip_gaps = true }, { 'short_skip', 1, skip_gaps = true },
    { 'errors', 1 }, { 'bounds', 1 }, { 'slow', 1 }, { 'order', 1, settings = { ['retry.backoff.ms'] = '3000' } },
  }

  setup(function()
    cluster = kafka.cluster(1)
    for _, spec in ipairs(specs) do
      local name = spec[1]
      cluster:topic(name, spec[2])
      for p = 0, spec[2] - 1 do cluster:send(name, p, values(10)) end
      lines[name] = {}
      local options = { group = name, latest = spec.latest, skip_gaps = spec.skip_gaps, settings = spec.settings,
                        lines = lines[name] }
      at[name] = assert(cluster:source(name, options))
    end
    for _, spec in ipairs(specs) do at[spec[1]].partitions = assigned(at[spec[1]]) end
  end)
  teardown(function()
    for _, source in pairs(at) do
      if source.handle then source:close() end
    end
    cluster:close()
  end)

  --- Polls until the group of a topic was told this of its first partition.
  local function becomes_committed(s, topic, offset)
    local deadline, told = kafka.clock() + 60000
    repeat
      s:poll(50)
      told = cluster:committed(topic, topic, 0)
    until told == offset or kafka.clock() > deadline
    assert.equal(offset, told)
  end

  it('gives all messages of all partitions, in the order of each', function()
    local s = at.all
    assert.same({ 0, 1, 2 }, s.partitions)
    for p = 0, 2 do s:start(p) end
    local next_of = { [0] = 0, 0, 0 }
    for _, m in ipairs(take(s, 30)) do
      assert.equal(next_of[m.partition], m.offset)
      assert.equal('m' .. m.offset, m.data)
      next_of[m.partition] = m.offset + 1
    end
    assert.same({ [0] = 10, 10, 10 }, next_of)
    assert.is_true(nothing(s, 100))
  end)

  it('gives keys, tombstones, empty messages and the time', function()
    cluster:send('all', 1, { 'v', '', false }, 'k\0y')
    local found = take(at.all, 3)
    assert.same({ 'v', '' }, datas(found))
    assert.is_nil(found[3].data)
    for i, m in ipairs(found) do
      assert.equal('k\0y', m.key)
      assert.equal(9 + i, m.offset)
      assert.is_near(os.time() * 1000, m.ts, 60000)
    end
  end)

  it('goes on where each partition is told', function()
    local s = at.marks
    s:start(0, 7)
    s:start(1, 10)
    assert.same({ 'm7', 'm8', 'm9' }, datas(take(s, 3)))
    cluster:send('marks', 1, { 'new' })
    assert.same({ 'new' }, datas(take(s, 1)))
  end)

  it('is done with a message at once, not after the wait', function()
    local s = at.slow
    s:start(0, 10)
    nothing(s, 300)
    for _ = 1, 5 do
      cluster:send('slow', 0, { 'x' })
      local began = kafka.clock()
      assert.equal(1, #s:poll(30000).messages)
      assert.is_true(kafka.clock() - began < 15000)
    end
  end)

  it('begins at the end if it is told so, and stays with that end', function()
    local s = at.latest
    s:start(0)
    assert.is_true(nothing(s, 700))
    assert.equal(0, s:lag(0))
    cluster:send('latest', 0, { 'new', 'newer' })
    assert.same({ 'new', 'newer' }, datas(take(s, 2)))
    s:start(0) -- nothing of it is in the store
    assert.same({ 'new', 'newer' }, datas(take(s, 2)))
  end)

  it('starts again anywhere without a message twice, or one left out', function()
    local random, seed = seeds.random('stream source of Kafka')
    local s = at.random
    for p = 0, 1 do cluster:send('random', p, values(20000, 10)) end
    local want = { [0] = 0, 0 }
    s:start(0)
    s:start(1)
    for _ = 1, 150 do
      local poll = assert(s:poll(100, random(1, 4000), random(1, 30000)))
      for _, m in ipairs(poll.messages) do
        assert.equal(want[m.partition], m.offset, 'seed ' .. seed)
        assert.equal('m' .. m.offset, m.data)
        want[m.partition] = m.offset + 1
      end
      for p = 0, 1 do
        if random(1, 6) == 1 then
          want[p] = random(0, 20010)
          s:start(p, want[p])
        end
      end
    end
    local left = 40020 - want[0] - want[1]
    for _, m in ipairs(take(s, left)) do
      assert.equal(want[m.partition], m.offset, 'seed ' .. seed)
      want[m.partition] = m.offset + 1
    end
    assert.same({ [0] = 20010, 20010 }, want)
  end)

  it('gives at most what is asked for', function()
    local s = at.bounds
    cluster:send('bounds', 0, values(5000, 10))
    s:start(0)
    repeat until #s:poll(100, 1).messages == 1
    os.execute('sleep 0.2') -- in which more come
    assert.equal(7, #s:poll(10000, 7).messages)
    local few = #s:poll(100, 1000, 1).messages
    assert.is_true(few >= 1 and few < 1000)
  end)

  it('keeps the messages until they are given back', function()
    local ffi = require('ffi')
    local s = at.held
    s:start(0)
    local polls, n = {}, 0
    repeat
      local poll = s:poll(100, 3, nil, true)
      n = n + #poll.messages
      polls[#polls + 1] = poll
    until n == 10
    local seen = {}
    for _, poll in ipairs(polls) do
      for i = 0, #poll.messages - 1 do
        seen[#seen + 1] = ffi.string(poll.raw.messages[i].data, poll.raw.messages[i].len)
      end
    end
    assert.same(values(10), seen)
    for _, poll in ipairs(polls) do poll.release() end
  end)

  it('gives nothing while it is paused, short or long, and goes on where it was', function()
    local s = at.pause
    for p = 0, 1 do cluster:send('pause', p, values(3000, 10)) end
    local want = { [0] = 0, 0 }
    s:start(0)
    s:start(1)
    local function check(found)
      for _, m in ipairs(found) do
        assert.equal(want[m.partition], m.offset)
        want[m.partition] = m.offset + 1
      end
    end
    check(take(s, 20))
    s:pause(true)
    local began = kafka.clock()
    assert.equal('idle', s:poll(100).event)
    assert.is_true(kafka.clock() - began >= 99)
    s:pause(false)
    check(s:poll(1000, 30).messages)
    s:pause(true)
    assert.is_true(nothing(s, 2600))
    s:start(0, 5) -- also a partition that starts again waits
    want[0] = 5
    assert.is_true(nothing(s, 500))
    s:pause(false)
    check(take(s, 6020 - want[0] - want[1]))
    assert.same({ [0] = 3010, 3010 }, want)
  end)

  it('tells the group what is in the store once in a while, and the last at the end', function()
    local s = at.commit
    s:start(0)
    s:start(1)
    take(s, 20)
    s:committed(0, 3)
    s:committed(7, 3) -- a partition that is not ours
    becomes_committed(s, 'commit', 3)
    assert.is_nil(cluster:committed('commit', 'commit', 1))
    s:committed(0, 4)
    s:committed(1, 9)
    s:committed(0, 5)
    s:close()
    assert.equal(5, cluster:committed('commit', 'commit', 0))
    assert.equal(9, cluster:committed('commit', 'commit', 1))
  end)

  it('tells the group nothing older behind what is newer, also when requests are repeated', function()
    local s = at.order
    s:start(0)
    take(s, 10)
    cluster:fail(OFFSET_COMMIT, { DISCONNECT }) -- librdkafka asks again, three seconds later
    for offset = 1, 6 do
      s:committed(0, offset)
      nothing(s, 300)
    end
    becomes_committed(s, 'order', 6)
    nothing(s, 4000) -- in which what was asked again is answered
    assert.equal(6, cluster:committed('order', 'order', 0))
  end)

  it('knows its lag', function()
    local s = at.one
    assert.equal(-1, s:lag(0, 0))
    s:start(0)
    take(s, 10)
    assert.equal(10, s:lag(0))
    assert.equal(6, s:lag(0, 4))
    assert.equal(0, s:lag(0, 10))
    assert.equal(-1, s:lag(5, 0))
  end)

  it('does not start a partition that it does not have', function()
    local message, code = at.one:start(1)
    assert.equal('topic one: partition 1 is not assigned', message)
    assert.equal(C.CHN_E_ARGUMENT, code)
  end)

  it('gets over errors of brokers, and logs them', function()
    local s = at.errors
    s:start(0)
    take(s, 10)
    cluster:fail(FETCH, { NOT_LEADER, NOT_LEADER, NOT_LEADER })
    cluster:fail(OFFSET_COMMIT, { REBALANCE })
    s:committed(0, 2)
    cluster:send('errors', 0, { 'on' })
    assert.same({ 'on' }, datas(take(s, 1)))
    becomes_committed(s, 'errors', 2)
  end)

  -- The mock cluster keeps 5 MB of a partition: what is before has gone.
  local function cut(topic)
    local big = {}
    for i = 1, 70 do big[i] = ('x'):rep(100000) end
    cluster:send(topic, 0, big)
  end

  it('fails where messages are lost, and says how to go on', function()
    local s = at.cut
    cut('cut')
    s:start(0, 4)
    local found, message, code = take(s, 1)
    assert.same({}, found)
    assert.equal(C.CHN_E_CONFLICT, code)
    assert.truthy(message:match('^topic cut, partition 0 begins at offset %d+, and the store goes on at 4: '
      .. 'messages between are lost; %-%-skip%-gaps goes on without them$'), message)
  end)

  it('fails where the topic ends before the mark', function()
    local s = at.short
    s:start(0, 1000)
    local _, message, code = take(s, 1)
    assert.equal(C.CHN_E_CONFLICT, code)
    assert.equal('topic short, partition 0 ends at offset 10, and the store goes on at 1000: it is another topic of that name, '
      .. 'or lost messages; give it its own --group, or --skip-gaps goes on at 0', message)
  end)

  it('goes on without what is lost if it is told so', function()
    local s = at.cut_skip
    cut('cut_skip')
    s:start(0, 4)
    local found = take(s, 1)
    local first = found[1].offset
    assert.is_true(first > 10)
    assert.same({ ('topic cut_skip: partition 0 no longer has offset 4; going on at %d'):format(first) }, lines.cut_skip)
    s = at.short_skip
    s:start(0, 1000)
    assert.same(values(10), datas(take(s, 10)))
    assert.same({ 'topic short_skip: partition 0 no longer has offset 1000; going on at 0' }, lines.short_skip)
  end)
end)
