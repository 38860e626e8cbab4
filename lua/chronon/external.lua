--- Schemas and external sources.
local group_by = require 'chronon.group_by'
local metadata = require 'chronon.metadata'
local object = require 'chronon.object'
local params = require 'chronon.params'
local types = require 'chronon.types'

local fail = params.fail

local M = {}

local KINDS = {
  BOOLEAN = 0, SHORT = 2, INT = 3, LONG = 4, FLOAT = 5, DOUBLE = 6, STRING = 7, BINARY = 8,
}
local MAP, LIST, STRUCT = 11, 12, 13

local function data_type(kind, type_params, name)
  return object.new('TDataType', { kind = kind, params = type_params, name = name })
end

local function data_field(name, of)
  return object.new('DataField', { name = name, dataType = of })
end

local of_type = types.object({ 'TDataType' }, function(value, path)
  if object.kind(value) == 'uncalled type' then
    fail(path, '%s takes the types inside it: c.%s(...)', value.name, value.name)
  end
end)
of_type.text, of_type.lua = 'DataType', 'chronon.TDataType'

--- A field is { name, type } or { name = type }.
local function check_field(value, path)
  if type(value) ~= 'table' or object.kind(value) then
    fail(path, 'expected { "name", c.DataType.X }, got %s', object.describe(value))
  end
  local name, of = value[1], value[2]
  if name == nil then name, of = next(value) end
  local expected = value[1] ~= nil and 2 or 1
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  if count ~= expected then fail(path, 'expected { "name", c.DataType.X }, got a table of %d entries', count) end
  return data_field(types.name.check(name, path), of_type.check(of, path))
end

local fields_type = types.list {
  text = '{ name, DataType }', check = check_field,
  lua = '{ [1]: string, [2]: chronon.TDataType }|table<string, chronon.TDataType>',
}
M.fields_type = fields_type

--- @return table TDataType
function M.struct(name, fields)
  return data_type(STRUCT, fields, name)
end

local function callable(spec, arrange)
  local make = params.register(spec)
  return setmetatable({ name = spec.name }, {
    __chronon = 'uncalled type',
    __call = function(_, ...)
      local result = params.guarded(2, make, (arrange or function(...) return ... end)(...))
      return result
    end,
  })
end

M.DataType = {}
for name, kind in pairs(KINDS) do M.DataType[name] = data_type(kind) end

M.DataType.MAP = callable {
  name = 'DataType.MAP', returns = 'TDataType', positional = true, doc = 'A map; its keys are strings.',
  example = 'c.DataType.MAP(c.DataType.STRING, c.DataType.DOUBLE)',
  params = {
    { name = 'key_type', type = of_type, required = true, doc = 'c.DataType.STRING' },
    { name = 'value_type', type = of_type, required = true, doc = 'any type' },
  },
  build = function(v, path)
    if v.key_type.kind ~= KINDS.STRING then fail(path .. '.key_type', 'the keys of a map are c.DataType.STRING') end
    return data_type(MAP, { data_field('key', v.key_type), data_field('value', v.value_type) })
  end,
}

M.DataType.LIST = callable {
  name = 'DataType.LIST', returns = 'TDataType', positional = true, doc = 'A list.',
  example = 'c.DataType.LIST(c.DataType.DOUBLE)',
  params = { { name = 'elem_type', type = of_type, required = true, doc = 'the type of the items' } },
  build = function(v)
    return data_type(LIST, { data_field('elem', v.elem_type) })
  end,
}

M.DataType.STRUCT = callable({
  name = 'DataType.STRUCT', returns = 'TDataType', positional = true, doc = 'A struct of named fields.',
  example = 'c.DataType.STRUCT("Place", { "lat", c.DataType.DOUBLE }, { "lon", c.DataType.DOUBLE })',
  params = {
    { name = 'name', type = types.name, required = true, doc = 'the struct\'s name' },
    { name = 'fields', type = fields_type, required = true, doc = 'its fields, in order' },
  },
  build = function(v)
    return M.struct(v.name, v.fields)
  end,
}, function(first, ...)
  if type(first) ~= 'string' then return first, ... end
  return { name = first, fields = { ... } }
end)
params.strict('c.DataType', M.DataType)

--- Refuses an inline GroupBy without a name: a join can then not tell its columns.
function M.check_named(gb, path)
  if not gb.metaData.name then
    fail(path, 'this GroupBy has no name: define it in a file under group_bys/ and require that, or give it `name`')
  end
end

local function factory_config(v)
  if not v.factory_name and not v.factory_params then return nil end
  return object.new('ExternalSourceFactoryConfig', { factoryName = v.factory_name, factoryParams = v.factory_params })
end

M.ExternalSource = params.constructor {
  name = 'ExternalSource', returns = 'ExternalSource',
  doc = 'A service that is asked for values while fetching.',
  example = 'c.ExternalSource { name = "risk", team = "payments", key_fields = { { "user", '
    .. 'c.DataType.STRING } }, value_fields = { { "score", c.DataType.DOUBLE } } }',
  params = {
    { name = 'name', type = types.name, required = true, doc = 'the registered name of the source' },
    { name = 'team', type = types.string, required = true, doc = 'the owner' },
    { name = 'key_fields', type = fields_type, required = true, doc = 'what it is asked with' },
    { name = 'value_fields', type = fields_type, required = true, doc = 'what it answers' },
    { name = 'custom_json', type = types.string, doc = 'JSON text for tools' },
    { name = 'factory_name', type = types.string, doc = 'the registered factory that makes its handler' },
    { name = 'factory_params', type = metadata.strings_map, doc = 'parameters of the factory' },
    { name = 'offline_group_by', type = group_by.type, doc = 'a GroupBy with the same values for backfills' },
  },
  build = function(v, path)
    if v.name == 'contextual' then fail(path .. '.name', '"contextual" is built in: use c.ContextualSource') end
    if v.offline_group_by then M.check_named(v.offline_group_by, path .. '.offline_group_by') end
    return object.new('ExternalSource', {
      metadata = object.new('MetaData', { name = v.name, team = v.team, customJson = v.custom_json }),
      keySchema = M.struct(('ext_%s_keys'):format(v.name), v.key_fields),
      valueSchema = M.struct(('ext_%s_values'):format(v.name), v.value_fields),
      factoryConfig = factory_config(v), offlineGroupBy = v.offline_group_by,
    })
  end,
}

M.ContextualSource = params.constructor {
  name = 'ContextualSource', returns = 'ExternalSource',
  doc = 'Values that come with the request and are passed through to derivations and logs.',
  example = 'c.ContextualSource { fields = { { "amount", c.DataType.DOUBLE } } }',
  params = {
    { name = 'fields', type = fields_type, required = true, doc = 'the values' },
    { name = 'team', type = types.string, default = 'default', doc = 'the owner' },
  },
  build = function(v)
    return object.new('ExternalSource', {
      metadata = object.new('MetaData', { name = 'contextual', team = v.team }),
      keySchema = M.struct('contextual_keys', v.fields),
      valueSchema = M.struct('contextual_values', v.fields),
    })
  end,
}

M.ExternalPart = params.constructor {
  name = 'ExternalPart', returns = 'ExternalPart',
  doc = 'An external source inside a join.',
  example = 'c.ExternalPart { source = risk, key_mapping = { buyer = "user" }, prefix = "buyer" }',
  params = {
    { name = 'source', type = types.object { 'ExternalSource' }, required = true, doc = 'the source' },
    { name = 'key_mapping', type = metadata.strings_map, doc = 'left column to key of the source' },
    { name = 'prefix', type = types.string, doc = 'of its output columns' },
  },
  build = function(v)
    return object.new('ExternalPart', { source = v.source, keyMapping = v.key_mapping, prefix = v.prefix })
  end,
}

return M
