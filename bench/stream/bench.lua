--- stream-file: a file of events into tiles of the store.
---
--- What is in the store afterwards is compared with DuckDB's sums over the file, for users spread
--- over all of them; a difference fails the bench.
local data = require "bench.stream.data"
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

local function stream_file(run, case)
  local store = run:fresh_store(case.name)
  local r = run:run("stream of " .. case.name, {
    run.chronon, "run", "-q", "--mode", "local-streaming", "--conf", data.CONF, "--repo", run.repo, "--store", store,
    "--input", run:file(case), "--disorder", "10min",
  })
  check(run, case, store)
  return r
end

function M.file(o)
  local list = wanted(o)
  local run = data.prepare(o, cases)
  local json, best = {}, nil
  print(("stream-file: %d events, %d users, load %s"):format(run.events, run.users,
    report.command("cut -d' ' -f1 /proc/loadavg")))
  print(("  %-8s %9s %9s %12s %14s %9s %9s"):format("case", "seconds", "CPU s", "events/s", "events/CPU s", "peak MB", "anon MB"))
  for _, case in ipairs(list) do
    local r = stream_file(run, case)
    print(("  %-8s %9.2f %9.2f %12.0f %14.0f %9.0f %9.0f"):format(case.name, r.seconds, r.cpu, run.events / r.seconds,
      run.events / r.cpu, r.rss_mb, r.anon_mb))
    table.insert(json, { case.name, {
      { "seconds", r.seconds }, { "cpu_seconds", r.cpu }, { "events_per_s", run.events / r.seconds },
      { "events_per_cpu_s", run.events / r.cpu }, { "peak_rss_mb", r.rss_mb }, { "peak_anon_mb", r.anon_mb },
    } })
    best = best or r
  end
  print(report.json {
    { "bench", o.name }, { "ours", run.events / best.seconds }, { "unit", "events/s" }, { "peak_rss_mb", best.rss_mb },
    { "rows", run.events }, { "cases", json }, { "machine", report.machine() }, { "date", report.date() },
  })
end

function M.run(o)
  return M.file(o)
end

return M
