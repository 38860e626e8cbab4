--- fetch-inproc, fetch-http, fetch-http-batch: features of keys, now. The two over HTTP are http.lua's.
---
--- What is compared runs in turns, three times, for the same seconds; medians count. Only ratios
--- mean something where others use the machine too.
local data = require "bench.serve.data"
local feast = require "bench.serve.feast.bench"
local http = require "bench.serve.http"
local proc = require "bench.support.proc"
local report = require "bench.support.report"

local M = {}

local ROUNDS, CALLS = 3, 20000
local LIMIT_SECONDS = 120

local Run = {}
Run.__index = Run

--- "name value" lines of a program as numbers.
function Run:numbers(what, argv, limit)
  local log = ("%s/%s.log"):format(self.data.work, what)
  local r = proc.run(argv, log, limit or LIMIT_SECONDS)
  local text = data.slurp(log)
  if r.timed_out then error(("%s was stopped after %d s"):format(what, limit or LIMIT_SECONDS), 0) end
  if r.code ~= 0 then error(("%s failed (%d): %s\n%s"):format(what, r.code, table.concat(argv, " "), text), 0) end
  local out = {}
  for name, value in text:gmatch("(%S+) (%-?[%d.]+)\n") do out[name] = tonumber(value) end
  return out
end

--- Of each name the median over rounds.
local function medians(rounds)
  local out = {}
  for name in pairs(rounds[1]) do
    local values = {}
    for i, r in ipairs(rounds) do values[i] = r[name] end
    table.sort(values)
    out[name] = values[math.ceil(#values / 2)]
  end
  return out
end

--- Runs functions in turns, three times unless said; a table of medians for each.
local function turns(functions, times)
  local rounds = {}
  for r = 1, times or ROUNDS do
    for i, f in ipairs(functions) do
      rounds[i] = rounds[i] or {}
      rounds[i][r] = f()
    end
  end
  for i, list in ipairs(rounds) do rounds[i] = medians(list) end
  return unpack(rounds)
end

-- ---- in process -------------------------------------------------------------------------------

function Run:inproc(case)
  local function program(what, store, calls)
    return self:numbers(what, {
      self.data.build .. "/serve_store", what, store, "bench/serving." .. case.join, data.at(case),
      ("%d"):format(case.first), ("%d"):format(case.users), ("%d"):format(calls),
    }, LIMIT_SECONDS + calls / 2000)
  end
  local ours, bare = turns {
    function() return program("fetch", "lmdb:" .. self.data.store, CALLS) end,
    function() return program("bare", self.data.store, CALLS) end,
  }
  local growth = self.requests and program("fetch", "lmdb:" .. self.data.store, self.requests)
  return { ours = ours, bare = bare, growth = growth }
end

local function print_inproc(results)
  print(("  %-10s %9s %9s %9s %9s %9s %7s %8s"):format("case", "p50 µs", "p99 µs", "bare p50", "bare p99", "versions",
    "ratio", "memory"))
  local json = {}
  for _, r in ipairs(results) do
    local ours, bare = r.ours, r.bare
    print(("  %-10s %9.1f %9.1f %9.1f %9.1f %9.0f %7.2f %5.1f MB"):format(r.case.name, ours.p50_us, ours.p99_us,
      bare.p50_us, bare.p99_us, bare.versions, ours.p50_us / bare.p50_us, ours.rss_mb))
    table.insert(json, { r.case.name, {
      { "p50_us", ours.p50_us }, { "p99_us", ours.p99_us }, { "bare_p50_us", bare.p50_us },
      { "bare_p99_us", bare.p99_us }, { "versions", bare.versions }, { "ratio", ours.p50_us / bare.p50_us },
      { "rss_mb", ours.rss_mb }, { "growth_mb", r.growth and r.growth.growth_mb or false },
    } })
    if r.growth then print(("  %-10s grew by %.2f MB"):format("", r.growth.growth_mb)) end
  end
  return json
end

--- Cases in process, each a result with its case.
local function measure_inproc(run, cases)
  local results = {}
  for _, case in ipairs(cases) do
    io.stderr:write("bench: ", case.name, "\n")
    local r = run:inproc(case)
    r.case = case
    table.insert(results, r)
  end
  return results
end

--- What --only names: cases, over HTTP variants of them, and Feast.
local function split_only(o)
  local names, wanted, peer = {}, {}, o.name == "fetch-http" and not o.only
  for name in (o.only or ""):gmatch("[^,]+") do
    if o.name == "fetch-http" and name == "feast" then
      peer = true
    elseif http.kinds[o.name] and http.is_variant(name) then
      wanted[name] = true
    else
      table.insert(names, name)
    end
  end
  local only = names[1] and table.concat(names, ",")
  local peer_alone = peer and o.only and not only and not next(wanted)
  return peer_alone and {} or data.cases { scale = o.scale, only = only }, wanted, peer
end

--- @return function print, table[] results, string how, table? of Feast
local function measure(run, o)
  local cases, wanted, peer = split_only(o)
  if not http.kinds[o.name] then return print_inproc, measure_inproc(run, cases), ("%d fetches"):format(CALLS) end
  local server_side = http.open(run)
  local good, results, of_peer = pcall(function()
    return server_side:measure(o, cases, wanted), peer and feast.measure(server_side) or nil
  end)
  server_side:close()
  if not good then error(results, 0) end
  return http.kinds[o.name].print, results, server_side:how(), of_peer
end

function M.run(o)
  local run = setmetatable({ requests = o.requests, turns = turns, data = data.prepare(o) }, Run)
  local show, results, how, of_peer = measure(run, o)
  print(("%s: %d users, %s, medians of %d rounds, load %s"):format(o.name, run.data.users, how, ROUNDS,
    report.command("cut -d' ' -f1 /proc/loadavg")))
  local json = results[1] and show(results) or {}
  local json_of_peer = of_peer and feast.print(of_peer) or false
  print(report.json {
    { "bench", o.name }, { "cases", json }, { "feast", json_of_peer }, { "users", run.data.users },
    { "requests", o.requests or false }, { "machine", report.machine() }, { "date", report.date() },
  })
end

return M
