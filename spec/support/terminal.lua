--- A real terminal for the specs: tmux, with a server and a socket of its own.
local program = require('spec.support.program')

local M = {}
M.__index = M

local count = 0
local quote = program.quote

local function read_pipe(command)
  local pipe = assert(io.popen(command .. ' 2>&1'))
  local text = pipe:read('*a')
  pipe:close()
  return text
end

--- Whether the machine has pseudo-terminals at all: a chroot without /dev/pts has none. Says so, since
--- specs of terminals then have nothing to run in.
function M.exists()
  local f = io.open('/dev/ptmx', 'r+b')
  if f then f:close() else io.stderr:write('no pseudo-terminals here (/dev/ptmx): specs of terminals are left out\n') end
  return f ~= nil
end

--- Starts a command in a terminal of 100 x 30.
--- @param command string of the shell
--- @param o? { env?: table<string, string>, cwd?: string }
function M.open(command, o)
  o = o or {}
  count = count + 1
  local self = setmetatable({ dir = program.folder() }, M)
  self.tmux = ('env -u TMUX -u CHRONON_REPO -u CHRONON_WAREHOUSE -u CHRONON_STORE LC_ALL=C.UTF-8 tmux -S %s/socket -f /dev/null ')
    :format(self.dir)
  local words = { 'exec env' }
  for k, v in pairs(o.env or {}) do words[#words + 1] = k .. '=' .. quote(v) end
  words[#words + 1] = command
  program.write(self.dir .. '/run', ('%s\nsh -c %s\necho "EXIT $?"\nsleep 1000\n'):format(
    o.cwd and 'cd ' .. quote(o.cwd) or '', quote(table.concat(words, ' '))))
  assert(program.shell(self.tmux .. 'new-session -d -x 100 -y 30 sh ' .. self.dir .. '/run') == 0, 'tmux does not start')
  return self
end

--- What the screen shows, without blanks at the ends of lines; with `all` also what has scrolled away.
function M:screen(all)
  return read_pipe(self.tmux .. 'capture-pane -p' .. (all and ' -S -' or '')):gsub('%s+\n', '\n')
end

--- Types text as it is.
function M:type(text)
  for at = 1, #text, 200 do -- a terminal's queue is short
    program.shell(self.tmux .. 'send-keys -l -- ' .. quote(text:sub(at, at + 199)))
  end
end

--- Presses keys by tmux's names: "Enter", "C-c", "Tab", "Up".
function M:press(...)
  for _, key in ipairs({ ... }) do program.shell(self.tmux .. 'send-keys ' .. quote(key)) end
end

--- Waits until the screen contains a plain text; raises with the screen after a minute, as a busy machine is slow.
--- @return string screen
function M:see(text, seconds)
  local screen
  for _ = 1, (seconds or 60) * 20 do
    screen = self:screen()
    if screen:find(text, 1, true) then return screen end
    program.shell('sleep 0.05')
  end
  error(('the screen does not show %q:\n%s'):format(text, screen), 2)
end

--- Waits for a screen whose last line is this.
function M:see_last(line, seconds)
  local screen
  for _ = 1, (seconds or 60) * 20 do
    screen = self:screen():gsub('%s+$', '')
    if screen:match('([^\n]*)$') == line then return screen end
    program.shell('sleep 0.05')
  end
  error(('the last line is not %q:\n%s'):format(line, screen), 2)
end

function M:line(text)
  self:type(text)
  self:press('Enter')
end

function M:close()
  program.shell(self.tmux .. 'kill-server 2>/dev/null')
  program.remove(self.dir)
end

return M
