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
  local source = [[{"table": "raw.purchases", "query": {"selects": {"user_id": "user_id", "amount": "CAST(amount AS DOUBLE)"},
    "timeColumn": "ts", "startPartition": "2024-01-01"}}]]
  program.write(repo .. '/production/group_bys/shop/daily.v1', [[{
    "metaData": {"name": "shop.daily.v1", "outputNamespace": "shop", "team": "shop"}, "isIncremental": 1, "accuracy": 1,
    "sources": [{"events": ]] .. source .. [[}], "keyColumns": ["user_id"], "backfillStartDate": "2024-01-01",
    "aggregations": [{"inputColumn": "amount", "operation": 7, "windows": [{"length": 3, "timeUnit": 1}]},
      {"inputColumn": "amount", "operation": 6, "argMap": {}, "windows": [{"length": 7, "timeUnit": 1}]}]}]])
  local parent = program.read(repo .. '/production/joins/shop/training_set.v1')
  local function part(name, accuracy)
    return ([[{"groupBy": {"metaData": {"name": "shop.%s", "outputNamespace": "shop", "team": "shop"}, "accuracy": %d,
      "sources": [{"joinSource": {"join": %s, "query": {"timeColumn": "ts",
        "selects": {"user_id": "user_id", "spent": "shop_spending_v1_amount_sum_7d"}}}}], "keyColumns": ["user_id"],
      "aggregations": [{"inputColumn": "spent", "operation": 7, "windows": [{"length": 4, "timeUnit": 1}]}]}}]])
      :format(name, accuracy, parent)
  end
  program.write(repo .. '/production/joins/shop/chained.v1', [[{
    "metaData": {"name": "shop.chained.v1", "outputNamespace": "shop", "team": "shop"},
    "left": {"events": {"table": "raw.visits", "query": {"selects": {"visit_id": "visit_id", "user_id": "user_id"},
      "timeColumn": "ts", "startPartition": "2024-01-08"}}},
    "joinParts": []] .. part('now', 0) .. ', ' .. part('then', 1) .. ']}')
  -- Never ends, but for the first day.
  local many = '(SELECT explode(sequence(1, 20000)) AS x)'
  program.write(repo .. '/production/staging_queries/shop/slow.v1', [[{
    "metaData": {"name": "shop.slow.v1", "outputNamespace": "shop", "team": "shop"},
    "query": "SELECT sum(a.x * b.x * c.x) AS s, '{{ end_date }}' AS ds FROM ]] .. many .. ' a CROSS JOIN ' .. many
    .. [[ b CROSS JOIN (SELECT * FROM ]] .. many .. [[ AS d WHERE '{{ end_date }}' > '2024-01-08') c",
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
    ['group_bys/shop/daily.v1'] = 'shop.shop_daily_v1',
    ['joins/shop/chained.v1'] = 'shop.shop_chained_v1',
    ['staging_queries/shop/days.v1'] = 'shop.shop_days_v1',
  }) do
    it('writes the rows of one run: ' .. conf, function()
      local serial, parallel = 'one_' .. name, 'many_' .. name
      local one = run(repo, serial, conf)
      assert.equal(0, one.code, one.err)
      local many = run(repo, parallel, conf, '--parallelism', '3', '-o', 'json')
      assert.equal(0, many.code, many.err)
      assert.is_truthy(rows(repo, serial, name):find('\n.+\n'))
      assert.equal(rows(repo, serial, name), rows(repo, parallel, name))
      assert.matches('2024%-01%-08 to 2024%-01%-09: ', many.err)
      assert.matches('2024%-01%-12 to 2024%-01%-14: ', many.err) -- the last takes what is over
      local again = run(repo, parallel, conf, '--parallelism', '2')
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

  it('leaves no process and no half partition after Ctrl-C, and the next run goes on', function()
    local slow = 'staging_queries/shop/slow.v1'
    local r = program.interrupt({ 'run', '--conf', 'production/' .. slow, '--warehouse', repo .. '/stopped', '--start-ds',
      START, '--end-ds', END, '--step-days', '1', '--parallelism', '3' },
      -- the first day of the first range is quick, and its second begins after it
      { cwd = repo, after = '2024-01-08 to 2024-01-09: step 2 of 2' })
    assert.equal(130, r.code, r.err)
    assert.matches('stopped by the user', r.err, 1, true)
    assert.equal('', r.children)
    assert.equal(0, sh('test -e', repo .. '/stopped/shop/shop_slow_v1/ds=2024-01-08'))
    assert.equal(0, sh('test $(ls -d', repo .. '/stopped/shop/shop_slow_v1/ds=* | wc -l) = 1'))
    assert.equal(0, sh('test -z "$(find', repo .. '/stopped', '-name "*.writing-*")"'))
    program.write(repo .. '/production/' .. slow, (program.read(repo .. '/production/' .. slow):gsub('20000', '2')))
    assert.equal(0, run(repo, 'stopped', slow, '--step-days', '1').code)
    assert.equal(0, sh('test $(ls -d', repo .. '/stopped/shop/shop_slow_v1/ds=* | wc -l) = 7'))
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

  for what, again in pairs({ ['in one run'] = {}, ['in ranges'] = { '--parallelism', '2' } }) do
    it('what a range left out before the first partition is missing, not expired: ' .. what, function()
      local conf, warehouse = 'staging_queries/shop/broken.v1', 'again' .. #again
      local query = RANGE .. ' GROUP BY ds'
      local function definition(ds)
        program.write(repo .. '/production/' .. conf, ([[{
          "metaData": {"name": "shop.broken.v1", "outputNamespace": "shop", "team": "shop"},
          "query": "SELECT %s AS ds, count(*) AS n %s", "startPartition": "2024-01-01"}]]):format(ds, query))
      end
      definition("CASE WHEN '{{ start_date }}' > '2024-01-08' THEN ds END")
      assert.equal(1, run(repo, warehouse, conf, '--parallelism', '3').code)
      assert.is_truthy(rows(repo, warehouse, 'shop.shop_broken_v1'):find('2024-01-10', 1, true))
      definition('ds')
      local r = run(repo, warehouse, conf, unpack(again))
      assert.equal(0, r.code, r.err)
      assert.matches('has no day before 2024-01-10, and a run in ranges from 2024-01-08 did not end', r.err, 1, true)
      assert.is_truthy(rows(repo, warehouse, 'shop.shop_broken_v1'):find('2024-01-08', 1, true))
      -- From now on what is not there is expired.
      for d = 8, 9 do program.remove(('%s/%s/shop/shop_broken_v1/ds=2024-01-0%d'):format(repo, warehouse, d)) end
      for _, more in ipairs({ {}, { '--parallelism', '2' } }) do
        assert.matches('nothing to do', run(repo, warehouse, conf, unpack(more)).out, 1, true)
      end
    end)
  end

  it('leaves whole partitions when it is killed, and goes on', function()
    sh('cd', program.quote(repo), '&& timeout -s KILL 0.35', program.quote(program.bin), 'run --conf production/' .. JOIN,
      '--warehouse killed --step-days 1 --parallelism 2 --start-ds', START, '--end-ds', END, '>/dev/null 2>&1')
    for _ = 1, 200 do -- its processes end soon after it
      local r = run(repo, 'killed', JOIN, '--step-days', '1')
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
