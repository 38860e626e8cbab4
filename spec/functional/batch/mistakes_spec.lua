local program = require('spec.support.program')

local CONF = 'production/group_bys/shop/x.v1'
local DEFINITION = [[
local c = require "chronon"
return { v1 = c.GroupBy {
  sources = c.EventSource { table = "my.t", query = c.Query {
    selects = c.select("k", { v = "%s" }), wheres = { "%s" }, time_column = "%s" } },
  keys = { "%s" },
  aggregations = { c.Aggregation { input_column = "v", operation = c.Operation.SUM, windows = { "2d" } } },
  backfill_start_date = "2024-01-01",
} }
]]
local GOOD = 'k,val,ts,ds\na,1,1704067200000,2024-01-01\n'

local dir
before_each(function()
  dir = program.folder()
  program.shell('mkdir -p ' .. dir .. '/group_bys/shop')
  program.write(dir .. '/teams.json', '{"default": {}, "shop": {"namespace": "shop"}, "tables": {"my.t": "t.csv"}}')
end)
after_each(function() program.remove(dir) end)

local function run(o, csv, ...)
  program.write(dir .. '/t.csv', csv)
  program.write(dir .. '/group_bys/shop/x.lua',
    DEFINITION:format(o.select or 'val * 2', o.where or 'val > 0', o.time or 'ts', o.key or 'k'))
  assert.equal(0, program.run({ 'compile', '--all', '-q' }, { cwd = dir }).code)
  return program.run({ 'run', '--conf', CONF, '--ds', '2024-01-03', ... }, { cwd = dir })
end

describe('a GroupBy that names what is not there', function()
  local HAS = 'is not in my.t, which has k, val, ts, ds'
  for what, case in pairs({
    ['a select'] = { { select = 'vall * 2' }, 'source 1: select "vall * 2": column "vall" is not in my.t (did you mean "val"?)' },
    ['a where'] = { { where = 'nope > 1' }, 'source 1: where "nope > 1": column "nope" ' .. HAS },
    ['a time column'] = { { time = 'when_at' }, 'source 1: column "when_at" ' .. HAS },
    ['a key'] = { { key = 'user_id' }, 'source 1: column "user_id" ' .. HAS },
  }) do
    it('fails by the place that names it: ' .. what, function()
      local r = run(case[1], GOOD)
      assert.equal(1, r.code)
      assert.matches(case[2], r.err, 1, true)
      assert.not_matches('run the command again', r.err, 1, true)
    end)
  end

  it('may use another select, the table\'s name and the parameter of a lambda', function()
    for _, select in ipairs({ 'length(k)', 't.val', 'my.t.val', 'element_at(transform(array(val), x -> x + 1), 1)', 'VAL' }) do
      local r = run({ select = select }, GOOD, '--dry-run')
      assert.equal('', r.err:gsub('.-1 step would run; nothing was written\n', ''))
      assert.equal(0, run({ select = select }, GOOD).code, select)
      program.shell('rm -r ' .. dir .. '/warehouse')
    end
  end)
end)

describe('a table that would be made', function()
  it('has a namespace that is one', function()
    run({}, GOOD, '--dry-run')
    local path = dir .. '/' .. CONF
    program.write(path, (program.read(path):gsub('"outputNamespace": "shop"', '"outputNamespace": "a b;c"')))
    local r = program.run({ 'run', '--conf', CONF, '--ds', '2024-01-03' }, { cwd = dir })
    assert.equal(1, r.code)
    assert.matches('table "a b;c.shop_x_v1" cannot be made: its namespace may have letters, digits and _ only', r.err, 1, true)
    assert.equal(0, program.shell('test ! -e ' .. program.quote(dir .. '/warehouse/a b;c')))
  end)
end)

describe('a GroupBy whose expressions are of no use', function()
  for what, case in pairs({
    ['a where that is a string'] = { { where = 'k' },
      'source 1: table my.t: where "k" is a string, and a condition is true or false; compare it' },
    ['a where that is a number'] = { { where = 'val + 1' }, 'source 1: table my.t: where "val + 1" is a bigint' },
    ['a time that is a string'] = { { time = 'k' }, 'source 1: table my.t: time_column "k" is a string, and times are '
      .. 'epoch milliseconds; write time_column = "unix_timestamp(k) * 1000"' },
    ['an aggregate in a select'] = { { select = 'sum(val)' },
      'source 1: table my.t: select "sum(val)" aggregates, and a select is about one row; name the columns here' },
    ['a select of wrong types'] = { { select = 'val + map(1, 2)' }, 'source 1: table my.t: select "val + map(1, 2)": ' },
  }) do
    it('fails by the place that names them: ' .. what, function()
      local r = run(case[1], GOOD)
      assert.equal(1, r.code)
      assert.matches(case[2], r.err, 1, true)
    end)
  end
end)

describe('times in another unit', function()
  local SECONDS = 'k,val,ts,ds\na,1,1704067200,2024-01-01\nb,2,1704067201,2024-01-01\n'
  local MICROS = 'k,val,ts,ds\na,1,1704067200000000,2024-01-01\n'

  it('are no reason for an empty table: seconds', function()
    local r = run({}, SECONDS)
    assert.equal(1, r.code)
    assert.matches('source 1: table my.t: time_column "ts": all 2 times lie near 1970 (the newest is 1704067201, on '
      .. '1970-01-20): likely seconds', r.err, 1, true)
    assert.matches('write time_column = "ts * 1000"', r.err, 1, true)
    assert.equal(0, run({ time = 'ts * 1000' }, SECONDS).code)
  end)

  it('are no reason for an empty table: microseconds', function()
    local r = run({}, MICROS)
    assert.equal(1, r.code)
    assert.matches('all 1 times lie after the year 2100', r.err, 1, true)
    assert.equal(0, run({ time = 'ts div 1000' }, MICROS).code)
  end)

  it('may be old in some rows', function()
    assert.equal(0, run({}, SECONDS .. 'c,3,1704067200000,2024-01-01\n').code)
  end)
end)

describe('a compiled GroupBy', function()
  local function changed(pattern, to)
    run({}, GOOD, '--dry-run')
    local path = dir .. '/' .. CONF
    local text, n = program.read(path):gsub(pattern, to)
    assert.equal(1, n)
    program.write(path, text)
    return program.run({ 'run', '--conf', CONF, '--ds', '2024-01-03' }, { cwd = dir })
  end

  it('has no keys', function()
    local r = changed('"keyColumns": %[.-%]', '"keyColumns": []')
    assert.equal(1, r.code)
    assert.matches('the GroupBy has no keys', r.err, 1, true)
  end)

  it('has an empty list of aggregations', function()
    local r = changed('"aggregations": %b[]', '"aggregations": []')
    assert.equal(1, r.code)
    assert.matches('aggregations is an empty list, which gives no column; leave it out', r.err, 1, true)
  end)

  it('starts on what is no day', function()
    local r = changed('"timeColumn": "ts"', '"timeColumn": "ts", "startPartition": "20240101"')
    assert.equal(1, r.code)
    assert.matches('start_partition: "20240101" is not a date of the form yyyy-MM-dd', r.err, 1, true)
  end)
end)

describe('a backfill with nothing to do', function()
  it('says that no source has data', function()
    assert.matches('nothing to do, no source has data for the 3 missing days: my.t has no day',
      run({}, 'k,val,ts,ds\n').out, 1, true)
    local r = run({}, 'k,val,ts,ds\na,1,1704067200000,2024-02-01\n', '-o', 'json')
    assert.matches('"idle": "no source has data for the 3 missing days: my.t has 2024-02-01 to 2024-02-01"', r.out, 1, true)
  end)

  it('says that the end is before the start', function()
    assert.matches('nothing to do, the last day, 2023-05-01, is before the first, 2024-01-01',
      run({}, GOOD, '--ds', '2023-05-01').out, 1, true)
  end)

  it('says that every day is there, and which are before the first', function()
    run({}, 'k,val,ts,ds\na,1,1704067200000,2024-01-02\n')
    assert.matches('nothing to do, no source', run({}, 'k,val,ts,ds\na,1,1704067200000,2024-01-02\n').out, 1, true)
    assert.matches("nothing to do, every day is there since the table's first, 2024-01-02; --run-first-hole fills the 1 before it",
      run({}, 'k,val,ts,ds\na,1,1704067200000,2024-01-02\n', '--end-ds', '2024-01-02').out, 1, true)
  end)

  it('refuses a ds that is no day', function()
    local r = run({}, 'k,val,ts,ds\na,1,1704067200000,20240101\n')
    assert.equal(1, r.code)
    assert.matches('table my.t: its ds is "20240101", and days are written yyyy-MM-dd', r.err, 1, true)
  end)
end)
