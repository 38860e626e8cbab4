local ffi = require('ffi')
local kafka = require('spec.support.kafka')
local C = require('spec.support.cdef').load('stream/reject.h', 'stream/metrics.h', 'codec/json.h')

local function message(data, more)
  local m = ffi.new('struct stream_message', more or {})
  m.data, m.len = data, data and #data or 0
  return m, data
end

local function opened(open)
  local sink, err = ffi.new('struct reject_sink'), ffi.new('struct chn_err')
  if open(sink, err) ~= 0 then return nil, ffi.string(err.msg), tonumber(err.code) end
  return sink
end

local function file_sink(path)
  return opened(function(sink, err) return C.reject_sink_file(path, sink, err) end)
end

local function kafka_sink(topic, options)
  local o, keep = kafka.options(options)
  local sink, why, code = opened(function(out, err) return C.reject_sink_kafka(topic, o, out, err) end)
  return sink, why or keep, code
end
jit.off(kafka_sink, true)
jit.off(opened)

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

local function put(sink, text)
  local err = ffi.new('struct chn_err')
  return sink.put(sink.self, text, #text, err) == 0 or ffi.string(err.msg)
end

local function flush(sink)
  local err = ffi.new('struct chn_err')
  return sink.flush(sink.self, err) == 0 or ffi.string(err.msg), tonumber(err.code)
end

describe('stream rejects', function()
  local path, sink, lines, rejects, keep

  local function new(options)
    lines = {}
    keep = ffi.cast('void (*)(void *, const char *)', function(_, line) lines[#lines + 1] = ffi.string(line) end)
    local o = ffi.new('struct reject_options', { topic = 'events', group_by = 'team.gb.v1', bad = sink, log = keep })
    for name, value in pairs(options or {}) do o[name] = value end
    rejects = C.stream_rejects_new(o)
    return rejects
  end

  --- @return true|string the failure's message
  local function reject(m, reason, why)
    local err = ffi.new('struct chn_err')
    return C.stream_reject(rejects, m, reason, why, err) == 0 or ffi.string(err.msg), tonumber(err.code)
  end
  jit.off(reject)

  local function kept()
    local err = ffi.new('struct chn_err')
    assert.equal(C.CHN_OK, C.stream_rejects_flush(rejects, err))
    return read(path)
  end

  before_each(function()
    path = os.tmpname()
    sink = assert(file_sink(path))
  end)
  after_each(function()
    C.stream_rejects_free(rejects)
    if keep then keep:free() end
    sink.close(sink.self)
    rejects, keep = nil, nil
    os.remove(path)
  end)

  it('keeps a message as it was, with where it lies and why', function()
    new()
    local m, data = message('{"a": "\\x"}\n\0', { partition = 3, offset = 12, ts = 1700000000000LL })
    assert.is_true(reject(m, C.STREAM_BAD_MESSAGE, 'bad "escape"'))
    assert.equal('{"groupBy":"team.gb.v1","topic":"events","partition":3,"offset":12,"ts":1700000000000,"reason":"decode",'
      .. '"message":"bad \\"escape\\"","payload":"{\\"a\\": \\"\\\\x\\"}\\n\\u0000"}\n', kept())
    assert.equal(13, #data)
  end)

  it('keeps bytes that are no text in base64, a tombstone as null, and no time where there is none', function()
    new()
    local none = { offset = 1, ts = -0x7fffffffffffffffLL - 1 }
    local m, data = message('\255\0a', none)
    reject(m, C.STREAM_BAD_EVALUATE, 'x')
    local tombstone = message(nil, none)
    reject(tombstone, C.STREAM_BAD_ENCODE, 'y')
    local head = '{"groupBy":"team.gb.v1","topic":"events","partition":0,"offset":1,'
    assert.equal(head .. '"reason":"evaluate","message":"x","payload_base64":"/wBh"}\n'
      .. head .. '"reason":"encode","message":"y","payload":null}\n', kept())
    assert.equal(3, #data)
  end)

  it('counts by reason, also in the metrics, and logs the first of each', function()
    local metrics, registry = ffi.new('struct stream_metrics'), C.obs_metrics_new()
    C.stream_metrics_init(metrics, registry, 'team.gb.v1')
    new({ metrics = metrics })
    local m, data = message('x', { partition = 1, offset = 7 })
    for _ = 1, 3 do reject(m, C.STREAM_BAD_MESSAGE, 'no JSON') end
    m.offset = 8
    reject(m, C.STREAM_NO_TIME, 'ts is null')
    reject(m, C.STREAM_LATE, 'its tile is over')
    assert.equal(3, tonumber(C.stream_rejects_count(rejects, C.STREAM_BAD_MESSAGE)))
    assert.equal(1, tonumber(C.stream_rejects_count(rejects, C.STREAM_LATE)))
    assert.equal(0, tonumber(C.stream_rejects_count(rejects, C.STREAM_BAD_ENCODE)))
    assert.equal(3, tonumber(C.obs_read(metrics.decode_errors)))
    assert.equal(0, tonumber(C.obs_read(metrics.eval_errors)))
    assert.equal(1, tonumber(C.obs_read(metrics.no_time)))
    assert.equal(1, tonumber(C.obs_read(metrics.late_events)))
    assert.same({
      'team.gb.v1: events, partition 1, offset 7: decode: no JSON (the first of its kind; the others are counted)',
      'team.gb.v1: events, partition 1, offset 8: no_time: ts is null (the first of its kind; the others are counted)',
      'team.gb.v1: events, partition 1, offset 8: late: its tile is over (the first of its kind; the others are counted)',
    }, lines)
    assert.equal('x', data)
    C.stream_metrics_deinit(metrics)
    C.obs_metrics_free(registry)
  end)

  it('keeps late ones apart', function()
    local late_path = os.tmpname()
    local late = assert(file_sink(late_path))
    new({ late = late })
    local m, data = message('x')
    reject(m, C.STREAM_LATE, 'late')
    reject(m, C.STREAM_NO_TIME, 'none')
    assert.truthy(kept():match('^[^\n]*"reason":"no_time"[^\n]*\n$'))
    assert.truthy(read(late_path):match('^[^\n]*"reason":"late"[^\n]*\n$'))
    assert.equal('x', data)
    late.close(late.self)
    os.remove(late_path)
  end)

  it('goes nowhere without a sink', function()
    new({ bad = ffi.cast('struct reject_sink *', nil), log = ffi.cast('void (*)(void *, const char *)', nil) })
    local m = message('x')
    assert.is_true(reject(m, C.STREAM_BAD_MESSAGE, 'why'))
    assert.is_true(reject(m, C.STREAM_LATE, 'why'))
    assert.equal('', kept())
  end)

  it('stops at the first if it is told so, but not for late ones', function()
    new({ stop = true })
    local m = message('x', { partition = 2, offset = 9 })
    assert.is_true(reject(m, C.STREAM_LATE, 'why'))
    local why, code = reject(m, C.STREAM_BAD_EVALUATE, 'why')
    assert.equal('events, partition 2, offset 9: evaluate: why', why)
    assert.equal(C.CHN_E_CORRUPT, code)
  end)

  it('leaves the payload out where a sink takes no such length', function()
    sink.most = 200
    new()
    local m, data = message(('x'):rep(200), { offset = 5 })
    reject(m, C.STREAM_BAD_MESSAGE, 'why')
    assert.equal('{"groupBy":"team.gb.v1","topic":"events","partition":0,"offset":5,"ts":0,"reason":"decode","message":"why",'
      .. '"payload_bytes":200}\n', kept())
    assert.equal(200, #data)
  end)
end)

describe('stream rejects in a file', function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  it('are appended, and there after a flush', function()
    for round = 1, 2 do
      local sink = assert(file_sink(path))
      assert.is_true(put(sink, 'a' .. round))
      assert.is_true(put(sink, 'b' .. round))
      assert.is_true(flush(sink))
      assert.is_true(flush(sink))
      sink.close(sink.self)
    end
    assert.equal('a1\nb1\na2\nb2\n', read(path))
  end)

  it('begin on a line of their own behind half a line', function()
    local file = assert(io.open(path, 'wb'))
    file:write('{"half')
    file:close()
    local sink = assert(file_sink(path))
    put(sink, 'whole')
    flush(sink)
    sink.close(sink.self)
    assert.equal('{"half\nwhole\n', read(path))
  end)

  it('are written before they are many', function()
    local sink = assert(file_sink(path))
    local big = ('x'):rep(1e6)
    for _ = 1, 5 do put(sink, big) end
    assert.is_true(#read(path) > 4e6)
    assert.is_true(flush(sink))
    assert.equal(5000005, #read(path))
    sink.close(sink.self)
  end)

  it('fail on a full disk', function()
    local sink = assert(file_sink('/dev/full'))
    assert.is_true(put(sink, 'x'))
    local why, code = flush(sink)
    assert.equal('/dev/full: No space left on device', why)
    assert.equal(C.CHN_E_IO, code)
    sink.close(sink.self)
  end)

  it('are refused where no file can be', function()
    local sink, why, code = file_sink('/nowhere/at/all')
    assert.is_nil(sink)
    assert.equal('/nowhere/at/all: No such file or directory', why)
    assert.equal(C.CHN_E_IO, code)
  end)
end)

describe('stream rejects in a topic', function()
  local PRODUCE, NOT_LEADER, INVALID_PARTITIONS = 0, 6, 37
  local cluster
  before_each(function()
    cluster = kafka.cluster(1)
    cluster:topic('dead', 1)
  end)
  after_each(function() cluster:close() end)

  it('are there after a flush', function()
    local sink = assert(kafka_sink('dead', { bootstrap = cluster.bootstrap }))
    assert.equal(900000, tonumber(sink.most))
    assert.is_true(put(sink, 'one'))
    assert.is_true(put(sink, 'two'))
    assert.is_true(flush(sink))
    sink.close(sink.self)
    local source = assert(cluster:source('dead', { group = 'g' }))
    for _, p in ipairs(kafka.assigned(source)) do source:start(p) end
    assert.same({ 'one', 'two' }, kafka.datas(kafka.take(source, 2)))
    source:close()
  end)

  it('have the brokers of a topic string', function()
    local host, port = cluster.bootstrap:match('^([^,:]+):(%d+)')
    local sink = assert(kafka_sink(('dead/host=%s/port=%s'):format(host, port), {}))
    assert.is_true(put(sink, 'one'))
    assert.is_true(flush(sink))
    sink.close(sink.self)
  end)

  it('are tried again, and a failure is told at the flush', function()
    local sink = assert(kafka_sink('dead', { bootstrap = cluster.bootstrap, settings = { ['retry.backoff.ms'] = '10' } }))
    cluster:fail(PRODUCE, { NOT_LEADER })
    assert.is_true(put(sink, 'one'))
    assert.is_true(flush(sink))
    cluster:fail(PRODUCE, { INVALID_PARTITIONS })
    assert.is_true(put(sink, 'two'))
    local why, code = flush(sink)
    assert.equal('topic dead: 1 rejected messages were not delivered: Broker: Invalid number of partitions', why)
    assert.equal(C.CHN_E_IO, code)
    assert.is_true(put(sink, 'three'))
    assert.is_true(flush(sink))
    sink.close(sink.self)
  end)

  it('do not wait for ever', function()
    local options = { bootstrap = cluster.bootstrap, settings = { ['message.timeout.ms'] = '1000' } }
    local sink, keep = kafka_sink('dead', options)
    cluster:down()
    assert.is_true(put(sink, 'one'))
    local began = kafka.clock()
    local why, code = flush(sink)
    assert.equal(C.CHN_E_IO, code)
    assert.truthy(why:match('^topic dead: 1 rejected messages were not delivered: .'), why)
    put(sink, 'two')
    sink.close(sink.self)
    assert.is_true(kafka.clock() - began < 60000)
    assert.truthy(keep)
  end)

  it('are refused without a topic or brokers', function()
    local sink, why, code = kafka_sink('daed', { bootstrap = cluster.bootstrap })
    assert.is_nil(sink)
    assert.equal(cluster.bootstrap .. ' has no topic "daed"; the nearest of its 1: dead', why)
    assert.equal(C.CHN_E_NOT_FOUND, code)
    sink, why, code = kafka_sink('dead', {})
    assert.is_nil(sink)
    assert.equal('topic dead has no host and port; write them into the topic string (dead/host=HOST/port=PORT) '
      .. 'or give --kafka-bootstrap HOST:PORT', why)
    assert.equal(C.CHN_E_ARGUMENT, code)
  end)
end)
