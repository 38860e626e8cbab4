--- What every kind of store promises (kv/kv.h).
local kv = require('spec.support.kv')
local stores = require('spec.support.kv_stores')

local LONG = ('k'):rep(256)

for _, kind in ipairs(stores.kinds) do
  describe('kv ' .. kind.name, function()
    local store, url

    setup(function() kind:setup() end)
    teardown(function() kind:teardown() end)
    before_each(function()
      url = kind:fresh()
      store = kv.open(url)
      store:create('A_BATCH')
      store:create('A_STREAMING')
    end)
    after_each(function() store:close() end)

    it('answers', function() store:ping() end)

    it('keeps the versions of a key by time and gives those from a time on', function()
      store:put('A_STREAMING', 'k', 'three', 3)
      store:put('A_STREAMING', 'k', 'minus one', -1)
      store:put('A_STREAMING', 'k', 'two', 2)
      assert.same({ { -1, 'minus one' }, { 2, 'two' }, { 3, 'three' } }, store:get('A_STREAMING', 'k'))
      assert.same({ { 2, 'two' }, { 3, 'three' } }, store:get('A_STREAMING', 'k', 2))
      assert.same({ { 3, 'three' } }, store:get('A_STREAMING', 'k', 3))
      assert.same({}, store:get('A_STREAMING', 'k', 4))
    end)

    it('gives the newest version of a key in one call, of none none', function()
      store:put('A_STREAMING', 'k', 'new', 3)
      store:put('A_STREAMING', 'k', 'old', 2)
      store:put('A_STREAMING', 'empty', '', 1)
      assert.equal('new', store:newest('A_STREAMING', 'k'))
      assert.equal('', store:newest('A_STREAMING', 'empty'))
      assert.is_nil(store:newest('A_STREAMING', 'other'))
    end)

    it('keeps every instant that an int64 can hold', function()
      local first, last = -0x7fffffffffffffffLL, 0x7fffffffffffffffLL
      store:put('A_STREAMING', 'k', 'last', last)
      store:put('A_STREAMING', 'k', 'before', last - 1)
      store:put('A_STREAMING', 'k', 'first', first)
      local values = {}
      for i, v in ipairs(store:get('A_STREAMING', 'k')) do values[i] = v[2] end
      assert.same({ 'first', 'before', 'last' }, values)
      assert.equal('last', store:get('A_STREAMING', 'k', last)[1][2])
      assert.equal(1, #store:get('A_STREAMING', 'k', last))
    end)

    it('replaces the value of one key and time', function()
      store:put('A_STREAMING', 'k', 'old and longer', 5)
      store:put('A_STREAMING', 'k', 'new', 5)
      store:commit({ { 'A_STREAMING', 'k', 'x', 6 }, { 'A_STREAMING', 'k', 'y', 6 } })
      assert.same({ { 5, 'new' }, { 6, 'y' } }, store:get('A_STREAMING', 'k'))
    end)

    it('replaces all versions where a put says so', function()
      for ts = 1, 5 do store:put('A_BATCH', 'k', 'v' .. ts, ts) end
      store:put('A_BATCH', 'kk', 'other', 1)
      store:commit({ { 'A_BATCH', 'k', 'only', 3, replace = true } })
      assert.same({ { 3, 'only' } }, store:get('A_BATCH', 'k'))
      assert.same({ { 1, 'other' } }, store:get('A_BATCH', 'kk'))
    end)

    it('appends to the version of a key and time, or puts it', function()
      local other = kv.open(url)
      store:commit({ { 'A_STREAMING', 'k', 'ab', 5, append = true } })
      assert.same({ { 5, 'ab' } }, store:get('A_STREAMING', 'k'))
      other:commit({ { 'A_STREAMING', 'k', 'c\0', 5, append = true }, { 'A_STREAMING', 'k', 'new', 4, append = true } })
      store:commit({ { 'A_STREAMING', 'k', '', 5, append = true }, { 'A_STREAMING', 'k', '', 6, append = true } })
      other:commit({ { 'A_STREAMING', 'k', 'd', 5, append = true } })
      other:close()
      assert.same({ { 4, 'new' }, { 5, 'abc\0d' }, { 6, '' } }, store:get('A_STREAMING', 'k'))
      assert.same({}, store:get('A_STREAMING', 'kk'))
      local info = store:list().A_STREAMING
      assert.equal(3, info.versions)
      if kind.counts_bytes then assert.equal(3 + 8, info.bytes) end
    end)

    it('takes the puts of a commit in their order, appending ones too', function()
      local function put(key, value, ts, how)
        return { 'A_BATCH', key, value, ts, append = how == 'append', replace = how == 'replace' }
      end
      store:commit({ put('k', 'old', 1), put('k', 'old', 2), put('k', 'old', 3), put('gone', 'x', 1) })
      store:commit({
        put('k', '1', 3, 'append'),
        put(LONG .. LONG, 'l', 3, 'append'),
        put('k', 'a', 2, 'append'),
        put('k', '2', 3, 'append'),
        put('gone', 'a', 1, 'append'),
        put('k', 'b', 2),
        put('k', '3', 3, 'append'),
        put(LONG .. LONG, 'm', 3, 'append'),
        put('k', 'c', 2, 'append'),
        put('gone', 'y', 2, 'replace'),
        put('gone', 'b', 1, 'append'),
        put('gone', 'z', 2, 'append'),
      })
      assert.same({ { 1, 'old' }, { 2, 'bc' }, { 3, 'old123' } }, store:get('A_BATCH', 'k'))
      assert.same({ { 3, 'lm' } }, store:get('A_BATCH', LONG .. LONG))
      assert.same({ { 1, 'b' }, { 2, 'yz' } }, store:get('A_BATCH', 'gone'))
      assert.equal(6, store:list().A_BATCH.versions)
    end)

    it('appends to values of any size among many, and at every instant', function()
      local expected = {}
      for _, ts in ipairs({ -0x7fffffffffffffffLL, -1, 0, 0x7fffffffffffffffLL }) do
        expected[#expected + 1] = {}
        for i = 1, 40 do
          local value = (string.char(96 + i % 26)):rep(i == 20 and 70000 or i * 7)
          store:commit({ { 'A_STREAMING', 'k', value, ts, append = true } })
          expected[#expected][i] = value
        end
      end
      local got = store:get('A_STREAMING', 'k')
      assert.equal(4, #got)
      for i, parts in ipairs(expected) do assert.is_true(table.concat(parts) == got[i][2]) end
    end)

    it('appends to what was loaded', function()
      store:bulk('A_BATCH', 100, { a = 'loaded' })
      store:commit({ { 'A_BATCH', 'a', '+', 100, append = true }, { 'A_BATCH', 'b', '+', 100, append = true } })
      assert.same({ { 100, 'loaded+' } }, store:get('A_BATCH', 'a'))
      assert.same({ { 100, '+' } }, store:get('A_BATCH', 'b'))
    end)

    it('refuses a put that appends and replaces, and writes nothing', function()
      local ok, why = pcall(store.commit, store, {
        { 'A_BATCH', 'k', 'v', 1 },
        { 'A_BATCH', 'k', 'v', 1, append = true, replace = true },
      })
      assert.is_false(ok)
      assert.matches('a put of dataset A_BATCH both appends and replaces', why)
      assert.same({}, store:get('A_BATCH', 'k'))
    end)

    it('puts the time in where a put has none', function()
      local before = os.time() * 1000 - 1000
      store:put('A_BATCH', 'k', 'v')
      local ts = store:get('A_BATCH', 'k')[1][1]
      assert.is_true(ts >= before and ts < before + 60000)
    end)

    it('answers many keys of several datasets, absent ones empty', function()
      store:put('A_BATCH', 'k1', 'b1', 1)
      store:put('A_BATCH', 'k2', 'b2', 1)
      for ts = 1, 600 do store:put('A_STREAMING', 'k1', 's' .. ts, ts) end
      local got = store:gets({
        { 'A_STREAMING', 'k1', 2 },
        { 'A_BATCH', 'k2' },
        { 'A_BATCH', 'none' },
        { 'NO_SUCH', 'k1' },
        { 'A_BATCH', 'k1' },
        { 'A_STREAMING', 'k1', 600 },
      })
      assert.equal(599, #got[1])
      assert.same({ 2, 's2' }, got[1][1])
      assert.same({ 600, 's600' }, got[1][599])
      assert.same({ { { 1, 'b2' } }, {}, {}, { { 1, 'b1' } }, { { 600, 's600' } } }, { unpack(got, 2) })
    end)

    it('takes any bytes, empty ones too, and tells like keys apart', function()
      local keys = { '', '\0', '\0\0', 'a', 'a\0', 'a\0\0\0\0\0\0\0\0', '\255', '\255\255', '{x}', 'a:b', '}{', '*', 'a\r\nb' }
      for i, key in ipairs(keys) do store:put('A_BATCH', key, i == 4 and '' or 'v\0\r\n' .. i, 7) end
      for i, key in ipairs(keys) do
        assert.same({ { 7, i == 4 and '' or 'v\0\r\n' .. i } }, store:get('A_BATCH', key))
      end
    end)

    it('takes long keys and values', function()
      local keys = {}
      for _, n in ipairs({ 490, 496, 497, 498, 511, 512, 2000, 70000 }) do
        keys[#keys + 1] = ('k'):rep(n)
        keys[#keys + 1] = ('k'):rep(n - 1) .. 'x'
      end
      for i, key in ipairs(keys) do
        store:put('A_STREAMING', key, 'v' .. i, 1)
        store:put('A_STREAMING', key, ('w'):rep(i * 1000), 2)
        store:put('A_STREAMING', key, 'u' .. i, 1)
      end
      for i, key in ipairs(keys) do
        assert.same({ { 1, 'u' .. i }, { 2, ('w'):rep(i * 1000) } }, store:get('A_STREAMING', key))
        assert.same({ { 2, ('w'):rep(i * 1000) } }, store:get('A_STREAMING', key, 2))
      end
      assert.equal(#keys * 2, store:list().A_STREAMING.versions)
    end)

    it('refuses a dataset that does not exist, with its nearest name, and writes nothing', function()
      local ok, why = pcall(store.commit, store, { { 'A_BATCH', 'k', 'v', 1 }, { 'A_BACH', 'k', 'v', 1 } }, { { 'm', '1' } })
      assert.is_false(ok)
      assert.matches('dataset A_BACH does not exist %(did you mean A_BATCH%?%)', why)
      assert.same({}, store:get('A_BATCH', 'k'))
      assert.is_nil(store:mark('m'))
    end)

    it('refuses names of datasets that are none', function()
      for _, name in ipairs({ '', 'a b', 'a/b', ('x'):rep(256) }) do
        assert.is_false(pcall(store.create, store, name))
      end
    end)

    it('keeps marks beside the data', function()
      assert.is_nil(store:mark('offset/topic/0'))
      store:commit({ { 'A_STREAMING', 'k', 'v', 1 } }, { { 'offset/topic/0', '41' }, { 'empty', '' } })
      assert.equal('41', store:mark('offset/topic/0'))
      assert.equal('', store:mark('empty'))
      store:commit({}, { { 'offset/topic/0', '42' } })
      assert.equal('42', store:mark('offset/topic/0'))
    end)

    it('refuses a write whose mark another has moved', function()
      store:commit({}, { { 'm', '1', expect = false } })
      store:commit({}, { { 'm', '2', expect = '1' } })
      for _, expect in ipairs({ '1', '', '22', false }) do
        for _, append in ipairs({ false, true }) do
          local puts = { { 'A_BATCH', 'k', 'v', 1, append = append } }
          local ok, why = pcall(store.commit, store, puts, { { 'm', '3', expect = expect } })
          assert.is_false(ok)
          assert.matches('mark m was changed by another writer', why)
        end
      end
      assert.equal('2', store:mark('m'))
      assert.same({}, store:get('A_BATCH', 'k'))
    end)

    it('loads a generation at once and forgets the one before', function()
      store:bulk('A_BATCH', 100, { a = '1', b = '2', [LONG .. LONG] = 'long' })
      assert.same({ { 100, '1' } }, store:get('A_BATCH', 'a'))
      local load = store:load('A_BATCH', 200)
      load:add('c', '30')
      load:add('a', '10')
      load:add('', 'empty')
      load:add('a', '11')
      assert.same({ { 100, '1' } }, store:get('A_BATCH', 'a'))
      assert.same({}, store:get('A_BATCH', 'c'))
      assert.is_true(store:list().A_BATCH.loading)
      load:commit()
      assert.same({ { 200, '11' } }, store:get('A_BATCH', 'a'))
      assert.same({ { 200, '30' } }, store:get('A_BATCH', 'c'))
      assert.same({ { 200, 'empty' } }, store:get('A_BATCH', ''))
      assert.same({}, store:get('A_BATCH', 'b'))
      assert.same({}, store:get('A_BATCH', LONG .. LONG))
      local info = store:list().A_BATCH
      assert.equal(3, info.versions)
      assert.equal(200, info.version_ts)
      assert.is_true(info.switched_ms > os.time() * 1000 - 60000)
      assert.is_false(info.loading)
      if kind.counts_bytes then assert.equal(11, info.bytes) end
    end)

    it('loads into a dataset that did not exist, and loads nothing', function()
      store:bulk('NEW', 1, { a = '1' })
      assert.same({ { 1, '1' } }, store:get('NEW', 'a'))
      store:bulk('NEW', 2, {})
      assert.same({}, store:get('NEW', 'a'))
      assert.equal(0, store:list().NEW.versions)
    end)

    it('says which generation answered, another one after each load', function()
      assert.equal(0, store:generation('NEW_BATCH', 3))
      local seen = {}
      for i = 1, 4 do
        store:bulk('NEW_BATCH', 1, { k1 = 'x' })
        local is = store:generation('NEW_BATCH', 3)
        assert.is_true(is ~= 0 and not seen[is], ('load %d: %d'):format(i, is))
        seen[is] = true
        store:put('NEW_BATCH', 'k2', 'y', 2)
        assert.equal(is, store:generation('NEW_BATCH'))
      end
    end)

    it('takes puts after a load, into what was loaded', function()
      store:bulk('A_BATCH', 1, { a = '1' })
      store:put('A_BATCH', 'a', '2', 2)
      assert.same({ { 1, '1' }, { 2, '2' } }, store:get('A_BATCH', 'a'))
    end)

    it('leaves the old content after an abort, and loads again', function()
      store:bulk('A_BATCH', 1, { a = '1' })
      local load = store:load('A_BATCH', 2)
      load:add('a', '2')
      load:abort()
      assert.same({ { 1, '1' } }, store:get('A_BATCH', 'a'))
      assert.is_false(store:list().A_BATCH.loading)
      store:bulk('A_BATCH', 3, { a = '3' })
      assert.same({ { 3, '3' } }, store:get('A_BATCH', 'a'))
    end)

    it('refuses a second load of a dataset, not one of another', function()
      local load = store:load('A_BATCH', 1)
      local ok, why = pcall(store.load, store, 'A_BATCH', 2)
      assert.is_false(ok)
      assert.matches('dataset A_BATCH: another load of it is under way', why)
      local other = store:load('B_BATCH', 2)
      load:add('a', '1')
      other:add('a', '2')
      other:commit()
      load:commit()
      assert.same({ { 1, '1' } }, store:get('A_BATCH', 'a'))
      assert.same({ { 2, '2' } }, store:get('B_BATCH', 'a'))
    end)

    it('removes what is older than a time', function()
      for ts = 1, 10 do
        store:put('A_STREAMING', 'k', 'v' .. ts, ts)
        store:put('A_STREAMING', LONG .. LONG, 'v' .. ts, ts)
      end
      store:put('A_STREAMING', 'old', 'v', 2)
      store:put('A_BATCH', 'k', 'v', 2)
      assert.equal(13, store:expire('A_STREAMING', 7))
      assert.same({ { 7, 'v7' }, { 8, 'v8' }, { 9, 'v9' }, { 10, 'v10' } }, store:get('A_STREAMING', 'k'))
      assert.equal(4, #store:get('A_STREAMING', LONG .. LONG))
      assert.same({}, store:get('A_STREAMING', 'old'))
      assert.equal(1, #store:get('A_BATCH', 'k'))
      assert.equal(8, store:list().A_STREAMING.versions)
      assert.equal(0, store:expire('A_STREAMING', 7))
    end)

    local function by_key(items)
      table.sort(items, function(a, b)
        if a[1] ~= b[1] then return a[1] < b[1] end
        return a[2] < b[2]
      end)
      return items
    end

    it('scans a dataset by prefix', function()
      local keys = { 'joins/a', 'joins/b', 'joins/bb/c', 'join', 'group_bys/a', '', LONG, LONG .. LONG, LONG .. LONG .. 'x' }
      for _, key in ipairs(keys) do
        store:put('A_BATCH', key, 'v' .. #key, 2)
        store:put('A_BATCH', key, 'v', 1)
        store:put('A_STREAMING', key .. 'y', 'v', 1)
      end
      for _, prefix in ipairs({ '', 'j', 'joins/', 'joins/b', 'joins/bb/cc', 'k', LONG, LONG .. 'k', LONG .. LONG .. 'x', 'z' }) do
        local want = {}
        for _, key in ipairs(keys) do
          if key:sub(1, #prefix) == prefix then
            want[#want + 1] = { key, 1, 'v' }
            want[#want + 1] = { key, 2, 'v' .. #key }
          end
        end
        assert.same(by_key(want), by_key((store:scan('A_BATCH', prefix))))
      end
      assert.same({}, (store:scan('NO_SUCH', '')))
    end)

    it('goes on with a scan where it stood', function()
      local want = {}
      for i = 1, 30 do
        local key = ('k'):rep(i % 7) .. i
        store:put('A_BATCH', key, 'v' .. i, i)
        store:put('A_BATCH', key, 'w' .. i, -i)
        want[#want + 1] = { key, i, 'v' .. i }
        want[#want + 1] = { key, -i, 'w' .. i }
      end
      local seen, got, token = {}, {}, nil
      for _ = 1, 200 do
        local page
        page, token = store:scan('A_BATCH', '', 7, token)
        for _, item in ipairs(page) do -- Redis may give an item again
          local id = item[1] .. '@' .. item[2]
          if not seen[id] then got[#got + 1] = item end
          seen[id] = true
        end
        if #page == 0 then break end
      end
      assert.same(by_key(want), by_key(got))
      assert.is_false(pcall(store.scan, store, 'A_BATCH', '', 1, 'no token!'))
    end)

    it('is the same store for whoever opens it again', function()
      store:put('A_BATCH', 'k', 'v', 1)
      local other = kv.open(url)
      assert.same({ { 1, 'v' } }, other:get('A_BATCH', 'k'))
      other:put('A_BATCH', 'k', 'w', 2)
      assert.equal(2, #store:get('A_BATCH', 'k'))
      other:close()
      assert.equal(2, #store:get('A_BATCH', 'k'))
    end)

    it('shows what was written since the last read, and new datasets', function()
      for i = 1, 5 do
        assert.same({}, store:get('LATE' .. i, 'k'))
        store:create('LATE' .. i)
        store:put('LATE' .. i, 'k', 'v', i)
        assert.same({ { i, 'v' } }, store:get('LATE' .. i, 'k'))
      end
    end)
  end)
end

describe('kv URLs', function()
  for url, why in pairs({
    ['lmbd:x'] = 'did you mean lmdb:%?',
    [''] = 'want lmdb:PATH',
    ['lmdb:'] = 'the path of a folder',
    ['redis:host'] = 'want redis://host',
    ['redis://'] = 'want redis://host',
    ['redis://h:99999'] = 'port "99999" is not a number from 1 to 65535',
    ['redis://h/x'] = 'database "x" is not a number',
    ['memory:a?size=1'] = 'option "size=1" is none of timeout=MS, map=MIB, ca=FILE',
    ['memory:a?timeout=0'] = 'timeout "0" is not a number from 1',
  }) do
    it(('refuse "%s"'):format(url), function()
      local store, message = kv.try_open(url)
      assert.is_nil(store)
      assert.matches(why, message)
    end)
  end

  it('never show a password', function()
    local _, message = kv.try_open('redis://me:secret@/x')
    assert.matches('redis://me:%*%*%*@/x', message)
    assert.is_nil(message:find('secret', 1, true))
  end)
end)
