-- Bodies that are changed at random, for the reader that stands behind HTTP: an answer or a message with a place, and
-- what one body leaves behind does not show in the next. Bounded; CHRONON_SEED for another run.
local fetch = require('spec.support.fetch')
local json = require('dkjson')
local online = require('spec.support.online')
local random, seed = require('spec.support.seed').random('http json reader')

local STOP = 1706745600000 -- 2024-02-01
local ROUNDS = tonumber(os.getenv('CHRONON_FUZZ') or '') or 4000

local WHOLE = {
  '[{"id":1,"name":"a"}]', '[{"id":"1","name":"b"},{"id":-2,"name":null},{"name":"c"}]', '[]', '[{}]',
  ' [ { "id" : 1.5e3 , "name" : "\\u00e9\\ud83d\\ude00\\n\\"" } ] ', '[{"id":true,"name":[1,{"a":[]}]}]',
  '[{"id":9223372036854775807,"name":"x"},{"id":9223372036854775808,"name":""},{"id":1e400,"name":"\\\\"}]',
  '[{"id":1,"name":"' .. ('long '):rep(40) .. '","other":{"deep":[[[[null]]]]}}]',
}
local PIECES = {
  '{', '}', '[', ']', ',', ':', '"', '\\', '\\u', '\\ud800', '\\u0000', 'null', 'true', 'nul', '-', '1e', '.5', '00', '1e999999',
  '-9223372036854775809', '\0', '\255', '\195', '\237\160\128', '\239\187\191', '"id"', '"id":1,', '{"id":1}', '//', '/*',
  'NaN', 'Infinity', "'", ' ', '\t', '\r\n', '\11', ('['):rep(600), ('{"a":'):rep(300), ('9'):rep(400), '"\1"', '"\127"',
}

local function changed(text)
  for _ = 1, random(1, 4) do
    local at = random(1, #text + 1)
    local kind = random(1, 6)
    if kind == 1 then text = text:sub(1, at - 1) .. PIECES[random(1, #PIECES)] .. text:sub(at)
    elseif kind == 2 then text = text:sub(1, at - 1) .. text:sub(at + random(1, 5))
    elseif kind == 3 then text = text:sub(1, at - 1) .. string.char(random(0, 255)) .. text:sub(at + 1)
    elseif kind == 4 then text = text:sub(1, at - 1)
    elseif kind == 5 then
      local stop = random(at, #text)
      text = text:sub(1, stop) .. text:sub(at)
    else text = text:sub(1, at - 1) .. WHOLE[random(1, #WHOLE)] .. text:sub(at) end
    text = text:sub(1, 4000)
  end
  return text
end

describe('the reader of request bodies', function()
  it('answers or refuses whatever comes #fuzz', function()
    local store = fetch.store()
    local o = online.new(store, { name = 'team.gb.v1', keys = { { 'id', 'long' }, { 'name', 'string' } }, stop = STOP,
                                  fields = { { 'v', 'long' } }, defs = { { 'v', 'SUM' } } })
    o:batch({ id = 1LL, name = 'a' }, { { ts = STOP - 1000, v = 5LL } })
    o:save()
    online.join(store, 'team.join.v1', { { o } })
    local f = fetch.open(store)
    local names = { { 'group_by', 'team.gb.v1' }, { 'join', 'team/join.v1' }, { 'group_by', 'team.none.v1' } }
    local good = '[{"id":1,"name":"a"},{"id":2,"name":null}]'
    local want = {}
    for i, n in ipairs(names) do want[i] = assert(f:text(n[1], n[2], good, STOP)) end
    local accepted = 0
    for round = 1, ROUNDS do
      local body = changed(WHOLE[random(1, #WHOLE)])
      local n = random(1, #names)
      local form = random(1, 2) == 1 and 'detailed' or nil
      local text, why = f:text(names[n][1], names[n][2], body, STOP, form)
      local told = ('seed %d, round %d: %q'):format(seed, round, body)
      if text then
        accepted = accepted + 1
        local doc = json.decode(text)
        assert(doc and type(doc.results) == 'table', told .. ' -> ' .. text)
        for _, r in ipairs(doc.results) do assert(r.status == 'Success' or r.status == 'Failure', told) end
      else
        assert(why:match('^body:%d+:%d+: '), told .. ' -> ' .. why)
      end
      if round % 50 == 0 then
        for i, name in ipairs(names) do assert.equal(want[i], f:text(name[1], name[2], good, STOP), told) end
      end
    end
    assert.is_true(accepted > ROUNDS / 100 and accepted < ROUNDS * 0.9, accepted)
    f:close()
    store:close()
  end)
end)
