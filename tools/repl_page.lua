--- chronon repl -c 'assert(loadfile("tools/repl_page.lua"))("docs/reference/repl.md")': prints the page
--- with the sessions in it (blocks that begin with `chronon> `) as they come out now, one shell for
--- all. A spec compares it with the page.
local host = require 'repl.host'
local dot = require 'repl.dot'
local run = require 'repl.run'

host.is_typed = function() return true end
host.repl.height = 100000 -- nothing pages
local machine = run.lines('=input', dot.run)

local function say(...)
  io.stderr:flush()
  io.stdout:write(...)
  io.stdout:flush()
end

local state = 'done'
local function type_line(line)
  say(state == 'more' and '      .. ' or 'chronon> ', line, '\n')
  state = machine.take(line)
  if state ~= 'more' then machine.restart() end
end

local session = false
for line in io.lines((...)) do
  local input = line:match('^chronon> (.*)$') or (session and state == 'more' and line:match('^      %.%. (.*)$'))
  if line:find('^```') then
    session = false
    say(line, '\n')
  elseif input then
    session = true
    type_line(input)
  elseif not session then
    say(line, '\n')
  end
end
