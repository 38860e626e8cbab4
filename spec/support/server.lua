--- `chronon serve` on a free port of loopback, in a process of its own that is ended by its pid.
local json = require('dkjson')
local program = require('spec.support.program')
local socket = require('spec.support.socket')

local M = {}
local Server = {}
Server.__index = Server

local function wait_for(what, seconds)
  for _ = 1, seconds * 50 do
    local answer = what()
    if answer then return answer end
    os.execute('sleep 0.02')
  end
end
M.wait_for = wait_for

local function text_of(path)
  local f = io.open(path, 'rb')
  if not f then return '' end
  local text = f:read('*a')
  f:close()
  return text
end

--- @param url string of the store
--- @param args? string[] further options
--- @param o? { cwd?: string }
function M.start(url, args, o)
  local self = setmetatable({ folder = program.folder() }, Server)
  local words = { program.quote(program.bin), 'serve --port 0 -o json --store', program.quote(url) }
  for _, word in ipairs(args or {}) do words[#words + 1] = program.quote(word) end
  local cwd = o and o.cwd or self.folder
  program.shell(('cd %s && { env -u CHRONON_REPO -u CHRONON_STORE %s >%s/out 2>%s/err </dev/null; echo $? >%s/code; } &'):format(
    program.quote(cwd), table.concat(words, ' '), self.folder, self.folder, self.folder))
  local told = wait_for(function()
    local line = text_of(self.folder .. '/out'):match('^[^\n]+\n')
    return line or (text_of(self.folder .. '/code'):match('%d') and 'over')
  end, 120)
  if not told or told == 'over' then
    local err = text_of(self.folder .. '/err')
    program.remove(self.folder)
    error('the server does not start: ' .. err, 2)
  end
  local info = json.decode(told)
  self.port, self.pid, self.url = info.port, info.pid, info.url
  return self
end

function Server:err() return text_of(self.folder .. '/err') end
function Server:signal(name) program.shell(('kill -%s %d 2>/dev/null'):format(name, self.pid)) end
function Server:code() return tonumber(text_of(self.folder .. '/code')) end

--- Waits for its end and gives its exit code.
function Server:ended(seconds) return wait_for(function() return self:code() end, seconds or 60) end

function Server:stop()
  if self.stopped then return self.stopped end
  if not self:code() then
    self:signal('TERM')
    if not self:ended() then
      self:signal('KILL')
      self:ended()
    end
  end
  local code = self:code()
  program.remove(self.folder)
  self.stopped = code
  return code
end

function Server:connect() return assert(socket.connect(self.port)) end

--- One request on a connection of its own.
function Server:ask(path, o)
  local c = self:connect()
  local r, why = c:ask(path, o)
  c:close()
  return r, why
end

return M
