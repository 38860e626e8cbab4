--- The DSL under plain LuaJIT: `require 'chronon'` from lua/, definition files from a table of texts.
package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path

local map = require 'chronon.map'
local object = require 'chronon.object'
local text = require 'chronon.text'

local M = {}

local function plain(x)
  if map.is(x) then
    local m = map.new()
    for key, value in map.each(x) do map.set(m, key, plain(value)) end
    return m
  end
  if type(x) ~= 'table' or object.kind(x) == 'null' then return x end
  if not object.kind(x) then
    local list = {}
    for i, value in ipairs(x) do list[i] = plain(value) end
    return list
  end
  local m = map.new()
  for _, key in ipairs(map.sorted_keys(x)) do map.set(m, key, plain(x[key])) end
  return m
end

--- An object as one line of JSON, its fields by name.
function M.json(x)
  return text.json(plain(x))
end

--- Runs Lua text as the definition file `file`, and returns what it returns.
function M.run(file, source)
  return assert(loadstring(source, '@' .. file))()
end

--- The message of the error that the text raises.
function M.error_of(source, file)
  local chunk = assert(loadstring("local c = require 'chronon'\n" .. source, '@'
    .. (file or 'group_bys/team/file.lua')))
  local ok, message = pcall(chunk)
  assert(not ok, 'no error was raised')
  return message
end

return M
