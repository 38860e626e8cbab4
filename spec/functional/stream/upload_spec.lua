-- An upload of the next day while the stream runs.
local streamed = require('spec.support.streamed')

describe('an upload beside a stream', function()
  for what, tiled in pairs({ rows = false, tiles = true }) do
    it('loses no event and counts none twice: ' .. what, function()
      local s = streamed.new({ gb = streamed.group_by('shop.gb.v1', nil, tiled) })
      local input = s:input('e.json', {})
      local run = s:start(s:words('local-streaming', 'gb', { '--input', input, '--follow' }))
      finally(function()
        run:stop()
        s:remove()
      end)
      local minute = 0
      local table_rows = { { 'a', 1, streamed.ms('2024-03-10 12:00:00') } }
      local function append(n) -- an event of 1 a minute, from the 11th on
        local f = io.open(input, 'a')
        for _ = 1, n do
          local at = streamed.ms('2024-03-11') + minute * 60000
          f:write(streamed.line('a', 1, at))
          table_rows[#table_rows + 1] = { 'a', 1, at }
          minute = minute + 1
        end
        f:close()
      end
      local function values(at)
        local v = s:fetch('shop.gb.v1', 'a', at)
        return { v.i_sum_7d, v.i_count_7d, v.i_sum_1h }
      end
      local function now() return streamed.ms('2024-03-11') + minute * 60000 end
      local function caught_up() return streamed.wait_for(function() return values(now())[2] == minute + 1 end) end
      append(1500) -- until 01:00 of the 12th
      assert(caught_up(), run:err())
      assert.same({ 1501, 1501, 60 }, values(now()))

      -- The day is over: its table is whole, and the upload runs while events of the next one come.
      s:events(table_rows)
      local upload = s:start({ 'run', '--mode', 'upload', '--conf', s.folder .. '/production/gb', '--ds', '2024-03-11',
        '--store', s.url,
        '--repo', s.folder, '--warehouse', s.repo.warehouse, '--table', 'data.events=' .. s.folder .. '/data.events' })
      finally(function()
        upload:stop()
        run:stop()
        s:remove()
      end)
      for _ = 1, 200 do
        append(1)
        if upload:code() then break end
      end
      assert.equal(0, upload:ended(240), upload:err())
      assert(caught_up(), ('%d of %d: %s'):format(values(now())[2], minute + 1, run:err()))
      assert.same({ minute + 1, minute + 1, 60 }, values(now()))
      append(30)
      assert(caught_up(), run:err())
      assert.same({ minute + 1, minute + 1, 60 }, values(now()))
      -- What was asked before the upload is still answered: the last hour before the batch end.
      assert.equal(60, values('2024-03-12 00:00:00')[3])
      assert.equal(60, values('2024-03-12 00:30:00')[3])
      run:signal('INT')
      assert.equal(0, run:ended())
    end)
  end
end)
