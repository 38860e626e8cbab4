--- Blocks of versions and the places they lie at: what was written is read, and no bytes harm a reader.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local seeds = require('spec.support.seed')

local L = cdef.load('kv/layout_int.h')

ffi.cdef 'void *malloc(size_t);'

--- @param list table[] {ts, value}; the strings must be kept as long as the result is used
local function versions_of(list)
  local out = ffi.new('struct kv_version[?]', #list)
  for i, v in ipairs(list) do out[i - 1].ts, out[i - 1].data, out[i - 1].len = v[1], v[2], #v[2] end
  return out
end

local function list_of(versions, count)
  local out = {}
  for i = 0, tonumber(count) - 1 do
    out[i + 1] = { tonumber(versions[i].ts), ffi.string(versions[i].data, versions[i].len) }
  end
  return out
end

local function random_list(random, most, step)
  local list, ts = {}, random(-1000, 1000) * 1000
  for i = 1, random(1, most) do
    list[i], ts = { ts, ('v'):rep(random(0, 40)) .. i }, ts + random(1, step)
  end
  return list
end

--- A buffer of its exact size: under ASan one byte too many is an error.
local function exact(bytes)
  local p = ffi.gc(ffi.cast('uint8_t *', ffi.C.malloc(#bytes)), ffi.C.free)
  ffi.copy(p, bytes, #bytes)
  return p
end

local function written(list)
  local versions = versions_of(list)
  local n = L.kv_block_size(versions, #list)
  local out = ffi.new('uint8_t[?]', n)
  L.kv_block_write(out, versions, #list)
  return ffi.string(out, n)
end

describe('kv block', function()
  local block = ffi.new('struct kv_block')

  it('reads what it wrote', function()
    local random, seed = seeds.random('kv block')
    for _ = 1, 500 do
      local list = random_list(random, 60, 1000000)
      local bytes = written(list)
      local data = exact(bytes)
      assert.is_true(L.kv_block_open(block, data, #bytes))
      local out = ffi.new('struct kv_version[?]', block.count)
      assert.is_true(L.kv_block_versions(block, out))
      assert.same(list, list_of(out, block.count), ('CHRONON_SEED=%d'):format(seed))
      assert.equal(list[#list][1], tonumber(L.kv_block_last(block)))
    end
  end)

  it('is the bytes that the essay tells', function()
    assert.equal('\5\0\0\0\0\0\0\0' .. '\3\0' .. '\1\0\0\0\0\1\0\0' .. '\3\0\3\0' .. 'abc' .. 'de',
      written({ { 5, 'abc' }, { 6, '' }, { 261, 'de' } }))
    assert.equal('\255\255\255\255\255\255\255\255\1\0v', written({ { -1, 'v' } }))
  end)

  it('takes as many versions as its bytes and its 32 bits of time hold, at least one', function()
    local list = { { 0, ('a'):rep(100) }, { 1, ('b'):rep(100) }, { 2, 'c' } }
    local v = versions_of(list)
    for count = 1, 3 do
      local size = tonumber(L.kv_block_size(v, count))
      assert.equal(count, tonumber(L.kv_block_fits(v, 3, size)))
      assert.equal(math.max(1, count - 1), tonumber(L.kv_block_fits(v, 3, size - 1)))
      size = tonumber(L.kv_block_size(v + 3 - count, count))
      assert.equal(count, tonumber(L.kv_block_fits_last(v, 3, size)))
      assert.equal(math.max(1, count - 1), tonumber(L.kv_block_fits_last(v, 3, size - 1)))
    end
    for span, fits in pairs({ [2 ^ 32 - 1] = 2, [2 ^ 32] = 1 }) do
      v = versions_of({ { -7, '' }, { span - 7, '' } })
      assert.equal(fits, tonumber(L.kv_block_fits(v, 2, 8000)))
      assert.equal(fits, tonumber(L.kv_block_fits_last(v, 2, 8000)))
    end
  end)

  it('merges: of two of one time the new one', function()
    local random, seed = seeds.random('kv block merge')
    for _ = 1, 300 do
      local a, b, expected = random_list(random, 12, 3000), random_list(random, 12, 3000), {}
      for _, v in ipairs(b) do v[2] = 'new' .. v[2] end
      local by_ts = {}
      for _, list in ipairs({ a, b }) do
        for _, v in ipairs(list) do by_ts[v[1]] = v end
      end
      for _, v in pairs(by_ts) do expected[#expected + 1] = v end
      table.sort(expected, function(x, y) return x[1] < y[1] end)
      local va, vb, out = versions_of(a), versions_of(b), ffi.new('struct kv_version[?]', #a + #b)
      assert.same(expected, list_of(out, L.kv_block_merge(va, #a, vb, #b, out)), ('CHRONON_SEED=%d'):format(seed))
    end
  end)

  it('reads no more than it is given, whatever the bytes', function()
    local random, seed = seeds.random('kv block fuzz')
    local good, bad = 0, 0
    for _ = 1, 40000 do
      local bytes
      if random(1, 3) == 1 then
        bytes = {}
        for i = 1, random(0, 80) do bytes[i] = string.char(random(1, 2) == 1 and random(0, 3) or random(0, 255)) end
        bytes = table.concat(bytes)
      else
        bytes = written(random_list(random, 8, 100000))
        for _ = 1, random(0, 3) do
          local at = random(1, #bytes)
          bytes = bytes:sub(1, at - 1) .. string.char(random(0, 255)) .. bytes:sub(at + 1)
        end
        bytes = bytes:sub(1, random(1, 4) == 1 and random(0, #bytes) or #bytes)
      end
      local data = exact(bytes)
      local ok = L.kv_block_open(block, data, #bytes)
      if ok then
        assert.is_true(block.count >= 1 and block.count <= #bytes)
        local out = exact(('\0'):rep(tonumber(block.count) * ffi.sizeof('struct kv_version')))
        out = ffi.cast('struct kv_version *', out)
        ok = L.kv_block_versions(block, out)
        for i = 0, ok and tonumber(block.count) - 1 or -1 do
          local first = ffi.cast('const uint8_t *', out[i].data)
          assert.is_true(first >= data and first + out[i].len <= data + #bytes, ('CHRONON_SEED=%d'):format(seed))
          assert.is_true(i == 0 or out[i].ts > out[i - 1].ts, ('CHRONON_SEED=%d'):format(seed))
        end
      end
      if ok then good = good + 1 else bad = bad + 1 end
    end
    assert.is_true(good > 5000 and bad > 5000, good .. ' ' .. bad)
  end)
end)

describe('kv layout', function()
  local stored, place = ffi.new('struct kv_stored'), ffi.new('struct kv_place')

  it('reads what it wrote', function()
    local block = written({ { -9, 'val' }, { -6, 'ue' } })
    for _, n in ipairs({ 0, 1, 496, 497, 498, 600, 70000 }) do
      local key = ('k'):rep(n)
      L.kv_place_key(place, 0x01020304, key, n)
      L.kv_place_ts(place, -5)
      local size = tonumber(L.kv_long_size(n))
      local data = ffi.new('uint8_t[?]', size + #block)
      if size > 0 then L.kv_long_write(data, key, n) end
      ffi.copy(data + size, block, #block)
      assert.is_true(tonumber(place.len) <= L.KV_PLACE_MAX)
      assert.is_true(L.kv_stored_read(stored, place.bytes, place.len, data, size + #block))
      assert.same({ 0x01020304, -5, key, 2, -9 }, {
        stored.generation,
        tonumber(stored.bound),
        ffi.string(stored.key, stored.key_len),
        tonumber(stored.block.count),
        tonumber(stored.block.first),
      })
      assert.equal(n > 497, L.kv_long_is(data, size + #block, key, n))
      assert.is_false(L.kv_long_is(data, size + #block, key .. 'x', n + 1))
      L.kv_place_ts(place, -7) -- before the block's last version
      assert.is_false(L.kv_stored_read(stored, place.bytes, place.len, data, size + #block))
    end
  end)

  it('reads no more than it is given, whatever the bytes', function()
    local random, seed = seeds.random('kv layout')
    local read_some = 0
    for _ = 1, 40000 do
      local n, m = random(0, 300), random(0, 520)
      local shape = random(1, 3)
      n = shape == 2 and 286 or n
      local bytes, data = exact(('\7'):rep(n)), exact(('\7'):rep(m))
      for i = 0, shape == 2 and 5 or n - 1 do bytes[i] = random(0, 255) end
      for i = 0, shape == 2 and 3 or m - 1 do
        if i < m then data[i] = random(0, 255) end
      end
      if n >= 14 then bytes[n - 8] = 255 end -- a late bound
      if n >= 14 and shape == 1 then
        bytes[4], bytes[5] = math.floor((n - 14) / 256), (n - 14) % 256
        if m >= 10 then data[8], data[9] = random(0, 4), 0 end
      elseif shape == 2 then
        bytes[4], bytes[5] = 255, 255
        if m >= 4 then data[1], data[2], data[3] = random(0, 2), 0, random(0, 20) == 0 and 255 or 0 end
        local at = m >= 4 and 4 + data[0] + 256 * data[1] + 8 or m
        if at + 1 < m then data[at], data[at + 1] = random(0, 3), 0 end
      end
      if L.kv_stored_read(stored, bytes, n, data, m) then
        read_some = read_some + 1
        local first = ffi.cast('uint8_t *', stored.block.values)
        assert.is_true(first >= data and first + stored.block.values_len <= data + m, ('CHRONON_SEED=%d'):format(seed))
        assert.is_true(#ffi.string(stored.key, stored.key_len) + tonumber(stored.block.values_len) <= n + m)
      end
    end
    assert.is_true(read_some > 1000, read_some)
  end)
end)
