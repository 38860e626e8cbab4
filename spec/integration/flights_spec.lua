--- The flights sample as a live system: departures, arrivals and weather come as events, five
--- GroupBys stream them in one process, `chronon serve` answers for the join. For every flight of two
--- days it says what the backfill of the training set says.
local duck = require('spec.support.duck')
local flights = require('spec.support.flights')
local json = require('dkjson')
local kafka = require('spec.support.kafka')
local kv = require('spec.support.kv')
local real = require('spec.support.real')
local redis = require('spec.support.redis')
local server = require('spec.support.server')
local streamed = require('spec.support.streamed')

local UPLOADED, FIRST, LAST = '2013-12-28', '2013-12-29', '2013-12-30'
local STAGED = '2013-11-25' -- windows of 30 days begin up to 31 days before the first row
local TOPICS = { departures = 3, arrivals = 3, weather = 1 }
local STREAMED = { delays_by_carrier_v1 = 'departures', delays_by_origin_v1 = 'departures', routes_v1 = 'departures',
                   tails_v1 = 'arrivals', weather_v1 = 'weather' }
local CONFS = { 'delays.by_carrier_v1', 'delays.by_origin_v1', 'routes.v1', 'tails.v1', 'weather.v1' }

local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
--- Windows end before the row's instant and begin at a floored one.
local WINDOWS = { ['1h'] = { HOUR, 5 * MINUTE }, ['6h'] = { 6 * HOUR, 5 * MINUTE }, ['1d'] = { DAY, HOUR },
                  ['7d'] = { 7 * DAY, HOUR }, ['30d'] = { 30 * DAY, DAY } }

local function same(a, b)
  if type(a) == 'table' and type(b) == 'table' then
    for k, v in pairs(a) do
      if not same(v, b[k]) then return false end
    end
    for k in pairs(b) do
      if a[k] == nil then return false end
    end
    return true
  end
  if type(a) == 'number' and type(b) == 'number' then
    return math.abs(a - b) <= 1e-9 * math.max(1, math.abs(a), math.abs(b))
  end
  return a == b
end

--- Values of a key's events in a window that ends at `at`, newest first.
local function in_window(list, at, window)
  local length, hop = WINDOWS[window][1], WINDOWS[window][2]
  local from, out = math.floor((at - length) / hop) * hop, {}
  for i = #(list or {}), 1, -1 do
    local e = list[i]
    if e.ts < from then break end
    if e.ts < at then out[#out + 1] = e end
  end
  return out
end

--- Whether these are the values of the latest events: those of equal instants in any order, and any of
--- them where the list ends among them.
local function latest(got, list, k)
  got = got or {}
  if #got ~= math.min(k, #list) then return false end
  local left = { unpack(list, 1, math.min(#list, 200)) }
  for _, value in ipairs(got) do
    local found
    for j = 1, #left do
      if left[j].ts ~= left[1].ts then break end
      if left[j].v == value then found = j end
    end
    if not found then return false end
    table.remove(left, found)
  end
  return true
end

--- Whether these are percentiles within the error of KLL: a rank either way, and 3 % beyond 100 values.
local function percentiles(got, list)
  if #list == 0 then return got == nil end
  local slack = 1 / #list + (#list > 100 and 0.03 or 0)
  for i, p in ipairs({ 0.5, 0.9 }) do
    local below, up_to = 0, 0
    for _, e in ipairs(list) do
      below = below + (e.v < got[i] and 1 or 0)
      up_to = up_to + (e.v <= got[i] and 1 or 0)
    end
    if below / #list > p + slack or up_to / #list < p - slack then return false end
  end
  return true
end

describe('the flights training set, live', function()
  local repos, db, cluster, events, rows, redis_server = {}, nil, nil, {}, nil, nil
  local counts = {}

  local function produce(topic, partitions)
    local table_name = repos.rows:table(topic)
    local lists = {}
    for p = 0, partitions - 1 do lists[p] = {} end
    -- The topic holds a day that was uploaded, too.
    for i, e in ipairs(assert(db:run(([[SELECT to_json(t)::VARCHAR FROM %s t WHERE ds BETWEEN '%s' AND '%s' ORDER BY ts]])
      :format(table_name, UPLOADED, LAST)))) do
      table.insert(lists[i % partitions], e[1])
    end
    cluster:topic('flights.' .. topic, partitions)
    counts[topic] = {}
    for p, list in pairs(lists) do
      cluster:send('flights.' .. topic, p, list)
      counts[topic][p] = #list
    end
  end

  --- events[key column][key]: { ts, v } ascending.
  local function remember(topic, key, value)
    events[key] = {}
    for _, e in ipairs(assert(db:run(('SELECT %s, ts, %s FROM %s WHERE %s IS NOT NULL AND %s IS NOT NULL ORDER BY ts')
      :format(key, value, repos.rows:table(topic), key, value)))) do
      events[key][e[1]] = events[key][e[1]] or {}
      table.insert(events[key][e[1]], { ts = tonumber(e[2]), v = tonumber(e[3]) })
    end
  end

  setup(function()
    repos.rows = flights.new()
    repos.tiles = flights.new("sed -i 's/online = true,/online = true, enable_tiling = true,/' group_bys/flights/*.lua")
    repos.rows:stage(STAGED, '2013-12-31')
    repos.rows:succeed(repos.rows:backfill('joins/flights/training_set.v1', FIRST, LAST))
    db, cluster = duck.open(), kafka.connect(real.bootstrap())
    for topic, partitions in pairs(TOPICS) do produce(topic, partitions) end
    remember('departures', 'carrier', 'dep_delay')
    remember('departures', 'origin', 'dep_delay')
    remember('arrivals', 'tailnum', 'arr_delay')
    rows = assert(db:run(('SELECT ts, to_json(t)::VARCHAR FROM %s t ORDER BY ts'):format(repos.rows:table('training_set'))))
    redis_server = redis.start()
  end)

  teardown(function()
    if redis_server then redis_server:close() end
    if cluster then cluster:close() end
    if db then db:close() end
    for _, repo in pairs(repos) do repo:remove() end
  end)

  local function run(repo, url, mode, conf, ...)
    repo:succeed({ 'run', '--mode', mode, '--conf', 'production/' .. conf, '--repo', repo.repo, '--warehouse',
      repos.rows.warehouse, '--store', url, ... })
  end

  --- Until every GroupBy has every message of its topic in the store.
  local function wait(stream, url)
    local lacks
    assert(real.wait_for(function()
      lacks = nil
      local store = kv.open(url, false)
      for name, topic in pairs(STREAMED) do
        for p, n in pairs(counts[topic]) do
          local mark = store:mark(('stream/chronon-flights_%s/flights.%s/%d'):format(name, topic, p))
          if n > 0 and not (mark and tonumber(mark:match('^%d+')) == n) then lacks = ('%s: %s'):format(name, mark) end
        end
      end
      store:close()
      return not lacks or stream:code()
    end, 240) == true, (lacks or '') .. stream:err())
  end

  --- Whether a feature is right; `want` is the backfill's.
  local function right(name, row, at, want, got)
    local key, window = name:match('^flights_delays_by_(%a+)_v1_delay_last10_(%w+)$')
    if key then return latest(got, in_window(events[key][row[key]], at, window), 10) end
    window = name:match('^flights_tails_v1_delay_last5_(%w+)$')
    if window then return latest(got, in_window(events.tailnum[row.tailnum], at, window), 5) end
    key, window = name:match('^flights_delays_by_(%a+)_v1_delay_approx_percentile_(%w+)$')
    if key then return percentiles(got, in_window(events[key][row[key]], at, window)) end
    if name:match('approx_unique_count') and want and got then return math.abs(want - got) <= 1 end
    return same(want, got)
  end

  --- A fetch from tiles is exact at their bounds: hours for those without windows below half a day.
  local function comparable(name, at, how)
    return how == 'rows' or at % HOUR == 0 or not name:match('^flights_routes_') and not name:match('^flights_tails_')
      and name ~= 'route_delay_7d' and at % (5 * MINUTE) == 0
  end

  for _, case in ipairs({ { 'rows', 'lmdb' }, { 'tiles', 'lmdb' }, { 'rows', 'redis' }, { 'tiles', 'redis' } }) do
    local how, kind = case[1], case[2]
    it(('of %s in %s, is what the backfill says'):format(how, kind), function()
      local repo = repos[how]
      local url = kind == 'lmdb' and ('lmdb:%s/store'):format(repo.folder)
        or ('redis://127.0.0.1:%d/%d'):format(redis_server.port, how == 'rows' and 1 or 2)
      local confs = {}
      for i, name in ipairs(CONFS) do
        confs[i] = 'production/group_bys/flights/' .. name
        run(repo, url, 'upload', 'group_bys/flights/' .. name, '--ds', UPLOADED)
      end
      run(repo, url, 'upload', 'group_bys/flights/planes.v1', '--ds', UPLOADED)
      run(repo, url, 'metadata-upload', 'joins/flights/training_set.v1')
      local s = server.start(url)
      finally(function() s:stop() end)
      local stream = streamed.start(nil, { 'run', '--mode', 'streaming', '--conf', table.concat(confs, ','), '--repo',
        repo.repo, '--warehouse', repos.rows.warehouse, '--store', url, '--kafka-bootstrap', real.bootstrap() })
      finally(function()
        stream:stop()
        s:stop()
      end)
      wait(stream, url)

      local compared, wrong = 0, {}
      local function compare(row, features, at)
        for name, want in pairs(row) do
          local feature = name:match('^flights_%a+_') or name == 'route_delay_7d' or name == 'carrier_beyond_origin_1h'
          if feature and comparable(name, at, how) then
            local got = features[name]
            if got == json.null then got = nil end
            compared = compared + 1
            if not right(name, row, at, want, got) then
              wrong[#wrong + 1] = ('%s of flight %s at %.0f: fetched %s, the backfill has %s'):format(name, row.flight_id, at,
                json.encode(got), json.encode(want))
            end
          end
        end
      end

      local i = 1
      while i <= #rows do
        local at, asked, keys = tonumber(rows[i][1]), {}, {}
        while i <= #rows and tonumber(rows[i][1]) == at do
          local row = json.decode(rows[i][2])
          asked[#asked + 1] = row
          keys[#keys + 1] = { carrier = row.carrier, origin = row.origin, tailnum = row.tailnum or json.null,
            dest = row.dest }
          i = i + 1
        end
        if how == 'rows' or at % (5 * MINUTE) == 0 then
          for n, result in ipairs(real.ask(s, 'join', 'flights/training_set.v1', at, keys)) do
            assert.equal('Success', result.status)
            for name, got in pairs(result.features) do assert.is_nil(name:match('_exception$'), got) end
            compare(asked[n], result.features, at)
          end
        end
      end
      assert(#wrong == 0, ('%d values differ: %s'):format(#wrong, table.concat({ unpack(wrong, 1, 5) }, '\n')))
      assert.is_true(compared > (how == 'rows' and 50000 or 20000), compared)
    end)
  end
end)
