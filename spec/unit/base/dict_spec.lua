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

  it('numbers many at once as one by one, new and known mixed, while it grows', function()
    local one, all = ffi.gc(C.chn_dict_new(0), C.chn_dict_free), ffi.gc(C.chn_dict_new(0), C.chn_dict_free)
    for round = 1, 20 do
      local n = round * 37 -- below, at and above what is looked up together
      local strings, at, ids = {}, ffi.new('size_t[?]', n + 1), ffi.new('uint32_t[?]', n)
      for i = 1, n do
        strings[i] = ('x'):rep(i % 5) .. (i * round) % 900
        at[i] = at[i - 1] + #strings[i]
      end
      C.chn_dict_intern_all(all, table.concat(strings), at, n, ids)
      for i = 1, n do assert.equal(C.chn_dict_intern(one, strings[i], #strings[i]), ids[i - 1]) end
    end
    assert.equal(C.chn_dict_size(one), C.chn_dict_size(all))
  end)
end)
