--- Child processes with what they cost: wall seconds and peak memory.
local ffi = require "ffi"

ffi.cdef [[
typedef struct { long s, us; } bench_timeval;
typedef struct {
  bench_timeval utime, stime;
  long maxrss, rest[13];
} bench_rusage;
int fork(void);
int execvp(const char *file, const char *const argv[]);
int wait4(int pid, int *status, int options, bench_rusage *usage);
int kill(int pid, int sig);
int setpgid(int pid, int pgid);
int open(const char *path, int flags, ...);
int dup2(int from, int to);
void _exit(int status);
int usleep(unsigned us);
int prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int clock_gettime(int clock, long spec[2]);
]]

local M = {}
local C = ffi.C

--- @return number seconds on a clock that only goes forward
function M.now()
  local spec = ffi.new("long[2]")
  C.clock_gettime(1, spec)
  return tonumber(spec[0]) + tonumber(spec[1]) * 1e-9
end

local WNOHANG, SIGKILL = 1, 9
local O_WRONLY_CREATE_TRUNCATE = 577

local function become(argv, log)
  C.setpgid(0, 0)
  local out = C.open(log, O_WRONLY_CREATE_TRUNCATE, ffi.cast("int", 420))
  C.dup2(out, 1)
  C.dup2(out, 2)
  local list = ffi.new("const char *[?]", #argv + 1)
  for i, a in ipairs(argv) do list[i - 1] = a end
  list[#argv] = nil
  C.execvp(argv[1], list)
  C._exit(127)
end

--- Memory of a process that is no file's, in MB; 0 once it has ended.
function M.anonymous(pid)
  local f = io.open(("/proc/%d/status"):format(pid))
  local kb = f and f:read("*a"):match("RssAnon:%s*(%d+)")
  if f then f:close() end
  return (tonumber(kb) or 0) / 1024
end

--- A process and those that it has started, if it is there.
function M.family(pid)
  local out = { pid }
  local f = io.open(("/proc/%d/task/%d/children"):format(pid, pid))
  for child in (f and f:read("*a") or ""):gmatch("%d+") do table.insert(out, tonumber(child)) end
  if f then f:close() end
  return out
end

local function seconds_of(timeval)
  return tonumber(timeval.s) + tonumber(timeval.us) * 1e-6
end

--- Runs a program to its end, or kills it (with its children) when the limit is over.
--- @param argv string[]
--- @param log string file that gets its stdout and stderr
--- @param limit number seconds
--- @return table { seconds, cpu, rss_mb, anon_mb, code, timed_out }; code is -signal for one that was killed,
---   anon_mb the most memory that was no file's, as far as a look every 20 ms sees
function M.run(argv, log, limit)
  local start = M.now()
  local pid = C.fork()
  if pid == 0 then become(argv, log) end
  local status, usage = ffi.new("int[1]"), ffi.new("bench_rusage[1]")
  local timed_out, anon, looks = false, 0, 0
  while C.wait4(pid, status, WNOHANG, usage) == 0 do
    if not timed_out and M.now() - start > limit then
      timed_out = true
      C.kill(-pid, SIGKILL)
    end
    looks = looks + 1
    if looks % 10 == 0 then anon = math.max(anon, M.anonymous(pid)) end
    C.usleep(2000)
  end
  local code = status[0]
  local signal = code % 128
  return {
    seconds = M.now() - start,
    cpu = seconds_of(usage[0].utime) + seconds_of(usage[0].stime),
    rss_mb = tonumber(usage[0].maxrss) / 1024,
    anon_mb = anon,
    code = signal > 0 and -signal or math.floor(code / 256),
    timed_out = timed_out,
  }
end

--- Numbers of the cores that this process may run on, ascending.
function M.cores()
  local f = assert(io.open("/proc/self/status"))
  local list, out = f:read("*a"):match("Cpus_allowed_list:%s*(%S+)"), {}
  f:close()
  for from, to in list:gmatch("(%d+)-?(%d*)") do
    for core = tonumber(from), tonumber(to) or tonumber(from) do table.insert(out, core) end
  end
  return out
end

local SIGTERM, PR_SET_PDEATHSIG = 15, 1

--- Starts a program that goes on beside this one, and dies with it.
--- @return table server for M.stop: { pid }
function M.spawn(argv, log)
  local pid = C.fork()
  if pid == 0 then
    C.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    become(argv, log)
  end
  return { pid = pid }
end

--- @return boolean whether the program has ended by itself
function M.ended(server)
  if not server.over then server.over = C.wait4(server.pid, ffi.new("int[1]"), WNOHANG, nil) ~= 0 end
  return server.over
end

--- Ends a program that was spawned: asks for 10 s, then kills.
function M.stop(server)
  local start = M.now()
  if not M.ended(server) then C.kill(server.pid, SIGTERM) end
  while not M.ended(server) do
    if M.now() - start > 10 then C.kill(server.pid, SIGKILL) end
    C.usleep(10000)
  end
end

function M.sleep(seconds)
  C.usleep(seconds * 1e6)
end

return M
