local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local support = require('spec.support.warehouse')
local C = cdef.load('warehouse/warehouse.h', 'warehouse/sql.h')

describe('warehouse: sources', function()
  local folder, wh

  before_each(function() folder = support.folder() end)
  after_each(function()
    if wh then wh:close() end
    wh = nil
    os.execute("rm -rf '" .. folder .. "'")
  end)

  local function open(sources, root)
    wh = support.open({ root = root or (folder .. '/wh'), sources = sources })
    return wh
  end

  --- Writes files by a warehouse of its own: DuckDB is the only maker of Parquet here.
  local function copy(sql, path, options)
    os.execute("mkdir -p '" .. path:match('(.*)/') .. "'")
    local maker = support.open()
    maker:exec(("COPY (%s) TO '%s' (%s)"):format(sql, path, options or 'FORMAT parquet'))
    maker:close()
  end

  it('reads CSV: a header, inferred types, ds as text, ts as milliseconds', function()
    support.write_file(folder .. '/a.csv', 'id,name,ts,ds\n1,ann,2024-01-01 00:00:01,2024-01-01\n' ..
      '2,,2024-01-02 00:00:00,2024-01-02\n')
    open({ ['data.a'] = folder .. '/a.csv' })
    assert.equal('id bigint, name string, ts bigint, ds string', wh:find('data.a').schema)
    wh:use('data.a')
    assert.equal('1,ann,1704067201000,2024-01-01 | 2,nil,1704153600000,2024-01-02',
      wh:text('SELECT * FROM data.a ORDER BY id'))
    assert.same({ '2024-01-01', '2024-01-02' }, wh:partitions('data.a'))
  end)

  it('infers CSV types from every row', function()
    local lines = { 'id,v' }
    for i = 1, 30000 do lines[#lines + 1] = i .. ',' .. i end
    lines[#lines + 1] = '30001,late'
    support.write_file(folder .. '/a.csv', table.concat(lines, '\n') .. '\n')
    open({ ['data.a'] = folder .. '/a.csv' })
    assert.equal('id bigint, v string', wh:find('data.a').schema)
  end)

  it('reads JSON and JSON lines, nested ones too', function()
    support.write_file(folder .. '/a.json',
      '[{"id": 1, "tags": ["x", "y"], "ts": "2024-01-01 00:00:00", "ds": "2024-01-01"}]')
    support.write_file(folder .. '/b.jsonl', '{"id": 2, "o": {"p": 1.5}}\n{"id": 3}\n')
    open({ ['data.a'] = folder .. '/a.json', ['data.b'] = folder .. '/b.jsonl' })
    wh:use('data.a')
    wh:use('data.b')
    assert.same({ { 1, { 'x', 'y' }, 1704067200000, '2024-01-01', n = 4 } },
      (wh:rows('SELECT id, tags, ts, ds FROM data.a')))
    assert.same({ { 2, { p = 1.5 }, n = 2 }, { 3, nil, n = 2 } },
      (wh:rows('SELECT id, o FROM data.b ORDER BY id')))
  end)

  it('reads one Parquet file, a folder, a glob and hive folders', function()
    copy("SELECT 1 AS id, DATE '2024-01-01' AS ds", folder .. '/one.parquet')
    copy("SELECT 2 AS id, 'b' AS extra", folder .. '/many/p2.parquet')
    copy('SELECT 1 AS id', folder .. '/many/p1.parquet')
    copy("SELECT range AS id, '2024-01-0' || (range + 1) AS ds FROM range(3)", folder .. '/hive',
      'FORMAT parquet, PARTITION_BY (ds)')
    open({ ['d.one'] = folder .. '/one.parquet', ['d.many'] = folder .. '/many',
      ['d.glob'] = folder .. '/many/p?.parquet', ['d.hive'] = folder .. '/hive' })
    for _, name in ipairs({ 'd.one', 'd.many', 'd.glob', 'd.hive' }) do wh:use(name) end
    assert.equal('1,2024-01-01', wh:text("SELECT * FROM d.one WHERE ds >= '2024-01-01'"))
    assert.equal('1,nil | 2,b', wh:text('SELECT * FROM d.many'))
    assert.equal('1,nil | 2,b', wh:text('SELECT * FROM d.glob'))
    assert.equal('0,2024-01-01 | 1,2024-01-02 | 2,2024-01-03', wh:text('SELECT * FROM d.hive'))
    assert.same({ '2024-01-01', '2024-01-02', '2024-01-03' }, wh:partitions('d.hive'))
  end)

  it('choose row groups by conditions on columns of known types', function()
    copy('SELECT i AS x, i::DOUBLE AS y, i::VARCHAR AS s FROM range(10) r(i)', folder .. '/p.parquet')
    open({ ['d.p'] = folder .. '/p.parquet' })
    local found, err = ffi.new('struct wh_table'), ffi.new('struct chn_err')
    cdef.check(C.wh_table_find, wh.wh, 'd.p', wh.arena, found)
    for spark, plain in pairs({ ['x > 5'] = true, ['y <= 1.5 AND x <> 3'] = true, ["s LIKE 'a%'"] = true,
      ['x BETWEEN 2 AND 4'] = true, ['x IN (1, 2)'] = true, ['X = 1'] = true, ['s > 5'] = false }) do
      local out = ffi.new('char *[1]')
      assert.equal(0, C.sql_render_condition(wh.arena, spark, found.schema, out, err), ffi.string(err.msg))
      local known = ffi.string(out[0])
      assert.equal(plain, not known:find('sp_', 1, true), known)
      assert.equal(0, C.sql_render_expr(wh.arena, spark, out, err))
      local sql = 'SELECT x FROM d.p WHERE %s ORDER BY x'
      wh:use('d.p')
      assert.equal(wh:text(sql:format(ffi.string(out[0]))), wh:text(sql:format(known)), spark)
    end
  end)

  it('opens only the files of the wanted days', function()
    copy("SELECT range AS id, '2024-01-0' || (range + 1) AS ds FROM range(3)", folder .. '/hive',
      'FORMAT parquet, PARTITION_BY (ds)')
    open({ ['d.hive'] = folder .. '/hive' })
    wh:use('d.hive')
    local plan = wh:rows("EXPLAIN ANALYZE SELECT id FROM d.hive WHERE ds >= '2024-01-03'")[1][2]
    assert.truthy(plan:find('Scanning Files: 1/3', 1, true), plan)
  end)

  it('sees no hidden file or folder', function()
    copy('SELECT 1 AS id', folder .. '/t/ds=2024-01-01/a.parquet')
    copy('SELECT 2 AS id', folder .. '/t/ds=2024-01-01/.b.parquet')
    copy('SELECT 3 AS id', folder .. '/t/.ds=2024-01-02/a.parquet')
    copy('SELECT 4 AS id', folder .. '/t/_temporary/a.parquet')
    open({ ['d.t'] = folder .. '/t' })
    wh:use('d.t')
    assert.equal('1,2024-01-01', wh:text('SELECT * FROM d.t'))
    assert.same({ '2024-01-01' }, wh:partitions('d.t'))
  end)

  it('reads paths that look like globs or SQL', function()
    local odd = folder .. "/[x] *?'a"
    copy('SELECT 1 AS id', folder .. '/p/ds=2024-01-01/f.parquet')
    local day = odd .. '/t/ds=2024-01-01'
    os.execute(('mkdir -p "%s" && mv "%s/p" "%s/t" && mv "%s/f.parquet" "%s/f[1]*.parquet"')
      :format(odd, folder, odd, day, day))
    open({ ['d.t'] = odd .. '/t' })
    wh:use('d.t')
    assert.equal('1,2024-01-01', wh:text('SELECT * FROM d.t'))
  end)

  it('does not take a folder above the table for a column', function()
    copy('SELECT 1 AS id', folder .. '/run=7/t/ds=2024-01-01/a.parquet')
    copy('SELECT 1 AS run', folder .. '/run=7/u/ds=2024-01-01/a.parquet')
    open({ ['d.t'] = folder .. '/run=7/t', ['d.u'] = folder .. '/run=7/u' })
    assert.equal('id int, ds string', wh:find('d.t').schema)
    assert.error_matches(function() wh:use('d.u') end,
      'the folder "run=7" above it would be read as its column "run"', 1, true)
  end)

  it('lists partitions with further conditions', function()
    copy("SELECT 1 AS id, '2024-01-0' || (1 + range // 2) AS ds, CASE range % 2 WHEN 0 THEN 'a b' ELSE 'c' END AS k " ..
      'FROM range(3)', folder .. '/t', 'FORMAT parquet, PARTITION_BY (ds, k)')
    support.write_file(folder .. '/f.csv', 'ds,k\n2024-01-01,a b\n2024-01-01,c\n2024-01-02,a b\n')
    open({ ['d.hive'] = folder .. '/t', ['d.file'] = folder .. '/f.csv' })
    for _, name in ipairs({ 'd.hive', 'd.file' }) do
      assert.same({ '2024-01-01', '2024-01-02' }, wh:partitions(name, 'ds', { 'k=a b' }))
      assert.same({ '2024-01-01' }, wh:partitions(name, 'ds', { 'k=c' }))
      assert.same({ 'a b', 'c' }, wh:partitions(name, 'k'))
    end
    assert.error_matches(function() wh:partitions('d.file', 'dss') end,
      'table d.file has no partition column "dss" (did you mean "ds"?)', 1, true)
    assert.error_matches(function() wh:partitions('d.file', 'ds', { 'k' }) end,
      'partition filter "k" is not key=value', 1, true)
    assert.same({}, wh:partitions('d.nosuch'))
  end)

  it('shows at the next use what changed', function()
    support.write_file(folder .. '/f.csv', 'a\n1\n')
    open({ ['d.f'] = folder .. '/f.csv' })
    wh:use('d.f')
    assert.equal('1', wh:text('SELECT * FROM d.f'))
    assert.equal('a bigint', wh:find('d.f').schema)
    support.write_file(folder .. '/f.csv', 'a,b\n2,3\n')
    assert.equal('a bigint, b bigint', wh:find('d.f').schema)
    assert.equal('2,3', wh:text('SELECT * FROM d.f'))
    support.write_file(folder .. '/f.csv', 'c\n4\n')
    wh:use('d.f')
    assert.equal('4', wh:text('SELECT * FROM d.f'))
  end)

  it('names what is not there', function()
    open({ ['data.gone'] = folder .. '/gone', ['data.events'] = folder .. '/e.csv',
      ['data.s3'] = 's3://b/x.parquet', ['data.odd'] = folder .. '/x.txt', ['data.empty'] = folder })
    support.write_file(folder .. '/x.txt', 'x')
    local function fails(name, message)
      assert.error_matches(function() wh:use(name) end, message, 1, true)
    end
    fails('data.gone', 'table data.gone: there is no file, folder or glob match at ' .. folder .. '/gone')
    fails('data.event', 'table data.event does not exist (did you mean "data.events"?)')
    fails('data.s3', 'only files of this machine can be read')
    fails('data.odd', 'x.txt ends neither in .parquet nor .csv')
    fails('data.empty', 'holds no .parquet, .csv')
    assert.is_false(wh:exists('data.gone'))
  end)

  it('refuses a mixture of formats and of depths', function()
    support.write_file(folder .. '/a.csv', 'a\n1\n')
    support.write_file(folder .. '/b.json', '{"a": 1}')
    copy('SELECT 1 AS id', folder .. '/t/ds=2024-01-01/a.parquet')
    copy('SELECT 1 AS id', folder .. '/t/b.parquet')
    open({ ['d.mix'] = folder .. '/*.*', ['d.depth'] = folder .. '/t' })
    assert.error_matches(function() wh:use('d.mix') end, 'are of different formats', 1, true)
    assert.error_matches(function() wh:use('d.depth') end,
      'do not all have the same k=v folders', 1, true)
  end)

  it('refuses two paths for one table, and names that differ in case only', function()
    local sources = ffi.new('struct wh_source[2]', { { 'd.t', 'x' }, { 'd.t', 'y' } })
    local err, out = ffi.new('struct chn_err'), ffi.new('struct wh *[1]')
    local options = ffi.new('struct wh_options', { root = folder, sources = sources, n_sources = 2 })
    assert.equal(C.CHN_E_CONFLICT, tonumber(C.wh_open(options, out, err)))
    assert.equal('table d.t is given two paths: x and y', ffi.string(err.msg))
    support.write_file(folder .. '/f.csv', 'a\n1\n')
    open({ ['d.t'] = folder .. '/f.csv', ['d.T'] = folder .. '/f.csv' })
    wh:use('d.t')
    assert.error_matches(function() wh:use('d.T') end, 'differ only in case', 1, true)
  end)

  it('refuses files that are not what their name says', function()
    support.write_file(folder .. '/a.parquet', 'this is not parquet at all')
    open({ ['d.a'] = folder .. '/a.parquet' })
    assert.error_matches(function() wh:use('d.a') end, 'table d.a: .*magic bytes')
  end)

  it('reads tables laid into the warehouse by hand, and writes to them', function()
    copy('SELECT 1 AS id', folder .. '/wh/d/t/ds=2024-01-01/a.parquet')
    open()
    assert.same({ name = 'd.t', path = folder .. '/wh/d/t', managed = true,
      schema = 'id int, ds string' }, wh:find('d.t'))
    wh:write('d.t', "SELECT 2 AS id, '2024-01-02' AS ds")
    wh:use('d.t')
    assert.equal('1,2024-01-01 | 2,2024-01-02', wh:text('SELECT * FROM d.t'))
    assert.error_matches(function() wh:write('d.t', "SELECT 2.5 AS id, '2024-01-02' AS ds") end,
      'column "id" is INTEGER', 1, true)
  end)

  it('finds a table without a namespace in default', function()
    support.write_file(folder .. '/f.csv', 'a\n1\n')
    open({ f = folder .. '/f.csv' })
    wh:use('f')
    assert.equal('1', wh:text('SELECT * FROM f'))
    assert.equal('1', wh:text('SELECT * FROM "default".f'))
  end)

  it('lists tables, drops and renames managed ones', function()
    support.write_file(folder .. '/f.csv', 'a\n1\n')
    open({ ['d.src'] = folder .. '/f.csv', ['d.bad'] = folder .. '/none' })
    wh:write('d.t', "SELECT 1 AS id, '2024-01-01' AS ds")
    wh:write('d.u', "SELECT 1 AS id, '2024-01-01' AS ds")
    local function names()
      local out, n = ffi.new('struct wh_table *[1]'), ffi.new('size_t[1]')
      cdef.check(C.wh_table_list, wh.wh, wh.arena, out, n)
      local list = {}
      for i = 0, tonumber(n[0]) - 1 do
        list[#list + 1] = ffi.string(out[0][i].name) .. ':' .. out[0][i].schema.n_fields
      end
      return table.concat(list, ' ')
    end
    assert.equal('d.bad:0 d.src:1 d.t:2 d.u:2', names())
    cdef.check(C.wh_table_drop, wh.wh, 'd.u')
    cdef.check(C.wh_table_rename, wh.wh, 'd.t', 'e.t_old')
    assert.equal('d.bad:0 d.src:1 e.t_old:2', names())
    wh:use('e.t_old')
    assert.equal('1,2024-01-01', wh:text('SELECT * FROM e.t_old'))
    wh:write('d.t', "SELECT 1 AS id, '2024-01-01' AS ds")
    local function fails(message, f, ...)
      local args = { f, wh.wh, ... }
      assert.error_matches(function() cdef.check(unpack(args)) end, message, 1, true)
    end
    fails('e.t_old, which exists', C.wh_table_rename, 'd.t', 'e.t_old')
    fails('d.src, which exists', C.wh_table_rename, 'd.t', 'd.src')
    fails('it is left alone', C.wh_table_drop, 'd.src')
    fails('table d.u does not exist', C.wh_table_drop, 'd.u')
    assert.equal('', support.sh("ls -A '" .. folder .. "/wh/d' | grep '^[.]'"))
  end)
end)
