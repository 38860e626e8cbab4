local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local support = require('spec.support.warehouse')
local C = support.C

ffi.cdef [[
  int timer_create(int clock, void *event, void **timer);
  int timer_settime(void *timer, int flags, const int64_t *spec, void *old);
  int timer_delete(void *timer);
  int usleep(unsigned usec);
]]

describe('warehouse: queries', function()
  local wh

  before_each(function() wh = support.open() end)
  after_each(function() wh:close() end)

  it('gives columns of every kind', function()
    local rows, schema = wh:rows([==[SELECT true AS a, 1::TINYINT AS b, 2::SMALLINT AS c, 3::INTEGER AS d,
      4::BIGINT AS e, 1.5::FLOAT AS f, 2.5::DOUBLE AS g, 'a longer text than twelve' AS h,
      '\x00\xFF'::BLOB AS i, DATE '1970-01-03' AS j, TIMESTAMP '1970-01-01 00:00:01' AS k,
      MAP {'x': 1, 'y': NULL} AS l, [[1, NULL], []] AS m, {'p': 1, 'q': 'r'} AS n]==])
    assert.equal('a boolean, b tinyint, c smallint, d int, e bigint, f float, g double, h string, ' ..
      'i binary, j date, k timestamp, l map<string,int>, m array<array<int>>, n struct<p:int,q:string>',
      schema)
    assert.same({ true, 1, 2, 3, 4, 1.5, 2.5, 'a longer text than twelve', '\0\255', 2, 1000000,
      { x = 1 }, { { 1, 'NULL' }, {} }, { p = 1, q = 'r' }, n = 14 }, rows[1])
  end)

  it('casts what differs in representation only', function()
    local rows, schema = wh:rows([[SELECT TIMESTAMP_S '1970-01-01 00:00:02' AS a,
      '1970-01-01 00:00:02'::TIMESTAMP_MS AS b, '1970-01-01 00:00:02'::TIMESTAMP_NS AS c,
      TIMESTAMPTZ '1970-01-01 02:00:00+02' AS d, 'x'::ENUM ('x', 'y') AS e,
      [TIMESTAMP_NS '1970-01-01 00:00:02'] AS f, [1, 2]::INTEGER[2] AS g, NULL AS h,
      '00000000-0000-0000-0000-000000000001'::UUID AS i, 5 AS "i"]])
    assert.equal('a timestamp, b timestamp, c timestamp, d timestamp, e string, f array<timestamp>, ' ..
      'g array<int>, h int, i string, i int', schema)
    assert.same({ 2e6, 2e6, 2e6, 0, 'x', { 2e6 }, { 1, 2 }, nil,
      '00000000-0000-0000-0000-000000000001', 5, n = 10 }, rows[1])
  end)

  it('keeps the order of rows through such casts', function()
    local rows = wh:rows("SELECT range, '1970-01-01'::TIMESTAMP_S FROM range(10000) ORDER BY range DESC")
    for i, row in ipairs(rows) do assert.equal(10000 - i, row[1]) end
  end)

  it('names types that rows do not carry', function()
    local _, schema = wh:rows('SELECT 1.5::DECIMAL(9,2) AS a, 1::HUGEINT AS b, 1::UTINYINT AS c, [1::UBIGINT] AS d, ' ..
      "INTERVAL '1' DAY AS e")
    assert.equal('a DECIMAL(9,2), b HUGEINT, c smallint, d array<UBIGINT>, e INTERVAL', schema)
  end)

  it('describes without running', function()
    local schema = ffi.new('struct row_schema')
    cdef.check(C.wh_describe, wh.wh, "SELECT error('ran')::INTEGER AS x, 'a' AS y", wh.arena, schema)
    assert.equal('x int, y string', support.schema_text(schema))
  end)

  it('knows time zones, in UTC', function()
    assert.equal('1704085200000', wh:text(
      "SELECT epoch_ms(TIMESTAMP '2024-01-01 00:00:00' AT TIME ZONE 'America/New_York')"))
    assert.equal('2024-01-01 05:00:00', wh:text("SELECT to_timestamp(1704085200)::TIMESTAMP::VARCHAR"))
    assert.equal('UTC', wh:text("SELECT current_setting('TimeZone')"))
  end)

  it('knows the functions of rendered Spark SQL, on both connections', function()
    cdef.load('warehouse/sql.h')
    local out = ffi.new('char *[1]')
    cdef.check(C.sql_render_expr, wh.arena, "CAST(' 12.7 ' AS INT)", out)
    assert.equal('12', wh:text('SELECT ' .. ffi.string(out[0])))
    local schema = ffi.new('struct row_schema')
    local r = ffi.new('struct wh_result *[1]')
    cdef.check(C.wh_query, wh.wh, 'SELECT range FROM range(100000)', r)
    cdef.check(C.wh_describe, wh.wh, 'SELECT ' .. ffi.string(out[0]) .. ' AS x', wh.arena, schema)
    C.wh_result_close(r[0])
    assert.equal('x int', support.schema_text(schema))
  end)

  it('installs nothing', function()
    assert.equal('false,false', wh:text(
      "SELECT current_setting('autoinstall_known_extensions'), current_setting('autoload_known_extensions')"))
    assert.error_matches(function() wh:exec('LOAD httpfs') end, '.')
  end)

  it('streams many rows in the order of the files, with any number of threads', function()
    wh:exec(("COPY (SELECT range AS id, range * 2.5 AS x FROM range(300000)) TO '%s/t.parquet' " ..
      '(FORMAT parquet, ROW_GROUP_SIZE 20000)'):format(wh.home))
    for _, threads in ipairs({ 1, 2, 4 }) do
      local other = support.open({ root = wh.root, threads = threads,
        sources = { ['d.t'] = wh.home .. '/t.parquet' } })
      other:use('d.t')
      local n = 0
      for _, row in ipairs(other:rows('SELECT id FROM d.t WHERE id % 3 = 0')) do
        assert.equal(n * 3, row[1])
        n = n + 1
      end
      assert.equal(100000, n)
      other:close()
    end
  end)

  local function fails(class, message, sql, by)
    local err, r = ffi.new('struct chn_err'), ffi.new('struct wh_result *[1]')
    local status = C.wh_query((by or wh).wh, sql, r, err)
    local n, cols = ffi.new('size_t[1]', 1), ffi.new('struct row_col[8]')
    while status == 0 and n[0] > 0 do status = C.wh_result_next(r[0], cols, n, err) end
    C.wh_result_close(r[0])
    assert.equal(message, ffi.string(err.msg))
    assert.equal(class, ffi.string(C.chn_code_name(status)))
  end

  it('gives errors a class and drops the noise', function()
    fails('argument', 'column "amt" does not exist (known: "amount")',
      'SELECT amt FROM (SELECT 1 AS amount)')
    fails('not_found', 'Table with name nosuch does not exist!; Did you mean "pg_sequences"?',
      'SELECT * FROM nosuch')
    fails('argument', "Could not convert string 'a' to INT32", "SELECT 'a'::INTEGER")
    fails('argument', 'syntax error at or near "SELEC"', 'SELEC 1')
    fails('io', 'No files found that match the pattern "/nonexistent/*.parquet"',
      "SELECT * FROM read_parquet('/nonexistent/*.parquet')")
    local alone = support.open({ root = wh.root, threads = 1 })
    fails('argument', 'boom', "SELECT CASE WHEN range = 500000 THEN error('boom') END FROM range(1000000)", alone)
    alone:close()
  end)

  it('says of a thread that failed why, or that another hid it, never that the user stopped it', function()
    local many = support.open({ root = wh.root, threads = 4 })
    for _ = 1, 40 do
      local ok, why = pcall(many.rows, many, "SELECT CASE WHEN range % 7000 = 6999 THEN error('boom') END FROM range(400000)")
      assert.is_false(ok)
      assert(why:find('boom', 1, true) or why:find('with --threads 1 to see the cause', 1, true), why)
    end
    many:close()
  end)

  it('stops when it is interrupted from another thread', function()
    -- A timer whose thread calls wh_interrupt(wh), again and again: the first may come too soon.
    local event = ffi.new('struct { void *value; int signo; int notify; void *f; void *attr; char rest[32]; }')
    event.value, event.notify = wh.wh, 2 -- SIGEV_THREAD
    event.f = ffi.cast('void *', C.wh_interrupt)
    local timer = ffi.new('void *[1]')
    local rt = ffi.C
    assert.equal(0, rt.timer_create(1, event, timer))
    rt.timer_settime(timer[0], 0, ffi.new('int64_t[4]', { 0, 50000000, 0, 50000000 }), nil)
    local err, r = ffi.new('struct chn_err'), ffi.new('struct wh_result *[1]')
    local status = tonumber(C.wh_query(wh.wh,
      'SELECT count(*) FROM range(100000000) a, range(100000000) b WHERE a.range % 7 = b.range % 5', r, err))
    rt.timer_delete(timer[0])
    assert.equal(C.CHN_E_CANCELLED, status, ffi.string(err.msg))
    local done, answer
    for _ = 1, 100 do -- a last call may be on its way
      rt.usleep(100000)
      done, answer = pcall(wh.text, wh, 'SELECT 1')
      if done then break end
    end
    assert.equal('1', answer)
  end)

  it('says which limit memory reached', function()
    local small = support.open({ root = wh.root, memory_limit = 60e6, threads = 1 })
    small:exec("SET GLOBAL temp_directory = ''")
    local ok, message = pcall(small.rows, small,
      'SELECT count(*) FROM (SELECT range, hash(range) AS h FROM range(10000000) ORDER BY h)')
    small:close()
    assert.is_false(ok)
    assert.truthy(message:find('(raise --memory-limit)', 1, true), message)
    assert.falsy(message:find('duckdb', 1, true), message)
  end)

  it('spills into the warehouse, and cleans up', function()
    os.execute("mkdir -p '" .. wh.root .. "'")
    local small = support.open({ root = wh.root, memory_limit = 100e6, threads = 1 })
    assert.equal('10000000', small:text(
      'SELECT count(h) FROM (SELECT hash(range) AS h, range FROM range(10000000) ORDER BY h)'))
    local path = ffi.new('const char *[1]')
    cdef.check(C.wh_temp_folder, small.wh, small.arena, path)
    local kept = ffi.string(path[0])
    assert.equal(wh.root, kept:sub(1, #wh.root))
    support.write_file(kept .. '/x', 'spilled')
    small:close()
    assert.equal('', support.sh("ls -A '" .. wh.root .. "'"))
  end)

  it('removes what dead processes spilled, not what live ones do', function()
    os.execute(("mkdir -p '%s/.tmp-0badf00d/sql' && touch '%s/.tmp-0badf00d/lock'"):format(wh.root, wh.root))
    local live = support.open({ root = wh.root })
    local third = support.open({ root = wh.root })
    local names = support.sh("ls -A '" .. wh.root .. "'")
    third:close()
    assert.falsy(names:find('0badf00d', 1, true))
    assert.equal(2, select(2, names:gsub('%.tmp%-', '')))
    live:close()
    assert.equal('', support.sh("ls -A '" .. wh.root .. "'"))
  end)

  it('leaves temporary folders of others alone', function()
    local path = ffi.new('const char *[1]')
    cdef.check(C.wh_temp_folder, wh.wh, wh.arena, path)
    os.execute("mkdir -p '" .. wh.home .. "/precious'")
    C.wh_temp_remove(wh.wh, wh.home .. '/precious')
    C.wh_temp_remove(wh.wh, path[0])
    assert.equal('precious\nwh\n', support.sh("ls '" .. wh.home .. "'"))
    assert.equal('lock\n', support.sh("ls -A '" .. ffi.string(path[0]) .. "/..' 2>/dev/null || ls -A '" ..
      wh.root .. "'/.tmp-*"))
  end)

  it('refuses a second query while one streams, but still looks at tables', function()
    wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds")
    local r, err = ffi.new('struct wh_result *[1]'), ffi.new('struct chn_err')
    cdef.check(C.wh_query, wh.wh, 'SELECT range FROM range(100000)', r)
    local n, cols = ffi.new('size_t[1]'), ffi.new('struct row_col[1]')
    cdef.check(C.wh_result_next, r[0], cols, n)
    assert.equal('id int, ds string', wh:find('out.t').schema)
    assert.same({ '2024-01-01' }, wh:partitions('out.t'))
    assert.equal(C.CHN_E_INTERNAL, tonumber(C.wh_query(wh.wh, 'SELECT 1', ffi.new('struct wh_result *[1]'), err)))
    local total = tonumber(n[0])
    repeat
      cdef.check(C.wh_result_next, r[0], cols, n)
      total = total + tonumber(n[0])
    until n[0] == 0
    C.wh_result_close(r[0])
    assert.equal(100000, total)
  end)
end)

describe('warehouse: kept rows', function()
  local wh

  before_each(function() wh = support.open() end)
  after_each(function() wh:close() end)

  local function load(sql)
    local out = ffi.new('struct wh_rows *[1]')
    cdef.check(C.wh_rows_load, wh.wh, sql, out)
    return out[0]
  end

  it('come in chunks of 2048 whatever the filter left', function()
    for _, sql in ipairs({ 'SELECT range AS id, %s AS v FROM range(20000) WHERE range %% 3 <> 1',
      'SELECT range AS id, %s AS v FROM range(4096)', 'SELECT range AS id, %s AS v FROM range(0)',
      'SELECT range AS id, %s AS v FROM range(100) UNION ALL SELECT range, %s FROM range(5000)' }) do
      local value = "CASE WHEN range % 7 <> 0 THEN [{'a': 'text number ' || range, 'b': MAP {range: [range]}}] END"
      local query = sql:gsub('%%s', function() return value end):gsub('%%%%', '%%')
      local expected = wh:rows(query)
      local r = load(query)
      assert.equal(#expected, tonumber(C.wh_rows_count(r)))
      local cols = ffi.new('struct row_col[2]')
      local at = 0
      local chunks = tonumber(C.wh_rows_chunks(r))
      for k = 0, chunks - 1 do
        local n = tonumber(C.wh_rows_chunk(r, k, cols))
        assert.equal(k < chunks - 1 and 2048 or #expected - at, n)
        for i = 0, n - 1, 37 do
          assert.same(expected[at + i + 1], { support.value(cols[0], i), support.value(cols[1], i), n = 2 })
        end
        at = at + n
      end
      assert.equal(#expected, at)
      C.wh_rows_free(r)
    end
  end)

  it('fail as their query does', function()
    local err, out = ffi.new('struct chn_err'), ffi.new('struct wh_rows *[1]')
    assert.equal(C.CHN_E_ARGUMENT, tonumber(C.wh_rows_load(wh.wh,
      "SELECT CASE WHEN range = 50000 THEN error('boom')::BIGINT ELSE range END FROM range(100000)", out, err)))
    assert.equal('boom', ffi.string(err.msg))
    assert.equal('1', wh:text('SELECT 1'))
  end)
end)
