local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('lua/luart.h')

--- Runs a text as a definition file of a repo that does not exist.
--- @return string? json what it returned, or nil and the message
local function eval(text, limits)
  local arena, err, json = ffi.new('struct arena'), ffi.new('struct chn_err'), ffi.new('const char *[1]')
  local rt = C.luart_new('/nowhere', limits and ffi.new('struct luart_limits', limits) or nil)
  local status = C.luart_eval(rt, arena, 'f.lua', text, #text, json, err)
  local result = status == C.CHN_OK and ffi.string(json[0]) or nil
  C.luart_free(rt)
  C.arena_deinit(arena)
  if result then return result end
  assert.equal(C.CHN_E_ARGUMENT, status)
  return nil, ffi.string(err.msg)
end

local function refused(pattern, text, limits)
  local json, why = eval(text, limits)
  assert.is_nil(json)
  assert.matches(pattern, why)
end

describe('a definition', function()
  it('is a program that returns a value', function()
    assert.equal('{"a":[1,2.5,"x\\n",true],"b":[]}', -- an empty table is a list
      eval('local t = { 1, 2.5, "x\\n", true } return { b = {}, a = t }'))
    assert.equal('null', eval(''))
    assert.equal('[-0.5,9007199254740992,1e+300,0.1]', eval('return { -0.5, 2^53, 1e300, 0.1 }'))
  end)

  it('tells where it is wrong', function()
    refused("^f.lua:2: '<name>' expected", 'local x\nlocal = 1')
    refused('^f.lua:2: attempt to index', 'local x\nreturn x.y')
    refused('^f.lua:1: no$', 'error("no")')
    refused('^f.lua: raised an error that is no text but a table$', 'error({})')
    refused('^f.lua: raised an error that is no text but a nil$', 'error()')
  end)

  it('must return what JSON can say', function()
    refused('a function cannot be part of a definition', 'return { print }')
    refused('NaN cannot be part', 'return 0 / 0')
    refused('an infinite number', 'return { a = -1 / 0 }')
    refused('nested deeper than 100 levels', 'local t = {} t.t = t return t')
    refused('must not have keys of type number too', 'return { a = 1, [7] = 2 }')
    refused('limit of instructions', 'local t = {} for _ = 1, 60 do t = { t, t } end return t')
  end)

  for _, name in ipairs {
    'io', 'os', 'debug', 'ffi', 'jit', 'package', 'load', 'loadstring', 'dofile', 'loadfile', 'getfenv', 'setfenv',
    'collectgarbage', 'newproxy', 'module', 'gcinfo',
  } do
    it('has no ' .. name, function()
      refused('^f.lua:1: `' .. name .. '` is not available in definitions', 'return ' .. name)
      refused('is not available', 'return _G.' .. name)
      assert.equal('null', eval('return rawget(_G, "' .. name .. '")'))
    end)
  end

  it('has neither chance nor bytecode', function()
    refused('^f.lua:1: math.random is not available', 'local x = math.random() return x')
    refused('^f.lua:1: math.randomseed is not available', 'math.randomseed(1)')
    refused('^f.lua:1: string.dump is not available', 'local x = string.dump(function() end) return x')
    local bytecode = string.dump(function() return 1 end)
    refused('attempt to load chunk with wrong mode', bytecode)
  end)

  it('cannot reach the modules of the host', function()
    for _, name in ipairs { 'ffi', 'io', 'os', 'debug', 'jit', 'string', 'package', 'bit' } do
      refused('"?' .. name, 'return require("' .. name .. '")')
    end
    refused('is no name of a module', 'require("../../etc/passwd")')
    refused('is no name of a module', 'require("/etc/passwd")')
    refused('is no name of a module', 'require("a..b")')
    refused('is no name of a module', 'require("")')
    refused('there is no module "chronon.nothing"', 'require("chronon.nothing")')
    refused('there is no module "group_bys.x.y": the repo has no file group_bys/x/y.lua',
      'require("group_bys.x.y")')
  end)

  it('names a global that does not exist', function()
    refused('^f.lua:1: `departure` is not defined$', 'return departure')
    assert.equal('1', eval('x = 1 return x'))
  end)

  it('cannot change the methods of strings', function()
    assert.equal('false', eval('return getmetatable("")'))
    refused('cannot change a protected metatable', 'setmetatable(_G, {})')
    assert.equal('["A","A"]', eval('string.upper = nil local s = "a" return { s:upper(), ("a"):upper() }'))
  end)
end)

describe('a run is the same every time:', function()
  it('pairs goes by key', function()
    assert.equal('"1,2,2.5,10,-0,B,a,aa,false,true,"', eval([[
      local t = { [10] = 1, a = 1, B = 1, aa = 1, [true] = 1, [false] = 1, [2.5] = 1, ['-0'] = 1, 5, 6 }
      local s = ''
      for k in pairs(t) do s = s .. tostring(k) .. ',' end
      return s]]))
  end)

  it('next goes by key, too', function()
    assert.equal('"abc"', eval([[
      local t, s = { b = 1, c = 1, a = 1 }, ''
      local k = next(t)
      while k do s = s .. k k = next(t, k) end
      return s]]))
    assert.equal('true', eval('return next({}) == nil'))
  end)

  it('pairs allows to remove what it goes over', function()
    assert.equal('"a"', eval([[
      local t, s = { a = 1, b = 1 }, ''
      for k in pairs(t) do s = s .. k t.b = nil end
      return s]]))
  end)

  it('what has no order is refused', function()
    refused('keys of type table have no order', 'for k in pairs({ [{}] = 1 }) do end')
  end)

  it('nothing shows an address', function()
    assert.equal('["table","function: x","thread"]', eval([[
      return { tostring({}), string.format('%s: x', print), tostring(coroutine.create(print)) }]]))
    assert.equal('"table|  1.50|%p"', eval([[return ('%s|%6.2f|%%p'):format({}, 1.5)]]))
    refused('string.format has no %%p', [[return ('%-5p'):format({})]])
    assert.equal('"T"', eval([[return tostring(setmetatable({}, { __tostring = function() return 'T' end }))]]))
  end)
end)

describe('the limits', function()
  local FEW = { instructions = 2000000, memory = 16 * 1024 * 1024, cpu_ms = 5000 }

  for what, text in pairs {
    ['a loop'] = 'while true do end',
    ['a loop inside pcall'] = 'while true do pcall(function() while true do end end) end',
    ['a loop inside xpcall'] = [[
      local function loop() while true do end end
      while true do xpcall(loop, loop) end]],
    ['a loop in a handler'] = 'xpcall(error, function() while true do end end)',
    ['a loop inside a coroutine'] = [[
      while true do pcall(coroutine.wrap(function() while true do end end)) end]],
    ['a metamethod'] = [[
      local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end })
      while true do pcall(function() return t[1] end) end]],
    ['a pattern'] = [[return (('a'):rep(400)):find(('a*'):rep(20) .. 'b')]],
    ['a lazy pattern'] = [[return (('a'):rep(4000)):match(('.-'):rep(10) .. 'b')]],
    ['a pattern inside gsub'] = [[while true do pcall(string.gsub, ('a'):rep(400), ('a*'):rep(20) .. 'b', '') end]],
    ['a pattern inside gmatch'] = [[for _ in (('a'):rep(400)):gmatch(('a*'):rep(20) .. 'b') do end]],
    ['iteration over a large table'] = 'local t = {} for i = 1, 1e4 do t[i] = i end while true do pairs(t) end',
  } do
    it('stop ' .. what, function() refused('^f.lua: the definitions run too long', text, FEW) end)
  end

  for what, text in pairs {
    ['string.rep'] = [[return #('x'):rep(1e9)]],
    ['a growing table'] = 'local t = {} for i = 1, 1e9 do t[i] = { i } end',
    ['a growing string'] = 'local s = "x" while true do s = s .. s end',
    ['gsub'] = [[return #(('x'):rep(1e6):gsub('x', ('y'):rep(1e6)))]],
    ['table.concat'] = [[local t, s = {}, ('x'):rep(1e6) for i = 1, 1000 do t[i] = s end return #table.concat(t)]],
  } do
    it('stop ' .. what .. ' that takes all memory', function()
      refused('memory', text, { memory = 16 * 1024 * 1024 })
    end)
  end

  it('stop slow work that is few instructions', function()
    refused('limit of processor time', [[
      local a, b = ('x'):rep(5e6) .. 'a', ('x'):rep(5e6) .. 'b'
      local n = 0
      while true do if a < b then n = n + 1 end end]], { cpu_ms = 100 })
  end)

  for what, text in pairs {
    ['a function'] = 'local function f() return 1 + f() end f()',
    ['gsub'] = "local function f() return (('a'):gsub('a', f)) end f()",
    ['gsub by __index'] = [[
      local t = setmetatable({}, {})
      getmetatable(t).__index = function() return (('a'):gsub('a', t)) end
      return t.x]],
    ['sort'] = 'local function f() table.sort({ 1, 2, 3 }, f) end f()',
    ['xpcall'] = 'local function f() local ok, why = xpcall(f, tostring) error(why, 0) end f()',
    ['coroutines'] = [[
      local function f()
        local ok, why = coroutine.resume(coroutine.create(f))
        if not ok then error(why, 0) end
      end
      f()]],
    ['__tostring'] = [[
      local m = {}
      m.__tostring = function(x) return tostring(x) .. '' end
      tostring(setmetatable({}, m))]],
    ['format'] = [[
      local m = {}
      m.__tostring = function(x) return ('%s'):format(x) .. '' end
      print(setmetatable({}, m))]],
    ['comparison'] = [[
      local m = {}
      m.__lt = function(a, b) return not (a < b) end
      local t = setmetatable({}, m)
      return t < t]],
  } do
    it('stop recursion by ' .. what, function() refused('overflow', text) end)
  end

  for what, text in pairs {
    ['parentheses'] = 'return ' .. ('('):rep(1e5), ['tables'] = 'return ' .. ('{'):rep(1e5),
    ['concatenations'] = 'return ' .. ('1 .. '):rep(1e5) .. '1', ['blocks'] = ('do '):rep(1e5),
    ['functions'] = 'return ' .. ('function() return '):rep(1e4),
  } do
    it('stop the parser in deep ' .. what, function() refused('^f.lua:1: ', text) end)
  end

  it('stop a pattern that is too long', function()
    refused('pattern too complex', [[return (('a'):rep(1e5)):find(('a?'):rep(1e5))]])
    refused('too many captures', [[return ('a'):find(('('):rep(100))]])
  end)

  it('leave no room for Lua itself: an error, too', function()
    local arena, err, json = ffi.new('struct arena'), ffi.new('struct chn_err'), ffi.new('const char *[1]')
    local rt = C.luart_new('/nowhere', ffi.new('struct luart_limits', { memory = 20000 }))
    assert.equal(C.CHN_E_MEMORY, C.luart_eval(rt, arena, 'f', '', 0, json, err))
    C.luart_free(rt)
    C.arena_deinit(arena)
  end)
end)

describe('Lua functions written again', function()
  it('xpcall calls the handler with the error', function()
    assert.equal('[false,"f.lua:1: x!"]', eval([[
      local function handler(e) return e .. '!' end return { xpcall(function() error('x') end, handler) }]]))
    assert.equal('[true,1,2]', eval('return { xpcall(function(a, b) return a, b end, print, 1, 2) }'))
  end)

  it('patterns match as Lua matches them', function()
    local random, seed = require('spec.support.seed').random('lua patterns')
    local pieces = {
      'a', 'b', '.', '%a', '%d', '%s', '[ab]', '[^a]', '[a-c]', '[]a]', '[^]b]', '[%d_]', '[a-]', '%.', '%z', '%W',
      '()', '(a)', '(.)', '(b*)', '%1', '%b()', '%f[a]', '%f[%A]', 'x', '$', '^', ' ', '%%', '-', '(', ')', '[', '%',
    }
    local repeats = { '', '', '', '*', '+', '-', '?' }
    local alphabet = { 'a', 'b', 'c', '1', ' ', '(', ')', 'x', '.', '%', '_' }
    local function pick(list) return list[random(1, #list)] end
    local cases = {}
    for i = 1, 3000 do
      local pattern, subject = random(1, 5) == 1 and '^' or '', ''
      for _ = 1, random(0, 4) do pattern = pattern .. pick(pieces) .. pick(repeats) end
      for _ = 1, random(0, 8) do subject = subject .. pick(alphabet) end
      cases[i] = { subject, pattern, random(-3, 5) }
    end
    --- One text with everything the four functions say, so that both sides are written alike.
    local function describe_all(list)
      local out = {}
      local function say(...)
        local parts = {}
        for i = 1, select('#', ...) do parts[i] = tostring((select(i, ...))) end
        if parts[1] == 'false' then parts = { 'false' } end -- texts of errors may differ
        out[#out + 1] = table.concat(parts, '|')
      end
      for _, case in ipairs(list) do
        local s, p, init = case[1], case[2], case[3]
        say(pcall(string.find, s, p, init))
        say(pcall(string.match, s, p))
        say(pcall(string.find, s, p, 1, true))
        say(pcall(string.gsub, s, p, '<%0%%>'))
        say(pcall(string.gsub, s, p, '%1', 2))
        say(pcall(string.gsub, s, p, { a = 'A', [1] = false, b = 7 }))
        say(pcall(string.gsub, s, p, function(x, y) return y and x or nil end))
        say(pcall(function()
          local all = {}
          for x, y in string.gmatch(s, p) do all[#all + 1] = tostring(x) .. tostring(y) end
          return table.concat(all, ',')
        end))
      end
      return table.concat(out, '\n')
    end
    local literals = {}
    for i, case in ipairs(cases) do literals[i] = ('{ %q, %q, %d }'):format(case[1], case[2], case[3]) end
    local source = debug.getinfo(describe_all, 'S')
    local lines, n = {}, 0
    for line in io.lines('spec/unit/lua/sandbox_spec.lua') do
      n = n + 1
      if n >= source.linedefined and n <= source.lastlinedefined then lines[#lines + 1] = line end
    end
    lines[#lines + 1] = 'return describe_all({' .. table.concat(literals, ',\n') .. '})'
    local json, why = eval(table.concat(lines, '\n'))
    assert.is_nil(why)
    local buf = {}
    for line in (load('return ' .. json:gsub('\\u00(%x%x)', '\\x%1'):gsub('\\/', '/'))() .. '\n'):gmatch('(.-)\n') do
      buf[#buf + 1] = line
    end
    local i = 0
    for line in (describe_all(cases) .. '\n'):gmatch('(.-)\n') do
      i = i + 1
      if line ~= buf[i] then
        local case = cases[math.floor((i - 1) / 8) + 1]
        error(('seed %d: %q %q %d, check %d: Lua says %s, we say %s'):format(seed, case[1], case[2], case[3],
          (i - 1) % 8 + 1, line, tostring(buf[i])))
      end
    end
    assert.equal(3000 * 8, i)
  end)
end)

describe('require "chronon.schema"', function()
  it('is the field table', function()
    assert.equal('["list<Source>",true,8,"Accuracy",1]', eval([[
      local s = require('chronon.schema')
      local g = s.structs.GroupBy
      local f = g.fields
      return { f.sources.type, f.sources.required, #f, f[5].type, s.enums.Accuracy.SNAPSHOT }]]))
  end)
end)
