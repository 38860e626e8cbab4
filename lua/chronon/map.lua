--- Ordered maps, because Chronon's maps keep the author's order and Lua's tables have none.
local M = {}

local Map = { __chronon = 'Map' }

--- Stands for Python's None where nil cannot be written (inside tables).
M.null = setmetatable({}, { __chronon = 'null', __tostring = function() return 'null' end })

--- @class chronon.Map
--- @field keys string[] in order
--- @field values table<string, any>

--- @return chronon.Map
function M.new()
  return setmetatable({ keys = {}, values = {} }, Map)
end

function M.is(x)
  return type(x) == 'table' and getmetatable(x) == Map
end

--- Sets a key; a new one goes to the end, a known one keeps its place, as in Python's dict.
function M.set(m, key, value)
  if m.values[key] == nil then m.keys[#m.keys + 1] = key end
  m.values[key] = value
end

function M.get(m, key)
  return m.values[key]
end

function M.remove(m, key)
  m.values[key] = nil
  for i, k in ipairs(m.keys) do
    if k == key then
      table.remove(m.keys, i)
      return
    end
  end
end

--- Iterates over key, value in order.
function M.each(m)
  local i = 0
  return function()
    i = i + 1
    local key = m.keys[i]
    if key ~= nil then return key, m.values[key] end
  end
end

--- @return chronon.Map copy a new map with the same values
function M.copy(m)
  local copy = M.new()
  for key, value in M.each(m) do M.set(copy, key, value) end
  return copy
end

--- The string keys of a plain table, sorted: the only order it has.
--- @return string[]
function M.sorted_keys(t)
  local keys = {}
  for key in pairs(t) do
    if type(key) == 'string' then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

return M
