local ffi = require('ffi')
local support = require('spec.support.warehouse')

ffi.cdef 'int kill(int pid, int sig); int usleep(unsigned usec);'

describe('warehouse: a writer that dies', function()
  local folder, root

  before_each(function()
    folder = support.folder()
    root = folder .. '/wh'
  end)
  after_each(function() os.execute("rm -rf '" .. folder .. "'") end)

  local function open() return support.open({ root = root }) end

  --- The generation that every row of every partition has; fails when a partition is not whole.
  local function generation(wh)
    wh:use('out.t')
    local days = wh:rows('SELECT ds, count(*), min(v), max(v) FROM out.t GROUP BY ds ORDER BY ds')
    assert.equal(5, #days)
    for i, day in ipairs(days) do
      assert.same({ '2024-01-0' .. i, 300, days[1][3], days[1][3], n = 4 }, day)
    end
    return days[1][3]
  end

  local function hidden() return support.sh("ls -A '" .. root .. "/out' | grep '^[.]'") end

  it('leaves whole partitions of one write, killed at random instants', function()
    local seed = tonumber(os.getenv('SEED')) or os.time()
    math.randomseed(seed)
    local last = 0
    for round = 1, 20 do
      local log = folder .. '/log'
      local pid = tonumber(support.sh(("luajit spec/support/warehouse_child.lua '%s' loop >'%s' 2>&1 & echo $!")
        :format(root, log)))
      -- The first rounds are killed soon, also before the first commit; later ones amid many: a
      -- loaded machine may need seconds to reach one.
      local waited = 0
      while round > 10 and waited < 20000 and support.sh("wc -c <'" .. log .. "'"):match('%d+') == '0' do
        ffi.C.usleep(5000)
        waited = waited + 5
      end
      ffi.C.usleep(20000 + math.random(0, 15000 * round))
      ffi.C.kill(pid, 9)
      while ffi.C.kill(pid, 0) == 0 and support.sh('cat /proc/' .. pid .. '/stat'):match('%) (%a)') ~= 'Z' do
        ffi.C.usleep(1000)
      end
      local printed = tonumber(support.sh("tail -n 1 '" .. log .. "'")) or last
      local wh = open()
      if wh:exists('out.t') and #wh:partitions('out.t') > 0 then
        local now = generation(wh)
        -- Committed writes stay; one that was decided, but not yet reported, may have happened too.
        assert.is_true(now == printed or now == printed + 1,
          ('seed %d round %d: %d, printed %d'):format(seed, round, now, printed))
        last = now
      else
        assert.equal(last, 0, 'seed ' .. seed)
      end
      wh:close()
    end
    assert.is_true(last > 0)
    local wh = open()
    wh:write('out.t', "SELECT 1::BIGINT AS id, 1 AS v, '2024-01-01' AS ds")
    assert.equal('', hidden())
    wh:close()
  end)

  describe('at a known step', function()
    local wh, staging

    -- Generation 1 is live; generation 2 is staged as a dead writer would leave it.
    before_each(function()
      wh = open()
      local sql = "SELECT range AS id, %d AS v, '2024-01-0' || (1 + range %% 5) AS ds FROM range(1500)"
      wh:write('out.t', sql:format(1))
      local w = wh:begin('out.t')
      assert.equal(0, tonumber(support.C.wh_write_select(w, sql:format(2), nil)))
      local name = support.sh("ls -A '" .. root .. "/out' | grep writing"):match('%S+')
      staging = root .. '/out/' .. name
      os.execute(("cp -a '%s' '%s/kept' && cp '%s/out/t/_chronon.json' '%s/kept/'")
        :format(staging, folder, root, folder))
      support.C.wh_write_abort(w)
      os.execute(("mv '%s/kept' '%s'"):format(folder, staging))
    end)
    after_each(function() wh:close() end)

    local function sh(command)
      assert.equal('', support.sh((command:gsub('STAGING', staging):gsub('LIVE', root .. '/out/t'))))
    end

    it('before the decision: nothing was written', function()
      assert.equal(1, generation(wh))
      assert.equal('', hidden())
    end)

    it('after the decision: the next reader finishes it', function()
      sh("touch 'STAGING/COMMIT'")
      assert.equal(2, generation(wh))
      assert.equal('', hidden())
    end)

    it('after some partitions were exchanged', function()
      sh("touch 'STAGING/COMMIT'")
      for _, day in ipairs({ 'ds=2024-01-01', 'ds=2024-01-04' }) do
        sh(("mv 'LIVE/%s' '%s/x' && mv 'STAGING/new/%s' 'LIVE/%s' && mv '%s/x' 'STAGING/new/%s'")
          :format(day, folder, day, day, folder, day))
      end
      assert.equal(2, generation(wh))
      assert.equal('', hidden())
    end)

    it('between the two renames of a file system without exchange', function()
      sh("touch 'STAGING/COMMIT' && mkdir 'STAGING/old' && mv 'LIVE/ds=2024-01-03' 'STAGING/old/0'")
      assert.equal(5, #wh:partitions('out.t'))
      assert.equal(2, generation(wh))
      assert.equal('', hidden())
    end)

    it('after all was moved, but not cleared', function()
      sh("touch 'STAGING/COMMIT' && mkdir -p 'STAGING/old' && rm -r 'LIVE' && mkdir 'LIVE' && " ..
        "mv 'STAGING/_chronon.json' 'STAGING/new/'* 'LIVE/'")
      assert.equal(2, generation(wh))
      assert.equal('', hidden())
    end)

    it('while dropping the table', function()
      sh("mv 'LIVE' '" .. root .. "/out/.t.dropped-0badf00d' && rm -r 'STAGING'")
      assert.is_false(wh:exists('out.t'))
      assert.equal('', hidden())
    end)

    it('is left in peace while another writer lives', function()
      sh("touch 'STAGING/COMMIT'")
      require('spec.support.cdef').load('warehouse/fs.h')
      local fd = ffi.new('int[1]')
      local lock = root .. '/out/.t.lock'
      assert.equal(0, tonumber(support.C.fs_lock(lock, fd, nil)))
      assert.equal(1, generation(wh))
      assert.error_matches(function() wh:begin('out.t') end, 'is being written by another run', 1, true)
      assert.equal(1, select(2, hidden():gsub('writing%-', '')))
      support.C.fs_unlock(lock, fd[0])
      assert.equal(2, generation(wh))
    end)
  end)

  it('says that the disk is full, and shows nothing', function()
    -- A limit on file sizes fails writes as a full disk does.
    local out = support.sh(("trap '' XFSZ; ulimit -f 300; exec luajit spec/support/warehouse_child.lua '%s' once")
      :format(root))
    assert.truthy(out:find('^table out.big: Could not write file'), out)
    assert.falsy(out:find('done', 1, true), out)
    local wh = open()
    assert.is_false(wh:exists('out.big'))
    assert.equal('', support.sh("ls -A '" .. root .. "/out'"))
    wh:close()
    assert.truthy(support.sh(("luajit spec/support/warehouse_child.lua '%s' once"):format(root)):find('done'))
  end)
end)
