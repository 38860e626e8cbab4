local ffi = require('ffi')
local C = require('spec.support.cdef').load('base/md5.h')

local function hex(text)
  local out = ffi.new('char[33]')
  C.chn_md5_hex(text, #text, out)
  return ffi.string(out)
end

describe('base md5', function()
  it('is RFC 1321\'s, around every padding too', function()
    assert.equal('d41d8cd98f00b204e9800998ecf8427e', hex(''))
    assert.equal('900150983cd24fb0d6963f7d28e17f72', hex('abc'))
    assert.equal('d174ab98d277d9f5a5611c2c9f419d9f', hex('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'))
    for n, want in pairs { [55] = 'ef1772b6dff9a122358552954ad0df65', [56] = '3b0c8ac703f828b04c6c197006d17218',
      [63] = 'b06521f39153d618550606be297466d5', [64] = '014842d480b571495a4a0363793f7367' } do
      assert.equal(want, hex(('a'):rep(n)))
    end
  end)

  it('gives the bytes of its digits', function()
    local out = ffi.new('uint8_t[16]')
    C.chn_md5('abc', 3, out)
    assert.equal(hex('abc'), (ffi.string(out, 16):gsub('.', function(c) return ('%02x'):format(c:byte()) end)))
  end)
end)
