--- JSON: definitions to C and back, and values with --output json. Objects that are read keep their
--- order: they are chronon's ordered maps.
local map = require 'chronon.map'

local M = {}

local ESCAPES = { ['"'] = '\\"', ['\\'] = '\\\\', ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t' }

function M.string(s)
  return '"' .. s:gsub('[%c"\\\127]', function(c) return ESCAPES[c] or ('\\u%04x'):format(c:byte()) end) .. '"'
end

local function number(x)
  if x ~= x then return '"NaN"' end
  if x == math.huge then return '"Infinity"' end
  if x == -math.huge then return '"-Infinity"' end
  if x == math.floor(x) and math.abs(x) < 2 ^ 53 then return ('%d'):format(x) end
  local text = ('%.15g'):format(x)
  return tonumber(text) == x and text or ('%.17g'):format(x)
end

local encode

local function encode_list(t, deep)
  local out = {}
  for i = 1, #t do out[i] = encode(t[i], deep) end
  return '[' .. table.concat(out, ', ') .. ']'
end

local function encode_object(keys, values, deep)
  local out = {}
  for i, key in ipairs(keys) do out[i] = M.string(tostring(key)) .. ': ' .. encode(values[key], deep) end
  return '{' .. table.concat(out, ', ') .. '}'
end

function encode(x, deep)
  if deep > 100 then error('a value is nested deeper than 100 levels (does a table hold itself?)', 0) end
  local kind = type(x)
  if x == nil or x == map.null then return 'null' end
  if kind == 'boolean' then return tostring(x) end
  if kind == 'number' then return number(x) end
  if kind == 'cdata' then return (tostring(x):gsub('U?LL$', '')) end
  if kind ~= 'table' then return M.string(tostring(x)) end
  if map.is(x) then return encode_object(x.keys, x.values, deep + 1) end
  if next(x) == nil or #x > 0 then return encode_list(x, deep + 1) end
  local keys = {}
  for key in pairs(x) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return encode_object(keys, x, deep + 1)
end

--- @return string json on one line
function M.encode(x) return encode(x, 0) end

-- ---- reading ----------------------------------------------------------------------------------

local UNESCAPES = { b = '\b', f = '\f', n = '\n', r = '\r', t = '\t' }

local function utf8(point)
  if point < 0x80 then return string.char(point) end
  if point < 0x800 then return string.char(0xC0 + math.floor(point / 64), 0x80 + point % 64) end
  if point < 0x10000 then
    return string.char(0xE0 + math.floor(point / 4096), 0x80 + math.floor(point / 64) % 64, 0x80 + point % 64)
  end
  return string.char(0xF0 + math.floor(point / 262144), 0x80 + math.floor(point / 4096) % 64,
    0x80 + math.floor(point / 64) % 64, 0x80 + point % 64)
end

local function unescape(s)
  s = s:gsub('\\u([dD][89abAB]%x%x)\\u([dD][c-fC-F]%x%x)', function(high, low)
    return utf8(0x10000 + (tonumber(high, 16) - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00)
  end)
  s = s:gsub('\\(u?)(%x?%x?%x?%x?)', function(u, hex)
    if u == 'u' then return utf8(tonumber(hex, 16)) end
  end)
  return (s:gsub('\\(.)', function(c) return UNESCAPES[c] or c end))
end

local value

local function list(s, at)
  local out = {}
  at = s:match('^[%s]*()', at)
  if s:sub(at, at) == ']' then return out, at + 1 end
  while true do
    out[#out + 1], at = value(s, at)
    local mark
    mark, at = s:match('^%s*([,%]])()', at)
    if mark == ']' then return out, at end
    assert(mark, 'JSON: a list without its end')
  end
end

--- The end of the string that begins at `at` (behind its quote): position of the closing quote.
local function string_end(s, at)
  while true do
    local quote = s:find('"', at, true)
    assert(quote, 'JSON: a string without its end')
    local _, slashes = s:sub(1, quote - 1):find('(\\*)$')
    local first = s:sub(1, quote - 1):find('\\*$')
    if (slashes - first + 1) % 2 == 0 then return quote end
    at = quote + 1
  end
end

local function text(s, at)
  local stop = s:find('["\\]', at)
  if stop and s:sub(stop, stop) == '"' then return s:sub(at, stop - 1), stop + 1 end
  stop = string_end(s, at)
  return unescape(s:sub(at, stop - 1)), stop + 1
end

local function object(s, at)
  local out = map.new()
  at = s:match('^%s*()', at)
  if s:sub(at, at) == '}' then return out, at + 1 end
  while true do
    local key, item, mark
    key, at = text(s, assert(s:match('^%s*"()', at), 'JSON: a key is missing'))
    item, at = value(s, assert(s:match('^%s*:()', at), 'JSON: a colon is missing'))
    map.set(out, key, item)
    mark, at = s:match('^%s*([,}])()', at)
    if mark == '}' then return out, at end
    assert(mark, 'JSON: an object without its end')
  end
end

local WORDS = { ['true'] = true, ['false'] = false, null = map.null }

function value(s, at)
  at = s:match('^%s*()', at)
  local c = s:sub(at, at)
  if c == '{' then return object(s, at + 1) end
  if c == '[' then return list(s, at + 1) end
  if c == '"' then return text(s, at + 1) end
  local word, stop = s:match('^(%a+)()', at)
  if word and WORDS[word] ~= nil then return WORDS[word], stop end
  local digits
  digits, stop = s:match('^(-?[%d.eE+-]+)()', at)
  return assert(tonumber(digits), 'JSON: what is this?'), stop
end

--- @param s string JSON that the program wrote
function M.decode(s) return (value(s, 1)) end

return M
