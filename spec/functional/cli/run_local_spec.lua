--- `--local-*` and --expected-result-table of Chronon's driver: a run from files to a file.
local json = require('dkjson')
local program = require('spec.support.program')

local GB = 'production/group_bys/t/g.v1'
local dir

local function write(path, text)
  program.shell('mkdir -p ' .. program.quote((dir .. '/' .. path):match('^(.*)/')))
  program.write(dir .. '/' .. path, text)
end

--- SUM of amount by user, all time, of ns_of_data.
local function conf(table_name)
  write(GB, json.encode({ metaData = { name = 't.g.v1', team = 't', outputNamespace = 'ns' },
    sources = { { events = { table = table_name, query = { timeColumn = 'ts', setups = {},
      selects = { user = 'user', amount = 'amount' } } } } },
    keyColumns = { 'user' }, backfillStartDate = '2024-01-02', accuracy = 1,
    aggregations = { { inputColumn = 'amount', operation = 7 } } }))
end

local function run(...)
  return program.run({ 'run', '--mode', 'backfill', '--conf', GB, '--ds', '2024-01-02', '--repo', '.', ... }, { cwd = dir })
end

local CSV = 'user,amount,ts,ds\na,1,2024-01-02 10:00:00,2024-01-02\na,2,2024-01-02 11:00:00,2024-01-02\n'
  .. 'b,5,2024-01-02 12:00:00,2024-01-02\n'

before_each(function()
  dir = program.folder()
  write('teams.json', '{"default": {"namespace": "ns"}}')
end)
after_each(function() program.remove(dir) end)

describe('--local-data-path', function()
  for name, case in pairs({
    ['NS.NAME.csv'] = { 'data/raw.ev.csv', 'raw.ev' },
    ['NAME.csv in the folder NS'] = { 'data/raw/ev.csv', 'raw.ev' },
    ['NAME.csv, of the namespace default'] = { 'data/ev.csv', 'default.ev' },
  }) do
    it('reads ' .. name, function()
      write(case[1], CSV)
      conf(case[2])
      local r = run('--local-data-path', 'data', '--local-table-export-path', 'out')
      assert.equal('', r.err:match('chronon:.*') or '')
      assert.equal('user,amount_sum,ds\na,3,2024-01-02\nb,5,2024-01-02\n', program.read(dir .. '/out/ns.t_g_v1.csv'))
    end)
  end

  it('reads JSON lines, and --table before its own', function()
    write('data/raw.ev.jsonl', '{"user": "a", "amount": 7, "ts": 1704153600000, "ds": "2024-01-02"}\n')
    write('other.csv', CSV)
    conf('raw.ev')
    run('--local-data-path', 'data', '--local-table-export-path', 'out', '--local-table-export-format', 'json')
    assert.equal('{"user":"a","amount_sum":7,"ds":"2024-01-02"}\n', program.read(dir .. '/out/ns.t_g_v1.json'))
    run('--local-data-path', 'data', '--local-table-mapping', 'raw.ev=other.csv', '--warehouse', 'w2',
      '--local-table-export-path', 'out', '--local-table-export-prefix', 'x')
    assert.equal('user,amount_sum,ds\na,3,2024-01-02\nb,5,2024-01-02\n', program.read(dir .. '/out/x.ns.t_g_v1.csv'))
  end)

  it('refuses a folder of no tables, and two files of one table', function()
    conf('raw.ev')
    local r = run('--local-data-path', 'none')
    assert.equal(1, r.code)
    assert.matches('--local-data-path none: no .csv, .json, .jsonl or .parquet file there', r.err, 1, true)
    write('data/raw.ev.csv', CSV)
    write('data/raw/ev.csv', CSV)
    assert.matches('raw.ev is given two paths: data/raw/ev.csv and data/raw.ev.csv', run('--local-data-path', 'data').err, 1, true)
  end)
end)

describe('--local-table-mapping', function()
  it('takes several words, as the driver does', function()
    write('ev.csv', CSV)
    write('other.csv', CSV)
    conf('raw.ev')
    local r = run('--local-table-mapping', 'raw.ev=ev.csv', 'raw.other=other.csv')
    assert.equal('', r.err:match('chronon:.*') or '')
    assert.equal(0, r.code)
  end)
end)

describe('--local-table-export-path', function()
  it('is of backfills, and of known formats', function()
    write('data/raw.ev.csv', CSV)
    conf('raw.ev')
    local r = run('--local-data-path', 'data', '--local-table-export-format', 'orc')
    assert.equal(2, r.code)
    assert.matches('--local-table-export-format orc: csv, json or parquet is needed', r.err, 1, true)
    r = run('--local-data-path', 'data', '--local-table-export-path', 'out', '-m', 'upload')
    assert.equal(2, r.code)
    assert.matches('are of backfills', r.err, 1, true)
    assert.equal(0, program.shell('test ! -e ' .. dir .. '/out'))
  end)
end)

describe('--expected-result-table', function()
  local function compare(rows)
    write('data/raw.ev.csv', CSV)
    write('data/x.want.csv', rows)
    conf('raw.ev')
    return run('--local-data-path', 'data', '--expected-result-table', 'x.want')
  end

  it('passes the same rows in any order of rows and columns', function()
    local r = compare('ds,amount_sum,user\n2024-01-02,5,b\n2024-01-02,3,a\n')
    assert.equal(0, r.code)
    assert.matches('ns.t_g_v1 has the rows of x.want', r.err, 1, true)
  end)

  it('fails on other rows and says how many', function()
    local r = compare('user,amount_sum,ds\na,4,2024-01-02\nb,5,2024-01-02\nb,5,2024-01-02\n')
    assert.equal(1, r.code)
    assert.matches('1 rows of ns.t_g_v1 are not in it, and 2 of its rows are not in ns.t_g_v1', r.err, 1, true)
  end)

  it('fails on other columns, on other types and without the table', function()
    assert.matches('x.want has no column "amount_sum"', compare('user,total,ds\na,3,2024-01-02\n').err, 1, true)
    assert.matches('column "amount_sum" has another type', compare('user,amount_sum,ds\na,x,2024-01-02\n').err, 1, true)
    assert.matches('x.want has the column "more" too',
      compare('user,amount_sum,more,ds\na,3,1,2024-01-02\n').err, 1, true)
    assert.matches('x.wont', run('--local-data-path', 'data', '--expected-result-table', 'x.wont').err, 1, true)
  end)
end)
