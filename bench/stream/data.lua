--- What the streaming benches read: a file of payments, their definition's upload, a store to write to.
local proc = require "bench.support.proc"

local M = {}

local DS = "2024-02-29"
M.FIRST_MS = 1709251200000
M.GROUP_BY = "bench/streaming.payments"
M.CONF = "production/group_bys/bench/streaming.payments"
local LIMIT_SECONDS = 900

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

function M.shell(...)
  local command = table.concat({ ... }, " ")
  if os.execute(command) ~= 0 then error(command .. " failed", 0) end
end

local Data = {}
Data.__index = Data

function Data:run(what, argv, limit)
  io.stderr:write("bench: ", what, "\n")
  local log = ("%s/%s.log"):format(self.work, (what:gsub("%W+", "-")))
  local r = proc.run(argv, log, limit or LIMIT_SECONDS)
  r.text = M.slurp(log)
  if r.timed_out or r.code ~= 0 then
    error(("%s failed (%d): %s\n%s"):format(what, r.code, table.concat(argv, " "), r.text), 0)
  end
  return r
end

--- DuckDB's, as lines of what `-- time` asks for.
function Data:duck(what, sql)
  local path = self.work .. "/duck.sql"
  local f = assert(io.open(path, "w"))
  f:write(sql)
  f:close()
  local r = self:run(what, { "luajit", self.root .. "/bench/support/duck.lua", self.duckdb, "2", path })
  return r.text
end

function Data:generate(case)
  self:duck("events of " .. case.name, (M.slurp(self.root .. "/bench/stream/generate.sql"):gsub("@(%u+)@", {
    USERS = ("%d"):format(self.users), EVENTS = ("%d"):format(self.events), SPAN = ("%d"):format(case.span_ms),
    DATA = self.work .. "/" .. case.name,
  })))
end

--- A store with the upload and nothing streamed.
function Data:fresh_store(name)
  M.shell("rm -rf", self.work .. "/store-" .. name, "&& cp -r", self.work .. "/store", self.work .. "/store-" .. name)
  return "lmdb:" .. self.work .. "/store-" .. name
end

function Data:file(case)
  return ("%s/%s/payments.jsonl"):format(self.work, case.name)
end

function Data:make(cases)
  M.shell("rm -rf", self.work, "&& mkdir -p", self.work, "&& cp -r", self.root .. "/bench/definitions", self.repo)
  for _, case in ipairs(cases) do
    M.shell("mkdir", self.work .. "/" .. case.name)
    self:generate(case)
  end
  self:run("compile", { self.chronon, "compile", "--all", "--repo", self.repo })
  self:run("upload", {
    self.chronon, "run", "-q", "--mode", "upload", "--conf", M.CONF, "--repo", self.repo, "--ds", DS, "--store",
    "lmdb:" .. self.work .. "/store", "--table", ("data.payments=%s/%s/payments"):format(self.work, cases[1].name),
  })
end

--- Builds the programs and, unless they are there, the data.
--- @param cases table[] { name, span_ms }
function M.prepare(o, cases, programs)
  local self = setmetatable({ root = o.root, build = o.root .. "/build/release" }, Data)
  self.events, self.users = math.floor(10e6 * o.scale), math.max(100, math.floor(100000 * math.min(1, o.scale)))
  if not exists(self.build .. "/build.ninja") then M.shell("cd", o.root, "&& cmake --preset release >&2") end
  M.shell("ninja -j2 -C", self.build, "chronon", programs or "", ">&2")
  self.chronon = os.getenv("CHRONON_BIN") or (self.build .. "/chronon")
  local library = (os.getenv("CHRONON_DEPS") or (o.root .. "/.deps")) .. "/duckdb/libduckdb.so"
  self.duckdb = exists(library) and library or "libduckdb.so"
  self.work = ("%s/build/bench/stream-%d"):format(o.root, self.events)
  self.repo = self.work .. "/repo"
  local made_of = "bench/stream/generate.sql bench/stream/data.lua bench/definitions/*/bench/streaming.lua"
  local sum = io.popen(("cd %s && cat %s | cksum | cut -d' ' -f1"):format(o.root, made_of))
  local mark = self.work .. "/done-" .. sum:read("*l")
  sum:close()
  if not exists(mark) then
    self:make(cases)
    assert(io.open(mark, "w")):close()
  end
  return self
end

return M
