--- docs/guide/coming-from-chronon.md: every block of Lua compiles, every Lua cell of its table runs,
--- and the definitions come back from their JSON.
local program = require('spec.support.program')
require('spec.support.dsl')
local c = require('chronon')

local PAGE = 'docs/guide/coming-from-chronon.md'

describe('the page about coming from Chronon', function()
  local page = program.read(PAGE)

  it('has definitions that compile, and come back', function()
    local repo = program.folder()
    program.write(repo .. '/teams.json', '{ "default": { "namespace": "shop" }, "shop": {} }')
    local count = 0
    for block in page:gmatch('\n```lua\n(.-)\n```') do
      local path = block:match('^%-%- ([%w_/]+%.lua)\n')
      assert.is_string(path, 'a block without the name of its file:\n' .. block)
      program.shell(('mkdir -p %s/%s'):format(repo, path:match('^(.*)/')))
      program.write(repo .. '/' .. path, block .. '\n')
      count = count + 1
    end
    assert.is_true(count >= 7)
    local run = program.run({ 'compile', '--repo', repo, '--all', '--force-overwrite' })
    assert.equal(0, run.code, run.err)
    assert.is_truthy(run.out:find('production/joins/shop/checkout.v1', 1, true), run.out)
    run = program.run({ 'convert', '--repo', repo, '--force' })
    assert.equal(0, run.code, run.err)
    program.remove(repo)
  end)

  it('has Lua in its table that runs', function()
    local cells = 0
    for cell in page:match('## At a glance\n(.-)\n## '):gmatch('\n|[^|]*|[^|]*| `([^|]*)` |') do
      local chunk = assert(loadstring('return ' .. cell), cell)
      assert.is_not_nil(setfenv(chunk, { c = c, require = require })(), cell)
      cells = cells + 1
    end
    assert.equal(17, cells)
  end)

  it('names commands and modes that are there', function()
    local help = program.run({ 'help', 'run' }).out
    for mode in page:match('## Commands\n(.-)\n## '):gmatch('chronon run %-%-mode ([%w-]+)') do
      if mode ~= 'M' then assert.is_truthy(help:find('\n  ' .. mode:gsub('%-', '%%-') .. '%s'), mode) end
    end
    local commands = program.run({ 'help' }).out
    for command in page:gmatch('`chronon (%l+)[ `]') do
      assert.is_truthy(commands:find('\n  ' .. command .. ' '), command)
    end
  end)
end)
