--- pit-w1, pit-w2: a training table from events and requests, Parquet to Parquet.
--
-- Every part is a process of its own, timed from start to end, whose rows are then compared with
-- ours. A part that takes under 10 s runs three times; the median counts.
local Duck = require "bench.support.duck"
local proc = require "bench.support.proc"
local report = require "bench.support.report"

local M = {}

local LIMIT_SECONDS = 900
local SUMS = {}
for _, op in ipairs { "sum", "count", "average" } do
  for _, window in ipairs { "1h", "1d", "7d", "30d" } do
    table.insert(SUMS, ("amount_%s_%s"):format(op, window))
  end
end

local variants = {
  ["pit-w1"] = {
    conf = "w1",
    read = "sum(amount), max(merchant)",
    lists = { "amount_last10_7d", "amount_top5_7d" },
    distinct = "merchant_approx_unique_count_30d",
    peers = { { "duckdb", sql = "duckdb_w1.sql" } },
    left_out = "polars: its rolling windows have one length each, Chronon's do not; W2 only",
  },
  ["pit-w2"] = {
    conf = "w2",
    read = "sum(amount)",
    lists = {},
    peers = {
      { "duckdb", sql = "duckdb_w2.sql" },
      { "polars", py = "polars_w2.py" },
      { "prefix-sums", py = "prefix_w2.py" },
    },
  },
}

local function shell(...)
  local command = table.concat({ ... }, " ")
  if os.execute(command) ~= 0 then error(command .. " failed", 0) end
end

local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end

local function slurp(path)
  local f = assert(io.open(path))
  local text = f:read("*a")
  f:close()
  return text
end

local function spit(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end

local Run = {}
Run.__index = Run

local function new(o)
  local scale = o.scale
  local self = setmetatable({
    root = o.root,
    variant = variants[o.name],
    name = o.name,
    events = math.floor(10e6 * scale),
    left = math.floor(1e6 * scale),
    users = math.max(1, math.floor(1e5 * scale)),
    threads = tonumber(report.command("nproc")),
    deps = os.getenv("CHRONON_DEPS") or (o.root .. "/.deps"),
    chronon = os.getenv("CHRONON_BIN") or (o.root .. "/bin/chronon"),
    wanted = {},
  }, Run)
  for part in (o.only or ""):gmatch("[^,]+") do self.wanted[part] = true end
  self.all = next(self.wanted) == nil
  self.library = self.deps .. "/duckdb/libduckdb.so"
  if not exists(self.library) then self.library = "libduckdb.so" end
  self.work = o.root .. "/build/bench/" .. o.name
  self.data = o.root .. "/build/bench/data-" .. self.events
  self.python = o.root .. "/build/bench/venv/bin/python"
  shell("mkdir -p", self.work)
  return self
end

function Run:wants(part)
  return self.all or self.wanted[part]
end

--- @return string path of the SQL file with its @NAMES@ filled in
function Run:sql(file, values)
  local text = slurp(self.root .. "/bench/pit/" .. file):gsub("@(%u+)@", function(name)
    return assert(values[name], name)
  end)
  local path = self.work .. "/" .. file
  spit(path, text)
  return path
end

function Run:duck(path, threads)
  return { "luajit", self.root .. "/bench/support/duck.lua", self.library, tostring(threads or self.threads), path }
end

function Run:generate()
  local version = report.command(("cksum < %s/bench/pit/generate.sql | cut -d' ' -f1"):format(self.root))
  local mark = self.data .. "/done-" .. version
  if exists(mark) then return end
  shell("rm -rf", self.data, "&& mkdir -p", self.data)
  local path = self:sql("generate.sql", {
    DATA = self.data,
    EVENTS = ("%d"):format(self.events),
    LEFT = ("%d"):format(self.left),
    USERS = ("%d"):format(self.users),
  })
  -- One thread: the rows' order in the files must not depend on luck.
  self:once("generate", self:duck(path, 1))
  spit(mark, "")
end

function Run:log(part)
  return ("%s/%s.log"):format(self.work, part)
end

function Run:once(part, argv)
  local r = proc.run(argv, self:log(part), LIMIT_SECONDS)
  if r.timed_out then error(("%s was stopped after %d s"):format(part, LIMIT_SECONDS), 0) end
  if r.code ~= 0 then
    error(("%s failed (%d): %s\n%s"):format(part, r.code, table.concat(argv, " "), slurp(self:log(part))), 0)
  end
  return r
end

--- Runs a part once or three times; `before` clears what the run before left.
--- @return table { seconds = median, rss_mb = highest }
function Run:measure(part, argv, before)
  io.stderr:write("bench: ", part, "\n")
  local seconds, rss = {}, 0
  repeat
    before()
    local r = self:once(part, argv)
    table.insert(seconds, r.seconds)
    rss = math.max(rss, r.rss_mb)
  until #seconds == 3 or seconds[1] > 10
  table.sort(seconds)
  return { seconds = seconds[math.ceil(#seconds / 2)], rss_mb = rss, runs = #seconds }
end

function Run:ours()
  if not exists(self.chronon) then error(self.chronon .. " is not there: make build, or set CHRONON_BIN", 0) end
  local repo, warehouse = self.work .. "/repo", self.work .. "/warehouse"
  shell("rm -rf", repo, "&& cp -r", self.root .. "/bench/definitions", repo)
  self:once("compile", { self.chronon, "compile", "--all", "--repo", repo })
  local argv = {
    self.chronon, "run", "--mode", "backfill", "--conf", "production/joins/bench/pit." .. self.variant.conf,
    "--repo", repo, "--warehouse", warehouse, "--ds", "2024-02-29",
    "--table", "data.events=" .. self.data .. "/events", "--table", "data.requests=" .. self.data .. "/requests",
  }
  self.ours_out = warehouse .. "/bench/bench_pit_" .. self.variant.conf
  return self:measure("ours", argv, function() shell("rm -rf", warehouse) end)
end

--- @return number seconds, number peak of memory in MB
function Run:limit()
  local out = self.work .. "/limit-out"
  local path = self:sql("limit.sql", { DATA = self.data, OUT = out, OURS = self.ours_out, READ = self.variant.read })
  local best
  for _ = 1, 3 do
    shell("rm -rf", out)
    self:once("limit", self:duck(path))
    local sum = 0
    for s in slurp(self:log("limit")):gmatch("%a+ ([%d.]+)") do sum = sum + tonumber(s) end
    best = math.min(best or sum, sum)
  end
  return best
end

function Run:peer(peer)
  local out = self.work .. "/" .. peer[1] .. "-out"
  local argv
  if peer.sql then
    argv = self:duck(self:sql(peer.sql, { DATA = self.data, OUT = out }))
  elseif exists(self.python) then
    argv = { self.python, self.root .. "/bench/pit/" .. peer.py, self.data, out }
  else
    return nil, "left out: not installed (bench/setup)"
  end
  local result = self:measure(peer[1], argv, function() shell("rm -rf", out) end)
  result.out = out
  return result
end

local function rows_of(path)
  return ("read_parquet('%s/*/*.parquet', hive_types = {'ds': VARCHAR})"):format(path)
end

--- Rows that differ from ours in any column that the peer computes exactly.
function Run:compare(out)
  local db = Duck.open(self.library, self.threads)
  local prefix = "o.bench_purchases_" .. self.variant.conf .. "_"
  local wrong = { "o.request_id IS NULL", "p.request_id IS NULL", "o.ts <> p.ts", "o.ds <> p.ds" }
  for _, column in ipairs(SUMS) do
    table.insert(wrong, ("(%s%s IS NULL) <> (p.%s IS NULL)"):format(prefix, column, column))
    -- Differences of prefix sums lose digits: absolute slack for them, relative for the rest.
    table.insert(wrong, ("abs(%s%s - p.%s) > 1e-5 + 1e-9 * abs(p.%s)"):format(prefix, column, column, column))
  end
  for _, column in ipairs(self.variant.lists) do
    table.insert(wrong, ("%s%s IS DISTINCT FROM p.%s"):format(prefix, column, column))
  end
  local row = db:query(("SELECT count(*) FILTER (%s), count(*) FROM %s o FULL JOIN %s p USING (request_id)"):format(
    table.concat(wrong, " OR "), rows_of(self.ours_out), rows_of(out)))[1]
  if tonumber(row[1]) > 0 then
    error(("%s of %s rows differ from ours: %s against %s"):format(row[1], row[2], out, self.ours_out), 0)
  end
  return tonumber(row[2])
end

--- Sketches differ from tool to tool; 500 rows are counted out instead.
function Run:check_distinct()
  local column = "bench_purchases_" .. self.variant.conf .. "_" .. self.variant.distinct
  local row = Duck.open(self.library, self.threads):query(([[
    WITH asked AS (
      SELECT request_id, user_id, ts, %s AS estimate FROM %s ORDER BY hash(request_id) LIMIT 500),
    counted AS (
      SELECT a.request_id, any_value(estimate) AS estimate, count(DISTINCT e.merchant) AS n
      FROM asked a
      LEFT JOIN read_parquet('%s/events/*/*.parquet', hive_partitioning = false) e
        ON e.user_id = a.user_id AND e.ts < a.ts AND e.ts >= (a.ts - 2592000000) // 86400000 * 86400000
      GROUP BY a.request_id)
    SELECT
      max(abs(coalesce(estimate, 0) - n) / greatest(n, 1)),
      avg(abs(coalesce(estimate, 0) - n) / greatest(n, 1))
    FROM counted]]):format(column, rows_of(self.ours_out), self.data))[1]
  local worst, mean = tonumber(row[1]), tonumber(row[2])
  -- CPC with lgK 8 has a standard error of 4 %.
  if worst > 0.25 or mean > 0.06 then
    error(("APPROX_UNIQUE_COUNT is off by %.1f %% on average, %.1f %% at worst"):format(mean * 100, worst * 100), 0)
  end
  return mean
end

function Run:print(ours, limit, peers, remarks)
  local lines = {
    { "ours", ours.seconds, ours.rss_mb, limit and ("%.1f times the limit"):format(ours.seconds / limit) },
    { "limit", limit, nil, "DuckDB: reading the needed columns, writing our rows" },
  }
  local best
  for _, p in ipairs(peers) do
    local r = p.result
    if r then
      best = math.min(best or r.seconds, r.seconds)
      local remark = ("%.1f times ours; all rows equal"):format(r.seconds / ours.seconds)
      table.insert(lines, { p.name, r.seconds, r.rss_mb, remark })
    else
      table.insert(lines, { p.name, nil, nil, p.why })
    end
  end
  report.table(("%s: %d events of %d users, %d rows, %d threads"):format(
    self.name, self.events, self.users, self.left, self.threads), lines)
  for _, remark in ipairs(remarks) do print("  " .. remark) end
  local values = {}
  for _, p in ipairs(peers) do
    if p.result then table.insert(values, { p.name, p.result.seconds }) end
  end
  print(report.json {
    { "bench", self.name }, { "ours", ours.seconds }, { "unit", "s" }, { "peers", values },
    { "limit", limit or false }, { "ratio_to_limit", limit and ours.seconds / limit or false },
    { "ratio_to_best_peer", best and ours.seconds / best or false }, { "peak_rss_mb", ours.rss_mb },
    { "rows", self.left }, { "events", self.events }, { "machine", report.machine() }, { "date", report.date() },
  })
end

function M.run(o)
  local run = new(o)
  run:generate()
  local ours = run:ours()
  local limit = run:wants("limit") and run:limit() or nil
  local peers, remarks = {}, {}
  for _, peer in ipairs(run.variant.peers) do
    if run:wants(peer[1]) then
      local result, why = run:peer(peer)
      if result then run:compare(result.out) end
      table.insert(peers, { name = peer[1], result = result, why = why })
    end
  end
  if run.variant.distinct then
    table.insert(remarks, ("APPROX_UNIQUE_COUNT: off by %.1f %% on average (500 rows counted out)"):format(
      run:check_distinct() * 100))
  end
  if run.variant.left_out then table.insert(remarks, "left out: " .. run.variant.left_out) end
  run:print(ours, limit, peers, remarks)
end

return M
