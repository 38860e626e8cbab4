--- --parallelism: ranges of days side by side write what one run does.
local program = require('spec.support.program')

local START, END = '2024-01-08', '2024-01-14'

local RANGE = "FROM raw.purchases WHERE ds BETWEEN '{{ start_date }}' AND '{{ end_date }}'"

local function sh(...) return program.shell(table.concat({ ... }, ' ')) end

--- The repo of `chronon init`, with an incremental GroupBy and a staging query.
local function shop()
  local folder = program.folder()
  assert.equal(0, program.run({ 'init', folder .. '/shop' }).code)
  local repo = folder .. '/shop'
  sh('mkdir -p', repo .. '/production/group_bys/shop', repo .. '/production/staging_queries/shop')
  assert.equal(0, program.run({ 'compile', '--all' }, { cwd = repo }).code)
  program.write(repo .. '/production/staging_queries/shop/days.v1', [[{
    "metaData": {"name": "shop.days.v1", "outputNamespace": "shop", "team": "shop"},
    "query": "SELECT ds, '{{ latest_date }}' AS latest, count(*) AS n ]] .. RANGE .. [[ GROUP BY ds",
    "startPartition": "2024-01-01"}]])
  return repo, folder
end

local function run(repo, warehouse, conf, ...)
  return program.run({ 'run', '--conf', 'production/' .. conf, '--warehouse', repo .. '/' .. warehouse, '--start-ds',
    START, '--end-ds', END, ... }, { cwd = repo })
end

--- All rows of a table, as sorted lines.
local function rows(repo, warehouse, name)
  local r = program.run({ 'sql', '--warehouse', repo .. '/' .. warehouse, '--output', 'csv', '--duckdb',
    'SELECT * FROM ' .. name .. ' ORDER BY ALL' }, { cwd = repo })
  assert.equal(0, r.code, r.err)
  return r.out
end

local JOIN = 'joins/shop/training_set.v1'

describe('--parallelism', function()
  local repo, folder
  setup(function()
    repo, folder = shop()
    assert.equal(0, run(repo, 'whole', JOIN).code)
  end)
  teardown(function() program.remove(folder) end)

  for conf, name in pairs({
    [JOIN] = 'shop.shop_training_set_v1',
    ['group_bys/shop/spending.v1'] = 'shop.shop_spending_v1',
    ['staging_queries/shop/days.v1'] = 'shop.shop_days_v1',
  }) do
    it('writes the rows of one run: ' .. conf, function()
      local one = run(repo, 'one', conf)
      assert.equal(0, one.code, one.err)
      local many = run(repo, 'many', conf, '--parallelism', '3', '-o', 'json')
      assert.equal(0, many.code, many.err)
      assert.is_truthy(rows(repo, 'one', name):find('\n.+\n'))
      assert.equal(rows(repo, 'one', name), rows(repo, 'many', name))
      assert.matches('2024%-01%-08 to 2024%-01%-09: ', many.err)
      assert.matches('2024%-01%-12 to 2024%-01%-14: ', many.err) -- the last takes what is over
      local again = run(repo, 'many', conf, '--parallelism', '2')
      assert.matches('nothing to do', again.out)
    end)
  end

  it('writes the rows of one run: a join in steps', function()
    for _, step in ipairs({ { '--mode', 'backfill-left' },
      { '--selected-join-parts', 'shop_spending_v1', '--use-cached-left' },
      { '--mode', 'backfill-final' } }) do
      local r = run(repo, 'steps', JOIN, '--parallelism', '4', unpack(step))
      assert.equal(0, r.code, r.err)
    end
    assert.equal(rows(repo, 'whole', 'shop.shop_training_set_v1'), rows(repo, 'steps', 'shop.shop_training_set_v1'))
  end)

  it('does not fill days before the first partition without --run-first-hole', function()
    local r = program.run({ 'run', '--conf', 'production/' .. JOIN, '--warehouse', repo .. '/late', '--start-ds',
      '2024-01-10', '--end-ds', '2024-01-11' }, { cwd = repo })
    assert.equal(0, r.code, r.err)
    r = run(repo, 'late', JOIN, '--parallelism', '3')
    assert.equal(0, r.code, r.err)
    assert.is_nil(rows(repo, 'late', 'shop.shop_training_set_v1'):find('2024-01-09\n', 1, true))
    assert.is_truthy(rows(repo, 'late', 'shop.shop_training_set_v1'):find('2024-01-14\n', 1, true))
    assert.equal(0, run(repo, 'late', JOIN, '--parallelism', '3', '--run-first-hole').code)
    assert.equal(rows(repo, 'whole', 'shop.shop_training_set_v1'), rows(repo, 'late', 'shop.shop_training_set_v1'))
  end)

  it('fails at the end when a range fails, and the others are there', function()
    program.write(repo .. '/production/staging_queries/shop/broken.v1', [[{
      "metaData": {"name": "shop.broken.v1", "outputNamespace": "shop", "team": "shop"},
      "query": "SELECT CASE WHEN '{{ start_date }}' > '2024-01-08' THEN ds END AS ds, item ]] .. RANGE .. [[",
      "startPartition": "2024-01-01"}]])
    local r = run(repo, 'broken', 'staging_queries/shop/broken.v1', '--parallelism', '3')
    assert.equal(1, r.code, r.err)
    assert.matches('1 of 3 ranges failed, the first: 2024%-01%-08 to 2024%-01%-09: ', r.err)
    local there = rows(repo, 'broken', 'shop.shop_broken_v1')
    assert.is_truthy(there:find('2024-01-10', 1, true))
    assert.is_nil(there:find('2024-01-08', 1, true))
  end)

  it('leaves whole partitions when it is killed, and goes on', function()
    sh('cd', program.quote(repo), '&& timeout -s KILL 0.35', program.quote(program.bin), 'run --conf production/' .. JOIN,
      '--warehouse killed --step-days 1 --parallelism 2 --start-ds', START, '--end-ds', END, '>/dev/null 2>&1')
    for _ = 1, 200 do -- its processes end soon after it
      -- a later range may have been faster than an earlier one
      local r = run(repo, 'killed', JOIN, '--step-days', '1', '--run-first-hole')
      if r.code == 0 then break end
      assert.matches('being written by another run', r.err)
      sh('sleep 0.05')
    end
    assert.equal(rows(repo, 'whole', 'shop.shop_training_set_v1'), rows(repo, 'killed', 'shop.shop_training_set_v1'))
  end)

  for why, case in pairs({
    ['needs --start-ds and --end-ds'] = { '--end-ds', END, '--parallelism', '2' },
    ['is more than the 2 days of 2024-01-08 to 2024-01-09'] = { '--start-ds', START, '--end-ds', '2024-01-09',
      '--parallelism', '3' },
    ['is of backfills, not of --mode analyze'] = { '--mode', 'analyze', '--start-ds', START, '--end-ds', END,
      '--parallelism', '2' },
  }) do
    it(why, function()
      local r = program.run({ 'run', '--conf', 'production/' .. JOIN, unpack(case) }, { cwd = repo })
      assert.equal(2, r.code)
      assert.matches(why, r.err, 1, true)
    end)
  end
end)
