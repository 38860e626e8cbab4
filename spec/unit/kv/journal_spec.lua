--- Whether what was read would be read again: kv_unchanged, and the journal of changed keys behind it in LMDB.
local ffi = require('ffi')
local kv = require('spec.support.kv')
local seeds = require('spec.support.seed')
local stores = require('spec.support.kv_stores')

for _, kind in ipairs(stores.kinds) do
  if kind.name ~= 'lmdb' then
    it('kv ' .. kind.name .. ' tells no snapshot and promises nothing', function()
      kind:setup()
      local store = kv.open(kind:fresh())
      store:create('A')
      store:put('A', 'k', 'v', 1)
      local memory = store:remember({ { 'A', 'k' } })
      assert.same({ { { 1, 'v' } } }, memory.answers)
      assert.equal(0, memory.snapshot)
      assert.is_false((store:unchanged(memory)))
      store:close()
      kind:teardown()
    end)
  end
end

describe('kv lmdb journal', function()
  local folder, url, store
  before_each(function()
    folder = stores.folder()
    url = 'lmdb:' .. folder .. '/store'
    store = kv.open(url .. '?map=1')
    store:create('A')
    store:create('B')
    store:commit({ { 'A', 'k', 'v', 1 }, { 'A', 'k', 'w', 9 }, { 'A', 'other', 'v', 1 }, { 'B', 'k', 'v', 1 } })
  end)
  after_each(function()
    store:close()
    stores.remove(folder)
  end)

  -- Which of some gets are told to be unchanged after `change`: each asked for by itself.
  local function unchanged_after(change, wanted)
    local memories, out = {}, {}
    for name, get in pairs(wanted) do memories[name] = store:remember({ get }) end
    change()
    for name, memory in pairs(memories) do
      local same, answers = store:unchanged(memory)
      if same then assert.same(memory.answers, answers) end
      out[name] = same
    end
    return out
  end

  local wanted = { k = { 'A', 'k' }, other = { 'A', 'other' }, B = { 'B', 'k' }, none = { 'A', 'none' } }

  it('numbers snapshots: what was committed has the next number, what changes nothing none', function()
    local memory = store:remember({ { 'A', 'k' } })
    local _, _, now = store:unchanged(memory)
    assert.equal(memory.snapshot, now)
    store:put('A', 'other', 'x', 1)
    _, _, now = store:unchanged(memory)
    assert.equal(memory.snapshot + 1, now)
    store:create('A')
    assert.equal(0, store:expire('A', 0))
    _, _, now = store:unchanged(memory)
    assert.equal(memory.snapshot + 1, now)
  end)

  it('is sure of the snapshot at hand, even of no gets, and of none that is still to come', function()
    local memory = store:remember({ { 'A', 'k' } })
    assert.is_true((store:unchanged(memory)))
    memory.snapshot = memory.snapshot + 1
    assert.is_false((store:unchanged(memory)))
    memory.snapshot = 0
    assert.is_false((store:unchanged(memory)))
    local nothing = store:remember({})
    store:put('A', 'k', 'x', 5)
    assert.is_true((store:unchanged(nothing)))
  end)

  it('tells a put of the key in the dataset, and no other', function()
    local got = unchanged_after(function() store:put('A', 'k', 'x', 5) end, wanted)
    assert.same({ k = false, other = true, B = true, none = true }, got)
    got = unchanged_after(function() store:put('A', 'none', '', 5) end, wanted)
    assert.same({ k = true, other = true, B = true, none = false }, got)
  end)

  it('tells puts that replace and append, and each of many in one commit', function()
    local got = unchanged_after(function() store:commit({ { 'A', 'k', 'x', 5, replace = true } }) end, wanted)
    assert.same({ k = false, other = true, B = true, none = true }, got)
    got = unchanged_after(function() store:commit({ { 'A', 'k', '+', 5, append = true } }) end, wanted)
    assert.same({ k = false, other = true, B = true, none = true }, got)
    local puts = {}
    for i = 1, 3000 do puts[i] = { 'A', 'many' .. i, 'v', 1 } end
    local many = { none = { 'A', 'none' } }
    for i = 1, 3000, 7 do many[i] = { 'A', 'many' .. i } end
    got = unchanged_after(function() store:commit(puts) end, many)
    for name, same in pairs(got) do assert.equal(name == 'none', same, name) end
  end)

  it('knows long keys by all of their bytes', function()
    local head = ('h'):rep(600)
    local long = { a = { 'A', head .. 'a' }, b = { 'A', head .. 'b' } }
    assert.same(
      { a = false, b = true },
      unchanged_after(function() store:put('A', head .. 'a', 'v', 1) end, long)
    )
    store:put('A', head .. 'b', 'v', 7)
    assert.same({ a = false, b = true }, unchanged_after(function() store:expire('A', 5) end, long))
  end)

  it('is not alarmed by marks, nor by a load before its switch', function()
    local load = store:load('B', 5)
    for i = 1, 100 do load:add('k' .. i, ('v'):rep(1000)) end
    local got = unchanged_after(function()
      store:commit({}, { { 'offset', '1' } })
      load:abort()
    end, wanted)
    assert.same({ k = true, other = true, B = true, none = true }, got)
  end)

  it('tells the keys that lost versions by expiry', function()
    store:put('A', 'none', 'young', 7)
    local got = unchanged_after(function() assert.equal(2, store:expire('A', 5)) end, wanted)
    assert.same({ k = false, other = false, B = true, none = true }, got)
  end)

  it('gives up all at a switch, and where a dataset appears', function()
    local all = { k = { 'A', 'k' }, C = { 'C', 'k' } }
    assert.same({ k = false, C = false }, unchanged_after(function() store:bulk('A', 5, { k = 'new' }) end, all))
    assert.same({ k = true, C = true }, unchanged_after(function() store:put('B', 'k', 'v', 2) end, all))
    assert.same({ k = false, C = false }, unchanged_after(function() store:create('C') end, all))
    assert.same({ k = true, C = true }, unchanged_after(function() store:put('C', 'none', 'v', 2) end, all))
  end)

  it('asks a reader of an older snapshot nothing of a newer one', function()
    local second = kv.open(url)
    local memory = store:remember({ { 'A', 'other' } })
    store:put('B', 'k', 'v', 2)
    second:read(function(reader)
      local C = kv.C
      assert.is_true(C.kv_unchanged(reader, memory.snapshot, memory.watches, 1))
      store:put('B', 'k', 'v', 3)
      local newer = store:remember({ { 'A', 'other' } })
      assert.is_true((store:unchanged(memory))) -- the table is now ahead of the reader
      assert.is_true(C.kv_unchanged(reader, memory.snapshot, memory.watches, 1))
      assert.is_false(C.kv_unchanged(reader, newer.snapshot, newer.watches, 1))
      store:put('A', 'other', 'x', 3)
      assert.is_false((store:unchanged(memory)))
    end)
    second:close()
  end)

  -- The journal as it lies in the folder.
  local function entries()
    require('spec.support.lmdb')
    local lmdb = ffi.load('lmdb')
    local env, txn, dbi = ffi.new('void *[1]'), ffi.new('void *[1]'), ffi.new('unsigned[1]')
    local stat = ffi.new('mdb_stat_t')
    assert(lmdb.mdb_env_create(env) == 0 and lmdb.mdb_env_set_maxdbs(env[0], 4) == 0)
    assert(lmdb.mdb_env_open(env[0], folder .. '/store', 0x20000, 438) == 0)
    assert(lmdb.mdb_txn_begin(env[0], nil, 0x20000, txn) == 0)
    assert(lmdb.mdb_dbi_open(txn[0], 'chronon.catalogue', 0, dbi) == 0)
    assert(lmdb.mdb_stat(txn[0], dbi[0], stat) == 0)
    lmdb.mdb_txn_abort(txn[0])
    lmdb.mdb_env_close(env[0])
    return tonumber(stat.entries)
  end

  local function stored()
    store:close()
    local n = entries()
    store = kv.open(url)
    return n
  end

  it('forgets the oldest keys of a journal that is full', function()
    store:close()
    store = kv.open(url) -- with room
    local early, puts = store:remember({ { 'A', 'other' } }), {}
    local function many(n, commits)
      for i = 1, n do puts[i] = { 'B', 'k' .. i, '', 1 } end
      for i = n + 1, #puts do puts[i] = nil end
      for _ = 1, commits do store:commit(puts) end
    end
    many(60000, 4)
    assert.is_true((store:unchanged(early)))
    local late = store:remember({ { 'A', 'other' } })
    many(60000, 4)
    assert.is_true(stored() < 600) -- reopened: nobody has applied anything
    assert.is_false((store:unchanged(early)))
    assert.is_true((store:unchanged(late)))
    many(140000, 1) -- too many for a journal
    assert.is_false((store:unchanged(late)))
    assert.is_true(stored() < 10)
  end)

  it('bounds the number of small commits too', function()
    local early = store:remember({ { 'A', 'other' } })
    for i = 1, 4300 do store:put('B', 'k', '', i % 5) end
    local late = store:remember({ { 'A', 'other' } })
    store:put('B', 'k', '', 1)
    local size = stored()
    assert.is_true(size > 4096 and size < 4120, size)
    assert.is_false((store:unchanged(early)))
    assert.is_true((store:unchanged(late)))
  end)
end)
