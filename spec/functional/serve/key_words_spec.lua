--- Keys that come as words, of a query or a command line, whatever their type.
local json = require('dkjson')
local kv = require('spec.support.kv')
local program = require('spec.support.program')
local server = require('spec.support.server')
local served = require('spec.support.served')

local OUTPUT = { { 'v_sum_7d', 'long' } }
-- type, a key as the store has it, the word, words that are none of the type
local CASES = {
  { 'boolean', true, 'true', { '1', 'yes', '"true"' } },
  { 'short', 7, '7', { '7.5', '40000', 'x', '' } },
  { 'int', -7, '-7', { '7.5', '3000000000', '"7"', '' } },
  { 'float', 0.5, '0.5', { 'x', 'true' } },
  { 'long', 7LL, '7', { '7.5', 'x' } },
  { 'double', 2.5, '2.5', { 'x' } },
  { 'string', '7', '7', {} },
}

describe('a key as a word', function()
  local folder, url, s
  setup(function()
    folder = program.folder()
    url = 'lmdb:' .. folder .. '/kv'
    local store = kv.open(url)
    for _, case in ipairs(CASES) do
      local gb = served.group_by(store, ('team.%s.v1'):format(case[1]),
        { snapshot = true, keys = { { 'k', case[1] } }, defs = { { 'v', 'SUM', windows = { '7d' } } } })
      gb:value({ k = case[2] }, OUTPUT, { v_sum_7d = 8LL })
      if case[1] == 'float' then gb:value({ k = -1 / 0 }, OUTPUT, { v_sum_7d = 9LL }) end
      gb:save()
    end
    store:close()
    s = server.start(url)
  end)
  teardown(function()
    s:stop()
    program.remove(folder)
  end)

  local function got(kind, word)
    local name = ('team.%s.v1'):format(kind)
    local r = s:ask(('/v1/features/groupby/%s?k=%s'):format(name, word:gsub('"', '%%22')))
    assert.equal(200, r.status)
    return json.decode(r.body).results[1], name
  end

  for _, case in ipairs(CASES) do
    it('is read as its type: ' .. case[1], function()
      local row = got(case[1], case[3])
      assert.same({ status = 'Success', entityKeys = { k = case[3] }, features = { v_sum_7d = 8 } }, row)
      for _, word in ipairs(case[4]) do
        local failed, name = got(case[1], word)
        assert.equal('Failure', failed.status, word)
        assert(failed.error:find(name, 1, true) or failed.error:find('For input string', 1, true), failed.error)
      end
    end)
  end

  it('is read so by fetch and explain too', function()
    for _, case in ipairs(CASES) do
      for _, command in ipairs { 'fetch', 'explain' } do
        local r = program.run({ command, ('team/%s.v1'):format(case[1]), 'k=' .. case[3], '--store', url, '-o', 'csv', '-q' },
          { cwd = folder })
        assert(r.code == 0, r.err)
        assert.matches('v_sum_7d,8', r.out, 1, true)
      end
    end
  end)

  it('may be a number that JSON does not have, as answers write it', function()
    local body = '[{"k":"-Infinity"},{"k":"Infinity"},{"k":"NaN"},{"k":"-infinity"}]'
    local rows = json.decode(s:ask('/v1/features/groupby/team.float.v1', { body = body }).body).results
    assert.same({ v_sum_7d = 9 }, rows[1].features)
    assert.same({ 'Success', 'Success', 'Failure' }, { rows[2].status, rows[3].status, rows[4].status })
    assert.same({ v_sum_7d = 9 }, got('float', '-Infinity').features)
  end)

  it('is still a text in a body, as upstream has it', function()
    local r = s:ask('/v1/features/groupby/team.int.v1', { body = '[{"k":"-7"},{"k":-7}]' })
    local rows = json.decode(r.body).results
    assert.same({ 'Failure', 'Success' }, { rows[1].status, rows[2].status })
  end)
end)
