--- Models and their place in a join.
local external = require 'chronon.external'
local metadata = require 'chronon.metadata'
local object = require 'chronon.object'
local params = require 'chronon.params'
local types = require 'chronon.types'

local M = {}

M.InferenceSpec = params.constructor {
  name = 'InferenceSpec', returns = 'InferenceSpec',
  doc = 'Where a model runs.',
  example = 'c.InferenceSpec { model_backend = "http", model_backend_params = { url = "http://models/score" } }',
  params = {
    { name = 'model_backend', type = types.name, required = true, doc = 'the registered name of the backend' },
    { name = 'model_backend_params', type = metadata.strings_map, required = true, doc = 'its parameters' },
  },
  build = function(v)
    return object.new('InferenceSpec', { modelBackend = v.model_backend, modelBackendParams = v.model_backend_params })
  end,
}

M.Model = params.constructor {
  name = 'Model', returns = 'Model',
  doc = 'A model and the shape of its inputs and outputs.',
  example = 'c.Model { name = "score", inference_spec = spec, input_schema = { { "x", c.DataType.DOUBLE } '
    .. '}, output_schema = { { "y", c.DataType.DOUBLE } } }',
  params = {
    { name = 'name', type = types.name, required = true, doc = 'the model\'s name' },
    { name = 'inference_spec', type = types.object { 'InferenceSpec' }, required = true, doc = 'where it runs' },
    { name = 'input_schema', type = external.fields_type, required = true, doc = 'the inputs, in order' },
    { name = 'output_schema', type = external.fields_type, required = true, doc = 'the outputs, in order' },
  },
  build = function(v)
    return object.new('Model', {
      metaData = object.new('MetaData', { name = v.name }), inferenceSpec = v.inference_spec,
      inputSchema = external.struct(('model_%s_inputs'):format(v.name), v.input_schema),
      outputSchema = external.struct(('model_%s_outputs'):format(v.name), v.output_schema),
    })
  end,
}

M.ModelTransform = params.constructor {
  name = 'ModelTransform', returns = 'ModelTransform',
  doc = 'A model applied to the output of a join.',
  example = 'c.ModelTransform { model = model, input_mappings = { x = "amount_sum_7d" }, prefix = "m" }',
  params = {
    { name = 'model', type = types.object { 'Model' }, required = true, doc = 'the model' },
    { name = 'input_mappings', type = metadata.strings_map,
      doc = 'input of the model to expression over the join\'s output' },
    { name = 'output_mappings', type = metadata.strings_map, doc = 'output of the model to column' },
    { name = 'prefix', type = types.string, doc = 'of its output columns' },
  },
  build = function(v)
    return object.new('ModelTransform', {
      model = v.model, inputMappings = v.input_mappings, outputMappings = v.output_mappings, prefix = v.prefix,
    })
  end,
}

M.ModelTransforms = params.constructor {
  name = 'ModelTransforms', returns = 'ModelTransforms',
  doc = 'All models of a join.',
  example = 'c.ModelTransforms { transforms = { transform }, passthrough_fields = { "request_id" } }',
  params = {
    { name = 'transforms', type = types.list(types.object { 'ModelTransform' }), required = true,
      doc = 'the models' },
    { name = 'passthrough_fields', type = types.list(types.string), doc = 'columns of the join that are kept' },
  },
  build = function(v)
    return object.new('ModelTransforms', { transforms = v.transforms, passthroughFields = v.passthrough_fields })
  end,
}

return M
