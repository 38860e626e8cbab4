--- Feast's own server beside ours: `feast serve` over SQLite and over Redis, under the same client.
---
--- It finds values that were written once, 40 of a user as ours; it has nothing to merge.
local data = require "bench.serve.data"
local proc = require "bench.support.proc"
local report = require "bench.support.report"

local M = {}

local WORKERS, SECONDS, CONNECTIONS = 2, 5, 8
local KEYS = { 1, 100 }
local STORES = { "sqlite", "redis" }
local START_SECONDS, FILL_SECONDS = 60, 1200

local Feast = {}
Feast.__index = Feast

local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end

--- Waits for `f` to be true of a child that must go on.
local function wait(what, child, f)
  local start = proc.now()
  repeat
    if proc.ended(child) or proc.now() - start > START_SECONDS then
      error(("%s does not start:\n%s"):format(what, data.slurp(child.log)), 0)
    end
    proc.sleep(0.1)
  until f()
end

--- A program in the folder of a store; without telemetry, where a version has any, and with a home of its own.
function Feast:within(store, argv)
  local out = { "env", "-C", self:folder(store), "HOME=" .. self.home, "FEAST_USAGE=False", "PYTHONDONTWRITEBYTECODE=1" }
  for _, a in ipairs(argv) do table.insert(out, a) end
  return out
end

function Feast:folder(store)
  return self.home .. "/" .. store
end

-- ---- the stores -------------------------------------------------------------------------------

--- A Redis on a socket in the folder, with what was saved there.
function Feast:redis(cores)
  local argv = { "redis-server", "--port", "0", "--unixsocket", "redis.sock", "--save", "", "--dbfilename", "online.rdb" }
  local redis = self.http:spawn("redis", cores, self:within("redis", argv))
  wait("redis-server", redis, function()
    return report.command(("redis-cli -s %s/redis.sock ping 2>&1"):format(self:folder("redis"))) == "PONG"
  end)
  return redis
end

function Feast:once(store, argv)
  local log = self.http.data.work .. "/prepare.log"
  local r = proc.run(self:within(store, argv), log, FILL_SECONDS)
  if r.timed_out or r.code ~= 0 then error(("%s failed:\n%s"):format(table.concat(argv, " "), data.slurp(log)), 0) end
end

--- The repo and the values of a store, unless they are there.
function Feast:fill(store)
  local made_of = ("%s.yaml features.py fill.py"):format(store)
  local folder = self:folder(store)
  local mark = ("%s/done-%s"):format(folder, report.command(("cd %s && cat %s | cksum | cut -d' ' -f1"):format(self.here,
    made_of)))
  if exists(mark) then return end
  io.stderr:write("bench: values for Feast in ", store, "\n")
  os.execute(("rm -rf %s && mkdir -p %s && cp %s/%s.yaml %s/feature_store.yaml"):format(folder, folder, self.here, store,
    folder))
  local redis = store == "redis" and self:redis()
  self:once(store, { self.python, self.here .. "/fill.py", ("%d"):format(self.http.data.users) })
  if redis then
    self:once(store, { "redis-cli", "-s", "redis.sock", "save" })
    self.http:stop(redis)
  end
  assert(io.open(mark, "w")):close()
end

-- ---- the server -------------------------------------------------------------------------------

--- `feast serve` with all its workers up. They are not replaced after 1,000 requests, as is its default.
function Feast:serve(store, cores)
  local redis = store == "redis" and self:redis(cores)
  local server = self.http:spawn("feast", cores, self:within(store, {
    self.python, self.here .. "/serve.py", "serve", "-p", "0", "-w", ("%d"):format(WORKERS), "--no-access-log",
    "--max-requests", "0",
  }))
  wait("feast serve", server, function()
    local text = data.slurp(server.log)
    server.port = text:match("Listening at: http://127%.0%.0%.1:(%d+)")
    return server.port and select(2, text:gsub("startup complete", "")) == WORKERS
  end)
  server.beside = redis or nil
  return server
end

function Feast:stop(server)
  self.http:stop(server)
  if server.beside then self.http:stop(server.beside) end
end

--- One run of the client.
function Feast:load(server, keys, seconds, rate)
  local words = {
    "path=/get-online-features", 'key="%"',
    ('body={"features":[%s],"entities":{"user_id":[%%]}}'):format(self.features),
  }
  local o = { users = self.http.data.users, keys = keys, seconds = seconds, connections = CONNECTIONS, rate = rate }
  return self.http:ask(server, words, o)
end

function Feast:medians(server, keys, rate)
  return self.http.run.turns { function() return self:load(server, keys, SECONDS, rate) end }
end

local function memory(server)
  local mb = server.beside and proc.anonymous(server.beside.pid) or 0
  for _, pid in ipairs(proc.family(server.pid)) do mb = mb + proc.anonymous(pid) end
  return mb
end

--- On the cores that ours has, then on all of them, the client's too.
function Feast:measure(store)
  local results = {}
  local server = self:serve(store, self.http.server_cores)
  self:load(server, 1, 1)
  for i, keys in ipairs(KEYS) do
    io.stderr:write("bench: Feast over ", store, (", %d keys a request\n"):format(keys))
    local closed = self:medians(server, keys)
    local open = self:medians(server, keys, closed.rps / 2)
    results[i] = { store = store, keys = keys, closed = closed, open = open, rss_mb = memory(server) }
  end
  self:stop(server)
  server = self:serve(store)
  self:load(server, 1, 1)
  for _, r in ipairs(results) do r.all_cores = self:medians(server, r.keys) end
  self:stop(server)
  return results
end

--- @param http table of http.lua, open
--- @return table { version, results, left_out = string[] }
function M.measure(http)
  local root = report.command(("cd %s && pwd"):format(http.data.root))
  local self = setmetatable({
    http = http, python = root .. "/build/bench/venv/bin/python", here = root .. "/bench/serve/feast",
    home = ("%s/build/bench/feast-%d"):format(root, http.data.users),
  }, Feast)
  local out = { results = {}, left_out = {} }
  if not exists(root .. "/build/bench/venv/bin/feast") then
    return { results = {}, left_out = { "Feast: not installed (bench/setup)" } }
  end
  os.execute("mkdir -p " .. self.home)
  out.version = report.command(self.python .. " -c 'from importlib.metadata import version as v; print(v(\"feast\"))'")
  self.features = report.command(("%s %s/features.py"):format(self.python, self.here))
  for _, store in ipairs(STORES) do
    if store == "redis" and report.command("command -v redis-server") == "" then
      table.insert(out.left_out, "Feast over Redis: no redis-server")
    else
      self:fill(store)
      for _, r in ipairs(self:measure(store)) do table.insert(out.results, r) end
    end
  end
  return out
end

--- Prints lines under a heading of their own.
--- @return table pairs for JSON
function M.print(peer)
  local json = {}
  if peer.version then
    print(("Feast %s, feast serve with %d workers, %d connections, %d s"):format(peer.version, WORKERS, CONNECTIONS, SECONDS))
    print(("  %-10s %4s %7s %12s %9s %9s %7s %8s %8s %7s %9s"):format("store", "keys", "rps", "on all cores", "keys/s",
      "CPU µs", "at rps", "p50 µs", "p99 µs", "bytes", "memory"))
  end
  for _, r in ipairs(peer.results) do
    local closed, open = r.closed, r.open
    print(("  %-10s %4d %7.1f %12.1f %9.0f %8.0f %7.1f %8.0f %8.0f %7.0f %6.1f MB"):format(r.store, r.keys, closed.rps,
      r.all_cores.rps, closed.keys_per_s, closed.cpu_us, closed.rps / 2, open.p50_us, open.p99_us, closed.body_bytes,
      r.rss_mb))
    table.insert(json, { ("%s, keys %d"):format(r.store, r.keys), {
      { "rps", closed.rps }, { "rps_all_cores", r.all_cores.rps }, { "keys_per_s", closed.keys_per_s },
      { "cpu_us", closed.cpu_us }, { "rate", closed.rps / 2 }, { "p50_us", open.p50_us }, { "p99_us", open.p99_us },
      { "bytes", closed.body_bytes }, { "rss_mb", r.rss_mb },
    } })
  end
  for _, what in ipairs(peer.left_out) do
    print("  left out: " .. what)
    table.insert(json, { "left_out", what })
  end
  if peer.version then table.insert(json, 1, { "version", peer.version }) end
  return json
end

return M
