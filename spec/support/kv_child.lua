--- A process that uses a store and may be killed: `luajit ... URL MODE [ARG]`.
---   load    loads generation n, n+1, ... of dataset D for ever: 3000 keys whose value begins with its number
---   write   puts and a mark in one transaction for ever: every k of 1..20 and the mark hold the number
---   read    reads 40 keys of D until ARG s are over; prints "ok <reads> <generations seen>" or what it saw
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
elseif mode == 'read' then
  local wanted = {}
  for i = 1, 40 do wanted[i] = { 'D', 'key' .. i * 71 } end
  local reads, seen, last, generations = 0, {}, 0, 0
  local ends = os.time() + tonumber(argument)
  while os.time() < ends do
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
