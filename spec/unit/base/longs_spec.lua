local ffi = require('ffi')
local seed = require('spec.support.seed')
local C = require('spec.support.cdef').load('base/longs.h')

describe('base longs', function()
  it('gives every value the id of its first appearance, whatever their order and spread', function()
    local n = 20000
    local random, used = seed.random('longs')
    local values, ids = ffi.new('int64_t[?]', n), ffi.new('int32_t[?]', n)
    for round = 1, 3 do
      local spread = ({ 50, 3000, 2 ^ 52 })[round]
      for i = 0, n - 1 do values[i] = random(-spread, spread) end
      local d = ffi.gc(C.chn_longs_new(0), C.chn_longs_free)
      C.chn_longs_ids(d, values, nil, n, true, ids)
      local first, count = {}, 0
      for i = 0, n - 1 do
        local key = tostring(values[i])
        if not first[key] then
          first[key], count = count, count + 1
        end
        assert.equal(first[key], ids[i], 'seed ' .. used)
      end
      assert.equal(count, C.chn_longs_size(d))
    end
  end)

  it('gives -1 to what is null and, when only finding, to what is unknown', function()
    local d = ffi.gc(C.chn_longs_new(0), C.chn_longs_free)
    local values, ids = ffi.new('int64_t[3]', { 7, 0, 9 }), ffi.new('int32_t[3]')
    local valid = ffi.new('uint64_t[1]', { 5 }) -- the 0 in the middle is null
    C.chn_longs_ids(d, values, valid, 3, true, ids)
    assert.same({ 0, -1, 1 }, { ids[0], ids[1], ids[2] })
    C.chn_longs_ids(d, ffi.new('int64_t[3]', { 9, 8, 0 }), nil, 3, false, ids)
    assert.same({ 1, -1, -1 }, { ids[0], ids[1], ids[2] })
  end)
end)
