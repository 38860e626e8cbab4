--- Late events (decision 0016), against a naive oracle: an event is late when its tile ended at or
--- before the newest event of its partition so far less the disorder. CHRONON_SEED=n repeats a run.
local json = require('dkjson')
local program = require('spec.support.program')
local seed = require('spec.support.seed')
local streaming = require('spec.support.streaming')

local MINUTE, HOUR = 60000, 3600000
local STOP = 1706745600000 -- 2024-02-01
local TILES = { ['1h'] = 5 * MINUTE, ['1d'] = HOUR, ['12d'] = 24 * HOUR }

--- Sums by key and version, and the late events by partition and payload in order.
local function oracle(partitions, tile, disorder)
  local sums, late = {}, {}
  for p, list in ipairs(partitions) do
    local newest = -math.huge
    for _, row in ipairs(list) do
      local start = math.floor(row.ts / tile) * tile
      if start + tile <= newest - disorder then
        late[#late + 1] = { p - 1, row }
      else
        newest = math.max(newest, row.ts)
        local name = ('%s@%d'):format(row.user, start + p - 1)
        sums[name] = (sums[name] or 0) + row.n
      end
    end
  end
  return sums, late
end

--- SUM of a tile with one base: a record of (null | long), behind the union's index of the record.
local function sum_of(value)
  local at, shift, n = 3, 1, 0
  assert(value:byte(1) == 2 and value:byte(2) == 2) -- both there
  repeat
    local b = value:byte(at)
    n, shift, at = n + (b % 128) * shift, shift * 128, at + 1
  until b < 128
  return n % 2 == 0 and n / 2 or -(n + 1) / 2, value:byte(at + 1) == 1
end

local function random_partitions(random, around, tile)
  local out = {}
  for p = 1, random(1, 3) do
    local list, at = {}, around
    for i = 1, random(50, 300) do
      at = at + random(0, math.floor(tile / 10))
      local back = random(1, 4) == 1 and random(0, 4 * tile) or random(0, 4) * MINUTE
      list[i] = { user = 'u' .. random(1, 4), ts = at - back, n = random(-1000, 1000) }
    end
    out[p] = list
  end
  return out
end

local function read_late(path)
  local out = {}
  for line in program.read(path):gmatch('[^\n]+') do out[#out + 1] = json.decode(line) end
  return out
end

local function check(s, partitions, window, disorder, more)
  local sums, late = oracle(partitions, TILES[window], disorder)
  local file = s.folder .. '/late.jsonl'
  program.write(file, '')
  local args = { '--late-output', file, '--disorder', ('%dms'):format(disorder) }
  for _, word in ipairs(more) do args[#args + 1] = word end
  local report = s:stream(args)
  if report.late ~= #late then return ('%d late, want %d'):format(report.late, #late) end
  local got, n = {}, 0
  for name, value in pairs(s:content()) do
    -- The key is a union's index, a length, and the text.
    got[name:sub(3)] = value
    n = n + 1
  end
  for name, sum in pairs(sums) do
    local has = got[name] and sum_of(got[name])
    if has ~= sum then return ('%s: got %s, want %s'):format(name, has, sum) end
    n = n - 1
  end
  if n ~= 0 then return ('%d tiles that should not be'):format(n) end
  local lines = read_late(file)
  if #lines ~= #late then return ('%d lines, want %d'):format(#lines, #late) end
  local rest = {}
  for _, l in ipairs(late) do
    local name = ('%d %s'):format(l[1], streaming.line(s.columns, l[2]))
    rest[name] = (rest[name] or 0) + 1
  end
  for _, l in ipairs(lines) do
    local name = ('%d %s'):format(l.partition, l.payload)
    if l.reason ~= 'late' or not rest[name] or rest[name] == 0 then return 'not late: ' .. name end
    rest[name] = rest[name] - 1
  end
end

describe('late events', function()
  --- @return table a GroupBy with one SUM, uploaded
  local function sum_over(window)
    local s = streaming.new({ fields = { { 'n', 'long' } }, defs = { { 'n', 'SUM', windows = { window } } }, tiled = true })
    s:upload({ { user = 'u1', n = 1, ts = STOP - 1000, ds = '2024-01-31' } }, '2024-01-31')
    return s
  end

  it('are those of the rule, whatever the batches', function()
    local random, first = seed.random('stream late')
    local windows, late = { '1h', '1d', '12d' }, 0
    for round = 1, 18 do
      local window = windows[round % 3 + 1]
      local s = sum_over(window)
      -- Also long before 1970.
      local around = ({ STOP, 0, -5e11 })[random(1, 3)] + random(-1000, 1000)
      local partitions = random_partitions(random, around, TILES[window])
      s:events(partitions)
      local disorder = ({ 0, MINUTE, 5 * MINUTE, HOUR })[random(1, 4)]
      local _, of_rule = oracle(partitions, TILES[window], disorder)
      late = late + #of_rule
      local more = { '--batch-rows', ('%d'):format(({ 1, 7, 50, 200000 })[random(1, 4)]) }
      if random(1, 3) == 1 then more[#more + 1], more[#more + 2] = '--trigger', 'buffered:5ms' end
      local why = check(s, partitions, window, disorder, more)
      s:remove()
      assert(not why, ('seed %d, round %d: %s'):format(first, round, why))
    end
    assert.is_true(late > 300, late)
  end)

  it('are the same after a restart in the middle', function()
    local s = sum_over('1h')
    local events = {}
    for i = 0, 19 do events[#events + 1] = { user = 'u', ts = STOP + i * MINUTE, n = 1 } end
    s:events({ events })
    assert.equal(0, s:stream().late)
    events[#events + 1] = { user = 'u', ts = STOP + 8 * MINUTE, n = 100 } -- ended at 10, 19 - 5 = 14
    events[#events + 1] = { user = 'u', ts = STOP + 10 * MINUTE, n = 1000 } -- ends at 15
    s:events({ events })
    local report = s:stream()
    assert.same({ 2, 2, 1 }, { report.messages, report.rows, report.late })
    local total = 0
    for _, value in pairs(s:content()) do total = total + sum_of(value) end
    assert.equal(1020, total)
    s:remove()
  end)

  it('come to no tile that was said to be complete', function()
    local random, first = seed.random('stream complete')
    local s = sum_over('1h')
    local partitions = random_partitions(random, STOP, 5 * MINUTE)
    local complete, seen = {}, 0
    -- Ever longer beginnings, so that each state of the store is seen.
    for part = 1, 12 do
      local sofar = {}
      for p, list in ipairs(partitions) do
        sofar[p] = {}
        for i = 1, math.ceil(#list * part / 12) do sofar[p][i] = list[i] end
      end
      s:events(sofar)
      s:stream({ '--batch-rows', '20' })
      local content = s:content()
      for name, value in pairs(complete) do
        assert(content[name] == value, ('seed %d: %s changed after it was complete'):format(first, name))
      end
      for name, value in pairs(content) do
        local _, done = sum_of(value)
        if done and not complete[name] then complete[name], seen = value, seen + 1 end
      end
    end
    assert.is_true(seen > 3, seen)
    s:remove()
  end)
end)
