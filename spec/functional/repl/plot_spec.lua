--- Pictures at the prompt.
local program = require('spec.support.program')
local xml = require('spec.support.xml')

describe('plot in the shell', function()
  local dir

  local function run(code)
    return program.run({ 'repl', '-f', '-', '--warehouse', dir .. '/warehouse' },
      { cwd = dir, stdin = code, env = { COLUMNS = '40' } })
  end

  local function out(code)
    local r = run(code)
    assert.equal('', r.err)
    return r.out
  end

  setup(function() dir = program.folder() end)
  teardown(function() program.remove(dir) end)

  local SOLD = [[
r = duckdb "SELECT * FROM (VALUES ('2024-01-01', 1, 'tea'), ('2024-01-03', 3, 'tea'), ('2024-01-03', 5, 'mug')) AS v(ds, n, item)"
]]

  it('counts the values of a column: texts, whole numbers, numbers, days', function()
    assert.equal('item of result_1, most frequent values\ntea ██████████████████████████████████ 2\nmug █████████████████ 1\n',
      out(SOLD .. 'r:plot { x = "item" }\n'):gsub(' +(%d)', ' %1') .. '')
    assert.equal('i of result_1\n0 ████████████████████████████████████ 2\n1 0\n2 ██████████████████ 1\n',
      (out('duckdb("SELECT unnest([0, 0, 2]) AS i"):plot()\n'):gsub(' +(%d)', ' %1')))
    local text = out('duckdb("SELECT unnest([0.5, 0.6, 1.5]::DOUBLE[]) AS d"):plot { kind = "histogram", bins = 2 }\n')
    assert.truthy(text:find('^d of result_1\n0%.5 to 1 [^ ]+ +2\n1 to 1%.5 [^ ]+ +1\n$'), text)
    text = out("duckdb([[SELECT DATE '2024-01-30' + i::INTEGER AS day FROM range(3) AS t(i)]]):plot()\n")
    assert.truthy(text:find('^day of result_1\n2024%-01%-30 [^ ]+ 1\n2024%-01%-31 [^ ]+ 1\n2024%-02%-01 [^ ]+ 1\n$'), text)
  end)

  it('draws numbers over days, the mean of a day', function()
    local text = out(SOLD .. 'r:plot { x = "ds", y = "n", height = 3 }\n')
    local lines = {}
    for line in text:gmatch('(.-)\n') do lines[#lines + 1] = line end
    assert.equal('n by ds of result_1', lines[1])
    assert.equal('4 ', lines[2]:sub(1, 2)) -- (3 + 5) / 2
    assert.equal('1 ', lines[4]:sub(1, 2))
    assert.equal('  2024-01-01 00:00      2024-01-03 00:00', lines[5])
    assert.equal(5, #lines)
  end)

  it('draws ts, and what it is told of, as instants', function()
    local rows = 'r = duckdb "SELECT 1704067200000 + i * 86400000 AS ts, ts AS at, i FROM range(3) AS t(i)"\n'
    for _, x in ipairs { '{ x = "ts", y = "i" }', '{ x = "at", y = "i", times = true }', '{ x = "ts", bins = 2 }' } do
      local text = out(rows .. 'r:plot ' .. x .. '\n')
      assert.truthy(text:find('2024-01-01', 1, true), text)
      assert.falsy(text:find('1704067200000', 1, true), text)
    end
    assert.falsy(out(rows .. 'r:plot { x = "at", y = "i" }\n'):find('2024-', 1, true))
  end)

  it('marks windows below a line', function()
    local text = out(SOLD .. 'r:plot { x = "ds", y = "n", windows = {\n{ "2024-01-02", "2024-01-03", "1d" }, '
      .. '{ 1704067200000, "2024-01-02" } } }\n')
    assert.truthy(text:find('\n' .. (' '):rep(20) .. '├ 1d [─]+┤\n  ├[─]+┤\n$'), text)
  end)

  it('draws bars by texts in the order of the rows, and rows as a spark', function()
    assert.equal('n by item of result_1\ntea ██████▊ 1\ntea ████████████████████▍ 3\nmug ██████████████████████████████████ 5\n',
      (out(SOLD .. 'r:plot { x = "item", y = "n" }\n'):gsub(' +(%d)', ' %1')))
    assert.equal('n of result_1\n▁▅█\n', out(SOLD .. 'r:plot { kind = "spark", y = "n" }\n'))
    assert.equal('n of result_1\n▁▅█\n', out(SOLD .. 'r:plot { kind = "spark", x = "n" }\n'))
  end)

  it('takes one or two columns without their names', function()
    local two = 'duckdb "SELECT range AS a, range * 2 AS b FROM range(3)"'
    assert.equal(out(two .. ':plot { x = "a", y = "b" }\n'), out(two .. ':plot()\n'))
    assert.equal(out(two .. ':plot { x = "a", y = "b" }\n'), out('r = ' .. two .. '\nplot "result_1"\n'))
    assert.equal('b of result_2\n▁▅█\n',
      out('r = ' .. two .. '\ns = duckdb "SELECT b FROM result_1"\ns:plot { kind = "spark" }\n'))
  end)

  it('says so where there is nothing', function()
    for _, o in ipairs { '', '{ x = "a" }', '{ kind = "bars", x = "a", y = "b" }', '{ kind = "spark", y = "b" }' } do
      local text = out(('duckdb("SELECT 1 AS a, 2 AS b WHERE false"):plot(%s)\n'):format(o))
      assert.truthy(text:find('\nnothing to plot\n$'), o .. text)
    end
  end)

  it('leaves gaps where numbers are missing', function()
    assert.equal('n of result_1\n▁ █\n', out('duckdb("SELECT unnest([1, NULL, 3]) AS n"):plot { kind = "spark" }\n'))
    assert.equal('n of result_1\n▁ █\n',
      out("duckdb([[SELECT unnest([1, 'nan'::DOUBLE, 3]) AS n]]):plot { kind = \"spark\" }\n"))
  end)

  it('is a text of the width that is asked for', function()
    assert.equal('string\n', out(SOLD .. 'text = tostring(r:plot { x = "item" })\ntype(text)\n'))
    assert.equal('a\n▁█\n', out(SOLD .. 'r:plot { kind = "spark", y = "n", width = 2, title = "a" }\n'))
  end)

  it('writes SVG, with the same numbers', function()
    assert.equal('', out(SOLD .. 'r:plot { x = "item", y = "n", svg = "a <b>.svg", title = "a <b>" }\n'))
    local text = program.read(dir .. '/a <b>.svg')
    assert.is_nil(xml.broken(text))
    assert.truthy(text:find('a &lt;b&gt;', 1, true), text)
    for _, label in ipairs { 'tea', 'mug', '5' } do assert.truthy(text:find('>' .. label .. '<', 1, true), label) end
    assert.equal('', out(SOLD .. 'r:plot { x = "ds", y = "n", svg = "w.svg", width = 300, height = 200 }\n'))
    assert.truthy(program.read(dir .. '/w.svg'):find('width="300" height="200"', 1, true))
  end)

  it('says what is wrong', function()
    local function wrong(call, message)
      local r = run(SOLD .. call .. '\n')
      assert.equal(1, r.code, call)
      assert.truthy(r.err:find(message, 1, true), r.err)
    end
    wrong('r:plot()', 'which columns of result_1 are drawn?')
    wrong('r:plot { x = "itm" }', 'result_1 has no column itm (did you mean item?)')
    wrong('r:plot { x = "nothing" }', 'result_1 has no column nothing')
    wrong('r:plot { kind = "bar", x = "item" }', 'is none of bars, histogram, series, spark (did you mean "bars"?)')
    wrong('r:plot { kind = 3, x = "item" }', 'plot: kind = 3 is none of')
    wrong('r:plot { kind = "histogram", x = "item" }', 'x = "item" is string, and texts have no histogram: kind = "bars"')
    wrong('r:plot { kind = "histogram", x = "item", y = "n" }', 'a histogram counts the values of x')
    wrong('r:plot { kind = "series", x = "item", y = "n" }', 'x = "item" is string, and a line goes over numbers or times')
    wrong('r:plot { kind = "bars", y = "n" }', 'bars need x = "..."')
    wrong('r:plot { x = "n", y = "item" }', 'y = "item" is string, and only numbers have a height')
    wrong('duckdb("SELECT [1] AS a"):plot()', 'x = "a" is array<int>, and only numbers, times and texts are counted')
    wrong('duckdb("SELECT range::VARCHAR AS a, range AS b FROM range(201)"):plot()', 'result_2 has more than 200 bars')
    wrong('r:plot { x = "item", width = 0.5 }', 'plot: width is a whole number from 1 to 10000')
    wrong('r:plot { x = "item", wide = 5 }', 'plot has no option wide')
    wrong('r:plot { x = "item", svg = "a.png" }', 'plot: a.png: a picture is an SVG, in a file that ends with .svg')
    wrong('r:plot { x = "item", svg = "none/a.svg" }', 'none/a.svg: No such file or directory')
    wrong('r:plot { x = "ds", y = "n", windows = { { "soon", 1 } } }', 'plot: a window: "soon" is no instant')
    wrong('r:plot { x = "ds", y = "n", windows = { 1 } }', 'plot: a window is { from, to, label }')
    wrong('plot "nope.x"', 'table nope.x does not exist')
    wrong('plot(1)', 'stdin:2: plot takes a result or the name of a table')
  end)
end)
