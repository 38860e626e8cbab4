local ffi = require('ffi')
local C = require('spec.support.cdef').load('agg/sketch.h')
local seeds = require('spec.support.seed')

local function cpc(lg_k) return ffi.gc(C.agg_cpc_new(lg_k), C.agg_cpc_free) end
local function kll(k) return ffi.gc(C.agg_kll_new(k), C.agg_kll_free) end

local function quantile(sketch, fraction)
  local out = ffi.new('float[1]')
  C.agg_kll_quantiles(sketch, ffi.new('double[1]', fraction), 1, out)
  return out[0]
end

local function store(f, sketch)
  local buf = ffi.new('struct chn_buf')
  f(sketch, buf)
  local bytes = ffi.string(buf.data, buf.len)
  C.chn_buf_deinit(buf)
  return bytes
end

local function hex(bytes)
  return (bytes:gsub('.', function(c) return ('%02x'):format(c:byte()) end))
end

local function bytes_of(text)
  return (text:gsub('%s', ''):gsub('..', function(x) return string.char(tonumber(x, 16)) end))
end

local function load_cpc(lg_k, bytes)
  local out, err = ffi.new('struct agg_cpc *[1]'), ffi.new('struct chn_err')
  local status = C.agg_cpc_load(lg_k, bytes, #bytes, out, err)
  if status ~= C.CHN_OK then
    assert.equal(C.CHN_E_CORRUPT, status)
    return nil, ffi.string(err.msg)
  end
  return ffi.gc(out[0], C.agg_cpc_free)
end

local function load_kll(bytes)
  local out, err = ffi.new('struct agg_kll *[1]'), ffi.new('struct chn_err')
  local status = C.agg_kll_load(bytes, #bytes, out, err)
  if status ~= C.CHN_OK then
    assert.equal(C.CHN_E_CORRUPT, status)
    return nil, ffi.string(err.msg)
  end
  return ffi.gc(out[0], C.agg_kll_free)
end

describe('agg CPC', function()
  it('counts as many coupons as there are distinct ones, in one sketch or in merged ones', function()
    local random, seed = seeds.random('cpc')
    for _ = 1, 40 do
      local lg_k = random(4, 12)
      local values = random(0, 3000)
      local whole, left, right = cpc(lg_k), cpc(lg_k), cpc(lg_k)
      local coupons, n = {}, 0
      local function seen(coupon)
        if coupon >= 0 and not coupons[tonumber(coupon)] then
          coupons[tonumber(coupon)], n = true, n + 1
        end
      end
      for _ = 1, values do
        local kind, x = random(1, 3), random(-2000, 2000)
        local half = random(0, 1) == 0 and left or right
        if kind == 1 then
          seen(C.agg_cpc_coupon_long(lg_k, x))
          C.agg_cpc_update_long(whole, x); C.agg_cpc_update_long(half, x)
        elseif kind == 2 then
          seen(C.agg_cpc_coupon_double(lg_k, x / 8))
          C.agg_cpc_update_double(whole, x / 8); C.agg_cpc_update_double(half, x / 8)
        else
          local s = x < 0 and '' or 's' .. x
          seen(C.agg_cpc_coupon_bytes(lg_k, s, #s))
          C.agg_cpc_update_bytes(whole, s, #s); C.agg_cpc_update_bytes(half, s, #s)
        end
      end
      C.agg_cpc_merge(left, right)
      local where = ('seed %d, lgK %d, %d values'):format(seed, lg_k, values)
      assert.equal(n, C.agg_cpc_coupons(whole), where)
      assert.equal(n, C.agg_cpc_coupons(left), where)
      assert.equal(C.agg_cpc_icon(lg_k, n), C.agg_cpc_estimate(whole), where)
      assert.equal(C.agg_cpc_icon(lg_k, n), C.agg_cpc_estimate(left), where)
      local bytes = store(C.agg_cpc_store, whole)
      assert.equal(hex(bytes), hex(store(C.agg_cpc_store, left)), where)
      local read, why = load_cpc(lg_k, bytes)
      assert.is_truthy(read, where .. ': ' .. tostring(why))
      assert.equal(n, C.agg_cpc_coupons(read), where)
      assert.equal(hex(bytes), hex(store(C.agg_cpc_store, read)), where)
    end
  end)

  it('gives what Chronon gives: 1020 for 1..1000 at lgK 8, and these bytes', function()
    local s = cpc(8)
    for i = 1, 1000 do C.agg_cpc_update_long(s, i) end
    assert.equal(1020, math.floor(C.agg_cpc_estimate(s)))
    s = cpc(8)
    for i = 1, 4 do C.agg_cpc_update_long(s, i) end
    assert.equal('04011008000acc930400000002000000', hex(store(C.agg_cpc_store, s)):sub(1, 32))
    assert.equal(4, math.floor(C.agg_cpc_estimate(s)))
  end)

  it('ignores empty strings, and takes -0.0 for 0.0 and all NaN for one', function()
    assert.equal(-1, tonumber(C.agg_cpc_coupon_bytes(8, '', 0)))
    assert.equal(C.agg_cpc_coupon_double(8, 0), C.agg_cpc_coupon_double(8, -0.0))
    local odd = ffi.new('union { uint64_t u; double d; }', { u = 0x7ff8000000000123ULL })
    assert.equal(C.agg_cpc_coupon_double(8, 0 / 0), C.agg_cpc_coupon_double(8, odd.d))
    local s = cpc(8)
    C.agg_cpc_update_bytes(s, '', 0)
    assert.equal(0, C.agg_cpc_estimate(s))
  end)

  it('reads the bytes of a sketch that was never merged', function()
    -- One coupon and HIP's two registers, as the library writes them.
    local s = cpc(8)
    C.agg_cpc_update_long(s, 1)
    local plain = store(C.agg_cpc_store, s)
    local hip = string.char(8) .. plain:sub(2, 5) .. string.char(plain:byte(6) + 4) .. plain:sub(7, 16)
      .. ('\0'):rep(16) .. plain:sub(17)
    local read, why = load_cpc(8, hip)
    assert.is_truthy(read, why)
    assert.equal(hex(plain), hex(store(C.agg_cpc_store, read)))
  end)

  it("reads what PyPI's datasketches 5.2.0 wrote, and writes what it reads", function()
    -- cpc_sketch(8) after 1..40, and the same out of a cpc_union, whose estimate is 41.047.
    local alone = bytes_of [[08011008000ecc93 2800000008000000 00000000c0216e40 a5888822ab924440
      008af1d50c647020c65363bee6d43ee72f0f39b9522d989a2afd846040780a00]]
    local union = bytes_of [[04011008000acc93 2800000008000000
      008af1d50c647020c65363bee6d43ee72f0f39b9522d989a2afd846040780a00]]
    for _, bytes in ipairs({ alone, union }) do
      local read, why = load_cpc(8, bytes)
      assert.is_truthy(read, why)
      assert.is_near(41.047281948498494, C.agg_cpc_estimate(read), 1e-9)
      assert.equal(hex(union), hex(store(C.agg_cpc_store, read)))
    end
    local s = cpc(8)
    for i = 1, 40 do C.agg_cpc_update_long(s, i) end
    assert.equal(hex(union), hex(store(C.agg_cpc_store, s)))
  end)

  it('refuses a sketch of another lgK, and says so', function()
    local read, why = load_cpc(10, store(C.agg_cpc_store, cpc(8)))
    assert.is_nil(read)
    assert.equal("CPC sketch: of another k (lgK) than the aggregation's", why)
  end)

  it('refuses a first column that would make it ignore values', function()
    local s = cpc(8)
    C.agg_cpc_update_long(s, 1)
    local bytes = store(C.agg_cpc_store, s)
    local read, why = load_cpc(8, bytes:sub(1, 4) .. '\63' .. bytes:sub(6))
    assert.is_nil(read)
    assert.equal('CPC sketch: its first column does not fit its number of coupons', why)
  end)

  it('survives hostile bytes', function()
    local random, seed = seeds.random('hostile cpc')
    local refused = 0
    for round = 1, 3000 do
      local lg_k = random(4, 9)
      local s = cpc(lg_k)
      for _ = 1, random(0, 4) ^ 5 do C.agg_cpc_update_long(s, random(0, 1000000)) end
      local bytes = { store(C.agg_cpc_store, s):byte(1, -1) }
      for _ = 1, random(1, 4) do
        local at = random(1, random(0, 1) == 0 and math.min(24, #bytes) or #bytes)
        bytes[at] = random(0, 255)
      end
      for _ = 1, random(0, 3) == 0 and random(1, 8) or 0 do bytes[#bytes] = nil end
      local text = {}
      for i, b in ipairs(bytes) do text[i] = string.char(b) end
      local read = load_cpc(lg_k, table.concat(text))
      if read then
        C.agg_cpc_merge(read, s)
        for i = 1, 50 do C.agg_cpc_update_long(read, i) end
        local again, why = load_cpc(lg_k, store(C.agg_cpc_store, read))
        assert.is_truthy(again, ('seed %d, round %d: %s'):format(seed, round, tostring(why)))
      else
        refused = refused + 1
      end
    end
    assert.is_true(refused > 1000, refused)
  end)
end)

describe('agg KLL', function()
  local function sorted(values)
    table.sort(values)
    return values
  end

  it('is exact up to k values: sorted[floor(f * n)]', function()
    local random, seed = seeds.random('kll')
    for _ = 1, 60 do
      local s, values = kll(128), {}
      for i = 1, random(1, 128) do
        values[i] = random(-1000, 1000) / 4
        C.agg_kll_update(s, values[i])
      end
      sorted(values)
      for _, f in ipairs({ 0, 0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1, random(0, 1000) / 1000 }) do
        local want = values[math.min(math.floor(f * #values), #values - 1) + 1]
        assert.equal(want, quantile(s, f), ('seed %d, n %d, f %g'):format(seed, #values, f))
      end
    end
  end)

  it('stays within 3 % of the rank beyond, and gives equal bytes for equal input', function()
    local a, b = kll(128), kll(128)
    for i = 0, 99999 do
      C.agg_kll_update(a, i * 7919 % 100000)
      C.agg_kll_update(b, i * 7919 % 100000)
    end
    for _, f in ipairs({ 0.05, 0.5, 0.9 }) do
      assert.is_near(f * 100000, quantile(a, f), 3000)
    end
    assert.equal(hex(store(C.agg_kll_store, a)), hex(store(C.agg_kll_store, b)))
  end)

  it('merges, stores and reads', function()
    local random, seed = seeds.random('kll merge')
    for _ = 1, 50 do
      local a, b, all = kll(8), kll(8), {}
      for _, s in ipairs({ a, b }) do
        for _ = 1, random(0, 2) ^ 8 do
          all[#all + 1] = random(0, 100000)
          C.agg_kll_update(s, all[#all])
        end
      end
      C.agg_kll_merge(a, b)
      local bytes = store(C.agg_kll_store, a)
      local read, why = load_kll(bytes)
      assert.is_truthy(read, ('seed %d: %s'):format(seed, tostring(why)))
      assert.equal(#all, tonumber(C.agg_kll_count(read)))
      assert.equal(hex(bytes), hex(store(C.agg_kll_store, read)))
      if #all > 0 then
        sorted(all)
        assert.equal(quantile(a, 0.5), quantile(read, 0.5))
      end
    end
  end)

  it("reads what PyPI's datasketches 5.2.0 wrote, and writes what it reads", function()
    -- kll_floats_sketch(8) after 7 i mod 60 for i = 0..59: its quartiles are 16, 29 and 48.
    local bytes = bytes_of [[05010f0008000800 3c00000000000000 08000300000000000c0000000c000000
      0000000000006c42000054420000384200001c42000000420000c841000090410000304100008040000064420000484200002c42
      00001042000040400000004100006041000080410000b0410000e0410000e84100002042000028420000404200005c4200006042]]
    local read, why = load_kll(bytes)
    assert.is_truthy(read, why)
    assert.equal(60, tonumber(C.agg_kll_count(read)))
    for f, q in pairs({ [0.25] = 16, [0.5] = 29, [0.75] = 48 }) do assert.equal(q, quantile(read, f)) end
    assert.equal(hex(bytes), hex(store(C.agg_kll_store, read)))
    for text, n in pairs({ ['02010f0180000800'] = 0, ['02020f048000080000002040'] = 1 }) do
      read, why = load_kll(bytes_of(text))
      assert.is_truthy(read, why)
      assert.equal(n, tonumber(C.agg_kll_count(read)))
    end
  end)

  it('answers within 2 % of rank, however values are cut into hops that are merged', function()
    local random, seed = seeds.random('kll ranks')
    for _, cut in ipairs({ { 1, 4000 }, { 30, 130 }, { 700, 6 }, { 300, 1 } }) do
      local all, whole = {}, nil
      for _ = 1, cut[1] do
        local hop = kll(128)
        for _ = 1, cut[2] do
          all[#all + 1] = random(0, 2 ^ 23)
          C.agg_kll_update(hop, all[#all])
        end
        if whole then C.agg_kll_merge(whole, hop) else whole = ffi.gc(C.agg_kll_copy(hop), C.agg_kll_free) end
      end
      table.sort(all)
      for _, f in ipairs({ 0.01, 0.25, 0.5, 0.75, 0.99 }) do
        local got, below = quantile(whole, f), 0
        while all[below + 1] and all[below + 1] < got do below = below + 1 end
        local rank = below / #all
        assert(math.abs(rank - f) < 0.02, ('seed %d, %d x %d: %g has rank %g'):format(seed, cut[1], cut[2], f, rank))
      end
    end
  end)

  it('knows the smallest and the largest value, whatever it has dropped', function()
    local s, low, high = kll(8), ffi.new('float[1]'), ffi.new('float[1]')
    for i = 1, 5000 do C.agg_kll_update(s, i * 7 % 5000 + 3) end
    C.agg_kll_ends(s, low, high)
    assert.same({ 3, 5002 }, { low[0], high[0] })
  end)

  it('ignores NaN', function()
    local s = kll(8)
    C.agg_kll_update(s, 0 / 0)
    assert.equal(0, tonumber(C.agg_kll_count(s)))
  end)

  it('survives hostile bytes', function()
    local random, seed = seeds.random('hostile kll')
    local refused = 0
    for round = 1, 3000 do
      local s = kll(random(8, 40))
      for _ = 1, random(0, 4) ^ 5 do C.agg_kll_update(s, random(0, 1000)) end
      local bytes = { store(C.agg_kll_store, s):byte(1, -1) }
      for _ = 1, random(1, 3) do bytes[random(1, math.min(40, #bytes))] = random(0, 255) end
      for _ = 1, random(0, 3) == 0 and random(1, 8) or 0 do bytes[#bytes] = nil end
      local text = {}
      for i, b in ipairs(bytes) do text[i] = string.char(b) end
      local read = load_kll(table.concat(text))
      if read then
        for i = 1, 500 do C.agg_kll_update(read, i) end
        C.agg_kll_merge(s, read)
        local again, why = load_kll(store(C.agg_kll_store, s))
        assert.is_truthy(again, ('seed %d, round %d: %s'):format(seed, round, tostring(why)))
        quantile(s, 0.3)
      else
        refused = refused + 1
      end
    end
    assert.is_true(refused > 1000, refused)
  end)
end)
