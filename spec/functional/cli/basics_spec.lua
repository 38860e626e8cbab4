local program = require('spec.support.program')

describe('chronon', function()
  it('without a command shows the overview on stderr and says wrong usage', function()
    local r = program.run({})
    assert.equal(2, r.code)
    assert.equal('', r.out)
    assert.matches('First steps:.*chronon init', r.err)
  end)

  it('names the nearest command', function()
    local r = program.run({ 'verson' })
    assert.equal(2, r.code)
    assert.equal('chronon: unknown command "verson" (did you mean version?)\n', r.err)
  end)

  it('names the nearest option', function()
    local r = program.run({ 'version', '--ouput', 'json' })
    assert.equal(2, r.code)
    assert.equal('chronon: unknown option --ouput (did you mean --output?)\n', r.err)
  end)

  it('refuses an argument too many, a value for a flag, and a missing value', function()
    assert.matches('unexpected argument "x"', program.run({ 'version', 'x' }).err)
    assert.matches('%-%-quiet takes no value', program.run({ 'version', '--quiet=1' }).err)
    assert.matches('%-%-output needs a value', program.run({ 'version', '--output' }).err)
    assert.equal(2, program.run({ 'version', '--output' }).code)
  end)

  it('takes an option from the environment, and the flag over it', function()
    local env = { CHRONON_OUTPUT = 'json' }
    assert.matches('^{\n  "version"', program.run({ 'version' }, { env = env }).out)
    assert.matches('^chronon %d', program.run({ 'version', '-o', 'table' }, { env = env }).out)
    assert.equal(2, program.run({ 'version' }, { env = { CHRONON_OUTPUT = 'jsno' } }).code)
  end)

  it('fails when stdout cannot be written', function()
    assert.equal(1, program.shell(program.quote(program.bin) .. ' help >/dev/full 2>/dev/null'))
  end)

  it('runs when called through a link from another folder', function()
    local dir = program.folder()
    program.shell(('ln -s %s %s/link'):format(program.quote(program.bin), dir))
    assert.equal(0, program.shell(('cd / && %s/link version >/dev/null'):format(dir)))
    program.remove(dir)
  end)
end)

describe('JSON that is asked for', function()
  local json = require('dkjson')

  it('is what an unknown command or option gives, however it is asked for', function()
    for _, args in ipairs({ { 'verson', '-o', 'json' }, { 'verson', '--output=json' }, { 'help', 'verson', '-ojson' },
      { '-o', 'json', 'verson' }, { 'version', '--bad', '--output', 'json' } }) do
      local r = program.run(args)
      assert.equal(2, r.code)
      assert.equal('argument', json.decode(r.err).error.code)
    end
    assert.equal('argument', json.decode(program.run({ 'verson' }, { env = { CHRONON_OUTPUT = 'json' } }).err).error.code)
    assert.matches('^chronon: ', program.run({ 'verson', '-o', 'table' }, { env = { CHRONON_OUTPUT = 'json' } }).err)
  end)

  it('is what help gives', function()
    local all = json.decode(program.run({ 'help', '-o', 'json' }).out).commands
    assert.equal('init', all[1].name)
    local one = json.decode(program.run({ 'help', 'sql', '-o', 'json' }).out)
    assert.equal('[QUERY]', one.arguments)
    assert.equal('file', one.options[1].name)
    assert.equal('f', one.options[1].letter)
    assert.equal(program.run({ 'help', 'sql', '-o', 'json' }).out, program.run({ 'sql', '--help', '-o', 'json' }).out)
  end)
end)

describe('chronon help', function()
  it('shows examples before options', function()
    local r = program.run({ 'help', 'init' })
    assert.equal(0, r.code)
    assert.is_true(r.out:find('Examples:', 1, true) < r.out:find('Options:', 1, true))
    assert.equal(r.out, program.run({ 'init', '--help' }).out)
  end)

  it('refuses what is no command', function()
    local r = program.run({ 'help', 'nothing' })
    assert.equal(2, r.code)
    assert.matches('unknown command "nothing"', r.err)
  end)

  it('is the reference page', function()
    assert.equal(program.read('docs/reference/cli.md'), program.run({ 'help', '--reference' }).out)
  end)
end)

describe('chronon init', function()
  local dir
  before_each(function() dir = program.folder() end)
  after_each(function() program.remove(dir) end)

  it('writes a repo and tells what to do next', function()
    local r = program.run({ 'init', 'shop' }, { cwd = dir })
    assert.equal(0, r.code)
    assert.matches('shop/teams.json\n', r.out)
    assert.matches('chronon compile', r.err)
    assert.equal(program.read('src/cli/template/data/visits.csv'), program.read(dir .. '/shop/data/visits.csv'))
    assert.equal('/warehouse/\n', program.read(dir .. '/shop/.gitignore'))
  end)

  it('touches nothing when a file is there', function()
    program.shell(('mkdir %s/shop && echo mine >%s/shop/teams.json'):format(dir, dir))
    local r = program.run({ 'init', dir .. '/shop' })
    assert.equal(1, r.code)
    assert.matches('teams.json exists already; nothing was written', r.err)
    assert.equal('mine\n', program.read(dir .. '/shop/teams.json'))
    assert.equal(0, program.shell(('test "$(ls %s/shop)" = teams.json'):format(dir)))
  end)

  it('says when no folder can be made', function()
    local r = program.run({ 'init', '/proc/none/shop', '-o', 'json' })
    assert.equal(1, r.code)
    assert.matches('^{"error": {"code": "io", "message": "folder /proc/none:', r.err)
  end)

  it('needs a folder', function() assert.equal(2, program.run({ 'init' }).code) end)
end)
