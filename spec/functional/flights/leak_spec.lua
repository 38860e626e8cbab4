--- No row of the training set knows its future. A random sample of rows is computed again by brute
--- force: joins on instants over the raw files, in SQL that shares nothing with the program's own
--- (no staging table, no rendered SQL, another way to each instant). The row's own flight is left
--- out of every window there, so a feature that had seen it would differ.
local duck = require('spec.support.duck')
local flights = require('spec.support.flights')
local seed = require('spec.support.seed')

-- Clocks changed on the 10th of March. Windows of 30 days begin up to 31 days before the first row.
local FIRST, LAST, STAGED = '2013-03-08', '2013-03-11', '2013-02-03'
local SAMPLE = 150

local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
--- Chronon's windows end before the row's instant and begin at a floored one.
local WINDOWS = {
  ['1h'] = { HOUR, 5 * MINUTE },
  ['6h'] = { 6 * HOUR, 5 * MINUTE },
  ['1d'] = { DAY, HOUR },
  ['7d'] = { 7 * DAY, HOUR },
  ['30d'] = { 30 * DAY, DAY },
}

-- time_hour is the source's own UTC hour of the schedule. An arrival is looked for among the two
-- clock times at the destination after the departure.
local RAW = [[
CREATE TABLE flown AS
  SELECT
    concat(ds, '-', carrier, flight, '-', origin) AS flight_id, carrier, origin, dest, tailnum,
    dep_delay, arr_delay, arr_time,
    epoch_ms(time_hour::TIMESTAMP) + (sched_dep_time % 100) * 60000 AS scheduled,
    scheduled + dep_delay * 60000 AS left_at,
    coalesce(tzone, 'America/Puerto_Rico') AS zone
  FROM read_parquet('definitions/data/flights/*/*.parquet', hive_types = {'ds': VARCHAR})
  LEFT JOIN read_parquet('definitions/data/airports/*.parquet') ON dest = faa;
CREATE TABLE departed AS
  SELECT *, greatest(left_at, scheduled) AS known, dep_delay::DOUBLE AS v FROM flown WHERE dep_delay IS NOT NULL;
CREATE TABLE landed AS
  SELECT flight_id, tailnum, dest, arr_delay::DOUBLE AS v, greatest(min(clock), any_value(scheduled)) AS known
  FROM (
    SELECT
      *,
      epoch_ms((date_trunc('day', to_timestamp(left_at / 1000) AT TIME ZONE zone)
        + to_days(k::INTEGER) + to_minutes(arr_time // 100 * 60 + arr_time % 100)) AT TIME ZONE zone) AS clock
    FROM flown, range(2) d(k)
    WHERE arr_time IS NOT NULL)
  WHERE clock > left_at
  GROUP BY ALL;
CREATE TABLE weather AS
  SELECT *, epoch_ms(time_hour::TIMESTAMP) + 3600000 AS known
  FROM read_parquet('definitions/data/weather/*/*.parquet', hive_types = {'ds': VARCHAR});
]]

describe('the flights training set', function()
  local repo, db, ours
  local random, the_seed = seed.random('flights leak')
  local salt = random(1, 1000000)

  local function rows(sql, ...)
    sql = select('#', ...) > 0 and sql:format(...) or sql
    local found, err = db:run(sql)
    if not found then error(err .. '\n' .. sql, 2) end
    return found
  end

  --- True when the texts of two numbers (nil: NULL) mean the same.
  local function same(a, b)
    if a == nil or b == nil then return a == b end
    a, b = tonumber(a), tonumber(b)
    return math.abs(a - b) <= 1e-9 * math.max(1, math.abs(a), math.abs(b))
  end

  local function expect(what, row, want, got)
    if not same(want, got) then
      error(('seed %d, flight %s: %s is %s, brute force says %s'):format(
        the_seed, row, what, tostring(got), tostring(want)), 0)
    end
  end

  --- Start of a window that ends at s.ts.
  local function start(window)
    return ('(s.ts - %d) // %d * %d'):format(WINDOWS[window][1], WINDOWS[window][2], WINDOWS[window][2])
  end

  --- The rows of `events` in the window of each sampled row, own flight left out.
  local function in_window(events, key, window)
    return ([[sample s LEFT JOIN %s e ON e.%s = s.%s AND e.flight_id <> s.flight_id
      AND e.known < s.ts AND e.known >= %s]]):format(events, key, key, start(window))
  end

  setup(function()
    repo = flights.new()
    repo:stage(STAGED, LAST)
    repo:succeed(repo:backfill('joins/flights/training_set.v1', FIRST, LAST))
    db = duck.open()
    ours = repo:table('training_set')
    for statement in RAW:gmatch('(.-);\n') do rows(statement) end
    rows("CREATE TABLE sample AS FROM %s ORDER BY hash(concat(flight_id, '%d')) LIMIT %d", ours, salt, SAMPLE)
  end)

  teardown(function()
    if db then db:close() end
    if repo then repo:remove() end
  end)

  it('has every scheduled departure once, at its instant, with its label', function()
    local want = ([[
      SELECT flight_id, scheduled AS ts, dep_delay FROM flown
      WHERE strftime(make_timestamp(scheduled * 1000), '%%Y-%%m-%%d') BETWEEN '%s' AND '%s']]):format(FIRST, LAST)
    local got = 'SELECT flight_id, ts, dep_delay FROM ' .. ours
    assert.same({ { '0' } }, rows('SELECT count(*) FROM ((%s) EXCEPT ALL (%s))', want, got))
    assert.same({ { '0' } }, rows('SELECT count(*) FROM ((%s) EXCEPT ALL (%s))', got, want))
    assert.is_true(tonumber(rows('SELECT count(*) FROM ' .. ours)[1][1]) > 3000)
  end)

  for name, known in pairs({ departures = 'departed', arrivals = 'landed' }) do
    it('knows all ' .. name .. ' of a day at their instants, not earlier', function()
      local want = ("SELECT flight_id, known AS ts FROM %s WHERE strftime(make_timestamp(known * 1000), '%%Y-%%m-%%d') "
        .. "BETWEEN '%s' AND '%s'"):format(known, FIRST, LAST)
      local got = ("SELECT flight_id, ts FROM %s WHERE ds BETWEEN '%s' AND '%s'"):format(repo:table(name), FIRST, LAST)
      assert.same({ { '0' } }, rows('SELECT count(*) FROM ((%s) EXCEPT ALL (%s))', want, got))
      assert.same({ { '0' } }, rows('SELECT count(*) FROM ((%s) EXCEPT ALL (%s))', got, want))
    end)
  end

  for _, key in ipairs({ 'carrier', 'origin' }) do
    local prefix = 'flights_delays_by_' .. key .. '_v1_delay_'
    for window in pairs(WINDOWS) do
      it(('has delays by %s over %s as they were known'):format(key, window), function()
        local names = { 'count', 'sum', 'average', 'variance', 'min', 'max' }
        local wanted = { 'nullif(count(v), 0)', 'sum(v)', 'avg(v)', 'var_pop(v)', 'min(v)', 'max(v)' }
        local columns = {}
        for i, name in ipairs(names) do
          columns[#columns + 1] = wanted[i]
          columns[#columns + 1] = ('any_value(s.%s%s_%s)'):format(prefix, name, window)
        end
        local found = rows('SELECT s.flight_id, %s FROM %s GROUP BY s.flight_id',
          table.concat(columns, ', '), in_window('departed', key, window))
        assert.equal(SAMPLE, #found)
        for _, row in ipairs(found) do
          for i, name in ipairs(names) do
            expect(prefix .. name .. '_' .. window, row[1], row[2 * i], row[2 * i + 1])
          end
        end
      end)

      it(('has percentiles by %s over %s within the error of KLL'):format(key, window), function()
        local column = ('s.%sapprox_percentile_%s'):format(prefix, window)
        local found = rows([[
          SELECT
            s.flight_id, count(v), any_value(len(%s)),
            count(*) FILTER (v < %s[1]), count(*) FILTER (v <= %s[1]),
            count(*) FILTER (v < %s[2]), count(*) FILTER (v <= %s[2])
          FROM %s GROUP BY s.flight_id]], column, column, column, column, column, in_window('departed', key, window))
        for _, row in ipairs(found) do
          local n = tonumber(row[2])
          if n == 0 then
            assert.is_nil(row[3], row[1])
          else
            assert.equal('2', row[3])
            for i, p in ipairs({ 0.5, 0.9 }) do
              local below, up_to = tonumber(row[2 + 2 * i]) / n, tonumber(row[3 + 2 * i]) / n
              -- One rank either way, and 3 % where the sketch (k = 128) is no longer exact.
              local slack = 1 / n + (n > 100 and 0.03 or 0)
              assert.is_true(below <= p + slack and up_to >= p - slack,
                ('seed %d, flight %s, %s: %g lies in [%g, %g]'):format(the_seed, row[1], window, p, below, up_to))
            end
          end
        end
      end)
    end
  end

  --- Whether `got` is the values of the latest events: those of equal instants in any order, and any
  --- of them where the list ends among them.
  local function check_latest(what, flight, got, events, k)
    local left = {}
    for t, v in events:gmatch('"t":(%-?%d+),"v":([%-%d.]+)') do left[#left + 1] = { t = t, v = tonumber(v) } end
    local values = {}
    for v in (got or ''):gmatch('[%-%d.]+') do values[#values + 1] = tonumber(v) end
    assert.equal(math.min(k, #left), #values, what .. ' of ' .. flight)
    for i, value in ipairs(values) do
      local found
      for j = 1, #left do
        if left[j].t ~= left[1].t then break end
        if left[j].v == value then found = j end
      end
      assert(found, ('seed %d, flight %s: %s[%d] is %g'):format(the_seed, flight, what, i, value))
      table.remove(left, found)
    end
  end

  local LATEST = "coalesce(to_json(list({'t': known, 'v': v} ORDER BY known DESC) FILTER (v IS NOT NULL))::VARCHAR, '')"

  for _, key in ipairs({ 'carrier', 'origin' }) do
    it('has the last ten delays by ' .. key, function()
      for window in pairs(WINDOWS) do
        local column = ('flights_delays_by_%s_v1_delay_last10_%s'):format(key, window)
        local found = rows('SELECT s.flight_id, any_value(to_json(s.%s)::VARCHAR), %s FROM %s GROUP BY s.flight_id',
          column, LATEST, in_window('departed', key, window))
        for _, row in ipairs(found) do check_latest(column, row[1], row[2], row[3], 10) end
      end
    end)
  end

  it('knows what the plane has been through', function()
    local latest = rows('SELECT s.flight_id, any_value(to_json(s.flights_tails_v1_delay_last5_7d)::VARCHAR), %s '
      .. 'FROM %s GROUP BY s.flight_id', LATEST, in_window('landed', 'tailnum', '7d'))
    for _, row in ipairs(latest) do check_latest('delay_last5_7d', row[1], row[2], row[3], 5) end

    assert.same({}, rows([[
      SELECT s.flight_id, max(v, 3) AS want, any_value(s.flights_tails_v1_delay_top3_30d) AS got
      FROM %s GROUP BY s.flight_id HAVING want IS DISTINCT FROM got]], in_window('landed', 'tailnum', '30d')))
    assert.same({}, rows([[
      SELECT s.flight_id, nullif(count(v), 0) AS want, any_value(s.flights_tails_v1_delay_count_1d) AS got
      FROM %s GROUP BY s.flight_id HAVING want IS DISTINCT FROM got]], in_window('landed', 'tailnum', '1d')))
    -- A plane sees a few dozen places; up to that many the sketch is off by one at most.
    assert.same({}, rows([[
      SELECT
        s.flight_id, count(DISTINCT e.dest) AS want, any_value(s.flights_tails_v1_dest_approx_unique_count_30d) AS got
      FROM %s GROUP BY s.flight_id HAVING abs(want - coalesce(got, 0)) > 1]], in_window('landed', 'tailnum', '30d')))
  end)

  it('has a week of routes, one entry for each destination', function()
    local found = rows([[
      WITH by_dest AS (
        SELECT s.flight_id, s.dest, e.dest AS other, count(v) AS n, avg(v) AS mean,
          any_value(s.flights_routes_v1_delay_count_7d_by_dest) AS counts,
          any_value(s.flights_routes_v1_delay_average_7d_by_dest) AS means,
          any_value(s.route_delay_7d) AS derived
        FROM %s AND e.origin = s.origin GROUP BY ALL)
      SELECT flight_id, n, counts[other], mean, means[other],
        count(other) OVER (PARTITION BY flight_id), coalesce(cardinality(counts), 0),
        max(mean) FILTER (other = dest) OVER (PARTITION BY flight_id), derived
      FROM by_dest]], in_window('departed', 'carrier', '7d'))
    assert.is_true(#found > SAMPLE)
    for _, row in ipairs(found) do
      expect('delay_count_7d_by_dest', row[1], row[2] ~= '0' and row[2] or nil, row[3])
      expect('delay_average_7d_by_dest', row[1], row[4], row[5])
      expect('destinations of the week', row[1], row[6], row[7])
      expect('route_delay_7d', row[1], row[8], row[9])
    end
  end)

  it('has the weather of the last hour that was over', function()
    for _, column in ipairs({ 'temp', 'humid', 'wind_speed', 'wind_gust', 'precip', 'pressure', 'visib' }) do
      local found = rows([[
        SELECT s.flight_id, arg_max(e.%s, e.known) FILTER (e.%s IS NOT NULL), any_value(s.flights_weather_v1_%s_last_6h)
        FROM sample s LEFT JOIN weather e ON e.origin = s.origin AND e.known < s.ts AND e.known >= %s
        GROUP BY s.flight_id]], column, column, column, start('6h'))
      for _, row in ipairs(found) do expect(column, row[1], row[2], row[3]) end
    end
  end)

  it('has the plane from the register, and what is derived', function()
    local found = rows([[
      SELECT
        s.flight_id, p.year, s.flights_planes_v1_built, p.seats, s.flights_planes_v1_seats,
        2013 - p.year, s.plane_age,
        s.flights_delays_by_carrier_v1_delay_average_1h - s.flights_delays_by_origin_v1_delay_average_1h,
        s.carrier_beyond_origin_1h
      FROM sample s LEFT JOIN read_parquet('definitions/data/planes/*.parquet') p ON p.tailnum = s.tailnum]])
    for _, row in ipairs(found) do
      expect('built', row[1], row[2], row[3])
      expect('seats', row[1], row[4], row[5])
      expect('plane_age', row[1], row[6], row[7])
      expect('carrier_beyond_origin_1h', row[1], row[8], row[9])
    end
  end)
end)
