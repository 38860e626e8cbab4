--- Whether what was read would be read again: kv_unchanged, and the journal of changed keys behind it in LMDB.
local ffi = require('ffi')
local kv = require('spec.support.kv')
local lmdb = require('spec.support.lmdb')
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

  it('tells the short keys of two datasets apart', function()
    for _, len in ipairs({ 1, 3, 5, 9 }) do
      local keys, puts = {}, {}
      for i = 0, 255 do keys[i + 1] = { 'A', ('\2'):rep(len - 1) .. string.char(i) } end
      for i = 1, 128 do puts[i] = { 'B', keys[i][2], 'v', 2 } end
      local alarmed = 0
      for _, same in pairs(unchanged_after(function() store:commit(puts) end, keys)) do
        if not same then alarmed = alarmed + 1 end
      end
      assert.equal(0, alarmed, len)
    end
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

  local function stored()
    store:close()
    local entries = lmdb.entries(folder .. '/store', 'chronon.catalogue')
    store = kv.open(url)
    return entries
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

  -- Another process does this; what it says.
  local function elsewhere(code)
    local path = folder .. '/child.lua'
    local file = assert(io.open(path, 'w'))
    file:write("package.path = './?.lua;' .. package.path\nlocal folder = arg[1]\n", code)
    file:close()
    local pipe = assert(io.popen(("luajit %s '%s' 2>&1"):format(path, folder)))
    assert.equal('done\n', pipe:read('*a'))
    pipe:close()
  end

  it('hears of what another process commits', function()
    local function put()
      elsewhere([[
        local store = require('spec.support.kv').open('lmdb:' .. folder .. '/store')
        store:put('A', 'k', 'x', 5)
        store:put('A', 'none', 'x', 5)
        print('done')]])
    end
    assert.same({ k = false, other = true, B = true, none = false }, unchanged_after(put, wanted))
    local function expire()
      elsewhere([[
        local store = require('spec.support.kv').open('lmdb:' .. folder .. '/store')
        store:expire('B', 5)
        print('done')]])
    end
    assert.same({ k = true, other = true, B = false, none = true }, unchanged_after(expire, wanted))
  end)

  it('is sure of nothing after a commit of a program that keeps no journal', function()
    assert.is_true(unchanged_after(function() store:put('B', 'k', 'x', 1) end, wanted).k)
    local function foreign()
      elsewhere([[
        require('spec.support.lmdb').put(folder .. '/store', 'chronon.catalogue', 'mforeign', 'x')
        print('done')]])
    end
    local none = { k = false, other = false, B = false, none = false }
    assert.same(none, unchanged_after(foreign, wanted))
    assert.equal('x', store:mark('foreign'))
    local function between()
      store:put('B', 'k', 'x', 1)
      foreign()
      store:put('B', 'k', 'x', 2)
    end
    assert.same(none, unchanged_after(between, wanted))
    local got = unchanged_after(function() store:put('B', 'k', 'x', 3) end, wanted)
    assert.same({ k = true, other = true, B = false, none = true }, got)
  end)

  it('takes a folder of before the journal as one whose journal is empty', function()
    store:close()
    lmdb.put(folder .. '/store', 'chronon.catalogue', 'j', nil)
    store = kv.open(url, false)
    assert.same({ { 1, 'v' }, { 9, 'w' } }, store:get('A', 'k'))
    local memory = store:remember({ { 'A', 'other' } })
    store:put('B', 'k', 'x', 2)
    assert.is_false((store:unchanged(memory)))
    memory = store:remember({ { 'A', 'other' } })
    store:put('B', 'k', 'x', 3)
    assert.is_true((store:unchanged(memory)))
  end)

  it('does not believe watches of another hash', function()
    local memory = store:remember({ { 'A', 'other' } })
    local number = memory.snapshot + 1
    store:put('B', 'k', 'x', 2)
    local function rewrite(key, value)
      store:close()
      number = number + 1
      lmdb.put(folder .. '/store', 'chronon.catalogue', key, value)
      number = number + 1 -- a head that says that every commit kept the journal
      local head = ffi.new('uint64_t[4]', 1, number, 1, 1)
      lmdb.put(folder .. '/store', 'chronon.catalogue', 'j', ffi.string(head, 32))
      store = kv.open(url)
    end
    rewrite('mforeign', 'x')
    assert.is_true((store:unchanged(memory)))
    rewrite('j' .. ('\0'):rep(7) .. string.char(memory.snapshot + 1, 0, 0), '\1\2\3\4\5\6\7\8')
    assert.is_false((store:unchanged(memory)))
  end)
end)

-- Random writes beside what was read at random snapshots: where kv_unchanged is sure, it is read again and compared.
describe('kv lmdb journal', function()
  local NAMES = { 'A', 'B', 'C', 'D', 'E' }

  local function steps(url, random)
    local all = { kv.open(url), kv.open(url) }
    local function store() return all[random(1, 2)] end
    local function key() return (random(1, 9) == 1 and ('long'):rep(150) or 'k') .. random(1, 12) end
    local made = { A = true, B = true }
    local function dataset()
      local name
      repeat name = NAMES[random(1, #NAMES)] until made[name]
      return name
    end
    for name in pairs(made) do store():create(name) end

    local function commit()
      local puts = {}
      for i = 1, random(1, 4) do
        local put = { dataset(), key(), ('v'):rep(random(0, 5) == 0 and 3000 or 9) .. random(0, 9), random(1, 40) }
        put.replace = random(1, 4) == 1
        put.append = not put.replace and random(1, 3) == 1
        puts[i] = put
      end
      store():commit(puts)
    end
    local function load()
      local bulk = store():load(dataset(), random(1, 40))
      for _ = 1, random(0, 9) do bulk:add(key(), 'loaded' .. random(0, 9)) end
      if random(1, 3) == 1 then bulk:abort() else bulk:commit() end
    end
    local function create()
      local name = NAMES[random(1, #NAMES)]
      made[name] = true
      store():create(name)
    end
    local function reopen()
      for i = 1, 2 do all[i]:close() end
      for i = 1, 2 do all[i] = kv.open(url) end
    end
    local function operate()
      local what = random(1, 100)
      if what <= 70 then return commit() end
      if what <= 82 then return store():expire(dataset(), random(1, 30)) end
      if what <= 90 then return store():commit({}, { { 'm', 'x' .. random(0, 9) } }) end
      if what <= 95 then return load() end
      if what <= 98 then return create() end
      return reopen()
    end
    local function remember()
      local wanted = {}
      for i = 1, random(1, 3) do
        wanted[i] = { NAMES[random(1, #NAMES)], key(), random(1, 2) == 1 and random(1, 40) or nil }
      end
      return store():remember(wanted)
    end
    local function close()
      for i = 1, 2 do all[i]:close() end
    end
    return { operate = operate, remember = remember, store = store, close = close }
  end

  it('is never sure of what changed, and often of what did not', function()
    local sure, unsure = 0, 0
    for round = 1, 3 do
      local random, seed = seeds.random('journal' .. round)
      local folder = stores.folder()
      local run, memories = steps('lmdb:' .. folder .. '/store', random), {}
      for step = 1, 400 do
        run.operate()
        memories[#memories % 60 + 1] = run.remember()
        memories[random(1, #memories)] = run.remember()
        for _ = 1, 6 do
          local memory = memories[random(1, #memories)]
          local same, answers, now = run.store():unchanged(memory)
          if same then
            assert.same(memory.answers, answers, ('CHRONON_SEED=%d, step %d'):format(seed, step))
            if memory.snapshot < now then sure = sure + 1 end
          else
            unsure = unsure + 1
          end
        end
      end
      run.close()
      stores.remove(folder)
    end
    assert.is_true(sure > 500, sure .. ' of ' .. sure + unsure)
  end)
end)
