--- Checks who includes whom: src/LEVELS gives each room a level; a file includes headers of its own
--- room and of lower rooms only, no other room's `x_int.h`, and a part from outside only where it
--- lives. Every room has a README of at most 40 lines.
local HOME = { -- header (pattern) -> rooms that may include it
  ['^duckdb%.h$'] = { warehouse = true },
  ['^lua[a-z]*%.h$'] = { lua = true },
  ['^lmdb%.h$'] = { kv = true },
  ['^hiredis'] = { kv = true },
  ['^librdkafka'] = { stream = true },
  ['^microhttpd%.h$'] = { http = true },
  ['^avro'] = { codec = true },
  ['_sketch%.hpp$'] = { agg = true },
  ['^histedit'] = { cli = true },
}
local README_LINES = 40

local problems = 0
local function problem(...)
  problems = problems + 1
  io.stderr:write(string.format(...), '\n')
end

local level = {}
for line in io.lines('src/LEVELS') do
  local room, n = line:match('^(%a+)%s+(%d+)')
  if room then level[room] = tonumber(n) end
end

local function check_own(file, n, room, path)
  local other = path:match('^(%a+)/')
  if not other then return problem('%s:%d: "%s" has no room; write "room/%s"', file, n, path, path) end
  if other == room then return end
  if not level[other] then return problem('%s:%d: room %s is not in src/LEVELS', file, n, other) end
  if path:match('_int%.h$') then problem('%s:%d: %s is private to room %s', file, n, path, other) end
  if room and level[other] >= level[room] then
    problem('%s:%d: room %s (level %d) may not include %s (level %d)', file, n, room, level[room], path, level[other])
  end
end

local function check_outside(file, n, room, path)
  for pattern, rooms in pairs(HOME) do
    if path:match(pattern) and not rooms[room] then
      problem('%s:%d: %s belongs to room %s; use its header', file, n, path, next(rooms))
    end
  end
end

local rooms = {}
local list = assert(io.popen("git ls-files 'src/*.c' 'src/*.h' 'src/*.cpp' 'src/*.hpp'"))
for file in list:lines() do
  local room = file:match('^src/(%a+)/')
  if room then rooms[room] = true end
  if room and not level[room] then problem('%s: room %s is not in src/LEVELS', file, room) end
  local n = 0
  for line in io.lines(file) do
    n = n + 1
    local own, outside = line:match('^%s*#%s*include%s+"([^"]+)"'), line:match('^%s*#%s*include%s+<([^>]+)>')
    if own then check_own(file, n, room, own) end
    if outside then check_outside(file, n, room, outside) end
  end
end
list:close()

for room in pairs(rooms) do
  local readme = io.open('src/' .. room .. '/README.md')
  if not readme then
    problem('src/%s/README.md is missing', room)
  else
    local _, lines = readme:read('*a'):gsub('\n', '\n')
    if lines > README_LINES then problem('src/%s/README.md: %d lines, at most %d', room, lines, README_LINES) end
    readme:close()
  end
end

os.exit(problems == 0 and 0 or 1)
