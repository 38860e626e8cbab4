--- What the modules of the shell share: the program behind it, and the state of the screen.
local ffi = require 'ffi'
local C = require 'repl.cdef'

local M = {
  repl = nil,        ---@type ffi.cdata* struct cli_repl
  session = nil,     ---@type ffi.cdata* struct explore
  protect = nil,     ---@type fun(f: function, ...): boolean, any, string?
  output = nil,      ---@type file*? where results go; nil: standard output
  timer = false,
  chunks = {},       ---@type table<string, string> source of what was typed -> its text
  leaving = nil,     ---@type integer? the exit code, once somebody wants to leave
  LEAVE = {},        -- what is raised then
}

function M.open(pointer, protect)
  M.repl = ffi.cast('struct cli_repl *', pointer)
  M.session = M.repl.explore
  M.protect = protect
end

--- "input:2: " of the innermost typed line that is running, or "".
function M.position()
  for level = 2, 200 do
    local info = debug.getinfo(level, 'Sl')
    if not info then return '' end
    if M.chunks[info.source] then return ('%s:%d: '):format(info.short_src, info.currentline) end
  end
  return ''
end

--- Raises a message with the author's line.
function M.fail(message, ...)
  error(M.position() .. (select('#', ...) > 0 and message:format(...) or message), 0)
end

--- Calls f(session, ..., err), and raises what it says on failure.
function M.call(f, ...)
  local err = ffi.new('struct chn_err')
  local n = select('#', ...)
  local args = { ... }
  args[n + 1] = err
  if f(M.session, unpack(args, 1, n + 1)) ~= 0 then M.fail('%s', ffi.string(err.msg)) end
end

--- A text that a C function appends.
function M.text(f, ...)
  local buf = ffi.gc(ffi.new('struct chn_buf'), C.chn_buf_deinit)
  local n = select('#', ...)
  local args = { ... }
  args[n + 1] = buf
  M.call(f, unpack(args, 1, n + 1))
  return ffi.string(C.chn_buf_str(buf))
end

function M.is_typed() return M.repl.line ~= nil end

--- The format's name: "table", "json", "csv", "markdown".
M.FORMATS = { [0] = 'table', 'json', 'csv', 'markdown' }
function M.format() return M.FORMATS[tonumber(M.repl.style.format)] end

function M.set_format(name)
  for number, known in pairs(M.FORMATS) do
    if known == name then M.repl.style.format = number end
  end
end

function M.out() return M.output or io.stdout end

return M
