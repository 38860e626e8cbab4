local bit = require('bit')
local ffi = require('ffi')
local C = require('spec.support.cdef').load('base/real.h')
ffi.cdef 'int snprintf(char *, size_t, const char *, ...);'
local random, seed = require('spec.support.seed').random('base real')

local digits, exponent = ffi.new('char[20]'), ffi.new('int32_t[1]')

local function double(x)
  local n = C.chn_digits_of_double(x, digits, exponent)
  return ffi.string(digits, n), exponent[0]
end

local function float(x)
  local n = C.chn_digits_of_float(x, digits, exponent)
  return ffi.string(digits, n), exponent[0]
end

--- C's own rounding: that of LuaJIT's %e takes the upper of two that are as near.
local function printed(x, precision)
  local out = ffi.new('char[64]')
  ffi.C.snprintf(out, 64, '%.*e', ffi.cast('int', precision), ffi.cast('double', x))
  return ffi.string(out)
end

--- Whether a text of scientific digits is x again.
local function reads_back(text, power, x) return tonumber(text .. 'e' .. (power - #text + 1)) == x end

describe('base real', function()
  it('gives the digits that people write', function()
    for x, want in pairs({ [0] = '0 0', [1] = '1 0', [10] = '1 1', [0.1] = '1 -1', [123.456] = '123456 2', [1e22] = '1 22',
      [1e23] = '1 23', [5e-324] = '5 -324', [1.7976931348623157e308] = '17976931348623157 308', [0.3] = '3 -1',
      [2.2250738585072014e-308] = '22250738585072014 -308', [9007199254740993] = '9007199254740992 15', [1e15] = '1 15' }) do
      assert.equal(want, table.concat({ double(x) }, ' '))
    end
    for x, want in pairs({ [0] = '0 0', [0.1] = '1 -1', [16777216] = '16777216 7', [3.4028235e38] = '34028235 38',
      [1.5] = '15 0' }) do
      assert.equal(want, table.concat({ float(x) }, ' '))
    end
  end)

  it('has as few digits as read back, and the nearest of those', function()
    local bits = ffi.new('union { double d; float f; uint32_t w[2]; }')
    for round = 1, 10000 do
      bits.w[0] = random(0, 65535) * 65536 + random(0, 65535)
      bits.w[1] = random(0, 32767) * 65536 + random(0, 65535)
      -- No NaNs: LuaJIT takes their payload for a tag.
      if bit.band(bits.w[1], 0x7ff00000) == 0x7ff00000 then bits.w[1] = 0x3ff00000 end
      if bit.band(bits.w[0], 0x7f800000) == 0x7f800000 then bits.w[0] = 0x3f800000 end
      local x = round % 3 == 0 and random(-1000000, 1000000) / 10 ^ random(0, 6) or bits.d
      x = math.abs(x)
      do
        local text, power = double(x)
        local told = ('seed %d: %.17g gives %s e%d'):format(seed, x, text, power)
        assert.is_true(reads_back(text, power, x), told)
        assert.is_nil(text:match('^0.') or text:match('.0$'), told)
        for precision = 0, #text - 2 do assert.is_false(tonumber(('%.' .. precision .. 'e'):format(x)) == x, told) end
        local same = printed(x, #text - 1)
        if tonumber(same) == x then assert.equal(same:gsub('[.]', ''):match('^%d+'), text, told) end
      end
      do
        local f = math.abs(bits.f)
        local text, power = float(f)
        bits.f = tonumber(text .. 'e' .. (power - #text + 1))
        assert.equal(f, bits.f, ('seed %d: %.9g gives %s e%d'):format(seed, f, text, power))
        assert.is_true(#text <= 9)
      end
    end
  end)
end)
