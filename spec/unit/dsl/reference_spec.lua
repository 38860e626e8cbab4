--- The reference page and the editor's types are what tools/dsl_reference.lua writes now.
local program = require 'spec.support.program'
require 'spec.support.dsl'
local c = require 'chronon'
local params = require 'chronon.params'

local function generated(option)
  local pipe = assert(io.popen('luajit tools/dsl_reference.lua ' .. option))
  local text = pipe:read('*a')
  pipe:close()
  return text
end

describe('the reference', function()
  it('is up to date (luajit tools/dsl_reference.lua --doc > docs/reference/dsl.md)', function()
    assert.is_true(program.read('docs/reference/dsl.md') == generated('--doc'))
  end)

  it('has up to date types (luajit tools/dsl_reference.lua --meta > lua/chronon/meta.lua)', function()
    assert.is_true(program.read('lua/chronon/meta.lua') == generated('--meta'))
  end)

  it('has every name of the module', function()
    local page, types = generated('--doc'), generated('--meta')
    for name in pairs(c) do
      assert.is_truthy(page:find('c.' .. name, 1, true), name .. ' is not on the page')
      assert.is_truthy(types:find('c.' .. name, 1, true) or name == 'null', name .. ' has no type')
    end
  end)

  it('has examples that run', function()
    local names = { 'source', 'departures', 'planes', 'risk', 'spec', 'model', 'transform', 'labels' }
    local fields = { { 'x', c.DataType.DOUBLE } }
    local query = c.Query { selects = c.select('user'), time_column = 'ts' }
    local env = { c = c }
    env.source = c.EventSource { table = 'a.b', topic = 't', query = query }
    env.departures = c.StagingQuery { query = 'SELECT 1', metaData = c.MetaData { name = 't.f.v' } }
    env.planes = env.departures
    env.risk = c.ExternalSource { name = 'risk', team = 't', key_fields = fields, value_fields = fields }
    env.spec = c.InferenceSpec { model_backend = 'b', model_backend_params = {} }
    env.model = c.Model { name = 'm', inference_spec = env.spec, input_schema = fields, output_schema = fields }
    env.transform = c.ModelTransform { model = env.model }
    local sum = c.Aggregation { input_column = 'd' }
    env.labels = c.GroupBy { name = 'l.l', sources = env.source, keys = { 'user' }, aggregations = { sum } }
    env.labels.aggregations = nil
    for _, name in ipairs(names) do assert.is_not_nil(env[name]) end
    env.require = function(name)
      return { v1 = name:match('^joins') and c.Join { left = env.source, right_parts = {} }
        or c.GroupBy { name = 'g.g', sources = env.source, keys = { 'user' }, aggregations = { sum } } }
    end
    for _, spec in ipairs(params.constructors) do
      local chunk = assert(loadstring('return ' .. spec.example), spec.example)
      assert.is_not_nil(setfenv(chunk, env)(), spec.name)
    end
  end)
end)
