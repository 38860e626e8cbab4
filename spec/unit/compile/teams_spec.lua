local ffi = require('ffi')
local support = require('spec.support.cdef')
local program = require('spec.support.program')
local C = support.load('compile/teams.h')

local arena, folder
before_each(function() arena, folder = ffi.new('struct arena'), program.folder() end)
after_each(function()
  C.arena_deinit(arena)
  program.remove(folder)
end)

local function read(text)
  if text then program.write(folder .. '/teams.json', text) end
  local teams, err = ffi.new('struct teams'), ffi.new('struct chn_err')
  local code = C.teams_read(arena, folder, teams, err)
  return teams, tonumber(code), (ffi.string(err.msg):gsub(folder:gsub('%p', '%%%0'), 'REPO'))
end

local function namespace(teams, team)
  local out, err = ffi.new('const char *[1]'), ffi.new('struct chn_err')
  if C.teams_namespace(teams, team, out, err) ~= C.CHN_OK then return nil, ffi.string(err.msg) end
  return ffi.string(out[0])
end

local function pairs_of(list, n)
  local out = {}
  for i = 0, n - 1 do out[#out + 1] = ffi.string(list[i].key) .. '=' .. ffi.string(list[i].value) end
  return table.concat(out, ' ')
end

local function properties(teams, team)
  local list, n, err = ffi.new('struct model_pair *[1]'), ffi.new('int32_t[1]'), ffi.new('struct chn_err')
  assert(C.teams_table_properties(teams, team, list, n, err) == C.CHN_OK, ffi.string(err.msg))
  return pairs_of(list[0], n[0])
end

local function env(teams, team, environment, mode)
  local n = ffi.new('int32_t[1]')
  local list = C.teams_mode_env(arena, teams, team, environment, mode, n)
  return pairs_of(list, n[0])
end

local WHOLE = [[{
  "default": { "namespace": "shared", "table_properties": { "source": "chronon" },
    "common_env": { "A": "common", "D": "common" }, "production": { "backfill": { "A": "default", "C": "default" } } },
  "own": { "namespace": "mine", "table_properties": { "x": "1", "y": "2" }, "description": "text is free",
    "production": { "backfill": { "A": "prod", "B": "prod" }, "streaming": { "S": "prod" } },
    "dev": { "backfill": { "A": "dev" } }, "canary": { "backfill": { "A": "canary" } } },
  "plain": {},
  "tables": { "raw.flights": "data/flights" }
}]]

describe('teams.json', function()
  it('gives a team its own values, else the default ones', function()
    local teams = read(WHOLE)
    assert.equal('mine', namespace(teams, 'own'))
    assert.equal('shared', namespace(teams, 'plain'))
    assert.equal('x=1 y=2', properties(teams, 'own'))
    assert.equal('source=chronon', properties(teams, 'plain'))
  end)

  it('names source tables', function()
    local teams = read(WHOLE)
    assert.equal('raw.flights=data/flights', pairs_of(teams.tables, teams.n_tables))
    assert.equal(3, teams.n_teams)
  end)

  it('says which team is missing, with the nearest name', function()
    local _, message = namespace(read(WHOLE), 'plaine')
    assert.match('team plaine does not exist in .*teams.json %(did you mean "plain"%?%)', message)
    _, message = namespace(read('{"lonely":{}}'), 'lonely')
    assert.match('neither lonely nor default has a `namespace`', message)
  end)

  it('layers environments: the team, its production, the default, the common', function()
    local teams = read(WHOLE)
    assert.equal('A=dev B=prod C=default D=common', env(teams, 'own', 'dev', 'backfill'))
    assert.equal('A=prod B=prod C=default D=common', env(teams, 'own', 'production', 'backfill'))
    assert.equal('A=canary B=prod C=default D=common', env(teams, 'own', 'canary', 'backfill'))
    assert.equal('S=prod A=common D=common', env(teams, 'own', 'dev', 'local-streaming'))
    assert.equal('A=default C=default D=common', env(teams, nil, 'dev', 'backfill'))
  end)

  it('is missed by name', function()
    local _, code, message = read(nil)
    assert.equal(C.CHN_E_NOT_FOUND, code)
    assert.equal('REPO/teams.json does not exist: a repo of definitions has one at its top', message)
  end)

  for text, want in pairs {
    ['[]'] = 'REPO/teams.json:1: the file: expected an object of teams, got an array',
    ['{\n"t": 1}'] = 'REPO/teams.json:2: t: expected an object, got an integer',
    ['{"t": {"namespace": 1}}'] = 'namespace: expected text in quotes, got an integer',
    ['{"t": {"namespace": "a b"}}'] = '"a b" cannot be a namespace',
    ['{"t": {"table_properties": {"a":\n1}}}'] = 'REPO/teams.json:2: a: expected text in quotes, got an integer',
    ['{"t": {"production": "x"}}'] = 'production: expected an object of modes, got a string',
    ['{"t": {"dev": {"backfill": {"A": true}}}}'] = 'A: expected text in quotes, got true or false',
    ['{"tables": {"a.b": 1}}'] = 'a.b: expected text in quotes, got an integer',
    ['{"t": {}, "t": {}}'] = 'REPO/teams.json:1:',
    ['{"t": '] = 'REPO/teams.json:1:',
  } do
    it('refuses ' .. text:gsub('\n', ' '), function()
      local _, code, message = read(text)
      assert.equal(C.CHN_E_CORRUPT, code)
      assert.is_truthy(message:find(want, 1, true), message)
    end)
  end

  it('warns of keys that look misspelt', function()
    local teams = read('{"t": {"namespaces": "x", "table_property": {}, "user": "me"}}')
    assert.equal(2, teams.n_warnings)
    assert.match('t.namespaces is not used %(did you mean "namespace"%?%)', ffi.string(teams.warnings[0]))
  end)
end)
