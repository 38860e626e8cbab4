--- `run --mode log-flattener`: raw logs as tables; what becomes of bad ones; logs as bootstraps and
--- as the input of statistics.
local cols = require('spec.support.cols')
local json = require('dkjson')
local log = require('spec.support.raw_log')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')

local NULL, LOGGED = rows.NULL, 'ns.team_j_v1_logged'

local function join(change)
  local conf = {
    metaData = { name = 'team.j.v1', samplePercent = 100 },
    left = { events = { table = 'data.left', query = { timeColumn = 'ts', selects = { who = 'who', ts = 'ts' } } } },
    joinParts = { { keyMapping = { who = 'key' }, groupBy = {
      metaData = { name = 'g' }, keyColumns = { 'key' }, accuracy = 0,
      sources = { { events = { table = 'data.ev', query = { selects = { key = 'key', v = 'v' }, timeColumn = 'ts' } } } },
      aggregations = { { inputColumn = 'v', operation = 7 }, { inputColumn = 'v', operation = 6 } } } } },
  }
  if change then change(conf) end
  return conf
end

local OLD = log.schema('old', { { 'who', 'string' }, { 'place', 'string' } },
  { { 'g_v_sum', 'long' }, { 'ext_contextual_place', 'string' } })
local NEW = log.schema('new+/=', { { 'who', 'string' }, { 'age', 'int' } },
  { { 'g_v_count', 'long' }, { 'g_v_sum', 'long' }, { 'tags', 'list<string>' }, { 'who', 'string' } })

local function at(text) return repo.ms('2024-03-0' .. text) end

local RAW = {
  log.row(OLD, { who = 'u1', place = 'x' }, { g_v_sum = 5, ext_contextual_place = 'x' }, at('1 10:00:00'), '2024-03-01'),
  log.row(OLD, { who = 'u2', place = cols.null }, { g_v_sum = cols.null, ext_contextual_place = cols.null },
    at('1 11:00:00'), '2024-03-01'),
  log.row(NEW, { who = 'u1', age = 30 }, { g_v_count = 2, g_v_sum = 7, tags = { 'a', 'b' }, who = 'not this' },
    at('2 10:00:00'), '2024-03-02'),
  log.row(NEW, { who = cols.null, age = cols.null }, { g_v_count = cols.null, g_v_sum = cols.null, tags = {},
    who = cols.null }, NULL, '2024-03-02'),
}

describe('log-flattener', function()
  local r
  before_each(function()
    r = repo.new()
    r:conf('j', join())
  end)
  after_each(function() r:remove() end)

  local function make(raw, schemas)
    local list, known = {}, {}
    for _, row in ipairs(raw) do list[#list + 1] = row end
    list[#list + 1] = { log.base64('h'), log.base64('{}'), 1, NULL, 'SCHEMA_PUBLISH_EVENT', '2024-03-01' }
    list[#list + 1] = { 'other', 'other', 1, 'other', 'team/other.v1', '2024-02-01' }
    r:table('logs.raw', repo.values(log.COLUMNS, list), 'ds, name')
    for _, s in ipairs(schemas or { OLD, NEW }) do known[#known + 1] = { s.hash, s.text, '2024-03-02' } end
    known[#known + 1] = { 'old', 'not what is in the last partition', '2024-03-01' }
    r:table('logs.schemas', repo.values(log.SCHEMA_COLUMNS, known), 'ds')
  end
  local TABLES = { '--log-table', 'logs.raw', '--schema-table', 'logs.schemas' }
  local function run(ds, more)
    local args = { unpack(TABLES) }
    for _, word in ipairs(more or {}) do args[#args + 1] = word end
    return r:run('log-flattener', 'j', ds or '2024-03-02', args)
  end
  local function flatten(...)
    local result = run(...)
    assert.equal(0, result.code, result.err)
    return result
  end
  local function logged()
    local list, columns = r:read(('SELECT * FROM %s ORDER BY ds, ts NULLS LAST'):format(LOGGED), { LOGGED })
    local out, names = {}, {}
    for i, c in ipairs(columns) do names[i] = c.name .. ' ' .. c.type end
    for i, row in ipairs(list) do
      local cells = {}
      for c, column in ipairs(columns) do cells[c] = rows.text(row[column.name]) end
      out[i] = table.concat(cells, ' ')
    end
    return out, names
  end
  local function properties()
    return json.decode(program.read(r.warehouse .. '/ns/team_j_v1_logged/_chronon.json')).properties
  end

  it('writes a column a field, of all schemas', function()
    make(RAW)
    local result = flatten()
    local list, names = logged()
    assert.same({ 'schema_hash string', 'ts bigint', 'who string', 'place string', 'age int', 'g_v_sum bigint',
      'g_v_count bigint', 'tags array<string>', 'ds string' }, names)
    assert.same({
      ('old %d u1 x NULL 5 NULL NULL 2024-03-01'):format(at('1 10:00:00')),
      ('old %d u2 NULL NULL NULL NULL NULL 2024-03-01'):format(at('1 11:00:00')),
      ('new+/= %d u1 NULL 30 7 2 [a,b] 2024-03-02'):format(at('2 10:00:00')),
      'new+/= NULL NULL NULL NULL NULL NULL [] 2024-03-02',
    }, list)
    assert.is_nil(result.err:find('left out', 1, true))
  end)

  it('goes on with further days and schemas, and remembers all schemas', function()
    make({ RAW[1], RAW[2] })
    flatten('2024-03-02')
    assert.equal(2, #logged())
    make(RAW)
    flatten('2024-03-02')
    local list, names = logged()
    assert.equal(4, #list)
    assert.same({ 'schema_hash string', 'ts bigint', 'who string', 'place string', 'g_v_sum bigint', 'age int',
      'g_v_count bigint', 'tags array<string>', 'ds string' }, names)
    local p = properties()
    assert.equal('true', p.chronon_log_table)
    assert.equal('logged', p.chronon_table_type)
    assert.equal(OLD.text, p.schema_hash_old)
    assert.equal(NEW.text, p['schema_hash_new+/='])
    assert.truthy(flatten().out:find('nothing to do', 1, true))
  end)

  it('reads logs that keep the name as Hive writes it, and lie in one file', function()
    local raw = {}
    for i, row in ipairs(RAW) do raw[i] = { row[1], row[2], row[3], row[4], 'team%2Fj.v1', row[6] } end
    make(RAW)
    r:table('logs.raw', repo.values(log.COLUMNS, raw))
    flatten()
    assert.equal(4, #logged())
  end)

  it('leaves out what it cannot decode, and says how much', function()
    local good, n = {}, { hash = 0, base64 = 0, avro = 0 }
    for _, row in ipairs(RAW) do good[#good + 1] = row end
    local function bad(kind, change)
      local row = { unpack(RAW[1], 1, 6) }
      change(row)
      good[#good + 1], n[kind] = row, n[kind] + 1
    end
    bad('hash', function(row) row[4] = NULL end)
    for _, text in ipairs({ '*', 'a', 'ab=', 'abcde', '====', 'AgR1 MQ==', 'AgR1\nMQ==', NULL }) do
      bad('base64', function(row) row[1] = text end)
      bad('base64', function(row) row[2] = text end)
    end
    for _, bytes in ipairs({ '', '\2', '\2\4u', '\2\4u1', '\2\4u1\0!', '\4\4u1\0', '\2\255\255\255\255\15u1\0',
      '\2\4\255\254\0' }) do
      bad('avro', function(row) row[1] = log.base64(bytes) end)
    end
    bad('avro', function(row) row[2] = row[1] end)
    make(good)
    local result = flatten()
    assert.equal(4, #logged())
    assert.truthy(result.err:find(('%d of %d log rows are left out: %d without schema_hash, %d with a key or value ' ..
      'that is not base64, %d that are not of their schema, 0 with a ts_millis that is no number')
      :format(n.hash + n.base64 + n.avro, #good, n.hash, n.base64, n.avro), 1, true), result.err)
  end)

  it('survives any bytes, and keeps every good row', function()
    local random, from = seed.random('raw logs')
    local raw, good = {}, 0
    for i = 1, 400 do
      local row = { unpack(RAW[random(1, 3)], 1, 6) }
      row[3] = at('1') + i
      if random(1, 3) == 1 then
        good = good + 1
      else
        local which = random(1, 2)
        local bytes = {}
        for k = 1, random(0, 30) do bytes[k] = string.char(random(0, 255)) end
        -- 255 is no branch of the union that every record begins with
        row[which] = log.base64('\255' .. table.concat(bytes))
        if random(1, 2) == 1 then row[which] = row[which]:gsub('.', '-', 1) end
      end
      raw[i] = row
    end
    make(raw)
    flatten()
    assert.equal(good, #logged(), 'seed ' .. from)
  end)

  it('takes padding or not, and a ts that is text', function()
    local raw = {}
    for i, row in ipairs({ RAW[1], RAW[2], RAW[3] }) do
      raw[i] = { (row[1]:gsub('=', '')), (row[2]:gsub('=', '')), ('%d'):format(row[3]), row[4], row[5], row[6] }
    end
    raw[4] = { unpack(raw[1], 1, 6) }
    raw[4][3] = 'yesterday'
    make(RAW)
    r:table('logs.raw', repo.values((log.COLUMNS:gsub('BIGINT', 'VARCHAR')), raw), 'ds, name')
    assert.truthy(flatten().err:find('1 of 4 log rows are left out: 0 without', 1, true))
    assert.equal(3, #logged())
  end)

  local function fails(message)
    local result = run()
    assert.equal(1, result.code)
    assert.truthy(result.err:find(message, 1, true), result.err)
    assert.is_false(pcall(logged))
  end

  it('waits for schemas that it does not have', function()
    make(RAW, { OLD })
    fails('the log has rows of schema_hash "new+/=", which is not in the last partition of logs.schemas')
  end)

  it('refuses a field of two types, and one named as a column of the log', function()
    local other = log.schema('new+/=', { { 'who', 'string' }, { 'age', 'int' } }, { { 'g_v_sum', 'double' } })
    make(RAW, { OLD, other })
    fails('field "g_v_sum" is double in schema new+/= and bigint in another: one column cannot hold both')
    make(RAW, { OLD, log.schema('new+/=', { { 'ts', 'long' } }, {}) })
    fails('schema new+/= has a field "ts", which is a column of the log itself')
  end)

  it('refuses schemas that are none', function()
    for text, message in pairs({
      ['{'] = 'schema_value_last:1:',
      ['[]'] = 'key_schema is not there',
      ['{"key_schema": {}, "value_schema": ""}'] = 'key_schema is an object, and must be an Avro schema as a string',
      ['{"key_schema": "\\"long\\"", "value_schema": ""}'] = 'key_schema:1:1: a row\'s schema must be a record',
    }) do
      make(RAW, { OLD, { hash = 'new+/=', text = text } })
      fails('logs.schemas, schema_hash new+/=: ' .. message)
    end
  end)

  it('says what is missing', function()
    make({})
    fails('logs.raw has no row whose name is team/j.v1: nothing of the join has been logged yet')
    r:table('logs.raw', 'SELECT 1 AS key_base64, \'2024-03-01\' AS ds')
    fails('value_base64')
    local result = r:run('log-flattener', 'j', '2024-03-02')
    assert.truthy(result.err:find('--log-table and --schema-table are needed: serve --log writes logs.served and '
      .. 'logs.served_schemas', 1, true))
  end)

  it('does nothing for a join that is not logged', function()
    r:conf('j', join(function(conf) conf.metaData.samplePercent = nil end))
    local result = flatten()
    assert.truthy(result.err:find('team.j.v1: the join has no samplePercent, so its fetches are not logged', 1, true))
  end)

  --- Rows of the join, bootstrapped by its own log.
  local function bootstrapped(...)
    make({ RAW[1], RAW[3],
      log.row(NEW, { who = 'u2', age = 1 }, { g_v_count = cols.null, g_v_sum = 9, tags = {}, who = 'u2' },
        at('2 11:00:00'), '2024-03-02') })
    flatten()
    r:table('data.left', repo.values('who VARCHAR, ts BIGINT, ds VARCHAR', {
      { 'u1', at('1 10:00:00'), '2024-03-01' }, { 'u2', at('1 11:00:00'), '2024-03-01' },
      { 'u1', at('2 10:00:00'), '2024-03-02' }, { 'u2', at('2 11:00:00'), '2024-03-02' } }))
    r:table('data.ev', repo.values('key VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR',
      { { 'u1', 100, at('1'), '2024-03-01' }, { 'u2', 200, at('1'), '2024-03-01' } }))
    r:conf('j', join(function(conf)
      conf.bootstrapParts = { { table = LOGGED, keyColumns = { 'who', 'ts' } } }
    end))
    for _, mode in ipairs({ ... }) do r:succeed(mode[1], 'j', '2024-03-02', mode[2]) end
    local out = {}
    for i, row in ipairs((r:read('SELECT * FROM ns.team_j_v1 ORDER BY ts', { 'ns.team_j_v1' }))) do
      out[i] = ('%s %s %s'):format(row.who, rows.text(row.g_v_sum), rows.text(row.g_v_count))
    end
    return out
  end
  -- logged with the old schema: the count is computed; not logged: both; with the new one: a NULL is one
  local WANT = { 'u1 5 1', 'u2 200 1', 'u1 7 2', 'u2 9 NULL' }

  it('bootstraps a join with the columns that each row was logged with', function()
    assert.same(WANT, bootstrapped({ 'backfill' }))
  end)

  it('does so in steps too', function()
    assert.same(WANT, bootstrapped({ 'backfill-left' },
      { 'backfill', { '--selected-join-parts', 'g', '--use-cached-left' } }, { 'backfill-final' }))
    assert.same({ { h = { 'old' } }, { h = NULL }, { h = { 'new+/=' } }, { h = { 'new+/=' } } },
      (r:read('SELECT matched_hashes AS h FROM ns.team_j_v1_bootstrap ORDER BY ts', { 'ns.team_j_v1_bootstrap' })))
  end)

  it('gives log-summary its rows', function()
    make(RAW)
    flatten()
    r:succeed('log-summary', 'j', '2024-03-02', { '--sample', '1' })
    local name = LOGGED .. '_daily_stats'
    local list, columns = r:read(('SELECT * FROM %s ORDER BY ts'):format(name), { name })
    local names = {}
    for i, c in ipairs(columns) do names[i] = c.name end
    assert.same({ 'JoinPath', 'age__null_sum', 'age_approx_percentile', 'g_v_count__null_sum',
      'g_v_count_approx_percentile', 'g_v_sum__null_sum', 'g_v_sum_approx_percentile', 'place__null_sum',
      'schema_hash__null_sum', 'tags__null_sum', 'total_count', 'ts', 'age_approx_percentile_finalized',
      'g_v_count_approx_percentile_finalized', 'g_v_sum_approx_percentile_finalized', 'ds' }, names)
    local out = {}
    for i, row in ipairs(list) do out[i] = { row.ts, row.total_count, row.g_v_sum__null_sum, row.age__null_sum } end
    assert.same({ { 0, 1, 1, 1 }, { at('1 10:00:00'), 1, 0, 1 }, { at('1 11:00:00'), 1, 1, 1 },
      { at('2 10:00:00'), 1, 0, 0 } }, out)
    assert.equal(NULL, list[1].age_approx_percentile)
    assert.equal(NULL, list[1].age_approx_percentile_finalized)
    assert.equal('7.0', list[4].g_v_sum_approx_percentile_finalized[1][2])
    assert.same({ { n = 6 } }, (r:read(('SELECT count(*) AS n FROM %s_upload'):format(name), { name .. '_upload' })))
  end)

  it('has log-summary refuse columns that its days do not have', function()
    make({ RAW[1] })
    flatten()
    r:succeed('log-summary', 'j', '2024-03-02', { '--sample', '1' })
    make(RAW)
    flatten()
    local result = r:run('log-summary', 'j', '2024-03-02', { '--sample', '1' })
    assert.equal(1, result.code)
    assert.truthy(result.err:find('ns.team_j_v1_logged_daily_stats was made of other columns of ns.team_j_v1_logged', 1,
      true), result.err)
    r:succeed('log-summary', 'j', '2024-03-02', { '--sample', '1', '--force-backfill' })
    local name = LOGGED .. '_daily_stats'
    assert.same({ { n = 3 } }, (r:read(('SELECT CAST(sum(total_count) AS BIGINT) AS n FROM %s'):format(name), { name })))
  end)
end)
