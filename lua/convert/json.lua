--- JSON with the order of its objects: they become ordered maps (chronon.map), null its null.
local map = require 'chronon.map'

local M = {}

local ESCAPES = { b = '\b', f = '\f', n = '\n', r = '\r', t = '\t', ['"'] = '"', ['\\'] = '\\', ['/'] = '/' }

local function utf8(code)
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64) end
  local low = string.char(0x80 + math.floor(code / 64) % 64, 0x80 + code % 64)
  if code < 0x10000 then return string.char(0xE0 + math.floor(code / 4096)) .. low end
  return string.char(0xF0 + math.floor(code / 262144), 0x80 + math.floor(code / 4096) % 64) .. low
end

local read_value

local function read_string(text, at)
  local parts = {}
  while true do
    local stop = text:find('["\\]', at)
    if not stop then error('the text ends inside a string', 0) end
    parts[#parts + 1] = text:sub(at, stop - 1)
    if text:byte(stop) == 34 then return table.concat(parts), stop + 1 end
    local letter = text:sub(stop + 1, stop + 1)
    at = stop + 2
    if letter == 'u' then
      local code = tonumber(text:sub(at, at + 3), 16) or 0xFFFD
      at = at + 4
      local low = code >= 0xD800 and code < 0xDC00 and text:match('^\\u(%x%x%x%x)', at)
      if low then
        code = 0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00
        at = at + 6
      end
      parts[#parts + 1] = utf8(code)
    else
      parts[#parts + 1] = ESCAPES[letter] or letter
    end
  end
end

local function skip(text, at) return text:find('[^ \t\r\n]', at) or #text + 1 end

--- Reads what stands between brackets: one(at) reads an entry and returns where it ends.
local function read_entries(text, at, close, one)
  at = skip(text, at)
  if text:sub(at, at) == close then return at + 1 end
  while true do
    at = skip(text, one(at))
    local c = text:sub(at, at)
    if c == close then return at + 1 end
    if c ~= ',' then error('"," or "' .. close .. '" is missing at byte ' .. at, 0) end
    at = skip(text, at + 1)
  end
end

local function read_object(text, at)
  local m = map.new()
  return m, read_entries(text, at, '}', function(from)
    local key, stop = read_string(text, from + 1)
    local value
    value, stop = read_value(text, skip(text, skip(text, stop) + 1))
    map.set(m, key, value)
    return stop
  end)
end

local function read_array(text, at)
  local list = {}
  return list, read_entries(text, at, ']', function(from)
    local value, stop = read_value(text, from)
    list[#list + 1] = value
    return stop
  end)
end

local WORDS = { ['true'] = true, ['false'] = false, null = map.null }

function read_value(text, at)
  at = skip(text, at)
  local c = text:sub(at, at)
  if c == '{' then return read_object(text, at + 1) end
  if c == '[' then return read_array(text, at + 1) end
  if c == '"' then return read_string(text, at + 1) end
  local word = text:match('^%l+', at)
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  local number = text:match('^[-+%d.eE]+', at)
  if not tonumber(number) then error('there is no value at byte ' .. at, 0) end
  return tonumber(number), at + #number
end

--- @param text string
--- @return any? value nil, and why, when it is no JSON
function M.read(text)
  local ok, value = pcall(read_value, text, 1)
  if not ok then return nil, value end
  return value
end

local function is_plain(value) return type(value) ~= 'table' or value == map.null end

--- Where two documents differ, the order of keys aside: { path, was, now }.
local function differ(a, b, path, list)
  if map.is(a) and map.is(b) then
    for key, value in map.each(a) do
      differ(value, map.get(b, key), path == '' and key or path .. '.' .. key, list)
    end
    for key, value in map.each(b) do
      if map.get(a, key) == nil then list[#list + 1] = { path == '' and key or path .. '.' .. key, nil, value } end
    end
  elseif is_plain(a) or is_plain(b) or map.is(a) or map.is(b) or #a ~= #b then
    if a ~= b then list[#list + 1] = { path, a, b } end
  else
    for i, value in ipairs(a) do differ(value, b[i], ('%s[%d]'):format(path, i), list) end
  end
  return list
end

--- @return { [1]: string, [2]: any, [3]: any }[]
function M.differences(a, b) return differ(a, b, '', {}) end

return M
