local ffi = require('ffi')
local C = require('spec.support.cdef').load('base/near.h')

local function near(word, ...)
  local names = { ... }
  local found = C.chn_near(word, ffi.new('const char *[?]', #names + 1, names), #names)
  return found ~= nil and ffi.string(found) or nil
end

describe('base near', function()
  it('finds the nearest name', function()
    assert.equal('amount', near('amonut', 'city', 'amount', 'count'))
    assert.equal('amt', near('amtt', 'x', 'amt'))
    assert.equal('Windows', near('windows', 'Window', 'Windows'))
  end)

  it('counts two swapped neighbours as one slip', function()
    assert.equal('init', near('inti', 'init'))
    assert.equal('sql', near('slq', 'sql'))
  end)

  it('says nothing when nothing is near', function()
    assert.is_nil(near('amount', 'city', 'country'))
    assert.is_nil(near('amount'))
    assert.is_nil(near(('x'):rep(200), ('x'):rep(199)))
  end)

  it('lists the nearest ones, whatever their distance', function()
    local function nearest(most, word, ...)
      local names, out = { ... }, ffi.new('const char *[16]')
      local found = {}
      for i = 1, tonumber(C.chn_nearest(word, ffi.new('const char *[?]', #names + 1, names), #names, out, most)) do
        found[i] = ffi.string(out[i - 1])
      end
      return found
    end
    assert.same({ 'abc', 'abd', 'axx' }, nearest(3, 'abc', 'zzz', 'axx', 'abd', 'yyy', 'abc'))
    assert.same({ 'x', 'y' }, nearest(5, 'abc', 'x', 'y'))
    assert.same({}, nearest(5, 'abc'))
    assert.same({}, nearest(0, 'abc', 'abc'))
    assert.same({ ('x'):rep(300), 'x' }, nearest(2, ('x'):rep(280), 'x', ('x'):rep(300)))
    local many = {}
    for i = 1, 40 do many[i] = ('x'):rep(41 - i) end
    assert.equal(16, #nearest(99, 'x', unpack(many)))
    assert.same({ 'x', 'xx', 'xxx' }, nearest(3, 'x', unpack(many)))
  end)
end)
