--- Runs the program under test (CHRONON_BIN, or bin/chronon), as a user would.
local M = {}

local function absolute(path)
  if path:sub(1, 1) == '/' then return path end
  return os.getenv('PWD') .. '/' .. path
end

M.bin = absolute(os.getenv('CHRONON_BIN') or 'bin/chronon')

local function quote(s) return "'" .. tostring(s):gsub("'", "'\\''") .. "'" end
M.quote = quote

function M.read(path)
  local f = assert(io.open(path, 'rb'))
  local text = f:read('*a')
  f:close()
  return text
end

function M.write(path, text)
  local f = assert(io.open(path, 'wb'))
  f:write(text)
  f:close()
end

--- A new empty folder; remove it with M.remove.
function M.folder()
  local name = os.tmpname()
  os.remove(name)
  assert(os.execute('mkdir -p ' .. quote(name)))
  return name
end

function M.remove(path) os.execute('rm -rf ' .. quote(path)) end

--- Runs a shell command. LuaJIT's os.execute gives a wait status or, in 5.2 mode, three values.
function M.shell(command)
  local a, _, c = os.execute(command)
  if type(a) == 'number' then return a >= 256 and math.floor(a / 256) or a end
  return c or 0
end

--- @class ProgramOptions
--- @field env? table<string, string> further environment
--- @field cwd? string
--- @field stdin? string what it reads; nothing by default
--- @param args string[]
--- @param o? ProgramOptions
--- @return { code: integer, out: string, err: string }
function M.run(args, o)
  o = o or {}
  local dir = M.folder()
  local words = {}
  if o.cwd then words[#words + 1] = 'cd ' .. quote(o.cwd) .. ' &&' end
  words[#words + 1] = 'env -u CHRONON_REPO -u CHRONON_WAREHOUSE -u CHRONON_STORE'
  for k, v in pairs(o.env or {}) do words[#words + 1] = k .. '=' .. quote(v) end
  words[#words + 1] = quote(M.bin)
  for _, a in ipairs(args) do words[#words + 1] = quote(a) end
  if o.stdin then M.write(dir .. '/in', o.stdin) end
  words[#words + 1] = ('<%s >%s/out 2>%s/err'):format(o.stdin and quote(dir .. '/in') or '/dev/null', dir, dir)
  local code = M.shell(table.concat(words, ' '))
  local result = { code = code, out = M.read(dir .. '/out'), err = M.read(dir .. '/err') }
  M.remove(dir)
  return result
end

--- Waits until a process handles SIGINT and SIGTERM, or is no more: one that starts does not yet, and in the
--- background of a shell it ignores SIGINT until then.
function M.wait_for_handlers(pid)
  for _ = 1, 6000 do
    local f = io.open(('/proc/%d/status'):format(pid))
    local high, low = (f and f:read('*a') or ''):match('SigCgt:%s*%x*(%x)%x%x(%x)\n')
    if f then f:close() end
    if not high or tonumber(high, 16) % 8 >= 4 and tonumber(low, 16) % 4 >= 2 then return end -- bits 15 and 2
    M.shell('sleep 0.01')
  end
end

--- Runs the program and presses Ctrl-C: once it listens to that, and has said `o.after` on stderr.
--- @param args string[]
--- @param o { cwd?: string, after?: string }
--- @return { code: integer, out: string, err: string, children: string } children: processes left
function M.interrupt(args, o)
  local dir = M.folder()
  local words = {}
  for _, a in ipairs(args) do words[#words + 1] = quote(a) end
  M.write(dir .. '/run', ([[
cd %s
MARK=%s %s %s </dev/null >%s/out 2>%s/err &
pid=$!
ready() { # the second bit of SigCgt is SIGINT
  case $(sed -n 's/^SigCgt:.*\(.\)$/\1/p' /proc/$pid/status) in [2367abef]) grep -qF -e %s %s/err;; *) false;; esac
}
for i in $(seq 1200); do
  if ready || ! kill -0 $pid; then break; fi
  sleep 0.05
done
kill -INT $pid
wait $pid
code=$?
grep -lxzF MARK=%s /proc/[0-9]*/environ >%s/children
exit $code
]]):format(quote(o.cwd or '.'), dir, quote(M.bin), table.concat(words, ' '), dir, dir, quote(o.after or ''), dir, dir, dir))
  M.write(dir .. '/err', o.after and '' or '\n')
  local code = M.shell('sh ' .. dir .. '/run 2>/dev/null')
  local result = { code = code }
  for _, name in ipairs({ 'out', 'err', 'children' }) do result[name] = M.read(dir .. '/' .. name) end
  M.remove(dir)
  return result
end

return M
