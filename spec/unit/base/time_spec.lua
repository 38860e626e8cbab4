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

describe('base time of a text', function()
  local function ms(text)
    local out = ffi.new('int64_t[1]')
    cdef.check(C.chn_ms_of_text, text, out)
    return tonumber(out[0])
  end

  it('reads milliseconds and ISO 8601', function()
    for text, want in pairs({
      ['0'] = 0, ['-5'] = -5, ['1710028800000'] = 1710028800000, ['2024-03-10'] = 1710028800000,
      ['2024-03-10T00:00'] = 1710028800000, ['2024-03-10 01:02:03Z'] = 1710032523000,
      ['2024-03-10T01:02:03.4'] = 1710032523400, ['2024-03-10T01:02:03.456789Z'] = 1710032523456,
      ['2024-03-10T00:00:00+02:00'] = 1710021600000, ['2024-03-10T00:00:00 0200'] = 1710021600000,
      ['2024-03-10T00:00-00:30'] = 1710030600000, ['1969-12-31T23:59:59.999Z'] = -1,
      ['-62135596800000'] = -62135596800000, ['0001-01-01'] = -62135596800000,
      ['253402300799999'] = 253402300799999, ['9999-12-31T23:59:59.999Z'] = 253402300799999,
    }) do
      assert.equal(want, ms(text), text)
    end
  end)

  for _, bad in ipairs({ '', ' 5', '+5', '5x', 'now', '2024-03-10T', '2024-03-10T25:00', '2024-03-10T00:60',
    '2024-03-10T00:00:60', '2024-03-10T00:00:00.', '2024-02-30T00:00', '2024-03-10Z0', '2024-03-10T00:00+2',
    '2024-03-10T00:00+19:00', '2024-03-10+01:00', '99999999999999999999', '2024-03-10T00:00:00+02:00x' }) do
    it('refuses "' .. bad .. '"', function()
      assert.has_error(function() ms(bad) end,
        ('"%s" is no instant: epoch milliseconds or ISO 8601 (2024-03-10T12:30:00Z) is needed'):format(bad))
    end)
  end

  for _, far in ipairs({ '-62135596800001', '253402300800000', '9223372036854775807', '-9223372036854775808',
    '0001-01-01T00:00+01:00', '9999-12-31T23:59:59-01:00' }) do
    it('refuses "' .. far .. '", which no day has', function()
      assert.has_error(function() ms(far) end,
        ('"%s" is no instant of the years 1 to 9999, epoch milliseconds or ISO 8601'):format(far))
    end)
  end
end)
