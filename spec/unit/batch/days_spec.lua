local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('batch/days.h', 'base/time.h')

local arena = ffi.new('struct arena')

local function set(days)
  local s = ffi.new('struct day_set')
  s.n = #days
  s.day = ffi.new('int32_t[?]', #days, days)
  return s, s.day
end

--- @return string the steps as "1-3 5-5"
local function missing(range, output, o)
  o = o or {}
  local keep = {}
  local out, out_days = set(output)
  local inputs = ffi.new('struct day_set[?]', math.max(1, #(o.inputs or {})))
  for i, days in ipairs(o.inputs or {}) do
    local s, d = set(days)
    inputs[i - 1] = s
    keep[i] = d
  end
  local r = ffi.new('struct days_request')
  r.range.first, r.range.last = range[1], range[2]
  r.output, r.inputs, r.n_inputs = out, inputs, #(o.inputs or {})
  r.input_shift, r.run_first_hole = o.shift or 0, o.first_hole or false
  local steps, n = ffi.new('struct days *[1]'), ffi.new('size_t[1]')
  C.days_missing(arena, r, o.step or 30, steps, n)
  local text = {}
  for i = 0, tonumber(n[0]) - 1 do
    text[#text + 1] = ('%d-%d'):format(steps[0][i].first, steps[0][i].last)
  end
  assert(out_days and keep)
  return table.concat(text, ' ')
end

describe('batch days', function()
  it('asks for the whole range of an empty output', function() assert.equal('1-5', missing({ 1, 5 }, {})) end)
  it('asks for nothing in an empty range', function() assert.equal('', missing({ 5, 4 }, {})) end)
  it('cuts runs into steps', function() assert.equal('1-2 3-4 5-5', missing({ 1, 5 }, {}, { step = 2 })) end)
  it('leaves out days that exist', function() assert.equal('3-3 5-6', missing({ 2, 6 }, { 2, 4 })) end)

  it('takes days before the first partition as expired unless asked', function()
    assert.equal('5-5', missing({ 1, 5 }, { 4 }))
    assert.equal('1-3 5-5', missing({ 1, 5 }, { 4 }, { first_hole = true }))
  end)

  it('skips days that no input has, and counts a day that any has', function()
    assert.equal('2-3 5-5', missing({ 1, 5 }, {}, { inputs = { { 2, 3 }, { 5, 9 } } }))
    assert.equal('1-1', missing({ 1, 5 }, {}, { inputs = { { 0 } }, shift = -1 }))
  end)
end)
