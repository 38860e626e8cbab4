--- The store of the serving benches: uploads of all users, streams of some.
---
--- All users have batch values. 1 in 25 has a heavy stream (500 rows or 300 tiles in each of the
--- three GroupBys), as many have the same over the three together, the rest have none. At full
--- size that is 4,000 users and some 480 MB of rows: many times any cache, so that a fetch of a
--- random one misses as it would with all 100,000, whose streams (12 GB) nobody waits for here.
local proc = require "bench.support.proc"

local M = {}

local DS, END = "2024-02-29", 1709251200000
local HOUR = 3600000
local ROWS = { "spend", "visits", "visits_lists", "visits_sketch", "ratings" }
local TILES = { "spend_tiled", "visits_tiled", "ratings_tiled" }
local ROWS_MS, TILES_MS = 40 * HOUR, 25 * HOUR
local LIMIT_SECONDS = 600

--- Which join is asked for whom. `group`: 0 the heavy users, 1 the light ones, 2 those without.
local cases = {
  { name = "rows-1500", join = "rows", group = 0, about = "500 rows in each of the three parts" },
  { name = "rows-500", join = "rows", group = 1, about = "500 rows in the three parts together" },
  { name = "tiles-900", join = "tiles", group = 0, about = "300 tiles in each of the three parts" },
  { name = "tiles-300", join = "tiles", group = 1, about = "300 tiles in the three parts together" },
  { name = "lists", join = "lists", group = 1, about = "rows-500, a LAST_K(5) in one part" },
  { name = "sketch", join = "sketch", group = 1, about = "rows-500, an APPROX_UNIQUE_COUNT in one part" },
  { name = "batch", join = "rows", group = 2, about = "uploaded values and tail hops alone" },
}

function M.slurp(path)
  local f = assert(io.open(path))
  local text = f:read("*a")
  f:close()
  return text
end

local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end

local function shell(...)
  local command = table.concat({ ... }, " ")
  if os.execute(command) ~= 0 then error(command .. " failed", 0) end
end

local function sizes(scale)
  local users = math.max(100, math.floor(100000 * scale))
  return users, math.floor(users / 25)
end

--- The cases wanted, with `first` and `users`.
function M.cases(o)
  local users, streamed = sizes(o.scale)
  local wanted, out = {}, {}
  for name in (o.only or ""):gmatch("[^,]+") do wanted[name] = true end
  for _, case in ipairs(cases) do
    if not o.only or wanted[case.name] then
      case.first = case.group * streamed
      case.users = case.group == 2 and users - case.first or streamed
      wanted[case.name] = nil
      table.insert(out, case)
    end
  end
  if next(wanted) then error("no case is called " .. next(wanted), 0) end
  return out
end

--- The instant asked for: after all that was streamed.
function M.at(case)
  return ("%d"):format(END + (case.join == "tiles" and TILES_MS or ROWS_MS))
end

local Data = {}
Data.__index = Data

function Data:once(what, argv)
  io.stderr:write("bench: ", what, "\n")
  local log = self.work .. "/prepare.log"
  local r = proc.run(argv, log, LIMIT_SECONDS)
  if r.timed_out or r.code ~= 0 then
    error(("%s failed (%d): %s\n%s"):format(what, r.code, table.concat(argv, " "), M.slurp(log)), 0)
  end
end

function Data:chronon_run(what, mode, conf)
  self:once(what, {
    self.chronon, "run", "-q", "--mode", mode, "--conf", "production/" .. conf, "--repo", self.repo, "--ds", DS,
    "--store", "lmdb:" .. self.store, "--table", "data.actions=" .. self.work .. "/actions",
  })
end

function Data:fill(group_by, span, each)
  local function part(first, n)
    self:once("stream of " .. group_by, {
      self.build .. "/serve_store", "fill", "lmdb:" .. self.store, "bench/serving." .. group_by, ("%d"):format(END),
      ("%d"):format(span), ("%d"):format(first), ("%d"):format(self.streamed), ("%d"):format(n),
    })
  end
  part(0, each)
  part(self.streamed, math.floor(each / 3 + 0.5))
end

function Data:actions()
  local sql = M.slurp(self.root .. "/bench/serve/generate.sql"):gsub("@(%u+)@", {
    USERS = ("%d"):format(self.users), EACH = "40", DATA = self.work,
  })
  local f = assert(io.open(self.work .. "/generate.sql", "w"))
  f:write(sql)
  f:close()
  local library = (os.getenv("CHRONON_DEPS") or (self.root .. "/.deps")) .. "/duckdb/libduckdb.so"
  self:once("actions", {
    "luajit", self.root .. "/bench/support/duck.lua", exists(library) and library or "libduckdb.so", "1",
    self.work .. "/generate.sql",
  })
end

function Data:make()
  shell("rm -rf", self.work, "&& mkdir -p", self.work, "&& cp -r", self.root .. "/bench/definitions", self.repo)
  self:actions()
  self:once("compile", { self.chronon, "compile", "--all", "--repo", self.repo })
  for _, kind in ipairs { { ROWS, ROWS_MS, 500 }, { TILES, TILES_MS, 300 } } do
    for _, group_by in ipairs(kind[1]) do
      self:chronon_run("upload of " .. group_by, "upload", "group_bys/bench/serving." .. group_by)
      self:fill(group_by, kind[2], kind[3])
    end
  end
  for _, join in ipairs { "rows", "tiles", "lists", "sketch" } do
    self:chronon_run("join " .. join, "metadata-upload", "joins/bench/serving." .. join)
  end
end

--- Builds the programs and, unless it is there, the store.
function M.prepare(o)
  local self = setmetatable({ root = o.root, build = o.root .. "/build/release" }, Data)
  self.users, self.streamed = sizes(o.scale)
  if not exists(self.build .. "/build.ninja") then shell("cd", o.root, "&& cmake --preset release >&2") end
  shell("ninja -j2 -C", self.build, "chronon serve_store serve_bare serve_load >&2")
  self.chronon = os.getenv("CHRONON_BIN") or (self.build .. "/chronon")
  self.work = ("%s/build/bench/serve-%d"):format(o.root, self.users)
  self.repo, self.store = self.work .. "/repo", self.work .. "/store"
  local made_of = "bench/serve/generate.sql bench/serve/fill.c bench/serve/data.lua bench/definitions/*/bench/serving.lua"
  local sum = io.popen(("cd %s && cat %s | cksum | cut -d' ' -f1"):format(o.root, made_of))
  local mark = self.work .. "/done-" .. sum:read("*l")
  sum:close()
  if not exists(mark) then
    self:make()
    assert(io.open(mark, "w")):close()
  end
  return self
end

return M
