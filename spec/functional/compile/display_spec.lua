local json = require('dkjson')
local program = require('spec.support.program')

local GROUP_BY = [[
local c = require "chronon"
local function make(o)
  o.sources = c.EventSource { table = "raw.t", topic = o.topic, query = c.Query {
    selects = c.select("user", "amount", "day"), time_column = "ts" } }
  o.topic = nil
  o.keys = { "user" }
  o.aggregations = { c.Aggregation { input_column = "amount", operation = c.Operation.SUM, windows = { "7d" } } }
  return c.GroupBy(o)
end
return {
  plain = make { backfill_start_date = "2024-01-01" },
  stream = make { online = true, topic = "events" },
  snap = make { online = true, accuracy = c.Accuracy.SNAPSHOT },
  temporal = make { online = true, accuracy = c.Accuracy.TEMPORAL },
  derived = make { backfill_start_date = "2024-01-01", derivations = {
    c.Derivation { name = "*", expression = "*" }, c.Derivation { name = "total", expression = "amount_sum_7d" } } },
}
]]
local JOIN = [[
local c = require "chronon"
local g = require "group_bys.shop.g"
local function make(o)
  o.left = c.EventSource { table = "raw.v", query = c.Query { selects = c.select("uid", "day"), time_column = "ts" } }
  o.right_parts = { c.JoinPart { group_by = g.stream, prefix = "p", key_mapping = { uid = "user" } } }
  return c.Join(o)
end
return {
  daily = make { check_consistency = true, sample_percent = 5, derivations = {
    c.Derivation { name = "spent", expression = "p_shop_g_stream_amount_sum_7d" } } },
  never = make { offline_schedule = "@never" },
}
]]

local dir
before_each(function()
  dir = program.folder()
  program.shell(('mkdir -p %s/group_bys/shop %s/joins/shop'):format(dir, dir))
  program.write(dir .. '/teams.json', '{"default": {}, "shop": {"namespace": "ns"}}')
  program.write(dir .. '/group_bys/shop/g.lua', GROUP_BY)
  program.write(dir .. '/joins/shop/j.lua', JOIN)
end)
after_each(function() program.remove(dir) end)

local function compile(...)
  local r = program.run({ 'compile', '--all', '-o', 'json', ... }, { cwd = dir })
  assert.equal(0, r.code, r.err .. r.out)
  local items = {}
  for _, item in ipairs(json.decode(r.out, 1, json.null).items) do items[item.name] = item end
  return items
end

describe('compile --table-display', function()
  it('names the tables of each mode', function()
    local items = compile('--table-display')
    local function tables(name) return items['shop.' .. name].tables end
    assert.same({ backfill = { 'ns.shop_g_plain' } }, tables('g.plain'))
    assert.same({ upload = { 'ns.shop_g_stream_upload' }, streaming = json.null }, tables('g.stream'))
    assert.same({ upload = { 'ns.shop_g_snap_upload' }, streaming = json.null }, tables('g.snap'))
    assert.same({ upload = { 'ns.shop_g_temporal_upload' } }, tables('g.temporal'))
    assert.same({
      backfill = { 'ns.shop_j_daily' },
      ['stats-summary'] = { 'ns.shop_j_daily_daily_stats' },
      ['consistency-metrics-compute'] = { 'ns.shop_j_daily_consistency' },
      ['log-flattener'] = { 'ns.shop_j_daily_logged' },
      bootstrap = { 'ns.shop_j_daily_bootstrap' },
      join_parts = { 'shop_j_daily_p_shop_g_stream' },
    }, tables('j.daily'))
    assert.same({ join_parts = { 'shop_j_never_p_shop_g_stream' } }, tables('j.never'))
    assert.is_nil(items['shop.j.never'].features)
    assert.is_nil(compile()['shop.g.plain'].tables)
  end)

  it('is JSON between marks for people', function()
    local r = program.run({ 'compile', 'group_bys/shop/g.lua', '--table-display' }, { cwd = dir })
    assert.matches('shop.g.plain - Output GroupBy Tables\njson.start\n{\n  "backfill": [\n    "ns.shop_g_plain"\n  ]\n}\n'
      .. 'json.end\n', r.out, 1, true)
  end)
end)

describe('compile --feature-display', function()
  it('lists columns', function()
    local items = compile('--feature-display')
    assert.same({ output_columns = { 'amount_sum_7d', 'user' } }, items['shop.g.plain'].features)
    assert.same({ output_columns = { 'user', 'total' } }, items['shop.g.derived'].features)
    local internal = { 'p_shop_g_stream_amount_sum_7d' }
    assert.same({ key_columns = { 'uid' }, left_columns = { 'uid', 'day', 'ts' }, internal_columns = internal,
      external_columns = {}, derived_columns = { 'spent' }, output_columns = { 'spent' } }, items['shop.j.daily'].features)
    assert.same(internal, items['shop.j.never'].features.output_columns)
    assert.is_nil(items['shop.j.never'].features.derived_columns)
  end)
end)

describe("compile.py's options", function()
  it('mean the same here', function()
    local r = program.run({ 'compile', '--chronon_root', dir, '--input_path', 'joins/shop/j.lua', '--yes', '--debug' },
      { cwd = '/' })
    assert.equal(0, r.code, r.err)
    assert.equal(0, program.shell('test -e ' .. dir .. '/production/joins/shop/j.daily'))
    program.write(dir .. '/joins/shop/j.lua', (JOIN:gsub('sample_percent = 5, ', '')))
    program.run({ 'compile', 'joins/shop/j.lua', '-q' }, { cwd = dir })
    assert.matches('"samplePercent": 5', program.read(dir .. '/production/joins/shop/j.daily'), 1, true)
    program.run({ 'compile', 'joins/shop/j.lua', '-q', '-y' }, { cwd = dir })
    assert.not_matches('samplePercent', program.read(dir .. '/production/joins/shop/j.daily'), 1, true)
  end)
end)
