--- A process that uses a store and may be killed: `luajit ... URL MODE [ARG]`.
---   load    loads generation n, n+1, ... of dataset D for ever: 3000 keys whose value begins with its number
---   write   puts and a mark in one transaction for ever: every k of 1..20 and the mark hold the number
---   append  puts two versions of every k of 1..20, each second time one that is late, and a mark in one
---           transaction for ever
---   consume the same, only while the mark is what it made of it; the values begin with ARG. Else says "fenced"
---   add     adds 1 to each of the tiles t1..t5 until its mark (named by the fourth argument) is ARG, beside others
---   log     appends "ARG:n " to each of the versions 0..9 of the keys l1..l3, one of each in turn, beside others
---           for ever; its mark "offset.ARG" is n
---   read    reads 40 keys of D until ARG s are over and it saw two generations; prints
---           "ok <reads> <generations seen>" or what it saw
package.path = './?.lua;./?/init.lua;' .. package.path
local kv = require('spec.support.kv')

local url, mode, argument = arg[1], arg[2], arg[3]
local store = kv.open(url)

local function say(...)
  io.stdout:write(table.concat({ ... }, ' '), '\n')
  io.stdout:flush()
end

local function load(n)
  local bulk = store:load('D', n)
  for i = 1, 3000 do bulk:add('key' .. i, n .. ':' .. ('v'):rep(i % 300)) end
  bulk:commit()
end

local function number_of(versions) return versions[1] and tonumber(versions[1][2]:match('^%d+')) or 0 end

if mode == 'load' then
  local n = number_of(store:get('D', 'key1'))
  while true do
    n = n + 1
    load(n)
    say(n)
  end
elseif mode == 'write' then
  store:create('S')
  local n = tonumber(store:mark('offset') or 0)
  while true do
    n = n + 1
    local puts = {}
    for i = 1, 20 do puts[i] = { 'S', 'k' .. i, tostring(n), n, replace = true } end
    store:commit(puts, { { 'offset', tostring(n) } })
    say(n)
  end
elseif mode == 'append' or mode == 'consume' then
  store:create('S')
  local mark = store:mark('offset')
  while true do
    local n, puts = tonumber(mark or 0) + 1, {}
    for i = 1, 20 do
      local value = (argument or '') .. ('v'):rep((n * 7 + i) % 150)
      puts[2 * i - 1] = { 'S', 'k' .. i, value, 2 * n }
      puts[2 * i] = { 'S', 'k' .. i, value, 2 * n - 1 - (n % 2) * 40 }
    end
    local expect = mode == 'consume' and (mark or false) or nil
    local ok, why = pcall(store.commit, store, puts, { { 'offset', tostring(n), expect = expect } })
    if not ok then
      say(why:find('mark offset was changed by another writer', 1, true) and 'fenced' or why)
      os.exit(1)
    end
    mark = tostring(n)
    say(n)
  end
elseif mode == 'add' then
  store:create('S')
  local mine = 'offset.' .. arg[4]
  while tonumber(store:mark(mine) or 0) < tonumber(argument) do
    local turn, offset = store:mark('turn'), store:mark(mine)
    local puts = {}
    for i = 1, 5 do
      local tile = store:get('S', 't' .. i)[1]
      puts[i] = { 'S', 't' .. i, tostring((tile and tonumber(tile[2]) or 0) + 1), 0 }
    end
    local ok, why = pcall(store.commit, store, puts, {
      { 'turn', tostring(tonumber(turn or 0) + 1), expect = turn or false },
      { mine, tostring(tonumber(offset or 0) + 1), expect = offset or false },
    })
    if not ok and not why:find('other writer') then error(why) end
    say(ok and 'added' or 'refused')
  end
  say('done')
elseif mode == 'log' then
  store:create('S')
  local mine = 'offset.' .. argument
  local mark = store:mark(mine)
  while true do
    local n, puts = tonumber(mark or 0) + 1, {}
    for i = 1, 3 do puts[i] = { 'S', 'l' .. i, argument .. ':' .. n .. ' ', n % 10, append = true } end
    store:commit(puts, { { mine, tostring(n), expect = mark or false } })
    mark = tostring(n)
    say(n)
  end
elseif mode == 'read' then
  local wanted = {}
  for i = 1, 40 do wanted[i] = { 'D', 'key' .. i * 71 } end
  local reads, seen, last, generations = 0, {}, 0, 0
  local ends = os.time() + tonumber(argument)
  while os.time() < ends or generations < 2 and os.time() < ends + 100 do
    local got = store:gets(wanted)
    local n = number_of(got[1])
    for i, versions in ipairs(got) do
      if #versions ~= 1 or number_of(versions) ~= n or versions[1][1] ~= n or n < last then
        say('a mix: key', i, 'versions', #versions, 'of', number_of(versions), 'and', n, 'after', last)
        os.exit(1)
      end
    end
    reads, last = reads + 1, n
    if not seen[n] then seen[n], generations = true, generations + 1 end
  end
  say('ok', reads, generations)
end
