--- Definitions between the shell's objects (what chronon's constructors make) and JSON. The types of
--- the fields are the field table's (chronon.schema).
local json = require 'repl.json'
local map = require 'chronon.map'
local object = require 'chronon.object'
local schema = require 'chronon.schema'

local M = {}

--- enum model_kind
M.KINDS = { GroupBy = 1, Join = 2, StagingQuery = 3 }
M.KIND_NAMES = { 'GroupBy', 'Join', 'StagingQuery' }

local build

local function build_struct(kind, doc)
  local fields = {}
  for name, value in map.each(doc) do
    local field = schema.structs[kind].fields[name]
    fields[name] = field and build(field.type, value) or value
  end
  return object.new(kind, fields)
end

--- A value of a Thrift type: booleans are 0 or 1 in JSON, structs and maps both objects.
function build(kind, value)
  local element = kind:match('^list<(.+)>$')
  if element then
    local out = {}
    for i, item in ipairs(value) do out[i] = build(element, item) end
    return out
  end
  if schema.structs[kind] then return build_struct(kind, value) end
  if kind == 'bool' then return value == true or value == 1 end
  return value
end

--- @param kind string "GroupBy", ...
--- @param text string
function M.from_json(kind, text) return build_struct(kind, json.decode(text)) end

function M.to_json(definition) return json.encode(definition) end

return M
