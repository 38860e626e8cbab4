-- Batch values kept decoded: the same answers, a bound, and a switch seen at once.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('fetcher/fetcher.h')
local fetch = require('spec.support.fetch')
local online = require('spec.support.online')
local seed = require('spec.support.seed')

local HOUR, DAY = 3600000, 86400000
local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 's', 'string' } }
local DEFS = { { 'n', 'SUM', windows = { '1d', '30d' } }, { 's', 'LAST_K', args = { k = 3 }, windows = { '7d' } },
               { 's', 'UNIQUE_COUNT' } }

local function batch_rows(random, stop)
  local rows = {}
  for i = 1, random(1, 30) do
    rows[i] = { ts = stop - random(1, 31 * 24) * HOUR + i, n = ffi.new('int64_t', random(1, 99)), s = 's' .. random(1, 9) }
  end
  table.sort(rows, function(x, y) return x.ts < y.ts end)
  return rows
end

local function filled(random, n)
  local store = fetch.store()
  local gb = online.new(store, { name = 'team.gb.v1', fields = FIELDS, defs = DEFS, stop = STOP })
  for i = 1, n do
    gb:batch('u' .. i, batch_rows(random, STOP))
    gb:stream('u' .. i, { { ts = STOP + HOUR, n = 11LL, s = 'new' } })
  end
  gb:save()
  return store, gb
end

local function body(keys)
  for i, k in ipairs(keys) do keys[i] = ('{"user":"u%d"}'):format(k) end
  return '[' .. table.concat(keys, ',') .. ']'
end

local function cached(f)
  local counts = ffi.new('struct fetcher_counts')
  C.fetcher_count(f.f, counts)
  return tonumber(counts.batch_cached)
end

describe('a cache of batch values', function()
  local open = {}
  local function fetcher(store, options)
    open[#open + 1] = fetch.open(store, options)
    return open[#open]
  end
  after_each(function()
    for _, f in ipairs(open) do f:close() end
    open = {}
  end)

  it('changes no answer, whatever its size, as keys come and uploads change', function()
    local random, first = seed.random('fetch cache')
    local store, gb = filled(random, 8)
    local plain = fetcher(store)
    local sizes = { fetcher(store, { batch_cache = 1 }), fetcher(store, { batch_cache = 3 }),
                    fetcher(store, { batch_cache = 100 }) }
    for round = 1, 120 do
      if random(1, 10) == 1 then -- another upload, of the same day or the next
        gb.o.stop = gb.o.stop + random(0, 1) * DAY
        for i = 1, 8 do
          if random(1, 2) == 1 then gb:batch('u' .. i, batch_rows(random, gb.o.stop)) end
        end
        gb:save()
      end
      local keys = {}
      for i = 1, random(1, 6) do keys[i] = random(1, 9) end
      local text, at = body(keys), gb.o.stop + random(0, 40) * HOUR
      local want = assert(plain:text('group_by', 'team.gb.v1', text, at))
      for _, f in ipairs(sizes) do
        assert.equal(want, f:text('group_by', 'team.gb.v1', text, at), ('seed %d, round %d'):format(first, round))
      end
    end
    assert.equal(0, cached(plain))
    assert.is_true(cached(sizes[3]) > cached(sizes[1]))
    assert.is_true(cached(sizes[1]) > 0)
  end)

  it('has what was asked last, and no more than its size', function()
    local store = filled(seed.random('fetch cache size'), 4)
    local f = fetcher(store, { batch_cache = 2 })
    local function ask(k) assert(f:text('group_by', 'team.gb.v1', body({ k }), STOP + DAY)) end
    local function hits(k)
      local before = cached(f)
      ask(k)
      return cached(f) - before
    end
    ask(1)
    ask(2)
    assert.equal(1, hits(1))
    ask(3) -- 2 leaves
    assert.equal(1, hits(1))
    assert.equal(1, hits(3))
    assert.equal(0, hits(2))
    assert.equal(0, hits(1))
  end)

  it('sees a value of the same instant and length, but other bytes', function()
    local store, gb = filled(seed.random('fetch cache bytes'), 1)
    local f = fetcher(store, { batch_cache = 8 })
    for _, n in ipairs({ 5LL, 6LL, 5LL }) do
      gb:batch('u1', { { ts = STOP - HOUR, n = n, s = 'x' } })
      gb:save()
      for _ = 1, 2 do
        assert.equal(tonumber(n), f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP).n_sum_30d)
      end
    end
    assert.equal(3, cached(f))
  end)

  it('keeps no value that could not be read', function()
    local store, gb = filled(seed.random('fetch cache bad'), 1)
    local f = fetcher(store, { batch_cache = 8 })
    local good = gb.values[gb:key_bytes('u1')]
    local want = assert(f:text('group_by', 'team.gb.v1', body({ 1 }), STOP + DAY))
    gb.values = { [gb:key_bytes('u1')] = good:sub(1, -2) }
    gb:save()
    for _ = 1, 2 do
      assert.matches('Failed to decode batch IR', (f:text('group_by', 'team.gb.v1', body({ 1 }), STOP + DAY)))
    end
    gb.values = { [gb:key_bytes('u1')] = good }
    gb:save()
    assert.equal(want, (f:text('group_by', 'team.gb.v1', body({ 1 }), STOP + DAY)))
  end)
end)
