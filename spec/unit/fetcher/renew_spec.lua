-- Uploads that come between the plan of a request and its read: the answer is the new upload's, whole.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('fetcher/fetcher.h', 'fetcher/fetch_json.h')
local fetch = require('spec.support.fetch')
local kv = require('spec.support.kv')
local online = require('spec.support.online')
local program = require('spec.support.program')
local redis = require('spec.support.redis')

local HOUR, DAY = 3600000, 86400000
local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 'm', 'long' }, { 's', 'string' } }
local NAME = 'team.gb.v1'

--- An upload of one row, and one that was streamed since, as the upload's own stream writes it.
local function upload(store, defs, o)
  o = o or {}
  local gb = online.new(store, { name = NAME, fields = FIELDS, defs = defs, stop = o.stop or STOP, keys = o.keys,
                                 derivations = o.derivations })
  local key = o.key or { user = 'u' }
  gb:batch(key, { { ts = gb.o.stop - HOUR, n = 1LL, m = 100LL, s = 'a' } })
  if o.streamed ~= false then gb:stream(key, { { ts = gb.o.stop + HOUR, n = 10LL, m = 1000LL, s = 'b' } }) end
  gb:save()
  return gb
end

--- Asks with a plan that was looked up before `between` was called.
local function ask_across(f, kind, name, body, between)
  local plan = ffi.new('const struct fetch_plan *[1]')
  cdef.check(C.fetch_plan_get, f.session, kind == 'join' and C.FETCH_JOIN or C.FETCH_GROUP_BY, name, plan)
  between()
  local request, result = ffi.new('struct fetch_request'), ffi.new('struct fetch_result')
  cdef.check(C.fetch_json_read, f.json, plan[0], body, #body, request)
  request.at = ffi.new('int64_t[1]', STOP + DAY)
  local at = request.at
  cdef.check(C.fetch_run, f.session, request, 1, result)
  local out = ffi.new('struct chn_buf')
  C.fetch_json_write(f.json, result, C.FETCH_JSON_PLAIN, out)
  local text = ffi.string(C.chn_buf_str(out), out.len)
  C.chn_buf_deinit(out)
  C.fetch_plan_release(plan[0])
  assert(at)
  return text:match('^{"results":%[{"status":"(%a+)","entityKeys":[^}]*},"%a+":(.*)}%]}$')
end

local BODY = '[{"user":"u"}]'
local SUM_N = { { 'n', 'SUM' } }
local SUM_M = { { 'm', 'SUM' } } -- with the bytes of a SUM of n

for _, kind in ipairs({ 'memory', 'lmdb', 'redis' }) do
  describe('an upload between the plan and the read of ' .. kind, function()
    local store, f, folder, server
    before_each(function()
      if kind == 'memory' then
        store = fetch.store()
      elseif kind == 'lmdb' then
        folder = program.folder()
        store = kv.open('lmdb:' .. folder .. '/kv')
      else
        server = redis.start()
        store = kv.open('redis://127.0.0.1:' .. server.port)
      end
      upload(store, SUM_N, { streamed = false })
      f = fetch.open(store)
    end)
    after_each(function()
      f:close()
      store:close()
      if folder then program.remove(folder) end
      if server then server:stop() end
      folder, server = nil, nil
    end)

    local function across(between) return { ask_across(f, 'group_by', NAME, BODY, between) } end

    it('answers with its features', function()
      assert.same({ 'Success', '{"n_sum":1}' }, across(function() end))
      assert.same({ 'Success', '{"n_sum":11,"s_last2":["b","a"]}' }, across(function()
        upload(store, { { 'n', 'SUM' }, { 's', 'LAST_K', args = { k = 2 } } })
      end))
    end)

    it('does not take its bytes for those of the old one where both decode', function()
      assert.same({ 'Success', '{"m_sum":100}' }, across(function() upload(store, SUM_M, { streamed = false }) end))
    end)

    it('answers of the same day with the same aggregations as before', function()
      assert.same({ 'Success', '{"n_sum":1}' }, across(function() upload(store, SUM_N, { streamed = false }) end))
    end)

    it('is seen by the next request of another session too', function()
      across(function() upload(store, SUM_M, { streamed = false }) end)
      assert.same({ m_sum = 100 }, f:one('group_by', NAME, { user = 'u' }, STOP + DAY))
    end)
  end)
end

describe('an upload between the plan and the read', function()
  local store, f
  before_each(function()
    store = fetch.store()
    upload(store, SUM_N, { streamed = false })
    f = fetch.open(store, { refresh_in_background = true })
  end)
  after_each(function()
    f:close()
    store:close()
  end)

  it('answers a join of several with the new features of each', function()
    local gb = online.new(store, { name = NAME, fields = FIELDS, defs = SUM_N, stop = STOP })
    local other = online.new(store, { name = 'team.other.v1', fields = FIELDS, defs = SUM_N, stop = STOP })
    other:batch('u', { { ts = STOP - HOUR, n = 7LL } })
    other:save()
    online.join(store, 'team.j.v1', { { gb }, { other } })
    local old = '{"team_gb_v1_n_sum":1,"team_other_v1_n_sum":7}'
    assert.same({ 'Success', old }, { ask_across(f, 'join', 'team/j.v1', BODY, function() end) })
    local new = '{"team_gb_v1_m_sum":1100,"team_other_v1_n_sum":7}'
    assert.same({ 'Success', new }, { ask_across(f, 'join', 'team/j.v1', BODY, function() upload(store, SUM_M) end) })
  end)

  it('derives as the new one says', function()
    local status, features = ask_across(f, 'group_by', NAME, BODY, function()
      upload(store, SUM_M, { streamed = false, derivations = { { 'twice', 'm_sum * 2' } } })
    end)
    assert.same({ 'Success', '{"twice":200}' }, { status, features })
  end)

  it('casts keys to the new types, by name', function()
    local status, features = ask_across(f, 'group_by', NAME, '[{"user":"5"}]', function()
      upload(store, SUM_M, { keys = { { 'user', 'long' } }, key = { user = 5LL }, streamed = false })
    end)
    assert.same({ 'Success', '{"m_sum":100}' }, { status, features })
  end)

  it('fails the rows while its serving info cannot be read, and no longer', function()
    local dataset = fetch.dataset(NAME, '_BATCH')
    local status, why = ask_across(f, 'group_by', NAME, BODY, function()
      local gb = online.new(store, { name = NAME, fields = FIELDS, defs = SUM_M, stop = STOP })
      gb:batch('u', { { ts = STOP - HOUR, m = 100LL } })
      gb.values[fetch.INFO] = '{"broken'
      store:bulk(dataset, STOP, gb.values)
    end)
    assert.equal('Failure', status)
    assert.matches("Couldn't fetch group by serving info for TEAM_GB_V1_BATCH", why, 1, true)
    upload(store, SUM_N, { streamed = false })
    local one
    for _ = 1, 600 do
      one = f:one('group_by', NAME, { user = 'u' }, STOP + DAY)
      if type(one) == 'table' then break end
      program.shell('sleep 0.1')
    end
    assert.same({ n_sum = 1 }, one)
  end)
end)
