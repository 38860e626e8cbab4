--- Threads of several processes that write one folder and keep what they read: a program in C, which
--- ThreadSanitizer watches too.
local BIN = (os.getenv('CHRONON_BIN') or ''):match('^(.*build/.*/)[^/]*$') or 'build/release/'

describe('kept reads', function()
  local path
  before_each(function()
    path = os.tmpname()
    os.remove(path)
  end)
  after_each(function() os.execute('rm -rf ' .. path) end)

  local function start(seed, ms)
    return assert(io.popen(('%skv_threads lmdb:%s %d %d 2>&1'):format(BIN, path, ms, seed)))
  end

  --- @return boolean whether it did enough to be worth something
  local function check(pipe, seed)
    local text = pipe:read('*a')
    pipe:close()
    local commits, sure = text:match('^(%d+) commits, %d+ asked, (%d+) sure of an older snapshot, 0 wrong\n$')
    assert(commits, ('seed %d: %s'):format(seed, text))
    return tonumber(commits) > 10 and tonumber(sure) > 10
  end

  --- Calls it with ever more milliseconds, as a machine may be too busy for much in few, until it has done enough.
  local function enough(f)
    for _, ms in ipairs({ 2000, 10000, 50000 }) do
      if f(ms) then return end
      os.execute('rm -rf ' .. path)
    end
    error('hardly anything is done')
  end

  it('are as they would be read again, beside writers of this process and another', function()
    local seed = os.time()
    enough(function(ms)
      local first, second = start(seed, ms), start(seed + 1, ms)
      local good = check(first, seed)
      return check(second, seed + 1) and good
    end)
  end)

  it('are so when a writer is killed', function()
    local seed = os.time() + 2
    enough(function(ms)
      local pipe = start(seed, ms + 500)
      for round = 1, 4 do
        os.execute(('%skv_threads lmdb:%s 9000 %d >/dev/null 2>&1 & pid=$!; sleep 0.%d; kill -9 $pid'):format(
          BIN, path, seed + 10 * round, 2 + round))
      end
      return check(pipe, seed)
    end)
  end)

  it('are there from the first, also when several processes make the store at once', function()
    for round = 1, 40 do
      local pipe = assert(io.popen(('for i in 1 2 3 4 5 6; do %skv_threads lmdb:%s 5 $((%d + i)) 2>&1 & done; wait'):format(
        BIN, path, 100 * round)))
      local text = pipe:read('*a')
      pipe:close()
      assert.equal(6, select(2, text:gsub(' 0 wrong\n', '')), text)
      os.execute('rm -rf ' .. path)
    end
  end)
end)
