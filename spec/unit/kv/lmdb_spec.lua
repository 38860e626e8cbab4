--- What only the LMDB store has: its folder, its map, bytes of others.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local kv = require('spec.support.kv')
local stores = require('spec.support.kv_stores')

local function sh(command)
  local pipe = assert(io.popen(command))
  local out = pipe:read('*a')
  pipe:close()
  return (out:gsub('%s+$', ''))
end

local function write(path, bytes)
  local file = assert(io.open(path, 'wb'))
  file:write(bytes)
  file:close()
end

local function read(path)
  local file = assert(io.open(path, 'rb'))
  local bytes = file:read('*a')
  file:close()
  return bytes
end

describe('kv lmdb', function()
  local folder, url
  before_each(function()
    folder = stores.folder()
    url = 'lmdb:' .. folder .. '/store'
  end)
  after_each(function() stores.remove(folder) end)

  local function refused(why, create)
    local store, message = kv.try_open(url, create)
    assert.is_nil(store)
    assert.matches(why, message)
  end

  describe('refuses', function()
    it('a folder that does not exist, unless it may make it', function()
      refused('store lmdb:.*/store: folder .*/store does not exist: upload something first', false)
      url = 'lmdb:' .. folder .. '/a/b/c'
      kv.open(url):close()
      kv.open(url, false):close()
    end)

    it('a folder without a store', function()
      sh('mkdir ' .. folder .. '/store')
      refused('/store holds no store: upload something first', false)
      assert.equal('', sh('ls -A ' .. folder .. '/store'))
    end)

    it('a file', function()
      write(folder .. '/store', 'x')
      refused('/store is a file, want a folder')
      url = url .. '/below'
      refused('Not a directory')
    end)

    it('a file of another kind under its name', function()
      sh('mkdir ' .. folder .. '/store')
      write(folder .. '/store/data.mdb', ('no LMDB '):rep(1000))
      refused('data.mdb is not an LMDB file', false)
      refused('data.mdb is not an LMDB file', true)
    end)

    it('another format, and a root that is none', function()
      local store = kv.open(url)
      store:create('A')
      store:close()
      local good = read(folder .. '/store/data.mdb')
      write(folder .. '/store/data.mdb', (good:gsub('chrnkv%z\2', 'chrnkv\0\1')))
      refused('has format 1, this program reads 2: upload to another folder')
      write(folder .. '/store/data.mdb', (good:gsub('chrnkv%z\2', 'xhrnkv\0\2')))
      refused('is no store of ours, or damaged')
      write(folder .. '/store/data.mdb', (good:gsub('chronon%.data', 'another.data')))
      refused('is an LMDB folder of another program')
    end)

    it('an entry of this format that is damaged, and reads the others', function()
      local store = kv.open(url)
      store:create('A')
      store:commit({ { 'A', 'k', 'one value', 5 }, { 'A', 'k', 'another', 6 }, { 'A', 'good', 'x', 1 } })
      store:close()
      local file = folder .. '/store/data.mdb'
      local bytes, hits = read(file):gsub('\2%z\1%z%z%z\9%zone value', '\2\0\1\0\0\0\99\0one value')
      assert.is_true(hits > 0)
      write(file, bytes)
      store = kv.open(url)
      local ok, why = pcall(store.get, store, 'A', 'k')
      assert.is_false(ok)
      assert.matches('store lmdb:.*damaged', why)
      assert.same({ { 1, 'x' } }, store:get('A', 'good'))
      for _, call in ipairs({ store.scan, function(s) s:put('A', 'k', 'v', 7) end, function(s) s:expire('A', 6) end }) do
        ok, why = pcall(call, store, 'A')
        assert.is_false(ok)
        assert.matches('store lmdb:', why)
      end
      store:close()
    end)

    it('a file that was cut', function()
      local store = kv.open(url)
      store:bulk('A', 1, { k = ('v'):rep(300000) })
      store:close()
      local good = read(folder .. '/store/data.mdb')
      write(folder .. '/store/data.mdb', good:sub(1, 32768))
      refused('data.mdb is cut: remove the folder and upload again', false)
    end)
  end)

  it('grows its map while it loads and puts, and readers of other processes follow', function()
    local store = kv.open(url .. '?map=1')
    local other = folder .. '/other'
    write(folder .. '/child.lua', [[
      package.path = './?.lua;' .. package.path
      local store = require('spec.support.kv').open(arg[1], false)
      print('open')
      io.stdout:flush()
      for _ = 1, 6000 do
        local got = store:get('A', 'key1')
        if #got > 0 and #store:get('S', 'key1') == 7 then
          print(#got[1][2])
          return
        end
        os.execute('sleep 0.02')
      end]])
    os.execute(("luajit %s/child.lua '%s?map=1' >%s 2>&1 &"):format(folder, url, other))
    for _ = 1, 6000 do
      if sh('cat ' .. other .. ' 2>/dev/null') ~= '' then break end
      os.execute('sleep 0.01')
    end
    local rows = {}
    for i = 1, 400 do rows['key' .. i] = ('v'):rep(20000) end
    store:bulk('A', 1, rows)
    store:create('S')
    for ts = 1, 7 do
      local puts = {}
      for i = 1, 100 do puts[i] = { 'S', 'key' .. i, ('w'):rep(9000), ts } end
      store:commit(puts)
    end
    assert.equal(7, #store:get('S', 'key100'))
    for _ = 1, 6000 do
      if sh('wc -l <' .. other) == '2' then break end
      os.execute('sleep 0.02')
    end
    assert.equal('open\n20000', sh('cat ' .. other))
    store:close()
  end)

  it('reuses the space of generations that are gone', function()
    local store = kv.open(url)
    local rows, sizes = {}, {}
    for i = 1, 2000 do rows['key' .. i] = ('v'):rep(500) end
    for day = 1, 12 do
      store:bulk('A', day, rows)
      sizes[day] = tonumber(sh('stat -c %s ' .. folder .. '/store/data.mdb'))
    end
    assert.is_true(sizes[12] < sizes[1] * 4, table.concat(sizes, ' '))
    store:close()
  end)

  it('keeps the old day when the disk is full in a load', function()
    local store = kv.open(url)
    store:bulk('A', 1, { k = 'old' })
    store:close()
    write(folder .. '/child.lua', [[
      package.path = './?.lua;' .. package.path
      local ffi = require('ffi')
      ffi.cdef('void *signal(int, void *); int setrlimit(int, const unsigned long *);')
      local kv = require('spec.support.kv')
      local store = kv.open(arg[1])
      ffi.C.signal(25, ffi.cast('void *', 1)) -- SIGXFSZ: let the write fail instead
      ffi.C.setrlimit(1, ffi.new('unsigned long[2]', 2000000, 2000000)) -- RLIMIT_FSIZE
      local rows = {}
      for i = 1, 300 do rows['key' .. i] = ('v'):rep(20000) end
      print(pcall(store.bulk, store, 'A', 2, rows))
      store:create('S')
      for i = 1, 300 do
        local ok, why = pcall(store.put, store, 'S', 'k' .. i, ('v'):rep(20000), i)
        if not ok then print(i > 3, why) break end
      end
      print(store:get('A', 'k')[1][2], store:list().A.loading)]])
    local said = sh(("luajit %s/child.lua '%s' 2>&1"):format(folder, url))
    assert.matches('^false\t.*store lmdb:.*the disk is full %(%d+ MiB are free%), a quota or a limit of file size', said)
    assert.matches('\ntrue\t.*what was stored before is whole', said)
    assert.matches('\nold\tfalse$', said)
    store = kv.open(url)
    assert.same({ { 1, 'old' } }, store:get('A', 'k'))
    store:bulk('A', 3, { k = 'new' })
    assert.same({ { 'k', 3, 'new' } }, (store:scan('A')))
    store:close()
  end)

  it('packs the versions of a key: some hundred to an entry', function()
    local store = kv.open(url)
    store:create('A')
    for first = 1, 1000, 10 do
      local puts = {}
      for ts = first, first + 9 do puts[#puts + 1] = { 'A', 'k', ('v'):rep(40) .. ts, ts } end
      store:commit(puts)
    end
    local versions = store:get('A', 'k')
    assert.equal(1000, #versions)
    for ts, version in ipairs(versions) do assert.same({ ts, ('v'):rep(40) .. ts }, version) end
    store:close()
    local entries = require('spec.support.lmdb').entries(folder .. '/store')
    assert.is_true(entries >= 2 and entries <= 9, entries)
  end)

  it('gives an open read its snapshot, whatever is written', function()
    local store = kv.open(url)
    store:bulk('A', 1, { k = 'old' })
    store:read(function(reader)
      local C, get = kv.C, ffi.new('struct kv_get[1]')
      get[0].dataset, get[0].key, get[0].key_len, get[0].after_ts = store:dataset('A'), 'k', 1, kv.ALL
      cdef.check(C.kv_read, reader, get, 1)
      store:bulk('A', 2, { k = 'new' })
      for i = 1, 20 do store:put('A', 'other' .. i, ('x'):rep(5000), i) end
      assert.equal('old', ffi.string(get[0].versions[0].data, 3))
      cdef.check(C.kv_read, reader, get, 1)
      assert.equal('old', ffi.string(get[0].versions[0].data, 3))
    end)
    assert.same({ { 2, 'new' } }, store:get('A', 'k'))
    store:close()
  end)

  it('says so when an open read keeps the map from growing', function()
    local store = kv.open(url .. '?map=1')
    store:create('A')
    store:read(function()
      local ok, why = pcall(store.put, store, 'A', 'k', ('v'):rep(3000000), 1)
      assert.is_false(ok)
      assert.matches('its map must change, but a read of this process has been open for 5 s', why)
    end)
    store:put('A', 'k', ('v'):rep(3000000), 1)
    assert.equal(3000000, #store:get('A', 'k')[1][2])
    store:close()
  end)
end)

describe('kv lmdb ping', function()
  it('tells a folder that went, or came anew, while it was open', function()
    local folder = stores.folder()
    finally(function() stores.remove(folder) end)
    local store = kv.open('lmdb:' .. folder .. '/store')
    store:create('D')
    store:ping()
    sh(('mv %s/store %s/away'):format(folder, folder))
    assert.error_matches(function() store:ping() end, 'store/data%.mdb was removed since this process opened it')
    sh(('cp -r %s/away %s/store'):format(folder, folder))
    assert.error_matches(function() store:ping() end, 'was replaced since this process opened it.*restart it')
    sh(('rm -r %s/store; mv %s/away %s/store'):format(folder, folder, folder))
    store:ping()
    store:close()
  end)
end)

describe('kv sort', function()
  local S = cdef.load('kv/sort_int.h')

  for memory, why in pairs({ [1000] = 'in many runs', [64 * 1024] = 'in some runs', [64 * 1024 * 1024] = 'in memory' }) do
    it('orders pairs and keeps the last of equal keys ' .. why, function()
      local random = require('spec.support.seed').random('kv sort' .. memory)
      local folder = stores.folder()
      local sort, last, keys = S.kv_sort_new(memory, folder), {}, {}
      for i = 1, 5000 do
        local key = ('k'):rep(random(0, 3)) .. string.char(random(0, 255)) .. random(0, 2000)
        local value = i .. ('v'):rep(random(1, 200) == 1 and 300000 or random(0, 30))
        if not last[key] then keys[#keys + 1] = key end
        last[key] = value
        cdef.check(S.kv_sort_add, sort, key, #key, value, #value)
      end
      assert.equal('', sh('ls -A ' .. folder)) -- nothing that a crash could leave
      cdef.check(S.kv_sort_finish, sort)
      table.sort(keys)
      local pair, found = ffi.new('struct kv_pair'), ffi.new('bool[1]')
      for _, key in ipairs(keys) do
        cdef.check(S.kv_sort_next, sort, pair, found)
        assert.is_true(found[0])
        assert.equal(key, ffi.string(pair.key, pair.key_len))
        assert.is_true(last[key] == ffi.string(pair.value, pair.value_len))
      end
      cdef.check(S.kv_sort_next, sort, pair, found)
      assert.is_false(found[0])
      S.kv_sort_free(sort)
      stores.remove(folder)
    end)
  end
end)
