--- Values on the screen: results as tables, definitions by a summary, the rest as Lua has it.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local host = require 'repl.host'
local json = require 'repl.json'
local map = require 'chronon.map'
local object = require 'chronon.object'
local result = require 'repl.result'

local M = {}

-- ---- paging -----------------------------------------------------------------------------------

local function pager()
  local given = os.getenv('CHRONON_PAGER') or os.getenv('PAGER')
  if given == '' then return nil end
  return given or 'less -RSFX'
end

local function count_lines(text)
  local _, n = text:gsub('\n', '\n')
  return n
end

--- Writes a text where results go, by way of a pager when it is longer than the terminal.
function M.emit(text)
  if host.is_typed() and not host.output and count_lines(text) >= host.repl.height and pager() then
    io.stdout:flush()
    local pipe = io.popen(pager(), 'w')
    if pipe then
      pipe:write(text)
      pipe:close()
      return
    end
  end
  host.out():write(text)
  host.out():flush()
end

local function dim(text) return host.repl.style.color and '\27[2m' .. text .. '\27[0m' or text end

-- ---- results ----------------------------------------------------------------------------------

local function plural(n, what) return ('%d %s%s'):format(n, what, n == 1 and '' or 's') end

--- What stands below a table: for a person its name; for a file only what is left out.
local function footer(facts, more)
  local shown = ('%s of %s; .maxrows 0 shows all'):format(host.repl.max_rows, plural(facts.count, 'row'))
  if host.is_typed() then return dim(('%s, %s\n'):format(more and shown or plural(facts.count, 'row'), facts.table)) end
  if more and not host.repl.quiet then io.stderr:write(shown, '\n') end
  return ''
end

local function show_result(facts)
  local err = ffi.new('struct chn_err')
  local format = host.format()
  if format == 'json' or format == 'csv' then
    host.out():flush()
    if C.cli_repl_stream(host.repl, facts.table, host.out(), err) ~= 0 then host.fail('%s', ffi.string(err.msg)) end
    return host.out():flush()
  end
  local buf, more = ffi.gc(ffi.new('struct chn_buf'), C.chn_buf_deinit), ffi.new('bool[1]')
  C.cli_repl_resize(host.repl)
  if C.cli_repl_text(host.repl, facts.table, buf, more, err) ~= 0 then host.fail('%s', ffi.string(err.msg)) end
  M.emit(ffi.string(C.chn_buf_str(buf)) .. footer(facts, more[0]))
end

-- ---- Lua's values -----------------------------------------------------------------------------

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return
then true until while]]):gmatch('%a+') do KEYWORDS[word] = true end

local function key_text(key)
  if type(key) == 'string' and key:find('^[%a_][%w_]*$') and not KEYWORDS[key] then return key end
  return '[' .. (type(key) == 'string' and ('%q'):format(key) or tostring(key)) .. ']'
end

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do
    if not (type(key) == 'number' and key >= 1 and key <= #t and key % 1 == 0) then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == 'number' or type(a) == 'string') then return a < b end
    return type(a) .. tostring(a) < type(b) .. tostring(b)
  end)
  return keys
end

local MOST_ITEMS, MOST_DEPTH = 100, 6

local text_of

local function parts_of(t, deep, seen)
  local parts = {}
  if map.is(t) then
    for key, value in map.each(t) do parts[#parts + 1] = key_text(key) .. ' = ' .. text_of(value, deep + 1, seen) end
    return parts
  end
  for i = 1, math.min(#t, MOST_ITEMS) do parts[i] = text_of(t[i], deep + 1, seen) end
  for _, key in ipairs(sorted_keys(t)) do
    if #parts == MOST_ITEMS then break end
    parts[#parts + 1] = key_text(key) .. ' = ' .. text_of(rawget(t, key), deep + 1, seen)
  end
  if #parts == MOST_ITEMS then parts[#parts + 1] = '...' end
  return parts
end

local function table_text(t, deep, seen)
  if seen[t] then return '{ ...itself }' end
  if deep >= MOST_DEPTH then return '{ ... }' end
  seen[t] = true
  local parts = parts_of(t, deep, seen)
  seen[t] = nil
  local kind = object.kind(t)
  local front = kind and kind ~= 'Map' and kind .. ' ' or ''
  if #parts == 0 then return front .. '{}' end
  local line = front .. '{ ' .. table.concat(parts, ', ') .. ' }'
  if #line + 2 * deep <= 78 and not line:find('\n') then return line end
  local indent = ('  '):rep(deep + 1)
  return front .. '{\n' .. indent .. table.concat(parts, ',\n' .. indent) .. ',\n' .. ('  '):rep(deep) .. '}'
end

function text_of(x, deep, seen)
  if type(x) == 'string' and deep > 0 then return ('%q'):format(x):gsub('\\\n', '\\n') end
  if type(x) == 'cdata' then return (tostring(x):gsub('U?LL$', '')) end
  local meta = type(x) == 'table' and getmetatable(x)
  if type(x) ~= 'table' or (type(meta) == 'table' and rawget(meta, '__tostring')) then
    return tostring(x)
  end
  return table_text(x, deep, seen)
end

--- @return string text of any value, as the shell shows it
function M.text(x) return text_of(x, 0, {}) end

local function is_definition(x) return type(x) == 'table' and object.kind(x) ~= nil end

--- Prints a value as the format asks.
function M.value(x)
  local facts = result.facts(x)
  if facts then return show_result(facts) end
  local text = M.text(x)
  if host.format() == 'json' then
    local meta = type(x) == 'table' and not object.kind(x) and getmetatable(x)
    return M.emit((meta and meta.__tostring and json.string(text) or json.encode(x)) .. '\n')
  end
  if is_definition(x) or type(x) == 'string' or not host.repl.style.color then return M.emit(text .. '\n') end
  local looks = { number = '\27[36m', ['nil'] = '\27[2m', boolean = '\27[36m' }
  local look = looks[type(x)]
  M.emit(look and look .. text .. '\27[0m\n' or text .. '\n')
end

return M
