--- What a run of the compiler does with a repo: what it writes, skips, refuses, and says.
local compile = require('spec.support.compile')
local program = require('spec.support.program')

local TEAMS = '{"default":{"table_properties":{"source":"chronon"}},"team":{"namespace":"ns"},'
  .. '"other":{"namespace":"other_ns"}}'

local repo
before_each(function()
  repo = program.folder()
  program.write(repo .. '/teams.json', TEAMS)
end)
after_each(function() program.remove(repo) end)

local function write(path, text)
  program.shell('mkdir -p ' .. program.quote((repo .. '/' .. path):match('^(.*)/')))
  program.write(repo .. '/' .. path, text)
end

--- A GroupBy file; `rest` goes into the constructor.
local function group_by(file, rest, column)
  write('group_bys/team/' .. file .. '.lua', ([[
local c = require "chronon"
return { v1 = c.GroupBy {
  sources = c.EventSource { table = "data.ev", topic = "ev", query = c.Query { time_column = "ts" } }, keys = {
    "user" },
  aggregations = { c.Aggregation { input_column = "%s", operation = c.Operation.SUM, windows = { "7d" } } }, %s } }
]]):format(column or 'd', rest or ''))
end

local function join(file, parts, rest)
  local list = {}
  for i, part in ipairs(parts) do
    list[i] = ('c.JoinPart { group_by = require("group_bys.team.%s").v1 }'):format(part)
  end
  write('joins/team/' .. file .. '.lua', ([[
local c = require "chronon"
return { v1 = c.Join {
  left = c.EventSource { table = "data.left", topic = "left", query = c.Query { selects = c.select("user"),
    time_column = "ts" } },
  right_parts = { %s }, %s } }
]]):format(table.concat(list, ', '), rest or ''))
end

local function exists(path)
  local file = io.open(repo .. '/' .. path)
  if file then file:close() end
  return file ~= nil
end

local function read(path) return program.read(repo .. '/' .. path) end

--- "name outcome" of every item.
local function outcomes(result)
  assert.equal(0, result.code, result.message)
  local list = {}
  for i, item in ipairs(result.items) do list[i] = item.name .. ' ' .. item.outcome
    .. (item.extra and ' extra' or '') end
  return list
end

describe('a run', function()
  it('writes, leaves what is the same, and writes what changed', function()
    group_by('g', 'online = true')
    assert.same({ 'team.g.v1 written' }, outcomes(compile.run(repo, { 'group_bys/team/g.lua' })))
    local before = read('production/group_bys/team/g.v1')
    assert.match('"outputNamespace": "ns"', before)
    program.shell('touch -d 2001-01-01 ' .. repo .. '/production/group_bys/team/g.v1')
    assert.same({ 'team.g.v1 unchanged' }, outcomes(compile.run(repo, { 'group_bys/team' })))
    assert.equal(0, program.shell('test ! ' .. repo .. '/production/group_bys/team/g.v1 -nt ' .. repo .. '/teams.json'))
    group_by('g', 'online = true, description = "new"')
    assert.same({ 'team.g.v1 written' }, outcomes(compile.run(repo, { repo .. '/group_bys/' })))
    assert.match('"description": "new"', read('production/group_bys/team/g.v1'))
  end)

  it('takes compiled names and names without ending', function()
    write('group_bys/team/deep/g.lua', '')
    group_by('deep/g', 'online = true')
    for _, input in ipairs { 'production/group_bys/team/deep.g.v1', './group_bys/team/deep/g',
      'group_bys/team/deep/' } do
      assert.equal('team.deep.g.v1', compile.run(repo, { input }).items[1].name)
    end
    assert.is_true(exists('production/group_bys/team/deep.g.v1'))
  end)

  it('writes elsewhere, or nothing, when asked', function()
    group_by('g', 'online = true')
    assert.same({ 'team.g.v1 written' }, outcomes(compile.run(repo, {}, { all = true, dry_run = true })))
    assert.is_false(exists('production'))
    outcomes(compile.run(repo, {}, { all = true, output_root = 'out' }))
    assert.is_true(exists('out/group_bys/team/g.v1'))
  end)

  it('gives the same bytes at every run', function()
    group_by('g', 'online = true, tags = { z = 1, y = 2, x = 3, w = 4 }, env = { a = { Q = "1", P = "2" } }')
    join('j', { 'g' }, 'online = true')
    outcomes(compile.run(repo, {}, { all = true, output_root = 'a' }))
    outcomes(compile.run(repo, {}, { all = true, output_root = 'b' }))
    assert.equal(0, program.shell(('diff -r %s/a %s/b'):format(repo, repo)))
  end)

  it('skips a GroupBy that nothing runs, and says why', function()
    group_by('g')
    local result = compile.run(repo, { 'group_bys/team/g.lua' })
    assert.same({ 'team.g.v1 skipped' }, outcomes(result))
    assert.match('neither online nor has it a backfill_start_date', result['team.g.v1'].message)
    assert.same({ 'team.g.v1 written' }, outcomes(compile.run(repo, { 'group_bys/team/g.lua' }, {
      force_overwrite = true })))
    result = compile.run(repo, { 'group_bys/team/g.lua' })
    assert.match('an older compiled file is left at production/group_bys/team/g.v1', result['team.g.v1'].message)
  end)

  it('writes the GroupBys of a join that run by themselves, with the defaults of their team', function()
    group_by('online', 'online = true')
    group_by('plain')
    join('j', { 'online', 'plain' })
    assert.same({ 'team.online.v1 written extra', 'team.j.v1 written' }, outcomes(compile.run(repo, {
      'joins/team/j.lua' })))
    assert.match('"tableProperties"', read('production/group_bys/team/online.v1'))
    local _, count = read('production/joins/team/j.v1'):gsub('"outputNamespace"', '')
    assert.equal(1, count, 'embedded GroupBys have no defaults of the team')
  end)

  it('stops when a repo or an input is not there', function()
    local result = compile.run(repo, { 'group_bys/team/nope.lua' })
    assert.match('nope.lua does not exist', result.message)
    result = compile.run(repo, { 'teams.json' })
    assert.match('definitions are under group_bys/, joins/ and staging_queries/', result.message)
    write('joins/team/j.py', '')
    assert.match("Chronon's own compiler reads Python", compile.run(repo, { 'joins/team/j.py' }).message)
    assert.match('no definition file is asked for; give one, or %-%-all', compile.run(repo, {}).message)
    assert.match('teams.json does not exist', compile.run(repo .. '/joins', {}, { all = true }).message)
    group_by('goose')
    assert.match('did you mean "group_bys/team/goose.lua"', compile.run(repo, { 'group_bys/team/gose.lua' }).message)
  end)
end)

describe('what is no regular file', function()
  local function compiled(...)
    return program.run({ 'compile', ... }, { cwd = repo })
  end

  --- A program that opened the pipe would wait for ever.
  before_each(function()
    program.shell(('mkdir -p %s/group_bys/team %s/production/joins/team'):format(repo, repo))
    program.shell('mkfifo ' .. repo .. '/group_bys/team/pipe.lua')
  end)

  it('is refused when it is asked for or required, and else left alone', function()
    local r = compiled('group_bys/team/pipe.lua')
    assert.equal(2, r.code)
    assert.matches('group_bys/team/pipe.lua is no regular file', r.err, 1, true)
    group_by('a')
    assert.equal(0, compiled('--all').code)
    write('group_bys/team/b.lua', 'return { v1 = require("group_bys.team.pipe").v1 }')
    assert.matches('group_bys/team/pipe.lua: is no regular file', compiled('group_bys/team/b.lua').err, 1, true)
  end)

  it('is refused among what is compiled', function()
    group_by('a')
    program.shell('mkfifo ' .. repo .. '/production/joins/team/j.v1')
    assert.matches('production/joins/team/j.v1: is no regular file', compiled('group_bys/team/a.lua').err, 1, true)
    local r = program.run({ 'run', '--conf', 'production/joins/team/j.v1' }, { cwd = repo })
    assert.matches('--conf production/joins/team/j.v1 is no regular file', r.err, 1, true)
  end)
end)

describe('a mistake in a file that another requires', function()
  it('is told by its own place, once', function()
    write('group_bys/team/b.lua', 'local h = require("group_bys.team.helper")\nreturn { v1 = h.v1 }')
    for text, message in pairs({
      ['local h = 5\nlocal x = h.foo.bar'] = "attempt to index local 'h' (a number value)",
      ['local h = 5\nlocal x = = 1'] = "unexpected symbol near '='",
      ['local c = require "chronon"\nlocal w = c.Window { length = "x", time_unit = c.TimeUnit.DAYS }'] =
        'Window.length: expected a whole number, got the string "x"',
    }) do
      write('group_bys/team/helper.lua', text)
      assert.equal('error: group_bys/team/helper.lua:2: ' .. message .. ' (required by group_bys/team/b.lua)\n',
        program.run({ 'compile', 'group_bys/team/b.lua', '-q' }, { cwd = repo }).err)
    end
  end)
end)

describe('what fails', function()
  it('has file and line, and the rest is compiled all the same', function()
    group_by('good', 'online = true')
    write('group_bys/team/bad.lua',
      'local c = require "chronon"\n\nlocal q = c.Query { select = {} }\nreturn { v1 = q }\n')
    write('group_bys/team/broken.lua', 'return {\n  v1 = = 1 }\n')
    local result = compile.run(repo, {}, { all = true })
    assert.same({ 'group_bys/team/bad.lua failed', 'group_bys/team/broken.lua failed', 'team.good.v1 written' },
      outcomes(result))
    assert.equal(2, result.failed)
    assert.equal('group_bys/team/bad.lua:3', result.items[1].where)
    assert.match('^Query: unknown parameter `select`', result.items[1].message)
    assert.equal('group_bys/team/broken.lua:2', result.items[2].where)
  end)

  it('an online join with an offline GroupBy is not written, nor what came with it', function()
    group_by('on', 'online = true')
    group_by('off')
    join('j', { 'on', 'off' }, 'online = true')
    local result = compile.run(repo, { 'joins/team/j.lua' })
    assert.same({ 'team.j.v1 failed' }, outcomes(result))
    assert.match('includes the following offline group_bys: team.off.v1', result['team.j.v1'].message)
    assert.match('^joins/team/j.lua:2$', result['team.j.v1'].where)
    assert.is_false(exists('production'))
  end)

  it('a derivation of what is not there is named', function()
    group_by('g', 'online = true, derivations = { c.Derivation { name = "x", expression = "d_sum_8d" } }')
    join('j', { 'g' }, 'derivations = { c.Derivation { name = "x", expression = "team_g_v1_x" } }')
    local result = compile.run(repo, {}, { all = true })
    assert.same({ 'team.g.v1 failed', 'team.j.v1 failed' }, outcomes(result))
    assert.match('Incorrect derivation expression d_sum_8d of x: no such column %(did you mean "d_sum_7d"%?%)',
      result['team.g.v1'].message)
    assert.match("join team.j.v1's underlying team.g.v1: Incorrect derivation", result['team.j.v1'].message)
  end)

  it('a team that is not in teams.json is named', function()
    write('staging_queries/teem/q.lua',
      'local c = require "chronon"\nreturn { v1 = c.StagingQuery { query = "SELECT 1" } }')
    local result = compile.run(repo, {}, { all = true })
    assert.match('team teem does not exist in .*teams.json %(did you mean "team"%?%)', result['teem.q.v1'].message)
  end)

  it('is no failure when it is only advice', function()
    write('group_bys/team/g.lua', [[
local c = require "chronon"
return { v1 = c.GroupBy { keys = { "user" }, backfill_start_date = "2024-01-01",
  sources = c.EventSource { table = "data.ev", query = c.Query { time_column = "ts" } },
  aggregations = { c.Aggregation { input_column = "d", operation = c.Operation.HISTOGRAM } } } }
]])
    local result = compile.run(repo, {}, { all = true })
    assert.same({ 'team.g.v1 written' }, outcomes(result))
    assert.same({ 'HISTOGRAM keeps every value: APPROX_HISTOGRAM_K stays small' }, result.warnings)
  end)

  it('dates and views are checked', function()
    group_by('g', 'online = true, deprecation_date = "soon"')
    write('staging_queries/team/q.lua', 'local c = require "chronon"\n'
      .. 'return { v1 = c.StagingQuery { query = "SELECT {{  START_date }}", createView = true } }')
    local result = compile.run(repo, {}, { all = true })
    assert.match('the deprecation date "soon" is not yyyy%-MM%-dd', result['team.g.v1'].message)
    assert.match('its query has {{ start_date }}', result['team.q.v1'].message)
  end)
end)

describe('what is compiled already', function()
  it('protects an online definition from a change of its values', function()
    group_by('g', 'online = true')
    outcomes(compile.run(repo, {}, { all = true }))
    local before = read('production/group_bys/team/g.v1')
    group_by('g', 'online = true', 'e')
    local result = compile.run(repo, {}, { all = true })
    assert.same({ 'team.g.v1 failed' }, outcomes(result))
    assert.match('is online, and the change would make its stored values wrong', result['team.g.v1'].message)
    assert.equal(before, read('production/group_bys/team/g.v1'))
    assert.same({ 'team.g.v1 written' }, outcomes(compile.run(repo, {}, { all = true, force_overwrite = true })))
  end)

  it('wants dependents compiled together, and knows when they are', function()
    group_by('g', 'backfill_start_date = "2024-01-01"')
    join('j', { 'g' })
    assert.same({ 'team.g.v1 written', 'team.j.v1 written' }, outcomes(compile.run(repo, {}, { all = true })))
    assert.same({ 'team.g.v1 unchanged' }, outcomes(compile.run(repo, { 'group_bys' })))
    group_by('g', 'backfill_start_date = "2024-01-01"', 'e')
    local result = compile.run(repo, { 'group_bys' })
    assert.same({ 'team.g.v1 failed' }, outcomes(result))
    assert.match('embed it as it was: team.j.v1; compile them in the same run', result['team.g.v1'].message)
    assert.same({ 'team.g.v1 written', 'team.j.v1 written extra' },
      outcomes(compile.run(repo, { 'group_bys' }, { force_overwrite = true })))
    assert.match('"inputColumn": "e"', read('production/joins/team/j.v1'))
    group_by('g', 'backfill_start_date = "2024-01-01"', 'f')
    assert.same({ 'team.g.v1 written', 'team.j.v1 written' }, outcomes(compile.run(repo, {}, { all = true })))
  end)

  it('is asked about joins, in the version of this run', function()
    group_by('g', 'online = true')
    join('j', { 'g' }, 'online = true')
    outcomes(compile.run(repo, {}, { all = true }))
    group_by('g', 'online = false, backfill_start_date = "2024-01-01"')
    local result = compile.run(repo, { 'group_bys' })
    assert.match('is explicitly offline, and these online joins include it: team.j.v1', result['team.g.v1'].message)
    join('j', { 'g' })
    result = compile.run(repo, {}, { all = true, force_overwrite = true })
    assert.same({ 'team.g.v1 written', 'team.j.v1 written' }, outcomes(result))
  end)

  it('makes the GroupBys of production joins production', function()
    group_by('g', 'online = true')
    join('j', { 'g' }, 'production = true')
    outcomes(compile.run(repo, {}, { all = true }))
    assert.match('"production": 1', read('production/group_bys/team/g.v1'))
    assert.same({ 'team.g.v1 unchanged' }, outcomes(compile.run(repo, { 'group_bys' })))
    group_by('g', 'online = true, production = false')
    local result = compile.run(repo, { 'group_bys' })
    assert.match('explicitly non%-production, and these production joins include it', result['team.g.v1'].message)
  end)

  it('keeps logging and, when asked, environments', function()
    group_by('g')
    join('k', { 'g' }, 'sample_percent = 100, check_consistency = true')
    join('j', { 'g' }, 'sample_percent = 12.5, env = { backfill = { X = "old" } }')
    outcomes(compile.run(repo, {}, { all = true }))
    assert.match('"samplePercent": 100.0,', read('production/joins/team/k.v1'))
    assert.match('"consistencySamplePercent": 5.0', read('production/joins/team/k.v1'))
    join('j', { 'g' }, 'env = { backfill = { X = "new" } }')
    local result = compile.run(repo, { 'joins' }, { keep_env = true })
    assert.match('goes on logging 12.5 %% of its requests', result.warnings[1])
    assert.match('"samplePercent": 12.5', read('production/joins/team/j.v1'))
    assert.match('"X": "old"', read('production/joins/team/j.v1'))
    outcomes(compile.run(repo, { 'joins' }, { disable_logging = true }))
    assert.is_nil(read('production/joins/team/j.v1'):find('samplePercent', 1, true))
    assert.match('"X": "new"', read('production/joins/team/j.v1'))
  end)

  it('warns when what stays uses what goes away', function()
    group_by('g', 'deprecation_date = "2030-01-01"')
    join('j', { 'g' })
    assert.match('join team.j.v1 uses team.g.v1, which goes away on 2030%-01%-01',
      compile.run(repo, { 'joins' }).warnings[1])
  end)
end)

describe('names and templates', function()
  it('come from the own file, also for what is imported or nested', function()
    write('group_bys/team/sub/base.lua', '')
    group_by('sub/base', 'name = "mine", online = true')
    join('j', { 'sub.base' })
    compile.run(repo, { 'joins' })
    assert.match('"name": "team.sub.base.v1"', read('production/joins/team/j.v1'))
    assert.is_true(exists('production/group_bys/team/sub.base.v1'))
  end)

  it('of GroupBys inside a join file are given, and the team is the join\'s', function()
    write('joins/team/deep/j.lua', [[
local c = require "chronon"
local labels = c.GroupBy { name = "team.inline", keys = { "user" }, backfill_start_date = "2024-01-01",
  sources = c.EntitySource { snapshotTable = "a.b", query = c.Query { selects = c.select("x") } } }
return { v1 = c.Join { right_parts = { c.JoinPart { group_by = labels } },
  left = c.EntitySource { snapshotTable = "c.d", query = c.Query { selects = c.select("user") } } } }
]])
    outcomes(compile.run(repo, {}, { all = true }))
    assert.match('"team": "team"', read('production/group_bys/team/inline'))
    assert.is_nil(read('production/joins/team/deep.j.v1'):find('"team": "deep"', 1, true))
  end)

  it('are filled in: namespaces of other teams, logs, the database', function()
    write('staging_queries/other/q.lua',
      'local c = require "chronon"\nreturn { v1 = c.StagingQuery { query = "SELECT 1" } }')
    write('joins/team/j.lua', [[
local c = require "chronon"
local q = require("staging_queries.other.q").v1
return { v1 = c.Join { right_parts = {}, online = true, sample_percent = 5, bootstrap_from_log = true,
  bootstrap_parts = { c.BootstrapPart { table = "{{ db }}.boot" } },
  left = c.StagingQueryEventSource { staging_query = q, query = c.Query { time_column = "ts" } } } }
]])
    outcomes(compile.run(repo, {}, { all = true }))
    local text = read('production/joins/team/j.v1')
    assert.match('"table": "other_ns.other_q_v1"', text)
    assert.match('wait_for_other_ns.other_q_v1_ds', text)
    assert.match('"table": "ns.boot"', text)
    assert.match('"table": "ns.team_j_v1_logged"', text)
    assert.match('ns.team_j_v1_logged/ds={{ ds }}', text)
    assert.is_nil(text:find('{{ db', 1, true))
  end)
end)
