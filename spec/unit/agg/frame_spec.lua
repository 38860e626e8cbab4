local ffi = require('ffi')
local agg = require('spec.support.agg')
local cols = require('spec.support.cols')
local frame = require('spec.support.frame')

local null = cols.null
local HOUR = 3600000

local FIELDS = { { 'x', 'double' }, { 's', 'string' }, { 'l', 'list<int>' }, { 'm', 'map<string,long>' },
                 { 'e', 'list<int>' } }

local function plan(...)
  local p, arena = agg.plan(FIELDS, { ... })
  assert.is_truthy(p, arena)
  return p, arena
end

--- The answers to one query over rows of key 0, as texts.
local function ask_one(p, rows, at, opts)
  local f = frame.frame(p, rows, opts)
  local out = {}
  for j, v in ipairs(frame.ask(f, p, { { 0, at } }, opts)[1]) do
    out[ffi.string(p.parts[j - 1].name)] = cols.show(v)
  end
  return out
end

describe('agg frame', function()
  it('sees the floored tail and not the head', function()
    local p, arena = plan({ 'x', 'COUNT', windows = { '1h', '1d', '12d' } })
    local rows = {}
    for i = 0, 400 do rows[i + 1] = { key = 0, ts = i * HOUR, 1.5 } end
    local at = 300 * HOUR + 7
    assert.same({ x_count_1h = '2LL', x_count_1d = '25LL', x_count_12d = '301LL' },
      ask_one(p, rows, at, { tail = 'sawtooth' }))
    assert.same({ x_count_1h = '1LL', x_count_1d = '24LL', x_count_12d = '288LL' },
      ask_one(p, rows, at, { tail = 'exact' }))
    assert.same({ x_count_1h = '13LL', x_count_1d = '37LL', x_count_12d = '301LL' },
      ask_one(p, rows, at, { tail = 'daily' }))
    assert.equal('1LL', ask_one(p, rows, 300 * HOUR, { tail = 'exact' }).x_count_1h)
    assert.is_truthy(arena)
  end)

  it('sorts by time, drops rows without a key and answers keys it never saw', function()
    local p, arena = plan({ 's', 'LAST' }, { 's', 'FIRST' }, { 's', 'LAST_K', args = { k = 2 } })
    local rows = { { key = 0, ts = 9, 'nine' }, { key = -1, ts = 3, 'lost' }, { key = 2, ts = 1, 'two' },
                   { key = 0, ts = 4, 'four' }, { key = 0, ts = 7, null },
                   { key = 0, ts = 5, 'a string of more than twelve bytes' } }
    local f = frame.frame(p, rows, { batch = 4, n_keys = 5 })
    local got = {}
    local asked = { { -1, 10 }, { 0, 4 }, { 0, 9 }, { 0, 10 }, { 1, 10 }, { 2, 9 }, { 77, 1 } }
    for i, a in ipairs(frame.ask(f, p, asked)) do
      got[i] = cols.show({ a[1], a[2], a[3], n = 3 })
    end
    assert.same({ '{null, null, null}', '{null, null, null}',
                  '{"a string of more than twelve bytes", "four", {"a string of more than twelve bytes", "four"}}',
                  '{"nine", "four", {"nine", "a string of more than twelve bytes"}}',
                  '{null, null, null}', '{"two", "two", {"two"}}', '{null, null, null}' }, got)
    assert.is_truthy(arena)
  end)

  it('explodes lists, splits maps and buckets, and goes by element', function()
    local p, arena = plan({ 'l', 'SUM' }, { 'l', 'LAST' }, { 'm', 'SUM' }, { 'm', 'LAST' },
      { 'x', 'SUM', buckets = { 's' } }, { 'x', 'LAST_K', buckets = { 's' }, args = { k = 2 } },
      { 'e', 'SUM', element_wise = true })
    -- inputs in the order of use: l, m, x, s, e
    local rows = {
      { key = 0, ts = 1, { 1, null, 2 }, { { 'a', 1 }, { 'b', null } }, 1.5, 'z', { 1, 10 } },
      { key = 0, ts = 2, null, { { 'a', 2 }, { 'c', 5 } }, 2.5, null, null },
      { key = 0, ts = 3, {}, null, 4, 'y', { 2, 20 } },
      { key = 0, ts = 4, { 4 }, null, 8, 'z', { 3, 30 } },
    }
    assert.same({ l_sum = '7LL', l_last = '{4}', m_sum = '{{"a", 3LL}, {"c", 5LL}}',
                  m_last = '{{"a", 2LL}, {"c", 5LL}}', x_sum_by_s = '{{"y", 4}, {"z", 9.5}}',
                  x_last2_by_s = '{{"y", {4}}, {"z", {8, 1.5}}}', e_sum = '{6LL, 60LL}' },
      ask_one(p, rows, 10))
    assert.same({ l_sum = 'null', l_last = 'null', m_sum = 'null', m_last = 'null',
                  x_sum_by_s = 'null', x_last2_by_s = 'null', e_sum = 'null' }, ask_one(p, rows, 1))
    rows[4][5] = { 3 }
    assert.error_matches(function() ask_one(p, rows, 10) end,
      'e_sum: column "e": Tensor dimensions must match: existing=2, input=1', 1, true)
    assert.equal('{3LL, 30LL}', ask_one(p, rows, 4).e_sum)
    assert.is_truthy(arena)
  end)

  it('makes NaN and infinity NULL as scalars, not inside maps', function()
    local p, arena = plan({ 'x', 'SUM', windows = { '1h' } }, { 'x', 'MIN' }, { 'x', 'MAX' },
      { 'x', 'SUM', buckets = { 's' } })
    local rows = { { key = 0, ts = HOUR, 1, 'a' }, { key = 0, ts = 2 * HOUR, 0 / 0, 'b' },
                   { key = 0, ts = 9 * HOUR, -0.0, 'a' }, { key = 0, ts = 9 * HOUR + 1, 0.5, 'a' } }
    assert.same({ x_sum_1h = '0.5', x_min = 'null', x_max = 'null', x_sum_by_s = '{{"a", 1.5}, {"b", nan}}' },
      ask_one(p, rows, 10 * HOUR))
    assert.is_truthy(arena)
  end)
end)
