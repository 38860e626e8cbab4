-- A store whose bytes were changed at random: an answer, or an error that names the GroupBy; what is
-- cut short is never an answer, and no other key or request is harmed. Bounded; CHRONON_FUZZ rounds,
-- CHRONON_SEED for another run.
local ffi = require('ffi')
local cols = require('spec.support.cols')
local fetch = require('spec.support.fetch')
local online = require('spec.support.online')
local json = require('dkjson')
local seed = require('spec.support.seed')

local HOUR, DAY = 3600000, 86400000
local STOP = 1706745600000 -- 2024-02-01
local Q = STOP + 12 * HOUR
local ROUNDS = tonumber(os.getenv('CHRONON_FUZZ') or '') or 300
local BATCH, STREAM = 'TEAM_GB_V1_BATCH', 'TEAM_GB_V1_STREAMING'

local FIELDS = { { 'n', 'long' }, { 'd', 'double' }, { 's', 'string' }, { 'b', 'string' }, { 'm', 'map<string,double>' },
                 { 'l', 'list<long>' } }
local W = { '6h', '30d' }
local SIMPLE = { { 'n', 'SUM', windows = W }, { 'd', 'AVERAGE', windows = W }, { 'd', 'VARIANCE' }, { 's', 'LAST', windows = W },
                 { 'n', 'MIN' }, { 's', 'COUNT' } }
local ANY = { { 'n', 'SUM', windows = W, buckets = { 'b' } }, { 's', 'UNIQUE_COUNT', windows = W }, { 'd', 'SKEW' },
              { 's', 'HISTOGRAM' }, { 'n', 'TOP_K', args = { k = 3 }, windows = W }, { 's', 'LAST_K', args = { k = 3 } },
              { 's', 'APPROX_UNIQUE_COUNT', windows = W }, { 'm', 'SUM' }, { 'l', 'SUM' }, { 'd', 'APPROX_PERCENTILE' },
              { 's', 'APPROX_HISTOGRAM_K', args = { k = 3 } }, { 's', 'BOUNDED_UNIQUE_COUNT', args = { k = 4 } } }

local SHAPES = {
  ['rows of simple operations'] = { defs = SIMPLE },
  ['rows of any operation'] = { defs = ANY },
  ['tiles of simple operations'] = { defs = SIMPLE, tiled = true },
  ['tiles of any operation'] = { defs = ANY, tiled = true },
  ['mutations'] = { defs = SIMPLE, entities = true },
  ['values as they are'] = { snapshot = true },
}

local function row(ts, i)
  return { ts = ts, mutation_ts = ts, is_before = false, n = ffi.new('int64_t', i), d = i / 2, s = 'item' .. i % 4,
           b = i % 2 == 0 and 'x' or cols.null, m = { { 'p', i }, { 'q', 1 } }, l = { ffi.new('int64_t', i), 2LL } }
end

local function changed(random, bytes)
  local at = random(1, math.max(#bytes, 1))
  local kind = random(1, 6)
  if kind == 1 then return bytes:sub(1, at - 1) .. string.char(random(0, 255)) .. bytes:sub(at + 1) end
  if kind == 2 then return bytes:sub(1, at - 1) .. bytes:sub(at + random(1, 9)) end
  if kind == 3 then return bytes:sub(1, at) .. string.char(random(0, 255)):rep(random(1, 12)) .. bytes:sub(at + 1) end
  if kind == 4 then return bytes:sub(1, random(at, math.min(#bytes, at + 40))) .. bytes:sub(at) end
  if kind == 5 then -- a large varint: a length, a count, a branch
    return bytes:sub(1, at - 1) .. ('\255'):rep(random(1, 9)) .. '\1' .. bytes:sub(at + 1)
  end
  local noise = {}
  for i = 1, random(0, 40) do noise[i] = string.char(random(0, 255)) end
  return table.concat(noise)
end

--- A store with `good` and `bad`, what is put there of each, and a fetcher.
local function filled(shape)
  local store = fetch.store()
  local gb = online.new(store, { name = 'team.gb.v1', fields = FIELDS, stop = STOP, defs = shape.defs, tiled = shape.tiled,
                                 entities = shape.entities, snapshot = shape.snapshot })
  for _, key in ipairs({ 'good', 'bad' }) do
    if shape.snapshot then
      gb:value(key, FIELDS, row(STOP, 3))
    else
      local rows, streamed = {}, {}
      for i = 1, 12 do rows[i] = row(STOP - 31 * DAY + i * 60 * HOUR, i) end
      for i = 1, 4 do streamed[i] = row(STOP + i * HOUR, i) end
      gb:batch(key, rows)
      if shape.tiled then gb:tiles(key, streamed, 300000) else gb:stream(key, streamed) end
    end
  end
  local puts = gb.puts
  gb:save()
  return store, gb, puts
end

local REQUEST = '[{"user":"bad"},{"user":"good"}]'

local function ask(f)
  local text = assert(f:text('group_by', 'team.gb.v1', REQUEST, Q))
  local list = assert(json.decode(text, 1, json.null), text).results
  return list[1], list[2]
end

--- Asks, and holds the answer against what must be.
local function check(f, want, told, must_fail)
  local bad, good = ask(f)
  assert.same(want, good, told)
  if bad.status == 'Success' then
    assert(not must_fail, told .. ': answered ' .. json.encode(bad))
  else
    assert(bad.error:find('^Failed to decode [%a ]+ for groupBy team.gb.v1: .'), told .. ': ' .. bad.error)
  end
  return bad.status == 'Success'
end

local function show(bytes) return (bytes:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end

describe('a store that was tampered with', function()
  -- A trace of LuaJIT 2.1.0-beta3 cuts a pointer to 32 bits now and then, and this spec makes many.
  setup(function() jit.off() end)
  teardown(function() jit.on() end)

  for name, shape in pairs(SHAPES) do
    it('harms no other key: ' .. name .. ' #fuzz', function()
      local random, first = seed.random('hostile ' .. name)
      local store, gb, puts = filled(shape)
      local f = fetch.open(store, { batch_cache = 2 })
      local first_bad, want = ask(f)
      assert.equal('Success', first_bad.status)
      assert.same(want.features, first_bad.features)
      local key = gb:key_bytes('bad')
      local value = gb.values[key]
      local of_bad = {}
      for _, p in ipairs(puts) do
        if p[2] == key then of_bad[#of_bad + 1] = p end
      end
      local answered = 0
      for round = 1, ROUNDS do
        local cut = random(1, 4) == 1
        local p = #of_bad > 0 and random(1, 2) == 1 and of_bad[random(1, #of_bad)]
        local from = p and p[3] or value
        local bytes = cut and from:sub(1, random(0, #from - 1)) or changed(random, from)
        local told = ('seed %d, round %d: %s %s'):format(first, round, p and 'streamed' or 'batch', show(bytes))
        if p then
          store:put(STREAM, key, bytes, p[4])
        else
          gb.values[key] = bytes
          store:bulk(BATCH, STOP, gb.values)
        end
        answered = answered + (check(f, want, told, cut) and 1 or 0)
        if p then
          store:put(STREAM, key, p[3], p[4])
        else
          gb.values[key] = value
          store:bulk(BATCH, STOP, gb.values)
        end
      end
      assert.same(first_bad, (ask(f)))
      assert.is_true(answered > 0 and answered < ROUNDS, answered)
      f:close()
      store:close()
    end)
  end

  it('reads serving infos and joins of any bytes, or says what is wrong #fuzz', function()
    local random, first = seed.random('hostile metadata')
    local store, gb = filled({ defs = SIMPLE })
    local join = online.join(store, 'team.join.v1', { { gb } })
    local info, conf = gb:info(), json.encode(join)
    local read = 0
    for round = 1, ROUNDS do
      local of_join = random(1, 2) == 1
      local text = changed(random, of_join and conf or info)
      local told = ('seed %d, round %d: %q'):format(first, round, text)
      gb.values[fetch.INFO] = of_join and info or text
      store:bulk(BATCH, STOP, gb.values)
      store:put('ZIPLINE_METADATA', 'joins/team/join.v1', of_join and text or conf)
      local f = fetch.open(store)
      local answer, why = f:text('join', 'team/join.v1', '[{"user":"good"}]', Q)
      if of_join and not answer then
        assert(why:find('^the join for key joins/team/join.v1 cannot be read; .*: .'), told .. ': ' .. why)
      else
        assert(answer, told .. ': ' .. tostring(why))
        read = read + (answer:find('_exception', 1, true) and 0 or 1)
      end
      f:close()
    end
    assert.is_true(read > 0, read)
    store:close()
  end)
end)
