--- Results are values: rows, filters, names in SQL, files.
local program = require('spec.support.program')

describe('a result of the shell', function()
  local dir

  local function run(code)
    return program.run({ 'repl', '-f', '-', '--warehouse', dir .. '/warehouse' }, { cwd = dir, stdin = code })
  end

  local function out(code)
    local r = run(code)
    assert.equal('', r.err)
    return r.out
  end

  local NUMBERS = 'r = duckdb [[SELECT range AS i, range * 0.5::DOUBLE AS half, ' ..
    "CASE WHEN range = 1 THEN NULL ELSE 'n' || range END AS t FROM range(4)]]\n"

  setup(function() dir = program.folder() end)
  teardown(function() program.remove(dir) end)

  it('knows its rows, columns and name', function()
    assert.equal('4\n{ "i", "half", "t" }\n{ "bigint", "double", "string" }\nresult_1\n',
      out(NUMBERS .. '#r\nr.columns\nr.types\nr.name\n'))
  end)

  it('gives rows to Lua, NULL as nil', function()
    assert.equal('{ half = 0.5, i = 1 }\n{ half = 1, i = 2, t = "n2" }\n', out(NUMBERS .. 'rows = r:rows()\nrows[2]\nrows[3]\n'))
    assert.equal('{ "n0", null, "n2", "n3" }\n', out(NUMBERS .. 'r:column "t"\n'))
  end)

  it('gives every type to Lua', function()
    assert.equal('{\n  b = true,\n  big = 9007199254740993,\n  d = "2024-02-29",\n  dec = 1.25,\n  f = 0.5,\n'
      .. '  l = { 1, null },\n  m = { k = 2 },\n  s = { x = 1, y = "z" },\n  ts = "2024-02-29 12:30:00.250",\n}\n',
      out("duckdb [[SELECT true AS b, 9007199254740993 AS big, DATE '2024-02-29' AS d, 1.25::DECIMAL(9,2) AS dec, "
        .. "0.5::FLOAT AS f, [1, NULL] AS l, MAP {'k': 2} AS m, {'x': 1, 'y': 'z'} AS s, "
        .. "TIMESTAMP '2024-02-29 12:30:00.250' AS ts]]:rows()[1]\n"))
  end)

  it('keeps integers that a double does not hold', function()
    assert.equal('{ 9007199254740992, -9007199254740993, 3 }\n',
      out('duckdb [[SELECT unnest([9007199254740992, -9007199254740993, 3]) AS i]]:column "i"\n'))
  end)

  it('is filtered by a function and by SQL', function()
    assert.equal('i  half  t\n2   1.0  n2\n3   1.5  n3\n', out(NUMBERS .. 'r:filter(function(row) return row.i > 1 end)\n'))
    assert.equal('i  half  t\n1   0.5  NULL\n', out(NUMBERS .. 'r:filter "t IS NULL"\n'))
    assert.equal('i  half  t\n', out(NUMBERS .. 'r:filter(function() return false end)\n'))
  end)

  it('may ask for other results while it is walked', function()
    assert.equal('{ 3 }\n', out(NUMBERS
      .. 'r:filter(function(row) return #duckdb("SELECT range FROM range(" .. row.i .. ")") == 3 end):column "i"\n'))
  end)

  it('is joined by its name, by _, and by a name of its own', function()
    assert.equal('n\n4\n', out(NUMBERS .. 'sql [[SELECT count(*) AS n FROM result_1]]\n'))
    assert.equal('n\n4\n', out(NUMBERS .. 'sql [[SELECT count(*) AS n FROM _]]\n'))
    assert.equal(' n\n16\n', out(NUMBERS .. 'r:as "mine"\nsql [[SELECT count(*) AS n FROM mine a CROSS JOIN mine b]]\n'))
  end)

  it('is saved, and read back', function()
    for _, ending in ipairs({ 'parquet', 'csv', 'json', 'jsonl' }) do
      local path = ('%s/x.%s'):format(dir, ending)
      assert.equal('n\n4\n', out(NUMBERS .. ('r:save "%s"\nduckdb [[SELECT count(*) AS n FROM "%s"]]\n'):format(path, path)))
    end
    local r = run(NUMBERS .. 'r:save "x.xls"\n')
    assert.truthy(r.err:find('stdin:2: x.xls: its ending says how it is saved', 1, true), r.err)
  end)

  it('is written into the warehouse, by day where it has days', function()
    assert.equal('n\n2\n', out("r = duckdb [[SELECT 1 AS a, '2024-01-0' || range AS ds FROM range(1, 3)]]\n"
      .. 'r:write "try.days"\nsql [[SELECT count(DISTINCT ds) AS n FROM try.days]]\n'))
    assert.equal(0, program.shell(('test -d %s/warehouse/try/days/ds=2024-01-02'):format(dir)))
  end)

  it('is gone when it is dropped', function()
    local r = run(NUMBERS .. 'r:drop()\nsql [[SELECT * FROM result_1]]\n')
    assert.equal(1, r.code)
  end)

  it('says what is wrong with a query', function()
    local r = run('sql [[SELECT\n  nope FROM]]\n')
    assert.truthy(r.err:find('^chronon: stdin:2: line 2, column 12: '), r.err)
  end)
end)
