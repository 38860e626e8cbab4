-- What a fetch answers equals what the backfill says of that instant, wherever the rows are cut into
-- batch and stream, whether the stream is rows or tiles.
local ffi = require('ffi')
local cols = require('spec.support.cols')
local fetch = require('spec.support.fetch')
local frame = require('spec.support.frame')
local online = require('spec.support.online')
local seed = require('spec.support.seed')

local MINUTE, HOUR = 60000, 3600000
local STOP = 1706745600000 -- 2024-02-01

local FIELDS = { { 'n', 'long' }, { 'd', 'double' }, { 's', 'string' }, { 'b', 'string' }, { 'i', 'int' },
                 { 'm', 'map<string,double>' } }
local WINDOWS = { '1h', '6h', '1d', '36h', '3d', '7d', '12d', '300h', '30d' }

--- What goes straight from Avro into sums (agg/stream.h).
local SIMPLE = {
  { 'n', 'SUM' }, { 'n', 'COUNT' }, { 'd', 'SUM' }, { 'd', 'AVERAGE' }, { 'd', 'VARIANCE' }, { 'i', 'MIN' }, { 'd', 'MIN' },
  { 'd', 'MAX' }, { 'n', 'MAX' }, { 's', 'LAST' }, { 's', 'FIRST' }, { 'd', 'LAST' }, { 's', 'COUNT' }, { 'i', 'AVERAGE' },
  { 'i', 'SUM' }, { 'n', 'VARIANCE' },
}

local function random_defs(random, how)
  local defs, used = {}, {}
  local ops = how == 'simple rows' and SIMPLE or {
    { 'n', 'SUM' }, { 'n', 'COUNT' }, { 'd', 'SUM' }, { 'd', 'AVERAGE' }, { 'd', 'VARIANCE' }, { 'i', 'MIN' },
    { 'd', 'MAX' }, { 's', 'LAST' }, { 's', 'FIRST' }, { 's', 'LAST_K', args = { k = 3 } }, { 's', 'UNIQUE_COUNT' },
    { 's', 'HISTOGRAM' }, { 'n', 'TOP_K', args = { k = 2 } }, { 's', 'APPROX_UNIQUE_COUNT' }, { 'd', 'SKEW' },
    { 'd', 'KURTOSIS' }, { 'm', 'SUM' }, { 'n', 'SUM', buckets = { 'b' } }, { 'd', 'AVERAGE', buckets = { 'b' } },
    { 'i', 'AVERAGE' }, { 'i', 'SUM' }, { 's', 'COUNT' }, { 'i', 'FIRST_K', args = { k = 2 } },
  }
  for _ = 1, random(3, 8) do
    local pick = random(1, #ops)
    if not used[pick] then
      used[pick] = true
      local op = ops[pick]
      local windows, seen = {}, {}
      for _ = 1, random(0, 3) do
        local w = WINDOWS[random(1, #WINDOWS)]
        if not seen[w] then seen[w], windows[#windows + 1] = true, w end
      end
      defs[#defs + 1] = { op[1], op[2], args = op.args, buckets = op.buckets,
                          windows = #windows > 0 and windows or nil }
    end
  end
  return defs
end

local function random_row(random, ts)
  local function maybe(v) return random(1, 6) == 1 and cols.null or v end
  return {
    ts = ts, n = maybe(ffi.new('int64_t', random(-50, 50))), d = maybe(random(-400, 400) / 8),
    s = maybe(('k%d'):format(random(1, 6))), b = maybe(({ 'x', 'y' })[random(1, 2)]), i = maybe(random(-9, 9)),
    m = maybe({ { 'p', random(1, 9) / 4 }, { 'q', random(1, 9) / 2 } }),
  }
end

--- Instants on and around the edges that windows have.
local function random_ts(random)
  local hours = random(1, 4) <= 2 and random(-31 * 24, 48) or random(-48, 48)
  local at = STOP + hours * HOUR + random(0, 11) * 5 * MINUTE
  return random(1, 3) == 1 and at or at + random(0, 5 * MINUTE - 1)
end

local function by_time(x, y) return x.ts < y.ts end

local function inputs_of(plan, key, rows, list)
  for _, r in ipairs(rows) do
    local row = { key = key, ts = r.ts }
    for j = 0, plan.inputs.n_fields - 1 do row[j + 1] = r[ffi.string(plan.inputs.fields[j].name)] end
    list[#list + 1] = row
  end
end

local compared = 0 -- values that are no nulls

local function run(random, how, round)
  local store = fetch.store()
  local o = online.new(store, { name = 'team.prop.v' .. round, fields = FIELDS, defs = random_defs(random, how),
                                stop = STOP,
                                tiled = how == 'tiles' })
  local all, asked = {}, {}
  local distinct = {}
  for key = 0, 3 do
    local batch, stream = {}, {}
    for _ = 1, random(0, 60) do
      local row = random_row(random, random_ts(random))
      if not distinct[key .. ' ' .. row.ts] then -- which of two comes first is not defined
        distinct[key .. ' ' .. row.ts] = true
        table.insert(row.ts < STOP and batch or stream, row)
      end
    end
    table.sort(batch, by_time)
    table.sort(stream, by_time)
    if #batch > 0 then o:batch('u' .. key, batch) end
    if how == 'tiles' then o:tiles('u' .. key, stream, 5 * MINUTE) else o:stream('u' .. key, stream) end
    inputs_of(o.plan, key, batch, all)
    inputs_of(o.plan, key, stream, all)
    for _ = 1, 6 do
      local q = STOP + random(0, 47) * HOUR + random(0, 12) * 5 * MINUTE
      if how ~= 'tiles' and random(1, 2) == 1 then q = q + random(0, 5 * MINUTE - 1) end
      asked[#asked + 1] = { key, q }
    end
  end
  o:save()
  table.sort(asked, function(x, y) return x[1] < y[1] or (x[1] == y[1] and x[2] < y[2]) end)
  local f = fetch.open(store)
  local keys, at = { {} }, {}
  for i, q in ipairs(asked) do keys[1][i], at[i] = 'u' .. q[1], q[2] end
  local got = f:typed('group_by', 'team/prop.v' .. round, keys, at)
  local want = #all > 0 and frame.ask(frame.frame(o.plan, all, { n_keys = 4 }), o.plan, asked)
  for i, q in ipairs(asked) do
    for p = 0, o.plan.n_parts - 1 do
      local part = o.plan.parts[p]
      local name = ffi.string(part.name)
      local w = want and want[i][p + 1] or cols.null
      local g = got[i][name]
      if g == nil then g = cols.null end
      if w ~= cols.null then compared = compared + 1 end
      if not cols.same(part.output, w, g, 1e-9) then
        return ('%s of u%d at %d: got %s, want %s'):format(name, q[1], q[2] - STOP, cols.show(g), cols.show(w))
      end
    end
  end
  f:close()
  store:close()
end

describe('a fetch', function()
  for _, how in ipairs({ 'rows', 'simple rows', 'tiles' }) do
    it('equals the backfill, with streamed ' .. how, function()
      local random, first = seed.random('fetch ' .. how)
      for round = 1, 60 do
        local failed = run(random, how, round)
        assert(not failed, ('seed %d, round %d: %s'):format(first, round, failed))
      end
      assert.is_true(compared > 5000, compared)
      compared = 0
    end)
  end
end)
