--- No input line ends the process: neither random bytes nor random words of Lua, more than a thousand in
--- one shell, through the machine that takes the lines of a terminal.
local program = require('spec.support.program')
local seed = require('spec.support.seed')

local DRIVER = [=[
local seed, lines = ...
local machine = require('repl.run').lines('=input', require('repl.dot').run)
math.randomseed(seed)

local WORDS = {}
for word in ([[and or not nil true false function end if then else do return local for in = == ~= < > + - * / % .. #
( ) { } [ ] , ; : . ... 1 0x7f 1e308 "text" 'x' [[ ]] --[[ -- c sql load tables describe help gb r x _ string table
math print reload duckdb :rep :rows :filter :schema :backfill :fetch :save rows GroupBy Join Operation :compare error
setmetatable pcall tostring pairs .mode .schema .tables .timer .maxrows .help json csv on SELECT FROM raw.purchases
c.GroupBy{ c.Query{ sql[[SELECT sources= keys={ ds=]]):gmatch('%S+') do WORDS[#WORDS + 1] = word end

local function words()
  local out = {}
  for i = 1, math.random(1, 12) do out[i] = WORDS[math.random(#WORDS)] end
  return table.concat(out, math.random() < 0.8 and ' ' or '')
end

local function bytes()
  local out = {}
  for i = 1, math.random(0, 60) do
    local b = math.random(0, 255)
    out[i] = string.char(b == 10 and 32 or b)
  end
  return table.concat(out)
end

local taken = 0
for i = 1, lines do
  local line = i % 3 == 0 and bytes() or words()
  -- A loop without an end would be one of Ctrl-C's cases: it is stopped in the same way.
  debug.sethook(function() error('enough') end, '', 1000000)
  machine.take(line)
  debug.sethook()
  if i % 7 == 0 then machine.cancel() end
  taken = taken + 1
end
io.stdout:write('\nALIVE ', taken, '\n')
]=]

describe('chronon repl', function()
  it('survives every line', function()
    local dir = program.folder()
    local _, number = seed.random('repl lines')
    local lines = 1500
    assert.equal(0, program.run({ 'init', dir .. '/shop', '-q' }).code)
    program.write(dir .. '/driver.lua', DRIVER)
    local r = program.run({ 'repl', '-c', ('assert(loadfile(%q))(%d, %d)'):format(dir .. '/driver.lua', number, lines) },
      { cwd = dir .. '/shop' })
    assert.equal(0, r.code, 'seed ' .. number .. '\n' .. r.err:sub(-2000))
    assert.equal(('ALIVE %d\n'):format(lines), r.out:match('ALIVE %d+\n$'), 'seed ' .. number)
    program.remove(dir)
  end)
end)
