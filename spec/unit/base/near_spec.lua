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
end)
