-- Answers that are kept are what a fetch would say, byte for byte, whatever happens to the store.
local fetch = require('spec.support.fetch')
local json = require('dkjson')
local kv = require('spec.support.kv')
local online = require('spec.support.online')
local program = require('spec.support.program')
local seed = require('spec.support.seed')

local MINUTE, HOUR = 60000, 3600000
local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 'd', 'double' }, { 's', 'string' } }
local DEFS = {
  { 'n', 'SUM', windows = { '6h', '7d' } }, { 'd', 'AVERAGE', windows = { '30d' } }, { 's', 'LAST' },
  { 's', 'LAST_K', args = { k = 2 }, windows = { '1d' } },
}
local MIB = 1048576

local folder, store, plain, keeps
local function open(bytes)
  folder = program.folder()
  store = kv.open('lmdb:' .. folder .. '/kv')
  plain, keeps = fetch.open(store), fetch.open(store, { answer_cache = bytes or MIB })
end
local function close()
  plain:close()
  keeps:close()
  store:close()
  program.remove(folder)
end

local function row(random, ts)
  return { ts = ts, n = random(-9, 9) + 0LL, d = random(-99, 99) / 8, s = 's' .. random(1, 5) }
end

--- A GroupBy with some days of rows for each user.
local function group_by(name, more)
  local o = { name = name, fields = FIELDS, defs = DEFS, stop = STOP }
  for k, v in pairs(more or {}) do o[k] = v end
  return online.new(store, o)
end

local function upload(gb, random, users)
  for u = 1, users do
    local rows = {}
    for i = 1, 8 do rows[i] = row(random, gb.o.stop - (9 - i) * random(1, 3) * 9 * HOUR) end
    gb:batch('u' .. u, rows)
  end
  gb:save()
end

--- Streams one row of a user.
local function stream(gb, user, r)
  if gb.o.tiled then gb:tiles(user, { r }, 5 * MINUTE) else gb:stream(user, { r }) end
  store:commit(gb.puts)
  gb.puts = {}
end

local function body(users)
  local list = {}
  for i, u in ipairs(users) do list[i] = { user = u } end
  return json.encode(setmetatable(list, { __jsontype = 'array' }))
end

--- Asks both fetchers; fails where they differ.
local function same(kind, name, text, at)
  local want, why = plain:text(kind, name, text, at)
  local got, wrong = keeps:text(kind, name, text, at, 'kept')
  assert.equal(want, got)
  assert.equal(why, wrong)
  return got
end

--- @return integer rows of this question, asked again, that come without a fetch
local function kept_of(kind, name, text, at)
  same(kind, name, text, at)
  local before = keeps:kept()
  same(kind, name, text, at)
  return keeps:kept() - before
end

describe('a kept answer', function()
  before_each(function() open() end)
  after_each(close)

  it('is what a fetch says, whatever is streamed, uploaded and asked meanwhile', function()
    local random, first = seed.random('kept answers')
    local derived = { { 'rate', 'round(n_sum_7d / 7, 3)' }, { 'who', "concat(user, '-', s_last)" }, { '*', '*' } }
    local gbs = { group_by('team.rows.v1', { derivations = derived }), group_by('team.tiles.v1', { tiled = true }) }
    for _, gb in ipairs(gbs) do upload(gb, random, 6) end
    online.join(store, 'team.j.v1', { { gbs[1] }, { gbs[2] }, { gbs[1], prefix = 'again' } })
    local now, rows, streamed = STOP + 2 * HOUR, 0, {}
    local function users()
      local list = {}
      for i = 1, random(1, 5) do list[i] = 'u' .. random(1, 7) end -- of u7 nothing is known
      return list
    end
    for step = 1, 1500 do
      local what = random(1, 100)
      if what <= 80 then
        local list = users()
        rows = rows + #list
        local at = random(1, 4) == 1 and now - random(0, 3) * MINUTE or now
        local ok, why = pcall(same, random(1, 3) == 1 and 'group_by' or 'join',
          random(1, 2) == 1 and 'team/rows.v1' or 'team/j.v1', body(list), at)
        assert(ok, ('seed %d, step %d: %s'):format(first, step, tostring(type(why) == 'table' and why.message or why)))
      elseif what <= 88 then
        now = now + random(0, 7) * MINUTE + random(0, 2)
      elseif what <= 98 then
        local gb, user = gbs[random(1, 2)], 'u' .. random(1, 7)
        local ts = now + random(-90, 10) * MINUTE -- late ones, and ones that are still to come
        if not streamed[user .. ts] then stream(gb, user, row(random, ts)) end
        streamed[user .. ts] = true
      else
        local gb = gbs[random(1, 2)]
        gb.values = {}
        upload(gb, random, 6)
      end
    end
    assert.is_true(keeps:kept() > rows / 10, ('%d of %d rows'):format(keeps:kept(), rows))
  end)

  it('stays when other keys are written, and goes when one of its own is', function()
    local random = seed.random('kept keys')
    local a, b = group_by('team.a.v1'), group_by('team.b.v1')
    upload(a, random, 3)
    upload(b, random, 3)
    online.join(store, 'team.j.v1', { { a }, { b } })
    local at, text = STOP + HOUR, body { 'u1', 'u2' }
    local function kept_now()
      local before = keeps:kept()
      same('join', 'team/j.v1', text, at)
      return keeps:kept() - before
    end
    assert.equal(2, kept_of('join', 'team/j.v1', text, at))
    stream(a, 'u3', row(random, at - MINUTE))
    assert.equal(2, kept_now())
    stream(b, 'u2', row(random, at - MINUTE))
    assert.equal(1, kept_now())
    assert.equal(2, kept_now())
    upload(group_by('team.other.v1'), random, 1)
    assert.equal(0, kept_now()) -- of an upload it is only known that it was one
  end)

  it('is good until a window begins elsewhere, and not before its own instant', function()
    local random = seed.random('kept windows')
    upload(group_by('team.gb.v1'), random, 3)
    local at = STOP + HOUR + 2 * MINUTE + 1
    local text = body { 'u1', 'u2' }
    assert.equal(2, kept_of('group_by', 'team/gb.v1', text, at))
    local function kept_at(t)
      local before = keeps:kept()
      same('group_by', 'team/gb.v1', text, t)
      return keeps:kept() - before
    end
    assert.equal(2, kept_at(STOP + HOUR + 5 * MINUTE - 1)) -- windows of 6 hours move every 5 minutes
    assert.equal(0, kept_at(at - 1))
    assert.equal(0, kept_at(STOP + HOUR + 5 * MINUTE))
  end)

  it('is not made of a later row that was left out', function()
    local random = seed.random('kept future')
    local gb = group_by('team.gb.v1')
    upload(gb, random, 2)
    stream(gb, 'u1', row(random, STOP + 2 * HOUR))
    assert.equal(0, kept_of('group_by', 'team/gb.v1', body { 'u1' }, STOP + HOUR))
    assert.equal(0, kept_of('group_by', 'team/gb.v1', body { 'u1' }, STOP + 2 * HOUR))
    assert.equal(1, kept_of('group_by', 'team/gb.v1', body { 'u1' }, STOP + 2 * HOUR + 1))
  end)

  it('stands beside rows that are fetched, fail or are left out', function()
    local random = seed.random('kept beside')
    local gb = group_by('team.gb.v1', { keys = { { 'user', 'long' } } })
    for u = 1, 4 do gb:batch(u, { row(random, STOP - u * HOUR) }) end
    gb:save()
    online.join(store, 'team.j.v1', { { gb } })
    local at = STOP + HOUR
    assert.equal(2, kept_of('join', 'team/j.v1', '[{"user":1},{"user":"2"}]', at))
    local before = keeps:kept()
    local text = same('join', 'team/j.v1', '[{"user":3},{"user":2,"more":[1]},{"user":null},{"user":1},{"user":77}]', at)
    assert.equal(2, keeps:kept() - before)
    assert.matches('"entityKeys":{"user":2,"more":[1]}', text, 1, true)
    before = keeps:kept()
    same('join', 'team/j.v1', '[{"user":1},{"user":"no number"}]', at) -- fails: all of it is fetched
    same('join', 'team/j.v1', '[{"user":1},{"other":1}]', at)
    assert.equal(0, keeps:kept() - before)
    same('group_by', 'team/gb.v1', '[{"user":null},{"user":1},{"user":88}]', at)
    same('group_by', 'team/gb.v1', '[{"user":null},{"user":1},{"user":88}]', at)
    assert.equal(2, keeps:kept() - before)
  end)

  it('is not made by a clock, of mutations, of external sources, in detail or of a past before the batch', function()
    local random = seed.random('kept never')
    local gbs = { group_by('team.mutations.v1', { entities = true, defs = { { 'n', 'SUM', windows = { '7d' } } } }) }
    for i, e in ipairs { 'ts', 'n_sum_7d + ts', 'TS / 2', "concat(ds, rand() < 2)", 'unix_timestamp() > 0', 'rand() < 2' } do
      gbs[i + 1] = group_by(('team.clock%d.v1'):format(i), { derivations = { { 'asked', e }, { '*', '*' } } })
    end
    for _, gb in ipairs(gbs) do
      upload(gb, random, 1)
      assert.equal(0, kept_of('group_by', gb.o.name:gsub('%.', '/', 1), body { 'u1' }, STOP + HOUR), gb.o.name)
    end
    local snapshots = group_by('team.snapshots.v1', { entities = true, snapshot = true, defs = { { 'n', 'SUM' } } })
    snapshots:value('u1', { { 'n_sum', 'long' } }, { n_sum = 5LL })
    snapshots:save()
    assert.equal(1, kept_of('group_by', 'team/snapshots.v1', body { 'u1' }, STOP + HOUR))
    local pure = group_by('team.pure.v1', { derivations = { { 'twice', 'n_sum_7d * 2' }, { 'whose', 'upper(user)' } } })
    upload(pure, random, 1)
    assert.equal(1, kept_of('group_by', 'team/pure.v1', body { 'u1' }, STOP + HOUR))
    local renamed = group_by('team.renamed.v1', { derivations = { { 'short', 'n_sum_7d' } } })
    upload(renamed, random, 1)
    assert.equal(1, kept_of('group_by', 'team/renamed.v1', body { 'u1' }, STOP + HOUR))
    assert.equal(0, kept_of('group_by', 'team/renamed.v1', body { 'u1' }, STOP - HOUR))
    online.join(store, 'team.j.v1', { { renamed }, { gbs[2] } })
    assert.equal(0, kept_of('join', 'team/j.v1', body { 'u1' }, STOP + HOUR))
  end)

  it('is good for its day where the day is part of it', function()
    local random = seed.random('kept days')
    local gbs = {
      group_by('team.copied.v1', { derivations = { { 'day', 'ds' }, { '*', '*' } } }),
      group_by('team.made.v1', { derivations = { { 'year', 'year(to_date(DS))' }, { '*', '*' } } }),
    }
    for _, gb in ipairs(gbs) do upload(gb, random, 1) end
    online.join(store, 'team.j.v1', { { gbs[1] }, { gbs[2] } })
    local text, last = body { 'u1' }, STOP + 24 * HOUR - 1
    for _, asked in ipairs { { 'group_by', 'team/copied.v1' }, { 'group_by', 'team/made.v1' }, { 'join', 'team/j.v1' } } do
      local kind, name = asked[1], asked[2]
      assert.equal(1, kept_of(kind, name, text, last), name)
      local before = keeps:kept()
      same(kind, name, text, last + 1)
      assert.equal(before, keeps:kept(), name)
    end
  end)

  it('is good for no other day, however far from now its own is', function()
    local snapshots = group_by('team.snapshots.v1', { snapshot = true, entities = true, defs = { { 'n', 'SUM' } },
      derivations = { { 'day', 'ds' }, { '*', '*' } } })
    snapshots:value('u1', { { 'n_sum', 'long' } }, { n_sum = 5LL })
    snapshots:save()
    for _, far in ipairs { -4e17, -1e18, -9.2e18, 4e17, 1e18, 9.2e18 } do
      same('group_by', 'team/snapshots.v1', body { 'u1' }, far)
      assert.matches('"day":"2024%-02%-01"', same('group_by', 'team/snapshots.v1', body { 'u1' }, STOP + HOUR))
    end
  end)

  it('is another one after a reload of its definition', function()
    local random = seed.random('kept reload')
    local a, b = group_by('team.a.v1'), group_by('team.b.v1')
    upload(a, random, 2)
    upload(b, random, 2)
    online.join(store, 'team.j.v1', { { a } })
    assert.equal(1, kept_of('join', 'team/j.v1', body { 'u1' }, STOP + HOUR))
    online.join(store, 'team.j.v1', { { a }, { b } })
    for _, f in ipairs { plain, keeps } do assert.equal(0, fetch.C.fetcher_reload(f.f, nil, nil)) end
    assert.matches('team_b_v1_n_sum_7d', same('join', 'team/j.v1', body { 'u1' }, STOP + HOUR), 1, true)
  end)

  it('leaves when many others came, and memory stays bounded', function()
    local random = seed.random('kept bound')
    local gb = group_by('team.gb.v1')
    local users = {}
    for u = 1, 9000 do
      users[u] = 'u' .. u
      gb:batch(users[u], { row(random, STOP - HOUR) })
    end
    gb:save()
    local resident = function() return tonumber(program.read('/proc/self/status'):match('RssAnon:%s*(%d+)')) end
    same('group_by', 'team/gb.v1', body(users), STOP + HOUR)
    local before, kept = resident(), keeps:kept()
    for _ = 1, 5 do
      for from = 1, 9000, 500 do same('group_by', 'team/gb.v1', body { unpack(users, from, from + 499) }, STOP + HOUR) end
    end
    local quarantine = os.getenv('SPEC_PRELOAD') and 262144 or 0 -- ASan keeps what is freed
    assert.is_true(resident() - before < 4096 + quarantine, resident() - before)
    assert.is_true(keeps:kept() - kept < 5 * 9000, keeps:kept() - kept)
    assert.is_true(kept_of('group_by', 'team/gb.v1', body { unpack(users, 1, 500) }, STOP + HOUR) > 450)
  end)
end)

describe('a store that cannot tell what changed', function()
  it('has every answer fetched', function()
    store = fetch.store()
    plain, keeps = fetch.open(store), fetch.open(store, { answer_cache = MIB })
    local random = seed.random('kept memory')
    upload(group_by('team.gb.v1'), random, 1)
    assert.equal(0, kept_of('group_by', 'team/gb.v1', body { 'u1' }, STOP + HOUR))
    plain:close()
    keeps:close()
    store:close()
  end)
end)
