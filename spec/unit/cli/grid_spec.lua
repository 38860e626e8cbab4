local ffi = require('ffi')
local C = require('spec.support.cdef').load('cli/grid.h')

local FORMAT = { table = 0, json = 1, csv = 2, markdown = 3 }

--- @param columns table[] { name, number? }
--- @param cells (string|false)[] row by row; false is null
local function printed(columns, cells, o)
  o = o or {}
  local cols, grid, buf = ffi.new('struct cli_column[?]', #columns), ffi.new('struct cli_grid'), ffi.new('struct chn_buf')
  for i, c in ipairs(columns) do cols[i - 1].name, cols[i - 1].number = c[1], c[2] or false end
  C.cli_grid_init(grid, cols, #columns)
  for _, text in ipairs(cells) do C.cli_grid_add(grid, text or nil) end
  local style = ffi.new('struct cli_grid_style', { FORMAT[o.format or 'table'], o.width or 80, o.color or false,
    o.turned or false })
  local times = o.times and ffi.new('bool[?]', #columns, o.times)
  grid.times = times
  C.cli_grid_print(grid, style, buf)
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.cli_grid_deinit(grid)
  C.chn_buf_deinit(buf)
  return text
end

local PAIR = { { 'name' }, { 'n', true } }

describe('cli grid', function()
  it('aligns text to the left and numbers to the right', function()
    assert.equal('name    n\nx       1\nlonger  22\n', printed({ { 'name' }, { 'n' } }, { 'x', '1', 'longer', '22' }))
    assert.equal('name     n\nx        1\nlonger  22\n', printed(PAIR, { 'x', '1', 'longer', '22' }))
  end)

  it('measures characters, not bytes', function()
    assert.equal(3, C.cli_text_width('é日'))
    assert.equal('name  n\né     1\n日本  2\n', printed(PAIR, { 'é', '1', '日本', '2' }))
  end)

  it('shows control characters as escapes', function()
    assert.equal('name         n\na\\nb\\x1b[1m  1\n', printed(PAIR, { 'a\nb\27[1m', '1' }))
  end)

  it('cuts a long cell, and never splits a character', function()
    local text = printed({ { 'x' } }, { ('é'):rep(100) })
    assert.equal('x\n' .. ('é'):rep(59) .. '…\n', text)
  end)

  it('survives bytes that are no UTF-8', function()
    assert.equal('x\n\255\n', printed({ { 'x' } }, { '\255' }))
    assert.equal('x\n\226\\x82\n', printed({ { 'x' } }, { '\226\130' }))
  end)

  it('is turned when wider than the terminal', function()
    assert.equal('-- row 1\nname  abc\nn     1\n', printed(PAIR, { 'abc', '1' }, { width = 6 }))
    assert.equal('name  n\nabc   1\n', printed(PAIR, { 'abc', '1' }, { width = 7 }))
  end)

  it('shows nulls, dimmed on a terminal', function()
    assert.equal('name  n\nNULL  1\n', printed(PAIR, { false, '1' }))
    assert.equal('\27[1mname  n\27[0m\n\27[2mNULL\27[0m  \27[36m1\27[0m\n', printed(PAIR, { false, '1' }, { color = true }))
  end)

  it('gives numbers and times colours of their own on a terminal', function()
    assert.equal('\27[1mname  n\27[0m\n\27[33mx   \27[0m  \27[36m1\27[0m\n',
      printed(PAIR, { 'x', '1' }, { color = true, times = { true, false } }))
    assert.equal('\27[1m-- row 1\27[0m\nname  \27[33mx\27[0m\nn     \27[36m1\27[0m\n',
      printed(PAIR, { 'x', '1' }, { color = true, turned = true, times = { true, false } }))
  end)

  it('is turned when it is told to', function()
    assert.equal('-- row 1\nname  abc\nn     1\n', printed(PAIR, { 'abc', '1' }, { turned = true }))
  end)

  it('escapes what Markdown would read', function()
    assert.equal('| name | n |\n|---|---:|\n| a\\|b c | NULL |\n',
      printed(PAIR, { 'a|b\nc', false }, { format = 'markdown' }))
  end)

  it('keeps null apart from empty text in CSV', function()
    assert.equal('name,n\n"",1\n,2\n"a""b",3\n', printed(PAIR, { '', '1', false, '2', 'a"b', '3' }, { format = 'csv' }))
  end)

  it('is an array of objects in JSON', function()
    assert.equal('[\n  {\n    "name": null,\n    "n": 1\n  }\n]\n', printed(PAIR, { false, '1' }, { format = 'json' }))
    assert.equal('[]\n', printed(PAIR, {}, { format = 'json' }))
  end)
end)
