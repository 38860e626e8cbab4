--- `run --mode consistency-metrics-compute`: what was logged against what a backfill says.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local json = require('dkjson')
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local C = cdef.load('codec/avro.h', 'row/col.h')

local HOUR, DAY = 3600000, 86400000
local COMPARISON, METRICS, UPLOAD =
  'ns.team_j_v1_comparison', 'ns.team_j_v1_consistency', 'ns.team_j_v1_consistency_upload'
local SUM, LAST3 = 'team_g_v1_x_sum', 'team_g_v1_s_last3'
local day1 = repo.ms('2024-03-01')

local function join(meta, more)
  meta = meta or {}
  meta.name = 'team.j.v1'
  local conf = {
    metaData = meta,
    left = { events = { table = 'data.left', query = { selects = { user = 'user', note = 'note' }, timeColumn = 'ts',
      setups = {} } } },
    joinParts = { { keyMapping = { user = 'uid' }, groupBy = {
      metaData = { name = 'team.g.v1' },
      sources = { { events = { table = 'data.events', query = { selects = { uid = 'uid', x = 'x', s = 's' },
        timeColumn = 'ts', setups = {} } } } },
      keyColumns = { 'uid' }, accuracy = 0,
      aggregations = { { inputColumn = 'x', operation = 7 },
        { inputColumn = 's', operation = 13, argMap = { k = '3' } } },
    } } },
  }
  for k, v in pairs(more or {}) do conf[k] = v end
  return conf
end

--- The log: { user, ts, sum or nil, list as SQL or nil, ds? }.
local function log(r, list, columns)
  local lines = {}
  for k, row in ipairs(list) do
    lines[k] = ("SELECT 'h' AS schema_hash, %d::BIGINT AS ts, '%s' AS user, %s::BIGINT AS %s, %s::VARCHAR[] AS %s%s, "
      .. "'%s' AS ds"):format(row[2], row[1], row[3] or 'NULL', SUM, row[4] or 'NULL', LAST3, columns or '',
      row.ds or os.date('!%Y-%m-%d', math.floor(row[2] / 1000)))
  end
  r:table('ns.team_j_v1_logged', table.concat(lines, ' UNION ALL '), 'ds')
end

local function compute(r, ds, more)
  local result = r:run('consistency-metrics-compute', 'joins/team/j.v1', ds, more or { '-o', 'json' })
  assert.equal(0, result.code, result.err .. result.out)
  return more and result.out or json.decode(result.out), result
end

describe('run --mode consistency-metrics-compute', function()
  local r
  before_each(function()
    r = repo.new()
    os.execute(('mkdir -p "%s/production/joins/team"'):format(r.folder))
    r:conf('joins/team/j.v1', join())
    -- What is known of u1: x = 1 (a) from 01:00 on, + 10 (b) from 02:00 on; of u2: 5 (c) from 01:00 on.
    r:table('data.events', repo.values('uid VARCHAR, x BIGINT, s VARCHAR, ts BIGINT, ds VARCHAR', {
      { 'u1', 1, 'a', day1 + HOUR, '2024-03-01' }, { 'u1', 10, 'b', day1 + 2 * HOUR, '2024-03-01' },
      { 'u2', 5, 'c', day1 + HOUR, '2024-03-01' },
    }), 'ds')
    r:table('data.left', repo.values('user VARCHAR, note VARCHAR, ts BIGINT, ds VARCHAR',
      { { 'u1', 'n', day1, '2024-03-01' } }), 'ds')
  end)
  after_each(function() r:remove() end)

  it('measures what was served against what was true then', function()
    log(r, {
      { 'u1', day1 + HOUR + 60000, 1, "['a']" },            -- the same
      { 'u1', day1 + 3 * HOUR, 9, "['a', 'b', 'z']" },      -- 11 and b, a
      { 'u1', day1 + 3 * HOUR + 1, nil, "['b', 'a']" },     -- 11 and b, a
      { 'u2', day1 + 3 * HOUR + 2, 5, nil },                -- 5 and c
      { 'u3', day1 + 3 * HOUR + 3, nil, nil },              -- nothing is known
    })
    local summary = compute(r, '2024-03-01')
    local got, columns = r:read('SELECT * FROM ' .. METRICS .. ' ORDER BY ts', { METRICS })
    assert.equal(2, #got)
    assert.same({ 'JoinPath', 'ts', 'ds' }, { columns[1].name, columns[#columns - 1].name, columns[#columns].name })
    assert.same({ 'team/j.v1', day1 + HOUR, '2024-03-01' }, { got[1].JoinPath, got[1].ts, got[1].ds })
    assert.equal(day1 + 3 * HOUR, got[2].ts)
    local function counts(row, column)
      local out = {}
      for k, m in ipairs({ 'both_null_sum', 'left_null_sum', 'right_null_sum', 'mismatch_sum', 'total_count' }) do
        out[k] = rows.text(row[column .. '_' .. m])
      end
      return table.concat(out, ' ')
    end
    assert.equal('0 0 0 0 1', counts(got[1], SUM))
    assert.equal('1 0 1 1 4', counts(got[2], SUM))
    assert.equal('1 0 1 1 4', counts(got[2], LAST3))
    assert.is_near(2 * 2 / 20 / 4, got[2][SUM .. '_smape_average'], 1e-12)
    -- Into [a, b, z] to make it [b, a]: one insert, two deletes; into nothing to make it [c]: one insert.
    local inserts, deletes = got[2][LAST3 .. '_edit_distance_insert_approx_percentile'],
      got[2][LAST3 .. '_edit_distance_delete_approx_percentile']
    assert.same({ 0, 1, 0, 2 }, { inserts[1], inserts[42], deletes[1], deletes[42] })

    local f = summary.features[1]
    assert.same({ SUM, 5, 1, 0, 1, 1, 2 / 5 },
      { f.feature, f.rows, f.different, f.missing_left, f.missing_right, f.missing_both, f.mismatch_rate })
    assert.equal(COMPARISON, summary.left)
    assert.is_nil(summary.features[3])

    local again = compute(r, '2024-03-01')
    assert.equal('every day is there', again.idle)
    assert.same(summary.features, again.features)
    assert.is_truthy(compute(r, '2024-03-01', {}):find(SUM .. ' +5 +1 +0 +1 +1 +0.4'))
  end)

  it('marks the comparison table, and backfills the logged rows into it', function()
    log(r, { { 'u1', day1 + 3 * HOUR, 9, nil } })
    compute(r, '2024-03-01')
    local got, columns = r:read('SELECT * FROM ' .. COMPARISON, { COMPARISON })
    assert.same({ 1, 'u1', day1 + 3 * HOUR, 11 }, { #got, got[1].user, got[1].ts, got[1][SUM] })
    assert.equal(5, #columns) -- the note of the left side is not logged
    local function property(name, key)
      local file = io.popen(('cat "%s"/ns/%s/*.json "%s"/ns/%s/.*.json 2>/dev/null'):format(r.warehouse, name,
        r.warehouse, name))
      local text = file:read('*a')
      file:close()
      return text:match('"' .. key .. '"%s*:%s*"([^"]*)"')
    end
    assert.equal('true', property('team_j_v1_comparison', 'chronon_ooc_table'))
    assert.equal('consistency', property('team_j_v1_consistency', 'chronon_table_type'))
    assert.equal('consistency_upload', property('team_j_v1_consistency_upload', 'chronon_table_type'))
  end)

  it('uploads the metrics as Avro, with their schemas', function()
    log(r, { { 'u1', day1 + HOUR + 60000, 2, "['a']" } })
    compute(r, '2024-03-01')
    local flat = r:read('SELECT * FROM ' .. METRICS, { METRICS })[1]
    local list = r:read('SELECT * FROM ' .. UPLOAD, { UPLOAD })
    assert.equal(3, #list)
    local by_json = {}
    for _, row in ipairs(list) do by_json[row.key_json] = row end
    local schema = by_json.__valueSchema
    assert.equal('team/j.v1__valueSchema', schema.key_bytes)
    assert.equal('team/j.v1__keySchema', by_json.__keySchema.key_bytes)
    assert.equal(os.date('!%Y-%m-%d'), schema.ds)
    assert.is_truthy(by_json.__keySchema.value_bytes:find('"JoinPath"', 1, true))
    local values
    for _, row in ipairs(list) do
      if row.key_json:sub(1, 2) ~= '__' then values = row end
    end
    assert.same({ day1 + HOUR, '2024-03-01' }, { values.ts, values.ds })
    assert.equal('\2\18team/j.v1', values.key_bytes) -- not null, 9 bytes, the path
    local function decode(record, bytes)
      local arena, out = ffi.new('struct arena'), ffi.new('const struct avro_schema *[1]')
      cdef.check(C.avro_schema_parse, arena, record, #record, 'schema', out)
      local names, builders = {}, ffi.new('struct row_builder *[?]', out[0].n_fields)
      for i = 0, out[0].n_fields - 1 do
        builders[i] = C.row_builder_new(out[0].fields[i].schema.type)
        names[ffi.string(out[0].fields[i].name)] = i
      end
      cdef.check(C.avro_decode, out[0], bytes, #bytes, builders)
      return names, builders, out[0].n_fields
    end
    local names, builders, n = decode(schema.value_bytes, values.value_bytes)
    local function long(name)
      return tonumber(ffi.cast('int64_t *', C.row_builder_col(builders[names[name]]).data)[0])
    end
    assert.equal(flat[SUM .. '_mismatch_sum'], long(SUM .. '_mismatch_sum'))
    assert.equal(1, long(SUM .. '_mismatch_sum'))
    assert.equal(1, long(LAST3 .. '_total_count'))
    for i = 0, n - 1 do C.row_builder_free(builders[i]) end
  end)

  it('keeps what late rows add in the day of the log', function()
    log(r, { { 'u1', day1 + 23 * HOUR, 11, nil }, { 'u2', day1 + 22 * HOUR, 5, nil } })
    compute(r, '2024-03-01')
    log(r, { { 'u1', day1 + 23 * HOUR, 11, nil }, { 'u2', day1 + 22 * HOUR, 5, nil },
      { 'u1', day1 + 23 * HOUR + 1, 7, nil, ds = '2024-03-02' }, { 'u1', day1 + DAY + 5 * HOUR, 11, nil } })
    compute(r, '2024-03-02')
    local got = r:read(('SELECT ts, ds, "%s_total_count" AS n, "%s_mismatch_sum" AS m FROM %s ORDER BY ts'):format(SUM,
      SUM, METRICS), { METRICS })
    local lines = {}
    for k, row in ipairs(got) do
      lines[k] = ('%s %d %d/%d'):format(row.ds, (row.ts - day1) / HOUR, row.m, row.n)
    end
    assert.same({ '2024-03-01 22 0/1', '2024-03-01 23 0/1', '2024-03-02 24 1/1', '2024-03-02 29 0/1' }, lines)
  end)

  it('takes the same share of requests on both sides, in every run', function()
    local list = {}
    for i = 1, 400 do list[i] = { i % 2 == 0 and 'u1' or 'u2', day1 + 3 * HOUR + i, 5, nil } end
    log(r, list)
    r:conf('joins/team/j.v1', join({ consistencySamplePercent = 25 }))
    local summary = compute(r, '2024-03-01')
    local now = summary.compared_now
    assert.same({ 0, 0 }, { now.missing_left, now.missing_right })
    assert.is_true(now.rows > 60 and now.rows < 140, 'took ' .. now.rows)
    local first = r:read('SELECT "user", ts FROM ' .. COMPARISON .. ' ORDER BY ts', { COMPARISON })
    os.execute(('rm -rf "%s"/ns'):format(r.warehouse))
    compute(r, '2024-03-01')
    assert.same(first, (r:read('SELECT "user", ts FROM ' .. COMPARISON .. ' ORDER BY ts', { COMPARISON })))
  end)

  it('does nothing at 0 percent, and says so', function()
    r:conf('joins/team/j.v1', join({ consistencySamplePercent = 0 }))
    local summary = compute(r, '2024-03-01')
    assert.equal('consistencySamplePercent is 0', summary.idle)
    assert.same({}, summary.features)
  end)

  it('says what is missing or not comparable', function()
    local function fails(want)
      local result = r:run('consistency-metrics-compute', 'joins/team/j.v1', '2024-03-01')
      assert.equal(1, result.code)
      assert.is_truthy(result.err:find(want, 1, true), result.err)
    end
    fails('ns.team_j_v1_logged does not exist: flatten the log first (--mode log-flattener)')
    r:table('ns.team_j_v1_logged', ("SELECT 'u1' AS user, %d::BIGINT AS ts, 1 AS %s, '2024-03-01' AS ds"):format(day1,
      SUM), 'ds')
    fails(('column "%s" is bigint in ns.team_j_v1_comparison and int in ns.team_j_v1_logged'):format(SUM))
    r:conf('joins/team/j.v1', join({ consistencySamplePercent = -1 }))
    fails('consistencySamplePercent is -1, want 0 to 100')
  end)

  it('leaves out what was not logged, or cannot be backfilled, and says so', function()
    log(r, { { 'u1', day1 + 3 * HOUR, 11, nil } }, ', 3 AS ext_model_score')
    local _, result = compute(r, '2024-03-01')
    assert.is_truthy(result.err:find('not compared, because ns.team_j_v1_comparison lacks them: ext_model_score', 1,
      true), result.err)
  end)

  it('plans only, in a dry run', function()
    log(r, { { 'u1', day1 + 3 * HOUR, 11, nil } })
    local out = compute(r, '2024-03-01', { '--dry-run' })
    assert.is_truthy(out:find('2024-03-01', 1, true), out)
    local tables = io.popen(('ls "%s"/ns 2>/dev/null'):format(r.warehouse))
    assert.equal('', tables:read('*a'))
    tables:close()
  end)
end)
