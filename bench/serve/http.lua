--- fetch-http and fetch-http-batch: our server and the bare one under one client.
---
--- The last core is the client's, which never sleeps, and the writer's; servers have the others.
local data = require "bench.serve.data"
local proc = require "bench.support.proc"
local report = require "bench.support.report"

local M = {}

local SECONDS, CONNECTIONS = 3, 8
local OPEN_ROUNDS, OPEN_SECONDS = 9, 2 -- of a p99, which a few stalls of the machine decide
local SHARES = { 0.1, 0.25, 0.5 } -- of what ours can answer a second
local LIMIT_SECONDS = 120
local GROWTH_SECONDS = 1800 -- that `--requests` may take
local BATCH = 100
local EVENTS_A_SECOND = 10000

--- What a request finds. `cache`: answers may be kept (decision 0018).
local variants = {
  fetched = { cache = false, about = "every answer is fetched" },
  kept = { cache = true, about = "every answer is there already" },
  written = { cache = true, writer = true, about = "answers are kept until a stream writes to them" },
}

local Http = {}
Http.__index = Http

--- The servers' cores and the client's, for taskset; nothing where there is but one.
local function split(cores)
  local client = table.remove(cores)
  if #cores > 0 then return table.concat(cores, ","), tostring(client) end
end

local function on(cores, argv)
  local out = cores and { "taskset", "-c", cores } or {}
  for _, a in ipairs(argv) do table.insert(out, a) end
  return out
end

--- @param run table of bench.lua: data, numbers(), turns(), requests
function M.open(run)
  local self = setmetatable({ run = run, data = run.data, children = {} }, Http)
  local cores = proc.cores()
  self.threads = math.max(1, #cores - 1)
  self.server_cores, self.client_core = split(cores)
  self.keeps = report.command(self.data.chronon .. " serve --help"):find("--answer-cache", 1, true) ~= nil
  return self
end

function Http:close()
  for _, child in ipairs(self.children) do proc.stop(child) end
  if self.copy then os.execute("rm -rf " .. self.copy) end
end

-- ---- what runs beside the client --------------------------------------------------------------

function Http:spawn(what, cores, argv)
  local child = proc.spawn(on(cores, argv), ("%s/%s.log"):format(self.data.work, what))
  child.log = ("%s/%s.log"):format(self.data.work, what)
  table.insert(self.children, child)
  return child
end

function Http:stop(child)
  proc.stop(child)
  for i, c in ipairs(self.children) do
    if c == child then table.remove(self.children, i) break end
  end
end

--- Starts a server and waits for its port in the log.
function Http:serve(what, argv)
  local server = self:spawn(what, self.server_cores, argv)
  local start = proc.now()
  repeat
    proc.sleep(0.02)
    local text = data.slurp(server.log)
    server.port = text:match('port"?:? ?(%d+)')
    if not server.port and (proc.ended(server) or proc.now() - start > 20) then
      error(("%s does not serve:\n%s"):format(what, text), 0)
    end
  until server.port
  return server
end

--- A copy of the store, for the writer: the other benches find theirs as it was.
function Http:written_store()
  if not self.copy then
    local copy = self.data.work .. "/written"
    local made = os.execute(("rm -rf %s && cp -r --sparse=always %s %s && rm -f %s/lock.mdb"):format(copy,
      self.data.store, copy, copy))
    self.copy = copy
    if made ~= 0 then error("the store cannot be copied to " .. copy, 0) end
  end
  return self.copy
end

function Http:ours(variant)
  local argv = {
    self.data.chronon, "serve", "--port", "0", "--threads", ("%d"):format(self.threads), "--store",
    "lmdb:" .. (variant.writer and self:written_store() or self.data.store), "--repo", self.data.repo, "-o", "json",
  }
  if self.keeps and not variant.cache then
    table.insert(argv, "--answer-cache")
    table.insert(argv, "0")
  end
  return self:serve("ours", argv)
end

function Http:bare(bytes)
  return self:serve("bare", { self.data.build .. "/serve_bare", ("%d"):format(self.threads), ("%d"):format(bytes) })
end

function Http:writer(case)
  return self:spawn("writer", self.client_core, {
    self.data.build .. "/serve_store", "write", "lmdb:" .. self:written_store(), "bench/serving." .. case.join,
    data.at(case), ("%d"):format(case.first), ("%d"):format(case.users), ("%d"):format(EVENTS_A_SECOND),
  })
end

--- Stops the writer; how many events a second it has written.
function Http:written(writer)
  local alive = not proc.ended(writer)
  self:stop(writer)
  local text = data.slurp(writer.log)
  local rate = tonumber(text:match("events_per_s (%S+)"))
  if not alive or not rate then error("the writer has failed:\n" .. text, 0) end
  return rate
end

-- ---- the client -------------------------------------------------------------------------------

--- What a server's processes have used, in steps of 10 ms.
local function cpu_seconds(server)
  local seconds = 0
  for _, pid in ipairs(proc.family(server.pid)) do
    local user, system = data.slurp(("/proc/%d/stat"):format(pid)):match("%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
    seconds = seconds + (tonumber(user) + tonumber(system)) / 100
  end
  return seconds + (server.beside and cpu_seconds(server.beside) or 0)
end

--- Rows that our server has answered from its cache.
local function kept_rows(server)
  local text = report.command(("curl -s -m 10 http://127.0.0.1:%s/metrics"):format(server.port))
  return tonumber(text:match("\nchronon_answers_kept_total (%S+)")) or 0
end

--- One run of the client against a server, asked for the texts of `words` (options of serve_load) with the numbers `o`.
function Http:ask(server, words, o)
  local argv = { self.data.build .. "/serve_load", "port=" .. server.port }
  for _, word in ipairs(words) do table.insert(argv, word) end
  for name, value in pairs(o) do table.insert(argv, ("%s=%.10g"):format(name, value)) end
  local before = cpu_seconds(server)
  local r = self.run:numbers("load", on(self.client_core, argv), LIMIT_SECONDS + o.seconds)
  r.cpu_us = (cpu_seconds(server) - before) / r.requests * 1e6
  return r
end

--- The same for features of a case; `more` are further options. `kept_share` is of our server's rows.
function Http:load(server, case, more)
  local o = {
    first = case.first, users = case.users, seconds = SECONDS, connections = CONNECTIONS, keys = 1,
  }
  for name, value in pairs(more or {}) do o[name] = value end
  local kept = kept_rows(server)
  local path = ("path=/v1/features/join/bench%%2Fserving.%s?at=%s"):format(case.join, data.at(case))
  local r = self:ask(server, { path }, o)
  r.kept_share = (kept_rows(server) - kept) / (r.requests * o.keys)
  return r
end

--- Asks every user, then as many random ones until their share of kept answers grows no more.
function Http:warm(server, case)
  local keys = math.min(BATCH, case.users)
  local function pass(order)
    local more = { keys = keys, order = order, requests = math.ceil(case.users / keys), seconds = LIMIT_SECONDS }
    return self:load(server, case, more).kept_share
  end
  pass(1)
  local share, last = pass(0), 0
  while share >= last + 0.01 do last, share = share, pass(0) end
  if share < 0.5 then error(("only %.0f %% of answers are kept of %s"):format(100 * share, case.name), 0) end
end

--- A server as a variant wants it, and the writer beside it.
function Http:start(variant, case)
  local ours = self:ours(variant)
  if variant.cache then self:warm(ours, case) end
  return ours, variant.writer and self:writer(case)
end

--- By how many MB `requests` further requests let a server grow.
function Http:growth(server, case, requests)
  local before = proc.anonymous(server.pid)
  local r = self:load(server, case, { requests = requests, seconds = GROWTH_SECONDS })
  return { requests = r.requests, mb = proc.anonymous(server.pid) - before }
end

-- ---- one key a request ------------------------------------------------------------------------

function Http:single(case, variant)
  local ours, writer = self:start(variant, case)
  local first = self:load(ours, case, { seconds = 1 })
  local bare = self:bare(first.body_bytes)
  local function both(more, rounds)
    return self.run.turns({
      function() return self:load(ours, case, more) end,
      function() return self:load(bare, case, more) end,
    }, rounds)
  end
  local out = { bytes = first.body_bytes, open = {} }
  out.closed, out.bare_closed = both()
  for i, share in ipairs(SHARES) do
    local open = { share = share, rate = math.floor(out.closed.rps * share) }
    open.ours, open.bare = both({ rate = open.rate, seconds = OPEN_SECONDS }, OPEN_ROUNDS)
    out.open[i] = open
  end
  out.written = writer and self:written(writer)
  out.rss_mb = proc.anonymous(ours.pid)
  out.growth = not writer and self.run.requests and self:growth(ours, case, self.run.requests)
  self:stop(ours)
  self:stop(bare)
  return out
end

local function print_growth(r)
  if r.growth then
    print(("  %-18s grew by %.2f MB in %.0f requests"):format("", r.growth.mb, r.growth.requests))
  end
end

local function print_open(open)
  print(("  %-18s at %d/s p50 %.0f µs, bare %.0f; p99 %.0f, bare %.0f: %.2f times"):format("", open.rate,
    open.ours.p50_us, open.bare.p50_us, open.ours.p99_us, open.bare.p99_us, open.ours.p99_us / open.bare.p99_us))
end

local function open_json(name, open)
  return { ("%s, %g of that"):format(name, open.share), {
    { "rate", open.rate }, { "p50_us", open.ours.p50_us }, { "bare_p50_us", open.bare.p50_us },
    { "p99_us", open.ours.p99_us }, { "bare_p99_us", open.bare.p99_us },
    { "ratio_p99", open.ours.p99_us / open.bare.p99_us },
  } }
end

local function print_single(results)
  print(("  %-18s %7s %7s %6s %7s %6s %6s %6s %6s %9s"):format("case", "rps", "bare", "ratio",
    "CPU µs", "bare", "ratio", "kept", "bytes", "memory"))
  local json = {}
  for _, r in ipairs(results) do
    local rps_ratio = r.closed.rps / r.bare_closed.rps
    local cpu_ratio = r.bare_closed.cpu_us / r.closed.cpu_us
    print(("  %-18s %7.0f %7.0f %6.2f %6.1f %6.1f %6.2f %5.1f%% %6.0f %6.1f MB"):format(r.name,
      r.closed.rps, r.bare_closed.rps, rps_ratio, r.closed.cpu_us, r.bare_closed.cpu_us, cpu_ratio,
      100 * r.closed.kept_share, r.bytes, r.rss_mb))
    for _, open in ipairs(r.open) do print_open(open) end
    if r.written then print(("  %-18s %.0f events/s were written"):format("", r.written)) end
    print_growth(r)
    table.insert(json, { r.name, {
      { "rps", r.closed.rps }, { "bare_rps", r.bare_closed.rps }, { "ratio_rps", rps_ratio },
      { "cpu_us", r.closed.cpu_us }, { "bare_cpu_us", r.bare_closed.cpu_us }, { "ratio_cpu", cpu_ratio },
      { "kept_share", r.closed.kept_share },
      { "bytes", r.bytes }, { "rss_mb", r.rss_mb }, { "written_per_s", r.written or false },
      { "growth_mb", r.growth and r.growth.mb or false }, { "growth_requests", r.growth and r.growth.requests or false },
    } })
    for _, open in ipairs(r.open) do table.insert(json, open_json(r.name, open)) end
  end
  return json
end

-- ---- many keys a request ----------------------------------------------------------------------

--- With as many connections as elsewhere, and with one: what a client alone sees.
function Http:batch(case, variant)
  local ours, writer = self:start(variant, case)
  self:load(ours, case)
  local function ask(keys, connections)
    return function() return self:load(ours, case, { keys = keys, connections = connections }) end
  end
  local out = { many = {}, one = {} }
  out.many.single, out.many.batch, out.one.single, out.one.batch = self.run.turns {
    ask(1, CONNECTIONS), ask(BATCH, CONNECTIONS), ask(1, 1), ask(BATCH, 1),
  }
  out.written = writer and self:written(writer)
  out.rss_mb = proc.anonymous(ours.pid)
  self:stop(ours)
  return out
end

local function batch_row(r, connections, x)
  local ratio = x.batch.keys_per_s / x.single.keys_per_s
  print(("  %-18s %11d %12.0f %12.0f %7.2f %15.2f %17.2f %6.1f%% %12.0f %6.1f MB"):format(r.name, connections,
    x.single.keys_per_s, x.batch.keys_per_s, ratio, x.single.cpu_us, x.batch.cpu_us / BATCH, 100 * x.batch.kept_share,
    x.batch.p99_us, r.rss_mb))
  return { ("%s, connections %d"):format(r.name, connections), {
    { "keys_per_s_1", x.single.keys_per_s }, { "keys_per_s_100", x.batch.keys_per_s }, { "ratio", ratio },
    { "cpu_us_1", x.single.cpu_us }, { "cpu_us_100", x.batch.cpu_us / BATCH },
    { "kept_share", x.batch.kept_share }, { "p99_us_100", x.batch.p99_us }, { "rss_mb", r.rss_mb },
    { "written_per_s", r.written or false },
  } }
end

local function print_batch(results)
  print(("  %-18s %11s %12s %12s %7s %16s %16s %7s %12s %9s"):format("case", "connections", "1: keys/s",
    "100: keys/s", "ratio", "1: CPU µs a key", "100: CPU µs a key", "kept", "100: p99 µs", "memory"))
  local json = {}
  for _, r in ipairs(results) do
    table.insert(json, batch_row(r, CONNECTIONS, r.many))
    table.insert(json, batch_row(r, 1, r.one))
  end
  return json
end

-- ---- both -------------------------------------------------------------------------------------

M.kinds = {
  ["fetch-http"] = { measure = Http.single, print = print_single, variants = { "fetched", "kept", "written" } },
  ["fetch-http-batch"] = { measure = Http.batch, print = print_batch, variants = { "fetched", "kept" } },
}

--- The variants of a bench, of `wanted` where it names some.
function Http:variants(kind, wanted)
  local out = {}
  for _, name in ipairs(kind.variants) do
    if not next(wanted) or wanted[name] then
      if self.keeps or not variants[name].cache then
        table.insert(out, name)
      else
        io.stderr:write(("bench: this program keeps no answers, %s is left out\n"):format(name))
      end
    end
  end
  return out
end

--- Is `name` a variant, for --only?
function M.is_variant(name)
  return variants[name] ~= nil
end

--- @return table[] results, each with its `name`
function Http:measure(o, cases, wanted)
  local kind, results = M.kinds[o.name], {}
  for _, case in ipairs(cases) do
    for _, name in ipairs(self:variants(kind, wanted)) do
      io.stderr:write("bench: ", case.name, ", ", variants[name].about, "\n")
      local r = kind.measure(self, case, variants[name])
      r.name = case.name .. " " .. name
      table.insert(results, r)
    end
  end
  return results
end

function Http:how()
  return ("%d server threads, %d connections, %d s"):format(self.threads, CONNECTIONS, SECONDS)
end

return M
