--- A process that writes to a warehouse and may be killed: `luajit ... ROOT MODE`.
---   loop   writes generation 1, 2, ... of table out.t for ever: five partitions of 300 rows each,
---          in all of which v is the generation; prints it after each commit
---   once   writes one large table out.big, prints the error or "done"
package.path = './?.lua;./?/init.lua;' .. package.path
local support = require('spec.support.warehouse')

local root, mode = arg[1], arg[2]
local wh = support.open({ root = root, threads = 2 })

if mode == 'once' then
  local ok, err = pcall(wh.write, wh, 'out.big',
    "SELECT range AS id, random() AS x, '2024-01-0' || (1 + range % 3) AS ds FROM range(400000)")
  print(ok and 'done' or err)
  wh:close()
  return
end

local last = wh:exists('out.t') and wh:partitions('out.t') or {}
local generation = 0
if #last > 0 then
  wh:use('out.t')
  generation = wh:rows('SELECT max(v) FROM out.t')[1][1]
end
while true do
  generation = generation + 1
  wh:write('out.t', ("SELECT range AS id, %d AS v, '2024-01-0' || (1 + range %% 5) AS ds FROM range(1500)")
    :format(generation))
  print(generation)
  io.stdout:flush()
end
