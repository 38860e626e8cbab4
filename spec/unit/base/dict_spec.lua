local ffi = require('ffi')
local C = require('spec.support.cdef').load('base/dict.h')

describe('base dict', function()
  it('numbers byte strings in order of first appearance', function()
    local d = ffi.gc(C.chn_dict_new(0), C.chn_dict_free)
    for i = 0, 9999 do assert.equal(i, C.chn_dict_intern(d, 'key' .. i, #('key' .. i))) end
    for i = 0, 9999 do assert.equal(i, C.chn_dict_intern(d, 'key' .. i, #('key' .. i))) end
    assert.equal(10000, C.chn_dict_size(d))
    assert.equal(-1, C.chn_dict_find(d, 'other', 5))
  end)

  it('keeps zero bytes, the empty string and prefixes apart', function()
    local d = ffi.gc(C.chn_dict_new(0), C.chn_dict_free)
    assert.equal(0, C.chn_dict_intern(d, '', 0))
    assert.equal(1, C.chn_dict_intern(d, 'a', 1))
    assert.equal(2, C.chn_dict_intern(d, 'a\0', 2))
    local len = ffi.new('size_t[1]')
    assert.equal('a\0', ffi.string(C.chn_dict_bytes(d, 2, len), 2))
    assert.equal(2, tonumber(len[0]))
  end)
end)
