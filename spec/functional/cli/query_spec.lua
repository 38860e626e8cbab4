local program = require('spec.support.program')

local VISITS = 'visit_id,user_id,paid,note,ds\n1,ada,2.5,"a, ""b""",2024-01-01\n2,bob,,,2024-01-03\n'

local dir
setup(function()
  dir = program.folder()
  program.write(dir .. '/visits.csv', VISITS)
  program.write(dir .. '/teams.json', '{"tables": {"raw.visits": "visits.csv"}}')
end)
teardown(function() program.remove(dir) end)

local function run(args, o)
  o = o or {}
  o.cwd = o.cwd or dir
  return program.run(args, o)
end

describe('chronon sql', function()
  local QUERY = 'SELECT user_id, paid FROM raw.visits ORDER BY visit_id'

  it('prints an aligned table, nulls visible', function()
    local r = run({ 'sql', QUERY })
    assert.equal('', r.err)
    assert.equal(0, r.code)
    assert.equal('user_id  paid\nada       2.5\nbob      NULL\n', r.out)
  end)

  it('prints CSV, JSON and Markdown', function()
    assert.equal('user_id,paid\nada,2.5\nbob,\n', run({ 'sql', QUERY, '-o', 'csv' }).out)
    assert.equal('[\n{"user_id": "ada", "paid": 2.5},\n{"user_id": "bob", "paid": null}\n]\n',
      run({ 'sql', QUERY, '-o', 'json' }).out)
    assert.equal('| user_id | paid |\n|---|---:|\n| ada | 2.5 |\n| bob | NULL |\n',
      run({ 'sql', QUERY, '-o', 'markdown' }).out)
  end)

  it('prints an empty result in every format', function()
    local none = 'SELECT user_id FROM raw.visits WHERE visit_id > 9'
    assert.equal('user_id\n', run({ 'sql', none }).out)
    assert.equal('user_id\n', run({ 'sql', none, '-o', 'csv' }).out)
    assert.equal('[]\n', run({ 'sql', none, '-o', 'json' }).out)
  end)

  it('quotes in CSV what must be, and keeps empty text apart from null', function()
    local r = run({ 'sql', [[SELECT note, '' AS e FROM raw.visits WHERE visit_id = 1]], '-o', 'csv' })
    assert.equal('note,e\n"a, ""b""",""\n', r.out)
  end)

  it('prints what features cannot carry: decimals, intervals, wide integers', function()
    local query = "SELECT CAST('1.50' AS DECIMAL(5,2)) AS d, array(CAST(2 AS DECIMAL(3,1))) AS l, " ..
      "DATE '2024-01-03' - DATE '2024-01-01' AS i, CAST(NULL AS DECIMAL(5,2)) AS n"
    assert.equal('d     l      i       n\n1.50  [2.0]  2 days  NULL\n', run({ 'sql', query }).out)
    assert.equal('[\n{"d": 1.5, "l": [2.0], "i": "2 days", "n": null}\n]\n', run({ 'sql', query, '-o', 'json' }).out)
    assert.equal('h,u\n170141183460469231731687303715884105727,7\n', run({ 'sql', '--duckdb', '-o', 'csv',
      'SELECT 170141183460469231731687303715884105727::HUGEINT AS h, 7::UINTEGER AS u' }).out)
  end)

  it('turns a table that is wider than the terminal', function()
    local r = run({ 'sql', 'SELECT * FROM raw.visits WHERE visit_id = 1' }, { env = { COLUMNS = '20' } })
    assert.equal('-- row 1\nvisit_id  1\nuser_id   ada\npaid      2.5\nnote      a, "b"\nds        2024-01-01\n', r.out)
  end)

  it('cuts a table at --max-rows and says so', function()
    local r = run({ 'sql', QUERY, '-n', '1' })
    assert.equal('user_id  paid\nada       2.5\n', r.out)
    assert.equal('the first 1 rows; --max-rows 0 shows all\n', r.err)
  end)

  it('reads the query from stdin and from a file, a semicolon at its end or not', function()
    program.write(dir .. '/q.sql', 'SELECT 2 AS x;\n')
    assert.equal('x\n1\n', run({ 'sql', '-o', 'csv' }, { stdin = 'SELECT 1 AS x' }).out)
    assert.equal('x\n1\n', run({ 'sql', '-', '-o', 'csv' }, { stdin = 'SELECT 1 AS x;' }).out)
    assert.equal('x\n2\n', run({ 'sql', '-f', 'q.sql', '-o', 'csv' }).out)
  end)

  it('prints all of a key of a map, also behind a NUL', function()
    assert.equal('[\n{"m": {"a\\u0000b": 1, "a\\u0000c": 2}}\n]\n', run({ 'sql', '--duckdb', '-o', 'json',
      "SELECT MAP {'a' || chr(0) || 'b': 1, 'a' || chr(0) || 'c': 2} AS m" }).out)
  end)

  it('takes a table from the command line, over teams.json', function()
    program.write(dir .. '/other.csv', 'a,ds\n7,2024-01-01\n')
    local r = run({ 'sql', '--table', 'raw.visits=other.csv', 'SELECT a FROM raw.visits', '-o', 'csv' })
    assert.equal('a\n7\n', r.out)
  end)

  it('works outside of a repo', function()
    assert.equal('x\n1\n', run({ 'sql', 'SELECT 1 AS x', '-o', 'csv' }, { cwd = '/' }).out)
  end)

  it('runs DuckDB\'s own SQL', function()
    assert.equal('n\n2\n', run({ 'sql', '--duckdb', 'FROM raw.visits SELECT count(*) AS n', '-o', 'csv' }).out)
  end)

  for name, case in pairs({
    ['an unknown table'] = { { 'SELECT * FROM raw.vists' }, 1, 'did you mean "raw.visits"' },
    ['what is no query'] = { { 'DELETE FROM raw.visits' }, 1, 'column 1' },
    ['an empty query'] = { { ' ; ' }, 2, 'the query is empty' },
    ['a query and a file'] = { { 'SELECT 1', '-f', 'q.sql' }, 2, 'not both' },
    ['a file that is not there'] = { { '-f', 'none.sql' }, 1, 'none.sql: No such file' },
    ['a table without a path'] = { { 'SELECT 1', '--table', 'raw.visits' }, 2, 'namespace.name=PATH' },
    ['a size without sense'] = { { 'SELECT 1', '--memory-limit', 'lots' }, 2, 'a size is needed' },
    ['more memory than there is'] = { { 'SELECT 1', '--memory-limit', '101%' }, 2, "more than all of the machine's memory" },
    ['a limit that nothing fits into'] = { { 'SELECT 1', '--memory-limit', '15MB' }, 2, 'at least 16MB are needed' },
    ['a limit without its unit'] = { { 'SELECT 1', '--memory-limit', '4' }, 2, 'a number without a unit counts bytes' },
    ['a table with two paths'] = { { 'SELECT 1', '-t', 'a.b=x', '-t', 'a.b=y' }, 2, '--table a.b is given two paths: x and y' },
    ['an unknown column'] = { { 'SELECT pad FROM raw.visits' }, 1,
      'column "pad" does not exist (did you mean "paid" of raw.visits?)' },
    ['an unknown column of an alias'] = { { 'SELECT b.notte FROM raw.visits a JOIN raw.visits b ON a.user_id = b.user_id' }, 1,
      '"notte" (did you mean "note" of raw.visits?)' },
    ['a table without its namespace'] = { { 'SELECT * FROM visits' }, 1, 'did you mean "raw.visits"?' },
    ['a number without sense'] = { { 'SELECT 1', '--max-rows', '-1' }, 2, 'a whole number from 0' },
    ['an unknown format'] = { { 'SELECT 1', '-o', 'jsn' }, 2, 'did you mean json' },
  }) do
    it('refuses ' .. name, function()
      local args = { 'sql' }
      for _, a in ipairs(case[1]) do args[#args + 1] = a end
      local r = run(args)
      assert.equal('', r.out)
      assert.matches(case[3], r.err, 1, true)
      assert.equal(case[2], r.code)
    end)
  end

  it('gives errors as JSON where JSON was asked for', function()
    local r = run({ 'sql', 'SELECT * FROM raw.vists', '-o', 'json' })
    assert.equal('', r.out)
    assert.matches('^{"error": {"code": "not_found", "message": ".-"}}\n$', r.err)
  end)
end)

describe('chronon tables', function()
  it('lists a broken table, and fails with the name of the file', function()
    program.shell(('mkdir -p %s/warehouse/a/b && echo "{" >%s/warehouse/a/b/_chronon.json'):format(dir, dir))
    local r = run({ 'tables', '-o', 'csv' })
    assert.equal(1, r.code)
    assert.matches('\na.b,managed,0,', r.out, 1, true)
    assert.matches('chronon: table a.b cannot be read: .*/warehouse/a/b/_chronon.json line 2', r.err)
    program.shell('rm -r ' .. dir .. '/warehouse')
  end)

  it('only warns of a source whose file is not there yet', function()
    local r = run({ 'tables', '-t', 'my.later=later.csv', '-o', 'csv' })
    assert.equal(0, r.code)
    assert.matches('^warning: table my.later: there is no file, folder or glob match at .*later.csv\n$', r.err)
  end)

  it('lists the tables with their days', function()
    local r = run({ 'tables', '-o', 'csv' })
    assert.equal('table,kind,columns,partitions,first_ds,last_ds,path\n'
      .. 'raw.visits,source,5,2,2024-01-01,2024-01-03,./visits.csv\n', r.out)
  end)

  it('shows one: columns, days, days missing', function()
    local r = run({ 'tables', 'raw.visits' })
    assert.equal(0, r.code)
    assert.matches('2 partitions, 2024-01-01 to 2024-01-03, 1 missing between (the first: 2024-01-02)', r.out, 1, true)
    assert.matches('\npaid      double\n', r.out, 1, true)
    assert.matches('"partitions": [\n    "2024-01-01",\n    "2024-01-03"\n  ]',
      run({ 'tables', 'raw.visits', '-o', 'json' }).out, 1, true)
  end)

  it('names the nearest table', function()
    local r = run({ 'tables', 'raw.visit' })
    assert.equal(1, r.code)
    assert.matches('did you mean "raw.visits"', r.err, 1, true)
  end)

  it('finds the repo above the working folder, and none outside', function()
    program.shell('mkdir -p ' .. dir .. '/a/b')
    assert.matches('raw.visits', run({ 'tables' }, { cwd = dir .. '/a/b' }).out, 1, true)
    assert.matches('no tables', run({ 'tables' }, { cwd = '/' }).err, 1, true)
    assert.matches('raw.visits', run({ 'tables' }, { cwd = '/', env = { CHRONON_REPO_PATH = dir } }).out, 1, true)
  end)

  it('does not wait for a teams.json that is no file', function()
    for _, make in ipairs({ 'mkfifo', 'mkdir', 'ln -s /dev/zero' }) do
      local odd = program.folder()
      program.shell(make .. ' ' .. odd .. '/teams.json')
      for _, where in ipairs({ { cwd = odd }, { env = { CHRONON_REPO = odd } } }) do
        local r = program.run({ 'tables' }, where)
        assert.equal(1, r.code)
        assert.matches('teams.json: is no regular file', r.err, 1, true)
      end
      program.remove(odd)
    end
  end)

  it('says what is wrong with teams.json', function()
    local broken = program.folder()
    program.write(broken .. '/teams.json', '{"tables": ["raw.visits"]}')
    local r = run({ 'tables' }, { cwd = broken })
    assert.equal(1, r.code)
    assert.matches('teams.json:1: "tables" maps', r.err, 1, true)
    program.write(broken .. '/teams.json', '{"tables": {}}' .. (' '):rep(2^26) .. 'and more')
    assert.matches('teams.json: larger than 67108864 bytes', run({ 'tables' }, { cwd = broken }).err, 1, true)
    program.write(broken .. '/teams.json', '{"tables": }')
    assert.matches('teams.json:1:', run({ 'tables' }, { cwd = broken }).err, 1, true)
    program.remove(broken)
  end)
end)

describe('chronon doctor', function()
  it('shows each setting with its source', function()
    program.write(dir .. '/teams.json', '{"tables": {"raw.visits": "visits.csv"},'
      .. ' "default": {"common_env": {"CHRONON_THREADS": "1", "CHRONON_MEMORY_LIMIT": "1GB"}}}')
    local r = run({ 'doctor', '--warehouse', dir .. '/w', '-o', 'csv' },
      { env = { CHRONON_MEMORY_LIMIT = '2GB' } })
    assert.equal(0, r.code)
    assert.matches('\n--threads,1,teams.json,ok\n', r.out, 1, true)
    assert.matches('\n--memory-limit,2GB,environment CHRONON_MEMORY_LIMIT,ok\n', r.out, 1, true)
    assert.matches('\nwarehouse,' .. dir .. '/w,flag,ok\n', r.out, 1, true)
    assert.matches('\nduckdb,v1.', r.out, 1, true)
    assert.equal(0, program.shell('test ! -e ' .. dir .. '/w'))
  end)

  it('names what is wrong, and fails', function()
    local r = run({ 'doctor', '--table', 'a.b=none.parquet', '--warehouse', dir .. '/visits.csv/w', '-o', 'csv' })
    assert.equal(1, r.code)
    assert.matches('\ntable a.b,none.parquet,"",cannot be read\n', r.out, 1, true)
    assert.matches('/visits.csv is no folder\n', r.out, 1, true)
    assert.equal('2 problems\n', r.err)
  end)
end)
