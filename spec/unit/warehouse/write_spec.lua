local support = require('spec.support.warehouse')

describe('warehouse: writing', function()
  local wh

  before_each(function() wh = support.open() end)
  after_each(function() wh:close() end)

  local function files(pattern)
    return support.sh("cd '" .. wh.root .. "' && find . -path '" .. pattern .. "' | sort")
  end

  it('makes one folder a partition, which the next query sees', function()
    local rows, partitions = wh:write('out.t',
      "SELECT range AS id, '2024-01-0' || (1 + range % 3) AS ds FROM range(10)")
    assert.same({ 10, 3 }, { rows, partitions })
    wh:use('out.t')
    assert.equal('0,2024-01-01 | 3,2024-01-01 | 6,2024-01-01 | 9,2024-01-01',
      wh:text("SELECT * FROM out.t WHERE ds = '2024-01-01' ORDER BY id"))
    assert.same({ '2024-01-01', '2024-01-02', '2024-01-03' }, wh:partitions('out.t'))
    assert.equal('id bigint, ds string', wh:find('out.t').schema)
  end)

  it('replaces the touched partitions only', function()
    wh:write('out.t', "SELECT 1 AS id, unnest(['2024-01-01', '2024-01-02']) AS ds")
    wh:write('out.t', "SELECT 2 AS id, unnest(['2024-01-02', '2024-01-03']) AS ds")
    wh:use('out.t')
    assert.equal('1,2024-01-01 | 2,2024-01-02 | 2,2024-01-03',
      wh:text('SELECT * FROM out.t ORDER BY ds'))
    assert.equal(3, select(2, files('*.parquet'):gsub('\n', '')))
  end)

  it('leaves nothing beside the table', function()
    wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds")
    assert.equal('t\n', support.sh("ls -A '" .. wh.root .. "/out'"))
  end)

  it('puts partition columns last, whatever the SELECT says', function()
    wh:write('out.t', "SELECT '2024-01-01' AS ds, 1::BIGINT AS a, 'x' AS k, 2.5 AS b",
      { by = { 'ds', 'k' } })
    assert.equal('a bigint, b DECIMAL(2,1), ds string, k string', wh:find('out.t').schema)
  end)

  it('writes several SELECTs as one', function()
    local rows, partitions = wh:write('out.t', {
      "SELECT 1 AS id, '2024-01-01' AS ds",
      "SELECT 2 AS id, '2024-01-01' AS ds UNION ALL SELECT 3, '2024-01-02'" })
    assert.same({ 3, 2 }, { rows, partitions })
    wh:use('out.t')
    assert.equal('1,2024-01-01 | 2,2024-01-01 | 3,2024-01-02',
      wh:text('SELECT * FROM out.t ORDER BY id'))
  end)

  it('makes no partition of no rows, but the table', function()
    local rows, partitions = wh:write('out.t',
      "SELECT 1::SMALLINT AS id, ['x'] AS l, '2024-01-01' AS ds WHERE false",
      { properties = { chronon_generated = 'true' } })
    assert.same({ 0, 0 }, { rows, partitions })
    assert.same({}, wh:partitions('out.t'))
    assert.equal('id smallint, l array<string>, ds string', wh:find('out.t').schema)
    wh:use('out.t')
    assert.equal('', wh:text('SELECT * FROM out.t'))
    assert.equal('true', wh:property('out.t', 'chronon_generated'))
  end)

  it('makes no table of no SELECT', function()
    local rows, partitions = wh:write('out.t', {})
    assert.same({ 0, 0 }, { rows, partitions })
    assert.is_false(wh:exists('out.t'))
    wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds")
    wh:write('out.t', {})
    wh:use('out.t')
    assert.equal('1,2024-01-01', wh:text('SELECT * FROM out.t'))
  end)

  it('keeps old properties and sets new ones', function()
    wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds", { properties = { a = '1', b = '2' } })
    wh:write('out.t', "SELECT 1 AS id, '2024-01-02' AS ds", { properties = { b = '3', c = '4' } })
    assert.same({ '1', '3', '4' },
      { wh:property('out.t', 'a'), wh:property('out.t', 'b'), wh:property('out.t', 'c') })
    assert.is_nil(wh:property('out.t', 'd'))
    assert.is_nil(wh:property('out.nosuch', 'd'))
  end)

  it('replaces an un-partitioned table whole', function()
    wh:write('out.u', "SELECT 1 AS id, 'a' AS ds", { by = {} })
    wh:write('out.u', "SELECT unnest([2, 3]) AS id, 'b' AS ds", { by = {} })
    wh:use('out.u')
    assert.equal('2,b | 3,b', wh:text('SELECT * FROM out.u ORDER BY id'))
    wh:write('out.u', "SELECT 1 AS id, 'a' AS ds WHERE false", { by = {} })
    wh:use('out.u')
    assert.equal('2,b | 3,b', wh:text('SELECT * FROM out.u ORDER BY id'))
  end)

  describe('when columns differ from the table', function()
    before_each(function()
      wh:write('out.t', "SELECT 1::BIGINT AS a, 'x' AS b, '2024-01-01' AS ds")
    end)

    local function refuses(message, sql, o)
      assert.error_matches(function() wh:write('out.t', sql, o) end, message, 1, true)
      wh:use('out.t')
      assert.equal('1,x,2024-01-01', wh:text('SELECT * FROM out.t'))
    end

    it('refuses a new one', function()
      refuses('table out.t has no column "c" INTEGER that is written',
        "SELECT 1::BIGINT AS a, 'x' AS b, 1 AS c, '2024-01-02' AS ds")
    end)

    it('refuses a missing one', function()
      refuses('table out.t has a column "b" VARCHAR that what is written lacks',
        "SELECT 1::BIGINT AS a, '2024-01-02' AS ds")
    end)

    it('refuses a changed type, also when columns may be added', function()
      for _, expand in ipairs({ false, true }) do
        refuses('column "a" is BIGINT, what is written has DOUBLE: existing columns cannot be modified',
          "SELECT 1::DOUBLE AS a, 'x' AS b, '2024-01-02' AS ds", { expand = expand })
      end
    end)

    it('adds new ones at the end, and writes missing ones as NULL', function()
      wh:write('out.t', "SELECT [1, 2] AS c, 2::BIGINT AS a, '2024-01-02' AS ds", { expand = true })
      assert.equal('a bigint, b string, c array<int>, ds string', wh:find('out.t').schema)
      assert.same({ { 1, 'x', nil, '2024-01-01', n = 4 }, { 2, nil, { 1, 2 }, '2024-01-02', n = 4 } },
        (wh:rows('SELECT * FROM out.t ORDER BY ds')))
      assert.equal('true', wh:property('out.t', 'chronon_dynamic_table'))
    end)

    it('keeps a column that no file has any more', function()
      wh:write('out.t', "SELECT 7 AS c, '2024-01-02' AS ds", { expand = true })
      os.execute("rm -r '" .. wh.root .. "/out/t/ds=2024-01-02'")
      wh:use('out.t')
      assert.same({ { 1, 'x', nil, '2024-01-01', n = 4 } }, (wh:rows('SELECT * FROM out.t')))
    end)

    it('refuses other partition columns', function()
      refuses('table out.t is partitioned by ds, this write by b',
        "SELECT 1::BIGINT AS a, 'x' AS b, '2024-01-02' AS ds", { by = { 'b' } })
    end)
  end)

  it('refuses rows without a partition value, and shows none of them', function()
    for _, null in ipairs({ 'NULL::VARCHAR', "''" }) do
      assert.error_matches(function()
        wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds UNION ALL SELECT 2, " .. null)
      end, 'rows without a value in the partition column "ds"', 1, true)
      assert.is_false(wh:exists('out.t'))
    end
  end)

  it('carries odd partition values', function()
    local odd = "a/b %41=é+'\"*[x]?.."
    wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds, '" .. odd:gsub("'", "''") .. "' AS k",
      { by = { 'ds', 'k' } })
    wh:use('out.t')
    assert.same({ { 1, '2024-01-01', odd, n = 3 } }, (wh:rows('SELECT * FROM out.t')))
    assert.same({ odd }, wh:partitions('out.t', 'k'))
    assert.same({ '2024-01-01' }, wh:partitions('out.t', 'ds', { 'k=' .. odd }))
    assert.same({}, wh:partitions('out.t', 'ds', { 'k=other' }))
  end)

  it('refuses partition columns whose folders would not be read', function()
    for _, name in ipairs({ '_ds', '.ds', 'a/b', 'a=b', '' }) do
      assert.error_matches(function()
        wh:write('out.t', ([[SELECT 1 AS id, 'x' AS "%s"]]):format(name), { by = { name } })
      end, 'cannot be a partition column', 1, true)
    end
  end)

  it('needs the partition column and distinct names', function()
    assert.error_matches(function() wh:write('out.t', 'SELECT 1 AS id') end,
      'what is written to out.t has no partition column "ds"', 1, true)
    assert.error_matches(function()
      wh:write('out.t', "SELECT 1 AS a, 2 AS A, '2024-01-01' AS ds")
    end, 'column "A" appears twice', 1, true)
  end)

  it('refuses a second writer of the table, and lets it in afterwards', function()
    local w = wh:begin('out.t')
    assert.error_matches(function() wh:begin('out.t') end,
      'table out.t is being written by another run', 1, true)
    support.C.wh_write_abort(w)
    wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds")
    assert.is_true(wh:exists('out.t'))
  end)

  it('shows nothing of an aborted write', function()
    local w = wh:begin('out.t')
    support.C.wh_write_select(w, "SELECT 1 AS id, '2024-01-01' AS ds", nil)
    support.C.wh_write_abort(w)
    assert.is_false(wh:exists('out.t'))
    assert.equal('', support.sh("ls -A '" .. wh.root .. "/out'"))
  end)

  it('keeps what a failing SELECT would have replaced', function()
    wh:write('out.t', "SELECT 1 AS id, '2024-01-01' AS ds")
    assert.error_matches(function()
      wh:write('out.t', "SELECT CASE WHEN range = 99999 THEN error('boom') END::INT AS id, " ..
        "'2024-01-01' AS ds FROM range(100000)")
    end, 'boom', 1, true)
    wh:use('out.t')
    assert.equal('1,2024-01-01', wh:text('SELECT * FROM out.t'))
    assert.equal('t\n', support.sh("ls -A '" .. wh.root .. "/out'"))
  end)

  for _, name in ipairs({ '../x.t', 'a.../../x', 'a/b.c', '.hidden.t', 'a..b', 'a.', '.a', '', 'a.b.c',
    'temp.x', 'a.b\n', 'a.' .. ('x'):rep(300) }) do
    it(('refuses the table name %q'):format(name), function()
      assert.error_matches(function() wh:write(name, "SELECT 1 AS id, 'x' AS ds") end,
        'table name', 1, true)
      assert.equal('', support.sh("find '" .. wh.home .. "' -mindepth 1"))
    end)
  end

  it('quotes names as they come: of columns, and of sources', function()
    wh:write('out.t', [[SELECT 1 AS "a""b' c", '2024-01-01' AS ds]])
    assert.equal([[a"b' c int, ds string]], wh:find('out.t').schema)
    local name = 'o d"d.t\'a "b" é;--'
    support.write_file(wh.home .. '/s.csv', 'a,ds\n1,2024-01-01\n')
    local other = support.open({ root = wh.root, sources = { [name] = wh.home .. '/s.csv' } })
    other:use(name)
    assert.equal('1,2024-01-01', other:text([[SELECT * FROM "o d""d"."t'a ""b"" é;--"]]))
    other:close()
  end)

  it('makes tables of plain names only', function()
    for name, part in pairs({ ['a b;c.x'] = 'namespace', ['a.x-y'] = 'name', ['a.é'] = 'name' }) do
      assert.error_matches(function() wh:write(name, "SELECT 1 AS a, '2024-01-01' AS ds") end,
        ('table "%s" cannot be made: its %s may have letters, digits and _ only'):format(name, part), 1, true)
    end
  end)

  it('does not touch a source', function()
    support.write_file(wh.home .. '/s.csv', 'a,ds\n1,2024-01-01\n')
    local other = support.open({ root = wh.root, sources = { ['out.src'] = wh.home .. '/s.csv' } })
    assert.error_matches(function() other:write('out.src', "SELECT 1 AS a, '2024-01-01' AS ds") end,
      'table out.src is a source, read from ', 1, true)
    other:close()
  end)
end)
