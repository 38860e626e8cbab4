-- Numbers as Java's toString has them; the texts are its own.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('base/buf.h')
ffi.cdef('void fetch_java_double(double v, struct chn_buf *out); void fetch_java_float(float v, struct chn_buf *out);')

local function text(write, value)
  local buf = ffi.new('struct chn_buf')
  write(value, buf)
  local out = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return out
end

describe('a number as Java prints it', function()
  for want, value in pairs({
    ['1.0'] = 1, ['-1.0'] = -1, ['0.0'] = 0, ['-0.0'] = -0.0, ['0.001'] = 0.001, ['0.0012'] = 0.0012, ['9.9E-4'] = 0.00099,
    ['0.05'] = 0.05, ['0.5'] = 0.5, ['100.0'] = 100, ['9999999.0'] = 9999999, ['1.0E7'] = 1e7, ['1234567.5'] = 1234567.5,
    ['1.23456785E7'] = 12345678.5, ['-2.5E-300'] = -2.5e-300, ['1.7976931348623157E308'] = 1.7976931348623157e308,
    ['Infinity'] = math.huge, ['-Infinity'] = -math.huge, ['NaN'] = 0 / 0,
  }) do
    it(want, function() assert.equal(want, text(C.fetch_java_double, value)) end)
  end

  it('of a float has a float\'s digits', function()
    assert.equal('-0.1', text(C.fetch_java_float, -0.1))
    assert.equal('3.4028235E38', text(C.fetch_java_float, 3.4028235e38))
  end)
end)
