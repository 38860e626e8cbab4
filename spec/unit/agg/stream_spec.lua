-- Answers straight from bytes equal those of IRs over the same bytes, also where these were changed
-- at random: both read them, or both refuse them.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/stream.h')
local agg = require('spec.support.agg')
local avro = require('spec.support.avro')
local batch_ir = require('spec.support.batch_ir')
local cols = require('spec.support.cols')
local seed = require('spec.support.seed')

local HOUR, DAY = 3600000, 86400000
local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 'd', 'double' }, { 'i', 'short' }, { 's', 'string' } }
local MORE = { FIELDS[1], FIELDS[2], FIELDS[3], FIELDS[4], { 'l', 'list<long>' } }
local W = { '6h', '3d', '30d' }
-- No sums of doubles: bytes changed at random are any magnitude, and rounding would differ.
local DEFS = {
  { 'n', 'SUM', windows = W }, { 'n', 'COUNT' }, { 'n', 'MIN', windows = W }, { 'd', 'MAX', windows = W },
  { 'd', 'MIN' }, { 'i', 'MAX', windows = W }, { 'i', 'SUM' }, { 'd', 'LAST', windows = { '3d' } }, { 'i', 'FIRST' },
  { 's', 'LAST', windows = W }, { 's', 'FIRST' }, { 's', 'COUNT', windows = { '30d' } },
}

-- The same with operations that only IRs answer, of fields that are simple ones' too and of others.
local MIXED = {
  { 'n', 'SUM', windows = W }, { 'n', 'LAST_K', windows = W, args = { k = 3 } }, { 'n', 'MAX', windows = W, buckets = { 's' } },
  { 's', 'UNIQUE_COUNT', windows = { '3d' } }, { 's', 'LAST', windows = { '30d' } }, { 'l', 'SUM', windows = W },
  { 'i', 'TOP_K', args = { k = 2 } }, { 's', 'HISTOGRAM', windows = { '6h' } }, { 'n', 'COUNT', buckets = { 's' } },
  { 's', 'APPROX_UNIQUE_COUNT', windows = W }, { 'l', 'LAST' },
}
local NONE_SIMPLE = { { 's', 'FIRST_K', windows = W, args = { k = 2 } }, { 'l', 'COUNT', windows = { '3d' } } }

local function random_rows(random, n, from, to)
  local rows = {}
  local function maybe(v) return random(1, 6) == 1 and cols.null or v end
  for k = 1, n do
    rows[k] = { ts = random(from, to - 1), maybe(ffi.new('int64_t', random(-99, 99))), maybe(random(-400, 400) / 8),
                maybe(random(-9, 9)), maybe(('k%d'):format(random(1, 6))), maybe({ ffi.new('int64_t', random(1, 9)), 2LL }) }
  end
  table.sort(rows, function(x, y) return x.ts < y.ts end)
  for k = #rows, 2, -1 do -- which of two comes first is not defined
    if rows[k].ts == rows[k - 1].ts then table.remove(rows, k) end
  end
  return rows
end

--- A plan's inputs are in the order of their first use.
local function by_input(plan, rows)
  local at = {}
  for j, f in ipairs(MORE) do at[f[1]] = j end
  local out = {}
  for k, r in ipairs(rows) do
    out[k] = { ts = r.ts }
    for j = 0, plan.inputs.n_fields - 1 do out[k][j + 1] = r[at[ffi.string(plan.inputs.fields[j].name)]] end
  end
  return out
end

local function encoded(schema, rows)
  local values, keep = ffi.new('struct agg_streamed[?]', #rows + 1), {}
  for k, r in ipairs(rows) do
    local row = {}
    for j, f in ipairs(MORE) do row[f[1]] = r[j] end
    keep[k] = assert(avro.encode(schema, row))
    values[k - 1] = { r.ts, ffi.cast('const char *', keep[k]), #keep[k] }
  end
  return values, keep
end

local function stream_of(plan, schema, batch)
  return ffi.gc(C.agg_stream_new(plan, C.AGG_BATCH_EVENTS, batch.schema, schema, false), C.agg_stream_free)
end

--- The values by part, or nil and the message.
local function fast(s, plan, bytes, values, n, q, kept)
  local err = ffi.new('struct chn_err')
  C.agg_stream_begin(s, STOP, q)
  local outs, keep, got = ffi.new('struct row_builder *[?]', plan.n_parts), {}, {}
  for i = 0, plan.n_parts - 1 do
    keep[i] = cols.builder(plan.parts[i].output)
    outs[i] = keep[i]
  end
  if C.agg_stream_batch(s, bytes, #bytes, kept, err) ~= C.CHN_OK or C.agg_stream_add(s, values, n, err) ~= C.CHN_OK
    or C.agg_stream_end(s, outs, err) ~= C.CHN_OK then
    for i = 0, plan.n_parts - 1 do assert(C.row_builder_count(keep[i]) == 0) end
    return nil, ffi.string(err.msg)
  end
  for i = 0, plan.n_parts - 1 do
    local col = C.row_builder_col(keep[i])
    assert(col.count == 1)
    got[i + 1] = cols.read(col, 0)
  end
  return got
end

local function compare(plan, want, got, told)
  for i = 0, plan.n_parts - 1 do
    local part = plan.parts[i]
    assert(cols.same(part.output, want[i + 1], got[i + 1], 0),
      ('%s: %s: got %s, want %s'):format(told, ffi.string(part.name), cols.show(got[i + 1]), cols.show(want[i + 1])))
  end
end

local function changed(random, bytes)
  local at = random(1, #bytes)
  local kind = random(1, 5)
  if kind == 1 then return bytes:sub(1, at - 1) end
  if kind == 2 then return bytes:sub(1, at - 1) .. string.char(random(0, 255)) .. bytes:sub(at + 1) end
  if kind == 3 then return bytes:sub(1, at - 1) .. bytes:sub(at + random(1, 9)) end
  if kind == 4 then return bytes:sub(1, at) .. string.char(random(0, 255)) .. bytes:sub(at + 1) end
  local stop = random(at, math.min(#bytes, at + 40))
  return bytes:sub(1, stop) .. bytes:sub(at)
end

for name, defs in pairs({ ['simple operations'] = DEFS, ['mixed ones'] = MIXED, ['others'] = NONE_SIMPLE }) do
  describe('agg_stream of ' .. name, function()
    local plan = assert(agg.plan(MORE, defs))
    local schema = assert(avro.of('Row', defs == DEFS and FIELDS or MORE))
    local batch = batch_ir.new(plan, STOP)
    local s = stream_of(plan, schema, batch)

    it('answers what IRs answer, or refuses what they refuse', function()
      local random, first = seed.random('agg stream')
      local refused, answered = 0, 0
      for round = 1, 60 do
        C.agg_batch_ir_reset(batch.c, STOP)
        batch:add(by_input(plan, random_rows(random, random(0, 60), STOP - 31 * DAY, STOP)))
        local good = batch:bytes()
        local rows = random_rows(random, random(0, 20), STOP, STOP + 2 * DAY)
        local values, keep = encoded(schema, rows)
        for k = 0, 20 do
          local bytes = k == 0 and good or changed(random, good)
          local q = STOP + random(0, 2 * DAY)
          local told = ('seed %d, round %d.%d'):format(first, round, k)
          local why = batch:load(bytes)
          local got, message = fast(s, plan, bytes, values, #rows, q)
          if not got then
            refused = refused + 1
            assert(message ~= '', told)
            -- A branch in more bytes than it needs is refused here; who asks then turns to IRs.
            assert(why or message:find('branch') or message:find('bytes are no state') or message:find('its time'),
              told .. ': ' .. message)
            assert(k > 0, told .. ': ' .. message)
          elseif why then
            assert(why:find('UTF-8', 1, true), told .. ': IRs refuse it: ' .. why) -- of a value that is not answered
          else
            answered = answered + 1
            compare(plan, batch:serve(q, by_input(plan, rows)), got, told)
            local kept = C.agg_stream_keep(s, nil)
            assert((kept == nil) == C.agg_stream_is_simple(s))
            if kept ~= nil then
              -- Freed here, since it must not outlive the stream, and a collector keeps no order.
              local again, refusal = fast(s, plan, bytes, values, #rows, q, kept)
              C.agg_batch_ir_free(kept)
              compare(plan, got, assert(again, refusal), told .. ', kept')
            end
          end
        end
        assert(keep)
      end
      assert.is_true(refused > 100, refused)
      assert.is_true(answered > 100, answered)
    end)

    it('refuses a batch value cut anywhere, and one with something behind', function()
      C.agg_batch_ir_reset(batch.c, STOP)
      batch:add(by_input(plan, random_rows(seed.random('agg stream cut'), 5, STOP - 3 * DAY, STOP)))
      local good = batch:bytes()
      local values = encoded(schema, {})
      for n = 0, #good - 1 do assert.is_nil(fast(s, plan, good:sub(1, n), values, 0, STOP)) end
      local _, why = fast(s, plan, good .. '\0', values, 0, STOP)
      assert.equal('1 bytes behind the value', why)
      assert.is_table(fast(s, plan, good, values, 0, STOP))
    end)

    it('refuses rows that are cut, by their field', function()
      local good, keep = encoded(schema, { { ts = STOP, 5LL, 2.5, 3, 'abc', { 7LL } } })
      local empty = '\0\0'
      for n = 0, tonumber(good[0].len) - 1 do
        local cut = ffi.new('struct agg_streamed[1]', { { STOP, good[0].bytes, n } })
        local _, why = fast(s, plan, empty, cut, 1, STOP + 1)
        assert.matches('^Row%.[ndisl]: no value of its type$', why)
      end
      -- Before the batch end they are not even read.
      local old = ffi.new('struct agg_streamed[1]', { { STOP - 1, good[0].bytes, 1 } })
      assert.is_table(fast(s, plan, empty, old, 1, STOP + 1))
      assert(keep)
    end)

    it('keeps a row in the windows that hold it alone', function()
      local rows = { { ts = STOP + HOUR, 1LL, 1, 1, 'a', { 1LL } }, { ts = STOP + 30 * HOUR, 10LL, 2, 2, 'b', { 2LL } } }
      local values, keep = encoded(schema, rows)
      for _, q in ipairs({ STOP, STOP + HOUR, STOP + HOUR + 1, STOP + 30 * HOUR, STOP + 31 * HOUR, STOP + 47 * HOUR }) do
        C.agg_batch_ir_reset(batch.c, STOP)
        compare(plan, batch:serve(q, by_input(plan, rows)), fast(s, plan, '\0\0', values, 2, q), tostring(q - STOP))
      end
      assert(keep)
    end)
  end)
end
