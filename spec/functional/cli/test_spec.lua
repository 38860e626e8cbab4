--- chronon test, as an author uses it; the page's examples, and what no test file may do: end it.
local json = require 'dkjson'
local program = require 'spec.support.program'
local seed = require 'spec.support.seed'

local head = [[
local c = require "chronon"
local t = require "chronon.test"
local Op = c.Operation
local day, noon = "2024-01-01T00:00:00Z", 1704110400000
local function events(more)
  local spec = {
    sources = c.EventSource { table = "data.x", query = c.Query { selects = c.select("k", "v"), time_column = "ts" } },
    keys = { "k" },
    aggregations = { c.Aggregation { input_column = "v", operation = Op.SUM, windows = { "1d" } } },
    accuracy = c.Accuracy.TEMPORAL,
  }
  for key, value in pairs(more or {}) do spec[key] = value end
  return c.GroupBy(spec)
end
]]

describe('chronon test', function()
  local dir, repo

  before_each(function()
    dir = program.folder()
    repo = dir .. '/shop'
    assert.equal(0, program.run({ 'init', repo }).code)
  end)

  after_each(function() program.remove(dir) end)

  local function run(...) return program.run({ 'test', ... }, { cwd = repo }) end

  --- Runs a file of its own after `head`, whose lines it does not count.
  local function try(body)
    program.write(repo .. '/group_bys/shop/own_test.lua', head:gsub('\n', ' ') .. '\n' .. body)
    return run('group_bys/shop/own_test.lua')
  end

  it('passes in the repo of init, whose warehouse stays as it is, and leaves nothing behind', function()
    local temp = dir .. '/tmp'
    local killed = temp .. '/chronon-test-killed'
    program.shell(('mkdir -p %s/warehouse && touch %s/lock'):format(killed, killed))
    local r = program.run({ 'test' }, { cwd = repo, env = { TMPDIR = temp } })
    assert.equal('', r.err)
    assert.equal(0, r.code)
    assert.matches('\n4 passed, 0 failed\n$', r.out)
    assert.is_nil(r.out:find('\27'))
    assert.equal(1, program.shell('test -e ' .. repo .. '/warehouse'))
    assert.equal(0, program.shell('test -z "$(ls -A ' .. temp .. ')"'))
  end)

  it('is not compiled with the definitions', function()
    local r = program.run({ 'compile', '--all' }, { cwd = repo })
    assert.equal(0, r.code, r.err)
    assert.is_nil(r.out:find('_test'))
    r = program.run({ 'compile', 'group_bys/shop/spending_test.lua' }, { cwd = repo })
    assert.equal(2, r.code)
    assert.matches('holds tests: `chronon test', r.err)
  end)

  it('says what differs and where', function()
    local r = try([[
t.table("data.x", { { k = "a", v = 1, ts = "2024-01-01T10:00:00Z" }, { k = "a", v = 2, ts = "2024-01-01T11:00:00Z" } })
local gb = events()
t.test("two differ", function()
  t.expect(gb, { k = "a" }, "2024-01-01T10:30:00Z", { v_sum_1d = 1 })
  t.expect(gb, { k = "a" }, "2024-01-01T11:30:00Z", { v_sum_1d = 4 })
  t.expect(gb, { k = "b" }, 1704108600000, { v_sum_1d = 0 })
end)
t.test("one passes", function()
  t.expect(gb, { k = "a" }, "2024-01-02T11:30:00Z", { v_sum_1d = 2 })
end)]])
    assert.equal(1, r.code)
    assert.equal([[
failed group_bys/shop/own_test.lua: two differ (N ms)
  group_bys/shop/own_test.lua:6: shop.test.definition_1: v_sum_1d of {"k": "a"} at 2024-01-01T11:30:00Z
    got  3
    want 4
  group_bys/shop/own_test.lua:7: shop.test.definition_1: v_sum_1d of {"k": "b"} at 1704108600000
    got  null
    want 0
passed group_bys/shop/own_test.lua: one passes (N ms)
1 passed, 1 failed
]], (r.out:gsub('%d+ ms', 'N ms')))
  end)

  it('gives the differences as data', function()
    try([[
t.test("differs", function()
  t.table("data.x", { { k = 1, v = 0.1, ts = day } })
  t.expect(events(), { k = 1 }, noon, { v_sum_1d = 0.2 })
end)]])
    local r = run('group_bys/shop/own_test.lua', '--output', 'json')
    local doc = json.decode(r.out)
    assert.equal(1, doc.failed)
    assert.equal(0, doc.passed)
    local failure = doc.tests[1].failures[1]
    assert.same({
      where = 'group_bys/shop/own_test.lua:4', definition = 'shop.test.definition_1', feature = 'v_sum_1d',
      keys = '{"k": 1}', at = '1704110400000', got = '0.1', want = '0.2',
    }, failure)
  end)

  -- Each is the body of a test, and what it must say.
  local mistakes = {
    { ' ', 'own_test.lua:2: the test expects nothing' },
    { 'local x = nil x()', 'own_test.lua:3: attempt to call' },
    { 't.expect(events(), { k = 1 }, "2024-01-01")', ':3: t.expect expects no feature' },
    { 't.expect({ v1 = events() }, { k = 1 }, "2024-01-01", { a = 1 })', 'is its `.v1` meant' },
    { 't.expect(events(), { kk = 1 }, "2024-01-01", { a = 1 })', 'the keys lack k' },
    { 't.expect(events(), { k = 1, l = 2 }, noon, { a = 1 })', 'l is no key of' },
    { 't.expect(events(), { k = 1 }, "soon", { v_sum_1d = 1 })', '"soon" is no instant' },
    { 't.expect(events(), { k = 1 }, noon, { v_sum_1d = 1, v_sum1d = 1 })', 'no feature v_sum1d (did you mean v_sum_1d?)' },
    { 't.table("data.x", { { k = 1, ts = day }, { k = "a", ts = day } }) t.expect(events(), { k = 1 }, noon, { v_sum_1d = 1 })',
      'k has values of two types, a number and a string' },
    { 't.table("data.x", { columns = { v = "duble" } }, {}) t.expect(events(), { k = 1 }, noon, { v_sum_1d = 1 })',
      '"duble" is no type' },
    { 't.table("data.x", { column = {} }, {})', 'unknown option `column` (did you mean "columns"?)' },
    { 't.table("data.x", { a = 1 })', 'is a list of rows' },
    { 't.table("data", {})', 'takes the name of a table' },
    { 't.table("data.x", { { k = 1, ts = "noon" } }) t.expect(events(), { k = 1 }, noon, { v_sum_1d = 1 })',
      'data.x: row 1 has no `ds`' },
    { 't.table("data.x", {}) t.table("data.x", {})', 'is given twice' },
    { 't.table("data.x", { { k = 1, ts = day } }) t.expect(events(), { k = 1 }, noon, { v_sum_1d = 1 })',
      'column "v" is not in data.x' },
    { 't.expect(events { keys = { "z" } }, { z = 1 }, noon, { v_sum_1d = 1 })', 'z' },
    { 't.expect_error(function() end, "x")', ':3: nothing failed' },
    { 't.expect_error(function() error("one") end, "two")', 'another message than "two"' },
    { 't.expect_error(function() t.expect(events(), { k = 1 }, noon) end, "two")', 'it does not fail, and "two" was expected' },
    { 't.test("inner", function() end)', 'a test inside the test "it"' },
    { 't.expct()', 'chronon.test has no expct (did you mean "expect"?)' },
    { 'os.exit(0)', '`os` is not available' },
    { 't.expect_rows(events(), { { k = 5 } })', 'no row is like {"k": 5}' },
    { 't.expect_rows(events(), {})', 'a row that is not expected: {"k": 1' },
    { 't.expect_rows(events(), { { kk = 5 } })', 'has no column kk (did you mean k?)' },
  }

  it('says what is wrong with a test, and runs the others', function()
    for _, mistake in ipairs(mistakes) do
      local table_given = mistake[1]:find('t.table', 1, true)
      local r = try(([[
t.test("it", function()
  %s%s
end)
t.test("other", function()
  t.table("data.x", { { k = 1, v = 1, ts = day } })
  t.expect(events(), { k = 1 }, noon, { v_sum_1d = 1 })
end)]]):format(table_given and '' or 't.table("data.x", { { k = 1, v = 1, ts = day } }) ', mistake[1]))
      assert.equal(1, r.code, r.err)
      assert.is_truthy(r.out:find(mistake[2], 1, true), mistake[1] .. '\n' .. r.out)
      assert.matches('\n1 passed, 1 failed\n$', r.out, 1, mistake[1])
    end
  end)

  it('fails a file that cannot be run', function()
    for text, message in pairs {
      ['local t = 1 +'] = 'unexpected symbol',
      ['require "chronon.test"'] = 'it has no test',
      ['while true do end'] = 'too long',
      ['require "group_bys.shop.spendng"'] = 'did you mean "group_bys.shop.spending"',
    } do
      program.write(repo .. '/group_bys/shop/own_test.lua', text)
      local r = run()
      assert.equal(1, r.code)
      assert.is_truthy(r.out:find(message, 1, true), r.out)
      assert.matches('\n4 passed, 1 failed\n$', r.out)
    end
  end)

  it('takes files, folders and names', function()
    assert.matches('\n1 passed', run('joins').out)
    assert.matches('\n3 passed', run(repo .. '/group_bys/shop/spending_test.lua').out)
    local r = run('--filter', 'last*first', '-q')
    assert.equal('1 passed, 0 failed\n', r.out)
    for _, args in ipairs { { 'joins/shop/trainig_set_test.lua' }, { 'teams.json' }, { '/tmp' }, { '--filter', 'zz' } } do
      r = run(unpack(args))
      assert.equal(2, r.code, args[1])
      assert.not_equal('', r.err)
    end
    assert.matches('did you mean', run('joins/shop/trainig_set_test.lua').err)
  end)

  it('keeps the tables of tests apart, however many there are', function()
    local body = { 'local gb = events()' }
    for i = 1, 12 do
      body[#body + 1] = ([[t.test("%d", function()
  t.table("data.x", { { k = "a", v = %d, ts = "2024-01-0%dT00:00:00Z" } })
  t.expect(gb, { k = "a" }, "2024-01-0%dT12:00:00Z", { v_sum_1d = %d })
  t.expect(gb, { k = "a" }, "2024-01-0%dT12:00:00Z", { v_sum_1d = t.null })
end)]]):format(i, i, i % 2 + 1, i % 2 + 1, i, i % 2 + 3)
    end
    local r = try(table.concat(body, '\n'))
    assert.matches('\n12 passed, 0 failed\n$', r.out)
  end)

  it('knows snapshots, mutations, chains, and values of all types; files of no team too', function()
    program.shell('mkdir ' .. repo .. '/tests')
    program.write(repo .. '/tests/kinds_test.lua', [==[
local c = require "chronon"
local t = require "chronon.test"
local Op = c.Operation
local function agg(input, op) return c.Aggregation { input_column = input, operation = op } end
local function events(...)
  return c.EventSource { table = "data.x", query = c.Query { selects = c.select(...), time_column = "ts" } }
end
local function entities(query)
  query.selects = query.selects or c.select("k", "plan")
  return c.EntitySource { snapshot_table = "data.dim", query = c.Query(query) }
end

t.test("values", function()
  local gb = c.GroupBy {
    sources = events("k", "big", "w", "l", "b"), keys = { "k" }, accuracy = c.Accuracy.TEMPORAL,
    aggregations = { agg("big", Op.MAX), agg("w", Op.HISTOGRAM), agg("w", Op.LAST_K(2)), agg("b", Op.LAST),
      agg("l", Op.LAST), agg("big", Op.AVERAGE) },
  }
  t.table("data.x", { columns = { big = "bigint", l = "array<double>" } }, {
    { k = "a", big = "9007199254740993", w = "x", l = { 1, 2.5 }, b = true, ts = "2024-01-01T00:00:00Z" },
    { k = "a", big = 5, w = "y", l = {}, ts = "2024-01-01T01:00:00Z" },
  })
  t.expect(gb, { k = "a" }, "2024-01-02", { big_max = "9007199254740993", w_histogram = { x = 1, y = 1 } })
  t.expect(gb, { k = "a" }, "2024-01-02", { w_last2 = { "y", "x" }, b_last = true, l_last = {} })
  t.expect(gb, { k = "a" }, "2024-01-02", { big_average = t.approx(4.5e15, 1e14) })
  t.expect(gb, { k = "a" }, "2024-01-02", { big_max = "9007199254740992" })
  t.expect(gb, { k = "a" }, "2024-01-02", { w_histogram = { x = 1 } })
  t.expect(gb, { k = "a" }, "2024-01-02", { w_last2 = { "y" } })
  t.expect(gb, { k = "a" }, "2024-01-02", { b_last = false })
  t.expect(gb, { k = "a" }, "2024-01-02", { l_last = { 1 } })
  t.expect(gb, { k = "a" }, "2024-01-02", { big_average = t.approx(4.5e15, 1) })
end)
t.test("snapshot", function()
  local gb = c.GroupBy { sources = entities {}, keys = { "k" }, aggregations = { agg("plan", Op.MAX) } }
  t.table("data.dim", { ds = "2024-01-01" }, { { k = "a", plan = "free" } })
  t.expect(gb, { k = "a" }, "2024-01-02T10:00:00Z", { plan_max = "free" })
  t.expect(gb, { k = "a" }, "2024-01-03T10:00:00Z", { plan_max = t.null })
end)
t.test("snapshot without days", function()
  t.table("data.dim", { { k = "a", plan = "free", ts = "2024-01-01" } })
  t.expect(c.GroupBy { sources = entities {}, keys = { "k" } }, { k = "a" }, "2024-01-02T10:00:00Z", { plan = "free" })
end)
t.test("mutations", function()
  local source = entities { selects = c.select("k", "v"), time_column = "ts", mutation_time_column = "mutated",
    reversal_column = "is_before" }
  source.mutationTable, source.mutationTopic = "data.mut", "m/host=h/port=1"
  local gb = c.GroupBy { sources = source, keys = { "k" }, aggregations = { agg("v", Op.SUM) } }
  local ts, mutated = "2024-01-01T05:00:00Z", "2024-01-02T05:00:00Z"
  t.table("data.dim", { ds = "2024-01-01" }, { { k = "a", v = 1, ts = ts } })
  t.table("data.mut", {
    { k = "a", v = 1, ts = ts, is_before = true, mutated = mutated },
    { k = "a", v = 7, ts = ts, is_before = false, mutated = mutated },
  })
  t.expect(gb, { k = "a" }, "2024-01-02T04:00:00Z", { v_sum = 1 })
  t.expect(gb, { k = "a" }, "2024-01-02T06:00:00Z", { v_sum = 7 })
end)
t.test("join", function()
  local users = c.GroupBy { name = "shop.users", sources = entities { partition_column = "day" }, keys = { "k" },
    aggregations = { agg("plan", Op.MAX) } }
  local join = c.Join {
    left = events("uid", "v"),
    right_parts = { c.JoinPart { group_by = users, key_mapping = { uid = "k" } } },
    derivations = { c.Derivation { name = "*", expression = "*" },
      c.Derivation { name = "up", expression = "UPPER(shop_users_plan_max)" } },
  }
  t.table("data.dim", { { k = "a", plan = "free", day = "2024-01-01" } })
  t.table("data.x", { { uid = "a", v = 1, ts = "2024-01-02T05:00:00Z" } })
  t.expect_rows(join, {
    { uid = "a", v = 1, ts = "2024-01-02T05:00:00Z", shop_users_plan_max = "free", up = "FREE", ds = "2024-01-02" },
  })
  t.expect(join, { uid = "a", v = 3 }, "2024-01-02T05:00:00Z", { up = "FREE" })
end)
]==])
    local r = run('tests')
    local lines = {}
    for line in r.out:gmatch('tests/kinds_test%.lua:(%d+): test') do lines[#lines + 1] = tonumber(line) end
    assert.same({ 26, 27, 28, 29, 30, 31 }, lines, r.out)
    assert.matches('row 1 has no `ds`, the day of its partition, and rows of a snapshot have no other', r.out)
    assert.matches('\n3 passed, 2 failed\n$', r.out)
  end)

  it('stops when it is told to, and removes what it made', function()
    local temp = dir .. '/tmp'
    program.shell('mkdir ' .. temp)
    local body = { head, 'local gb = events() t.table("data.x", { { k = "a", v = 1, ts = day } })' }
    for i = 1, 2000 do
      body[#body + 1] = ('t.test("%d", function() t.expect(gb, { k = "a" }, noon, { v_sum_1d = 1 }) end)'):format(i)
    end
    program.write(repo .. '/group_bys/shop/own_test.lua', table.concat(body, '\n'))
    local code = program.shell(([[
cd %s
TMPDIR=%s %s test group_bys/shop/own_test.lua >../out 2>../err &
for i in $(seq 600); do
  if ls %s/*/warehouse/* >../seen 2>&1; then break; fi
  sleep 0.05
done
kill -INT $!
wait $!
]]):format(repo, temp, program.quote(program.bin), temp))
    assert.equal(130, code, program.read(dir .. '/err'))
    assert.equal(0, program.shell('test -z "$(ls -A ' .. temp .. ')"'))
  end)

  it('does what its page shows', function()
    local page = program.read('docs/reference/testing.md')
    for path, text in page:gmatch('```lua (%S+)\n(.-)```') do program.write(repo .. '/' .. path, text) end
    local n = 0
    for args, shown in page:gmatch('```console\n%$ chronon test ([^\n]*)\n(.-)```') do
      local words = {}
      for word in args:gmatch('%S+') do words[#words + 1] = word end
      local r = run(unpack(words))
      assert.equal((shown:gsub('%d+ ms', 'N ms')), (r.out:gsub('%d+ ms', 'N ms')))
      n = n + 1
    end
    assert.equal(3, n)
    assert.matches('\n3 passed, 0 failed\n$', run('group_bys/shop/types_test.lua').out)
  end)

  it('outlives any test file', function()
    local random, start = seed.random('outlives any test file')
    local good = program.read(repo .. '/group_bys/shop/spending_test.lua')
    local words = { 't.null', '{}', '"2024-01-08"', '1e308', '-1', '0/0', 'nil', 'spending.v1', 'spending', '"\\0"', '2^63',
      'function() end', '{ {} }', 't.approx(1)', '"raw.purchases"', '{ a = { b = {} } }', 'true', '"ds"', 'ts = 5,', 'ds = "x",' }
    for i = 1, 40 do
      local text = good
      for _ = 1, random(1, 4) do
        local at = random(1, #text)
        local from = text:find('[%w"{]', at) or 1
        local to = text:find('[,%s})]', from + 1) or #text
        text = text:sub(1, from - 1) .. words[random(1, #words)] .. text:sub(to)
      end
      program.write(('%s/group_bys/shop/r%d_test.lua'):format(repo, i), text)
    end
    local r = run('group_bys')
    assert.equal(1, r.code, 'seed ' .. start .. ': ' .. r.err)
    assert.matches('\n%d+ passed, %d+ failed\n$', r.out, 1, 'seed ' .. start)
  end)
end)

describe('chronon test --consistency', function()
  local dir, repo

  before_each(function()
    dir = program.folder()
    repo = dir .. '/shop'
    assert.equal(0, program.run({ 'init', repo }).code)
  end)

  after_each(function() program.remove(dir) end)

  local function run(...) return program.run({ 'test', '--consistency', ... }, { cwd = repo }) end

  --- Writes the definition own.v1 over a table that the repo does not have.
  local function define(query, rest)
    program.write(repo .. '/group_bys/shop/own.lua', ([[
local c = require "chronon"
local Op = c.Operation
return { v1 = c.GroupBy {
  sources = c.EventSource { table = "raw.nowhere", topic = "clicks/host=h/port=1", query = c.Query { %s } },
  keys = { "k", "l" },
  accuracy = c.Accuracy.TEMPORAL,
  %s
} }]]):format(query, rest))
    return run('shop.own.v1', '--seed', '11')
  end

  it('passes for the GroupBys of init that are online, and leaves nothing behind', function()
    local temp = dir .. '/tmp'
    program.shell('mkdir ' .. temp)
    local r = program.run({ 'test', '--consistency', '--seed', '3' }, { cwd = repo, env = { TMPDIR = temp } })
    assert.equal('', r.err)
    assert.equal('passed group_bys/shop/spending.lua:N: shop.spending.v1: seed 3: 192 values of batch, ' ..
      '192 of them not null (N ms)\n1 passed, 0 failed\n', (r.out:gsub(':%d+:', ':N:'):gsub('%d+ ms', 'N ms')))
    assert.equal(1, program.shell('test -e ' .. repo .. '/warehouse'))
    assert.equal(0, program.shell('test -z "$(ls -A ' .. temp .. ')"'))
  end)

  it('streams what the upload does not have: all operations, expressions, tiles', function()
    for _, tiled in ipairs { '', 'enable_tiling = true, ' } do
      local r = define([[
        selects = c.select("k", { l = "CAST(code AS STRING)", n = "CAST(amount AS BIGINT)" }, "amount", "word", "kind"),
        wheres = { "kind IN ('view', 'buy')", "amount > -5" },
        time_column = "UNIX_TIMESTAMP(at) * 1000"]], tiled .. [[
        aggregations = {
          c.Aggregation { input_column = "amount", operation = Op.SUM, windows = { "1h", "1d", "7d", "14d" } },
          c.Aggregation { input_column = "amount", operation = Op.AVERAGE, windows = { "6h" }, buckets = { "kind" } },
          c.Aggregation { input_column = "amount", operation = Op.VARIANCE, windows = { "3d" } },
          c.Aggregation { input_column = "n", operation = Op.MAX },
          c.Aggregation { input_column = "n", operation = Op.COUNT, windows = { "1d" } },
          c.Aggregation { input_column = "word", operation = Op.LAST_K(3), windows = { "2d" } },
          c.Aggregation { input_column = "word", operation = Op.FIRST, windows = { "12h" } },
          c.Aggregation { input_column = "word", operation = Op.HISTOGRAM, windows = { "7d" } },
          c.Aggregation { input_column = "word", operation = Op.APPROX_UNIQUE_COUNT, windows = { "7d" } },
        },
        derivations = { c.Derivation { name = "*", expression = "*" },
          c.Derivation { name = "twice", expression = "2 * amount_sum_1d" } }]])
      assert.equal(0, r.code, r.out .. r.err)
      local values, known = r.out:match('seed 11: (%d+) values of batch and stream, (%d+) of them not null')
      assert.is_true(tonumber(values) > 1000, r.out)
      assert.is_true(tonumber(known) > tonumber(values) / 2, r.out)
    end
  end)

  it('says what differs, and gives it as data', function()
    local query = 'selects = c.select("k", "l", { now = "UNIX_MILLIS(CURRENT_TIMESTAMP())" }), time_column = "ts"'
    local rest = 'aggregations = { c.Aggregation { input_column = "now", operation = Op.LAST } }'
    local r = define(query, rest)
    assert.equal(1, r.code, r.err)
    assert.matches('\n  shop%.own%.v1: now_last of {"k": "k%d", "l": "k%d"} at %d+\n    backfill %d+\n    fetched  %d+\n', r.out)
    assert.matches('\n  and %d+ more\n0 passed, 1 failed\n$', r.out)
    r = run('shop/own.v1', '--seed', '11', '-o', 'json')
    local failure = json.decode(r.out).tests[1].failures[1]
    assert.equal('now_last', failure.feature)
    assert.not_equal(failure.backfill, failure.fetched)
  end)

  it('says what it cannot compare, and what says nothing', function()
    local aggregations = 'aggregations = { c.Aggregation { input_column = "v", operation = Op.COUNT } }'
    local r = define('selects = c.select("k", "l", "v"), time_column = "CAST(ts1 AS BIGINT) + ts2"', aggregations)
    assert.matches('^skipped .*its time_column .* is no expression that rows can be made for', r.out)
    r = define('selects = c.select("k", "l", "v"), time_column = "ts", wheres = { "v = k AND v != k" }', aggregations)
    assert.equal(1, r.code)
    assert.matches('none of the rows made gives a feature', r.out)
    r = run('shop.own.v2')
    assert.equal(2, r.code)
    assert.matches('did you mean shop%.own%.v1', r.err)
    assert.equal(2, run('--seed', 'x').code)
  end)
end)
