--- Uploads through the program: what is served from the table equals what a join's backfill says,
--- and what the job does with little memory, no data and columns that Avro has not.
local batch_ir = require('spec.support.batch_ir')
local cdef = require('spec.support.cdef')
local cols = require('spec.support.cols')
local ffi = require('ffi')
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')
local upload = require('spec.support.golden_upload')
local C = cdef.load('warehouse/warehouse.h')

local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local DS = '2024-03-12'
local END = repo.ms('2024-03-13')
local EVENTS = 'uid VARCHAR, i BIGINT, d DOUBLE, s VARCHAR, ts BIGINT, ds VARCHAR'

--- A compiled GroupBy over data.events.
local function group_by(aggregations, more)
  local conf = {
    sources = { { events = { table = 'data.events', topic = 'events', query = {
      selects = { uid = 'uid', i = 'i', d = 'd', s = 's' }, timeColumn = 'ts', setups = {} } } } },
    keyColumns = { 'uid' }, aggregations = aggregations, accuracy = 0,
  }
  for k, v in pairs(more or {}) do conf[k] = v end
  return conf
end

local function windows(...)
  local out = {}
  for i, text in ipairs({ ... }) do
    local n, unit = text:match('(%d+)(%a)')
    out[i] = { length = tonumber(n), timeUnit = unit == 'h' and 0 or 1 }
  end
  return out
end

local AGGREGATIONS = {
  { inputColumn = 'i', operation = 7, windows = windows('1h', '6h', '1d', '7d', '8d') },
  { inputColumn = 'i', operation = 6 },
  { inputColumn = 'd', operation = 8, windows = windows('30h', '3d') },
  { inputColumn = 's', operation = 3, windows = windows('2d') },
  { inputColumn = 's', operation = 13, argMap = { k = '3' }, windows = windows('300h') },
  { inputColumn = 's', operation = 4, windows = windows('12h', '7d') },
  { inputColumn = 'i', operation = 1, windows = windows('7d'), buckets = { 's' } },
  { inputColumn = 'd', operation = 9, windows = windows('5d') },
}

local function ds_of(ms)
  return os.date('!%Y-%m-%d', math.floor(ms / 1000))
end

--- The table of an upload, read as upload.read does.
local function read(r, name)
  local wh, sources = rows.open(r.warehouse, r.paths)
  cdef.check(C.wh_use, wh, name)
  local out = upload.read(wh, name)
  assert(sources)
  return out
end

local function count(map)
  local n = 0
  for _ in pairs(map) do n = n + 1 end
  return n
end

describe('run --mode upload', function()
  local r
  before_each(function() r = repo.new() end)
  after_each(function() r:remove() end)

  it('serves what a join backfill says of the same instants', function()
    local random, from = seed.random('upload serves')
    local events, by_key = {}, {}
    for i = 1, 900 do
      local ts = END + 2 * DAY - random(1, 17 * DAY)
      if random(1, 3) == 1 then ts = ts - ts % ({ DAY, HOUR, 5 * MINUTE })[random(1, 3)] end
      local function maybe(v) return random(1, 7) == 1 and rows.NULL or v end
      local uid = 'u' .. random(1, 6)
      events[i] = { uid, maybe(random(-9, 9)), maybe(random(-99, 99) / 4), maybe('s' .. random(1, 5)), ts, ds_of(ts) }
      by_key[uid] = by_key[uid] or {}
      table.insert(by_key[uid], { ts = ts, uid = uid, i = events[i][2], d = events[i][3], s = events[i][4] })
    end
    local queries = {}
    for i = 1, 120 do
      local q = END + random(0, 2 * DAY - 1)
      if random(1, 3) == 1 then q = q - q % (5 * MINUTE) end
      queries[i] = { 'u' .. random(1, 6), q, ds_of(q), i }
    end
    r:table('data.events', repo.values(EVENTS, events), 'ds')
    r:table('data.queries', repo.values('uid VARCHAR, ts BIGINT, ds VARCHAR, n BIGINT', queries), 'ds')
    local gb = group_by(AGGREGATIONS)
    r:conf('gb', gb)
    gb.metaData.outputNamespace = 'ns'
    r:conf('join', {
      left = { events = { table = 'data.queries', query = { selects = { uid = 'uid', n = 'n' }, timeColumn = 'ts',
        startPartition = '2024-03-13', setups = {} } } },
      joinParts = { { groupBy = gb } },
    })
    r:succeed('upload', 'gb', DS)
    r:succeed('backfill', 'join', '2024-03-14')
    local up = read(r, 'ns.gb_upload')
    local plan = upload.plan_of(up.info)
    local want, _, keep = r:read('SELECT * FROM ns.join', { 'ns.join' })
    assert.equal(#queries, #want)
    assert(keep)
    local compared = 0
    for _, row in ipairs(want) do
      local b = batch_ir.new(plan, END)
      local stored = up.by_key['\2\4' .. row.uid]
      assert.is_nil((b:load(stored.value_bytes)))
      local stream = {}
      for _, e in ipairs(by_key[row.uid]) do
        if e.ts >= END then
          local one = { ts = e.ts }
          for j = 1, plan.inputs.n_fields do
            local v = e[ffi.string(plan.inputs.fields[j - 1].name)]
            one[j] = v == rows.NULL and cols.null or v
          end
          stream[#stream + 1] = one
        end
      end
      local got = b:serve(row.ts, stream)
      for p = 1, plan.n_parts do
        local name = ffi.string(plan.parts[p - 1].name)
        local w, g = row['gb_' .. name], got[p]
        if g == cols.null then g = rows.NULL end
        if tonumber(plan.parts[p - 1].output.kind) == cols.kinds.map and g ~= rows.NULL then g = cols.sorted(g) end
        if type(g) == 'cdata' then g = tonumber(g) end
        if type(g) == 'table' and type(g[1]) == 'table' then
          for _, pair in ipairs(g) do pair[2] = tonumber(pair[2]) end
        end
        assert.is_true(rows.equal(w, g), ('seed %d: %s of %s at B + %d: served %s, backfilled %s'):format(from, name,
          row.uid, row.ts - END, rows.text(g), rows.text(w)))
        compared = compared + (w ~= rows.NULL and 1 or 0)
      end
    end
    assert.is_true(compared > 500)
  end)

  it('gives the same table within little memory', function()
    r:table('data.events', ([[SELECT range * 7919 %% 60000 AS uid, range %% 100 AS i, (range %% 1000) / 8 AS d,
      's' || (range %% 9) AS s, %d - range * 997 AS ts, strftime(epoch_ms(%d - range * 997), '%%Y-%%m-%%d') AS ds
      FROM range(600000)]]):format(END - 1, END - 1))
    for _, accuracy in ipairs({ 0, 1 }) do
      r:conf('gb', group_by({ { inputColumn = 'i', operation = 7, windows = windows('1d', '7d') },
                              { inputColumn = 's', operation = 4 }, { inputColumn = 'd', operation = 3 } },
        { accuracy = accuracy }))
      r:succeed('upload', 'gb', DS)
      local want = read(r, 'ns.gb_upload')
      local result = r:succeed('upload', 'gb', DS, { '--memory-limit', '80MB', '--threads', '1' })
      assert.matches('spilling to disk', result.err)
      local got = read(r, 'ns.gb_upload')
      assert.equal(60001, want.n)
      assert.equal(want.n, got.n)
      for key, row in pairs(want.by_key) do assert.equal(row.value_bytes, got.by_key[key].value_bytes) end
    end
  end)

  it('replaces the table of the day before, and takes late rows of the next partition', function()
    r:table('data.events', repo.values(EVENTS, {
      { 'u1', 1, 0, 'a', END - DAY - HOUR, '2024-03-11' }, { 'u1', 2, 0, 'a', END - HOUR, '2024-03-13' },
      { 'u2', 4, 0, 'a', END + HOUR, '2024-03-13' },
    }), 'ds')
    r:conf('gb', group_by({ { inputColumn = 'i', operation = 7 } }))
    r:succeed('upload', 'gb', '2024-03-11')
    local before = read(r, 'ns.gb_upload')
    assert.same({ ['2024-03-11'] = true }, before.ds)
    assert.equal('2024-03-12', before.info.batchEndDate)
    r:succeed('upload', 'gb', DS)
    local after = read(r, 'ns.gb_upload')
    assert.same({ [DS] = true }, after.ds)
    local b = batch_ir.new(upload.plan_of(after.info), END)
    b:load(after.by_key['\2\4u1'].value_bytes)
    assert.same({ 3LL }, b:serve(END, {}))
    -- u2 is known, without anything before the batch end
    b:load(after.by_key['\2\4u2'].value_bytes)
    assert.same({ cols.null }, b:serve(END, {}))
  end)

  it('writes the serving info when there is no data', function()
    r:table('data.events', repo.values(EVENTS, {}))
    r:conf('gb', group_by({ { inputColumn = 'i', operation = 7, windows = windows('1d') } }, { accuracy = 1 }))
    r:succeed('upload', 'gb', DS)
    local up = read(r, 'ns.gb_upload')
    assert.equal(1, up.n)
    assert.equal(1, count(up.by_key))
    assert.equal('ns', up.info.groupBy.metaData.outputNamespace)
  end)

  it('uploads nothing on a dry run', function()
    r:table('data.events', repo.values(EVENTS, {}))
    r:conf('gb', group_by({ { inputColumn = 'i', operation = 7 } }))
    assert.matches(DS, r:succeed('upload', 'gb', DS, { '--dry-run' }).out, 1, true)
    assert.is_false((pcall(read, r, 'ns.gb_upload')))
  end)

  it('refuses what cannot be uploaded, and leaves the last table', function()
    r:table('data.events', repo.values(EVENTS, { { 'u1', 1, 0, 'a', END - 5, DS } }), 'ds')
    r:conf('gb', group_by({ { inputColumn = 'i', operation = 7 } }))
    r:succeed('upload', 'gb', DS)
    local cases = {
      { { { inputColumn = 'i', operation = 3 } }, { i = 'CAST(NULL AS DATE)' }, 'DATE' },
      { { { inputColumn = 'i', operation = 3 } }, { i = 'array(1, NULL)' }, 'a null inside a list or map' },
      { { { inputColumn = 'nope', operation = 3 } }, { i = 'i' }, '"nope"' },
      { { { inputColumn = 'i', operation = 7, windows = windows('6h') } }, { i = 'i' }, 'a window of 6 hours', 1 },
    }
    for _, case in ipairs(cases) do
      local gb = group_by(case[1], { accuracy = case[4] or 0 })
      gb.sources[1].events.query.selects.i = case[2].i
      r:conf('bad', gb)
      gb.metaData.name = 'gb'
      r:conf('bad', gb)
      local result = r:run('upload', 'bad', DS)
      assert.equal(1, result.code)
      assert.matches(case[3], result.err, 1, true)
      assert.equal(2, read(r, 'ns.gb_upload').n)
    end
    r:conf('join', { left = group_by({}).sources[1], joinParts = {} })
    assert.matches('uploads are of a named GroupBy', r:run('upload', 'join', DS).err)
  end)
end)
