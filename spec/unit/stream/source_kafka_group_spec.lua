local kafka = require('spec.support.kafka')

local JOIN, HEARTBEAT = 11, 12
local COORDINATOR_LOADING, UNKNOWN_MEMBER = 14, 25

local poll_until = kafka.poll_until
local take, nothing, assigned = kafka.take, kafka.nothing, kafka.assigned
local datas, values = kafka.datas, kafka.values

describe('stream source of Kafka in a group', function()
  local cluster
  before_each(function()
    cluster = kafka.cluster(1)
    cluster:topic('t', 2)
    for p = 0, 1 do cluster:send('t', p, values(10)) end
  end)
  after_each(function() cluster:close() end)

  --- The mock cluster ends a rebalance a second before a session would.
  local function join(topic, group, lines)
    return assert(cluster:source(topic, { group = group, lines = lines, settings = {
      ['session.timeout.ms'] = '2500', ['heartbeat.interval.ms'] = '100', ['reconnect.backoff.max.ms'] = '200',
    } }))
  end

  local function start_all(source, partitions, offset)
    for _, p in ipairs(partitions) do assert.is_nil((source:start(p, offset))) end
  end

  --- Polls both until each has had an event, which they answer; answers what each has.
  local function settle(a, b)
    local has = {}
    local deadline = kafka.clock() + 60000
    repeat
      for _, s in ipairs({ a, b }) do
        local poll = assert(s:poll(20))
        if poll.event == 'assigned' then
          has[s] = poll.partitions
          start_all(s, poll.partitions, 10)
        elseif poll.event == 'revoked' then
          has[s] = nil
        end
      end
    until (has[a] and has[b]) or kafka.clock() > deadline
    return has[a], has[b]
  end

  it('gives partitions up at the poll behind the event, and shares them', function()
    local a = join('t', 'g')
    start_all(a, assigned(a))
    take(a, 20)
    local b = join('t', 'g')
    local _, poll = poll_until(a, function() return false end)
    assert.equal('revoked', poll.event)
    assert.same({ 0, 1 }, poll.partitions)
    assert.is_false(poll.lost)
    assert.is_true(nothing(b, 1000)) -- they are not given to another while a has them
    local of_a, of_b = settle(a, b)
    assert.equal(1, #of_a)
    assert.equal(1, #of_b)
    assert.equal(1, of_a[1] + of_b[1])
    cluster:send('t', of_a[1], { 'for a' })
    cluster:send('t', of_b[1], { 'for b' })
    assert.same({ 'for b' }, datas(take(b, 1)))
    assert.same({ 'for a' }, datas(take(a, 1)))
    b:close() -- and a has all again
    _, poll = poll_until(a, function() return false end)
    assert.equal('revoked', poll.event)
    local partitions = assigned(a)
    assert.same({ 0, 1 }, partitions)
    start_all(a, partitions, 10)
    assert.equal(2, #take(a, 2))
    a:close()
  end)

  it('may have no partition, and takes over what it gets', function()
    local one = 'u'
    cluster:topic(one, 1)
    cluster:send(one, 0, values(10))
    local a, b = join(one, 'h'), join(one, 'h')
    local of_a, of_b = settle(a, b)
    assert.equal(1, #of_a + #of_b)
    local busy, idle = a, b
    if #of_b == 1 then busy, idle = b, a end
    assert.is_true(nothing(idle, 200))
    busy:close()
    local _, poll = poll_until(idle, function() return false end)
    assert.equal('revoked', poll.event)
    assert.same({}, poll.partitions)
    assert.same({ 0 }, assigned(idle))
    start_all(idle, { 0 }, 4)
    assert.equal(6, #take(idle, 6))
    idle:close()
  end)

  it('knows partitions that it has lost', function()
    local s = join('t', 'g')
    start_all(s, assigned(s))
    take(s, 20)
    cluster:fail(HEARTBEAT, { UNKNOWN_MEMBER })
    local _, poll = poll_until(s, function() return false end)
    assert.equal('revoked', poll.event)
    assert.is_true(poll.lost)
    start_all(s, assigned(s), 10)
    -- What was told before may have been lost.
    poll_until(s, function() return cluster:committed('g', 't', 0) == 10 and cluster:committed('g', 't', 1) == 10 end)
    for p = 0, 1 do assert.equal(10, cluster:committed('g', 't', p)) end
    cluster:send('t', 1, { 'on' })
    assert.same({ 'on' }, datas(take(s, 1)))
    s:close()
  end)

  it('gets into the group over errors', function()
    cluster:fail(JOIN, { COORDINATOR_LOADING, COORDINATOR_LOADING })
    local s = join('t', 'g')
    assert.same({ 0, 1 }, assigned(s))
    s:close()
  end)

  it('waits for a broker that is down, tells of it, and closes all the same', function()
    local lines = {}
    local s = join('t', 'g', lines)
    start_all(s, assigned(s))
    take(s, 20)
    cluster:down()
    assert.is_true(nothing(s, 1500))
    poll_until(s, function() return #lines > 0 end)
    assert.truthy(lines[1] and lines[1]:match('^topic t: '), 'nothing was logged')
    assert.is_true(#lines <= 6, table.concat(lines, '\n'))
    cluster:up()
    cluster:send('t', 0, { 'again' })
    assert.same({ 'again' }, datas(take(s, 1)))
    cluster:down()
    nothing(s, 300)
    s:committed(0, 11)
    local began = kafka.clock()
    s:close()
    assert.is_true(kafka.clock() - began < 30000)
  end)

  it('does not wait for a dead broker as long as a session lasts', function()
    local s = cluster:source('t', { group = 'g' }) -- 45 s
    start_all(s, assigned(s))
    take(s, 20)
    cluster:down()
    s:committed(0, 10)
    local began = kafka.clock()
    s:close()
    assert.is_true(kafka.clock() - began < 30000)
  end)

  it('closes before anything was polled, and with events that nobody has heard of', function()
    local began = kafka.clock()
    join('t', 'g'):close()
    local s = join('t', 'i')
    assigned(s)
    s:close()
    s = join('t', 'j')
    os.execute('sleep 4')
    s:close()
    assert.is_true(kafka.clock() - began < 60000)
  end)
end)
