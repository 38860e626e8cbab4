local kafka = require('spec.support.kafka')
local C = require('spec.support.cdef').load('stream/source.h')

describe('stream source of Kafka, opened', function()
  local cluster
  setup(function()
    cluster = kafka.cluster(1)
    local names = { 'events.purchases', 'events.returns', 'events.purchase', 'clicks', 'b', 'c', '__consumer_offsets' }
    for _, name in ipairs(names) do cluster:topic(name) end
  end)
  teardown(function() cluster:close() end)

  local function refused(topic, options)
    local source, message, code = kafka.source(topic, options)
    assert.is_nil(source)
    return message, code
  end

  it('lists the five nearest topics instead of an unknown one', function()
    local message, code = refused('events.purchas', { bootstrap = cluster.bootstrap })
    assert.equal(cluster.bootstrap .. ' has no topic "events.purchas"; the nearest of its 6: '
      .. 'events.purchase, events.purchases, events.returns, clicks, c', message)
    assert.equal(C.CHN_E_NOT_FOUND, code)
  end)

  it('tells of a cluster without topics', function()
    local empty = kafka.cluster(1)
    local message = refused('t', { bootstrap = empty.bootstrap })
    assert.equal(empty.bootstrap .. ' has no topic "t", nor any other that is shown', message)
    empty:close()
  end)

  it('takes the brokers from the topic, the options or the settings', function()
    local host, port = cluster.bootstrap:match('^([^,:]+):(%d+)')
    assert(kafka.source(('clicks/host=%s/port=%s'):format(host, port), {})):close()
    assert(kafka.source('clicks/host=nowhere.invalid', { bootstrap = cluster.bootstrap })):close()
    assert(kafka.source('clicks', { settings = { ['bootstrap.servers'] = cluster.bootstrap } })):close()
    local message, code = refused('clicks', {})
    assert.equal('topic clicks has no host and port; write them into the topic string (clicks/host=HOST/port=PORT) '
      .. 'or give --kafka-bootstrap HOST:PORT', message)
    assert.equal(C.CHN_E_ARGUMENT, code)
  end)

  it('fails within ten seconds when no broker answers, and says why', function()
    local dead = kafka.cluster(1)
    dead:down()
    local began = kafka.clock()
    local message, code = refused('t', { bootstrap = dead.bootstrap })
    assert.is_true(kafka.clock() - began < 30000) -- ten, and what a busy machine adds
    assert.equal(C.CHN_E_IO, code)
    assert.equal('no broker answers at ' .. dead.bootstrap .. ': ', message:sub(1, #dead.bootstrap + 23))
    assert.truthy(message:match('refused') or message:match('[Dd]isconnect'), message)
    dead:close()
  end)

  for name, why in pairs({
    ['no.such'] = 'No such configuration property: "no.such"',
    ['fetch.wait.max.ms'] = 'Invalid value for configuration property "fetch.wait.max.ms"',
    ['security.protocol'] = 'librdkafka refuses this value', -- its own text has the value
  }) do
    it('refuses a setting that librdkafka refuses: ' .. name, function()
      local message, code = refused('clicks', { bootstrap = cluster.bootstrap, settings = { [name] = 'secret' } })
      assert.equal(C.CHN_E_ARGUMENT, code)
      assert.is_nil(message:find('secret', 1, true))
      assert.equal('--kafka ' .. name .. ': ' .. why, message)
    end)
  end

  for name, why in pairs({
    ['group.id'] = 'the group is given by --group',
    ['enable.auto.commit'] = 'what was read is told to Kafka after it is in the store',
    ['enable.auto.offset.store'] = 'what was read is told to Kafka after it is in the store',
    ['auto.offset.reset'] = 'use --from earliest|latest, and --skip-gaps',
  }) do
    it('refuses a setting that would break a stream: ' .. name, function()
      local message, code = refused('clicks', { bootstrap = cluster.bootstrap, settings = { [name] = 'true' } })
      assert.equal(C.CHN_E_ARGUMENT, code)
      assert.equal(('--kafka %s is not to be set: %s'):format(name, why), message)
    end)
  end

  it('shares partitions only in the way it knows', function()
    local name = 'partition.assignment.strategy'
    local message = refused('clicks', { bootstrap = cluster.bootstrap, settings = { [name] = 'cooperative-sticky' } })
    assert.equal('--kafka ' .. name .. ' is not to be set: partitions are given up and taken all at once; '
      .. 'use range or roundrobin', message)
    assert(kafka.source('clicks', { bootstrap = cluster.bootstrap, settings = { [name] = 'roundrobin' } })):close()
  end)
end)
