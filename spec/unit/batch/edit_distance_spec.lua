local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local seed = require('spec.support.seed')
local C = cdef.load('batch/edit_distance.h')

local function distance(left, right)
  local l, r = ffi.new('int32_t[?]', #left + 1, left), ffi.new('int32_t[?]', #right + 1, right)
  local d = C.edit_distance_of(l, #left, r, #right)
  return ('+%d -%d'):format(d.inserts, d.deletes)
end

--- By trying both ends of every pair of lists.
local function slowly(left, right, i, j, memo)
  i, j, memo = i or 1, j or 1, memo or {}
  if i > #left then return 0, #right - j + 1 end
  if j > #right then return #left - i + 1, 0 end
  local key = i * 1000 + j
  if not memo[key] then
    local insert, delete
    if left[i] == right[j] then
      insert, delete = slowly(left, right, i + 1, j + 1, memo)
    else
      local i1, d1 = slowly(left, right, i + 1, j, memo)
      local i2, d2 = slowly(left, right, i, j + 1, memo)
      if i1 + 1 + d1 <= i2 + d2 + 1 then insert, delete = i1 + 1, d1 else insert, delete = i2, d2 + 1 end
    end
    memo[key] = { insert, delete }
  end
  return memo[key][1], memo[key][2]
end

describe('batch edit distance', function()
  it('counts inserts into right and deletes from it', function()
    assert.equal('+0 -0', distance({}, {}))
    assert.equal('+2 -0', distance({ 1, 2 }, {}))
    assert.equal('+0 -2', distance({}, { 1, 2 }))
    assert.equal('+0 -0', distance({ 1, 2 }, { 1, 2 }))
    assert.equal('+0 -2', distance({ 3, 1 }, { 4, 3, 1, 2 }))
    assert.equal('+3 -2', distance({ 1, 2, 3, 4 }, { 5, 6, 2 }))
    assert.equal('+1 -1', distance({ 1, 2, 3 }, { 1, 9, 3 }))
    assert.equal('+1 -1', distance({ 1, 2, 3 }, { 3, 1, 2 }))
  end)

  it('is the cheapest of all ways', function()
    local random, from = seed.random('edit distance')
    for case = 1, 300 do
      local lists = { {}, {} }
      for k = 1, 2 do
        for i = 1, random(0, 9) do lists[k][i] = random(1, 4) end
      end
      local insert, delete = slowly(lists[1], lists[2])
      assert.equal(('+%d -%d'):format(insert, delete), distance(lists[1], lists[2]),
        ('case %d, seed %d'):format(case, from))
    end
  end)
end)
