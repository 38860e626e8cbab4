--- chronon convert: the Lua that it writes compiles to the JSON that it read.
local compile = require('spec.support.compile')
local json = require('dkjson')
local program = require('spec.support.program')

local GOLDEN, MORE = 'spec/golden', 'spec/golden-more'

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function kind_of(text)
  local doc = json.decode(text)
  return doc.left and 'joins' or doc.sources and 'group_bys' or 'staging_queries'
end

--- Puts compiled definitions into a repo: path -> text.
local function put_compiled(repo, files)
  local put = {}
  for _, path in ipairs(files) do
    local text = program.read(path)
    local team, rest = path:match('([^./]+)%.([^/]+)%.json$')
    local target = ('production/%s/%s/%s'):format(kind_of(text), team, rest)
    program.shell(('mkdir -p %s/%s'):format(repo, target:match('^(.*)/')))
    program.write(repo .. '/' .. target, text)
    put[target] = text
  end
  return put
end

--- Compiles what was written: item by name.
local function compiled(repo, again)
  local result = compile.run(repo, {}, { all = true, force_overwrite = true, output_root = again })
  assert.equal(0, result.code, result.message)
  return result
end

local function luacheck(repo)
  local code = program.shell(('cd %s && luacheck -q --std luajit --max-line-length 132 $(find . -name "*.lua") >%s/luacheck')
    :format(repo, repo))
  assert.equal(0, code, program.read(repo .. '/luacheck'))
end

-- What the compiler refuses: patched by hand, see case.json.
local REFUSED = {
  gb_hour_window_snapshot = { 'has no Lua form: GroupBy.aggregations[1].windows[1]: a window of ' },
}

describe('convert of the golden case', function()
  local repo
  before_each(function() repo = program.folder() end)
  after_each(function() program.remove(repo) end)

  for _, folder in ipairs { GOLDEN, MORE } do
    for _, case in ipairs(lines_of('ls ' .. folder)) do
      local confs = lines_of(('ls %s/%s/*.*.json 2>/dev/null | grep -v case.json'):format(folder, case))
      if #confs > 0 and case ~= 'tables' then
        it(case, function()
          program.shell(('cp %s/teams.json %s'):format(folder, repo))
          local put = put_compiled(repo, confs)
          local result = program.run({ 'convert', '--repo', repo })
          if REFUSED[case] then
            assert.equal(1, result.code)
            assert.is_truthy(result.err:find(REFUSED[case][1], 1, true), result.err)
            luacheck(repo)
            return
          end
          assert.equal(0, result.code, result.err)
          luacheck(repo)
          compiled(repo, 'again')
          for path, text in pairs(put) do
            assert.equal(text, program.read(repo .. '/' .. path:gsub('^production', 'again')), path)
          end
        end)
      end
    end
  end
end)

local function write_all(repo, files)
  for path, text in pairs(files) do
    program.shell(('mkdir -p %s/%s'):format(repo, path:match('^(.*)/')))
    program.write(repo .. '/' .. path, text)
  end
end

local TEAMS = [[{ "default": { "namespace": "d", "table_properties": { "source": "chronon" } },
  "team1": { "namespace": "one" }, "team2": { "table_properties": { "b": "1", "a": "2" } } }]]

--- Compiled files below a folder of the repo: path -> text.
local function tree_of(repo, folder)
  local files = {}
  for _, path in ipairs(lines_of(('cd %s/%s 2>/dev/null && find . -type f | sort'):format(repo, folder))) do
    files[path] = program.read(('%s/%s/%s'):format(repo, folder, path))
  end
  return files
end

describe('convert', function()
  local repo, other
  before_each(function()
    repo, other = program.folder(), program.folder()
    write_all(repo, { ['teams.json'] = TEAMS })
    write_all(other, { ['teams.json'] = TEAMS })
  end)
  after_each(function()
    program.remove(repo)
    program.remove(other)
  end)

  it('is undone by compile, whatever is defined', function()
    local random, seed = require('spec.support.seed').random('convert')
    local function pick(m, n) return random(n and m or 1, n or m) end
    for round = 1, 12 do
      program.remove(repo .. '/production')
      program.remove(other .. '/again')
      write_all(repo, require('spec.support.definitions').files(pick))
      local result = compiled(repo)
      local made = 0
      for _, item in ipairs(result.items) do
        made = made + (item.outcome == 'written' and 1 or 0)
        assert.not_equal('failed', item.outcome, ('seed %d: %s: %s'):format(seed, item.name, item.message))
      end
      assert.is_true(made > 6)
      local run = program.run({ 'convert', '--repo', repo, '--folder', other, '--force' })
      assert.equal(0, run.code, ('seed %d, round %d: %s'):format(seed, round, run.err))
      luacheck(other)
      compiled(other, 'again')
      local before, after = tree_of(repo, 'production'), tree_of(other, 'again')
      for path, text in pairs(before) do
        assert.equal(text, after[path], ('seed %d, round %d: %s'):format(seed, round, path))
      end
      for _, folder in ipairs { 'group_bys', 'joins', 'staging_queries' } do program.remove(other .. '/' .. folder) end
    end
  end)

  local SOURCE = 'c.EventSource { table = "data.spending", query = c.Query { selects = c.select("user", "cents"), '
    .. 'time_column = "ts" } }'
  local AGGREGATION = 'aggregations = { c.Aggregation { input_column = "cents", operation = c.Operation.SUM, '
    .. 'windows = { "1h", "7d" } } }'
  local function group_by(more)
    return ('c.GroupBy { sources = %s, keys = { "user" }, %s, online = true, accuracy = c.Accuracy.TEMPORAL%s }'):format(
      SOURCE, AGGREGATION, more or '')
  end

  local function small()
    write_all(repo, {
      ['group_bys/team1/spending.lua'] = 'local c = require "chronon"\nreturn { v1 = ' .. group_by() .. ', v2 = '
        .. group_by(', description = "new"') .. ' }',
      ['joins/team1/train.lua'] = 'local c = require "chronon"\nlocal spending = require "group_bys.team1.spending"\n'
        .. 'return { v1 = c.Join { left = ' .. SOURCE .. ', right_parts = { c.JoinPart { group_by = spending.v2 } } } }',
    })
    compiled(repo)
  end

  --- Changes a compiled file.
  local function patch(path, from, to)
    local text = program.read(repo .. '/production/' .. path)
    local at, stop = text:find(from, 1, true)
    assert.is_truthy(at, text)
    program.write(repo .. '/production/' .. path, text:sub(1, at - 1) .. to .. text:sub(stop + 1))
  end

  it('shares what is equal, and requires what has a file', function()
    small()
    local run = program.run({ 'convert', '--repo', repo, '--stdout' })
    assert.equal(0, run.code, run.err)
    assert.equal([[
-- group_bys/team1/spending.lua
local c = require "chronon"

local spending = c.EventSource {
  table = "data.spending",
  query = c.Query { selects = c.select("user", "cents"), time_column = "ts" },
}

return {
  v1 = c.GroupBy {
    sources = spending,
    keys = { "user" },
    aggregations = {
      c.Aggregation { input_column = "cents", operation = c.Operation.SUM, windows = { "1h", "7d" } },
    },
    online = true,
    accuracy = c.Accuracy.TEMPORAL,
  },

  v2 = c.GroupBy {
    sources = spending,
    keys = { "user" },
    aggregations = {
      c.Aggregation { input_column = "cents", operation = c.Operation.SUM, windows = { "1h", "7d" } },
    },
    online = true,
    accuracy = c.Accuracy.TEMPORAL,
    description = "new",
  },
}

-- joins/team1/train.lua
local c = require "chronon"
local spending = require "group_bys.team1.spending"

return {
  v1 = c.Join {
    left = c.EventSource {
      table = "data.spending",
      query = c.Query { selects = c.select("user", "cents"), time_column = "ts" },
    },
    right_parts = { c.JoinPart { group_by = spending.v2 } },
  },
}
]], run.out)
  end)

  it('writes the GroupBy that only a join has into its own file', function()
    small()
    program.remove(repo .. '/production/group_bys')
    local run = program.run({ 'convert', '--repo', repo, '--folder', other, 'production/joins/team1/train.v1', '-o', 'json' })
    assert.equal(0, run.code, run.err)
    local doc = json.decode(run.out)
    assert.equal('group_bys/team1/spending.lua', doc.files[1].path)
    assert.same({ 'team1.spending.v2' }, doc.files[1].definitions)
    assert.same({}, doc.problems)
    compiled(other, 'again')
    assert.equal(program.read(repo .. '/production/joins/team1/train.v1'), program.read(other .. '/again/joins/team1/train.v1'))
  end)

  it('writes over nothing, unless told to', function()
    small()
    local before = program.read(repo .. '/joins/team1/train.lua')
    local run = program.run({ 'convert', '--repo', repo })
    assert.equal(1, run.code)
    assert.is_truthy(run.err:find('group_bys/team1/spending.lua, joins/team1/train.lua are there already', 1, true), run.err)
    assert.equal(before, program.read(repo .. '/joins/team1/train.lua'))
    assert.equal(0, program.run({ 'convert', '--repo', repo, '--force' }).code)
    assert.not_equal(before, program.read(repo .. '/joins/team1/train.lua'))
  end)

  it('says what has no form in Lua, in the file too', function()
    small()
    patch('joins/team1/train.v1', '\\"check_consistency\\": false', '\\"check_consistency\\":  false')
    local run = program.run({ 'convert', '--repo', repo, '--folder', other })
    assert.equal(1, run.code)
    assert.is_truthy(run.err:find('error: team1.train.v1: metaData.customJson has no Lua form: ', 1, true), run.err)
    assert.is_truthy(program.read(other .. '/joins/team1/train.lua'):find(
      '\n  %-%- metaData.customJson has no Lua form: .-\n  v1 = c.Join {\n'))
    luacheck(other)
  end)

  it('leaves out, as a comment, what does not load, and what needs it', function()
    small()
    for _, path in ipairs { 'group_bys/team1/spending.v2', 'joins/team1/train.v1' } do
      patch(path, '"length": 7', '"length": 0')
    end
    local run = program.run({ 'convert', '--repo', repo, '--folder', other })
    assert.equal(1, run.code)
    assert.is_truthy(run.err:find('error: team1.spending.v2: has no Lua form: GroupBy', 1, true)
      or run.err:find('error: team1.spending.v2: has no Lua form: ', 1, true), run.err)
    assert.is_truthy(run.err:find('error: team1.train.v1: has no Lua form: ', 1, true), run.err)
    assert.is_truthy(program.read(other .. '/group_bys/team1/spending.lua'):find('\n  -- v2 = c.GroupBy {\n', 1, true))
    luacheck(other)
    compiled(other, 'again')
    assert.equal(program.read(repo .. '/production/group_bys/team1/spending.v1'),
      program.read(other .. '/again/group_bys/team1/spending.v1'))
  end)

  it('keeps a join\'s own version of a GroupBy that has changed', function()
    small()
    patch('joins/team1/train.v1', '"length": 7', '"length": 9')
    local run = program.run({ 'convert', '--repo', repo, '--folder', other })
    assert.equal(0, run.code, run.err)
    assert.is_truthy(program.read(other .. '/joins/team1/train.lua'):find('windows = { "1h", "9d" }', 1, true))
    compiled(other, 'again')
    for path, text in pairs(tree_of(repo, 'production')) do assert.equal(text, program.read(other .. '/again/' .. path)) end
  end)

  it('leaves nothing in TMPDIR, not even of one that was killed', function()
    small()
    local temp = program.folder()
    local killed = temp .. '/chronon-convert-killed'
    program.shell(('mkdir %s && touch %s/lock'):format(killed, killed))
    local run = program.run({ 'convert', '--repo', repo, '--stdout' }, { env = { TMPDIR = temp } })
    assert.equal(0, run.code, run.err)
    assert.equal(0, program.shell('test -z "$(ls -A ' .. temp .. ')"'))
    program.remove(temp)
  end)

  it('ends, whatever is missing', function()
    write_all(repo, {
      ['production/group_bys/team1/none.v1'] = '{ "metaData": { "name": "team1.none.v1", "dependencies": ["x"] }, "sources": [], '
        .. '"keyColumns": [] }',
      ['production/group_bys/team1/bare.v1'] = '{ "sources": [{ "events": { "table": "a.b" } }], "keyColumns": ["k"] }',
      ['production/group_bys/nobody/other.v1'] = '{ "metaData": { "name": "nobody.other.v1" }, "sources": [{ "entities": { '
        .. '"snapshotTable": "a.b", "query": { "selects": { "k": "k" } } } }], "keyColumns": ["k"] }',
      ['production/joins/team1/j.v1'] = '{ "metaData": { "name": "team1.j.v1" }, "left": { "events": { "table": "a.b" } } }',
    })
    local run = program.run({ 'convert', '--repo', repo, '--folder', other })
    assert.equal(1, run.code)
    for _, want in ipairs { 'team1.none.v1: has no Lua form: GroupBy.sources', 'bare.v1: has no Lua form: its name is not',
      'nobody.other.v1: does not compile: team nobody does not exist in teams.json', 'team1.j.v1: ' } do
      assert.is_truthy(run.err:find(want, 1, true), want .. '\n' .. run.err)
    end
    luacheck(other)
  end)

  it('refuses what is no compiled definition, and converts the rest', function()
    small()
    program.write(repo .. '/production/joins/team1/odd.v1', '{ "lefft": {} }')
    local run = program.run({ 'convert', '--repo', repo, '--folder', other })
    assert.equal(1, run.code)
    assert.is_truthy(run.err:find('odd.v1', 1, true) and run.err:find('did you mean', 1, true), run.err)
    assert.is_truthy(program.read(other .. '/joins/team1/train.lua'))
    run = program.run({ 'convert', '--repo', other })
    assert.equal(1, run.code)
    assert.is_truthy(run.err:find('production: No such file', 1, true), run.err)
  end)
end)
