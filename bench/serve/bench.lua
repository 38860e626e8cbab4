--- fetch-inproc, fetch-http, fetch-http-batch: features of keys, now.
---
--- What is compared runs in turns, three times, for the same seconds; medians count. Only ratios
--- mean something where others use the machine too.
local data = require "bench.serve.data"
local proc = require "bench.support.proc"
local report = require "bench.support.report"

local M = {}

local ROUNDS, SECONDS, CALLS = 3, 3, 20000
local CONNECTIONS = 8
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

--- Runs functions in turns; a table of medians for each.
local function turns(functions)
  local rounds = {}
  for r = 1, ROUNDS do
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

-- ---- over HTTP --------------------------------------------------------------------------------

--- Starts a server and waits for its port in the log.
function Run:serve(what, argv)
  local log = ("%s/%s.log"):format(self.data.work, what)
  local server = proc.spawn(argv, log)
  table.insert(self.servers, server)
  local start = proc.now()
  repeat
    proc.sleep(0.02)
    local text = data.slurp(log)
    server.port = text:match('port"?:? ?(%d+)')
    if not server.port and (proc.ended(server) or proc.now() - start > 20) then
      error(("%s does not serve:\n%s"):format(what, text), 0)
    end
  until server.port
  return server
end

function Run:stop(server)
  proc.stop(server)
  for i, s in ipairs(self.servers) do
    if s == server then table.remove(self.servers, i) break end
  end
end

function Run:ours()
  return self:serve("ours", {
    self.data.chronon, "serve", "--port", "0", "--threads", ("%d"):format(self.threads), "--store",
    "lmdb:" .. self.data.store, "--repo", self.data.repo, "-o", "json",
  })
end

function Run:bare(bytes)
  return self:serve("bare", { self.data.build .. "/serve_bare", ("%d"):format(self.threads), ("%d"):format(bytes) })
end

--- What a process has used, in steps of 10 ms.
local function cpu_seconds(server)
  local user, system = data.slurp(("/proc/%d/stat"):format(server.pid)):match("%) %S+" .. (" %S+"):rep(10) ..
    " (%d+) (%d+)")
  return (tonumber(user) + tonumber(system)) / 100
end

--- One run of the client against a server; `more` are its further options.
function Run:load(server, case, more)
  local argv = {
    self.data.build .. "/serve_load", "port=" .. server.port,
    ("path=/v1/features/join/bench%%2Fserving.%s?at=%s"):format(case.join, data.at(case)),
    ("first=%d"):format(case.first), ("users=%d"):format(case.users), ("seconds=%g"):format(SECONDS),
    ("connections=%d"):format(CONNECTIONS),
  }
  for name, value in pairs(more or {}) do table.insert(argv, ("%s=%.0f"):format(name, value)) end
  local before = cpu_seconds(server)
  local r = self:numbers("load", argv, LIMIT_SECONDS + (more and more.requests or 0) / 1000)
  r.cpu_us = (cpu_seconds(server) - before) / r.requests * 1e6
  return r
end

--- Memory of a process that is no file's, in MB.
local function anonymous(server)
  local kb = data.slurp(("/proc/%d/status"):format(server.pid)):match("RssAnon:%s*(%d+)")
  return tonumber(kb) / 1024
end

function Run:http(case)
  local ours = self:ours()
  local first = self:load(ours, case, { seconds = 1 })
  local bare = self:bare(first.body_bytes)
  local closed, bare_closed = turns {
    function() return self:load(ours, case) end,
    function() return self:load(bare, case) end,
  }
  local rate = math.floor(closed.rps / 2)
  local open, bare_open = turns {
    function() return self:load(ours, case, { rate = rate }) end,
    function() return self:load(bare, case, { rate = rate }) end,
  }
  local before = anonymous(ours)
  local growth
  if self.requests then
    self:load(ours, case, { requests = self.requests })
    growth = anonymous(ours) - before
  end
  self:stop(ours)
  self:stop(bare)
  return { closed = closed, bare_closed = bare_closed, open = open, bare_open = bare_open, rate = rate,
           bytes = first.body_bytes, rss_mb = before, growth_mb = growth }
end

local function print_http(results)
  print(("  %-10s %7s %7s %6s %7s %6s %6s %8s %9s %9s %6s %6s %9s"):format("case", "rps", "bare", "ratio",
    "CPU µs", "bare", "ratio", "at rps", "p99 µs", "bare p99", "ratio", "bytes", "memory"))
  local json = {}
  for _, r in ipairs(results) do
    local rps_ratio, p99_ratio = r.closed.rps / r.bare_closed.rps, r.open.p99_us / r.bare_open.p99_us
    local cpu_ratio = r.bare_closed.cpu_us / r.closed.cpu_us
    print(("  %-10s %7.0f %7.0f %6.2f %6.1f %6.1f %6.2f %8.0f %9.0f %9.0f %6.2f %6.0f %6.1f MB"):format(r.case.name,
      r.closed.rps, r.bare_closed.rps, rps_ratio, r.closed.cpu_us, r.bare_closed.cpu_us, cpu_ratio, r.rate,
      r.open.p99_us, r.bare_open.p99_us, p99_ratio, r.bytes, r.rss_mb))
    if r.growth_mb then print(("  %-10s grew by %.2f MB"):format("", r.growth_mb)) end
    table.insert(json, { r.case.name, {
      { "rps", r.closed.rps }, { "bare_rps", r.bare_closed.rps }, { "ratio_rps", rps_ratio },
      { "cpu_us", r.closed.cpu_us }, { "bare_cpu_us", r.bare_closed.cpu_us }, { "ratio_cpu", cpu_ratio },
      { "rate", r.rate },
      { "p99_us", r.open.p99_us }, { "bare_p99_us", r.bare_open.p99_us }, { "ratio_p99", p99_ratio },
      { "bytes", r.bytes }, { "rss_mb", r.rss_mb }, { "growth_mb", r.growth_mb or false },
    } })
  end
  return json
end

function Run:batch(case)
  local ours = self:ours()
  self:load(ours, case)
  local single, batch = turns {
    function() return self:load(ours, case) end,
    function() return self:load(ours, case, { keys = 100 }) end,
  }
  local rss = anonymous(ours)
  self:stop(ours)
  return { single = single, batch = batch, rss_mb = rss }
end

local function print_batch(results)
  print(("  %-10s %12s %12s %7s %16s %16s %12s %9s"):format("case", "1: keys/s", "100: keys/s", "ratio",
    "1: CPU µs a key", "100: CPU µs a key", "100: p99 µs", "memory"))
  local json = {}
  for _, r in ipairs(results) do
    local ratio = r.batch.keys_per_s / r.single.keys_per_s
    print(("  %-10s %12.0f %12.0f %7.2f %15.1f %17.1f %12.0f %6.1f MB"):format(r.case.name, r.single.keys_per_s,
      r.batch.keys_per_s, ratio, r.single.cpu_us, r.batch.cpu_us / 100, r.batch.p99_us, r.rss_mb))
    table.insert(json, { r.case.name, {
      { "keys_per_s_1", r.single.keys_per_s }, { "keys_per_s_100", r.batch.keys_per_s }, { "ratio", ratio },
      { "cpu_us_1", r.single.cpu_us }, { "cpu_us_100", r.batch.cpu_us / 100 },
      { "p99_us_100", r.batch.p99_us }, { "rss_mb", r.rss_mb },
    } })
  end
  return json
end

local kinds = {
  ["fetch-inproc"] = { Run.inproc, print_inproc },
  ["fetch-http"] = { Run.http, print_http },
  ["fetch-http-batch"] = { Run.batch, print_batch },
}

local function measure(run, o, cases)
  local results = {}
  for _, case in ipairs(cases) do
    io.stderr:write("bench: ", case.name, "\n")
    local r = kinds[o.name][1](run, case)
    r.case = case
    table.insert(results, r)
  end
  return results
end

function M.run(o)
  local cores = tonumber(report.command("nproc"))
  local run = setmetatable({ servers = {}, requests = o.requests, threads = math.max(1, cores - 1) }, Run)
  run.data = data.prepare(o)
  local good, results = pcall(measure, run, o, data.cases(o))
  for _, server in ipairs(run.servers) do proc.stop(server) end
  if not good then error(results, 0) end
  local how = o.name == "fetch-inproc" and ("%d fetches"):format(CALLS)
    or ("%d server threads, %d connections, %d s"):format(run.threads, CONNECTIONS, SECONDS)
  print(("%s: %d users, %s, medians of %d rounds, load %s"):format(o.name, run.data.users, how, ROUNDS,
    report.command("cut -d' ' -f1 /proc/loadavg")))
  local json = kinds[o.name][2](results)
  print(report.json {
    { "bench", o.name }, { "cases", json }, { "users", run.data.users }, { "requests", o.requests or false },
    { "machine", report.machine() }, { "date", report.date() },
  })
end

return M
