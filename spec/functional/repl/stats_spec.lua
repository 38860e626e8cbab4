--- How columns look, at the prompt.
local program = require('spec.support.program')

describe('stats in the shell', function()
  local dir, repo

  local function run(code) return program.run({ 'repl', '-f', '-' }, { cwd = repo, stdin = code, env = { COLUMNS = '200' } }) end

  local function out(code)
    local r = run(code)
    assert.equal('', r.err)
    return r.out
  end

  setup(function()
    dir = program.folder()
    repo = dir .. '/shop'
    assert.equal(0, program.run({ 'init', repo, '-q' }).code)
    assert.equal(0, program.run({ 'compile', '--all' }, { cwd = repo }).code)
  end)
  teardown(function() program.remove(dir) end)

  local NUMBERS = "r = duckdb [[SELECT range AS i, range * 0.5::DOUBLE AS half, 't' || (range % 2) AS t, "
    .. "DATE '2024-01-01' + range::INTEGER AS day, CASE WHEN range < 3 THEN [1] END AS list FROM range(11)]]\n"

  it('tells a row a column, of every kind', function()
    assert.equal(table.concat({
      'column  type        count  nulls  distinct  min         p05         p25         p50         p75         p95         '
        .. 'max         mean  shape',
      'i       bigint         11      0        11  0           0           2           5           8           10          '
        .. '10           5.0  █████▅',
      'half    double         11      0        11  0           0           1           2.5         4           5           '
        .. '5            2.5  ▅▅▅▅▅▅▅▅▅█',
      't       string         11      0         2  t0          NULL        NULL        NULL        NULL        NULL        '
        .. 't1          NULL  █▇',
      'day     date           11      0        11  2024-01-01  2024-01-01  2024-01-03  2024-01-06  2024-01-09  2024-01-11  '
        .. '2024-01-11  NULL  █████▅',
      'list    array<int>     11      8      NULL  NULL        NULL        NULL        NULL        NULL        NULL        '
        .. 'NULL        NULL  NULL',
    }, '\n') .. '\n', out(NUMBERS .. 'r:stats()\n'))
  end)

  it('gives what chronon stats gives', function()
    local r = program.run({ 'stats', 'raw.purchases', '--ds', '2024-01-14', '-b', '2024-01-13', '-c', 'amount', '-o', 'csv' },
      { cwd = repo })
    local p05, p25, p50, p75, p95 = r.out:match('\namount,double,9,0,0,0,7,[^,]+,([^,]+),([^,]+),([^,]+),([^,]+),([^,]+),')
    local psi = r.out:match(',([^,]+),[^,]+\n$')
    local text = out('r = stats("raw.purchases", { ds = "2024-01-14", baseline = "2024-01-13", columns = "amount" })\n'
      .. 'for _, row in ipairs(r:rows()) do\nprint(row.column, row.count, row.p05, row.p25, row.p50, '
      .. 'row.p75, row.p95, ("%.4f"):format(row.psi))\nend\n')
    assert.equal(table.concat({ 'amount', 9, p05, p25, p50, p75, p95, ('%.4f'):format(tonumber(psi)) }, '\t') .. '\n', text)
  end)

  it('is a result itself, and takes results by any name', function()
    assert.equal('{ "amount" }\n', out('stats("raw.purchases"):filter "mean < 100":column "column"\n'))
    assert.equal('{ 11 }\n{ 11 }\n', out(NUMBERS .. 'r:as "select"\nstats("select", { columns = { "i" } }):column "count"\n'
      .. 'h = r:head(11)\nstats("_", { columns = "i" }):column "count"\n'))
  end)

  it('keeps whole numbers whole', function()
    assert.equal('1704067200123\t1704067200123\t1704067200123\n', out(
      'row = duckdb [[SELECT 1704067200123 AS i]]:stats():rows()[1]\n' .. 'print(row.min, row.p50, ("%d"):format(row.mean))\n'))
  end)

  it('reads a definition\'s table, or a backfill where there is none', function()
    local live = 'gb = load "shop.spending.v1"\n'
    local one = 'gb:stats { ds = "2024-01-10", columns = "amount_sum_7d" }\n'
    local computed = out(live .. one)
    assert.truthy(computed:find('amount_sum_7d  double      5      0         5  82.5 ', 1, true), computed)
    assert.equal('false\n', out(live .. 'gb:stats { ds = "2024-01-10", baseline = "2024-01-08" }:rows()[2].psi == nil\n'))
    assert.equal('10\n', out(live .. 'gb:stats { baseline = "2024-01-12" }:rows()[1].count\n'))
    assert.equal(computed, out(live .. 'r = gb:backfill { ds = "2024-01-10", table = "shop.shop_spending_v1" }\n' .. one))
    assert.equal('0\n', out(live .. 'gb:stats { ds = "2024-01-09" }:rows()[1].count\n')) -- the table has no such day
    program.shell('rm -r ' .. repo .. '/warehouse/shop/shop_spending_v1')
  end)

  it('says what is wrong', function()
    local function wrong(code, message)
      local r = run(code)
      assert.equal(1, r.code)
      assert.truthy(r.err:find(message, 1, true), r.err)
    end
    wrong('stats "raw.purchase"\n', 'did you mean "raw.purchases"?')
    wrong('stats("raw.purchases", { column = "x" })\n', 'stats has no option column (did you mean "columns"?)')
    wrong('stats("raw.purchases", { columns = "amont" })\n', 'raw.purchases has no column amont (did you mean amount?)')
    wrong('stats("raw.purchases", { ds = "14.1." })\n', '"14.1." is not a date of the form yyyy-MM-dd')
    wrong('stats("raw.purchases", { ds = "2024-01-14", to = "2024-01-14" })\n', 'ds is one day, from and to are several')
    wrong('stats("raw.purchases", { columns = 3 })\n', 'stats: columns is a list of names')
    wrong('stats("raw.purchases", { columns = { 3 } })\n', 'stats: a column is a text, and got a number')
    wrong('stats(3)\n', 'stdin:1: stats takes the name of a table, a result or a definition')
    wrong(NUMBERS .. 'r:stats { ds = "2024-01-01" }\n', 'result_1 has no column ds')
  end)
end)
