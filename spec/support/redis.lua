--- A redis-server of a spec's own, on a free port of loopback, with its data in a folder that goes with it.
local M = {}

local Server = {}
Server.__index = Server

local function sh(command)
  local pipe = assert(io.popen(command))
  local out = pipe:read('*a')
  pipe:close()
  return (out:gsub('%s+$', ''))
end

function Server:cli(...)
  local words = {}
  for i, word in ipairs({ ... }) do words[i] = "'" .. word .. "'" end
  return sh(('redis-cli --no-auth-warning %s -p %d %s 2>&1'):format(self.auth or '', self.port, table.concat(words, ' ')))
end

--- Starts it again on its port, empty.
function Server:run()
  self.pid = sh(("redis-server --port %d --bind 127.0.0.1 --dir '%s' --save '' --appendonly no %s >'%s/log' 2>&1 & echo $!")
    :format(self.port, self.folder, self.options, self.folder))
  for _ = 1, 600 do
    -- Another spec's server may have the port, and answer: ours then ends.
    if self:cli('info', 'server'):match('process_id:(%d+)') == self.pid and self:cli('ping') == 'PONG' then return true end
    if sh(('kill -0 %s 2>/dev/null && echo up'):format(self.pid)) == '' then return false end -- the port was taken
    os.execute('sleep 0.05')
  end
  return false
end

function Server:signal(name) os.execute(('kill -%s %s 2>/dev/null'):format(name, self.pid)) end

function Server:stop()
  self:signal('CONT')
  self:signal('KILL')
  sh(('while kill -0 %s 2>/dev/null; do sleep 0.02; done'):format(self.pid))
end

function Server:close()
  self:stop()
  os.execute("rm -rf '" .. self.folder .. "'")
end

--- @param options? string of redis-server's command line
--- @param auth? string of redis-cli's
function M.start(options, auth)
  assert(sh('command -v redis-server') ~= '', 'redis-server is missing: run bin/setup --all')
  local self = setmetatable({ folder = sh('mktemp -d'), options = options or '', auth = auth }, Server)
  local random = assert(io.open('/dev/urandom', 'rb'))
  for _ = 1, 20 do
    local a, b = random:read(2):byte(1, 2)
    self.port = 20000 + (a * 256 + b) % 12000
    if self:run() then
      random:close()
      return self
    end
  end
  error('redis-server does not start: see ' .. self.folder .. '/log')
end

return M
