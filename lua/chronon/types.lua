--- The types of parameters (params.lua says what a type is).
local map = require 'chronon.map'
local object = require 'chronon.object'
local params = require 'chronon.params'
local text = require 'chronon.text'

local fail, describe = params.fail, object.describe

local M = {}

local function basic(lua_type, name)
  return {
    text = lua_type,
    lua = lua_type,
    check = function(value, path)
      if type(value) ~= lua_type then fail(path, 'expected %s, got %s', name, describe(value)) end
      return value
    end,
  }
end

M.boolean = basic('boolean', 'true or false')
M.number = basic('number', 'a number')
M.string = basic('string', 'a string')

local check_string = M.string.check
function M.string.check(value, path)
  check_string(value, path)
  if not text.is_utf8(value) then fail(path, 'is not UTF-8 text') end
  if value:find('%z') then fail(path, 'holds a NUL byte') end
  return value
end

function M.string.accepts(value) return type(value) == 'string' end

--- A string that says something.
M.name = {
  text = 'string', lua = 'string', accepts = M.string.accepts,
  check = function(value, path)
    if M.string.check(value, path) == '' then fail(path, 'is empty') end
    return value
  end,
}

M.integer = {
  text = 'integer', lua = 'integer',
  check = function(value, path)
    if type(value) ~= 'number' or value ~= math.floor(value) then
      fail(path, 'expected a whole number, got %s', describe(value))
    end
    if math.abs(value) > 2147483647 then fail(path, '%g does not fit into 32 bits', value) end
    return value
  end,
}

--- An integer from `least` up.
function M.at_least(least)
  return {
    text = 'integer', lua = 'integer',
    check = function(value, path)
      if M.integer.check(value, path) < least then
        fail(path, 'expected a whole number from %d up, got %d', least, value)
      end
      return value
    end,
  }
end

--- One of some strings.
function M.choice(...)
  local known = { ... }
  return {
    text = '"' .. table.concat(known, '", "') .. '"',
    lua = "'" .. table.concat(known, "'|'") .. "'",
    check = function(value, path)
      for _, word in ipairs(known) do
        if value == word then return value end
      end
      fail(path, 'expected one of "%s", got %s', table.concat(known, '", "'), describe(value))
    end,
  }
end

--- Refuses what is no sequence, and returns its length.
local function length_of(value, path, item)
  if type(value) ~= 'table' or object.kind(value) then
    local hint = item.accepts and item.accepts(value) and ': put it in braces, { ... }' or ''
    fail(path, 'expected a list, got %s%s', describe(value), hint)
  end
  local count = 0
  for key in pairs(value) do
    if type(key) ~= 'number' then
      fail(path, 'expected a list, got a table with the key `%s`', tostring(key))
    end
    count = math.max(count, key)
  end
  for i = 1, count do
    if value[i] == nil then fail(path, 'the list has no item %d of %d', i, count) end
  end
  return count
end

--- @param item table type of every item
--- @param single boolean? one item stands for a list of one, as in Python
function M.list(item, single)
  return {
    text = (single and item.text .. ' or ' or '') .. 'list of ' .. item.text,
    lua = (single and item.lua .. '|' or '') .. '(' .. item.lua .. ')[]',
    check = function(value, path)
      if single and object.kind(value) then value = { value } end
      local list = {}
      for i = 1, length_of(value, path, item) do
        list[i] = item.check(value[i], ('%s[%d]'):format(path, i))
      end
      return list
    end,
  }
end

--- Adds the entries of an author's table to an ordered map: the items of its sequence in order
--- (a one-entry table, or with `names` a string that stands for itself), then the named ones by
--- name.
function M.add_entries(m, value, item, path, names)
  local function add(key, entry)
    M.string.check(key, path)
    map.set(m, key, item.check(entry, ('%s["%s"]'):format(path, key)))
  end
  for i, entry in ipairs(value) do
    if names and type(entry) == 'string' then
      add(entry, entry)
    elseif type(entry) == 'table' and not object.kind(entry) and entry[1] == nil then
      for _, key in ipairs(map.sorted_keys(entry)) do add(key, entry[key]) end
    else
      fail(('%s[%d]'):format(path, i), 'expected %s{ name = value }, got %s',
        names and 'a name or ' or '', describe(entry))
    end
  end
  for key in pairs(value) do
    if type(key) == 'number' and (key < 1 or key > #value or key % 1 ~= 0) then
      fail(path, 'the keys of a map are strings, not the number %g', key)
    elseif type(key) ~= 'number' and type(key) ~= 'string' then
      fail(path, 'the keys of a map are strings, not %s', describe(key))
    end
  end
  for _, key in ipairs(map.sorted_keys(value)) do add(key, value[key]) end
  return m
end

--- @param item table type of every value
--- @param names boolean? a bare string in it stands for itself
function M.map(item, names)
  return {
    text = 'map of string to ' .. item.text,
    lua = ('chronon.Map|table<string, %s>|(%stable<string, %s>)[]'):format(item.lua, names and 'string|' or '', item.lua),
    check = function(value, path)
      local m = map.new()
      if map.is(value) then
        for key, entry in map.each(value) do
          map.set(m, key, item.check(entry, ('%s["%s"]'):format(path, key)))
        end
        return m
      end
      if type(value) ~= 'table' or object.kind(value) then
        fail(path, 'expected a table of names and values, got %s', describe(value))
      end
      return M.add_entries(m, value, item, path, names)
    end,
  }
end

--- An object of one of some kinds; `convert` may accept more.
--- @param kinds string[]
--- @param convert nil|fun(value: any, path: string): any the object, or nil
function M.object(kinds, convert)
  local known = {}
  for _, kind in ipairs(kinds) do known[kind] = true end
  return {
    text = table.concat(kinds, ' or '),
    lua = 'chronon.' .. table.concat(kinds, '|chronon.'),
    accepts = function(value) return known[object.kind(value)] end,
    check = function(value, path)
      if known[object.kind(value)] then return value end
      local converted = convert and convert(value, path)
      if converted then return converted end
      local made = type(value) == 'table' and not object.kind(value) and 'a plain table'
      fail(path, 'expected c.%s, got %s', table.concat(kinds, ' or c.'), made or describe(value))
    end,
  }
end

--- A member of an enum: what the author sees is an object of kind `Enum`, what is kept is its
--- number.
--- @param name string `Accuracy`, ...
function M.enum(name, members)
  local tokens, by_token = {}, {}
  for member, number in pairs(members) do
    tokens[member] = object.new(name, { name = member, value = number })
    by_token[tokens[member]] = number
  end
  params.strict('c.' .. name, tokens)
  return tokens, {
    text = name, lua = 'chronon.' .. name, members = members,
    check = function(value, path)
      if by_token[value] then return by_token[value] end
      local example = map.sorted_keys(members)[1]
      fail(path, 'expected c.%s (such as c.%s.%s), got %s', name, name, example, describe(value))
    end,
  }
end

local DEPTH = 32

local function check_json(value, path, depth)
  if depth > DEPTH then fail(path, 'is nested deeper than %d levels', DEPTH) end
  if value == map.null or type(value) == 'boolean' then return value end
  if type(value) == 'string' then return M.string.check(value, path) end
  if type(value) == 'number' then
    if value ~= value or math.abs(value) == math.huge then fail(path, 'is not a finite number') end
    return value
  end
  if type(value) ~= 'table' or (object.kind(value) and not map.is(value)) then
    fail(path, 'expected text, a number, true, false, c.null, a list or a map, got %s', describe(value))
  end
  local deeper = { check = function(v, p) return check_json(v, p, depth + 1) end, text = 'value', lua = 'any' }
  if map.is(value) or next(value) ~= nil and #value == 0 then
    return M.map(deeper).check(value, path)
  end
  return M.list(deeper).check(value, path)
end

--- What json.dumps takes; an empty table is a list, c.map() an empty map.
M.json = {
  text = 'any JSON value', lua = 'any',
  check = function(value, path) return check_json(value, path, 0) end,
}

return M
