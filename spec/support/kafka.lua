--- librdkafka's mock cluster or a real one, a producer to it, and Kafka sources (stream/source.h), for specs.
---
--- A group of the mock cluster makes its first assignment after some seconds: specs that need
--- several groups open them all at first, and wait once.
local ffi = require('ffi')
local sources = require('spec.support.source')
local cdef = require('spec.support.cdef')
local C = cdef.load('stream/source.h', 'base/time.h')

ffi.cdef([[
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_mock_cluster_s rd_kafka_mock_cluster_t;
typedef struct {
  char *topic; int32_t partition; int64_t offset; void *metadata; size_t metadata_size; void *opaque; int err; void *private_;
} rd_kafka_topic_partition_t;
typedef struct { int cnt; int size; rd_kafka_topic_partition_t *elems; } rd_kafka_topic_partition_list_t;
rd_kafka_conf_t *rd_kafka_conf_new(void);
int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
void rd_kafka_conf_set_log_cb(rd_kafka_conf_t *, void *);
rd_kafka_t *rd_kafka_new(int, rd_kafka_conf_t *, char *, size_t);
void rd_kafka_destroy(rd_kafka_t *);
int rd_kafka_flush(rd_kafka_t *, int);
int rd_kafka_poll(rd_kafka_t *, int);
rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *, const char *, void *);
void rd_kafka_topic_destroy(rd_kafka_topic_t *);
int rd_kafka_produce(rd_kafka_topic_t *, int32_t, int, void *, size_t, const void *, size_t, void *);
const char *rd_kafka_err2str(int);
int rd_kafka_last_error(void);
int rd_kafka_committed(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int);
rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int);
rd_kafka_topic_partition_t *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *, const char *, int32_t);
void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *);
rd_kafka_mock_cluster_t *rd_kafka_mock_cluster_new(rd_kafka_t *, int);
void rd_kafka_mock_cluster_destroy(rd_kafka_mock_cluster_t *);
const char *rd_kafka_mock_cluster_bootstraps(const rd_kafka_mock_cluster_t *);
int rd_kafka_mock_topic_create(rd_kafka_mock_cluster_t *, const char *, int, int);
int rd_kafka_mock_broker_set_down(rd_kafka_mock_cluster_t *, int32_t);
int rd_kafka_mock_broker_set_up(rd_kafka_mock_cluster_t *, int32_t);
void rd_kafka_mock_push_request_errors_array(rd_kafka_mock_cluster_t *, int16_t, size_t, const int *);
void rd_kafka_mock_clear_request_errors(rd_kafka_mock_cluster_t *, int16_t);
void rd_kafka_mock_topic_set_error(rd_kafka_mock_cluster_t *, const char *, int);
typedef struct rd_kafka_NewTopic_s rd_kafka_NewTopic_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
rd_kafka_NewTopic_t *rd_kafka_NewTopic_new(const char *, int, int, char *, size_t);
void rd_kafka_NewTopic_destroy(rd_kafka_NewTopic_t *);
void rd_kafka_CreateTopics(rd_kafka_t *, rd_kafka_NewTopic_t **, size_t, const void *, rd_kafka_queue_t *);
rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *);
void rd_kafka_queue_destroy(rd_kafka_queue_t *);
rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *, int);
void rd_kafka_event_destroy(rd_kafka_event_t *);
const void *rd_kafka_event_CreateTopics_result(rd_kafka_event_t *);
const void *const *rd_kafka_CreateTopics_result_topics(const void *, size_t *);
int rd_kafka_topic_result_error(const void *);
]])
local rk = ffi.load('librdkafka.so.1')
local PRODUCER, CONSUMER, COPY = 0, 1, 2

local M = {}

local function client(kind, settings)
  local conf, why = rk.rd_kafka_conf_new(), ffi.new('char[512]')
  rk.rd_kafka_conf_set_log_cb(conf, nil)
  for name, value in pairs(settings) do
    if rk.rd_kafka_conf_set(conf, name, value, why, 512) ~= 0 then error(ffi.string(why)) end
  end
  local handle = rk.rd_kafka_new(kind, conf, why, 512)
  return handle ~= nil and handle or error(ffi.string(why))
end

local Cluster = {}
Cluster.__index = Cluster

--- @param brokers? integer
function M.cluster(brokers)
  local self = setmetatable({ owner = client(PRODUCER, {}), topics = {}, brokers = brokers or 1 }, Cluster)
  self.mock = rk.rd_kafka_mock_cluster_new(self.owner, self.brokers)
  self.bootstrap = ffi.string(rk.rd_kafka_mock_cluster_bootstraps(self.mock))
  self.producer = client(PRODUCER, { ['bootstrap.servers'] = self.bootstrap })
  return self
end

--- A cluster that is there, at host:port.
function M.connect(bootstrap)
  return setmetatable({ topics = {}, bootstrap = bootstrap, producer = client(PRODUCER, { ['bootstrap.servers'] = bootstrap }) },
    Cluster)
end

--- Makes a topic in a real cluster.
local function create(self, name, partitions)
  local new = ffi.new('rd_kafka_NewTopic_t *[1]', { rk.rd_kafka_NewTopic_new(name, partitions, 1, nil, 0) })
  local queue = rk.rd_kafka_queue_new(self.producer)
  rk.rd_kafka_CreateTopics(self.producer, new, 1, nil, queue)
  local event = rk.rd_kafka_queue_poll(queue, 120000)
  assert(event ~= nil, 'no answer about topic ' .. name)
  local result, n = rk.rd_kafka_event_CreateTopics_result(event), ffi.new('size_t[1]')
  local topics = rk.rd_kafka_CreateTopics_result_topics(result, n)
  local code = tonumber(n[0]) == 1 and rk.rd_kafka_topic_result_error(topics[0]) or -1
  rk.rd_kafka_event_destroy(event)
  rk.rd_kafka_queue_destroy(queue)
  rk.rd_kafka_NewTopic_destroy(new[0])
  if code ~= 0 then error(name .. ': ' .. ffi.string(rk.rd_kafka_err2str(code))) end
end

function Cluster:topic(name, partitions)
  if not self.mock then return create(self, name, partitions or 1) end
  assert(rk.rd_kafka_mock_topic_create(self.mock, name, partitions or 1, 1) == 0)
end

--- Sends values to one partition and waits until the broker has them.
function Cluster:send(topic, partition, values, key)
  local handle = self.topics[topic] or rk.rd_kafka_topic_new(self.producer, topic, nil)
  self.topics[topic] = handle
  for _, value in ipairs(values) do
    local p = value and ffi.cast('void *', value) or nil
    while rk.rd_kafka_produce(handle, partition, COPY, p, value and #value or 0, key, key and #key or 0, nil) ~= 0 do
      rk.rd_kafka_poll(self.producer, 10) -- its queue is full
    end
  end
  assert(rk.rd_kafka_flush(self.producer, 120000) == 0, 'not delivered')
end

--- What the group committed of a partition; nil: nothing.
function Cluster:committed(group, topic, partition)
  local reader = client(CONSUMER, { ['bootstrap.servers'] = self.bootstrap, ['group.id'] = group })
  local list = rk.rd_kafka_topic_partition_list_new(1)
  rk.rd_kafka_topic_partition_list_add(list, topic, partition)
  local code = rk.rd_kafka_committed(reader, list, 60000)
  local offset = tonumber(list.elems[0].offset)
  rk.rd_kafka_topic_partition_list_destroy(list)
  rk.rd_kafka_destroy(reader)
  if code ~= 0 then error(ffi.string(rk.rd_kafka_err2str(code))) end
  return offset >= 0 and offset or nil
end

--- The next requests of a kind fail with these codes.
function Cluster:fail(api_key, codes)
  rk.rd_kafka_mock_push_request_errors_array(self.mock, api_key, #codes, ffi.new('int[?]', #codes, codes))
end

function Cluster:down() for i = 1, self.brokers do rk.rd_kafka_mock_broker_set_down(self.mock, i) end end
function Cluster:up() for i = 1, self.brokers do rk.rd_kafka_mock_broker_set_up(self.mock, i) end end

function Cluster:close()
  for _, handle in pairs(self.topics) do rk.rd_kafka_topic_destroy(handle) end
  rk.rd_kafka_destroy(self.producer)
  if self.mock then
    rk.rd_kafka_mock_cluster_destroy(self.mock)
    rk.rd_kafka_destroy(self.owner)
  end
end

--- The array of settings of `{ name = value }`, and what must live as long.
local function settings_of(settings)
  local names = {}
  for name in pairs(settings) do names[#names + 1] = name end
  table.sort(names)
  local array = ffi.new('struct stream_setting[?]', #names + 1)
  for i, name in ipairs(names) do
    array[i - 1].name, array[i - 1].value = name, settings[name]
  end
  return array, #names
end

--- struct source_kafka_options; lines that are logged are appended to `options.lines`.
function M.options(options)
  local o = ffi.new('struct source_kafka_options')
  local keep = { settings_of(options.settings or {}) }
  o.bootstrap, o.group = options.bootstrap, options.group or 'group'
  o.from = options.latest and C.STREAM_FROM_LATEST or C.STREAM_FROM_EARLIEST
  o.settings, o.n_settings = keep[1], keep[2]
  o.skip_gaps = options.skip_gaps or false
  if options.lines then
    keep.log = ffi.cast('void (*)(void *, const char *)', function(_, line)
      options.lines[#options.lines + 1] = ffi.string(line)
    end)
    o.log = keep.log
  end
  keep.options = options
  return o, keep
end

--- @param topic string of definitions
--- @return table? source, string? message, integer? code
function M.source(topic, options)
  local arena, parsed, err = ffi.new('struct arena'), ffi.new('struct stream_topic'), ffi.new('struct chn_err')
  if C.stream_topic_parse(arena, topic, parsed, err) ~= 0 then error(ffi.string(err.msg)) end
  local o, keep = M.options(options)
  local source, message, code = sources.opened(function(out, why) return C.source_kafka_open(parsed, o, out, why) end)
  C.arena_deinit(arena)
  if source then source.keep = keep end
  return source, message, code
end

-- Calls that may call back into Lua must not be compiled.
jit.off(M.source, true)
jit.off(sources.opened, true)

function Cluster:source(topic, options)
  options = options or {}
  options.bootstrap = options.bootstrap or self.bootstrap
  options.settings = options.settings or {}
  -- The mock cluster answers a fetch at its end only.
  options.settings['fetch.wait.max.ms'] = options.settings['fetch.wait.max.ms'] or '10'
  return M.source(topic, options)
end

function M.clock() return C.chn_monotonic_ms() end

--- Polls until `enough` says so, at most for some seconds; answers what came.
function M.poll_until(source, enough, wait_ms)
  local deadline = M.clock() + (wait_ms or 60000)
  local found = {}
  repeat
    local poll, message, code = source:poll(50)
    if not poll then return found, message, code end
    for _, m in ipairs(poll.messages) do found[#found + 1] = m end
    if poll.event ~= 'idle' and poll.event ~= 'messages' then return found, poll end
  until enough(found) or M.clock() > deadline
  return found
end

function M.take(source, n)
  local found, message, code = M.poll_until(source, function(all) return #all >= n end)
  return found, message, code
end

function M.nothing(source, ms)
  local found = M.poll_until(source, function(all) return #all > 0 end, ms)
  return #found == 0
end

function M.assigned(source)
  local _, poll = M.poll_until(source, function() return false end)
  assert(poll and poll.event == 'assigned', 'not assigned')
  return poll.partitions
end

function M.datas(messages)
  local out = {}
  for i, m in ipairs(messages) do out[i] = m.data end
  return out
end

--- n values `m<from>`, ...
function M.values(n, from)
  local out = {}
  for i = 1, n do out[i] = 'm' .. (from or 0) + i - 1 end
  return out
end

return M
