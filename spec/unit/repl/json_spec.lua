package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path
local ffi = require('ffi')
local json = require('repl.json')
local map = require('chronon.map')
local random = require('spec.support.seed').random

describe('repl: JSON', function()
  it('writes values', function()
    assert.equal('[1, 2.5, true, null, "a\\"\\\\\\n\\u0001"]', json.encode({ 1, 2.5, true, map.null, 'a"\\\n\1' }))
    assert.equal('{"1": "x", "b": {}}', (json.encode({ b = map.new(), ['1'] = 'x' })))
    assert.equal('9007199254740993', json.encode(ffi.new('int64_t', 9007199254740993LL)))
    assert.equal('["NaN", "Infinity", "-Infinity"]', json.encode({ 0 / 0, 1 / 0, -1 / 0 }))
    assert.equal('0.1', json.encode(0.1))
    assert.equal(0.1 + 0.2, tonumber(json.encode(0.1 + 0.2)))
  end)

  it('keeps the order of objects', function()
    local doc = json.decode('{"b": 1, "a": {"d": [], "c": {}}}')
    assert.same({ 'b', 'a' }, doc.keys)
    assert.same({ 'd', 'c' }, doc.values.a.keys)
    assert.equal('{"b": 1, "a": {"d": [], "c": {}}}', json.encode(doc))
  end)

  it('reads escapes', function()
    assert.equal('"\\/\b\f\n\r\té€😀\\n', json.decode([["\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00\\n"]]))
  end)

  it('ends where a table holds itself', function()
    local t = {}
    t.t = t
    assert.has_error(function() json.encode(t) end)
  end)

  it('reads what it wrote, whatever it is', function()
    local pick, seed = random('repl json')
    local function value(deep)
      local kind = pick(1, deep > 3 and 3 or 5)
      if kind == 1 then return pick(-1000, 1000) / 8 end
      if kind == 2 then return pick(0, 1) == 1 end
      if kind == 3 then
        local bytes = {}
        for i = 1, pick(0, 8) do bytes[i] = string.char(pick(1, 126)) end
        return table.concat(bytes)
      end
      if kind == 4 then
        local list = {}
        for i = 1, pick(0, 4) do list[i] = value(deep + 1) end
        return list
      end
      local object = map.new()
      for i = 1, pick(0, 4) do map.set(object, 'k' .. i .. '"\\', value(deep + 1)) end
      return object
    end
    for _ = 1, 500 do
      local text = json.encode(value(0))
      assert.equal(text, json.encode(json.decode(text)), 'seed ' .. seed)
    end
  end)
end)
