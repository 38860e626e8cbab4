-- Joins online: parts, keys, derivations, external sources, and what fails alone.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('fetcher/fetcher.h', 'fetcher/fetch_explain.h')
local cols = require('spec.support.cols')
local fetch = require('spec.support.fetch')
local json = require('dkjson')
local kv = require('spec.support.kv')
local online = require('spec.support.online')
local program = require('spec.support.program')

local HOUR = 3600000
local STOP = 1706745600000 -- 2024-02-01
local null = fetch.null

local open = {}
local function fetcher(store, options)
  local f = fetch.open(store, options)
  open[#open + 1] = f
  return f
end

local function gb(store, name, key, values, more)
  local o = { name = name, fields = { { 'n', 'long' } }, defs = { { 'n', 'SUM', windows = { '7d' } } }, stop = STOP,
              keys = { { 'id', key } } }
  for k, v in pairs(more or {}) do o[k] = v end
  local g = online.new(store, o)
  for k, v in pairs(values) do g:batch({ id = k }, { { ts = STOP - HOUR, n = v } }) end
  g:save()
  return g
end

local function type_(kind, params) return { kind = kind, params = params } end
local function struct(fields)
  local params = {}
  for i, f in ipairs(fields) do params[i] = { name = f[1], dataType = f[2] } end
  return type_(13, params)
end

local LONG, DOUBLE, STRING = type_(4), type_(6), type_(7)

local function external(name, keys, values, factory, params)
  return { source = { metadata = { name = name }, keySchema = struct(keys), valueSchema = struct(values),
                      factoryConfig = factory and { factoryName = factory, factoryParams = params } } }
end

local function write(path, text)
  os.execute('mkdir -p ' .. path:match('(.*)/'))
  local file = assert(io.open(path, 'w'))
  file:write(text)
  file:close()
end

describe('fetching a join', function()
  after_each(function()
    for _, f in ipairs(open) do f:close() end
    open = {}
  end)

  it('puts parts together, with mapped and cast keys, and null keys left out', function()
    local store = fetch.store()
    local a = gb(store, 'team.a.v1', 'string', { ['5'] = 1LL })
    local b = gb(store, 'team.b.v1', 'long', { [5LL] = 2LL })
    online.join(store, 'team.join.v1', {
      { a, mapping = { user = 'id' } }, { b, mapping = { user = 'id' }, prefix = 'p' }, { b, mapping = { item = 'id' } },
    })
    local f = fetcher(store)
    assert.equal('{"results":[{"status":"Success","entityKeys":{"user":"5","item":5},"features":{"team_a_v1_n_sum_7d":1,'
      .. '"p_team_b_v1_n_sum_7d":2,"team_b_v1_n_sum_7d":2}},'
      .. '{"status":"Success","entityKeys":{"user":"nope","item":null,"other":1.50},"features":{'
      .. '"p_team_b_v1_exception":"For input string: \\"nope\\""}}]}',
      (f:text('join', 'team/join.v1', '[{"user":5,"item":"5"},{"user":"nope","item":null,"other":1.50}]', STOP))
        :gsub('1%.5}', '1.50}'))
  end)

  it('keeps failures to their parts', function()
    local store = fetch.store()
    local a = gb(store, 'team.a.v1', 'string', { u = 1LL })
    local b = gb(store, 'team.b.v1', 'string', { u = 2LL })
    local gone = online.new(fetch.store(), { name = 'team.gone.v1', fields = { { 'n', 'long' } }, stop = STOP,
                                             defs = { { 'n', 'COUNT' } }, keys = { { 'id', 'string' } } })
    store:bulk('TEAM_B_V1_BATCH', STOP, { [b:key_bytes('u')] = 'junk', [fetch.INFO] = b:info() })
    online.join(store, 'team.join.v1', { { a }, { b }, { gone } })
    local f = fetcher(store)
    local got = f:one('join', 'team/join.v1', { id = 'u' }, STOP)
    assert.equal(1, got.team_a_v1_n_sum_7d)
    assert.matches('^Failed to decode batch IR for groupBy team.b.v1', got.team_b_v1_exception)
    assert.matches('^Couldn\'t fetch group by serving info for TEAM_GONE_V1_BATCH', got.team_gone_v1_exception)
    assert.same({
      team_a_v1_exception = 'Failed to fetch team_a_v1: Missing keys Vector(id) required by team_a_v1 in query: Map(x -> 1.0)',
      team_b_v1_exception = 'Failed to fetch team_b_v1: Missing keys Vector(id) required by team_b_v1 in query: Map(x -> 1.0)',
      team_gone_v1_exception =
        'Failed to fetch team_gone_v1: Missing keys Vector(id) required by team_gone_v1 in query: Map(x -> 1.0)',
    }, assert(f:rows('join', 'team/join.v1', '[{"x":1.0}]', STOP))[1].features)
  end)

  it('derives over all, and takes out what is named after a failed part', function()
    local store = fetch.store()
    local a = gb(store, 'team.a.v1', 'string', { u = 1LL })
    local b = gb(store, 'team.b.v1', 'string', { u = 2LL, v = 4LL })
    store:put('TEAM_B_V1_STREAMING', b:key_bytes('u'), 'x', STOP)
    online.join(store, 'team.join.v1', { { a }, { b } }, { derivations = {
      { name = 'sum', expression = 'team_a_v1_n_sum_7d + team_b_v1_n_sum_7d' },
      { name = 'team_b_v1_twice', expression = 'coalesce(team_b_v1_n_sum_7d, 1) * 2' }, { name = '*', expression = '*' },
    } })
    local f = fetcher(store)
    local list = assert(f:rows('join', 'team/join.v1', { { id = 'u' }, { id = 'v' } }, STOP + 1))
    assert.matches('Failed to decode', list[1].features.team_b_v1_exception)
    list[1].features.team_b_v1_exception = nil
    assert.same({ team_a_v1_n_sum_7d = 1, sum = null }, list[1].features)
    assert.same({ team_a_v1_n_sum_7d = null, team_b_v1_n_sum_7d = 4, team_b_v1_twice = 8, sum = null }, list[2].features)
  end)

  it('of a GroupBy over another join has what was uploaded and streamed of that', function()
    local store = fetch.store()
    local a = gb(store, 'team.a.v1', 'string', { u = 1LL })
    local upper = online.join(store, 'team.upper.v1', { { a } })
    upper.left.events.topic = 'clicks' -- what makes the chain TEMPORAL is the topic at its end
    local chained = online.new(store, { name = 'team.chained.v1', stop = STOP, keys = { { 'id', 'string' } },
                                        fields = { { 'team_a_v1_n_sum_7d', 'long' } },
                                        defs = { { 'team_a_v1_n_sum_7d', 'SUM', windows = { '7d' } } } })
    chained.gb.sources = { { joinSource = { join = upper, query = { selects = { v = 'v' }, timeColumn = 'ts' } } } }
    chained:batch('u', { { ts = STOP - HOUR, team_a_v1_n_sum_7d = 1LL } })
    chained:stream('u', { { ts = STOP + HOUR, team_a_v1_n_sum_7d = 10LL } })
    chained:save()
    online.join(store, 'team.lower.v1', { { a }, { chained, prefix = 'late' } })
    local f = fetcher(store)
    assert.same({ team_a_v1_n_sum_7d = 1, late_team_chained_v1_team_a_v1_n_sum_7d_sum_7d = 1 },
      f:one('join', 'team/lower.v1', { id = 'u' }, STOP + HOUR))
    assert.same({ team_a_v1_n_sum_7d = 1, late_team_chained_v1_team_a_v1_n_sum_7d_sum_7d = 11 },
      f:one('join', 'team/lower.v1', { id = 'u' }, STOP + HOUR + 1))
  end)

  it('says in detail how each feature stands', function()
    local store = fetch.store()
    local day = 24 * HOUR
    local a = gb(store, 'team.a.v1', 'string', { u = 1LL })
    local b = gb(store, 'team.b.v1', 'string', { u = 2LL, torn = 3LL })
    local short = gb(store, 'team.short.v1', 'string', { u = 4LL }, { defs = { { 'n', 'SUM', windows = { '6h' } } } })
    b.values[b:key_bytes('torn')] = b.values[b:key_bytes('torn')]:sub(1, -2)
    b:save()
    online.join(store, 'team.join.v1', { { a }, { b }, { short } }, { derivations = {
      { name = 'copy', expression = 'team_a_v1_n_sum_7d' },
      { name = 'sum', expression = 'team_a_v1_n_sum_7d + team_b_v1_n_sum_7d' },
      { name = '*', expression = '*' },
    } })
    local f = fetcher(store)
    local function statuses(id, at)
      local row = assert(f:rows('join', 'team/join.v1', { { id = id } }, at, 'detailed'))[1]
      local out = {}
      for name, cell in pairs(row.features) do out[name] = cell.status end
      return out, row.errors
    end
    assert.same({ copy = 'present', sum = 'present', team_b_v1_n_sum_7d = 'present', team_short_v1_n_sum_6h = 'present' },
      (statuses('u', STOP + HOUR)))
    assert.same({ copy = 'present', sum = 'present', team_b_v1_n_sum_7d = 'present', team_short_v1_n_sum_6h = 'null' },
      (statuses('u', STOP + 10 * HOUR)))
    assert.same({ copy = 'stale_batch', sum = 'stale_batch', team_b_v1_n_sum_7d = 'stale_batch',
                  team_short_v1_n_sum_6h = 'null' }, (statuses('u', STOP + 2 * day + 1)))
    assert.same({ copy = 'missing_key', sum = 'missing_key', team_b_v1_n_sum_7d = 'missing_key',
                  team_short_v1_n_sum_6h = 'missing_key' }, (statuses('nobody', STOP)))
    local torn, errors = statuses('torn', STOP)
    assert.equal('error', torn.team_b_v1_n_sum_7d)
    assert.equal('error', torn.sum)
    assert.equal('missing_key', torn.copy)
    assert.matches('^Failed to decode batch IR for groupBy team.b.v1', errors.team_b_v1_exception)
    local early
    early, errors = statuses('u', STOP - 1)
    assert.equal('error', early.team_b_v1_n_sum_7d)
    assert.matches('^Request time of %d+ is less than batch time', errors.team_a_v1_exception)
  end)

  it('says why when its derivations cannot be', function()
    local store = fetch.store()
    online.join(store, 'team.join.v1', { { gb(store, 'team.a.v1', 'string', { u = 1LL }) } },
      { derivations = { { name = 'x', expression = 'nothing' } } })
    local got = fetcher(store):one('join', 'team/join.v1', { id = 'u' }, STOP)
    assert.same({ join_codec_fetch_exception = 'Failed to run expression nothing for x. Please ensure the derivation is '
      .. 'correct.' }, got)
  end)

  it('says how a derivation gets a column that is no key', function()
    local store = fetch.store()
    online.join(store, 'team.join.v1', { { gb(store, 'team.a.v1', 'string', { u = 1LL }) } },
      { derivations = { { name = 'x', expression = 'team_a_v1_n_sum_7d * rate' } } })
    local got = fetcher(store):one('join', 'team/join.v1', { id = 'u' }, STOP)
    assert.matches('column "rate" does not exist', got.join_codec_fetch_exception, 1, true)
    assert.matches('when the join names it in a c.ContextualSource', got.join_codec_fetch_exception, 1, true)
  end)

  it('refuses model transforms, row by row', function()
    local store = fetch.store()
    online.join(store, 'team.join.v1', { { gb(store, 'team.a.v1', 'string', {}) } },
      { modelTransforms = { transforms = { { model = { metaData = { name = 'm' } } } } } })
    assert.matches('has model transforms, which this program does not run',
      fetcher(store):one('join', 'team/join.v1', { id = 'u' }, STOP))
  end)

  it('sees the newer upload of a part', function()
    local store = fetch.store()
    local a = gb(store, 'team.a.v1', 'string', { u = 1LL })
    online.join(store, 'team.join.v1', { { a } })
    local f = fetcher(store, { ttl_ms = 1 })
    assert.same({ team_a_v1_n_sum_7d = 1 }, f:one('join', 'team/join.v1', { id = 'u' }, STOP))
    gb(store, 'team.a.v1', 'string', { u = 3LL }, { defs = { { 'n', 'SUM' } } })
    os.execute('sleep 0.01')
    assert.same({ team_a_v1_n_sum = 3 }, f:one('join', 'team/join.v1', { id = 'u' }, STOP))
  end)

  it('takes one value apart', function()
    local store = fetch.store()
    local a = gb(store, 'team.a.v1', 'string', { u = 1LL })
    a:batch({ id = 'u' }, { { ts = STOP - HOUR, n = 1LL }, { ts = STOP - 7 * 24 * HOUR + HOUR, n = 10LL } })
    a:stream({ id = 'u' }, { { ts = STOP + HOUR, n = 100LL }, { ts = STOP + 3 * HOUR, n = 1000LL } })
    a:save()
    online.join(store, 'team.join.v1', { { a } })
    local f = fetcher(store)
    local plan, err = ffi.new('const struct fetch_plan *[1]'), ffi.new('struct chn_err')
    cdef.check(C.fetch_plan_get, f.session, C.FETCH_JOIN, 'team/join.v1', plan)
    local columns, keep = cols.columns(C.fetch_plan_keys(plan[0]), { { 'u' } })
    local request = ffi.new('struct fetch_request', { plan = plan[0], n = 1, keys = columns,
                                                      at = ffi.new('int64_t[1]', STOP + 2 * HOUR) })
    local out, n = ffi.new('struct fetch_explained *[1]'), ffi.new('size_t[1]')
    local at = ffi.new('int64_t[1]', STOP + 2 * HOUR)
    request.at = at
    local arena = cols.arena()
    cdef.check(C.fetch_explain, f.session, request, 0, 'team_a_v1_n_sum_7d', arena, out, n)
    assert.equal(1, tonumber(n[0]))
    local x, pieces = out[0][0], {}
    for i = 0, tonumber(x.n_pieces) - 1 do
      local p = x.pieces[i]
      pieces[i + 1] = ('%d %s %s %s'):format(tonumber(p.kind), p.used, ffi.string(p.value), ffi.string(p.why))
    end
    assert.equal('n_sum_7d of team.a.v1 = 101',
      ('%s of %s = %s'):format(ffi.string(x.column), ffi.string(x.group_by), ffi.string(x.value)))
    assert.same({ '0 true 1 ', '1 false 10 before the window', '2 true 100 ', '2 false 1000 at or after the query time' },
      pieces)
    assert.equal(C.CHN_E_NOT_FOUND, C.fetch_explain(f.session, request, 0, 'team_a_v1_n_sum_8d', arena, out, n, err))
    assert.matches('did you mean team_a_v1_n_sum_7d', ffi.string(err.msg))
    C.fetch_plan_release(plan[0])
    assert(keep)
  end)
end)

describe('external parts', function()
  after_each(function()
    for _, f in ipairs(open) do f:close() end
    open = {}
  end)

  it('echo contextual keys', function()
    local store = fetch.store()
    online.join(store, 'team.join.v1', {}, { onlineExternalParts = {
      external('contextual', { { 'amount', DOUBLE }, { 'who', STRING } }, { { 'amount', DOUBLE }, { 'who', STRING } }),
    } })
    local list = assert(fetcher(store):rows('join', 'team/join.v1', '[{"amount":"2.5"},{"who":null,"amount":1}]', STOP))
    assert.same({ ext_contextual_amount = 2.5, ext_contextual_who = null }, list[1].features)
    assert.same({ ext_contextual_amount = 1, ext_contextual_who = null }, list[2].features)
  end)

  it('echo contextual keys that are lists, maps and structs, and derive of them', function()
    local folder = program.folder()
    local store = kv.open('lmdb:' .. folder .. '/kv')
    local fields = { { 'list', type_(12, { { name = 'element', dataType = DOUBLE } }) },
                     { 'map', type_(11, { { name = 'key', dataType = STRING }, { name = 'value', dataType = LONG } }) },
                     { 'pair', struct { { 'a', LONG }, { 'b', STRING } } } }
    online.join(store, 'team.join.v1', {}, {
      onlineExternalParts = { external('contextual', fields, fields) },
      derivations = { { name = 'third', expression = 'ext_contextual_list[2]' }, { name = '*', expression = '*' } } })
    local f = fetcher(store, { answer_cache = 1048576 })
    local function features(body, form)
      local row = assert(f:rows('join', 'team/join.v1', body, STOP, form))[1]
      return row.features or row.error
    end
    for _, form in ipairs { 'plain', 'kept', 'kept' } do
      for i = 1, 3 do -- as long as each other, and far from it
        local list, pair = { 1, 2.5, i }, { a = i, b = ('x'):rep(i * 20) }
        local text = json.encode { { list = list, map = { k = i }, pair = pair } }
        assert.same({ third = i, ext_contextual_list = list, ext_contextual_map = { k = i },
          ext_contextual_pair = { i, pair.b } }, features(text, form))
      end
      assert.same({ third = null, ext_contextual_list = null, ext_contextual_map = null, ext_contextual_pair = null },
        features('[{"list":null,"map":null}]', form))
      for _, body in ipairs { '[{"list":1}]', '[{"list":["a"]}]', '[{"map":[1]}]', '[{"pair":{"a":"1"}}]' } do
        assert.matches("Couldn't encode request keys", features(body, form), 1, true)
      end
    end
    open[#open]:close()
    open[#open] = nil
    store:close()
    program.remove(folder)
  end)

  local function handled(fn)
    local store = fetch.store()
    local part = external('svc', { { 'id', LONG } }, { { 'v', LONG }, { 'w', STRING } })
    part.keyMapping, part.prefix = { user = 'id' }, 'p'
    online.join(store, 'team.join.v1', {}, { onlineExternalParts = { part } })
    local f = fetcher(store)
    if fn then cdef.check(C.fetcher_register, f.f, 'svc', fn, nil) end
    return f
  end

  it('ask a handler once a question', function()
    local calls = {}
    local function answer(_, call)
      calls[#calls + 1] = tonumber(call.n)
      for r = 0, tonumber(call.n) - 1 do
        local key = cols.read(call.key_cols, r)
        local bad = key == 13LL
        if bad then call.errors[r] = C.arena_strdup(call.arena, 'unlucky') end
        C.row_builder_value(call.outs[0], ffi.new('int64_t[1]', key == cols.null and -1 or key * 2))
        C.row_builder_string(call.outs[1], 'x', 1)
      end
      return 0
    end
    local callback = ffi.cast('fetch_external_fn', answer)
    local f = handled(callback)
    jit.off(answer)
    local list = assert(f:rows('join', 'team/join.v1', '[{"user":1},{"user":13},{"user":"1"},{"user":null},{}]', STOP))
    assert.same({ 3 }, calls)
    assert.same({ ext_p_svc_v = 2, ext_p_svc_w = 'x' }, list[1].features)
    assert.same({ ext_p_svc_exception = 'unlucky' }, list[2].features)
    assert.same({ ext_p_svc_v = 2, ext_p_svc_w = 'x' }, list[3].features)
    assert.same({ ext_p_svc_v = -1, ext_p_svc_w = 'x' }, list[4].features)
    assert.same({ ext_p_svc_exception = 'Failed to fetch ext_p_svc: Missing keys Vector(user) required by ext_p_svc in '
      .. 'query: Map()' }, list[5].features)
    f:close()
    open = {}
    callback:free()
  end)

  it('say that nobody answers for a source', function()
    assert.matches('svc is not registered among handlers', handled():one('join', 'team/join.v1', { user = 1 }, STOP)
      .ext_p_svc_exception)
  end)

  it('ask a Lua function of the repo', function()
    local repo = os.tmpname()
    os.remove(repo)
    finally(function() os.execute('rm -rf ' .. repo) end)
    write(repo .. '/externals/geo.lua', [[
      return { fetch = function(keys)
        local out = {}
        for i, k in ipairs(keys) do
          if k.lat == nil then out[i] = { error = 'no latitude' }
          elseif k.lat > 90 then out[i] = { cell = 5 }
          else out[i] = { cell = ('%d:%d'):format(math.floor(k.lat), #k.name), north = k.lat / 2 } end
        end
        return out
      end }
    ]])
    local store = fetch.store()
    online.join(store, 'team.join.v1', {}, { onlineExternalParts = {
      external('geo', { { 'lat', DOUBLE }, { 'name', STRING } }, { { 'cell', STRING }, { 'north', DOUBLE } }, 'lua',
        { module = 'externals.geo' }),
    } })
    local f = fetcher(store, { repo = repo })
    local list = assert(f:rows('join', 'team/join.v1',
      { { lat = 3, name = 'a"\n\\é' }, { lat = null, name = '' }, { lat = 100, name = '' } }, STOP))
    assert.same({ ext_geo_cell = '3:6', ext_geo_north = 1.5 }, list[1].features)
    assert.same({ ext_geo_exception = 'no latitude' }, list[2].features)
    assert.matches('external source geo: cell is .*, and should be string', list[3].features.ext_geo_exception)
    for _, text in ipairs { 'return { get = 1 }', 'local _ = 1' } do
      write(repo .. '/externals/geo.lua', text)
      assert.matches('external source geo: .*its module has no function fetch$',
        fetcher(store, { repo = repo }):one('join', 'team/join.v1', { lat = 1, name = '' }, STOP).ext_geo_exception)
    end
    write(repo .. '/externals/geo.lua', 'return { fetch = function() while true do end end }')
    local slow = fetcher(store, { repo = repo, external_ms = 50 })
    assert.matches('external source geo: ', slow:one('join', 'team/join.v1', { lat = 1, name = '' }, STOP).ext_geo_exception)
  end)

  it('are Lua with its one empty table, and with whole numbers up to 2^53', function()
    local repo = os.tmpname()
    os.remove(repo)
    finally(function() os.execute('rm -rf ' .. repo) end)
    write(repo .. '/externals/echo.lua', [[
      return { fetch = function(keys)
        local out = {}
        for i, k in ipairs(keys) do out[i] = { id = k.id, lists = k.lists, map = k.map, pair = k.pair } end
        return out
      end }
    ]])
    local map = type_(11, { { name = 'key', dataType = STRING }, { name = 'value', dataType = LONG } })
    local pairs_of = type_(12, { { name = 'element', dataType = type_(12, { { name = 'element', dataType = LONG } }) } })
    local fields = { { 'id', LONG }, { 'lists', pairs_of }, { 'map', map }, { 'pair', struct { { 'a', LONG }, { 'm', map } } } }
    local store = fetch.store()
    online.join(store, 'team.join.v1', {}, {
      onlineExternalParts = { external('echo', fields, fields, 'lua', { module = 'externals.echo' }) } })
    local f = fetcher(store, { repo = repo })
    local function features(body)
      local out = {}
      for i, row in ipairs(assert(f:rows('join', 'team/join.v1', body, STOP))) do out[i] = row.features end
      return out
    end
    local REST = '"lists":[[1,2],[]],"map":{},"pair":{"a":null,"m":{}}'
    local got = features(('[{"id":9007199254740992,%s},{"id":9007199254740993,%s},{"id":-9007199254740993,%s},'
      .. '{"id":1,"lists":[[9007199254740993]],"map":{"a":1},"pair":{}},{"id":2,%s},{"id":null,"lists":null,"map":null,'
      .. '"pair":null}]'):gsub('%%s', REST))
    local function echoed(id)
      return { ext_echo_id = id, ext_echo_lists = { { 1, 2 }, {} }, ext_echo_map = {}, ext_echo_pair = { null, {} } }
    end
    assert.same(echoed(9007199254740992), got[1])
    assert.same(echoed(2), got[5])
    assert.same({ ext_echo_id = null, ext_echo_lists = null, ext_echo_map = null, ext_echo_pair = null }, got[6])
    for i, key in ipairs { 'id', 'id', 'lists' } do
      assert.same({ ext_echo_exception = key .. ' is beyond 2^53, which numbers of Lua do not hold: ask with a STRING' },
        got[i + 1])
    end
    local rows = {}
    for i = 1, 9000 do rows[i] = ('{"id":%d,"lists":[[%d],[1],[2],[3],[4],[5],[6]],"map":{},"pair":{}}'):format(i, i) end
    got = features('[' .. table.concat(rows, ',') .. ']')
    assert.equal(9000, #got)
    assert.same({ { 9000 }, { 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 6 } }, got[9000].ext_echo_lists)
    write(repo .. '/externals/echo.lua', 'return { fetch = function() return { {}, {} } end }')
    f = fetcher(store, { repo = repo })
    for _, row in ipairs(features('[{"id":1},{"id":9007199254740993}]')) do
      assert.is_string(row.ext_echo_exception)
    end
  end)

  it('ask an HTTP endpoint, within its time', function()
    local dir = os.tmpname()
    os.remove(dir)
    os.execute('mkdir -p ' .. dir)
    finally(function() os.execute(('kill $(cat %s/pid); rm -rf %s'):format(dir, dir)) end)
    write(dir .. '/server.py', [[
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class H(BaseHTTPRequestHandler):
    def do_POST(self):
        keys = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        if self.path == '/slow': time.sleep(10)
        out = json.dumps([{'v': k['id'] * 3} if k['id'] else {'error': 'zero'} for k in keys]).encode()
        self.send_response(500 if self.path == '/broken' else 200); self.end_headers(); self.wfile.write(out)
    def log_message(self, *a): pass
s = ThreadingHTTPServer(('127.0.0.1', 0), H)
open(sys.argv[1] + '/port', 'w').write(str(s.server_port) + '\n')
s.serve_forever()
]])
    os.execute(('python3 %s/server.py %s >/dev/null 2>&1 & echo $! > %s/pid'):format(dir, dir, dir))
    local port
    for _ = 1, 1200 do
      local file = io.open(dir .. '/port')
      port = file and file:read('*l')
      if file then file:close() end
      if port then break end
      os.execute('sleep 0.05')
    end
    local function asked(path)
      local store = fetch.store()
      online.join(store, 'team.join.v1', {}, { onlineExternalParts = {
        external('svc', { { 'id', LONG } }, { { 'v', LONG } }, 'http',
          { url = ('http://127.0.0.1:%s%s'):format(port, path), timeout_ms = path == '/slow' and '300' or '60000' }),
      } })
      return assert(fetcher(store):rows('join', 'team/join.v1', { { id = 2 }, { id = 0 } }, STOP))
    end
    local list = asked('/ok')
    assert.same({ ext_svc_v = 6 }, list[1].features)
    assert.same({ ext_svc_exception = 'zero' }, list[2].features)
    assert.equal('external source svc: no answer within 300 ms (timeout_ms)', asked('/slow')[1].features.ext_svc_exception)
    assert.equal('external source svc: it answers with status 500', asked('/broken')[1].features.ext_svc_exception)
  end)
end)
assert(json)
