--- Definitions at the prompt: loaded by name, made live, tried, served, compared.
local program = require('spec.support.program')

describe('a definition in the shell', function()
  local dir, repo

  local function run(code) return program.run({ 'repl', '-f', '-' }, { cwd = repo, stdin = code }) end

  local function out(code)
    local r = run(code)
    assert.equal('', r.err)
    return r.out
  end

  local LIVE = [[
gb = c.GroupBy {
  sources = c.EventSource {
    table = "raw.purchases",
    query = c.Query { selects = c.select("user_id", "amount"), time_column = "ts" },
  },
  keys = { "user_id" },
  aggregations = { c.Aggregation { input_column = "amount", operation = c.Operation.SUM, windows = { "3d" } } },
}
]]

  setup(function()
    dir = program.folder()
    repo = dir .. '/shop'
    assert.equal(0, program.run({ 'init', repo, '-q' }).code)
    for _, args in ipairs({
      { 'compile', '--all' },
      { 'run', '--mode', 'upload', '--conf', 'production/group_bys/shop/spending.v1', '--ds', '2024-01-14' },
      { 'run', '--mode', 'metadata-upload', '--conf', 'production/joins/shop/training_set.v1' },
    }) do
      local r = program.run(args, { cwd = repo })
      assert.equal(0, r.code, r.err)
    end
  end)
  teardown(function() program.remove(dir) end)

  it('is loaded by either form of its name', function()
    local expected = 'GroupBy shop.spending.v1\n  keys         user_id\n  reads        raw.purchases\n'
      .. '  features     amount_sum_1d, amount_sum_7d, amount_count_7d, item_last3_7d\n'
    assert.equal(expected, out('load "shop.spending.v1"\n'))
    assert.equal(expected, out('load "shop/spending.v1"\n'))
  end)

  it('is named when it is misspelt', function()
    assert.truthy(run('load "shop.spendings.v1"\n').err:find('did you mean shop.spending.', 1, true))
    assert.truthy(run('load "shop.spending.v2"\n').err:find('did you mean shop.spending.v1?', 1, true))
  end)

  it('is loaded again after an edit, into the variable, online or not', function()
    local path = repo .. '/group_bys/shop/spending.lua'
    local text = program.read(path)
    program.write(dir .. '/edited.lua', (text:gsub('"7d"', '"5d"')))
    local result = out(([[
gb = load "shop.spending.v1"
gb:schema():column("column")[3]
ok = os.execute("cp %s/edited.lua %s")
reload()
gb:schema():column("column")[3]
]]):format(dir, path))
    program.write(path, text)
    assert.equal('amount_sum_7d\n{ "shop.spending.v1" }\namount_sum_5d\n', result)
  end)

  it('is loaded when nothing would run it by itself', function()
    local text = program.read(repo .. '/group_bys/shop/spending.lua')
    local quiet = repo .. '/group_bys/shop/quiet.lua'
    program.write(quiet, (text:gsub('%s*online = true,', ''):gsub('%s*backfill_start_date[^\n]*', '')))
    assert.truthy(out('load("shop.quiet.v1").metaData.outputNamespace\n'):find('^shop\n'))
    os.remove(quiet)
  end)

  it('is compiled in the sandbox', function()
    program.write(repo .. '/group_bys/shop/bad.lua', 'os.execute("touch ' .. dir .. '/broken")\nreturn {}\n')
    local r = run('load "shop.bad.v1"\n')
    assert.equal(1, r.code)
    assert.truthy(r.err:find('group_bys/shop/bad.lua:1: ', 1, true), r.err)
    assert.not_equal(0, program.shell('test -e ' .. dir .. '/broken'))
    os.remove(repo .. '/group_bys/shop/bad.lua')
  end)

  it('tells its columns, its SQL and its rows', function()
    assert.equal('role    part  column         type    operation  window  input   group_by\n'
      .. 'key     NULL  user_id        string  NULL       NULL    NULL    NULL\n'
      .. 'output  NULL  amount_sum_3d  double  sum        3d      amount  NULL\n', out(LIVE .. 'gb:schema()\n'))
    assert.truthy(out(LIVE .. 'gb:sql { ds = "2024-01-10" }\n'):find([["ds" <= '2024-01-10']], 1, true))
    assert.equal('3\n', out(LIVE .. '#gb:sample(3)\n'))
  end)

  it('is backfilled into a result, and the warehouse stays as it was', function()
    local before = io.popen('find ' .. repo .. ' | sort'):read('*a')
    local computed = out(LIVE .. 'gb:backfill { ds = "2024-01-10" }:sort "user_id":head(2)\n')
    assert.equal('user_id  amount_sum_3d  ds\nada             126.75  2024-01-10\nbob              217.5  2024-01-10\n', computed)
    assert.equal(before, io.popen('find ' .. repo .. ' | sort'):read('*a'))
  end)

  it('gives the rows of the command', function()
    local day = '2024-01-10'
    local r = program.run({ 'run', '--mode', 'backfill', '--conf', 'production/joins/shop/training_set.v1', '--ds', day,
      '--start-ds', day }, { cwd = repo })
    assert.equal(0, r.code, r.err)
    local query = 'SELECT * FROM %s ORDER BY ts, user_id'
    local expected = program.run({ 'sql', '-o', 'csv', query:format('shop.shop_training_set_v1') }, { cwd = repo }).out
    local tried = out(('.mode csv\nr = load("shop.training_set.v1"):backfill { ds = "%s" }\nsql "%s"\n'):format(day,
      query:format('result_1')))
    assert.equal(expected, tried)
    assert.truthy(#expected > 200)
  end)

  it('writes a table when it is told to', function()
    assert.equal('n\n5\n', out(LIVE .. 'r = gb:backfill { ds = "2024-01-10", table = "try.spending" }\n'
      .. 'sql [[SELECT count(*) AS n FROM try.spending WHERE ds = "2024-01-10"]]\n'))
    program.shell('rm -r ' .. repo .. '/warehouse/try')
  end)

  it('may be part of a live join, beside a loaded one', function()
    local text = out(LIVE .. [[
j = c.Join {
  left = c.EventSource { table = "raw.visits", query = c.Query { selects = c.select("user_id"), time_column = "ts" } },
  right_parts = { c.JoinPart { group_by = gb }, c.JoinPart { group_by = load "shop.spending.v1" } },
}
j:backfill({ ds = "2024-01-10" }).columns
]])
    assert.truthy(text:find('"repl_gb_amount_sum_3d"', 1, true), text)
    assert.truthy(text:find('"shop_spending_v1_amount_sum_7d"', 1, true), text)
  end)

  it('has its name within one line, and when the variable was there before', function()
    local join = 'j = c.Join { left = c.EventSource { table = "raw.visits", query = c.Query { selects = c.select("user_id"), '
      .. 'time_column = "ts" } }, right_parts = { c.JoinPart { group_by = gb } } }\n'
    assert.equal('repl.gb\nrepl.j\n', out('do\n' .. LIVE .. join .. 'end\ngb.metaData.name\nj.metaData.name\n'))
    assert.equal('repl.gb\n', out('gb = 1\n' .. LIVE .. join .. 'gb.metaData.name\n'))
  end)

  it('tells where its features come from', function()
    local text = out('load("shop.training_set.v1"):lineage():filter "feature LIKE \'%sum_1d\'"\n')
    assert.equal('feature                         operation  window  group_by          expression              reads\n'
      .. 'shop_spending_v1_amount_sum_1d  sum        1d      shop.spending.v1  CAST(amount AS DOUBLE)  raw.purchases\n', text)
  end)

  it('tells what a query reads', function()
    assert.equal('feature  operation  window  group_by  expression  reads\n'
      .. 'item     NULL       NULL    NULL      NULL        raw.purchases\n',
      out('load("shop.sales.v1"):lineage():filter "feature = \'item\'"\n'))
  end)

  it('is fetched, explained and compared at an instant', function()
    local text = out([[
j = load "shop.training_set.v1"
j:fetch({ { user_id = "ada" }, { user_id = "bob" } }, "2024-01-15"):column "shop_spending_v1_amount_sum_7d"
j:explain({ user_id = "ada" }, { at = "2024-01-15" }):rows()[1].made_of
j:explain({ user_id = "ada" }, { at = "2024-01-15", feature = "shop_spending_v1_amount_sum_1d" }):filter "used":column "alone"
j:compare({ user_id = "ada" }, "2024-01-15"):column "same"
load("shop.spending.v1"):fetch({ user_id = "ada" }, 1705276800000):rows()[1].amount_count_7d
]])
    assert.equal('{ 229.5, 299.75 }\nbatch, 4 hops\n{ "null", "18.75", "13.5", "12.0", "36.0" }\n'
      .. '{ true, true, true, true }\n11\n', text)
  end)

  it('does what every example of help does', function()
    local text = out([[
for _, entry in ipairs(require("repl.doc").entries) do
  if entry.name ~= "exit" then
    local example = assert(loadstring("return " .. entry.example) or loadstring(entry.example), entry.example)
    example()
    print((entry.of or "") .. " " .. entry.name)
  end
end
]])
    assert.truthy(text:find('join compare', 1, true), text)
    assert.truthy(text:find('result drop', 1, true), text)
    program.shell('cd ' .. repo .. ' && rm -r warehouse/try one.csv')
  end)

  it('finds what differs between what is served and what a backfill gives', function()
    -- A row that came after the upload: the backfill knows it, the store does not.
    local late = dir .. '/late.csv'
    program.write(late, program.read(repo .. '/data/purchases.csv') .. 'ada,mug,1000.0,1705190400000,2024-01-14\n')
    local r = program.run({ 'repl', '--table', 'raw.purchases=' .. late, '-f', '-' }, { cwd = repo,
      stdin = 'load("shop.training_set.v1"):compare({ user_id = "ada" }, "2024-01-15"):filter("NOT same"):column "feature"\n' })
    assert.equal('', r.err)
    assert.truthy(r.out:find('shop_spending_v1_amount_sum_7d', 1, true), r.out)
  end)

  it('refuses keys that are none, with the nearest', function()
    local r = run('load("shop.training_set.v1"):fetch { usr_id = 1 }\n')
    assert.truthy(r.err:find('usr_id is no key of shop.training_set.v1 (did you mean user_id?)', 1, true), r.err)
  end)

  it('refuses options that are none, with the nearest', function()
    local r = run(LIVE .. 'gb:backfill { dss = "2024-01-10" }\n')
    assert.truthy(r.err:find('stdin:9: backfill has no option dss (did you mean "ds"?)', 1, true), r.err)
  end)

  it('tells what a constructor does not like, with the line', function()
    local r = run('x = 1\nc.GroupBy { keys = 3 }\n')
    assert.truthy(r.err:find('stdin:2: GroupBy: the parameter `sources` is missing', 1, true), r.err)
  end)
end)
