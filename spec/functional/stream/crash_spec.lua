--- A stream that is killed at any instant, again and again, leaves what an undisturbed one does, to
--- the last byte.
local program = require('spec.support.program')
local seed = require('spec.support.seed')
local streaming = require('spec.support.streaming')

local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 'd', 'double' }, { 's', 'string' } }
local DEFS = {
  { 'n', 'SUM', windows = { '1h', '7d' } }, { 'n', 'COUNT', windows = { '1d' } }, { 'd', 'SUM' }, { 'd', 'AVERAGE' },
  { 's', 'LAST_K', args = { k = 5 } }, { 's', 'HISTOGRAM', windows = { '7d' } }, { 'd', 'VARIANCE' },
  { 's', 'APPROX_UNIQUE_COUNT' }, { 'd', 'APPROX_PERCENTILE', args = { percentiles = '[0.5]' } },
}
local PARTITIONS, EVENTS, KILLS = 3, 5000, 25
local SMALL = { '--batch-rows', '100' }
local q = program.quote

local function partitions_of(random)
  local out = {}
  for p = 1, PARTITIONS do
    local list = {}
    for i = 1, EVENTS do
      -- Distinct for each key: which of two rows of one instant comes first is not defined.
      local ts = STOP + i * 20000 + random(0, 240) * 1000 + p
      list[i] = { user = 'u' .. random(1, 12), ts = ts, n = random(-100, 100), d = random(-1000, 1000) / 7,
                  s = 's' .. random(1, 40) }
    end
    out[p] = list
  end
  return out
end

--- Runs it for so many seconds. @return integer its code
local function run_for(s, url, seconds, signal)
  local words = { ('timeout --preserve-status -s %s %.3f'):format(signal, seconds), q(program.bin) }
  for _, a in ipairs(s:arguments(SMALL, { store = url })) do words[#words + 1] = q(a) end
  local log = s.folder .. '/killed.log'
  local code = program.shell(table.concat(words, ' ') .. ' >/dev/null 2>' .. q(log) .. ' </dev/null')
  return code, log
end

local function now()
  local f = assert(io.popen('date +%s%N'))
  local t = tonumber(f:read('*a')) / 1e9
  f:close()
  return t
end

--- Whether a tile was seen to be complete depends on how the polls fell; it is its last byte.
local function contents(s, url)
  local out = s:content(url)
  for name, value in pairs(s.o.tiled and out or {}) do out[name] = value:sub(1, -2) end
  return out
end

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

describe('a stream that is interrupted', function()
  for _, how in ipairs({ 'tiles', 'rows' }) do
    for _, signal in ipairs({ 'KILL', 'TERM' }) do
      it(('by SIG%s, of %s, leaves what an undisturbed one does'):format(signal, how), function()
        local random, first = seed.random('stream crash ' .. how .. signal)
        local s = streaming.new({ fields = FIELDS, defs = DEFS, tiled = how == 'tiles' })
        s:upload({ { user = 'u1', n = 1, d = 1, s = 's', ts = STOP - 1000, ds = '2024-01-31' } }, '2024-01-31')
        s:events(partitions_of(random))
        local empty, n = s.folder .. '/kv', 0
        local function fresh()
          n = n + 1
          local url = ('%s/kv%d'):format(s.folder, n)
          assert(program.shell(('cp -r %s %s'):format(q(empty), q(url))) == 0)
          return 'lmdb:' .. url
        end
        local started = now()
        local whole = fresh()
        local report = s:stream(SMALL, { store = whole })
        local full = now() - started
        assert.same({ PARTITIONS * EVENTS, 0, 0 }, { report.rows, report.late, report.rejected })
        local want = contents(s, whole)
        assert.is_true(count(want) > 1000)

        local kills = 0
        while kills < KILLS do
          local url, done = fresh(), false
          for _ = 1, 40 do
            local code, log = run_for(s, url, full * random(30, 500) / 1000, signal)
            done = code == 0 and signal == 'KILL'
            if code ~= 0 then
              -- Killed, or interrupted before it had begun.
              assert(code == 137 or code == 143 or code == 130, ('%d %s'):format(code, program.read(log)))
            end
            kills = kills + 1
            if done then break end
          end
          if not done then s:stream(SMALL, { store = url }) end
          local differ = streaming.differences(want, contents(s, url))
          assert(not differ, ('seed %d, after %d kills: %s'):format(first, kills, differ))
          local again = s:stream(SMALL, { store = url })
          assert.same({ 0, 0 }, { again.messages, again.writes })
        end
        s:remove()
      end)
    end
  end
end)
