--- Processes beside one another, and processes that are killed.
local kv = require('spec.support.kv')
local stores = require('spec.support.kv_stores')

local ffi = require('ffi')

ffi.cdef [[
typedef struct { unsigned psize, depth; size_t branches, leaves, overflows, entries; } mdb_stat_t;
int mdb_env_create(void **env);
int mdb_env_set_maxdbs(void *env, unsigned n);
int mdb_env_open(void *env, const char *path, unsigned flags, int mode);
int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn);
int mdb_dbi_open(void *txn, const char *name, unsigned flags, unsigned *dbi);
int mdb_stat(void *txn, unsigned dbi, mdb_stat_t *stat);
void mdb_txn_abort(void *txn);
void mdb_env_close(void *env);
]]

--- Entries of all generations in a folder, by LMDB itself; no store may have it open here.
local function entries(folder)
  local lmdb, env, txn = ffi.load('lmdb'), ffi.new('void *[1]'), ffi.new('void *[1]')
  local dbi, stat = ffi.new('unsigned[1]'), ffi.new('mdb_stat_t')
  assert(lmdb.mdb_env_create(env) == 0 and lmdb.mdb_env_set_maxdbs(env[0], 4) == 0)
  assert(lmdb.mdb_env_open(env[0], folder, 0x20000, 438) == 0)
  assert(lmdb.mdb_txn_begin(env[0], nil, 0x20000, txn) == 0)
  assert(lmdb.mdb_dbi_open(txn[0], 'chronon.data', 0, dbi) == 0 and lmdb.mdb_stat(txn[0], dbi[0], stat) == 0)
  lmdb.mdb_txn_abort(txn[0])
  lmdb.mdb_env_close(env[0])
  return tonumber(stat.entries)
end

local function sh(command)
  local pipe = assert(io.popen(command))
  local out = pipe:read('*a')
  pipe:close()
  return (out:gsub('%s+$', ''))
end

local function spawn(url, mode, log, argument)
  return tonumber(sh(("luajit spec/support/kv_child.lua '%s' %s %s >'%s' 2>&1 & echo $!"):format(url, mode, argument or '', log)))
end

local function lines(log) return tonumber(sh(("wc -l <'%s'"):format(log))) end

local function last_line(log) return sh(("tail -n 1 '%s'"):format(log)) end

-- Kills after some more lines have come than `seen`, at no instant in particular.
local function kill_amid(pid, log, more, random)
  for _ = 1, 2000 do
    if lines(log) >= more then break end
    os.execute('sleep 0.01')
  end
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
        for _ = 1, 1000 do
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
        if kind.name == 'lmdb' then assert.equal(1, entries(url:match(':(.*)'))) end
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
    end)
  end
end
