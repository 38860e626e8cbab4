-- What `chronon serve` says when somebody else touches the files of its LMDB folder.
local json = require('dkjson')
local program = require('spec.support.program')
local served = require('spec.support.served')
local server = require('spec.support.server')

local JOIN = '/v1/features/join/team%2Fj1.v1'
local GT = '/v1/features/groupby/team.gt.v1'
local BODY = '[{"uid":1}]'

describe('chronon serve over an LMDB folder', function()
  local data, other, s
  before_each(function()
    data, other = served.new(), served.new()
    for _ = 1, 5 do other.upload(7LL) end -- so that its commits have other numbers
  end)
  after_each(function()
    if s then s:stop() end
    data.remove()
    other.remove()
  end)

  local function start()
    s = server.start(data.url, { '--threads', '2' })
    assert.equal(200, s:ask(JOIN, { body = BODY }).status)
  end
  local file = function(d) return d.folder .. '/kv/data.mdb' end

  --- Each request fails by itself, and says why; the process goes on and can be stopped.
  local function fails(why)
    for _, path in ipairs({ JOIN, GT, GT .. '?detailed=1' }) do
      local r = assert(s:ask(path, { body = BODY, ms = 5000 }))
      assert.equal(500, r.status)
      assert.matches(why, json.decode(r.body).errors[1], 1, true)
    end
    local ready = assert(s:ask('/readyz', { ms = 5000 }))
    assert.equal(503, ready.status)
    assert.matches(why, json.decode(ready.body).errors[1], 1, true)
    assert.equal('"Pong!"', s:ask('/ping').body)
    assert.equal(400, s:ask(GT, { body = 'x' }).status)
    s:signal('TERM')
    assert.equal(0, s:ended(5))
  end

  it('whose data.mdb is cut does not die of it', function()
    for _, bytes in ipairs({ 0, 20000, 32768 }) do
      start()
      assert(program.shell(('truncate -s %d %s'):format(bytes, file(data))) == 0)
      fails('data.mdb was cut while this process read it')
      s:stop()
      s = nil
      program.remove(data.folder)
      data = served.new()
    end
  end)

  it('whose data.mdb is written over by another does not hang', function()
    start()
    assert(program.shell(('cat %s 1<>%s'):format(file(other), file(data))) == 0)
    fails('data.mdb was written over by something else')
  end)

  it('whose data.mdb is written over by an older one tells no old values', function()
    for _ = 1, 10 do data.upload(9LL) end
    start()
    assert(program.shell(('cat %s 1<>%s'):format(file(other), file(data))) == 0)
    fails('data.mdb was written over by something else')
  end)

  it('is not ready without the lock file, which writers need', function()
    start()
    os.remove(data.folder .. '/kv/lock.mdb')
    local ready = s:ask('/readyz')
    assert.equal(503, ready.status)
    assert.matches('lock.mdb was removed since this process opened it', json.decode(ready.body).errors[1], 1, true)
    assert.equal(200, s:ask(JOIN, { body = BODY }).status)
  end)
end)
