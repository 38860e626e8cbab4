--- Numbers as Java writes them.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('agg/text.h')

local function text(f, value)
  local out = ffi.new('char[32]')
  local len = tonumber(f(value, out))
  assert.equal(0, out[len])
  return ffi.string(out, len)
end

describe('agg text', function()
  for want, value in pairs({
    ['0.0'] = 0, ['-0.0'] = -0.0, ['1.0'] = 1, ['0.1'] = 0.1, ['-12.5'] = -12.5, ['0.001'] = 0.001,
    ['9.999E-4'] = 9.999e-4, ['9999999.0'] = 9999999, ['1.0E7'] = 1e7, ['1.6777216E7'] = 16777216,
    ['3.4028235E38'] = 3.4028234663852886e38, ['0.33333334'] = 1 / 3,
    ['Infinity'] = math.huge, ['-Infinity'] = -math.huge, ['NaN'] = 0 / 0,
  }) do
    it('writes the float ' .. want, function() assert.equal(want, text(C.agg_text_float, value)) end)
  end

  it('writes as many digits as tell doubles apart', function()
    assert.equal('0.3333333333333333', text(C.agg_text_double, 1 / 3))
    assert.equal('0.10000000149011612', text(C.agg_text_double, tonumber(ffi.new('float', 0.1))))
  end)
end)
