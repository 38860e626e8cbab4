--- Streams over a real Kafka: the broker of tools/integration, topics of a spec's own, events of the
--- sample flights, the program as a process that may be killed.
local duck = require('spec.support.duck')
local ffi = require('ffi')
local json = require('dkjson')
local kafka = require('spec.support.kafka')
local kv = require('spec.support.kv')
local streamed = require('spec.support.streamed')
local streaming = require('spec.support.streaming')
require('spec.support.socket') -- declares poll

local M = {}

M.clock = kafka.clock

--- Asks until it is so, at most `seconds`.
function M.wait_for(what, seconds)
  local until_ = M.clock() + (seconds or 120) * 1000
  repeat
    local answer = what()
    if answer then return answer end
    os.execute('sleep 0.05')
  until M.clock() > until_
end

--- Host and port of the broker that tools/integration has started.
function M.bootstrap()
  return (assert(os.getenv('CHRONON_KAFKA'), 'no broker: these specs are run by make integration'))
end

--- A name that no other spec or run has.
function M.name(name)
  M.names = (M.names or 0) + 1
  local f = assert(io.open('/proc/self/stat'))
  local pid = f:read('*n')
  f:close()
  return ('%s-%d-%d'):format(name, pid, M.names)
end

-- ---- events -------------------------------------------------------------------------------------

M.FIELDS = { { 'delay', 'double' }, { 'dest', 'string' } }
M.DEFS = {
  { 'delay', 'SUM', windows = { '1h', '7d' } }, { 'delay', 'COUNT', windows = { '1d', '7d' } }, { 'delay', 'AVERAGE' },
  { 'delay', 'VARIANCE' }, { 'dest', 'LAST_K', args = { k = 5 } }, { 'dest', 'HISTOGRAM', windows = { '7d' } },
  { 'dest', 'APPROX_UNIQUE_COUNT' }, { 'delay', 'APPROX_PERCENTILE', args = { percentiles = '[0.5]' } },
}
M.DAY = '2013-02-03' -- of the upload
M.STOP = 1359936000000 -- its end

--- Departures of `days` from the 4th of February on, in the order of their instants; `user` is a
--- carrier at an airport. The n-th of one user and minute is n milliseconds later: which of two of
--- one instant comes first is not defined.
function M.flights(days)
  local db = duck.open()
  local rows = assert(db:run(([[
    SELECT "user", dest, delay, ts + row_number() OVER (PARTITION BY "user", ts ORDER BY flight) - 1 AS instant
    FROM (
      SELECT concat(carrier, '-', origin) AS "user", dest, flight, dep_delay AS delay,
        epoch_ms(time_hour::TIMESTAMP) + (sched_dep_time %% 100 + greatest(dep_delay, 0)) * 60000 AS ts
      FROM read_parquet('definitions/data/flights/*/*.parquet', hive_types = {'ds': VARCHAR})
      WHERE dep_delay IS NOT NULL)
    WHERE ts >= %d AND ts < %d ORDER BY instant, "user"]]):format(M.STOP, M.STOP + days * 86400000)))
  db:close()
  for i, r in ipairs(rows) do rows[i] = { user = r[1], dest = r[2], delay = tonumber(r[3]), ts = tonumber(r[4]) } end
  return rows
end

local function hash(text)
  local h = 0
  for i = 1, #text do h = (h * 31 + text:byte(i)) % 65521 end
  return h
end

-- ---- a GroupBy and its topic --------------------------------------------------------------------

local Real = {}
Real.__index = Real

--- @param o? { tiled?: boolean, store?: string, partitions?: integer, bootstrap?: string }
function M.new(o)
  o = o or {}
  local self = setmetatable({ partitions = o.partitions or 3, bootstrap = o.bootstrap or M.bootstrap(), ends = {},
                              topic = M.name('flights') }, Real)
  self.cluster = kafka.connect(self.bootstrap)
  self.cluster:topic(self.topic, self.partitions)
  for p = 0, self.partitions - 1 do self.ends[p] = 0 end
  self.s = streaming.new({ fields = M.FIELDS, defs = M.DEFS, tiled = o.tiled, store = o.store, topic = self.topic })
  self.folder = self.s.folder
  self.url = self.s.store_url
  self.s:upload({ { user = 'UA-EWR', delay = 1, dest = 'ORD', ts = M.STOP - 3600000, ds = M.DAY } }, M.DAY)
  return self
end

--- Another store with the same upload.
function Real:fresh(url)
  self.stores = (self.stores or 0) + 1
  url = url or ('lmdb:%s/kv%d'):format(self.folder, self.stores)
  self.s.r:succeed('upload', self.s.name, M.DAY, { '--store', url })
  return url
end

function Real:partition_of(row) return hash(row.user) % self.partitions end

--- Sends rows, or texts as they are to `partition`, and waits until the broker has them.
function Real:send(rows, partition)
  local lists = {}
  for _, row in ipairs(rows) do
    local p = partition or self:partition_of(row)
    lists[p] = lists[p] or {}
    table.insert(lists[p], type(row) == 'table' and streaming.line(self.s.columns, row) or row)
  end
  for p, list in pairs(lists) do
    self.cluster:send(self.topic, p, list)
    self.ends[p] = self.ends[p] + #list
  end
end

--- The arguments of a stream of the topic into a store.
function Real:words(url, group, more)
  local words = { 'run', '--mode', 'streaming', '--conf', self.folder .. '/production/' .. self.s.name, '--repo', self.folder,
    '--warehouse', self.s.r.warehouse, '--store', url, '--group', group, '--kafka-bootstrap', self.bootstrap, '-o', 'json' }
  for _, word in ipairs(more or {}) do words[#words + 1] = word end
  return words
end

--- Starts a stream in the background.
function Real:start(url, group, more)
  local run = streamed.start(nil, self:words(url, group, more))
  self.runs = self.runs or {}
  table.insert(self.runs, run)
  return run
end

local function read_marks(self, store, group)
  local out = {}
  for p = 0, self.partitions - 1 do
    local mark = store:mark(('stream/%s/%s/%d'):format(group, self.topic, p))
    out[p] = mark and tonumber(mark:match('^(%d+)')) or 0
  end
  return out
end

--- Where a group stands in the store, by partition; 0: nowhere.
function Real:marks(url, group)
  local store = kv.open(url, false)
  local out = read_marks(self, store, group)
  store:close()
  return out
end

--- Waits until n messages are in the store, and sees it within a millisecond or so.
function Real:reach(url, group, n, seconds)
  local store, until_ = kv.open(url, false), M.clock() + seconds * 1000
  while self:total(read_marks(self, store, group)) < n and M.clock() < until_ do ffi.C.poll(nil, 0, 1) end
  store:close()
end

function Real:total(marks)
  local n = 0
  for p = 0, self.partitions - 1 do n = n + (marks or self.ends)[p] end
  return n
end

--- Waits until the store has all, or `share` of it, that was sent.
function Real:wait(run, url, group, o)
  o = o or {}
  local least = self:total() * (o.share or 1)
  local there = M.wait_for(function()
    return self:total(self:marks(url, group)) >= least or run:code() and 'over'
  end, o.seconds or 240)
  if there ~= true then
    error(('%s of %d messages are in the store, %s: %s'):format(json.encode(self:marks(url, group)), least,
      there or 'time is over', run:err()), 2)
  end
end

--- Waits until Kafka's own tools see that a group has all that was sent.
function Real:wait_told(group)
  for p = 0, self.partitions - 1 do
    local told
    local there = M.wait_for(function()
      local answered, answer = pcall(self.cluster.committed, self.cluster, group, self.topic, p)
      told = answer
      return answered and told == self.ends[p]
    end, 240)
    assert(there, ('the group was told of %s of %d messages of partition %d'):format(told, self.ends[p], p))
  end
end

--- Ends a stream by SIGTERM. @return table the row of its report
function Real.finish(_, run)
  run:signal('TERM')
  assert(run:ended() == 0, run:err())
  return assert(json.decode(run:out()))[1]
end

--- Streams all that was sent into a store of its own, undisturbed. @return its content, its report
function Real:undisturbed(more)
  local url, group = self:fresh(), M.name('undisturbed')
  local run = self:start(url, group, more)
  self:wait(run, url, group)
  local report = self:finish(run)
  return self:content(url), report, url
end

--- Whether a tile was seen to be complete depends on how the polls fell; it is its last byte.
function Real:content(url)
  local out = self.s:content(url)
  for name, value in pairs(self.s.o.tiled and out or {}) do out[name] = value:sub(1, -2) end
  return out
end

--- The objects of n messages of a topic.
function Real:read(topic, n)
  local source = assert(kafka.source(topic, { bootstrap = self.bootstrap, group = M.name('reader') }))
  kafka.assigned(source)
  local out = kafka.datas(kafka.take(source, n))
  source:close()
  for i, text in ipairs(out) do out[i] = assert(json.decode(text)) end
  return out
end

function Real:remove()
  for _, run in ipairs(self.runs or {}) do run:stop() end
  self.cluster:close()
  self.s:remove()
end

--- Features of keys at an instant, by `chronon serve`.
function M.ask(server, kind, name, at, keys)
  local r, why = server:ask(('/v1/features/%s/%s?at=%.0f'):format(kind, name:gsub('/', '%%2F'), at), { body = json.encode(keys) })
  assert(r and r.status == 200, why or (r and r.body))
  return json.decode(r.body).results
end

return M
