local duck = require('spec.support.duck')

describe('warehouse sql', function()
  local db

  setup(function()
    db = duck.open()
    assert(db:run([[
      CREATE SCHEMA data;
      CREATE TABLE data.ev AS SELECT * FROM (VALUES
        ('u1', 1::INTEGER, 2::BIGINT, 3.5::DOUBLE, [1, 2]::INTEGER[], MAP {'a': 1}, '2024-01-01'),
        ('u2', 2::INTEGER, 4::BIGINT, NULL, []::INTEGER[], MAP {}, '2024-01-02'),
        (NULL, NULL, NULL, 1.5::DOUBLE, NULL, NULL, '2024-01-02')) AS t(s, i, l, d, arr, m, ds)]]))
  end)
  teardown(function() db:close() end)

  --- Rows as "a|b" lines.
  local function lines(sql)
    local rows, names = db:spark(sql)
    if not rows then error(sql .. ': ' .. names, 2) end
    local out = {}
    for i, row in ipairs(rows) do
      local cells = {}
      for c = 1, #names do cells[c] = row[c] or 'NULL' end
      out[i] = table.concat(cells, '|')
    end
    return out, table.concat(names, '|')
  end

  local cases = {
    { 'SELECT s FROM data.ev ORDER BY s', { 'NULL', 'u1', 'u2' } },
    { 'SELECT s AS user, count(*) FROM data.ev GROUP BY user ORDER BY user', { 'NULL|1', 'u1|1', 'u2|1' } },
    { 'SELECT upper(user) FROM (SELECT s AS user FROM data.ev) ORDER BY user DESC', { 'U2', 'U1', 'NULL' } },
    { 'WITH t AS (SELECT s AS user FROM data.ev) SELECT t.user FROM t WHERE user > "u1"', { 'u2' } },
    { 'SELECT s FROM data.ev ORDER BY s DESC', { 'u2', 'u1', 'NULL' } },
    { 'SELECT s FROM data.ev ORDER BY 1 NULLS LAST LIMIT 2 OFFSET 1', { 'u2', 'NULL' } },
    { 'SELECT `ds`, count(*) c, sum(i) FROM `data`.`ev` GROUP BY ds HAVING count(1) > 1', { '2024-01-02|2|2' } },
    { 'SELECT ds d2, max(d) FROM data.ev GROUP BY 1 ORDER BY d2', { '2024-01-01|3.5', '2024-01-02|1.5' } },
    { 'WITH a AS (SELECT 1 AS x UNION ALL SELECT 2), b(y) AS (SELECT x + 1 FROM a) SELECT sum(y) FROM b', { '5' } },
    { 'SELECT 1 UNION SELECT 1 UNION ALL SELECT 1', { '1', '1' } },
    { 'SELECT 1 EXCEPT SELECT 1', {} },
    { 'SELECT 1 MINUS SELECT 2', { '1' } },
    { 'SELECT s, x FROM data.ev LATERAL VIEW explode(arr) e AS x', { 'u1|1', 'u1|2' } },
    { 'SELECT s, x FROM data.ev LATERAL VIEW OUTER explode(arr) e AS x ORDER BY s, x',
      { 'NULL|NULL', 'u1|1', 'u1|2', 'u2|NULL' } },
    { 'SELECT s, k, v FROM data.ev LATERAL VIEW explode(m) e AS k, v', { 'u1|a|1' } },
    { 'SELECT s, p, x FROM data.ev LATERAL VIEW posexplode(arr) e AS p, x', { 'u1|0|1', 'u1|1|2' } },
    { 'SELECT s, explode(arr) AS x FROM data.ev', { 'u1|1', 'u1|2' } },
    { 'SELECT s, explode_outer(m) AS (k, v) FROM data.ev ORDER BY s', { 'NULL|NULL|NULL', 'u1|a|1', 'u2|NULL|NULL' } },
    { "SELECT stack(2, 'a', 1, 'b', 2) AS (n, v)", { 'a|1', 'b|2' } },
    { 'SELECT a.s, b.s FROM data.ev a JOIN data.ev b ON a.i = b.i - 1', { 'u1|u2' } },
    { 'SELECT a.s FROM data.ev a LEFT SEMI JOIN data.ev b ON a.i + 1 = b.i', { 'u1' } },
    { 'SELECT a.s FROM data.ev a LEFT ANTI JOIN data.ev b ON a.i + 1 = b.i ORDER BY s', { 'NULL', 'u2' } },
    { 'SELECT s FROM data.ev JOIN (SELECT 1 AS i) t USING (i)', { 'u1' } },
    { 'SELECT count(*) FROM data.ev a, data.ev b', { '9' } },
    { 'SELECT count(*) FROM data.ev a CROSS JOIN data.ev b', { '9' } },
    { 'SELECT s FROM data.ev WHERE i IN (SELECT max(i) FROM data.ev)', { 'u2' } },
    { 'SELECT s FROM data.ev e WHERE EXISTS (SELECT 1 FROM data.ev f WHERE f.i = e.i + 1)', { 'u1' } },
    { 'SELECT (SELECT max(i) FROM data.ev) + 1', { '3' } },
    { 'SELECT s, row_number() OVER (PARTITION BY ds ORDER BY d DESC) AS r FROM data.ev ORDER BY ds, r',
      { 'u1|1', 'NULL|1', 'u2|2' } },
    { 'SELECT sum(i) OVER w FROM data.ev WINDOW w AS (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY 1',
      { 'NULL', '1', '3' } },
    { 'SELECT col1, col2 FROM VALUES (1, 2), (3, 4)', { '1|2', '3|4' } },
    { "SELECT * FROM VALUES (1, 'a') AS t(x, y)", { '1|a' } },
    { 'SELECT id FROM range(3)', { '0', '1', '2' } },
    { 'SELECT ds, s, count(*) FROM data.ev GROUP BY ds, s WITH ROLLUP ORDER BY ds, s LIMIT 1', { 'NULL|NULL|3' } },
    { 'SELECT ds, count(*) FROM data.ev GROUP BY GROUPING SETS ((ds), ()) ORDER BY ds',
      { 'NULL|3', '2024-01-01|1', '2024-01-02|2' } },
    { 'SELECT count(DISTINCT ds, s), count(s, i), count(*) FROM data.ev', { '2|2|3' } },
    { 'SELECT count(*) FILTER (WHERE i > 1) FROM data.ev', { '1' } },
    { 'SELECT /*+ BROADCAST(ev) */ count(1) -- all\nFROM data.ev /* here */', { '3' } },
    { '(SELECT 1 LIMIT 1) LIMIT 1', { '1' } },
    { 'SELECT x.i FROM (SELECT i FROM data.ev WHERE i = 1) x', { '1' } },
    { 'SELECT i FROM (SELECT i FROM data.ev WHERE i = 1)', { '1' } },
    { 'SELECT DISTINCT ds FROM data.ev DISTRIBUTE BY ds SORT BY ds', { '2024-01-01', '2024-01-02' } },
  }
  for _, case in ipairs(cases) do
    it('runs ' .. case[1], function() assert.same(case[2], (lines(case[1]))) end)
  end

  it('names columns as Spark does', function()
    local _, names = lines([[SELECT upper(s), count(*), sum(i) + 1, 'x', ds AS Day, ev.ds, CAST(ds AS DATE), i IS NULL
                             FROM data.ev GROUP BY upper(s), ds, i]])
    assert.equal('upper(s)|count(1)|(sum(i) + 1)|x|Day|ds|CAST(ds AS DATE)|(i IS NULL)', names)
  end)

  it('has no value for a column that is not there, even one of a name that the engine knows', function()
    for _, sql in ipairs { 'SELECT user FROM data.ev', 'SELECT count(DISTINCT e.user) FROM data.ev e',
      "SELECT s FROM data.ev WHERE user <> ''", 'SELECT User, count(*) FROM data.ev GROUP BY 1' } do
      local rows, why = db:spark(sql)
      assert.is_nil(rows)
      assert.matches('user', why:lower(), 1, true)
    end
  end)

  it('names long expressions whole: those that end differently are two columns', function()
    local long = ("concat(s, '%s')"):format(('x'):rep(500))
    local shown = long:gsub("'", '')
    local _, names = lines(("SELECT upper(%s), upper(%s) || 'b', upper(%s) || 'c' FROM data.ev"):format(long, long, long))
    assert.equal(('upper(CONCAT)|concat(upper(CONCAT), b)|concat(upper(CONCAT), c)'):gsub('CONCAT', shown), names)
  end)

  it('finds the tables of a query behind WITH, subqueries and back-quotes', function()
    assert.same({ 'a.b', 'e.f', 'C.d', 'view1', 'g.h' }, (duck.names('sql_query_tables', [[
      WITH x AS (SELECT * FROM a.b), y AS (SELECT * FROM x)
      SELECT (SELECT max(1) FROM `e`.`f`) FROM C.d JOIN y LATERAL VIEW explode(array(1)) z AS q
      WHERE i IN (SELECT 1 FROM view1, x) UNION ALL SELECT * FROM g.h JOIN A.b USING (i)]])))
  end)

  it('knows a WITH name only where it is in scope', function()
    assert.same({ 'x', 'a.x' }, (duck.names('sql_query_tables',
      'SELECT * FROM (WITH x AS (SELECT 1) SELECT * FROM x) JOIN x JOIN a.x')))
  end)

  it('finds the columns of an expression', function()
    assert.same({ 'a', 'b', 'st', 'c', 'arr' }, (duck.names('sql_expr_columns',
      'coalesce(a, `b`, A) + st.field - sum(c) OVER (ORDER BY b) + transform(arr, x -> x + c)[0]')))
    assert.same({}, (duck.names('sql_expr_columns', "'text' || 1")))
  end)

  it('renders setups that make temporary views', function()
    assert.truthy(db:run(duck.render('setup', 'CREATE OR REPLACE TEMPORARY VIEW tmp AS SELECT 1 AS one')))
    assert.same({ '2' }, (lines('SELECT one + 1 FROM tmp')))
    assert.equal('', duck.render('setup', 'SET spark.sql.shuffle.partitions = 3'))
    local _, err = duck.render('setup', "CREATE TEMPORARY FUNCTION f AS 'com.corp.F'")
    assert.matches('^column 1: CREATE TEMPORARY FUNCTION loads a Java class', err)
  end)

  local refused = {
    { 'expr', 'foo(1)', 'column 1: function "foo" is not supported; see docs/reference/sql.md' },
    { 'expr', 'a + uper(b)',
      'column 5: function "uper" is not supported (did you mean "upper"?); see docs/reference/sql.md' },
    { 'expr', 'a +', 'column 4: expression expected, found the end' },
    { 'expr', "a = 'b", 'column 5: string without closing \'' },
    { 'expr', 'a + `b', 'column 5: name without closing `' },
    { 'expr', 'a b', 'column 3: the end of the text expected, found "b"' },
    { 'expr', 'upper()', 'column 1: upper takes 1 argument, not 0' },
    { 'expr', 'if(a, b)', 'column 1: if takes 3 arguments, not 2' },
    { 'expr', 'cast(a AS money)', 'column 11: type "money" is not supported' },
    { 'expr', 'upper(DISTINCT a)', 'column 1: upper is not an aggregate: no DISTINCT, FILTER or OVER' },
    { 'expr', 'explode(a) + 1', 'column 1: explode is a generator' },
    { 'expr', 'row_number()', 'column 1: row_number needs OVER' },
    { 'expr', 'a ? 1', 'column 3: unexpected character "?"' },
    { 'query', 'SELECT *\nFROM a.b.c', 'line 2, column 6: table name of 3 parts: write namespace.table' },
    { 'query', 'SELECT a FROM t TABLESAMPLE (10 PERCENT)', 'column 17: the end of the relation' },
    { 'query', 'SELECT a FROM t LATERAL VIEW upper(a) x', 'column 30: LATERAL VIEW: upper is not a generator' },
    { 'query', 'DROP TABLE t', 'column 1: SELECT expected, found "DROP"' },
    { 'query', "SELECT 'ä' || a b c", 'column 19: ' },
    { 'query', 'SELECT explode(m) AS (a, b, c) FROM t', 'column 8: 3 names for ' },
    { 'setup', 'DROP TABLE t', 'column 1: a setup must be CREATE' },
  }
  for _, case in ipairs(refused) do
    it('refuses ' .. case[2], function()
      local text, err = duck.render(case[1], case[2])
      assert.is_nil(text)
      assert.equal(case[3], err:sub(1, #case[3]))
    end)
  end

  it('keeps its head in deep and long text', function()
    for _, text in ipairs({
      ('('):rep(100000), ('-'):rep(99999) .. ' 1', ('NOT '):rep(9999) .. 'a',
      ('upper('):rep(5000) .. 'a' .. (')'):rep(5000),
      '1' .. (' + 1'):rep(50000), 'a' .. ('[0]'):rep(5000),
      'CAST(1 AS ' .. ('array<'):rep(5000) .. 'int' .. ('>'):rep(5000) .. ')',
      ('case when a then '):rep(3000), 'a' .. ('::int'):rep(5000), ('x -> '):rep(5000) .. '1',
    }) do
      local out, err = duck.render('expr', text)
      assert.is_nil(out)
      assert.matches('column', err)
    end
    for _, text in ipairs({
      ('SELECT * FROM ('):rep(5000), 'SELECT 1' .. (' UNION SELECT 1'):rep(5000),
      'SELECT * FROM t' .. (' JOIN t'):rep(5000),
      ('WITH a AS ('):rep(5000),
    }) do
      assert.is_nil((duck.render('query', text)))
    end
    assert.truthy(duck.render('expr', '1' .. (' AND a'):rep(5000)))
    assert.truthy(duck.render('expr', 'a IN (1' .. (', 1'):rep(5000) .. ')'))
  end)
end)
