local ffi = require('ffi')
local C = require('spec.support.cdef').load('base/sha256.h')

local function sha(text)
  local out = ffi.new('uint8_t[32]')
  C.chn_sha256(text, #text, out)
  local hex = {}
  for i = 0, 31 do hex[i + 1] = ('%02x'):format(out[i]) end
  return table.concat(hex)
end

describe('base sha256', function()
  it('gives the examples of FIPS 180-4', function()
    assert.equal('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', sha(''))
    assert.equal('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', sha('abc'))
    assert.equal('248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
      sha('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'))
    assert.equal('cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0', sha(('a'):rep(1000000)))
  end)

  it('agrees with sha256sum at every length around a block', function()
    for n = 54, 130, 1 do
      local pipe = io.popen(("printf '%%%ds' x | sha256sum"):format(n))
      local want = pipe:read('*l'):match('^%x+')
      pipe:close()
      assert.equal(want, sha((' '):rep(n - 1) .. 'x'), n)
    end
  end)

  it('compares bytes', function()
    assert.is_true(C.chn_same_bytes('abc', 'abc', 3))
    assert.is_false(C.chn_same_bytes('abc', 'abd', 3))
    assert.is_true(C.chn_same_bytes('abc', 'abd', 2))
  end)
end)
