local program = require('spec.support.program')

local JOIN = 'production/joins/shop/training_set.v1'
local dir

local function run(args, o)
  o = o or {}
  o.cwd = o.cwd or dir
  return program.run(args, o)
end

local function backfill(...) return run({ 'run', '--mode', 'backfill', '--conf', JOIN, ... }) end

--- The repo of `chronon init`, compiled, is the fixture: what a newcomer types first must work.
before_each(function()
  dir = program.folder()
  assert.equal(0, program.run({ 'init', dir, '-q' }).code)
  assert.equal(0, run({ 'compile', '--all' }).code)
end)
after_each(function() program.remove(dir) end)

describe('chronon compile', function()
  it('writes what changed and nothing else', function()
    local r = run({ 'compile', '--all', '-o', 'csv' })
    assert.equal(0, r.code)
    assert.equal('0 written, 3 unchanged, 0 skipped, 0 failed\n', r.err)
    assert.matches('unchanged,shop.training_set.v1,production/joins/shop/training_set.v1\n', r.out, 1, true)
  end)

  it('takes a file as argument or by --conf', function()
    program.shell('rm -r ' .. dir .. '/production')
    assert.equal(0, run({ 'compile', 'staging_queries/shop/sales.lua' }).code)
    assert.equal(0, program.shell('test -e ' .. dir .. '/production/staging_queries/shop/sales.v1'))
    assert.matches('"outcome": "unchanged"', run({ 'compile', '--conf', 'staging_queries/shop/sales.lua', '-o', 'json' }).out)
  end)

  it('fails with the place of the mistake and leaves the compiled file', function()
    local path = dir .. '/group_bys/shop/spending.lua'
    local text = program.read(path):gsub('input_column = "item"', 'input_colum = "item"')
    program.write(path, text)
    local before = program.read(dir .. '/production/group_bys/shop/spending.v1')
    local r = run({ 'compile', '--all' })
    assert.equal(1, r.code)
    assert.matches('^error: group_bys/shop/spending.lua:%d+: Aggregation: unknown', r.err)
    assert.matches('did you mean', r.err)
    assert.equal(before, program.read(dir .. '/production/group_bys/shop/spending.v1'))
    assert.matches('"failed": [1-9]', run({ 'compile', '--all', '-o', 'json' }).out)
  end)

  it('names the place apart from the message', function()
    program.write(dir .. '/group_bys/shop/bad.lua', 'return {\n')
    local r = run({ 'compile', 'group_bys/shop/bad.lua', '-o', 'json' })
    assert.matches('"where": "group_bys/shop/bad.lua:2"', r.out, 1, true)
    assert.matches('"message": "unexpected symbol', r.out, 1, true)
  end)

  it('says that a file defines nothing', function()
    program.write(dir .. '/group_bys/shop/none.lua', 'return { v1 = 5 }\n')
    assert.matches('warning: nothing is defined there', run({ 'compile', 'group_bys/shop/none.lua' }).err, 1, true)
  end)

  it('writes nothing in a dry run', function()
    program.shell('rm -r ' .. dir .. '/production')
    local r = run({ 'compile', '--all', '--dry-run' })
    assert.equal(0, r.code)
    assert.matches('dry run: nothing was written', r.err)
    assert.equal(0, program.shell('test ! -e ' .. dir .. '/production'))
  end)

  it('needs a name or --all', function()
    local r = run({ 'compile' })
    assert.equal(2, r.code)
    assert.matches('--all', r.err, 1, true)
  end)

  it('needs a repo', function()
    local r = run({ 'compile', '--all' }, { cwd = '/' })
    assert.equal(1, r.code)
    assert.matches('no teams.json in this folder or above it', r.err, 1, true)
  end)
end)

describe('chronon run --mode backfill', function()
  it('writes the training table, then has nothing to do', function()
    local r = backfill('--ds', '2024-01-14')
    assert.equal(0, r.code)
    assert.matches('shop.shop_training_set_v1: 24 rows in 7 partitions (2024-01-08 to 2024-01-14)', r.out, 1, true)
    assert.matches('part 1 of 1: shop_spending_v1\n', r.err, 1, true)
    assert.equal(0, program.shell('test -d ' .. dir .. '/warehouse/shop/shop_training_set_v1/ds=2024-01-14'))
    assert.matches('nothing to do', backfill('--ds', '2024-01-14').out)
    local shown = run({ 'tables', 'shop.shop_training_set_v1' }).out
    assert.matches('7 partitions, 2024-01-08 to 2024-01-14\nchronon_generated = true\n', shown, 1, true)
    -- visit 4 is cyd's: one purchase within the day before it, a book
    local rows = run({ 'sql', 'SELECT shop_spending_v1_amount_sum_1d AS spent FROM shop.shop_training_set_v1'
      .. ' WHERE visit_id = 4', '-o', 'csv' })
    assert.equal('spent\n18.75\n', rows.out)
  end)

  it('reports as JSON on stdout, progress on stderr', function()
    local r = backfill('--ds', '2024-01-14', '-o', 'json', '--step-days', '2')
    assert.matches('"table": "shop.shop_training_set_v1"', r.out, 1, true)
    assert.matches('"rows": 24', r.out, 1, true)
    local _, steps = r.out:gsub('"start_ds"', '')
    assert.equal(4, steps)
    assert.matches('"peak_memory_bytes": %d+', r.out)
    assert.matches('step 4 of 4', r.err)
    assert.matches('^{\n  "table".*\n}\n$', r.out)
  end)

  it('says nothing but data with --quiet', function()
    assert.equal('', backfill('--ds', '2024-01-14', '--quiet').err)
  end)

  it('plans without writing', function()
    local r = backfill('--ds', '2024-01-14', '--dry-run', '--step-days', '4', '-o', 'csv')
    assert.equal('start_ds,end_ds\n2024-01-08,2024-01-11\n2024-01-12,2024-01-14\n', r.out)
    assert.matches('2 steps would run; nothing was written', r.err)
    assert.equal(0, program.shell('test ! -e ' .. dir .. '/warehouse'))
  end)

  it('writes to --warehouse, from any folder with --repo', function()
    local r = run({ 'run', '--repo', dir, '-c', JOIN, '--warehouse', dir .. '/w', '--ds', '2024-01-09' }, { cwd = '/' })
    assert.equal('', r.err:match('chronon:.*') or '')
    assert.equal(0, r.code)
    assert.equal(0, program.shell('test -d ' .. dir .. '/w/shop/shop_training_set_v1/ds=2024-01-09'))
  end)

  it('takes the flags of run.py that mean nothing here, and says so', function()
    local r = backfill('--ds', '2024-01-09', '--spark-version', '3.1.1', '--app-name=x')
    assert.equal(0, r.code)
    assert.matches('note: --spark-version is ignored: there is no Spark', r.err, 1, true)
    assert.matches('note: --app-name is ignored', r.err, 1, true)
  end)

  it('leaves nothing of a table when its source is gone', function()
    program.shell('rm ' .. dir .. '/data/purchases.csv')
    local r = backfill('--ds', '2024-01-14')
    assert.equal(1, r.code)
    assert.matches('raw.purchases', r.err, 1, true)
    assert.equal('', r.out)
    assert.not_matches('shop.shop_training_set_v1', run({ 'tables', '-o', 'csv' }).out, 1, true)
  end)

  for name, case in pairs({
    ['no conf'] = { {}, 2, '--conf is needed' },
    ['a mode of Chronon that is not here'] = { { '-c', JOIN, '-m', 'info' }, 2, "is Chronon's, but not in this version" },
    ['a mode that calls a model backend'] = { { '-c', JOIN, '-m', 'model-transform-batch' }, 2, 'it calls a model backend' },
    ['a mode that runs a script'] = { { '-m', 'info' }, 2, 'it runs a script of the repo; --mode analyze' },
    ['a mistyped mode'] = { { '-c', JOIN, '-m', 'backfil' }, 2, 'did you mean backfill' },
    ['a mistyped conf'] = { { '-c', 'production/joins/shop/trainingset.v1' }, 1,
      'did you mean production/joins/shop/training_set.v1' },
    ['a definition'] = { { '-c', 'joins/shop/training_set.lua' }, 2, 'chronon compile --conf joins/shop/training_set.lua' },
    ['a day that is none'] = { { '-c', JOIN, '--ds', '2024-02-30' }, 2, '--ds' },
    ['an end before the start'] = { { '-c', JOIN, '--ds', '2024-01-01', '--start-ds', '2024-01-02' }, 2, 'is after' },
    ['steps of no days'] = { { '-c', JOIN, '--step-days', '0' }, 2, 'a whole number from 1' },
  }) do
    it('refuses ' .. name, function()
      local r = run({ 'run', unpack(case[1]) })
      assert.matches(case[3], r.err, 1, true)
      assert.equal(case[2], r.code)
      assert.equal('', r.out)
    end)
  end
end)

describe('chronon run --mode analyze', function()
  it('names the definition once', function()
    local path = dir .. '/group_bys/shop/spending.lua'
    local text = program.read(path):gsub('operation = Op.COUNT', 'operation = Op.KURTOSIS')
    program.write(path, (text:gsub('input_column = "amount"', 'input_column = "item"')))
    run({ 'compile', '--all', '-q', '--force-overwrite' })
    local r = run({ 'run', '--mode', 'analyze', '--conf', 'production/group_bys/shop/spending.v1', '--ds', '2024-01-14' })
    assert.matches('^chronon: group_by shop.spending.v1: aggregation 1 %(SUM of "item"%): STRING', r.err)
  end)

  it('shows the schemas', function()
    local r = run({ 'run', '--mode', 'analyze', '--conf', JOIN, '--ds', '2024-01-14', '-o', 'csv' })
    assert.equal('', r.err:match('problem.*') or '')
    assert.equal(0, r.code)
    assert.matches('\noutput,"?"?,shop_spending_v1_amount_sum_7d,double\n', r.out)
  end)

  it('fails when it finds problems', function()
    program.shell('rm ' .. dir .. '/data/purchases.csv')
    local r = run({ 'run', '--mode', 'analyze', '--conf', JOIN, '--ds', '2024-01-14' })
    assert.equal(1, r.code)
    assert.matches('raw.purchases', r.err, 1, true)
  end)
end)

describe('Ctrl-C', function()
  it('ends a run with 130, without a partition, and the next run goes on', function()
    program.write(dir .. '/staging_queries/shop/slow.lua', [[
local c = require "chronon"
return { v1 = c.StagingQuery { start_partition = "2024-01-01", query = "SELECT sum(a.x * b.x) AS s, '{{ end_date }}' AS ds"
  .. " FROM (SELECT explode(sequence(1, 2000000)) AS x) a CROSS JOIN (SELECT explode(sequence(1, 2000000)) AS x) b" } }
]])
    assert.equal('', run({ 'compile', 'staging_queries/shop/slow.lua', '-q' }).err)
    local r = program.interrupt({ 'run', '-c', 'production/staging_queries/shop/slow.v1', '--ds', '2024-01-03',
      '--step-days', '1' }, { cwd = dir, after = 'step 1 of 3' })
    assert.equal(130, r.code, r.err)
    assert.matches('stopped by the user', r.err, 1, true)
    assert.equal(0, program.shell('test -z "$(find ' .. dir .. '/warehouse -name "ds=*")"'))
  end)

  it('interrupts a query', function()
    local r = program.interrupt({ 'sql', '--duckdb',
      'SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b' }, { cwd = dir })
    assert.equal(130, r.code, r.err)
    assert.matches('^%s*chronon: ', r.err)
  end)
end)
