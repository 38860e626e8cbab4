--- Two consumers of one group: one comes late, is killed, and the other takes over.
local program = require('spec.support.program')
local real = require('spec.support.real')
local redis = require('spec.support.redis')
local socket = require('spec.support.socket')
local streaming = require('spec.support.streaming')

-- A dead member is waited for as long as its session lasts; brokers allow no less.
local OPTIONS = { '--batch-rows', '50', '--kafka', 'session.timeout.ms=6000', '--kafka', 'heartbeat.interval.ms=500',
                  '--metrics-port', '0' }
local ALONE = { '--batch-rows', '50' }

--- A number of a stream's metrics, summed over its labels; nil while it does not tell.
local function metric(run, name)
  local port = run:err():match('metrics at http://127.0.0.1:(%d+)/metrics')
  local c = port and socket.connect(tonumber(port))
  local r = c and c:ask('/metrics')
  if c then c:close() end
  local sum
  for value in (r and r.body or ''):gmatch('\n' .. name .. '{[^}]*} (%d+)') do sum = (sum or 0) + tonumber(value) end
  return sum
end

local function waits_for(run, what, name, least)
  assert(real.wait_for(function() return (metric(run, name) or 0) >= least end), what .. ': ' .. run:err())
end

describe('two streams of one group', function()
  local server, rows
  setup(function() server, rows = redis.start(), real.flights(6) end)
  teardown(function() server:close() end)

  local function part(from, to)
    local out = {}
    for i = math.floor(#rows * from) + 1, math.floor(#rows * to) do out[#out + 1] = rows[i] end
    return out
  end

  for _, case in ipairs({ { 'tiles', 'lmdb' }, { 'rows', 'lmdb' }, { 'tiles', 'redis' }, { 'rows', 'redis' } }) do
    local how, kind = case[1], case[2]
    it(('write %s into %s once, one joining late and killed'):format(how, kind), function()
      local r = real.new({ tiled = how == 'tiles', partitions = 6 })
      finally(function() r:remove() end)
      local url = r:fresh(kind == 'redis' and ('redis://127.0.0.1:%d/%d'):format(server.port, how == 'tiles' and 1 or 2) or nil)
      local group = real.name('pair')

      local first = r:start(url, group, OPTIONS)
      r:send(part(0, 0.3))
      r:wait(first, url, group, { share = 0.3 })
      local second = r:start(url, group, OPTIONS)
      r:send(part(0.3, 0.4)) -- while they find out who has what
      waits_for(second, 'the second has partitions', 'chronon_stream_partitions', 3)
      r:send(part(0.4, 0.7))
      waits_for(second, 'the second has messages', 'chronon_ingress_row_count_total', 1)
      second:signal('KILL')
      assert.equal(137, second:ended())
      r:send(part(0.7, 1))
      r:wait(first, url, group)
      waits_for(first, 'the first has all', 'chronon_stream_partitions', 6)
      r:wait_told(group)
      r:finish(first)

      local want = r:undisturbed(ALONE)
      local differ = streaming.differences(want, r:content(url))
      assert(not differ, differ)
    end)
  end

  it('share the partitions, and give them up when they end', function()
    local r = real.new({ partitions = 4 })
    finally(function() r:remove() end)
    local group = real.name('share')
    local options = { unpack(OPTIONS) }
    options[4] = 'session.timeout.ms=250000'
    local first = r:start(r.url, group, options)
    waits_for(first, 'the first has all', 'chronon_stream_partitions', 4)
    local second = r:start(r.url, group, options)
    waits_for(second, 'the second has its share', 'chronon_stream_partitions', 2)
    assert(real.wait_for(function() return metric(first, 'chronon_stream_partitions') == 2 end))
    r:finish(first)
    waits_for(second, 'the second has all', 'chronon_stream_partitions', 4) -- nobody waits for a session to end
    r:send(part(0, 0.1))
    r:wait(second, r.url, group)
    r:finish(second)
  end)

  it('are seen by the tools of Kafka', function()
    local r = real.new({ partitions = 2 })
    finally(function() r:remove() end)
    local group = real.name('seen')
    r:send(part(0, 0.05))
    local run = r:start(r.url, group, { '--kafka', 'client.id=spec' })
    r:wait(run, r.url, group)
    r:wait_told(group)
    local pipe = io.popen(('tools/kafka java org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server %s '
      .. '--describe --group %s 2>&1'):format(r.bootstrap, program.quote(group)))
    local text = pipe:read('*a')
    pipe:close()
    for p = 0, 1 do
      local offset, log_end, lag = text:match(('%s%%s+%d%%s+(%%d+)%%s+(%%d+)%%s+(%%d+)'):format(r.topic:gsub('%-', '%%-'), p))
      assert.same({ r.ends[p], r.ends[p], 0 }, { tonumber(offset), tonumber(log_end), tonumber(lag) }, text)
    end
    r:finish(run)
  end)
end)

