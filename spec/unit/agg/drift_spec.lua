-- PSI of two sketches, against the formula over values that a sketch holds exactly.
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/drift.h')
local ffi = require('ffi')
local seed = require('spec.support.seed')

local function sketch(values)
  local s = ffi.gc(C.agg_kll_new(200), C.agg_kll_free)
  for _, v in ipairs(values) do C.agg_kll_update(s, v) end
  return s
end

local function psi(x, y) return C.agg_drift_psi(sketch(x), sketch(y)) end

--- The formula, over counts; splits are the 128 quantiles sorted[floor(f * n)] of both.
local function expected(x, y)
  local at, seen = {}, {}
  for _, values in ipairs({ x, y }) do
    local sorted = { unpack(values) }
    table.sort(sorted)
    for i = 0, 127 do
      local v = sorted[math.min(#sorted, math.floor(i / 127 * #sorted) + 1)]
      if not seen[v] then seen[v], at[#at + 1] = true, v end
    end
  end
  table.sort(at)
  local function masses(values)
    local m, empty = {}, 0
    for i = 1, #at + 1 do m[i] = 0 end
    for _, v in ipairs(values) do
      local bin = 1
      while at[bin] and v >= at[bin] do bin = bin + 1 end
      m[bin] = m[bin] + 1 / #values
    end
    for i = 1, #m do empty = empty + (m[i] == 0 and 1 or 0) end
    for i = 1, #m do m[i] = empty == 0 and m[i] or m[i] == 0 and 1e-6 * (#m - empty) / empty or m[i] - 1e-6 end
    return m
  end
  local p, q, sum = masses(x), masses(y), 0
  for i = 1, #p do sum = sum + (p[i] - q[i]) * math.log(p[i] / q[i]) end
  return sum
end

describe('agg_drift_psi', function()
  it('follows the formula', function()
    local random, first = seed.random('drift')
    for round = 1, 100 do
      local x, y = {}, {}
      for i = 1, random(1, 150) do x[i] = random(-20, 60) / 4 end
      for i = 1, random(1, 150) do y[i] = random(-10, 80) / 4 end
      assert.is_near(expected(x, y), psi(x, y), 1e-9, ('seed %d, round %d'):format(first, round))
    end
  end)

  it('is 0 for the same values, and the same both ways', function()
    local x, y = { 1, 2, 2, 3 }, { 2, 3, 4 }
    assert.equal(0, psi(x, x))
    assert.is_near(psi(x, y), psi(y, x), 1e-12)
    assert.is_true(psi(x, y) > 0.25)
  end)

  it('judges as upstream: little, and to act on', function()
    local like = { 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7 }
    assert.is_true(psi({ 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7 }, like) < 0.1)
    assert.is_true(psi({ 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7 }, like) < 0.25)
    assert.is_true(psi({ 1, 1, 1, 1, 1, 1, 1, 1, 4, 5, 5, 6, 6, 7, 7 }, like) > 0.25)
  end)
end)

describe('agg_drift_linf', function()
  local function linf(x, y) return C.agg_drift_linf(sketch(x), sketch(y)) end

  --- Over every value: the largest difference lies at one of them.
  local function expected_linf(x, y)
    local largest = 0
    for _, list in ipairs({ x, y }) do
      for _, at in ipairs(list) do
        local below = { 0, 0 }
        for k, values in ipairs({ x, y }) do
          for _, v in ipairs(values) do below[k] = below[k] + (v < at and 1 / #values or 0) end
        end
        largest = math.max(largest, math.abs(below[1] - below[2]))
      end
    end
    return largest
  end

  it('is the largest distance of the cumulative distributions', function()
    local random, first = seed.random('linf')
    for round = 1, 100 do
      local x, y = {}, {}
      for i = 1, random(1, 100) do x[i] = random(-20, 60) / 4 end
      for i = 1, random(1, 100) do y[i] = random(-10, 80) / 4 end
      assert.is_near(expected_linf(x, y), linf(x, y), 1e-9, ('seed %d, round %d'):format(first, round))
    end
  end)

  it('is 0 for the same values and 1 for those that do not meet', function()
    assert.equal(0, linf({ 1, 2, 3 }, { 1, 2, 3 }))
    assert.is_near(1, linf({ 1, 2, 3 }, { 10, 11 }), 1e-12)
  end)
end)
