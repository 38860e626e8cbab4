local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('compile/compile_int.h')

local function strings(list)
  local out = ffi.new('const char *[?]', #list + 1)
  for i, s in ipairs(list) do out[i - 1] = s end
  return out
end

--- @param derivations string[][] name, expression
local function errors(keys, columns, derivations)
  local list = ffi.new('struct model_derivation[?]', #derivations + 1)
  for i, d in ipairs(derivations) do list[i - 1].name, list[i - 1].expression = d[1], d[2] end
  local out = ffi.new('struct chn_buf')
  C.rules_derivations(strings(keys), #keys, strings(columns), #columns, list, #derivations, out)
  local text = ffi.string(C.chn_buf_str(out))
  C.chn_buf_deinit(out)
  return text
end

describe('derivations', function()
  local columns = { 'user', 'd_sum_1d', 'd_sum_7d' }

  it('may compute, rename and keep all', function()
    assert.equal('', errors({ 'user' }, columns,
      { { 'ratio', 'd_sum_1d / d_sum_7d' }, { 'sum', 'd_sum_1d' }, { 'day', 'ds' }, { '*', '*' } }))
  end)

  it('may take a name again once its column was renamed, in this order', function()
    assert.equal('', errors({ 'user' }, columns, { { 'old', 'd_sum_1d' }, { 'd_sum_1d', 'd_sum_7d * 2' }, { '*',
      '*' } }))
    assert.equal('Incorrect derivation name d_sum_1d: a column of that name is there already',
      errors({ 'user' }, columns, { { 'd_sum_1d', 'd_sum_7d * 2' }, { 'old', 'd_sum_1d' }, { '*', '*' } }))
  end)

  it('may not rename what is not there', function()
    assert.equal('Incorrect derivation expression d_sum_8d of x: no such column (did you mean "d_sum_1d"?)',
      errors({ 'user' }, columns, { { 'x', 'd_sum_8d' } }))
  end)

  it('may not collide, but with keys', function()
    assert.equal('Incorrect derivation name x: a column of that name is there already',
      errors({}, columns, { { 'x', 'a + b' }, { 'x', 'a - b' } }))
    assert.equal('', errors({ 'user' }, columns, { { 'user', 'upper(user)' }, { '*', '*' } }))
    assert.equal('', errors({ 'user' }, columns, { { 'd_sum_1d', 'd_sum_1d' } }))
  end)

  it('report each error on a line', function()
    assert.equal(2, select(2, errors({}, columns, { { 'a', 'zzzzzzzzzzz' }, { 'b', 'yyyyyyyyyyy' }, { 'c',
      'xxxxxxxxxxx' } })
      :gsub('\n', '')))
  end)
end)
