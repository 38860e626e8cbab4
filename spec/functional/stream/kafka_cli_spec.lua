-- `run --mode streaming` on Kafka (librdkafka's mock cluster): ends, sinks, metrics, what is refused.
local json = require('dkjson')
local kafka = require('spec.support.kafka')
local program = require('spec.support.program')
local promtext = require('spec.support.promtext')
local socket = require('spec.support.socket')
local streamed = require('spec.support.streamed')

describe('run --mode streaming', function()
  local s, cluster
  setup(function()
    cluster = kafka.cluster()
    for _, name in ipairs({ 'events', 'dead', 'late' }) do cluster:topic(name, name == 'events' and 2 or 1) end
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), tiles = streamed.group_by('shop.tiles.v1', nil, true) })
  end)
  teardown(function()
    s:remove()
    cluster:close()
  end)

  local function words(confs, more)
    local all = { '--kafka-bootstrap', cluster.bootstrap, '--kafka', 'fetch.wait.max.ms=10' }
    for _, word in ipairs(more or {}) do all[#all + 1] = word end
    return s:words('streaming', confs, all)
  end

  it('reads all partitions of the topic for each GroupBy, and ends by Ctrl-C with its report', function()
    local function event(...) return (streamed.line(...):gsub('\n', '')) end
    cluster:send('events', 0, { event('a', 10, '2024-03-11 00:00:10'), '{bad', event('a', 5, '2024-03-11 02:00:00'),
      event('a', 7, '2024-03-11 00:20:00') })
    cluster:send('events', 1, { event('b', 20, '2024-03-11 00:10:00') })
    local run = s:start(words('gb,tiles', { '--dead-letter', 'kafka:dead', '--late-output', 'kafka:late', '--metrics-port', '0',
      '-o',
      'json' }))
    finally(function() run:stop() end)
    local at = '2024-03-11 02:10:00'
    local done = streamed.wait_for(function()
      return s:fetch('shop.gb.v1', 'a', at).i_sum_7d == 23 and s:fetch('shop.gb.v1', 'b', at).i_sum_7d == 22
        and s:fetch('shop.tiles.v1', 'a', at).i_sum_7d == 16 and s:fetch('shop.tiles.v1', 'b', at).i_sum_7d == 22
    end)
    assert(done, run:err())
    local port = tonumber((run:err():match(':(%d+)/metrics')))
    local lag = streamed.wait_for(function()
      local c = assert(socket.connect(port))
      local seen = promtext.parse(assert(c:ask('/metrics')).body)
      c:close()
      local out = {}
      for p = 0, 1 do out[p + 1] = seen[('chronon_stream_lag_messages{feature_group="shop.gb.v1",partition="%d"}'):format(p)] end
      return out[1] == 0 and out[2] == 0 and seen['chronon_stream_partitions{feature_group="shop.gb.v1"}'] == 2
    end)
    assert.is_true(lag)
    run:signal('INT')
    assert.equal(0, run:ended(), run:err())
    local out = json.decode(run:out())
    assert.same({ 5, 1, 0, 5, 1, 1 },
      { out[1].messages, out[1].rejected, out[1].late, out[2].messages, out[2].rejected, out[2].late })

    local function kept(topic, n)
      local source = cluster:source(topic, { group = 'look-' .. topic })
      for _, p in ipairs(kafka.assigned(source)) do source:start(p) end
      local list = {}
      for i, text in ipairs(kafka.datas((kafka.take(source, n)))) do list[i] = json.decode(text) end
      source:close()
      return list
    end
    local dead, late = kept('dead', 2), kept('late', 1)
    table.sort(dead, function(x, y) return x.groupBy < y.groupBy end)
    assert.same({ 'shop.gb.v1 decode 0 1', 'shop.tiles.v1 decode 0 1', 'shop.tiles.v1 late 0 3' }, (function()
      local texts = {}
      for i, m in ipairs({ dead[1], dead[2], late[1] }) do
        texts[i] = ('%s %s %d %d'):format(m.groupBy, m.reason, m.partition, m.offset)
      end
      return texts
    end)())
  end)

  it('names the topics that there are, and settings that there are not', function()
    local conf = streamed.group_by('shop.gb.v1')
    conf.sources[1].events.topic = 'event'
    s.repo:conf('wrong', conf)
    local function refused(text, confs, more)
      local r = program.run(words(confs, more))
      assert.equal(1, r.code, r.err)
      assert.matches(text, r.err, 1, true)
    end
    refused('events', 'wrong')
    refused('--dead-letter: ', 'gb', { '--dead-letter', 'kafka:deaf' })
    refused('securitty.protocol', 'gb', { '--kafka', 'securitty.protocol=x' })
    local r = program.run(s:words('streaming', 'wrong'))
    assert.equal(1, r.code)
    assert.matches('--kafka-bootstrap', r.err, 1, true)
  end)
end)
