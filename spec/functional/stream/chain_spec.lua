-- GroupBys over a join: their streams are the join's left side, enriched by fetching.
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')
local streamed = require('spec.support.streamed')
local repo = require('spec.support.batch_repo')

local LEFT = 'uid VARCHAR, n BIGINT, amount BIGINT, ts BIGINT, ds VARCHAR'

local function parent(more)
  local conf = {
    metaData = { name = 'shop.parent.v1', team = 'shop', online = 1, outputNamespace = 'ns' },
    left = { events = { table = 'data.left', topic = 'lefts', query = {
      selects = { uid = 'uid', n = 'n', amount = 'amount' }, wheres = { 'amount >= 0' }, timeColumn = 'ts', setups = {} } } },
    joinParts = { { groupBy = streamed.group_by('shop.part.v1') }, { groupBy = streamed.group_by('shop.numbers.v1',
      { keyColumns = { 'n' } }),
      prefix = 'p' } },
    derivations = { { name = 'rich', expression = 'shop_part_v1_i_sum_7d * 2' } },
  }
  conf.joinParts[1].groupBy.metaData.outputNamespace = 'ns'
  conf.joinParts[2].groupBy.sources[1].events.query.selects = { n = 'length(uid)', i = 'i' }
  conf.joinParts[2].groupBy.sources[1].events.query.selects.n = 'CAST(ascii(uid) AS BIGINT)'
  conf.joinParts[2].groupBy.metaData.outputNamespace = 'ns'
  for k, v in pairs(more or {}) do conf[k] = v end
  return conf
end

local function chained(name, tiled, query, join)
  local gb = streamed.group_by(name, {
    sources = { { joinSource = { join = join or parent(), query = query or {
      selects = { uid = 'uid', amount = 'amount', rich = 'rich', twice = 'rich + amount' }, wheres = { 'amount <> 7' },
        timeColumn = 'ts', setups = {} } } } },
    aggregations = {
      { inputColumn = 'rich', operation = 7, windows = { { length = 7, timeUnit = 1 }, { length = 1, timeUnit = 0 } } },
      { inputColumn = 'rich', operation = 6, windows = { { length = 7, timeUnit = 1 } } },
      { inputColumn = 'twice', operation = 3, windows = { { length = 7, timeUnit = 1 } } },
      { inputColumn = 'amount', operation = 1, windows = { { length = 2, timeUnit = 1 } } },
    },
  }, tiled)
  gb.metaData.outputNamespace = 'ns'
  return gb
end

describe('a stream over a join', function()
  local s
  local lefts = {}

  local function left_table(list)
    local out = {}
    for i, e in ipairs(list) do out[i] = { e[1], e[2], e[3], e[4], os.date('!%Y-%m-%d', e[4] / 1000) } end
    s.repo:table('data.left', repo.values(LEFT, out), 'ds')
  end

  local function left_lines(list)
    local out = {}
    for i, e in ipairs(list) do
      out[i] = ('{"uid": "%s", "n": %d, "amount": %d, "ts": %d}'):format(e[1], e[2], e[3], e[4])
    end
    return out
  end

  before_each(function()
    s = streamed.new({})
    s.repo:conf('part', parent().joinParts[1].groupBy)
    s.repo:conf('numbers', parent().joinParts[2].groupBy)
    s.repo:conf('chain', chained('shop.chain.v1'))
    s.repo:conf('tiles', chained('shop.tiles.v1', true))
    lefts = {}
  end)
  after_each(function() s:remove() end)

  local function upload(...)
    for _, name in ipairs({ ... }) do s:upload(name, '2024-03-10') end
  end

  it('gives the values that a backfill gives', function()
    local random, seeded = seed.random('stream over a join')
    local function uid() local at = random(1, 3) return ('abc'):sub(at, at) end
    local events = {}
    for day = 9, 11 do
      for _ = 1, 40 do
        events[#events + 1] = { uid(), random(1, 100), streamed.ms(('2024-03-%02d'):format(day)) + random(0, 86399) * 1000 }
        lefts[#lefts + 1] = { uid(), 96 + random(1, 4), random(-3, 20), streamed.ms(('2024-03-%02d'):format(day)) + random(0,
          86399) * 1000 }
      end
    end
    s:events(events)
    left_table(lefts)
    upload('part', 'numbers', 'chain', 'tiles')
    local function new(list) -- of the day after the uploads, in the order of their times
      local out = {}
      for _, e in ipairs(list) do
        if e[#e] >= streamed.ms('2024-03-11') then out[#out + 1] = e end
      end
      table.sort(out, function(a, b) return a[#a] < b[#b] end)
      return out
    end
    local r = s:local_stream('part,numbers', s:input('events.json', new(events)))
    assert.equal(0, r.code, r.err)
    r = s:local_stream('chain,tiles', s:input('lefts.json', left_lines(new(lefts))), { '-o', 'json' })
    assert.equal(0, r.code, r.err)
    assert.matches('"rejected": 0', r.out, 1, true)

    local probes = {}
    for i = 1, 30 do probes[i] = { ('abc'):sub(i % 3 + 1, i % 3 + 1), i, 0, streamed.ms('2024-03-11') + i * 45 * 60000 } end
    probes[31] = { 'a', 31, 0, streamed.ms('2024-03-12 12:00:00') }
    local out = {}
    for i, e in ipairs(probes) do out[i] = { e[1], e[2], e[3], e[4], os.date('!%Y-%m-%d', e[4] / 1000) } end
    s.repo:table('data.probes', repo.values(LEFT, out), 'ds')
    s.repo:conf('check', { left = { events = { table = 'data.probes', query = { selects = { uid = 'uid', n = 'n' },
      timeColumn = 'ts' } } },
      joinParts = { { groupBy = chained('shop.chain.v1') } } })
    s.repo:succeed('backfill', 'check', '2024-03-12')
    local features = { 'rich_sum_7d', 'rich_sum_1h', 'rich_count_7d', 'twice_last_7d', 'amount_max_2d' }
    local names = {}
    for i, f in ipairs(features) do names[i] = 'shop_chain_v1_' .. f .. ' AS ' .. f end
    local compared, seen = 0, 0
    for _, row in ipairs((s.repo:read('SELECT uid, n, CAST(ts AS BIGINT) AS ts, ' .. table.concat(names, ', ')
      .. ' FROM ns.check ORDER BY n', { 'ns.check' }))) do
      if tonumber(row.n) < 31 then
        for _, gb in ipairs({ 'shop.chain.v1', 'shop.tiles.v1' }) do
          local got = s:fetch(gb, row.uid, tonumber(row.ts))
          for _, f in ipairs(features) do
            local want = row[f] ~= nil and rows.text(row[f]) or 'NULL'
            local have = got and got[f]
            assert.equal(want, have ~= nil and have ~= require('dkjson').null and ('%d'):format(have) or 'NULL', gb .. ' ' .. f
              .. ' at probe ' .. rows.text(row.n) .. ', seed ' .. seeded)
            compared = compared + 1
            seen = seen + (want ~= 'NULL' and 1 or 0)
          end
        end
      end
    end
    assert.same({ 300, true }, { compared, seen > 200 })
  end)

  --- Streams one line of the left side over what is stored until 2024-03-11.
  local function one(line, more)
    left_table({ { 'a', 97, 5, streamed.ms('2024-03-10 13:00:00') } })
    upload('part', 'numbers', 'chain')
    return s:local_stream('chain', s:input('left.json', { line }), more)
  end

  local function value() return s:fetch('shop.chain.v1', 'a', '2024-03-11 02:00:00') end

  it('takes null keys and unknown ones as a backfill does: their features are null', function()
    assert.equal(0, one('{"uid": "zz", "n": 1, "amount": 9, "ts": 1710116400000}').code)
    assert.same({ twice_last_7d = nil, rich_count_7d = 0, amount_max_2d = 9 }, (function(v)
      return { rich_count_7d = v.rich_count_7d or 0, amount_max_2d = v.amount_max_2d }
    end)(s:fetch('shop.chain.v1', 'zz', '2024-03-11 02:00:00')))
    local r = s:local_stream('chain', s:input('null.json', { '{"uid": "a", "n": null, "amount": 11, "ts": 1710116400000}' }),
      { '-o', 'json' })
    assert.same({ 0, true }, { r.code, r.out:match('"rejected": 0') ~= nil })
    assert.equal(11, value().amount_max_2d)
  end)

  it('counts an event without a time, and leaves out what the left side does', function()
    local r = one('{"uid": "a", "n": 97, "amount": 9}', { '-o', 'csv' })
    assert.matches('shop.chain.v1,1,0,0,0,1,', r.out, 1, true)
    r = s:local_stream('chain', s:input('less.json', { '{"uid": "a", "n": 97, "amount": -1, "ts": 1710116400000}' }), { '-o',
      'csv' })
    assert.matches('shop.chain.v1,1,0,0,0,0,', r.out, 1, true)
  end)

  it('takes features of --chain-shift after the event', function()
    local line = '{"uid": "a", "n": 97, "amount": 1, "ts": 1710115200000}'
    left_table({ { 'a', 97, 5, streamed.ms('2024-03-10 13:00:00') } })
    upload('part', 'numbers', 'chain')
    assert.equal(0, s:local_stream('part', s:input('e.json', { { 'a', 100, '2024-03-11 00:10:00' } })).code)
    assert.equal(0, s:local_stream('chain', s:input('left.json', { line })).code)
    local function rich() return s:fetch('shop.chain.v1', 'a', '2024-03-11 00:30:00').rich_sum_1h end
    assert.equal(2, rich())
    assert.equal(0, s:local_stream('chain', s:input('left.json', { line }), { '--group', 'later', '--chain-shift', '11min' }).code)
    assert.equal(2 + 202, rich())
  end)

  it('lets events become as old as --chain-delay says', function()
    left_table({ { 'a', 97, 5, streamed.ms('2024-03-10 13:00:00') } })
    upload('part', 'numbers', 'chain')
    local began = os.time()
    local input = s:input('left.json', { ('{"uid": "a", "n": 97, "amount": 1, "ts": %d}'):format(began * 1000) })
    assert.equal(0, s:local_stream('chain', input, { '--chain-delay', '3s' }).code)
    assert.is_true(os.time() - began >= 2)
    -- Long ones end with the stream, which then has read nothing.
    local run = s:start(s:words('local-streaming', 'chain', { '--input', input, '--group', 'g', '--chain-delay', '1h', '-o',
      'csv' }))
    finally(function() run:stop() end)
    assert.is_nil(streamed.wait_for(function() return run:code() end, 0.5))
    run:signal('INT')
    assert.equal(0, run:ended())
    assert.matches('shop.chain.v1,0,0,0,0,0,', run:out(), 1, true)
  end)

  it('is refused without the uploads of the join, by name', function()
    left_table({ { 'a', 97, 5, streamed.ms('2024-03-10 13:00:00') } })
    local input = s:input('left.json', { '{}' })
    upload('part', 'chain')
    local r = s:local_stream('chain', input)
    assert.equal(1, r.code)
    assert.matches("join shop.parent.v1, over which it streams: Couldn't fetch group by serving info for SHOP_NUMBERS_V1_BATCH",
      r.err, 1, true)
  end)

  it('is refused where a fetch cannot give what a backfill could', function()
    local join = parent({ derivations = { { name = 'rich', expression = 'shop_part_v1_i_sum_7d + amount' } } })
    s.repo:conf('chain', chained('shop.chain.v1', false, nil, join))
    local r = one('{}')
    assert.equal(1, r.code)
    assert.matches('its derivations cannot be computed when fetching, because of amount: what they read must be features',
      r.err, 1, true)
  end)
end)
