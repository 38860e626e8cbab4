--- Processes beside one another, and processes that are killed.
local kv = require('spec.support.kv')
local lmdb = require('spec.support.lmdb')
local stores = require('spec.support.kv_stores')

local function sh(command)
  local pipe = assert(io.popen(command))
  local out = pipe:read('*a')
  pipe:close()
  return (out:gsub('%s+$', ''))
end

local function spawn(url, mode, log, arguments)
  return tonumber(sh(("luajit spec/support/kv_child.lua '%s' %s %s >'%s' 2>&1 & echo $!"):format(url, mode, arguments or '', log)))
end

local function lines(log) return tonumber(sh(("wc -l <'%s'"):format(log))) end

local function last_line(log) return sh(("tail -n 1 '%s'"):format(log)) end

local function wait_for(log, more)
  for _ = 1, 2000 do
    if lines(log) >= more then break end
    os.execute('sleep 0.01')
  end
end

-- Kills after some more lines have come than `seen`, at no instant in particular.
local function kill_amid(pid, log, more, random)
  wait_for(log, more)
  os.execute(('sleep %.4f'):format(random() * 0.05))
  os.execute(('kill -9 %d; while kill -0 %d 2>/dev/null; do sleep 0.01; done'):format(pid, pid))
end

for _, kind in ipairs(stores.kinds) do
  if kind.name ~= 'memory' then
    describe('kv ' .. kind.name .. ', several processes', function()
      local folder, url, log
      setup(function() kind:setup() end)
      teardown(function() kind:teardown() end)
      before_each(function()
        folder = stores.folder()
        url, log = kind:fresh(), folder .. '/log'
        kv.open(url):close()
      end)
      after_each(function() stores.remove(folder) end)

      local function whole_generation()
        local store = kv.open(url)
        local items = store:scan('D')
        local info = store:list().D
        store:close()
        if #items == 0 then return 0 end
        assert.equal(3000, #items)
        assert.equal(3000, info.versions)
        for _, item in ipairs(items) do assert.equal(items[1][2], item[2]) end
        assert.equal(items[1][2], info.version_ts)
        return items[1][2]
      end

      it('reads one generation or the next, never a mix', function()
        local store = kv.open(url)
        local bulk = store:load('D', 1)
        for i = 1, 3000 do bulk:add('key' .. i, '1:') end
        bulk:commit()
        local writer = spawn(url, 'load', log)
        local reader = folder .. '/reader'
        spawn(url, 'read', reader, 3)
        for _ = 1, 6000 do
          if lines(reader) > 0 then break end
          os.execute('sleep 0.02')
        end
        os.execute('kill -9 ' .. writer)
        local reads, generations = last_line(reader):match('^ok (%d+) (%d+)$')
        assert.is_truthy(reads, last_line(reader))
        assert.is_true(tonumber(generations) > 1)
        store:close()
      end)

      it('leaves the old day or the new one when a load is killed, and cleans up after it', function()
        local seed = tonumber(os.getenv('SEED')) or os.time()
        math.randomseed(seed)
        local before = 0
        for round = 1, 8 do
          local pid = spawn(url, 'load', log)
          kill_amid(pid, log, round % 3, math.random)
          local now = whole_generation()
          local said = tonumber(last_line(log)) or before
          assert.is_true(now == said or now == said + 1, ('seed %d: %s after %s'):format(seed, now, last_line(log)))
          before = now
        end
        -- The next load takes over and leaves nothing of the dead ones behind.
        local store = kv.open(url)
        store:bulk('D', before + 1, { a = '1' })
        assert.is_false(store:list().D.loading)
        assert.same({ { 'a', before + 1, '1' } }, (store:scan('D')))
        if kind.server then
          assert.is_true(tonumber(kind.server:cli('-n', url:match('%d+$'), 'dbsize')) < 12)
        end
        store:close()
        if kind.name == 'lmdb' then assert.equal(1, lmdb.entries(url:match(':(.*)'))) end
      end)

      it('commits puts and marks together when the writer is killed', function()
        local seed = tonumber(os.getenv('SEED')) or os.time()
        math.randomseed(seed)
        for _ = 1, 6 do
          local pid = spawn(url, 'write', log)
          kill_amid(pid, log, 2, math.random)
          local store = kv.open(url)
          local mark, said = store:mark('offset'), tonumber(last_line(log))
          for i = 1, 20 do
            local versions = store:get('S', 'k' .. i)
            assert.equal(1, #versions)
            assert.equal(mark, versions[1][2], ('seed %d'):format(seed))
          end
          assert.is_true(tonumber(mark) == said or tonumber(mark) == said + 1)
          store:close()
        end
      end)

      -- What `append` and `consume` leave after so many commits: {ts, length of the value}.
      local function appended(mark, i, lead)
        local by_ts, out = {}, {}
        for n = 1, mark do
          local len = lead + (n * 7 + i) % 150
          by_ts[2 * n], by_ts[2 * n - 1 - (n % 2) * 40] = len, len
        end
        for ts, len in pairs(by_ts) do out[#out + 1] = { ts, len } end
        table.sort(out, function(a, b) return a[1] < b[1] end)
        return out
      end

      local function assert_appended(store, mark, lead, why)
        for i = 1, 20 do
          local got = store:get('S', 'k' .. i)
          for v, version in ipairs(got) do got[v] = { version[1], #version[2] } end
          assert.same(appended(mark, i, lead), got, why)
        end
      end

      it('keeps every version of a killed stream once, late ones too', function()
        local seed = tonumber(os.getenv('SEED')) or os.time()
        math.randomseed(seed)
        for _ = 1, 4 do
          local pid = spawn(url, 'append', log)
          kill_amid(pid, log, 40, math.random)
          local store = kv.open(url)
          local mark, said = tonumber(store:mark('offset')), tonumber(last_line(log))
          assert.is_true(mark == said or mark == said + 1)
          assert_appended(store, mark, 0, ('seed %d'):format(seed))
          store:close()
        end
      end)

      it('lets one of two consumers of one offset go on, and the other write nothing', function()
        local store, zombie_log = kv.open(url), folder .. '/zombie'
        local first = spawn(url, 'consume', zombie_log, 'A')
        wait_for(zombie_log, 30)
        local second = spawn(url, 'consume', log, 'B')
        for _ = 1, 6000 do
          if last_line(zombie_log) == 'fenced' or last_line(log) == 'fenced' then break end
          os.execute('sleep 0.01')
        end
        local fenced = { last_line(zombie_log) == 'fenced', last_line(log) == 'fenced' }
        assert.is_true(fenced[1] ~= fenced[2]) -- whichever came first
        local winner = fenced[1] and second or first
        kill_amid(winner, fenced[1] and log or zombie_log, 60, math.random)
        assert_appended(store, tonumber(store:mark('offset')), 1)
        store:close()
      end)

      it('loses nothing that several append to the same versions, and has it once when they are killed', function()
        local store, writers = kv.open(url), {}
        for _, who in ipairs({ 'a', 'b', 'c' }) do
          local mine = folder .. '/log' .. who
          writers[#writers + 1] = { who = who, log = mine, pid = spawn(url, 'log', mine, who) }
        end
        for _, w in ipairs(writers) do kill_amid(w.pid, w.log, 60, math.random) end
        local marks, versions = {}, 0
        for _, w in ipairs(writers) do
          marks[w.who] = tonumber(store:mark('offset.' .. w.who))
          local said = tonumber(last_line(w.log))
          assert.is_true(marks[w.who] == said or marks[w.who] == said + 1)
        end
        for i = 1, 3 do
          local next_of = { a = {}, b = {}, c = {} }
          for _, version in ipairs(store:get('S', 'l' .. i)) do
            local ts, rest = version[1], version[2]:gsub('(%a):(%d+) ', function(who, n)
              local expected = next_of[who][version[1]] or (version[1] == 0 and 10 or version[1])
              assert.equal(expected, tonumber(n))
              next_of[who][version[1]] = expected + 10
              return ''
            end)
            assert.equal('', rest)
            versions = versions + 1
            for who, mark in pairs(marks) do
              assert.is_true(next_of[who][ts] > mark and next_of[who][ts] <= mark + 10, who .. ' ' .. ts)
            end
          end
        end
        assert.equal(30, versions)
        assert.equal(30, store:list().S.versions)
        store:close()
      end)

      it('loses no addition of writers that add to the same tiles, one of them killed', function()
        local logs, pids = {}, {}
        for i = 1, 3 do
          logs[i] = folder .. '/add' .. i
          pids[i] = spawn(url, 'add', logs[i], '60 ' .. i)
        end
        kill_amid(pids[1], logs[1], 10, math.random)
        for i = 2, 3 do
          for _ = 1, 3000 do
            if last_line(logs[i]) == 'done' then break end
            os.execute('sleep 0.01')
          end
          assert.equal('done', last_line(logs[i]))
        end
        local store = kv.open(url)
        local sum = tonumber(store:mark('offset.1')) + 120
        for i = 1, 5 do assert.same({ { 0, tostring(sum) } }, store:get('S', 't' .. i)) end
        assert.equal(tostring(sum), store:mark('turn'))
        store:close()
      end)
    end)
  end
end
