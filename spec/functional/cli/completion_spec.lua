--- What a shell completes, and the page of the manual: both come from the commands' tables.
local program = require('spec.support.program')

local function lines(text)
  local out = {}
  for line in text:gmatch('[^\n]+') do out[#out + 1] = line end
  return out
end

describe('chronon completion', function()
  local dir

  local function complete(...)
    local r = program.run({ '__complete', ... }, { cwd = dir })
    assert.equal(0, r.code)
    assert.equal('', r.err)
    return lines(r.out)
  end

  lazy_setup(function()
    dir = program.folder()
    program.shell(('mkdir -p %s/production/joins/shop %s/production/group_bys/shop && echo {} >%s/teams.json'):format(
      dir, dir, dir))
    program.shell(('touch %s/production/joins/shop/training.v1 %s/production/group_bys/shop/visits.v1'):format(dir, dir))
  end)

  lazy_teardown(function() program.remove(dir) end)

  it('knows the commands', function()
    assert.same({ 'run' }, complete('ru'))
    assert.is_true(#complete('') > 10)
  end)

  it("knows a command's options and not another's", function()
    assert.same({ '--mode' }, complete('run', '--mo'))
    assert.same({}, complete('version', '--mo'))
  end)

  it('knows what an option may be', function()
    assert.same({ 'skip', 'stop' }, complete('run', '--on-error', ''))
    assert.same({ 'streaming', 'stats-summary' }, complete('run', '-m', 's'))
    assert.same({ 'csv' }, complete('tables', '-o', 'c'))
  end)

  it('knows the definitions of the repo, from a folder below it too', function()
    assert.same({ 'production/joins/shop/training.v1' }, complete('run', '--conf', 'production/j'))
    assert.same({ 'shop/training.v1', 'shop/visits.v1' }, complete('fetch', 'shop/'))
    local r = program.run({ '__complete', 'fetch', 'shop/t' }, { cwd = dir .. '/production/joins' })
    assert.same({ 'shop/training.v1' }, lines(r.out))
  end)

  it('leaves to the shell what is a file', function()
    assert.same({}, complete('run', '--input', ''))
    assert.same({}, complete('nothing', ''))
  end)

  it('is complete in bash', function()
    -- The program is asked by the name it was called by: a link of that name, first of the PATH.
    local script = dir .. '/complete.bash'
    program.write(script, program.run({ 'completion', 'bash' }).out)
    program.shell(('mkdir -p %s/bin && ln -sf %s %s/bin/chronon'):format(dir, program.quote(program.bin), dir))
    local out = dir .. '/out'
    program.shell(([[cd %s && PATH=%s/bin:$PATH bash -c 'source %s; COMP_WORDS=(chronon run --mode loc); COMP_CWORD=3
      _chronon; echo "${COMPREPLY[@]}"' >%s]]):format(dir, dir, script, out))
    assert.equal('local-streaming\n', program.read(out))
  end)

  it('has a script for each shell, and says which', function()
    for _, shell in ipairs({ 'bash', 'zsh', 'fish' }) do
      assert.matches('__complete', program.run({ 'completion', shell }).out, 1, true)
    end
    local r = program.run({ 'completion', 'tcsh' })
    assert.equal(2, r.code)
    assert.matches('bash, zsh and fish', r.err, 1, true)
  end)

  it('makes a page of the manual with every command and option', function()
    local page = program.run({ 'help', '--man' }).out
    for _, word in ipairs({ '.TH CHRONON 1', 'chronon compile', '\\-\\-mode', '\\-\\-kafka\\-bootstrap' }) do
      assert.matches(word, page, 1, true)
    end
    local macros = {}
    for macro in ('TH SH SS TP PP EX EE B I RI'):gmatch('%u+') do macros[macro] = true end
    -- A line that begins with a dot is a command of roff, and only ours are there.
    for line in page:gmatch('[^\n]+') do
      local macro = line:match("^[.'](%S*)")
      assert.is_true(macro == nil or macros[macro] == true, line)
    end
  end)
end)
