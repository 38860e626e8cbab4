local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/frame.h', 'agg/frame_int.h')
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

  it('lets every query see all rows of its key when rows have no time', function()
    local p, arena = plan({ 'x', 'SUM' }, { 's', 'UNIQUE_COUNT' }, { 'x', 'VARIANCE', buckets = { 's' } })
    local rows = { { key = 1, 1, 'a' }, { key = 0, 5, 'b' }, { key = 1, 2, 'b' }, { key = 1, 3, 'a' } }
    local f = frame.frame(p, rows)
    local got = frame.ask(f, p, { { 0, 0 }, { 1, -5 }, { 1, 99 } }, { tail = 'exact' })
    assert.same({ '{5, 1LL, {{"b", 0}}}', '{6, 2LL, {{"a", 1}, {"b", 0}}}', '{6, 2LL, {{"a", 1}, {"b", 0}}}' },
      { cols.show(got[1]), cols.show(got[2]), cols.show(got[3]) })
    local needy, other = plan({ 'x', 'LAST' })
    assert.error_matches(function() frame.frame(needy, rows) end, 'needs the time of each row', 1, true)
    assert.is_truthy(arena and other)
  end)

  it('refuses rows after sealing and queries out of order', function()
    local p, arena = plan({ 'x', 'SUM' })
    local f = frame.frame(p, { { key = 0, ts = 1, 1 } })
    assert.error_matches(function() frame.ask(f, p, { { 1, 5 }, { 0, 5 } }) end, 'not in order', 1, true)
    assert.error_matches(function() frame.ask(f, p, { { 0, 5 }, { 0, 4 } }) end, 'not in order', 1, true)
    local err, key = ffi.new('struct chn_err'), ffi.new('int32_t[1]')
    assert.is_not.equal(0, tonumber(C.agg_frame_append(f, key, ffi.new('int64_t[1]'), nil, 1, err)))
    assert.truthy(ffi.string(err.msg):find('already sealed', 1, true))
    assert.is_truthy(arena)
  end)

  it('keeps its answers when it is gone', function()
    local p, arena = plan({ 's', 'LAST' })
    local f = frame.frame(p, { { key = 0, ts = 1, ('long '):rep(9) } })
    local out, q = ffi.gc(ffi.new('struct agg_answers'), C.agg_answers_deinit), ffi.new('struct agg_queries')
    local key, at = ffi.new('int32_t[1]'), ffi.new('int64_t[1]', { 9 })
    q.key, q.at, q.n = key, at, 1
    cdef.check(C.agg_frame_eval, f, q, C.AGG_TAIL_EXACT, 1, out)
    C.agg_frame_free(ffi.gc(f, nil))
    assert.equal(('long '):rep(9), cols.read(out.cols[0], 0))
    assert.is_truthy(arena)
  end)
end)

-- ---- many rows ------------------------------------------------------------------------------

local N, N_QUERIES, N_KEYS = 200000, 5000, 40

--- Rows and queries as arrays: several chunks, several buckets, a hot key, ties.
local function many(seed)
  math.randomseed(seed)
  local m = { key = ffi.new('int32_t[?]', N), ts = ffi.new('int64_t[?]', N), x = ffi.new('double[?]', N),
              n = ffi.new('int64_t[?]', N), at = {}, valid = ffi.new('uint64_t[?]', N / 64 + 1) }
  for i = 0, N - 1 do
    m.key[i] = math.random() < 0.3 and 7 or math.random(0, N_KEYS - 1)
    m.ts[i] = math.random(0, 50) * 20 * HOUR + math.random(0, 1000)
    m.x[i] = math.random(0, 1000) / 8
    m.n[i] = math.random(-9, 9)
    if math.random() < 0.9 then
      m.valid[math.floor(i / 64)] = bit.bor(m.valid[math.floor(i / 64)], bit.lshift(1ULL, i % 64))
    end
  end
  for i = 1, N_QUERIES do
    m.at[i] = { math.random() < 0.3 and 7 or math.random(0, N_KEYS - 1), math.random(0, 1100) * HOUR }
  end
  table.sort(m.at, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  return m
end

local function many_frame(p, m, threads, task_cost)
  local f = ffi.gc(C.agg_frame_new(p), C.agg_frame_free)
  local inputs = ffi.new('struct row_col[2]')
  for from = 0, N - 1, 30000 do
    local n = math.min(30000, N - from)
    -- A bitmap begins at a whole word: 30000 is no multiple of 64, so its column is shifted.
    local valid = ffi.new('uint64_t[?]', n / 64 + 1)
    for i = 0, n - 1 do
      local row = from + i
      local set = bit.band(bit.rshift(m.valid[math.floor(row / 64)], row % 64), 1ULL)
      valid[math.floor(i / 64)] = bit.bor(valid[math.floor(i / 64)], bit.lshift(set, i % 64))
    end
    inputs[0].type, inputs[0].data, inputs[0].count = p.inputs.fields[0].type, m.x + from, n
    inputs[1].type, inputs[1].data, inputs[1].count = p.inputs.fields[1].type, m.n + from, n
    inputs[1].valid = valid
    cdef.check(C.agg_frame_append, f, m.key + from, m.ts + from, inputs, n)
  end
  local per_row = tonumber(C.agg_frame_memory(f)) / N
  assert.is_true(per_row > 28 and per_row < 60, 'bytes a row: ' .. per_row)
  C.agg_frame_set_task_cost(f, task_cost)
  cdef.check(C.agg_frame_seal, f, N_KEYS, threads)
  return f
end

describe('agg frame of many rows', function()
  local FIELDS_2 = { { 'x', 'double' }, { 'n', 'long' } }
  local defs = {}
  for _, op in ipairs(agg.ops) do
    if op ~= 'HISTOGRAM' then
      defs[#defs + 1] = { 'x', op, windows = { '1d', '20d' }, args = { k = op ~= 'APPROX_PERCENTILE' and 4 or 8 } }
    end
  end
  defs[#defs + 1] = { 'n', 'SUM', windows = { '20d' } }
  defs[#defs + 1] = { 'n', 'COUNT', windows = { '20d' } }
  defs[#defs + 1] = { 'n', 'LAST_K', windows = { '20d' }, args = { k = 3 } }

  it('answers the same with one thread and with four, whole and in pieces', function()
    local p, arena = agg.plan(FIELDS_2, defs)
    assert.is_truthy(p, arena)
    local m = many(5)
    local exact = frame.ask(many_frame(p, m, 1, 0), p, m.at, { threads = 1 })
    for _, how in ipairs({ { 4, 0 }, { 4, 500 } }) do
      local close = frame.ask(many_frame(p, m, how[1], how[2]), p, m.at, { threads = how[1] })
      for i = 1, N_QUERIES do
        for j = 1, p.n_parts do
          if not cols.same(p.parts[j - 1].output, exact[i][j], close[i][j], 1e-9) then
            error(('%s: %s and %s'):format(ffi.string(p.parts[j - 1].name), cols.show(exact[i][j]),
              cols.show(close[i][j])))
          end
        end
      end
    end
    assert.is_truthy(arena)
  end)

  it('counts and sums what a plain loop does', function()
    local p, arena = agg.plan(FIELDS_2,
      { { 'x', 'SUM', windows = { '20d' } }, { 'n', 'COUNT', windows = { '20d' } } })
    local m = many(6)
    local answers = frame.ask(many_frame(p, m, 2, 3000), p, m.at, { threads = 2 })
    for i = 1, N_QUERIES, 250 do
      local key, at = m.at[i][1], m.at[i][2]
      local tail = at - 480 * HOUR
      tail = (tail < 0 and math.ceil(tail / (24 * HOUR)) or math.floor(tail / (24 * HOUR))) * 24 * HOUR
      local sum, rows, count = 0, 0, 0
      for r = 0, N - 1 do
        if m.key[r] == key and m.ts[r] >= tail and m.ts[r] < at then
          sum, rows = sum + m.x[r], rows + 1
          count = count + tonumber(bit.band(bit.rshift(m.valid[math.floor(r / 64)], r % 64), 1ULL))
        end
      end
      if rows == 0 then
        assert.equal(null, answers[i][1])
      else
        assert.is_near(sum, answers[i][1], 1e-9 * sum)
      end
      assert.equal(count == 0 and null or 0LL + count, answers[i][2])
    end
    assert.is_truthy(arena)
  end)
end)
