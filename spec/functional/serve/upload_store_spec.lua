--- `run --mode upload` and `metadata-upload` into the online store.
local cdef = require('spec.support.cdef')
local ffi = require('ffi')
local json = require('dkjson')
local kv = require('spec.support.kv')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')

local C = cdef.load('codec/base64.h')

local INFO = 'group_by_serving_info'

local function group_by(more)
  local conf = {
    metaData = { team = 'shop', online = 1 },
    sources = { { events = { table = 'data.events', topic = 'events', query = {
      selects = { uid = 'uid', i = 'i' }, timeColumn = 'ts', setups = {} } } } },
    keyColumns = { 'uid' }, accuracy = 0,
    aggregations = { { inputColumn = 'i', operation = 7, windows = { { length = 7, timeUnit = 1 } } } },
  }
  for k, v in pairs(more or {}) do conf[k] = v end
  return conf
end

describe('run --mode upload into a store', function()
  local r, url

  local function events(n)
    local rows = {}
    for i = 1, n do
      rows[i] = { 'u' .. i % 40, i, repo.ms('2024-03-10') + i * 60000, '2024-03-10' }
    end
    r:table('data.events', repo.values('uid VARCHAR, i BIGINT, ts BIGINT, ds VARCHAR', rows), 'ds')
  end

  --- @return table<string, string> value by key of the live upload; number? its time
  local function stored(name)
    local store = kv.open(url, false)
    local out, at = {}, nil
    for _, item in ipairs(store:scan(name)) do
      out[item[1]] = item[3]
      assert(at == nil or at == item[2], 'two uploads at once')
      at = item[2]
    end
    store:close()
    return out, at
  end

  before_each(function()
    r = repo.new()
    url = 'lmdb:' .. r.folder .. '/kv'
    r:conf('gb', group_by())
    events(3000)
  end)
  after_each(function() r:remove() end)

  it('puts the bytes of the upload table there, under the batch end', function()
    r:succeed('upload', 'gb', '2024-03-10', { '--store', url, '--upload-table' })
    local want = {}
    for _, row in ipairs((r:read('SELECT key_bytes, value_bytes FROM ns.gb_upload', { 'ns.gb_upload' }))) do
      want[row.key_bytes] = row.value_bytes
    end
    local got, at = stored('GB_BATCH')
    assert.same(want, got)
    assert.equal(repo.ms('2024-03-11'), at)
    assert.equal('2024-03-11', json.decode(got[INFO]).batchEndDate)
  end)

  it('writes no table where a store is named', function()
    r:succeed('upload', 'gb', '2024-03-10', { '--store', url })
    assert.equal(0, program.shell('test ! -e ' .. program.quote(r.warehouse .. '/ns/gb_upload')))
  end)

  it('fills the store of the repo and the table by default', function()
    local out = r:succeed('upload', 'gb', '2024-03-10').out
    assert.matches('GB_BATCH in lmdb:' .. r.folder .. '/store, and ns.gb_upload: 41 rows', out, 1, true)
    url = 'lmdb:' .. r.folder .. '/store'
    local _, at = stored('GB_BATCH')
    assert.equal(repo.ms('2024-03-11'), at)
  end)

  it('replaces the last day as a whole and drops rows streamed before it', function()
    r:succeed('upload', 'gb', '2024-03-10', { '--store', url })
    local store = kv.open(url)
    store:create('GB_STREAMING')
    for day = 9, 12 do store:put('GB_STREAMING', 'k', 'row', repo.ms(('2024-03-%02d'):format(day))) end
    store:close()
    events(10)
    r:succeed('upload', 'gb', '2024-03-11', { '--store', url })
    local got, at = stored('GB_BATCH')
    local n = 0
    for _ in pairs(got) do n = n + 1 end
    assert.equal(11, n)
    assert.equal(repo.ms('2024-03-12'), at)
    store = kv.open(url)
    local left = store:get('GB_STREAMING', 'k')
    store:close()
    assert.equal(2, #left)
    assert.equal(repo.ms('2024-03-11'), left[1][1])
  end)

  it('does not go back to an earlier day unless told to', function()
    r:succeed('upload', 'gb', '2024-03-11', { '--store', url })
    local refused = r:run('upload', 'gb', '2024-03-10', { '--store', url })
    assert.equal(1, refused.code)
    assert.matches('GB_BATCH has the upload of 2024-03-11, which is later than 2024-03-10; --allow-older goes back',
      refused.err, 1, true)
    assert.equal(repo.ms('2024-03-12'), select(2, stored('GB_BATCH')))
    r:succeed('upload', 'gb', '2024-03-10', { '--store', url, '--allow-older' })
    assert.equal(repo.ms('2024-03-11'), select(2, stored('GB_BATCH')))
  end)

  it('writes the table of an earlier day where nobody named the store', function()
    r:succeed('upload', 'gb', '2024-03-11')
    local result = r:succeed('upload', 'gb', '2024-03-10')
    assert.matches('is later than 2024%-03%-10.*only the table is written', result.err)
    url = 'lmdb:' .. r.folder .. '/store'
    assert.equal(repo.ms('2024-03-12'), select(2, stored('GB_BATCH')))
    assert.equal('2024-03-10', (r:read('SELECT DISTINCT ds FROM ns.gb_upload', { 'ns.gb_upload' }))[1].ds)
  end)

  it('says so when a day has no rows, which leaves no key in the store', function()
    assert.is_nil(r:succeed('upload', 'gb', '2024-03-10', { '--store', url }).err:find('no key has a value', 1, true))
    local result = r:succeed('upload', 'gb', '2034-03-10', { '--store', url })
    assert.matches('no key has a value on 2034-03-10, and what was uploaded before is replaced by nothing',
      result.err, 1, true)
  end)

  it('leaves the last day when the job fails', function()
    r:succeed('upload', 'gb', '2024-03-10', { '--store', url })
    local before = stored('GB_BATCH')
    r:conf('gb', group_by({ aggregations = { { inputColumn = 'nothing', operation = 7 } } }))
    assert.equal(1, r:run('upload', 'gb', '2024-03-11', { '--store', url }).code)
    assert.same(before, (stored('GB_BATCH')))
  end)

  it('says what is wrong with a store', function()
    for text, cause in pairs({ ['nosuch:x'] = 'nosuch', ['redis://127.0.0.1:1'] = '127.0.0.1:1' }) do
      local result = r:run('upload', 'gb', '2024-03-10', { '--store', text })
      assert.equal(1, result.code)
      assert.matches(cause, result.err, 1, true)
    end
  end)

  it('survives a kill at any time: one day or the other, whole', function()
    events(20000)
    r:succeed('upload', 'gb', '2024-03-10', { '--store', url })
    local old = stored('GB_BATCH')
    events(30000)
    local words = {}
    for _, word in ipairs { program.bin, 'run', '--mode', 'upload', '--conf', r.folder .. '/production/gb', '--ds',
      '2024-03-11', '--repo', r.folder, '--warehouse', r.warehouse, '--store', url, '--table',
      'data.events=' .. r.paths['data.events'] } do
      words[#words + 1] = program.quote(word)
    end
    for i = 1, 10 do
      program.shell(('timeout -s KILL %.3f %s >/dev/null 2>&1'):format(i * 0.015, table.concat(words, ' ')))
      local got, at = stored('GB_BATCH')
      if at == repo.ms('2024-03-11') then assert.same(old, got) end
    end
    r:succeed('upload', 'gb', '2024-03-11', { '--store', url })
    local _, at = stored('GB_BATCH')
    assert.equal(repo.ms('2024-03-12'), at)
  end)
end)

describe('run --mode metadata-upload', function()
  local r, url

  local function upload(path, ...)
    return program.run({ 'run', '--mode', 'metadata-upload', '--conf', path, '--repo', r.folder, '--store', url, ... })
  end

  local function get(dataset, key)
    local store = kv.open(url)
    local versions = store:get(dataset, key)
    store:close()
    assert(#versions <= 1)
    return versions[1] and versions[1][2]
  end

  local function names(key)
    local out = {}
    for part in (get('CHRONON_ENTITY_BY_TEAM', key) or ''):gmatch('[^,]+') do
      local buf = ffi.new('struct chn_buf')
      assert(C.codec_base64_decode(part, #part, buf))
      out[#out + 1] = ffi.string(C.chn_buf_str(buf), buf.len)
      C.chn_buf_deinit(buf)
    end
    table.sort(out)
    return out
  end

  before_each(function()
    r = repo.new()
    url = 'lmdb:' .. r.folder .. '/kv'
    for _, folder in ipairs { 'group_bys/shop', 'joins/shop', 'group_bys/other' } do
      program.shell('mkdir -p ' .. program.quote(r.folder .. '/production/' .. folder))
    end
    r:conf('group_bys/shop/a.v1', group_by())
    r:conf('group_bys/shop/a.v2', group_by())
    r:conf('group_bys/other/b.v1', group_by({ metaData = { team = 'other', customJson = '{"team_override": "shop"}' } }))
  end)
  after_each(function() r:remove() end)

  it('puts every definition of a folder, on one line, and the lists of teams', function()
    program.write(r.folder .. '/production/group_bys/shop/notes.txt', 'no definition')
    program.write(r.folder .. '/production/joins/shop/bad.v1', '{"metaData": {"name": "x"}, "nonsense": 1}')
    local result = upload('production', '-o', 'json')
    assert.equal(0, result.code, result.err)
    local report = json.decode(result.out)[1]
    assert.same({ 3, 1, 2 }, { report.definitions, report.team_lists, report.skipped })
    assert.matches('skipped .*notes.txt', result.err)
    assert.matches('skipped .*bad.v1.*nonsense', result.err)
    local text = get('ZIPLINE_METADATA', 'group_bys/shop/a.v1')
    assert.is_nil(text:find('[\n ]'))
    assert.equal('group_bys/shop/a.v1', json.decode(text).metaData.name)
    assert.same({ 'group_bys/other/b.v1', 'group_bys/shop/a.v1', 'group_bys/shop/a.v2' }, names('group_bys/shop'))
    assert.is_nil(get('CHRONON_ENTITY_BY_TEAM', 'group_bys/other'))
  end)

  it('adds a file to its list, and a folder says what is left', function()
    upload('production/group_bys/shop')
    program.shell('rm ' .. program.quote(r.folder .. '/production/group_bys/shop/a.v2'))
    assert.equal(0, upload('production/group_bys/shop/a.v1').code)
    assert.same({ 'group_bys/shop/a.v1', 'group_bys/shop/a.v2' }, names('group_bys/shop'))
    upload('production/group_bys/shop')
    assert.same({ 'group_bys/shop/a.v1' }, names('group_bys/shop'))
  end)

  it('fails where there is nothing to upload', function()
    program.shell('mkdir -p ' .. program.quote(r.folder .. '/empty'))
    local result = upload('empty')
    assert.equal(1, result.code)
    assert.matches('there is no file in it', result.err, 1, true)
    assert.equal(1, upload('teams.json').code)
    assert.equal(2, upload('production', '--batch-size', '0').code)
  end)
end)
