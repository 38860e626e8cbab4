--- `chronon explain`: the pieces that it shows make the value that is served.
local json = require('dkjson')
local kv = require('spec.support.kv')
local online = require('spec.support.online')
local program = require('spec.support.program')
local seed = require('spec.support.seed')

local HOUR, DAY, TILE = 3600000, 86400000, 300000
local STOP = 1706745600000 -- 2024-02-01
local DEFS = { { 'n', 'SUM', windows = { '5h', '1d', '7d' } }, { 'n', 'COUNT' } }
local UNITS = { n_sum_5h = 5 * HOUR, n_sum_1d = DAY, n_sum_7d = 7 * DAY }

local function ms(day, hour) return STOP + day * DAY + hour * HOUR end

describe('chronon explain', function()
  local folder, url, store

  before_each(function()
    folder = program.folder()
    url = 'lmdb:' .. folder .. '/kv'
    store = kv.open(url)
  end)
  after_each(function() program.remove(folder) end)

  local function group_by(o)
    o.name, o.fields, o.defs, o.stop = o.name or 'team.gb.v1', { { 'n', 'long' } }, o.defs or DEFS, STOP
    return online.new(store, o)
  end

  local function run(words)
    words[#words + 1], words[#words + 2] = '--store', url
    return program.run(words, { cwd = folder })
  end
  local function explain(...)
    local r = run { 'explain', ... }
    assert.equal(0, r.code, r.err)
    return r.out, r.err
  end
  local function features(...)
    local by = {}
    for _, f in ipairs(json.decode((explain(...))).features) do by[f.feature] = f end
    return by
  end

  local function pieces(f, used)
    local list = {}
    for _, p in ipairs(f.pieces) do
      if p.used == used then list[#list + 1] = p end
    end
    return list
  end

  for variant, o in pairs { rows = {}, tiles = { tiled = true } } do
    it('shows pieces whose sum is the value: ' .. variant, function()
      local random, seeded = seed.random('explain ' .. variant)
      local gb = group_by(o)
      local function some(n, from, to)
        local rows = {}
        for i = 1, n do rows[i] = { ts = random(from, to), n = random(1, 1000) * 1LL } end
        return rows
      end
      gb:batch('u1', some(60, STOP - 10 * DAY, STOP - 1))
      local streamed = some(12, STOP, STOP + DAY)
      if o.tiled then gb:tiles('u1', streamed, TILE) else gb:stream('u1', streamed) end
      gb:save()
      store:close()
      for _ = 1, 12 do
        local at = random(STOP, STOP + 2 * DAY)
        local words = { 'team/gb.v1', 'user=u1', '--at-millis', ('%d'):format(at), '-o', 'json' }
        local fetched = json.decode(run({ 'fetch', unpack(words) }).out)
        for name, f in pairs(features(unpack(words))) do
          local why = ('%s at %d, seed %d'):format(name, at, seeded)
          local sum
          for _, p in ipairs(pieces(f, true)) do
            if p.value then sum = (sum or 0) + p.value end
            if p.kind ~= 'batch' and UNITS[name] then
              assert.is_true(p.from >= f.window_from and p.from < at, why)
            end
          end
          assert.equal(fetched[name], f.value, why)
          assert.equal(f.value, sum, why)
          for _, p in ipairs(pieces(f, false)) do
            local reason = p.from >= at and 'at or after the query time' or p.from < f.window_from and 'before the window'
              or 'in the collapsed value'
            assert.equal(reason, p.why, why)
          end
          if UNITS[name] then
            local from = at - UNITS[name]
            assert.equal(from - from % f.hop_ms, f.window_from, why)
            assert.equal(UNITS[name], f.window_ms, why)
          end
        end
      end
    end)
  end

  it('shows what a mutation took back', function()
    local gb = group_by { entities = true, defs = { { 'n', 'SUM' } } }
    gb:batch('u1', { { ts = ms(-1, 0), n = 5LL } })
    gb:stream('u1', { { ts = ms(-1, 0), n = 5LL, mutation_ts = ms(0, 1), is_before = true },
      { ts = ms(-1, 0), n = 8LL, mutation_ts = ms(0, 1), is_before = false } })
    gb:save()
    store:close()
    local f = features('team/gb.v1', 'user=u1', '--at-millis', tostring(ms(0, 2)), '-o', 'json').n_sum
    assert.equal(8, f.value)
    local seen = {}
    for i, p in ipairs(f.pieces) do
      seen[i] = ('%s %d %s'):format(p.kind, p.value, p.why or '')
      if p.kind == 'row' then assert.same({ ms(-1, 0), ms(0, 1) }, { p.from, p['until'] }) end
    end
    assert.same({ 'batch 5 ', 'row 5 taken back', 'row 8 ' }, seen)
  end)

  describe('as text', function()
    before_each(function()
      local gb = group_by {}
      gb:batch('u1', { { ts = ms(-1, 2.5), n = 5LL }, { ts = ms(-1, 20), n = 7LL } })
      gb:stream('u1', { { ts = ms(0, 1), n = 11LL }, { ts = ms(0, 9), n = 100LL } })
      gb:save()
      store:close()
    end)
    local AT = { '--at-millis', '2024-02-01T03:10:00Z' }

    it('has a feature piece by piece', function()
      assert.equal([[
feature   n_sum_1d
value     18
instant   2024-02-01 03:10:00.000
group_by  team.gb.v1
column    n_sum_1d
upload    until 2024-02-01 00:00:00.000
window    from 2024-01-31 03:00:00.000 (1d, in hops of 1h)
left out  1 hop before the window, 1 row at or after the query time

piece  from                     until                    alone  note
batch                           2024-02-01 00:00:00.000  null
hop    2024-01-31 20:00:00.000  2024-01-31 21:00:00.000  7
row    2024-02-01 01:00:00.000                           11
]], (explain('team/gb.v1', 'user=u1', '--feature', 'n_sum_1d', unpack(AT)):gsub(' +\n', '\n')))
      local out = explain('team/gb.v1', 'user=u1', '--feature', 'n_sum_1d', '--all', unpack(AT))
      assert.matches('100    no    at or after the query time', out, 1, true)
      assert.matches('5      no    before the window', out, 1, true)
    end)

    it('has a line a feature', function()
      assert.matches('n_sum_1d  18     batch, 1 hop, 1 row\n', explain('team/gb.v1', 'user=u1', unpack(AT)), 1, true)
    end)

    it('says that a key is not in the upload', function()
      assert.matches('n_sum_1d         nothing: unknown key\n', explain('team/gb.v1', 'user=u9', unpack(AT)), 1, true)
      local out = explain('team/gb.v1', 'user=u9', '--feature', 'n_sum_1d')
      assert.matches('upload    none: the last upload does not have the key', out, 1, true)
      assert.matches('value     there is none', out, 1, true)
    end)

    it('warns of an upload that is too old', function()
      assert.matches('more than two days before the instant', explain('team/gb.v1', 'user=u1', '--feature', 'n_sum_7d'), 1, true)
    end)

    for words, cases in pairs {
      ['team/gb.v1 user=u1 --feature n_sum_2d'] = { 1, 'did you mean n_sum_1d?' },
      ['team/gb.v2 user=u1'] = { 1, 'did you mean team/gb.v1?' },
      ['team/gb.v1 -k [{"user":"u1"}]'] = { 2, 'one row is taken apart at a time' },
      ['team/gb.v1'] = { 2, 'keys are needed' },
    } do
      it('says what is wrong with ' .. words, function()
        local list = { 'explain' }
        for word in words:gmatch('%S+') do list[#list + 1] = word end
        local r = run(list)
        assert.equal(cases[1], r.code, r.err)
        assert.matches(cases[2], r.err, 1, true)
      end)
    end
  end)

  it('tells two parts of one GroupBy apart', function()
    local gb = group_by {}
    gb:batch('u1', { { ts = ms(-1, 20), n = 7LL } })
    gb:save()
    online.join(store, 'team.j.v1', { { gb, prefix = 'a', mapping = { buyer = 'user' } },
      { gb, prefix = 'b', mapping = { seller = 'user' } } })
    store:close()
    for _, buyer in ipairs { '"nobody"', 'null' } do
      local by = features('team/j.v1', '-k', ('{"buyer": %s, "seller": "u1"}'):format(buyer), '--at-millis',
        tostring(ms(0, 1)), '-o', 'json')
      local a, b = by.a_team_gb_v1_n_sum_7d, by.b_team_gb_v1_n_sum_7d
      assert.same({ false, 0 }, { a.present, #a.pieces })
      assert.same({ 7, ms(0, 0) }, { b.value, b.batch_end })
      assert.equal(7, b.pieces[1].value)
    end
  end)

  it('follows a join through prefixes and derivations', function()
    local gb = group_by {}
    gb:batch('u1', { { ts = ms(-1, 20), n = 7LL } })
    gb:save()
    local derived = group_by { name = 'team.d.v1', derivations = { { 'half', 'n_sum_1d / 2' }, { 'n7', 'n_sum_7d' } } }
    derived:batch('u1', { { ts = ms(-1, 21), n = 8LL } })
    derived:save()
    online.join(store, 'team.j.v1', { { gb, prefix = 'p' }, { derived } }, { derivations = {
      { name = 'twice', expression = 'p_team_gb_v1_n_sum_1d * 2' }, { name = 'copy', expression = 'p_team_gb_v1_n_count' },
      { name = 'seven', expression = 'team_d_v1_n7' }, { name = 'half', expression = 'team_d_v1_half' } } })
    store:close()
    local by = features('team/j.v1', 'user=u1', '--at-millis', tostring(ms(0, 1)), '-o', 'json')
    assert.same({ 14, { p_team_gb_v1_n_sum_1d = 7 } }, { by.twice.value, by.twice.inputs })
    assert.same({ 1, 'team.gb.v1', 'n_count' }, { by.copy.value, by.copy.group_by, by.copy.column })
    assert.same({ 8, 'team.d.v1', 'n_sum_7d' }, { by.seven.value, by.seven.group_by, by.seven.column })
    assert.equal(8, by.seven.pieces[1].value)
    assert.same({ 4, 'n_sum_1d / 2' }, { by.half.value, by.half.expression })
    local text = explain('team/j.v1', 'user=u1', '--at-millis', tostring(ms(0, 1)))
    assert.matches('twice    14     p_team_gb_v1_n_sum_1d *…\n', text, 1, true)
  end)
end)
