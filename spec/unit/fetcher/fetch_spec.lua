-- What a fetch answers: spec/06 of the specification, case by case.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('fetcher/fetcher.h')
local cols = require('spec.support.cols')
local fetch = require('spec.support.fetch')
local json = require('dkjson')
local online = require('spec.support.online')

local HOUR, DAY = 3600000, 86400000
local STOP = 1706745600000 -- 2024-02-01
local null = fetch.null

local FIELDS = { { 'n', 'long' }, { 'd', 'double' } }
local SUMS = { { 'n', 'SUM', windows = { '1d', '7d' } }, { 'd', 'AVERAGE' } }

local open = {}
local function fetcher(store, options)
  local f = fetch.open(store, options)
  open[#open + 1] = f
  return f
end

local function simple(store, o)
  o = o or {}
  o.name, o.fields, o.defs, o.stop = o.name or 'team.gb.v1', o.fields or FIELDS, o.defs or SUMS, o.stop or STOP
  return online.new(store, o)
end

local function filled(o)
  local store = fetch.store()
  local gb = simple(store, o)
  gb:batch('u1', { { ts = STOP - HOUR, n = 5LL, d = 2.5 }, { ts = STOP - 3 * DAY, n = 7LL, d = 0.5 } })
  gb:stream('u1', { { ts = STOP + HOUR, n = 11LL, d = 6 } })
  gb:save()
  return store, gb
end

local function results(text) return text:match('^{"results":%[(.*)%]}$') end

describe('fetching a GroupBy', function()
  after_each(function()
    for _, f in ipairs(open) do f:close() end
    open = {}
  end)

  it('answers in Chronon\'s bytes', function()
    local f = fetcher(filled())
    local text = assert(f:text('group_by', 'team/gb.v1', '[{"user":"u1"},{"user":"none"},{"user":null},{"user":5}]',
      STOP + 2 * HOUR))
    assert.equal('{"results":['
      .. '{"status":"Success","entityKeys":{"user":"u1"},"features":{"n_sum_1d":16,"n_sum_7d":23,"d_average":3.0}},'
      .. '{"status":"Success","entityKeys":{"user":"none"}},'
      .. '{"status":"Success","entityKeys":{"user":5}}]}', text)
    assert.equal('{"results":[]}', (f:text('group_by', 'team.gb.v1', '[]', STOP)))
  end)

  it('answers in detail', function()
    local f = fetcher(filled())
    local text = assert(f:text('group_by', 'team.gb.v1', '[{"user":"u1"},{"user":"none"},{"user":null}]',
      { STOP + 40 * HOUR, STOP + DAY, STOP + DAY }, 'detailed'))
    assert.equal('{"status":"Success","entityKeys":{"user":"u1"},"features":{'
      .. '"n_sum_1d":{"value":null,"status":"null"},"n_sum_7d":{"value":23,"status":"present"},'
      .. '"d_average":{"value":3.0,"status":"present"}},"errors":{}},'
      .. '{"status":"Success","entityKeys":{"user":"none"},"features":{"n_sum_1d":{"value":null,"status":"missing_key"},'
      .. '"n_sum_7d":{"value":null,"status":"missing_key"},"d_average":{"value":null,"status":"missing_key"}},"errors":{}},'
      .. '{"status":"Success","entityKeys":{"user":null},"features":{"n_sum_1d":{"value":null,"status":"missing_key"},'
      .. '"n_sum_7d":{"value":null,"status":"missing_key"},"d_average":{"value":null,"status":"missing_key"}},"errors":{}}',
      results(text))
    local late = f:rows('group_by', 'team.gb.v1', { { user = 'u1' } }, STOP + 3 * DAY, 'detailed')
    assert.equal('stale_batch', late[1].features.n_sum_7d.status)
    assert.equal('present', late[1].features.d_average.status)
  end)

  it('refuses an instant before the batch end, that row alone', function()
    local f = fetcher(filled())
    local rows = assert(f:rows('group_by', 'team.gb.v1', { { user = 'u1' }, { user = 'u1' } }, { STOP - 1, STOP }))
    assert.equal(('Request time of %d is less than batch time %d'):format(STOP - 1, STOP), rows[1].error)
    assert.same({ n_sum_1d = 5, n_sum_7d = 12, d_average = 1.5 }, rows[2].features)
  end)

  it('may be of listed names only', function()
    local store = filled()
    simple(store, { name = 'team.other.v1' }):save()
    store:create('CHRONON_ENTITY_BY_TEAM')
    store:put('CHRONON_ENTITY_BY_TEAM', 'group_bys/team', 'am9pbnMvdGVhbS9nYi52MQ==,Z3JvdXBfYnlzL3RlYW0vZ2IudjE=', 1)
    local f = fetcher(store, { check_entities = true })
    assert.equal(16, f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP + 2 * HOUR).n_sum_1d)
    local text = assert(f:text('group_by', 'team/other.v1', '[{"user":"u1"}]', STOP))
    assert.matches('"status":"Failure".*"error":"Invalid entity team/other.v1"', text)
  end)

  it('may be a join that is listed later, or no longer', function()
    local store, gb = filled()
    online.join(store, 'team.j.v1', { { gb } })
    store:create('CHRONON_ENTITY_BY_TEAM')
    local f, n, last = fetcher(store, { check_entities = true }), ffi.new('int32_t[1]')
    for i, listed in ipairs { false, true, true, false } do
      store:put('CHRONON_ENTITY_BY_TEAM', 'joins/team', listed and 'am9pbnMvdGVhbS9qLnYx' or '', i)
      store:put('CHRONON_ENTITY_BY_TEAM', 'group_bys/team', 'Z3JvdXBfYnlzL3RlYW0vZ2IudjE=', i)
      cdef.check(C.fetcher_reload, f.f, n)
      local features = f:one('join', 'team/j.v1', { user = 'u1' }, STOP + 2 * HOUR)
      assert.equal(not listed and 'Invalid entity team.j.v1' or nil, features['team.j.v1_exception'])
      assert.equal(listed and 16 or nil, features.team_gb_v1_n_sum_1d)
      assert.equal(last ~= nil and last ~= listed and 1 or 0, n[0])
      last = listed
    end
  end)

  it('says so for a GroupBy without upload', function()
    local f = fetcher(fetch.store())
    assert.equal('{"results":[{"status":"Failure","entityKeys":{"user":"a\\"\\n"},"error":"Couldn\'t fetch group by '
      .. 'serving info for TEAM_NOPE_V1_BATCH, please make sure a batch upload was successful"}]}',
      (f:text('group_by', 'team.nope.v1', '[{"user":"a\\"\\n"},{"user":null}]', STOP)))
  end)

  it('casts keys as upstream', function()
    local store = fetch.store()
    local gb = simple(store, { keys = { { 'id', 'long' }, { 'name', 'string' } } })
    gb:batch({ id = 5LL, name = '7' }, { { ts = STOP - HOUR, n = 1LL, d = cols.null } })
    gb:batch({ id = 5LL, name = cols.null }, { { ts = STOP - HOUR, n = 2LL, d = cols.null } })
    gb:save()
    local f = fetcher(store)
    local text = assert(f:text('group_by', 'team.gb.v1', '[{"id":"5","name":7},{"id":5.9,"name":"7"},{"id":"abc","name":"7"},'
      .. '{"id":5},{"name":"7"},{"id":[1],"name":"7"}]', STOP))
    local list = json.decode(text, 1, null).results
    assert.same({ id = '5', name = 7 }, list[1].entityKeys)
    assert.equal(1, list[1].features.n_sum_1d)
    assert.equal(1, list[2].features.n_sum_1d)
    assert.equal('For input string: "abc"', list[3].error)
    assert.equal(2, list[4].features.n_sum_1d) -- a missing key is a null one
    assert.is_nil(list[5].features) -- and no 0, as upstream has it for numbers
    assert.equal('Failed to encode key for team.gb.v1: Couldn\'t encode request keys or casted keys', list[6].error)
  end)

  it('refuses bodies that are no arrays of objects, with the place', function()
    local f = fetcher(filled())
    for body, why in pairs({
      ['{"user":"u1"}'] = 'body:1:1: an object, want an array of key objects',
      ['[1]'] = 'body:1:2: an integer, want an object of keys',
      ['[{"user":]'] = 'body:1:10', [''] = 'body:1:1',
    }) do
      local text, message = f:text('group_by', 'team.gb.v1', body, STOP)
      assert.is_nil(text)
      assert.equal(why, message:sub(1, #why))
    end
  end)

  it('gives SNAPSHOT values and rows without aggregations', function()
    local store = fetch.store()
    local snap = simple(store, { name = 'team.snap.v1', snapshot = true })
    snap:value('u1', { { 'n_sum_1d', 'long' }, { 'n_sum_7d', 'long' }, { 'd_average', 'double' } },
      { n_sum_1d = 3LL, n_sum_7d = cols.null, d_average = 1e10 })
    snap:save()
    local fields = { { 'age', 'int' }, { 'st', 'struct<a:int,b:list<string>>' }, { 'raw', 'binary' } }
    local plain = online.new(store, { name = 'team.plain.v1', fields = fields, stop = STOP, snapshot = true })
    plain:value('u1', fields, { age = 3, st = { a = 1, b = { 'x', 'é' } }, raw = '\0\255a' })
    plain:save()
    local f = fetcher(store)
    assert.equal('{"status":"Success","entityKeys":{"user":"u1"},"features":{"n_sum_1d":3,"n_sum_7d":null,'
      .. '"d_average":1.0E10}},{"status":"Success","entityKeys":{"user":"u2"}}',
      results(f:text('group_by', 'team.snap.v1', '[{"user":"u1"},{"user":"u2"}]', STOP - DAY)))
    assert.equal('{"status":"Success","entityKeys":{"user":"u1"},"features":{"age":3,"st":[1,["x","é"]],"raw":"AP9h"}}',
      results(f:text('group_by', 'team.plain.v1', '[{"user":"u1"}]')))
    assert.equal('{"a":1,"b":["x","é"]}',
      f:text('group_by', 'team.plain.v1', '[{"user":"u1"}]', STOP, 'detailed'):match('"st":{"value":(.-),"status"'))
  end)

  it('derives: expressions, renames, wildcard', function()
    local store = filled({ derivations = { { 'twice', 'n_sum_1d * 2 + length(user)' }, { 'avg', 'd_average' },
                                           { 'day', "concat(ds, ' ', ts)" }, { '*', '*' } } })
    local f = fetcher(store)
    local list = assert(f:rows('group_by', 'team.gb.v1', { { user = 'u1' }, { user = 'none' } }, STOP))
    assert.same({ n_sum_1d = 5, n_sum_7d = 12, twice = 12, avg = 1.5, day = '2024-02-01 ' .. STOP }, list[1].features)
    assert.same({ n_sum_1d = null, n_sum_7d = null, twice = null, avg = null, day = '2024-02-01 ' .. STOP },
      list[2].features)
    local renamed = fetcher((filled({ derivations = { { 'avg', 'd_average' }, { '*', '*' } } })))
    list = assert(renamed:rows('group_by', 'team.gb.v1', { { user = 'u1' }, { user = 'none' } }, STOP))
    assert.same({ n_sum_1d = 5, n_sum_7d = 12, avg = 1.5 }, list[1].features)
    assert.same({ avg = null }, list[2].features)
  end)

  it('keeps the renames when expressions cannot be', function()
    local f = fetcher((filled({ derivations = { { 'x', 'nope + 1' }, { 'avg', 'd_average' }, { '*', '*' } } })))
    local got = f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP)
    assert.matches('nope', got.derivation_fetch_exception)
    got.derivation_fetch_exception = nil
    assert.same({ n_sum_1d = 5, n_sum_7d = 12, avg = 1.5 }, got)
  end)

  it('takes mutations', function()
    local store = fetch.store()
    local gb = simple(store, { entities = true })
    gb:batch('u1', { { ts = STOP - HOUR, n = 5LL, d = 1 } })
    gb:stream('u1', {
      { ts = STOP - HOUR, mutation_ts = STOP + HOUR, is_before = true, n = 5LL, d = 1 },
      { ts = STOP - HOUR, mutation_ts = STOP + HOUR, is_before = false, n = 6LL, d = 3 },
    })
    gb:save()
    local f = fetcher(store)
    assert.same({ n_sum_1d = 5, n_sum_7d = 5, d_average = 1 }, f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP + HOUR))
    assert.same({ n_sum_1d = 6, n_sum_7d = 6, d_average = 3 },
      f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP + HOUR + 1))
  end)
end)

describe('bytes that mean nothing', function()
  after_each(function()
    for _, f in ipairs(open) do f:close() end
    open = {}
  end)

  it('fail their row, with Chronon\'s words for streamed ones', function()
    local store, gb = filled()
    gb.values[gb:key_bytes('bad')] = '\2\2\2\2\2'
    gb.values[gb:key_bytes('torn')] = gb.values[gb:key_bytes('u1')]:sub(1, -3)
    gb:save()
    store:put('TEAM_GB_V1_STREAMING', gb:key_bytes('row'), '\2', STOP + 1)
    store:put('TEAM_GB_V1_STREAMING', gb:key_bytes('empty'), '', STOP + 1)
    local f = fetcher(store)
    local list = assert(f:rows('group_by', 'team.gb.v1',
      { { user = 'bad' }, { user = 'u1' }, { user = 'torn' }, { user = 'row' }, { user = 'empty' } }, STOP + 2))
    assert.matches('^Failed to decode batch IR for groupBy team.gb.v1: ', list[1].error)
    assert.equal(5, list[2].features.n_sum_1d)
    assert.matches('^Failed to decode batch IR', list[3].error)
    assert.matches('^Failed to decode streaming rows for groupBy team.gb.v1', list[4].error)
    assert.matches('^Failed to decode streaming rows for groupBy team.gb.v1', list[5].error)
    local lenient = fetcher(store, { skip_bad_stream = true })
    assert.same({ n_sum_1d = null, n_sum_7d = null, d_average = null },
      lenient:one('group_by', 'team.gb.v1', { user = 'row' }, STOP + 2))
  end)

  it('of any kind are answered', function()
    local store, gb = filled()
    local f = fetcher(store)
    local good = gb.values[gb:key_bytes('u1')]
    local random = require('spec.support.seed').random('fetch bytes')
    for _ = 1, 300 do
      local at = random(1, #good)
      local bytes = good:sub(1, at - 1) .. string.char(random(0, 255)) .. good:sub(at + random(0, 2))
      gb.values = { [gb:key_bytes('u1')] = bytes }
      gb:save()
      local text = assert(f:text('group_by', 'team.gb.v1', '[{"user":"u1"}]', STOP + HOUR))
      assert.is_true(text:find('"status":"Success"', 1, true) ~= nil or text:find('Failed to decode', 1, true) ~= nil, text)
    end
  end)

  it('as serving info are the missing upload\'s error, with the cause', function()
    local store = fetch.store()
    for _, info in ipairs({ '{', '[]', '{"groupBy":{}}', '' }) do
      fetch.upload(store, 'team.gb.v1', {}, info, STOP)
      local f = fetcher(store)
      assert.matches('^Couldn\'t fetch group by serving info for TEAM_GB_V1_BATCH, please make sure a batch upload was '
        .. 'successful: .', f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP))
    end
  end)
end)

describe('metadata', function()
  after_each(function()
    for _, f in ipairs(open) do f:close() end
    open = {}
  end)

  it('of a newer upload is used at once for values, and looked up again soon', function()
    local store, gb = filled()
    local f = fetcher(store, { refresh_ms = 1 })
    assert.equal(16, f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP + DAY - 1).n_sum_1d)
    gb.o.stop = STOP + DAY
    gb:batch('u1', { { ts = STOP + HOUR, n = 11LL, d = 6 }, { ts = STOP + DAY - 2, n = 100LL, d = cols.null } })
    gb:save(STOP + DAY)
    assert.equal(111, f:one('group_by', 'team.gb.v1', { user = 'u1' }, STOP + DAY).n_sum_1d)
    os.execute('sleep 0.01')
    assert.matches('less than batch time ' .. STOP + DAY,
      f:one('group_by', 'team.gb.v1', { user = 'none' }, STOP + HOUR))
  end)

  it('is swapped by a reload while requests keep their plan', function()
    local store, gb = filled()
    local f = fetcher(store)
    local plan, err, n = ffi.new('const struct fetch_plan *[1]'), ffi.new('struct chn_err'), ffi.new('int32_t[1]')
    cdef.check(C.fetch_plan_get, f.session, C.FETCH_GROUP_BY, 'team.gb.v1', plan)
    assert.equal(C.CHN_OK, C.fetcher_reload(f.f, n, err))
    assert.equal(0, n[0])
    gb.o.stop = STOP + DAY
    gb:save(STOP + DAY)
    assert.equal(C.CHN_OK, C.fetcher_reload(f.f, n, err))
    assert.equal(1, n[0])
    assert.equal(STOP, tonumber(C.fetch_plan_batch_end(plan[0])))
    C.fetch_plan_release(plan[0])
    cdef.check(C.fetch_plan_get, f.session, C.FETCH_GROUP_BY, 'team.gb.v1', plan)
    assert.equal(STOP + DAY, tonumber(C.fetch_plan_batch_end(plan[0])))
    C.fetch_plan_release(plan[0])
  end)

  it('of names that mean nothing leaves no trace', function()
    local f = fetcher(fetch.store())
    for _, name in ipairs({ 'a', '', ('x'):rep(5000), '../../etc', 'team/none.v1' }) do
      local _, why = f:text('join', name, '[]')
      assert.matches('Couldn\'t fetch ai.chronon.api.Join for key joins/', why)
    end
    local _, why = f:text('join', 'team.file.v1', '[]')
    assert.matches('named with a slash: team/file.v1', why)
  end)
end)
