--- The shell as a tool for scripts: -c, -f, standard input, --output, exit codes.
local program = require('spec.support.program')
local json = require('dkjson')

describe('chronon repl', function()
  local dir, repo

  local function repl(args, o)
    o = o or {}
    table.insert(args, 1, 'repl')
    return program.run(args, { cwd = o.cwd or repo, stdin = o.stdin, env = o.env })
  end

  --- Runs code; fails unless it ends well. Its output.
  local function out(...)
    local args = {}
    for _, code in ipairs({ ... }) do
      args[#args + 1] = '-c'
      args[#args + 1] = code
    end
    local r = repl(args)
    assert.equal('', r.err)
    assert.equal(0, r.code)
    return r.out
  end

  setup(function()
    dir = program.folder()
    repo = dir .. '/shop'
    assert.equal(0, program.run({ 'init', repo, '-q' }).code)
  end)
  teardown(function() program.remove(dir) end)

  describe('with -c', function()
    it('prints what an expression gives, and nothing for a statement', function()
      assert.equal('2\n', out('1 + 1'))
      assert.equal('', out('x = 1'))
      assert.equal('1\nb\n', out('1, "b"'))
      assert.equal('nil\n', out('nil'))
    end)

    it('keeps what one -c sets for the next, local too', function()
      assert.equal('6\n', out('local x = 5', 'x + 1'))
      assert.equal('6\n', out('local function f(n) return n + 1 end', 'f(5)'))
      assert.equal('nil\n', out('local y', 'y'))
    end)

    it('prints tables as Lua has them, with an end', function()
      assert.equal('{ 1, 2, a = { b = "x" } }\n', out('{ 1, 2, a = { b = "x" } }'))
      assert.equal('{ self = { ...itself } }\n', out('t = {}; t.self = t', 't'))
    end)

    it('ends with 1 at the first error, which tells its line', function()
      local r = repl({ '-c', 'x = 1', '-c', 'nope.y', '-c', '"not reached"' })
      assert.equal("chronon: -c:1: attempt to index global 'nope' (a nil value)\n", r.err)
      assert.equal('', r.out)
      assert.equal(1, r.code)
    end)

    it('points at the line of a text of several', function()
      local r = repl({ '-c', 'local a = {}\nlocal b = a.x.y\nreturn b' })
      assert.equal("chronon: -c:2: attempt to index field 'x' (a nil value)\n  2 | local b = a.x.y\n", r.err)
    end)

    it('leaves with the code of exit', function()
      local r = repl({ '-c', 'exit(3)', '-c', '"not reached"' })
      assert.equal(3, r.code)
      assert.equal('', r.out)
    end)

    it('leaves at once, by os.exit too, after closing what is open', function()
      local r = repl({ '-c', 'sql "SELECT 1"; os.exit(4); print "not reached"' })
      assert.equal(4, r.code)
      assert.equal('', r.out .. r.err)
      assert.not_equal(0, program.shell('test -e ' .. repo .. '/warehouse'))
    end)

    it('refuses bytecode', function()
      local r = repl({ '-f', '-' }, { stdin = string.dump(function() return 1 end):gsub('\n', '') .. '\n' })
      assert.equal(1, r.code)
      assert.truthy(r.err:find('stdin:1: bytecode', 1, true), r.err)
    end)
  end)

  describe('with a file or standard input', function()
    local script = 'local x = 20\nfor i = 1, 2 do\n  x = x + i\nend\nx\nsql [[\nSELECT 1 AS one]]\n'

    it('runs it statement by statement', function()
      program.write(dir .. '/s.lua', script)
      assert.equal('23\none\n  1\n', repl({ '-f', dir .. '/s.lua' }).out)
      assert.equal('23\none\n  1\n', repl({}, { stdin = script }).out)
      assert.equal('23\none\n  1\n', repl({ '-f', '-' }, { stdin = script }).out)
    end)

    it('stops at an error with its line in the file', function()
      local r = repl({}, { stdin = 'x = 1\n\nx.y.z = 2\n"not reached"\n' })
      assert.equal(1, r.code)
      assert.equal('', r.out)
      assert.equal("chronon: stdin:3: attempt to index global 'x' (a number value)\n  3 | x.y.z = 2\n", r.err)
    end)

    it('tells of an end in the middle', function()
      local r = repl({}, { stdin = 'x = 1\nf(\n' })
      assert.equal(1, r.code)
      assert.truthy(r.err:find("stdin:2: unexpected symbol near '<eof>'", 1, true), r.err)
    end)

    it('says which file is not there', function()
      local r = repl({ '-f', dir .. '/none.lua' })
      assert.equal(1, r.code)
      assert.truthy(r.err:find('none.lua: No such file', 1, true), r.err)
    end)
  end)

  describe('with --output json', function()
    it('prints values and results as JSON', function()
      local r = repl({ '-o', 'json', '-c', '{ a = 1, b = { true, "x" } }' })
      assert.same({ a = 1, b = { true, 'x' } }, json.decode(r.out))
      r = repl({ '-o', 'json', '-c', 'sql [[SELECT 1 AS n, CAST(NULL AS STRING) AS t, array(1, 2) AS l]]' })
      assert.equal('[\n{"n": 1, "t": null, "l": [1, 2]}\n]\n', r.out)
    end)

    it('tells errors as JSON', function()
      local r = repl({ '-o', 'json', '-c', 'error "x"' })
      assert.same({ error = { message = '-c:1: x' } }, json.decode(r.err))
    end)
  end)

  describe('dot commands', function()
    local function dots(text) return repl({}, { stdin = text }) end

    it('change the mode', function()
      local r = dots('.mode csv\nsql [[SELECT 1 AS a, "x,y" AS b]]\n.mode vertical\nsql [[SELECT 1 AS a]]\n.mode\n')
      assert.equal('a,b\n1,"x,y"\n-- row 1\na  1\nvertical\n', r.out)
    end)

    it('send results to a file and back', function()
      local path = dir .. '/out.txt'
      local r = dots('.output ' .. path .. '\n1 + 1\nprint "x"\n.output\n3\n')
      assert.equal('3\n', r.out)
      assert.equal('2\nx\n', program.read(path))
    end)

    it('read a file', function()
      program.write(dir .. '/r.lua', 'y = 4\ny\n')
      assert.equal('4\n5\n', dots('.read ' .. dir .. '/r.lua\ny + 1\n').out)
    end)

    it('list tables and columns', function()
      assert.equal('raw.purchases\nraw.visits\n', dots('.tables\n').out)
      assert.truthy(dots('.schema raw.visits\n').out:find('\nuser_id   string\n'))
    end)

    it('limit rows, and say so', function()
      local r = dots('.maxrows 2\nduckdb [[SELECT range AS i FROM range(5)]]\n')
      assert.equal('i\n0\n1\n', r.out)
      assert.equal('2 of 5 rows; .maxrows 0 shows all\n', r.err)
    end)

    it('tell the time', function() assert.truthy(dots('.timer on\n1\n').out:find('^1\n%d+%.%d%d%d s\n$')) end)

    it('leave', function() assert.equal('1\n', dots('1\n.exit\n2\n').out) end)

    it('are told when they are none', function()
      local r = dots('\n.tabels\n')
      assert.equal(1, r.code)
      assert.equal('chronon: stdin:2: .tabels is no command (did you mean .tables?); .help lists them\n', r.err)
    end)
  end)

  it('starts where there is no repo, and leaves nothing behind', function()
    local empty = dir .. '/empty'
    program.shell('mkdir ' .. empty)
    local r = repl({ '-c', 'sql [[SELECT 1 AS a]]' }, { cwd = empty })
    assert.equal('a\n1\n', r.out)
    assert.equal('', r.err)
    r = repl({ '-c', 'load "a.b.c"' }, { cwd = empty })
    assert.truthy(r.err:find('there is no repo here', 1, true), r.err)
    local pipe = io.popen('ls -A ' .. empty)
    assert.equal('', pipe:read('*a'))
    pipe:close()
  end)

  it('has help for everything that it offers', function()
    local text = out('help')
    for _, name in ipairs({ 'load', 'sql', 'tables', 'describe', 'gb:backfill', 'join:compare', 'r:save' }) do
      assert.truthy(text:find('\n  ' .. name .. '%s'), name)
    end
    assert.truthy(out('help(c.GroupBy)'):find('\n  sources%s+needed: '))
    assert.truthy(out('help(sql)'):find('for example: sql [[', 1, true))
    assert.truthy(out('help "Operation.LAST_K"'):find('for example: c.Operation.LAST_K(10)', 1, true))
    local r = repl({ '-c', 'help "bakfill"' })
    assert.truthy(r.err:find('did you mean "backfill"?', 1, true), r.err)
  end)
end)
