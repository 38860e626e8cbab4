--- The shell of `chronon repl`: returns the function that the program calls (src/lua/shell.h).
local ffi = require 'ffi'
local host = require 'repl.host'

local PROMPT, MORE = 'chronon> ', '      .. '

local function greet()
  if host.repl.quiet then return end
  local repo = host.repl.repo ~= nil and ffi.string(host.repl.repo) or nil
  io.stdout:write(('chronon %s; %s. help tells what there is, Ctrl-D leaves\n'):format(ffi.string(host.repl.version),
    repo and (repo == '.' and 'the repo is this folder' or 'the repo is ' .. repo) or 'no repo here'))
end

--- Lines of a person, until Ctrl-D.
local function converse()
  local C = require 'repl.cdef'
  local complete = require 'repl.complete'
  local dot = require 'repl.dot'
  local run = require 'repl.run'
  local machine = run.lines('=input', dot.run)
  local line, stop = host.repl.line, ffi.new('enum cli_line_end[1]')
  complete.install(line, function() return machine.pending end)
  greet()
  local typed = {}
  while not host.leaving do
    local text = C.cli_line_read(line, machine.pending and MORE or PROMPT, stop)
    if text ~= nil then
      typed[#typed + 1] = ffi.string(text)
      local state = machine.take(typed[#typed])
      if state ~= 'more' then
        local whole = table.concat(typed, '\n')
        if whole:find('%S') then C.cli_line_add(line, whole) end
        typed = {}
        machine.restart()
      end
    elseif stop[0] == C.CLI_LINE_EOF then
      break
    else
      typed = {}
      machine.cancel()
      machine.restart()
    end
  end
  return host.leaving or 0
end

local function run_codes()
  local run = require 'repl.run'
  for i = 0, host.repl.n_codes - 1 do
    if not run.text(ffi.string(host.repl.codes[i]), '=-c') then return false end
    if host.leaving then return true end
  end
  return true
end

local function run_file(name)
  local run, dot = require 'repl.run', require 'repl.dot'
  if name == '-' then return run.file(io.stdin, 'stdin', dot.run) end
  local file, why = io.open(name)
  if not file then
    run.tell(why)
    return false
  end
  local ok = run.file(file, name, dot.run)
  file:close()
  return ok
end

return function(pointer, protect)
  host.open(pointer, protect)
  require('repl.env').install()
  if host.repl.line ~= nil then return converse() end
  local ok = run_codes()
  if ok and not host.leaving and host.repl.file ~= nil then ok = run_file(ffi.string(host.repl.file)) end
  return host.leaving or (ok and 0 or 1)
end
