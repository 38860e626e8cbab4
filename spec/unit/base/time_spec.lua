local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('base/time.h')

local function day(ds)
  local out = ffi.new('int32_t[1]')
  cdef.check(C.chn_day_of_ds, ds, out)
  return out[0]
end

local function ds(d) return ffi.string(C.chn_ds_of_day(d, ffi.new('char[16]'))) end

describe('base time', function()
  it('counts days from 1970-01-01', function()
    assert.equal(0, day('1970-01-01'))
    assert.equal(-1, day('1969-12-31'))
    assert.equal(19782, day('2024-02-29'))
  end)

  it('writes back every day it reads', function()
    for d = -150000, 150000, 37 do assert.equal(d, day(ds(d))) end
  end)

  it('puts an instant before 1970 on the day it lies in', function()
    assert.equal(-1, C.chn_day_of_ms(-1))
    assert.equal(0, C.chn_day_of_ms(86399999))
    assert.equal(1, C.chn_day_of_ms(86400000))
  end)

  for _, bad in ipairs({
    '', '2024', '2024-1-01', '2024-02-30', '2023-02-29', '2024-00-10', '2024-01-01 ', '20240101', '2024-01-01T',
  }) do
    it('refuses "' .. bad .. '"', function()
      assert.has_error(function() day(bad) end)
    end)
  end
end)
