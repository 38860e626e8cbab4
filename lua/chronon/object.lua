--- What the constructors make: plain tables whose fields carry the names of Chronon's Thrift
--- structs (metaData, keyColumns, ...). Lists are sequences, maps are ordered maps (map.lua), enums
--- are numbers; an unset field is nil. The kind is the Thrift struct's name and lives in the
--- metatable. What is no part of the definition (where it was made, tags) is kept beside it.
local map = require 'chronon.map'

local M = {}

local metatables = {}
local notes = setmetatable({}, { __mode = 'k' })

--- @param kind string
--- @param fields table
function M.new(kind, fields)
  metatables[kind] = metatables[kind] or { __chronon = kind }
  return setmetatable(fields, metatables[kind])
end

--- @return string? kind "GroupBy", "Window", ...; "Map" and "null" for those; nil for the rest
function M.kind(x)
  local meta = type(x) == 'table' and getmetatable(x)
  return meta and rawget(meta, '__chronon') or nil
end

--- What is known about an object beside its fields: where ("file:line"), tags, module.
function M.note(x)
  notes[x] = notes[x] or {}
  return notes[x]
end

--- A shallow copy of the same kind, with the same notes.
function M.copy(x)
  local copy = {}
  for key, value in pairs(x) do copy[key] = value end
  for key, value in pairs(M.note(x)) do M.note(copy)[key] = value end
  return setmetatable(copy, getmetatable(x))
end

--- A Source with a Query of its own, so that filling in columns for one GroupBy or Join does not
--- reach the others that were given the same Source. A parent Join is shared: it has an identity.
function M.copy_source(source)
  local copy = M.copy(source)
  for _, branch in ipairs { 'events', 'entities', 'joinSource' } do
    if copy[branch] then
      copy[branch] = M.copy(copy[branch])
      copy[branch].query = M.copy(copy[branch].query)
      local query = copy[branch].query
      if query.selects then query.selects = map.copy(query.selects) end
    end
  end
  return copy
end

--- @return table source the EventSource, EntitySource or JoinSource inside a Source
function M.inner(source)
  return source.events or source.entities or source.joinSource
end

--- How an error names the thing it met.
function M.describe(x)
  local kind = M.kind(x)
  if kind == 'null' then return 'null' end
  if kind == 'Map' then return 'an ordered map' end
  if kind then return (kind:find('^[AEIOU]') and 'an ' or 'a ') .. kind end
  if type(x) == 'string' then
    return #x > 40 and 'a string' or ('the string %q'):format(x)
  end
  if type(x) == 'number' then return 'the number ' .. tostring(x) end
  if type(x) == 'nil' then return 'nothing' end
  if type(x) == 'boolean' then return 'the boolean ' .. tostring(x) end
  return 'a ' .. type(x)
end

return M
