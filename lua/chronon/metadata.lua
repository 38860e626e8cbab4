--- MetaData and Derivation.
local object = require 'chronon.object'
local params = require 'chronon.params'
local types = require 'chronon.types'

local M = {}

M.strings_map = types.map(types.string)
M.env_type = types.map(M.strings_map)

local FIELDS = {
  { name = 'name', type = types.name, doc = 'the compiler writes the name over it' },
  { name = 'online', type = types.boolean, doc = 'served online' },
  { name = 'production', type = types.boolean, doc = 'alerts are wanted' },
  { name = 'customJson', type = types.string, doc = 'JSON text for tools' },
  { name = 'dependencies', type = types.list(types.string), doc = 'table partitions to wait for' },
  { name = 'tableProperties', type = M.strings_map, doc = 'properties of the output table' },
  { name = 'outputNamespace', type = types.string,
    doc = 'where the output table is put (default: the team\'s namespace)' },
  { name = 'team', type = types.string, doc = 'the compiler writes the team over it' },
  { name = 'modeToEnvMap', type = M.env_type, doc = 'mode to environment variables' },
  { name = 'consistencyCheck', type = types.boolean, doc = 'of old definitions' },
  { name = 'samplePercent', type = types.number, doc = 'share of requests to log' },
  { name = 'offlineSchedule', type = types.string, doc = 'cron expression or @daily, @weekly, ..., @never' },
  { name = 'consistencySamplePercent', type = types.number, doc = 'share of logged requests to check' },
  { name = 'historicalBackfill', type = types.boolean, doc = 'fill all holes, or only the latest day' },
  { name = 'deprecationDate', type = types.string, doc = 'yyyy-MM-dd' },
  { name = 'description', type = types.string, doc = 'for people' },
}

M.MetaData = params.constructor {
  name = 'MetaData', returns = 'MetaData',
  doc = 'What is known about a definition beside its values; StagingQuery takes one.',
  example = 'c.MetaData { outputNamespace = "data", dependencies = { "raw.flights/ds={{ ds }}" } }',
  params = FIELDS,
  build = function(v)
    return object.new('MetaData', v)
  end,
}

M.Derivation = params.constructor {
  name = 'Derivation', returns = 'Derivation',
  doc = 'A column computed from the output columns; name and expression "*" keep all of them.',
  example = 'c.Derivation { name = "ratio", expression = "amount_sum_1d / amount_sum_7d" }',
  params = {
    { name = 'name', type = types.name, required = true, doc = 'the new column' },
    { name = 'expression', type = types.name, required = true, doc = 'Spark SQL over the output columns' },
    { name = 'description', type = types.string, doc = 'for people' },
  },
  build = function(v)
    local described = v.description and v.description ~= ''
    return object.new('Derivation', {
      name = v.name, expression = v.expression,
      metaData = described and object.new('MetaData', { description = v.description }) or nil,
    })
  end,
}

M.derivations_type = types.list(types.object { 'Derivation' })

return M
