--- What was served as log events: the sample, the schemas, the bytes, the tables.
local ffi = require('ffi')
local avro = require('spec.support.avro')
local cdef = require('spec.support.cdef')
local null = require('spec.support.cols').null
local fetch = require('spec.support.fetch')
local json = require('dkjson')
local program = require('spec.support.program')
local raw_log = require('spec.support.raw_log')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')
local C = cdef.load('fetcher/log_int.h', 'fetcher/fetch_json.h', 'base/md5.h', 'warehouse/warehouse.h')

local END = 1704153600000 -- 2024-01-02
local NOON = END + 43200000
local SCHEMA_EVENT = 'SCHEMA_PUBLISH_EVENT'

local function md5(text)
  local out = ffi.new('uint8_t[16]')
  C.chn_md5(text, #text, out)
  return ffi.string(out, 16)
end

local SOURCES = { { entities = { snapshotTable = 'data.users', query = { selects = { user = 'user', v = 'v' },
  setups = {} } } } }

local function group_by(name)
  return { metaData = { name = name, team = 'shop' }, keyColumns = { 'user' }, accuracy = 1, sources = SOURCES }
end

--- Uploads a GroupBy of one column without aggregations; `values` by user.
local function upload(store, name, kind, values)
  local key = assert(avro.of('Key', { { 'user', 'long' } }))
  local value = assert(avro.of('Value', { { 'v', kind } }))
  local info = { groupBy = group_by(name),
    keyAvroSchema = avro.text(key), selectedAvroSchema = avro.text(value), batchEndDate = '2024-01-02' }
  local put = {}
  for user, v in pairs(values) do
    put[assert(avro.encode(key, { user = user }))] = assert(avro.encode(value, { v = v }))
  end
  fetch.upload(store, name, put, info, END)
end

local function join(store, more)
  local conf = { metaData = { name = 'shop.training.v1', team = 'shop', samplePercent = 100 }, left = SOURCES[1],
    joinParts = { { groupBy = group_by('shop.a.v1') }, { groupBy = group_by('shop.b.v1') } } }
  for k, v in pairs(more or {}) do conf[k] = v end
  store:create('ZIPLINE_METADATA')
  store:put('ZIPLINE_METADATA', 'joins/shop/training.v1', json.encode(conf), nil)
end

--- Fetches keys (a list, or a request's text) and logs the answer.
local function serve(f, log, name, keys, at)
  local err, plan = ffi.new('struct chn_err'), ffi.new('const struct fetch_plan *[1]')
  local body = type(keys) == 'string' and keys or json.encode(keys)
  assert(C.fetch_plan_get(f.session, C.FETCH_JOIN, name, plan, err) == C.CHN_OK, ffi.string(err.msg))
  local request, result = ffi.new('struct fetch_request'), ffi.new('struct fetch_result')
  cdef.check(C.fetch_json_read, f.json, plan[0], body, #body, request)
  local times = ffi.new('int64_t[?]', tonumber(request.n) + 1)
  for i = 0, tonumber(request.n) - 1 do times[i] = at or NOON end
  request.at = times
  request.base = C.fetch_log_wants(plan[0])
  cdef.check(C.fetch_run, f.session, request, 1, result)
  C.fetch_log_add(log, result)
  C.fetch_plan_release(plan[0])
  return request.base
end

local function counts(log)
  local out = ffi.new('struct fetch_log_counts')
  C.fetch_log_count(log, out)
  return { sampled = tonumber(out.sampled), dropped = tonumber(out.dropped), failed = tonumber(out.failed),
    written = tonumber(out.written), waiting = tonumber(out.waiting) }
end

describe('fetcher log', function()
  local store, f, folder

  before_each(function()
    folder = program.folder()
    store = fetch.store()
    upload(store, 'shop.a.v1', 'string', { [1] = 'one', [2] = 'two' })
    upload(store, 'shop.b.v1', 'double', { [1] = 1.5 })
    join(store)
    f = fetch.open(store)
  end)
  after_each(function()
    f:close()
    store:close()
    program.remove(folder)
  end)

  describe('events', function()
    local events, log, callback, accept

    before_each(function()
      events, accept = {}, true
      callback = ffi.cast('fetch_log_fn', function(_, e)
        if not accept then return false end
        events[#events + 1] = { name = ffi.string(e.name), key = ffi.string(e.key, e.key_len),
          value = ffi.string(e.value, e.value_len), ts = tonumber(e.ts),
          hash = e.schema_hash ~= nil and ffi.string(e.schema_hash) or nil }
        return true
      end)
      jit.off(serve) -- C calls back into Lua
      log = C.fetch_log_new(callback, nil)
    end)
    after_each(function()
      cdef.check(C.fetch_log_close, log)
      callback:free()
    end)

    it('are the schema, then rows: keys, and values before and after derivations', function()
      join(store, { derivations = { { name = 'twice', expression = 'shop_b_v1_v * 2' },
        { name = 'shop_a_v1_v', expression = 'upper(shop_a_v1_v)' } } })
      assert.is_true(serve(f, log, 'shop/training.v1', '[{"user":"1"},{"user":2},{"user":7}]'))
      assert.equal(4, #events)
      local schema = json.decode(events[1].value)
      assert.same({ SCHEMA_EVENT, nil }, { events[1].name, events[1].hash })
      assert.equal(raw_log.base64(md5(events[1].value)):sub(1, 10), events[1].key)
      assert.equal('{"join_name":"shop.training.v1","key_schema":"', events[1].value:sub(1, 46))
      local key, value = assert(avro.parse(schema.key_schema)), assert(avro.parse(schema.value_schema))
      assert.equal('shop_training_v1_key', ffi.string(key.name))
      assert.equal('join_combined_shop_training_v1', ffi.string(value.name))
      assert.same({ 'shop_a_v1_v', 'shop_b_v1_v', 'twice' }, avro.names(value))
      for i, user in ipairs { 1, 2, 7 } do
        local e = events[i + 1]
        assert.same({ 'shop/training.v1', NOON, events[1].key }, { e.name, e.ts, e.hash })
        assert.equal(avro.encode(key, { user = user }), e.key)
      end
      assert.equal(avro.encode(value, { shop_a_v1_v = 'ONE', shop_b_v1_v = 1.5, twice = 3 }), events[2].value)
      assert.equal(avro.encode(value, { shop_a_v1_v = 'TWO', shop_b_v1_v = null, twice = null }), events[3].value)
      assert.equal(avro.encode(value, { shop_a_v1_v = null, shop_b_v1_v = null, twice = null }), events[4].value)
      assert.same({ 3, 0, 0 }, { counts(log).sampled, counts(log).dropped, counts(log).failed })
    end)

    it('publish a schema once, and the next one when the join changes', function()
      serve(f, log, 'shop/training.v1', '[{"user":1}]')
      serve(f, log, 'shop/training.v1', '[{"user":2}]')
      cdef.check(C.fetcher_reload, f.f, nil)
      serve(f, log, 'shop/training.v1', '[{"user":2}]')
      assert.equal(4, #events)
      join(store, { rightParts = nil, derivations = { { name = 'x', expression = 'shop_a_v1_v' } } })
      cdef.check(C.fetcher_reload, f.f, nil)
      serve(f, log, 'shop/training.v1', '[{"user":2}]')
      assert.equal(6, #events)
      assert.equal(SCHEMA_EVENT, events[5].name)
      assert.not_equal(events[1].key, events[5].key)
    end)

    it('are rows of the sample: by the MD5 of the key', function()
      join(store, { metaData = { name = 'shop.training.v1', team = 'shop', samplePercent = 12.5 } })
      local keys, want = {}, {}
      local random, number = seed.random('the sample of a log')
      local first = random(1, 1000000)
      local key = assert(avro.of('k', { { 'user', 'long' } }))
      for i = 1, 2000 do
        keys[i] = { user = first + i }
        local bytes = avro.encode(key, { user = first + i })
        local n = 0ULL
        for c in md5(bytes):sub(1, 8):gmatch('.') do n = n * 256 + c:byte() end
        if n >= 0x8000000000000000ULL then n = 0ULL - n end
        if n > 0 and n % 100000 <= 12500 then want[#want + 1] = bytes end
      end
      serve(f, log, 'shop/training.v1', keys)
      local got = {}
      for i = 2, #events do got[i - 1] = events[i].key end
      assert.same(want, got, 'seed ' .. number)
      assert.is_true(#want > 150 and #want < 350)
    end)

    it('are not of joins without a samplePercent, nor of rows that failed', function()
      serve(f, log, 'shop/training.v1', '[{"user":"nobody"}]')
      join(store, { metaData = { name = 'shop.training.v1', team = 'shop' } })
      cdef.check(C.fetcher_reload, f.f, nil)
      assert.is_false(serve(f, log, 'shop/training.v1', '[{"user":1}]'))
      assert.same({}, events)
    end)

    it('never fail a fetch: what nobody takes is counted', function()
      accept = false
      serve(f, log, 'shop/training.v1', '[{"user":1},{"user":2}]')
      assert.same({ 2, 2 }, { counts(log).sampled, counts(log).dropped })
      accept = true
      serve(f, log, 'shop/training.v1', '[{"user":1}]')
      assert.same({ SCHEMA_EVENT, 'shop/training.v1' }, { events[1].name, events[2].name })
    end)
  end)

  describe('tables', function()
    local function open(options)
      options.warehouse, options.log_table, options.schema_table = folder, options.log_table or 'logs.raw', 'logs.schemas'
      local out, err = ffi.new('struct fetch_log *[1]'), ffi.new('struct chn_err')
      local o = ffi.new('struct fetch_log_options', options)
      if C.fetch_log_open(o, out, err) ~= C.CHN_OK then return nil, ffi.string(err.msg) end
      return out[0]
    end

    local function read(sql)
      local wh = rows.open(folder, {})
      for _, name in ipairs { 'logs.raw', 'logs.schemas' } do cdef.check(C.wh_use, wh, name) end
      return (rows.read(wh, sql))
    end

    local function files(what)
      local pipe = io.popen('find ' .. folder .. ' -name "*.parquet" -path "*' .. what .. '*" | wc -l')
      local n = pipe:read('*n')
      pipe:close()
      return n
    end

    it('have the events, by day and name', function()
      local log = assert(open {})
      serve(f, log, 'shop/training.v1', '[{"user":1},{"user":2}]')
      serve(f, log, 'shop/training.v1', '[{"user":1}]', NOON + 86400000)
      cdef.check(C.fetch_log_close, log)
      local list = read("SELECT * FROM logs.raw WHERE name = 'shop/training.v1' ORDER BY ds, key_base64")
      assert.equal(3, #list)
      assert.same({ '2024-01-02', '2024-01-02', '2024-01-03' }, { list[1].ds, list[2].ds, list[3].ds })
      assert.equal(raw_log.base64('\2\2'), list[1].key_base64)
      assert.equal(NOON, list[1].ts_millis)
      local schemas = read('SELECT * FROM logs.schemas')
      assert.equal(1, #schemas)
      assert.equal(list[1].schema_hash, schemas[1].schema_hash)
      assert.equal(raw_log.base64(md5(schemas[1].schema_value_last)):sub(1, 10), schemas[1].schema_hash)
      local events = read("SELECT * FROM logs.raw WHERE name = '" .. SCHEMA_EVENT .. "'")
      assert.equal(1, #events)
      assert.equal(raw_log.base64(schemas[1].schema_hash), events[1].key_base64)
      assert.equal(rows.NULL, events[1].schema_hash)
    end)

    it('grow by flushes and by logs that come after one another', function()
      for i = 1, 3 do
        local log = assert(open { flush_ms = 20 })
        serve(f, log, 'shop/training.v1', '[{"user":1},{"user":2}]')
        local until_ = os.time() + 120
        while counts(log).written < 3 and os.time() < until_ do program.shell('sleep 0.02') end
        assert.same({ 3, 0 }, { counts(log).written, counts(log).waiting })
        serve(f, log, 'shop/training.v1', '[{"user":3}]')
        cdef.check(C.fetch_log_close, log)
        assert.equal(3 * i, #read("SELECT * FROM logs.raw WHERE name = 'shop/training.v1'"))
        assert.equal(1, #read('SELECT * FROM logs.schemas'))
      end
      assert.is_true(files('logs/raw') >= 6)
    end)

    it('drop what does not fit into the queue', function()
      local log = assert(open { queue = 4, flush_ms = 60000 })
      local keys = {}
      for i = 1, 200 do keys[i] = { user = i } end
      serve(f, log, 'shop/training.v1', keys)
      local c = counts(log)
      assert.equal(200, c.sampled)
      assert.is_true(c.dropped > 0)
      cdef.check(C.fetch_log_close, log)
      assert.equal(200 - c.dropped, #read("SELECT * FROM logs.raw WHERE name = 'shop/training.v1'"))
    end)

    it('take many events, and large ones', function()
      local random = io.open('/dev/urandom', 'rb')
      local bytes = random:read(9000000)
      random:close()
      for _, case in ipairs { { 30, 1000000 }, { 20000, 1500 }, { 3, 9000000 } } do
        local n, size = case[1], case[2]
        local table_, err = ffi.new('struct log_table *[1]'), ffi.new('struct chn_err')
        local o = ffi.new('struct fetch_log_options',
          { warehouse = folder, log_table = 'logs.raw', schema_table = 'logs.schemas', flush_ms = 60000 })
        cdef.check(C.log_table_open, o, table_)
        local event = ffi.new('struct fetch_log_event', { name = 'x', ts = NOON, schema_hash = 'h', value_len = size })
        for i = 1, n do
          event.key, event.key_len = tostring(i), #tostring(i)
          event.value = ffi.cast('const char *', bytes) + (i * 37) % (#bytes - size + 1)
          assert.is_true(C.log_table_put(table_[0], event))
        end
        assert(C.log_table_close(table_[0], err) == C.CHN_OK, ffi.string(err.msg))
        local wh = rows.open(folder, {})
        cdef.check(C.wh_use, wh, 'logs.raw')
        assert.same({ { n = n, size = math.ceil(size / 3) * 4 * n } },
          (rows.read(wh, 'SELECT count(*) AS n, sum(length(value_base64))::BIGINT AS size FROM logs.raw')))
        program.shell('rm -r ' .. folder .. '/logs')
      end
    end)

    it('are refused when they are something else', function()
      local log, why = open { log_table = 'nodot' }
      assert.is_nil(log)
      assert.matches('nodot', why, 1, true)
      program.shell('mkdir -p ' .. folder .. '/logs/raw/ds=2024-01-01')
      local wh = rows.open(folder .. '/making', {})
      cdef.check(C.wh_exec, wh, ("COPY (SELECT 1 AS x) TO '%s/logs/raw/ds=2024-01-01/a.parquet'"):format(folder))
      log, why = open {}
      assert.is_nil(log)
      assert.matches('partitioned by ds, this write by ds, name, part', why, 1, true)
    end)

    it('keep what could not be written, say why, and write it once they can', function()
      local log = assert(open { flush_ms = 20 })
      local why = ffi.new('char[256]')
      program.shell(('mv %s/logs %s/away && touch %s/logs'):format(folder, folder, folder))
      serve(f, log, 'shop/training.v1', '[{"user":1},{"user":2}]')
      local until_ = os.time() + 120
      repeat
        program.shell('sleep 0.05')
        C.fetch_log_error(log, why)
      until ffi.string(why) ~= '' or os.time() > until_
      assert.matches('logs', ffi.string(why))
      assert.same({ 0, 3, 0 }, { counts(log).written, counts(log).waiting, counts(log).dropped })
      program.shell(('rm %s/logs && mv %s/away %s/logs'):format(folder, folder, folder))
      cdef.check(C.fetch_log_close, log)
      assert.equal(2, #read("SELECT * FROM logs.raw WHERE name = 'shop/training.v1'"))
    end)

    it('say what is lost at the end', function()
      local log = assert(open { flush_ms = 60000 })
      program.shell(('rm -r %s/logs && touch %s/logs'):format(folder, folder))
      serve(f, log, 'shop/training.v1', '[{"user":1}]')
      local err = ffi.new('struct chn_err')
      assert.not_equal(C.CHN_OK, C.fetch_log_close(log, err))
      assert.matches('^2 events of the log are lost: ', ffi.string(err.msg))
    end)
  end)
end)
