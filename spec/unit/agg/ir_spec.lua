-- What the oracle cannot say: deletes beyond what was there, stored forms, refusals.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('agg/ir.h', 'agg/text.h')
local cols = require('spec.support.cols')
local agg = require('spec.support.agg')
local oracle = require('spec.support.oracle')
local IR = require('spec.support.ir')
local seeds = require('spec.support.seed')
local null, show = cols.null, cols.show

--- A plan over x (and a bucket b), and an IR of its parts, and columns of these rows.
local function setup(type_text, op, rows, def)
  def = def or {}
  def[1], def[2] = 'x', op
  local plan, arena = agg.plan({ { 'x', type_text }, { 'b', 'string' } }, { def })
  assert.is_truthy(plan, arena)
  local data = { {}, def.buckets and {} or nil }
  for i, row in ipairs(rows) do
    data[1][i] = def.buckets and row[1] or row
    if def.buckets then data[2][i] = row[2] end
  end
  local columns, keep = cols.columns(plan.inputs, data)
  return { plan = plan, arena = arena, keep = keep, columns = columns, n = #rows,
           ir = IR.new(plan.parts, 1) }
end

local function fed(...)
  local s = setup(...)
  for i = 1, s.n do
    local failed = s.ir:update(s.columns, i, i)
    assert(not failed, failed)
  end
  return s
end

local function answer(s) return show(s.ir:finish()[1]) end

local function hex(bytes)
  return (bytes:gsub('.', function(c) return ('%02x'):format(c:byte()) end))
end
local function unhex(text)
  return (text:gsub('%x%x', function(h) return string.char(tonumber(h, 16)) end))
end

describe('agg IR deletes', function()
  it('store the inverse where nothing was', function()
    local function deleted(type_text, op, value, def)
      local s = setup(type_text, op, { value }, def)
      assert.is_nil(s.ir:delete(0, s.columns, 1))
      return show(s.ir:stored(0)), s
    end
    assert.equal('-1LL', (deleted('string', 'COUNT', 'q')))
    assert.equal('-5LL', (deleted('int', 'SUM', 5)))
    assert.equal('-2.5', (deleted('double', 'SUM', 2.5)))
    assert.equal('{count=-1, sum=-5}', (deleted('int', 'AVERAGE', 5)))
    assert.equal('{{"q", -1}}', (deleted('string', 'HISTOGRAM', 'q')))
    assert.equal('{{"k", -7LL}}', (deleted('map<string,int>', 'SUM', { { 'k', 7 } })))
    assert.equal('{{"p", -1LL}}', (deleted('string', 'COUNT', { 'v', 'p' }, { buckets = { 'b' } })))
    assert.equal('null', (deleted('int', 'SUM', null)))
  end)

  it('leave 0, {} and NULL behind when everything was taken back', function()
    for op, want in pairs({ COUNT = '0LL', SUM = '0LL', AVERAGE = 'null' }) do
      local s = fed('int', op, { 7 })
      assert.is_nil(s.ir:delete(0, s.columns, 1))
      assert.equal(want, answer(s), op)
    end
    local s = fed('string', 'HISTOGRAM', { 'q' })
    assert.is_nil(s.ir:delete(0, s.columns, 1))
    assert.equal('{}', answer(s))
    assert.equal('{}', show(s.ir:reloaded():finish()[1]))
  end)

  it('do nothing to operations without an inverse', function()
    for _, op in ipairs({ 'MIN', 'MAX', 'LAST', 'FIRST', 'UNIQUE_COUNT', 'VARIANCE', 'SKEW', 'TOP_K',
                          'APPROX_UNIQUE_COUNT', 'APPROX_PERCENTILE', 'BOUNDED_UNIQUE_COUNT' }) do
      local s = fed('int', op, { 3, 4, 5 }, { args = { k = 8 } })
      local before = answer(s)
      assert.is_nil(s.ir:delete(0, s.columns, 1))
      assert.equal(before, answer(s), op)
    end
  end)
end)

--- A frequent items sketch, beginning and what follows.
local function items(n, weight, offset, rest)
  local numbers = ffi.new('int64_t[3]', { n, weight, offset })
  return '\4\1\10\3\3\0\0\0' .. ffi.string(numbers, 24) .. (rest or '')
end

describe('agg IR stored', function()
  local FORMS = {
    { 'int', 'COUNT', { 1, 2 }, '2LL' },
    { 'short', 'MAX', { 1, 2 }, '2' },
    { 'int', 'AVERAGE', { 1, 2 }, '{count=2, sum=3}' },
    { 'int', 'VARIANCE', { 1, 2, 3 }, '{count=3, m2=2, mean=2}' },
    { 'int', 'SKEW', { 1, 3 }, '{2, 2, 2, 0, 2}' },
    { 'string', 'LAST', { 'a', 'b' }, '{epochMillis=2LL, payload="b"}' },
    { 'boolean', 'FIRST', { true, false }, '{epochMillis=1LL, payload=true}' },
    { 'double', 'MAX', { 0 / 0, 1 }, 'nan' },
    { 'int', 'UNIQUE_COUNT', { 3, 1, 3 }, '{3, 1}' },
    { 'string', 'HISTOGRAM', { 'a', 'b', 'b' }, '{{"b", 2}, {"a", 1}}' },
    { 'list<int>', 'SUM', { { 1, 2 }, { 3, 4 } }, '{4LL, 6LL}', { element_wise = true } },
    { 'int', 'SUM', { null }, 'null' },
  }
  for _, f in ipairs(FORMS) do
    it(f[2] .. ' of ' .. f[1] .. ' as ' .. f[4], function()
      local s = fed(f[1], f[2], f[3], f[5])
      assert.equal(f[4], show(s.ir:stored(0)))
      assert.equal(f[4], show(s.ir:reloaded():stored(0)))
    end)
  end

  it('keeps every entry of a HISTOGRAM whose answer is cut', function()
    local s = fed('string', 'HISTOGRAM', { 'a', 'b', 'b' }, { args = { k = 1 } })
    assert.equal('{{"b", 2}}', answer(s))
    assert.equal('{{"b", 2}, {"a", 1}}', show(s.ir:stored(0)))
  end)

  it("puts the worst of the K first, where upstream's heap has its root", function()
    local def = { args = { k = 3 } }
    assert.equal('{2, 3, 4}', show(fed('int', 'TOP_K', { 4, 1, 3, 2 }, def).ir:stored(0)))
    assert.equal('{3, 2, 1}', show(fed('int', 'BOTTOM_K', { 4, 1, 3, 2 }, def).ir:stored(0)))
    assert.equal('{{epochMillis=2LL, payload=1}, {epochMillis=3LL, payload=3}, {epochMillis=4LL, payload=2}}',
      show(fed('int', 'LAST_K', { 4, 1, 3, 2 }, def).ir:stored(0)))
    assert.equal('{{epochMillis=3LL, payload=3}, {epochMillis=2LL, payload=1}, {epochMillis=1LL, payload=4}}',
      show(fed('int', 'FIRST_K', { 4, 1, 3, 2 }, def).ir:stored(0)))
  end)

  it("reads the heap that upstream stores (golden case upload_temporal_events)", function()
    local s = setup('string', 'LAST_K', {}, { args = { k = 3 } })
    assert.is_nil(s.ir:load(0, {
      { epochMillis = 1706839419018LL, payload = 'oldest' },
      { epochMillis = 1707033716770LL, payload = 'newest' },
      { epochMillis = 1706976308655LL, payload = 'middle' } }))
    assert.equal('{"newest", "middle", "oldest"}', answer(s))
  end)

  it("reads and writes upstream's CPC bytes (golden case upload_temporal_events)", function()
    local merged = '04011008000acc930700000002000000e6e20454b27bf201'
    local s = fed('string', 'APPROX_UNIQUE_COUNT',
      { '', 'zeta eta', 'alpha', 'delta', 'Epsilon', '日本', 'beta', 'gamma' })
    assert.equal(merged, hex(s.ir:stored(0)))
    assert.is_nil(s.ir:load(0, unhex(merged)))
    assert.equal('7LL', answer(s))
    -- Never merged upstream: with HIP's registers.
    assert.is_nil(s.ir:load(0,
      unhex('08011008000ecc9302000000010000000000000000ee6f404080000102040040666e1d00')))
    assert.equal('2LL', answer(s))
    assert.equal(hex(fed('string', 'APPROX_UNIQUE_COUNT', { 'zeta eta', 'beta' }).ir:stored(0)),
      hex(s.ir:stored(0)))
  end)

  it('hashes strings of BOUNDED_UNIQUE_COUNT as Java does', function()
    local def = { args = { k = 3 } }
    local long = ('x'):rep(70000)
    local rows = { 'a', '日本', '\xf0\x9f\x98\x80\0', 'a' }
    local s = setup('string', 'BOUNDED_UNIQUE_COUNT', rows, def)
    for i = 1, 2 do s.ir:update(s.columns, i) end
    assert.equal('{"e7af82d83793a6d12579476ab7f84867", "877acb0312b77ae8640fefd6b885688e"}',
      show(s.ir:stored(0)))
    s.ir:update(s.columns, 3)
    assert.equal('9900a1df3eae0c8f79d67cb7ee4fdf94', s.ir:stored(0)[3])
    assert.equal('36ab94330d706e70cfa4fca1ec728e79',
      fed('string', 'BOUNDED_UNIQUE_COUNT', { long }, def).ir:stored(0)[1])
    -- A row more, even a known one, overflows it.
    s.ir:update(s.columns, 4)
    assert.equal('{"__SENTINEL__"}', show(s.ir:stored(0)))
    assert.equal('3LL', answer(s))
    assert.equal('3LL', show(s.ir:reloaded():finish()[1]))
  end)

  it('keeps k values of a BOUNDED_UNIQUE_COUNT of numbers that overflowed', function()
    local s = fed('int', 'BOUNDED_UNIQUE_COUNT', { 5, 6, 7, 8 }, { args = { k = 2 } })
    assert.equal('{5, 6}', show(s.ir:stored(0)))
    local again = s.ir:reloaded()
    assert.is_nil(again:merge(s.ir))
    assert.equal('2LL', show(again:finish()[1]))
  end)

  local CORRUPT = {
    { 'int', 'AVERAGE', { sum = 1, count = null }, 'stored x_average: a field of AvgIr is null' },
    { 'int', 'VARIANCE', { count = 0, mean = 1, m2 = 1 }, 'the count of VarianceIr is not positive' },
    { 'int', 'SKEW', { 1, 2, 3 }, 'want five numbers' },
    { 'int', 'LAST', { epochMillis = 1LL, payload = null }, 'a field of TimePair is null' },
    { 'int', 'TOP_K', { 1, null, n = 2 }, 'an element is null' },
    { 'string', 'HISTOGRAM', { { 'a', null } }, 'a key or a count is null' },
    { 'map<string,int>', 'SUM', { { 'a', 1LL }, { 'a', 2LL } }, 'a key of its map comes twice' },
    { 'int', 'APPROX_UNIQUE_COUNT', 'rubbish', 'stored x_approx_unique_count: CPC sketch: not the bytes of one' },
    { 'int', 'APPROX_PERCENTILE', '', 'stored x_approx_percentile: KLL sketch: not the bytes of one' },
    { 'int', 'APPROX_HISTOGRAM_K', 'rubbish!', 'not the bytes of a frequent items sketch' },
    { 'int', 'APPROX_HISTOGRAM_K', '\4\1\10\3\3\0\0\0', 'its header contradicts' },
    { 'int', 'APPROX_HISTOGRAM_K', '\1\1\10\3\3\5\0\0\0', 'its header contradicts' },
    { 'int', 'APPROX_HISTOGRAM_K', items(1, 1, 0), 'its entries contradict' },
    { 'int', 'APPROX_HISTOGRAM_K', items(1, 1, 0, '\1' .. ('\0'):rep(7) .. '\xff\xff\xff\xff'), 'its entries contradict' },
    { 'int', 'APPROX_HISTOGRAM_K', items(1, 1, 0, ('\0'):rep(8) .. '\1\0\0\0a'), 'its entries contradict' },
    { 'int', 'APPROX_HISTOGRAM_K', items(0xffffffff, 1, 0, ('\1'):rep(24)), 'its entries contradict' },
    { 'int', 'APPROX_HISTOGRAM_K', items(0, 1, -1), 'its entries contradict' },
  }
  for _, c in ipairs(CORRUPT) do
    it('is refused: ' .. c[2] .. ', ' .. c[4], function()
      local s = setup(c[1], c[2], { null }, { args = { k = 8 } })
      local failed, status = s.ir:load(0, c[3])
      assert.equal(C.CHN_E_CORRUPT, status)
      assert.truthy(failed:find(c[4], 1, true), failed)
      assert.equal('null', answer(s))
    end)
  end
end)

describe('agg IR of doubles', function()
  it('orders -0.0 below 0.0', function()
    assert.equal('-0', answer(fed('double', 'MIN', { 0, -0.0 })))
    assert.equal('0', answer(fed('float', 'MAX', { -0.0, 0 })))
    assert.equal('{0, 0, -0}', answer(fed('double', 'TOP_K', { 0, -0.0, 0 }, { args = { k = 3 } })))
  end)

  it('takes every NaN for one value, and the signed zeros for two', function()
    local odd = ffi.new('union { uint64_t u; double d; }', { u = 0x7ff8000000000123ULL })
    assert.equal('3LL', answer(fed('double', 'UNIQUE_COUNT', { 0 / 0, odd.d, -(0 / 0), 0, -0.0 })))
  end)
end)

describe('agg IR element-wise', function()
  it('refuses lists of another length, in updates and in merges', function()
    local def = { element_wise = true }
    local s = setup('list<int>', 'SUM', { { 1, 2 }, { 1, 2, 3 } }, def)
    assert.is_nil(s.ir:update(s.columns, 1))
    local failed, status = s.ir:update(s.columns, 2)
    assert.equal('x_sum: Tensor dimensions must match: a list of 3 elements after one of 2', failed)
    assert.equal(C.CHN_E_ARGUMENT, status)
    local other = IR.new(s.plan.parts, 1)
    assert.is_nil(other:update(s.columns, 2))
    assert.truthy(s.ir:merge(other):find('Tensor dimensions must match', 1, true))
    assert.equal('{1LL, 2LL}', answer(s))
  end)

  it('refuses null elements', function()
    local s = setup('list<int>', 'SUM', { { 1, null, n = 2 } }, { element_wise = true })
    assert.equal('x_sum: element 1 of an element-wise list is null', (s.ir:update(s.columns, 1)))
    assert.equal('null', answer(s))
  end)
end)

describe('agg IR of APPROX_PERCENTILE', function()
  it('merged into nothing is the same sketch, not one thinned out again', function()
    local random, seed = seeds.random('percentile into nothing')
    for n = 130, 1330, 40 do
      local values = {}
      for i = 1, n do values[i] = random(-2000, 2000) end
      local s = fed('int', 'APPROX_PERCENTILE', values, { args = { k = 128 } })
      local other = IR.new(s.plan.parts, 1)
      assert.is_nil(other:merge(s.ir))
      assert.equal(cols.show(s.ir:stored(0)), cols.show(other:stored(0)), ('seed %d, n %d'):format(seed, n))
    end
  end)
end)

describe('agg IR of APPROX_HISTOGRAM_K', function()
  local function bytes(text) return unhex((text:gsub('%s', ''))) end

  it("writes bytes of DataSketches' frequent items (tools/sketch_check.py reads them)", function()
    local s = fed('string', 'APPROX_HISTOGRAM_K', { 'b', 'a', 'a', 'a' }, { args = { k = 3 } })
    assert.equal(cols.show(bytes [[04010a0703000000 0200000000000000 0400000000000000 0000000000000000
      0300000000000000 0100000000000000 0100000061 0100000062]]), cols.show(s.ir:stored(0)))
  end)

  it("reads what PyPI's datasketches 5.2.0 wrote", function()
    local s = setup('string', 'APPROX_HISTOGRAM_K', { 'k1' }, { args = { k = 3 } })
    -- frequent_strings_sketch(3) after k0 .. k8, k0, k1, k2 once each and "heavy" twice after each of them:
    -- one item is left, at least 22 and at most 24 times there.
    assert.is_nil(s.ir:load(0, bytes [[04010a0303000000 0100000000000000 2400000000000000 0200000000000000
      1600000000000000 050000006865617679]]))
    assert.equal('{{"heavy", 24LL}}', answer(s))
    assert.is_nil(s.ir:update(s.columns, 1))
    assert.equal('{{"heavy", 24LL}, {"k1", 3LL}}', answer(s))
    -- An empty one, by Python's library and by Java's.
    for _, flags in ipairs({ '01', '04', '05' }) do
      s = setup('string', 'APPROX_HISTOGRAM_K', { 'k1' }, { args = { k = 3 } })
      assert.is_nil(s.ir:load(0, bytes('01010a0703' .. flags .. '0000')))
      assert.equal('{}', answer(s))
    end
  end)

  it('goes on counting beyond its room, and bounds what it lost', function()
    local random, seed = seeds.random('approx histogram')
    local rows, counts = {}, {}
    for i = 1, 6000 do
      -- Three heavy values among 2,000 light ones.
      local v = random(1, 2) == 1 and random(1, 3) or random(100, 2100)
      rows[i], counts[v] = v, (counts[v] or 0) + 1
    end
    local s = fed('int', 'APPROX_HISTOGRAM_K', rows, { args = { k = 3 } })
    local got = s.ir:finish()[1]
    assert.equal(3, #got)
    for _, entry in ipairs(got) do
      local v, n = tonumber(entry[1]), tonumber(entry[2])
      assert.is_true(v <= 3, 'seed ' .. seed)
      assert.is_true(n >= counts[v] and n <= counts[v] + 6000 / 32, ('seed %d: %d is %d, got %d'):format(
        seed, v, counts[v], n))
    end
    assert.equal(show(got), show(s.ir:reloaded():finish()[1]))
    local twice = s.ir:reloaded()
    assert.is_nil(twice:merge(s.ir))
    -- What both sides dropped is added up: no answer is below the truth.
    for _, entry in ipairs(twice:finish()[1]) do
      assert.is_true(tonumber(entry[2]) >= 2 * counts[tonumber(entry[1])], 'seed ' .. seed)
    end
  end)
end)

describe('agg text', function()
  it("writes doubles as Java's Double.toString", function()
    local random, seed = seeds.random('text')
    local out, bits = ffi.new('char[32]'), ffi.new('union { double d; uint32_t u[2]; }')
    local function text(x) return ffi.string(out, C.agg_text_double(x, out)) end
    for _ = 1, 3000 do
      -- Any double but NaN, whose bits LuaJIT uses as type tags.
      bits.u[0], bits.u[1] = random(0, 4294967295), random(0, 0x7fefffff) + 0x80000000 * random(0, 1)
      local x = random(1, 3) == 1 and bits.d or random(-100000, 100000) / 10 ^ random(-8, 8)
      assert.equal(oracle.java_double(x), text(x), 'seed ' .. seed)
    end
    for _, x in ipairs({ 0, -0.0, 0 / 0, 1 / 0, -1 / 0, 5e-324, 1.7976931348623157e308, 9999999.999,
                         0.0009999 }) do
      assert.equal(oracle.java_double(x), text(x))
    end
  end)
end)
