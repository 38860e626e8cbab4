--- Text: names for messages, and the JSON that Python's json.dumps writes, byte for byte, because
--- Chronon keeps such strings inside its definitions (customJson, dependencies).
local map = require 'chronon.map'

local M = {}

--- Levenshtein distance of two short names.
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local diagonal = row[0]
    row[0] = i
    for j = 1, #b do
      local change = a:byte(i) == b:byte(j) and 0 or 1
      local best = math.min(row[j] + 1, row[j - 1] + 1, diagonal + change)
      diagonal, row[j] = row[j], best
    end
  end
  return row[#b]
end

local function folded(name)
  return (name:lower():gsub('[_%-]', ''))
end

--- @param name string
--- @param known string[]
--- @return string? nearest the known name that was probably meant
function M.nearest(name, known)
  local best, best_distance
  for _, candidate in ipairs(known) do
    local d = distance(folded(name), folded(candidate))
    if not best or d < best_distance then
      best, best_distance = candidate, d
    end
  end
  if best and best_distance <= math.max(1, math.floor(#name / 3)) then return best end
  return nil
end

--- @return string hint ` (did you mean "x"?)`, else the known names, else nothing
function M.hint(name, known)
  local nearest = type(name) == 'string' and M.nearest(name, known)
  if nearest then return (' (did you mean "%s"?)'):format(nearest) end
  if #known == 0 then return '' end
  return ' (known: ' .. table.concat(known, ', ') .. ')'
end

--- `time_unit` of `timeUnit`.
function M.snake(name)
  return (name:gsub('(%u)', function(c) return '_' .. c:lower() end))
end

--- `timeUnit` of `time_unit`.
function M.camel(name)
  return (name:gsub('_(%l)', string.upper))
end

--- What Python's repr writes for a float, with `.0` only where `float` asks for it: Lua does not
--- tell 5 from 5.0.
--- @param x number
--- @param float boolean?
function M.number(x, float)
  if x ~= x then return 'NaN' end
  if x == math.huge then return 'Infinity' end
  if x == -math.huge then return '-Infinity' end
  if x == math.floor(x) and math.abs(x) < 2 ^ 53 then
    return (float and '%d.0' or '%d'):format(x)
  end
  local digits
  for precision = 1, 17 do
    digits = ('%.' .. precision - 1 .. 'e'):format(x)
    if tonumber(digits) == x then break end
  end
  local sign, lead, rest, exponent = digits:match('^(-?)(%d)%.?(%d*)e([+-]%d+)$')
  exponent = tonumber(exponent)
  local all = lead .. rest
  if exponent < -4 or exponent >= 16 then
    local tail = rest ~= '' and '.' .. rest or ''
    return ('%s%s%se%s%02d'):format(sign, lead, tail, exponent < 0 and '-' or '+', math.abs(exponent))
  end
  if exponent < 0 then return sign .. '0.' .. ('0'):rep(-exponent - 1) .. all end
  if #all <= exponent + 1 then return sign .. all .. ('0'):rep(exponent + 1 - #all) .. '.0' end
  return sign .. all:sub(1, exponent + 1) .. '.' .. all:sub(exponent + 2)
end

local ESCAPES = {
  ['"'] = '\\"', ['\\'] = '\\\\', ['\b'] = '\\b', ['\f'] = '\\f', ['\n'] = '\\n', ['\r'] = '\\r',
  ['\t'] = '\\t',
}

local function escape_control(c)
  return ESCAPES[c] or ('\\u%04x'):format(c:byte())
end

local LEADS = { { 0xF0, 4, 0x10000 }, { 0xE0, 3, 0x800 }, { 0xC0, 2, 0x80 } }

--- @return number? code, integer length nil when the bytes at `i` are no UTF-8 character
local function decode(s, i)
  local byte = s:byte(i)
  for _, lead in ipairs(LEADS) do
    local first, length, least = lead[1], lead[2], lead[3]
    if byte >= first and byte < first + 2 ^ (7 - length) then
      local code = byte - first
      for k = 1, length - 1 do
        local next_byte = s:byte(i + k)
        if not next_byte or next_byte < 0x80 or next_byte > 0xBF then return nil, 1 end
        code = code * 64 + next_byte - 0x80
      end
      local surrogate = code >= 0xD800 and code <= 0xDFFF
      if code < least or code > 0x10FFFF or surrogate then return nil, 1 end
      return code, length
    end
  end
  return nil, 1
end

--- Whether every byte belongs to a UTF-8 character.
function M.is_utf8(s)
  local i = s:find('[\128-\255]')
  while i do
    local code, length = decode(s, i)
    if not code then return false end
    i = s:find('[\128-\255]', i + length)
  end
  return true
end

local function quote(s)
  local out = s:gsub('[%z\1-\31"\\\127]', escape_control)
  local parts, at = {}, 1
  while at <= #out do
    local wide = out:find('[\128-\255]', at)
    parts[#parts + 1] = out:sub(at, (wide or #out + 1) - 1)
    if not wide then break end
    local code, length = decode(out, wide)
    code = code or 0xFFFD
    if code >= 0x10000 then
      local rest = code - 0x10000
      parts[#parts + 1] = ('\\u%04x\\u%04x'):format(0xD800 + math.floor(rest / 1024), 0xDC00 + rest % 1024)
    else
      parts[#parts + 1] = ('\\u%04x'):format(code)
    end
    at = wide + length
  end
  return '"' .. table.concat(parts) .. '"'
end

local dump

local function dump_map(m)
  local parts = {}
  for key, value in map.each(m) do
    parts[#parts + 1] = quote(key) .. ': ' .. dump(value)
  end
  return '{' .. table.concat(parts, ', ') .. '}'
end

local function dump_list(list)
  local parts = {}
  for i, value in ipairs(list) do parts[i] = dump(value) end
  return '[' .. table.concat(parts, ', ') .. ']'
end

function dump(value)
  local kind = type(value)
  if value == map.null or kind == 'nil' then return 'null' end
  if kind == 'string' then return quote(value) end
  if kind == 'number' then return M.number(value) end
  if kind == 'boolean' then return value and 'true' or 'false' end
  if map.is(value) then return dump_map(value) end
  return dump_list(value)
end

--- json.dumps of a value of strings, numbers, booleans, null, lists and ordered maps.
--- @return string
function M.json(value)
  return dump(value)
end

return M
