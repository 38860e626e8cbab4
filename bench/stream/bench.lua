--- stream-file, stream-tiles, stream-latency: events of a file or of Kafka into tiles of the store.
---
--- What is in the store afterwards is compared with DuckDB's sums over the file, for users spread
--- over all of them; a difference fails the bench.
local data = require "bench.stream.data"
local proc = require "bench.support.proc"
local report = require "bench.support.report"

local M = {}

-- In an hour a user has some 8 events a tile of 5 minutes; in a day 1 in 3, the worst there is.
local cases = {
  { name = "hour", span_ms = 3600000, about = "10 M events of an hour: 8 a tile" },
  { name = "day", span_ms = 86400000, about = "10 M events of a day: a tile or less each" },
}

local CHECKED = 97

local function wanted(o)
  local out = {}
  for _, case in ipairs(cases) do
    if not o.only or ("," .. o.only .. ","):find("," .. case.name .. ",", 1, true) then table.insert(out, case) end
  end
  if #out == 0 then error("no case is called " .. o.only, 0) end
  return out
end

--- Sums and counts of the last day by user, of DuckDB.
local function expected(run, case)
  local out = run:duck("check of " .. case.name, ([[
COPY (SELECT user_id, count(*) AS n, sum(amount) AS amount FROM read_json('%s',
    columns = {user_id: 'VARCHAR', amount: 'DOUBLE', ts: 'BIGINT'}, format = 'newline_delimited')
  WHERE ts >= %d AND substr(user_id, 6)::INTEGER %% %d = 0 GROUP BY 1 ORDER BY 1)
TO '%s/expected.csv' (HEADER false);
]]):format(run:file(case), data.FIRST_MS, math.ceil(run.users / CHECKED), run.work))
  assert(out)
  local users = {}
  for user, n, amount in data.slurp(run.work .. "/expected.csv"):gmatch("([^,\n]+),(%d+),([%d.e+-]+)\n") do
    table.insert(users, { id = user, n = tonumber(n), amount = tonumber(amount) })
  end
  return users
end

--- Fetches the users as of the end of the events, and compares.
local function check(run, case, store)
  local users = expected(run, case)
  local keys = {}
  for _, user in ipairs(users) do table.insert(keys, ('{"user_id":"%s"}'):format(user.id)) end
  local f = assert(io.open(run.work .. "/keys.jsonl", "w"))
  f:write(table.concat(keys, "\n"), "\n")
  f:close()
  local r = run:run("fetch for " .. case.name, {
    run.chronon, "fetch", "--type", "group-by", "--name", data.GROUP_BY, "-f", run.work .. "/keys.jsonl", "--repo",
    run.repo, "--store", store, "--at-millis", ("%d"):format(data.FIRST_MS + case.span_ms + 1), "-o", "json",
  })
  local i = 0
  for features in r.text:gmatch("{[^{}]*amount_count_7d[^{}]*}") do
    i = i + 1
    -- Seven days hold the upload's one payment too.
    local n = tonumber(features:match('"amount_count_7d" ?: ?(%d+)'))
    local amount = tonumber(features:match('"amount_sum_7d" ?: ?([%d.e+-]+)'))
    local u = users[i]
    if not u or n ~= u.n + 1 then
      error(("%s: %s has %s payments in the store, %s in the file"):format(case.name, u and u.id or "?", n, u and u.n), 0)
    end
    if amount < u.amount - 1e-6 or amount > u.amount + 1000 then
      error(("%s: %s has %s in the store, %s in the file"):format(case.name, u.id, amount, u.amount), 0)
    end
  end
  if i ~= #users or i == 0 then error(("%s: %d of %d users fetched\n%s"):format(case.name, i, #users, r.text:sub(1, 500)), 0) end
end

local function argv_of(run, mode, store, ...)
  return {
    run.chronon, "run", "-q", "--mode", mode, "--conf", data.CONF, "--repo", run.repo, "--store", store,
    "--disorder", "10min", ...,
  }
end

local function print_case(case, run, r)
  print(("  %-14s %9.2f %9.2f %12.0f %14.0f %9.0f %9.0f"):format(case, r.seconds, r.cpu, run.events / r.seconds,
    run.events / r.cpu, r.rss_mb, r.anon_mb))
  return { case, {
    { "seconds", r.seconds }, { "cpu_seconds", r.cpu }, { "events_per_s", run.events / r.seconds },
    { "events_per_cpu_s", run.events / r.cpu }, { "peak_rss_mb", r.rss_mb }, { "peak_anon_mb", r.anon_mb },
  } }
end

local function print_head(o, run)
  print(("%s: %d events, %d users, load %s"):format(o.name, run.events, run.users,
    report.command("cut -d' ' -f1 /proc/loadavg")))
  print(("  %-14s %9s %9s %12s %14s %9s %9s"):format("", "seconds", "CPU s", "events/s", "events/CPU s", "peak MB",
    "anon MB"))
end

-- ---- of a file --------------------------------------------------------------------------------

function M.file(o)
  local list = wanted(o)
  local run = data.prepare(o, cases)
  local json, best = {}, nil
  for _, case in ipairs(list) do
    local store = run:fresh_store(case.name)
    local r = run:run("stream of " .. case.name, argv_of(run, "local-streaming", store, "--input", run:file(case)))
    check(run, case, store)
    if not best then print_head(o, run) end
    best = best or r
    table.insert(json, print_case(case.name, run, r))
  end
  print(report.json {
    { "bench", o.name }, { "ours", run.events / best.seconds }, { "unit", "events/s" }, { "peak_rss_mb", best.rss_mb },
    { "rows", run.events }, { "cases", json }, { "machine", report.machine() }, { "date", report.date() },
  })
end

-- ---- of Kafka ---------------------------------------------------------------------------------

local TOPIC = "data.payments"

--- Runs f with a broker that has the topic, empty.
local function with_broker(run, f)
  local folder = run.work .. "/kafka"
  local tool = run.root .. "/tools/kafka"
  data.shell("rm -rf", folder)
  local bootstrap = run:run("broker", { tool, "start", folder }).text:match("(%S+:%d+)%s*$")
  local good, message = pcall(function()
    run:run("topic", { tool, "topic", folder, TOPIC, "1" })
    f(bootstrap)
  end)
  data.shell(tool, "stop", folder)
  data.shell("rm -rf", folder)
  if not good then error(message, 0) end
end

local function numbers(text)
  local out = {}
  for name, value in text:gmatch("(%S+) (%-?[%d.]+)\n") do out[name] = tonumber(value) end
  return out
end

--- What a living process has used: CPU seconds, most memory.
local function used(pid)
  local user, system = data.slurp(("/proc/%d/stat"):format(pid)):match("%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  local status = data.slurp(("/proc/%d/status"):format(pid))
  return {
    cpu = (tonumber(user) + tonumber(system)) / 100,
    rss_mb = tonumber(status:match("VmHWM:%s*(%d+)")) / 1024,
    anon_mb = proc.anonymous(pid),
  }
end

--- Streams the topic into a fresh store while f runs; what f gives, and what the stream has used.
local function streaming(run, case, bootstrap, f)
  local store = run:fresh_store(case)
  local log = run.work .. "/streaming.log"
  local server = proc.spawn(argv_of(run, "streaming", store, "--kafka-bootstrap", bootstrap, "--group", "bench"), log)
  local good, result = pcall(f, store)
  local usage = good and used(server.pid)
  proc.stop(server)
  if not good then error(("%s\n%s"):format(result, data.slurp(log)), 0) end
  for name, value in pairs(usage) do result[name] = value end
  return result
end

local function kafka_tool(run)
  return run.build .. "/stream_kafka"
end

function M.tiles(o)
  local list = wanted(o)
  local run = data.prepare(o, cases, "stream_kafka")
  local json, best, ratio = {}, nil, nil
  for _, case in ipairs(list) do
    with_broker(run, function(bootstrap)
      run:run("messages of " .. case.name, { kafka_tool(run), "fill", bootstrap, TOPIC, run:file(case) })
      local read = { kafka_tool(run), "read", bootstrap, TOPIC, ("%d"):format(run.events) }
      local bare = run:run("bare read of " .. case.name, read)
      local ours = streaming(run, case.name, bootstrap, function(store)
        return numbers(run:run("stream of " .. case.name, {
          kafka_tool(run), "wait", store, ("stream/bench/%s/0"):format(TOPIC), ("%d"):format(run.events),
        }).text)
      end)
      check(run, case, "lmdb:" .. run.work .. "/store-" .. case.name)
      if not best then print_head(o, run) end
      table.insert(json, print_case(case.name, run, ours))
      table.insert(json, print_case(case.name .. " bare", run, bare))
      print(("  %-14s %9.2f of its rate, %.2f by CPU"):format("", bare.seconds / ours.seconds, bare.cpu / ours.cpu))
      best, ratio = best or ours, ratio or bare.seconds / ours.seconds
    end)
  end
  print(report.json {
    { "bench", o.name }, { "ours", run.events / best.seconds }, { "unit", "events/s" }, { "ratio_to_limit", ratio },
    { "peak_rss_mb", best.rss_mb }, { "rows", run.events }, { "cases", json }, { "machine", report.machine() },
    { "date", report.date() },
  })
end

local RATE, SECONDS = 10000, 30

function M.latency(o)
  local run = data.prepare(o, cases, "stream_kafka")
  with_broker(run, function(bootstrap)
    local r = streaming(run, "latency", bootstrap, function(store)
      return numbers(run:run("latency", {
        kafka_tool(run), "latency", bootstrap, TOPIC, store, data.GROUP_BY, ("%d"):format(data.FIRST_MS),
        ("%d"):format(RATE), ("%d"):format(SECONDS),
      }).text)
    end)
    print(("stream-latency: %d events/s for %d s, of %d of them until fetched, load %s"):format(RATE, SECONDS, r.probes,
      report.command("cut -d' ' -f1 /proc/loadavg")))
    print(("  %-36s %8s %8s %8s %8s"):format("ms", "p50", "p90", "p99", "most"))
    local kinds_of = { { "from an event to its feature", "" }, { "to a bare consumer", "read_" }, { "between the two", "ours_" } }
    for _, row in ipairs(kinds_of) do
      local name, kind = row[1], row[2]
      print(("  %-36s %8.1f %8.1f %8.1f %8.1f"):format(name, r[kind .. "p50_ms"], r[kind .. "p90_ms"], r[kind .. "p99_ms"],
        r[kind .. "max_ms"]))
    end
    print(("  the stream has used %.1f CPU s, %.0f MB"):format(r.cpu, r.rss_mb))
    print(report.json {
      { "bench", o.name }, { "ours", r.p99_ms }, { "unit", "ms, p99" }, { "p50_ms", r.p50_ms }, { "p99_ms", r.p99_ms },
      { "read_p50_ms", r.read_p50_ms }, { "read_p99_ms", r.read_p99_ms }, { "ours_p50_ms", r.ours_p50_ms },
      { "ours_p99_ms", r.ours_p99_ms }, { "rate", RATE }, { "probes", r.probes }, { "cpu_seconds", r.cpu },
      { "peak_rss_mb", r.rss_mb }, { "machine", report.machine() }, { "date", report.date() },
    })
  end)
end

local kinds = { ["stream-file"] = M.file, ["stream-tiles"] = M.tiles, ["stream-latency"] = M.latency }

function M.run(o)
  return kinds[o.name](o)
end

return M
