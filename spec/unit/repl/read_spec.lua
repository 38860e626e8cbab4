package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path
local read = require('repl.read')

--- "done", "more", or the message.
local function state(text)
  local chunk, message = read.compile(text, '=input', 1)
  return chunk and 'done' or message or 'more'
end

local function value(text) return (assert(read.compile(text, '=input', 1)))() end

describe('repl: an input', function()
  for _, text in ipairs({
    'f(', 'x =', 'x = {', 'do', 'if a then', 'sql [[', '"a" ..', '1 +', 'function f()', 'local function f()', 'for i = 1, 2 do',
    'gb:backfill {', '--[[', 'x = [==[ ]]', 'local x =', 'repeat', 'return function()', 'a.',
  }) do
    it('goes on after ' .. text, function() assert.equal('more', state(text)) end)
  end

  for _, text in ipairs({ '1 + 1', 'x', 'x = 1', 'f()', '-- nothing', 'x -- why', 'f "x"', 'return 1', 'local x', 'local x = 1;',
    'local function f() end', 'do end', '"--"', 'x = 1 x = 2' }) do
    it('ends with ' .. text, function() assert.equal('done', state(text)) end)
  end

  it('is wrong for good where more would not help', function()
    assert.equal("input:1: '=' expected near 'bar'", state('foo bar'))
    assert.equal("input:1: unexpected symbol near ')'", state(')'))
    assert.equal("input:2: '=' expected near 'b'", state('x = 1\na b'))
  end)

  it('gives a value where it is an expression', function()
    assert.equal(3, value('1 + 2'))
    assert.equal(3, value('1 + 2 -- three'))
    assert.same({ 1, 2 }, { value('1, 2') })
    assert.equal(0, select('#', value('')))
  end)

  it('keeps locals of the top', function()
    for _, text in ipairs({ 'local kept = 1', 'local kept, other = 1, 2', '  local kept=1; other = 2',
      'local function kept() end' }) do
      rawset(_G, 'kept', nil)
      value(text)
      assert.not_nil(rawget(_G, 'kept'), text)
    end
    value('local kept')
    assert.is_nil(rawget(_G, 'kept'))
  end)

  it('leaves inner locals alone', function()
    value('do local inner = 1 end')
    assert.is_nil(rawget(_G, 'inner'))
  end)

  it('counts lines from where it begins', function()
    local chunk = read.compile('x.y.z = 1', '@file', 7)
    local _, message = pcall(chunk)
    assert.equal("file:7: attempt to index global 'x' (a nil value)", message)
    chunk = read.compile('x.y.z', '@file', 7)
    _, message = pcall(chunk)
    assert.equal("file:7: attempt to index global 'x' (a nil value)", message)
  end)

  it('is no bytecode', function()
    assert.equal('input:1: bytecode is not run here', state(string.dump(function() end)))
  end)
end)
