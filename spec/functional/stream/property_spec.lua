--- What is fetched on top of a stream equals what the batch engine says of that instant, wherever the
--- rows are cut into batch and stream, however they lie in partitions, as rows and as tiles.
--- CHRONON_SEED=n repeats a run.
local cols = require('spec.support.cols')
local ffi = require('ffi')
local fetch = require('spec.support.fetch')
local frame = require('spec.support.frame')
local kv = require('spec.support.kv')
local seed = require('spec.support.seed')
local streaming = require('spec.support.streaming')

local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local STOP = 1706745600000 -- 2024-02-01
local KEYS = 4

local FIELDS = { { 'n', 'long' }, { 'd', 'double' }, { 's', 'string' }, { 'b', 'string' }, { 'i', 'int' },
                 { 'm', 'map<string,double>' }, { 'l', 'list<double>' }, { 'e', 'list<double>' } }
local WINDOWS = { '1h', '6h', '1d', '7d', '12d' }
local OPS = {
  { 'n', 'SUM' }, { 'n', 'COUNT' }, { 'd', 'SUM' }, { 'd', 'AVERAGE' }, { 'd', 'VARIANCE' }, { 'i', 'MIN' },
  { 'd', 'MAX' }, { 's', 'LAST' }, { 's', 'FIRST' }, { 's', 'LAST_K', args = { k = 3 } }, { 's', 'UNIQUE_COUNT' },
  { 's', 'HISTOGRAM' }, { 'n', 'TOP_K', args = { k = 2 } }, { 's', 'APPROX_UNIQUE_COUNT' }, { 'd', 'SKEW' },
  { 'd', 'KURTOSIS' }, { 'm', 'SUM' }, { 'n', 'SUM', buckets = { 'b' } }, { 'd', 'AVERAGE', buckets = { 'b' } },
  { 'i', 'AVERAGE' }, { 'i', 'SUM' }, { 's', 'COUNT' }, { 'i', 'FIRST_K', args = { k = 2 } },
  { 's', 'BOTTOM_K', args = { k = 2 } }, { 's', 'BOUNDED_UNIQUE_COUNT', args = { k = 4 } },
  { 's', 'APPROX_HISTOGRAM_K', args = { k = 20 } }, { 'd', 'APPROX_PERCENTILE', args = { percentiles = '[0.25, 0.5]' } },
  { 'l', 'SUM' }, { 'l', 'MAX' }, { 'e', 'SUM', element_wise = true }, { 's', 'LAST_K', args = { k = 2 }, buckets = { 'b' } },
}

local function random_defs(random)
  local defs, used = {}, {}
  for _ = 1, random(3, 9) do
    local pick = random(1, #OPS)
    if not used[pick] then
      used[pick] = true
      local op = OPS[pick]
      local windows, seen = {}, {}
      for _ = 1, random(0, 3) do
        local w = WINDOWS[random(1, #WINDOWS)]
        if not seen[w] then seen[w], windows[#windows + 1] = true, w end
      end
      defs[#defs + 1] = { op[1], op[2], args = op.args, buckets = op.buckets, element_wise = op.element_wise,
                          windows = #windows > 0 and windows or nil }
    end
  end
  return defs
end

--- As JSON has it: a null is no field.
local function random_row(random, key, ts)
  local function maybe(v) if random(1, 6) > 1 then return v end end
  local l = {}
  for i = 1, random(0, 3) do l[i] = random(-9, 9) / 4 end
  return { user = 'u' .. key, ts = ts, ds = os.date('!%Y-%m-%d', math.floor(ts / 1000)), key = key,
           n = maybe(random(-50, 50)), d = maybe(random(-400, 400) / 8), s = maybe(('k%d'):format(random(1, 6))),
           b = maybe(({ 'x', 'y' })[random(1, 2)]), i = maybe(random(-9, 9)),
           m = maybe({ p = random(1, 9) / 4, q = random(1, 9) / 2 }), l = maybe(setmetatable(l, { __jsontype = 'array' })),
           e = maybe({ random(1, 9), random(1, 9) / 2 }) }
end

local function random_ts(random)
  local hours = random(1, 4) <= 2 and random(-13 * 24, 48) or random(-30, 48)
  local at = STOP + hours * HOUR + random(0, 11) * 5 * MINUTE
  return random(1, 3) == 1 and at or at + random(0, 5 * MINUTE - 1)
end

--- A row for a frame, its inputs in the plan's order.
local function input_of(plan, row)
  local out = { key = row.key, ts = row.ts }
  for j = 0, plan.inputs.n_fields - 1 do
    local name = ffi.string(plan.inputs.fields[j].name)
    local v = row[name]
    if v == nil then
      v = cols.null
    elseif name == 'n' then
      v = ffi.new('int64_t', v)
    elseif name == 'm' then
      v = { { 'p', v.p }, { 'q', v.q } }
    end
    out[j + 1] = v
  end
  return out
end

--- Milliseconds of a tile, as spec/07 §5 has them.
local function tile_ms(plan)
  local least
  for p = 0, plan.n_parts - 1 do
    local part = plan.parts[p]
    if part.window_ms > 0 then least = math.min(least or DAY, tonumber(part.hop_ms)) end
  end
  return least or DAY
end

--- Events of a partition come in the order of their times, but for less than five minutes.
local function shuffled(random, list)
  local due = {}
  for _, row in ipairs(list) do due[row] = row.ts + random(0, 5 * MINUTE - 2) end
  table.sort(list, function(x, y) return due[x] < due[y] or (due[x] == due[y] and x.ts < y.ts) end)
end

local compared = 0 -- values that are no nulls

local function random_events(random)
  local batch, stream, all = {}, {}, {}
  for key = 0, KEYS - 1 do
    local seen = {}
    for _ = 1, random(0, 60) do
      local row = random_row(random, key, random_ts(random))
      if not seen[row.ts] then -- which of two comes first is not defined
        seen[row.ts] = true
        all[#all + 1] = row
        table.insert(row.ts < STOP and batch or stream, row)
        -- A topic holds what was before the batch's end too; the fetch must not count it twice.
        if row.ts < STOP and row.ts >= STOP - 2 * DAY then stream[#stream + 1] = row end
      end
    end
  end
  if #batch == 0 then
    batch[1] = random_row(random, 0, STOP - 3 * DAY)
    all[#all + 1] = batch[1]
  end
  return batch, stream, all
end

local function random_partitions(random, stream)
  local by_key = random(1, 2) == 1
  local partitions = {}
  for p = 1, random(1, 4) do partitions[p] = {} end
  for _, row in ipairs(stream) do
    table.insert(partitions[by_key and row.key % #partitions + 1 or random(1, #partitions)], row)
  end
  for _, list in ipairs(partitions) do shuffled(random, list) end
  return partitions
end

--- Asks the fetcher and the batch engine. @return string? the first difference
local function difference(s, all, asked)
  local store = kv.open(s.store_url, false)
  local f = fetch.open(store)
  local keys, at, inputs = { {} }, {}, {}
  for i, q in ipairs(asked) do keys[1][i], at[i] = 'u' .. q[1], q[2] end
  for i, row in ipairs(all) do inputs[i] = input_of(s.plan, row) end
  local got = f:typed('group_by', s.name, keys, at)
  local want = frame.ask(frame.frame(s.plan, inputs, { n_keys = KEYS }), s.plan, asked)
  f:close()
  store:close()
  for i, q in ipairs(asked) do
    for p = 0, s.plan.n_parts - 1 do
      local part = s.plan.parts[p]
      local name = ffi.string(part.name)
      local w, g = want[i][p + 1], got[i][name]
      if g == nil then g = cols.null end
      if w ~= cols.null then compared = compared + 1 end
      if not cols.same(part.output, w, g, 1e-9) then
        return ('%s of u%d at %d: got %s, want %s (%s)'):format(name, q[1], q[2] - STOP, cols.show(g), cols.show(w),
          got[i][2] or '')
      end
    end
  end
end

local function run(random, tiled)
  local s = streaming.new({ fields = FIELDS, defs = random_defs(random), tiled = tiled })
  local batch, stream, all = random_events(random)
  s:upload(batch, '2024-01-31')
  s:events(random_partitions(random, stream))
  local report, said = s:stream(random(1, 2) == 1 and { '--trigger', 'buffered:20ms' })
  local step = tiled and tile_ms(s.plan) or 1
  local asked = {}
  for key = 0, KEYS - 1 do
    for _ = 1, 8 do
      local q = STOP + random(0, 47) * HOUR + random(0, 12) * 5 * MINUTE
      if random(1, 2) == 1 then q = q + random(0, 5 * MINUTE - 1) end
      asked[#asked + 1] = { key, math.ceil(q / step) * step }
    end
  end
  table.sort(asked, function(x, y) return x[1] < y[1] or (x[1] == y[1] and x[2] < y[2]) end)
  local why
  if report.rows ~= #stream or report.late ~= 0 or report.rejected ~= 0 then
    why = ('%d rows of %d, %d late, %d rejected: %s'):format(report.rows, #stream, report.late, report.rejected, said)
  end
  why = why or difference(s, all, asked)
  s:remove()
  return why
end

describe('a stream', function()
  for _, how in ipairs({ 'rows', 'tiles' }) do
    it('of ' .. how .. ' answers as the backfill does', function()
      local random, first = seed.random('stream ' .. how)
      compared = 0
      for round = 1, 12 do
        local failed = run(random, how == 'tiles')
        assert(not failed, ('seed %d, round %d: %s'):format(first, round, failed))
      end
      assert.is_true(compared > 1500, compared)
    end)
  end
end)
