--- From lines to chunks: what is complete, what goes on in the next line.
local M = {}

rawset(_G, '__values', function(...) return ... end)

--- `local` at the top would be gone with its line: there it makes a global, in a file too.
local function without_local(text)
  local space, rest = text:match('^(%s*)local%s+(.*)$')
  if not rest then return nil end
  if rest:find('^function[%s]') then return space .. rest end
  if not rest:find('^[%a_]') then return nil end
  local names = rest:match('^([%a_][%w_]*[%w_,%s]*)')
  local after = rest:sub(#names + 1)
  if after:find('^=') then return space .. rest end
  if after == '' or after:find('^[;%-]') then return space .. names .. ' = nil ' .. after end
  return nil
end

--- Bytecode is refused: one could make the process do anything.
--- @param text string
--- @param source string as Lua's chunk names: "=input", "@file"
--- @param line integer of its first line
--- @return function? chunk what to run
--- @return string? message why it cannot be; nil with no chunk: there must be more
function M.compile(text, source, line)
  if text:byte() == 27 then return nil, ('%s:%d: bytecode is not run here'):format(source:sub(2), line) end
  local before = ('\n'):rep(line - 1)
  local value, value_error = loadstring(before .. 'return ' .. text, source, 't')
  if value then -- as an argument, because a tail call would leave no line to blame
    local open = before .. 'return __values(' .. text
    return loadstring(open .. ')', source, 't') or loadstring(open .. '\n)', source, 't') or value
  end
  local plain = without_local(text)
  local chunk, chunk_error
  if plain then chunk, chunk_error = loadstring(before .. plain, source, 't') end
  if not chunk then chunk, chunk_error = loadstring(before .. text, source, 't') end
  if chunk then return chunk end
  if chunk_error:find("near '<eof>'$") or value_error:find("near '<eof>'$") then return nil end
  return nil, chunk_error
end

return M
