local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('model/fields.h')

local function slurp(pipe)
  local text = pipe:read('*a')
  pipe:close()
  return text
end

describe('the field table', function()
  it('is what docs/reference/model.md says', function()
    local made = slurp(io.popen('luajit tools/model_reference.lua'))
    assert.equal(made, slurp(io.open('docs/reference/model.md')),
      'run: luajit tools/model_reference.lua > docs/reference/model.md')
  end)

  it('has fields by id, each in its own place', function()
    assert.equal(25, C.MODEL_S_COUNT)
    for i = 0, C.MODEL_S_COUNT - 1 do
      local s, last, taken = C.model_structs[i], 0, {}
      for k = 0, s.n_fields - 1 do
        local f = s.fields[k]
        assert.is_true(f.id > last and f.id < 64)
        last = f.id
        assert.is_nil(taken[tonumber(f.offset)])
        taken[tonumber(f.offset)] = true
        assert.is_true(tonumber(f.offset) >= 8 and f.offset < s.size)
        assert.is_true(C.model_field_find(s, f.name) == s.fields + k)
      end
      assert.is_true(C.model_struct_find(s.name) == C.model_structs + i)
    end
    assert.is_true(C.model_struct_find('Nothing') == nil)
  end)

  it('knows near names', function()
    local s = C.model_struct_find('Query')
    assert.equal('startPartition', ffi.string(C.model_field_near(s, 'start_partition').name))
    assert.is_true(C.model_field_near(s, 'zebra') == nil)
  end)
end)
