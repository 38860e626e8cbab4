--- Runs chunks: what they give is printed, what they raise is told with its line, and the session
--- goes on.
local C = require 'repl.cdef'
local host = require 'repl.host'
local json = require 'repl.json'
local names = require 'repl.name'
local read = require 'repl.read'
local show = require 'repl.show'

local M = {}

--- The line that a message points at, with its number.
local function pointed_line(message)
  for source, text in pairs(host.chunks) do
    local name = source:sub(2)
    local at = message:sub(1, #name + 1) == name .. ':' and message:match('^:(%d+):', #name + 1)
    local n = 0
    for line in (text .. '\n'):gmatch('(.-)\n') do
      n = n + 1
      if at and n == tonumber(at) and text:find('\n') then return ('\n  %d | %s'):format(n, line) end
    end
  end
  return ''
end

--- Tells an error on stderr.
function M.tell(message)
  message = type(message) == 'string' and message or 'an error that is no text: ' .. show.text(message)
  io.stdout:flush()
  if host.format() == 'json' then
    io.stderr:write(json.encode({ error = { message = message } }), '\n')
  elseif host.is_typed() then
    if message == 'interrupted' then io.stderr:write('\n') end -- the terminal shows ^C
    local color = host.repl.style.color
    io.stderr:write(color and '\27[31m' or '', 'error: ', color and '\27[0m' or '', message, pointed_line(message), '\n')
  else
    io.stderr:write('chronon: ', message, pointed_line(message), '\n')
  end
end

local function print_values(n, ...)
  if n == 0 then return end
  for i = 1, n do
    local value = select(i, ...)
    show.value(value)
    rawset(_G, '_', value)
  end
end

local function count(...) return select('#', ...), ... end

local function run_and_print(chunk)
  local started = C.chn_monotonic_ms()
  local values = { count(chunk()) }
  names.look(_G)
  print_values(values[1], unpack(values, 2, values[1] + 1))
  if host.timer then io.stdout:write(('%.3f s\n'):format((C.chn_monotonic_ms() - started) / 1000)) end
end

--- Runs a function under protect; false when it raised, which is told.
function M.protected(f, ...)
  local ok, message = host.protect(f, ...)
  if not ok and message == host.LEAVE then return true end
  if not ok then host.protect(M.tell, message) end
  return ok
end

--- Runs a whole text as one chunk.
function M.text(text, source)
  host.chunks[source] = text
  local chunk, message = read.compile(text, source, 1)
  if not chunk then
    local _, why = loadstring(text, source, 't')
    M.tell(message or why)
    return false
  end
  return M.protected(run_and_print, chunk)
end

local function is_blank(text) return not text:find('%S') end

--- A machine that takes lines: complete chunks and dot commands run at once.
--- @param source string
--- @param dot fun(line: string, place: string?): boolean runs a dot command
function M.lines(source, dot)
  local self = { pending = nil, first = 1, n = 0, all = {} }

  --- @return string state "done", "failed" or "more"
  function self.take(line)
    self.n = self.n + 1
    self.all[self.n] = line
    if not self.pending and (is_blank(line) or line:find('^#!')) then return 'done' end
    if not self.pending and line:find('^%.%a') then
      return dot(line, not host.is_typed() and ('%s:%d: '):format(source:sub(2), self.n) or nil) and 'done' or 'failed'
    end
    if not self.pending then self.pending, self.first = line, self.n else self.pending = self.pending .. '\n' .. line end
    host.chunks[source] = table.concat(self.all, '\n')
    local chunk, message = read.compile(self.pending, source, self.first)
    if not chunk and not message then return 'more' end
    self.pending = nil
    if not chunk then
      M.tell(message)
      return 'failed'
    end
    return M.protected(run_and_print, chunk) and 'done' or 'failed'
  end

  --- Forgets an unfinished input.
  function self.cancel() self.pending = nil end

  --- For a person each input counts its lines from 1.
  function self.restart() self.n, self.all = 0, {} end

  return self
end

--- Runs a file's lines until one fails.
--- @return boolean
function M.file(file, name, dot)
  local source = '@' .. name
  local machine = M.lines(source, dot)
  for line in file:lines() do
    local state = machine.take((line:gsub('\r$', '')))
    if state == 'failed' then return false end
    if host.leaving then return true end
  end
  if machine.pending then
    local _, why = loadstring(('\n'):rep(machine.first - 1) .. machine.pending, source, 't')
    M.tell(why or name .. ': the input ends in the middle of a statement')
    return false
  end
  return true
end

return M
