--- Random operations on every kind of store beside a naive model.
local kv = require('spec.support.kv')
local stores = require('spec.support.kv_stores')
local seeds = require('spec.support.seed')

local OPERATIONS = 400

local function model() return { data = { A = {}, B = {} }, marks = {} } end

local function apply(versions, put) versions[put[4]] = (put.append and versions[put[4]] or '') .. put[3] end

local function sorted(versions, from)
  local out = {}
  for ts, value in pairs(versions or {}) do
    if not from or ts >= from then out[#out + 1] = { ts, value } end
  end
  table.sort(out, function(a, b) return a[1] < b[1] end)
  return out
end

local function all(dataset)
  local out = {}
  for key, versions in pairs(dataset) do
    for ts, value in pairs(versions) do out[#out + 1] = { key, ts, value } end
  end
  return out
end

local function ordered(items)
  table.sort(items, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
  return items
end

local function keys(random)
  local out = { '', '\0' }
  for _ = 1, 20 do
    local bytes = {}
    for i = 1, random(0, 6) do bytes[i] = string.char(({ 0, 1, 97, 98, 254, 255 })[random(1, 6)]) end
    local key = table.concat(bytes)
    out[#out + 1] = random(1, 4) == 1 and key .. ('k'):rep(random(480, 520)) .. key or key
  end
  return out
end

local function steps(store, m, names, random)
  local function pick() return names[random(1, #names)] end
  local function dataset() return random(1, 3) == 1 and 'B' or 'A' end
  local function value() return ('v'):rep(random(0, 3) == 0 and random(0, 9000) or random(0, 20)) .. random(0, 999) end

  local function commit()
    local puts, mark = {}, tostring(random(0, 99))
    for i = 1, random(0, 12) do
      local put = { dataset(), pick(), value(), random(-5, 30), replace = random(1, 8) == 1 }
      put.append = not put.replace and random(1, 3) == 1
      puts[i] = put
      local d = m.data[put[1]]
      d[put[2]] = not put.replace and d[put[2]] or {}
      apply(d[put[2]], put)
    end
    store:commit(puts, { { 'm', mark, expect = m.marks.m or false } })
    m.marks.m = mark
  end

  local function load()
    local name, ts, fresh = dataset(), random(0, 30), {}
    local bulk = store:load(name, ts)
    for _ = 1, random(0, 60) do
      local key, v = pick(), value()
      bulk:add(key, v)
      fresh[key] = { [ts] = v }
    end
    if random(1, 3) == 1 then return bulk:abort() end
    bulk:commit()
    m.data[name] = fresh
  end

  local function expire()
    local name, before, count = dataset(), random(-5, 20), 0
    for _, versions in pairs(m.data[name]) do
      for ts in pairs(versions) do
        if ts < before then
          versions[ts] = nil
          count = count + 1
        end
      end
    end
    assert.equal(count, store:expire(name, before))
  end

  local function read()
    local wanted, expected = {}, {}
    for i = 1, random(1, 10) do
      local from = random(1, 2) == 1 and random(-5, 30) or nil
      wanted[i] = { dataset(), pick(), from }
      expected[i] = sorted(m.data[wanted[i][1]][wanted[i][2]], from)
    end
    assert.same(expected, store:gets(wanted))
    assert.equal(m.marks.m, store:mark('m'))
  end

  local function scan()
    local name, prefix = dataset(), pick():sub(1, random(0, 3))
    local expected = {}
    for _, item in ipairs(all(m.data[name])) do
      if item[1]:sub(1, #prefix) == prefix then expected[#expected + 1] = item end
    end
    assert.same(ordered(expected), ordered((store:scan(name, prefix))))
  end

  local function counts(kind)
    for name, dataset_ in pairs(m.data) do
      local items, bytes = all(dataset_), 0
      for _, item in ipairs(items) do bytes = bytes + #item[1] + #item[3] end
      assert.equal(#items, store:list()[name].versions)
      if kind.counts_bytes then assert.equal(bytes, store:list()[name].bytes) end
    end
  end

  return { commit, commit, commit, commit, load, expire, read, read, read, scan }, counts
end

for _, kind in ipairs(stores.kinds) do
  describe('kv ' .. kind.name, function()
    setup(function() kind:setup() end)
    teardown(function() kind:teardown() end)

    it('does what a table of tables does', function()
      for round = 1, 4 do
        local random, seed = seeds.random('kv' .. round)
        local url = kind:fresh()
        local store = kv.open(kind.name == 'lmdb' and url .. '?map=1' or url)
        store:create('A')
        store:create('B')
        local m = model()
        local ok, why = pcall(function()
          local operations, counts = steps(store, m, keys(random), random)
          for _ = 1, OPERATIONS do
            operations[random(1, #operations)]()
            counts(kind)
          end
        end)
        store:close()
        assert.is_true(ok, ('CHRONON_SEED=%d: %s'):format(seed, tostring(why)))
      end
    end)

    it('keeps thousands of versions of a key, put in any order', function()
      local random, seed = seeds.random('kv versions')
      local store, m = kv.open(kind:fresh()), { a = {}, b = {} }
      store:create('A')
      local DAY, now = 86400000, 0
      local function check(from)
        for _, key in ipairs({ 'a', 'b' }) do
          assert.same(sorted(m[key], from), store:get('A', key, from), ('CHRONON_SEED=%d'):format(seed))
        end
      end
      for round = 1, 120 do
        local puts = {}
        for i = 1, random(1, 60) do
          now = now + random(1, round % 10 == 0 and 3 * DAY or 60000)
          local late = random(1, 5) == 1 and random(0, 200) * DAY or random(1, 5) == 1 and random(0, 3600000) or 0
          local value = ('v'):rep(random(1, 99) == 1 and 5000 or random(0, 90)) .. i
          local put = { 'A', random(1, 2) == 1 and 'a' or 'b', value, now - late }
          put.replace = round < 40 and random(1, 400) == 1
          if put.replace then m[put[2]] = {} end
          put.append = not put.replace and random(1, 4) == 1
          local times = put.append and sorted(m[put[2]]) or {}
          if #times > 0 then put[4] = times[random(1, 2) == 1 and #times or random(1, #times)][1] end
          puts[i] = put
          apply(m[put[2]], put)
        end
        store:commit(puts)
        if round % 10 == 0 then
          check(now - random(0, 100) * DAY)
          check(-100 * DAY)
        end
        if round % 40 == 0 and round < 120 then
          local before, count = now - random(100, 300) * DAY, 0
          for _, versions in pairs(m) do
            for ts in pairs(versions) do
              if ts < before then versions[ts], count = nil, count + 1 end
            end
          end
          assert.equal(count, store:expire('A', before))
          check()
        end
      end
      assert.equal(#all(m), store:list().A.versions)
      assert.is_true(#all(m) > 900)
      local items, token = {}, nil
      repeat -- pages of seven
        local page, at = store:scan('A', '', 7, token)
        for _, item in ipairs(page) do items[#items + 1] = item end
        token = at
      until #page < 7
      if kind.name ~= 'redis' then assert.same(ordered(all(m)), ordered(items)) end -- whose pages may overlap
      assert.same(ordered(all(m)), ordered((store:scan('A'))))
      store:close()
    end)
  end)
end
