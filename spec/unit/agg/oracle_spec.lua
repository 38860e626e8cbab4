-- The oracle against answers worked out by hand: what it says decides all other specs of agg.
local cols = require('spec.support.cols')
local agg = require('spec.support.agg')
local oracle = require('spec.support.oracle')
local null = cols.null

--- The answer of one aggregation over rows { value, ts?, bucket? }.
local function answer(type_text, op, rows, def)
  def = def or {}
  def[1], def[2] = 'x', op
  local plan, arena = agg.plan({ { 'x', type_text }, { 'b', 'string' } }, { def })
  assert.is_truthy(plan, arena)
  local data, ts, list = { {}, {} }, {}, {}
  for i, row in ipairs(rows) do
    if type(row) ~= 'table' or row == null then row = { row } end
    data[1][i], ts[i], data[2][i], list[i] = row[1], row[2], row[3], i
  end
  return cols.show(oracle.answer(plan.parts[0], data, ts, list)), arena
end

local K3 = { args = { k = 3 } }

describe('agg oracle', function()
  local CASES = {
    { 'null, not 0, over no input', 'int', 'COUNT', { null }, 'null' },
    { 'non-null inputs', 'int', 'COUNT', { 4, null, 4 }, '2LL' },
    { '64-bit wrap', 'long', 'SUM', { 9223372036854775807LL, 1LL }, '-9223372036854775808LL' },
    { 'booleans as 0 and 1', 'boolean', 'SUM', { true, false, true }, '2LL' },
    { 'infinity as null', 'double', 'SUM', { 1, math.huge }, 'null' },
    { 'the mean', 'int', 'AVERAGE', { 1, 2 }, '1.5' },
    { 'population variance', 'int', 'VARIANCE', { 1, 2, 3, 4 }, '1.25' },
    { 'variance of one', 'int', 'VARIANCE', { 7 }, '0' },
    { 'no skew of two', 'int', 'SKEW', { 7, 8 }, 'null' },
    { 'skew', 'int', 'SKEW', { 0, 0, 3 }, '0.70710678118654757' },
    { 'no kurtosis without variance', 'int', 'KURTOSIS', { 7, 7, 7, 7 }, 'null' },
    { 'excess kurtosis', 'int', 'KURTOSIS', { 1, 2, 3, 4 }, '-1.3600000000000001' },
    { '-0.0 below 0.0', 'double', 'MIN', { 0, -0.0 }, '-0' },
    { 'NaN wins and is null', 'double', 'MAX', { 1, 0 / 0 }, 'null' },
    { 'surrogates below U+E000', 'string', 'MIN', { '\xee\x80\x80', '\xf0\x9f\x98\x80' }, '"\xf0\x9f\x98\x80"' },
    { 'the first of equal instants', 'int', 'LAST', { { 1, 5 }, { 2, 5 }, { 3, 4 } }, '1' },
    { 'the first of equal instants', 'int', 'FIRST', { { 1, 5 }, { 2, 5 } }, '1' },
    { 'newest first', 'int', 'LAST_K', { { 1, 1 }, { 2, 9 }, { 3, 5 }, { 4, 5 } }, '{2, 4, 3}', K3 },
    { 'oldest first', 'int', 'FIRST_K', { { 1, 9 }, { 2, 1 }, { 3, 5 }, { 4, 5 } }, '{2, 3, 4}', K3 },
    { 'duplicates', 'int', 'TOP_K', { 5, 1, 5, 3 }, '{5, 5, 3}', K3 },
    { 'ascending', 'int', 'BOTTOM_K', { 5, 1, 5, 3 }, '{1, 3, 5}', K3 },
    { 'signed zeros apart, NaN once', 'double', 'UNIQUE_COUNT', { 0, -0.0, 0 / 0, 0 / 0 }, '3LL' },
    { 'signed zeros as one', 'double', 'APPROX_UNIQUE_COUNT', { 0, -0.0 }, '1LL' },
    { 'no empty string', 'string', 'APPROX_UNIQUE_COUNT', { '' }, '0LL' },
    { 'at most k', 'int', 'BOUNDED_UNIQUE_COUNT', { 1, 2, 3, 4 }, '3LL', K3 },
    { 'floats', 'double', 'APPROX_PERCENTILE', { 0 / 0, 3, 1, 2 }, '{1, 2, 3, 3}',
      { args = { percentiles = '[0, 0.5, 0.67, 1]' } } },
    { 'NaN only', 'double', 'APPROX_PERCENTILE', { 0 / 0 }, 'null' },
    { 'the largest', 'string', 'HISTOGRAM', { 'b', 'a', 'c', 'b' }, '{{"b", 2}, {"a", 1}}', { args = { k = 2 } } },
    { "Java's texts", 'double', 'APPROX_HISTOGRAM_K', { 1e7, 1, 1 }, '{{"1.0", 2LL}, {"1.0E7", 1LL}}' },
    { 'elements', 'list<int>', 'COUNT', { { { 1, null, n = 2 } }, { { n = 0 } }, null }, '1LL' },
    { 'nothing in empty lists', 'list<int>', 'SUM', { { { n = 0 } } }, 'null' },
    { 'an empty map for null values', 'map<string,int>', 'SUM', { { { { 'a', null } } } }, '{}' },
    { 'null for no map', 'map<string,int>', 'SUM', { null }, 'null' },
    { 'each key', 'map<string,int>', 'SUM', { { { { 'b', 1 }, { 'a', 2 } } }, { { { 'b', 5 } } } },
      '{{"a", 2LL}, {"b", 6LL}}' },
    { 'NaN inside maps', 'map<string,double>', 'SUM', { { { { 'a', 0 / 0 } } } }, '{{"a", nan}}' },
    { 'each index', 'list<int>', 'MAX', { { { 1, 9 } }, { { 3, 4 } }, null, { { n = 0 } } }, '{3, 9}',
      { element_wise = true } },
    { 'each bucket', 'int', 'SUM', { { 1, 0, 'p' }, { 2, 0, null }, { null, 0, 'q' }, { 4, 0, 'p' } },
      '{{"p", 5LL}}', { buckets = { 'b' } } },
  }
  for _, c in ipairs(CASES) do
    it(c[3] .. ' of ' .. c[2] .. ': ' .. c[1], function()
      assert.equal(c[5], (answer(c[2], c[3], c[4], c[6])))
    end)
  end

  it("writes doubles as Java does", function()
    local texts = { [0.1] = '0.1', [100] = '100.0', [1234567.5] = '1234567.5', [1e7] = '1.0E7',
                    [0.001] = '0.001', [0.00012] = '1.2E-4', [-953.79] = '-953.79',
                    [1e300] = '1.0E300', [123456789] = '1.23456789E8', [math.huge] = 'Infinity' }
    for x, text in pairs(texts) do assert.equal(text, oracle.java_double(x)) end
  end)

  it('aligns tails as its engines must', function()
    local plan, arena = agg.plan({ { 'x', 'int' } },
      { { 'x', 'SUM', windows = { '1h', '1d', '30d', '2147483647d' } } })
    local at = 20000 * 86400000 + 12345678
    assert.equal(at - 3600000 - at % 300000, oracle.tail(plan.parts[0], 'sawtooth', at))
    assert.equal(at - 86400000 - at % 3600000, oracle.tail(plan.parts[1], 'sawtooth', at))
    assert.equal(19970 * 86400000, oracle.tail(plan.parts[2], 'sawtooth', at))
    assert.equal(19999 * 86400000, oracle.tail(plan.parts[1], 'daily', at))
    assert.equal(at - 86400000, oracle.tail(plan.parts[1], 'exact', at))
    assert.equal(-math.huge, oracle.tail(plan.parts[3], 'exact', at))
    local data, ts = { { 1, 2, 4 } }, { at - 86400000, at - 86400001, at }
    assert.equal('1LL', cols.show(oracle.at(plan.parts[1], data, ts, 'exact', at)))
    assert.equal('3LL', cols.show(oracle.at(plan.parts[1], data, ts, 'sawtooth', at)))
    assert.is_truthy(arena)
  end)
end)
