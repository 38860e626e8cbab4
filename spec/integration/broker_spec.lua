--- The broker stops and starts again, dies and comes back, while a stream reads from it.
local program = require('spec.support.program')
local real = require('spec.support.real')
local streaming = require('spec.support.streaming')

local OPTIONS = { '--batch-rows', '50' }

describe('a stream whose broker goes away', function()
  local folder, bootstrap
  local function broker(...)
    local words = { 'tools/kafka' }
    for _, word in ipairs({ ... }) do words[#words + 1] = program.quote(word) end
    local pipe = io.popen(table.concat(words, ' '))
    local text = pipe:read('*a')
    pipe:close()
    return text:match('(%S+)%s*$')
  end

  setup(function()
    folder = program.folder()
    bootstrap = assert(broker('start', folder))
  end)
  teardown(function()
    broker('kill', folder)
    program.remove(folder)
  end)

  it('goes on when it is back, and has every event once', function()
    local r = real.new({ tiled = true, bootstrap = bootstrap })
    finally(function() r:remove() end)
    local rows = real.flights(6)
    local third = math.ceil(#rows / 3)
    local function part(i) return { unpack(rows, (i - 1) * third + 1, math.min(i * third, #rows)) } end
    local url, group = r:fresh(), real.name('broker')
    local run = r:start(url, group, OPTIONS)

    r:send(part(1))
    r:wait(run, url, group, { share = 0.3 })
    broker('stop', folder)
    assert(real.wait_for(function() return run:err():match('Disconnected') or run:err():match('refused') end), run:err())
    assert.equal(bootstrap, broker('start', folder))
    r:send(part(2))
    r:wait(run, url, group, { share = 0.7 })
    broker('kill', folder)
    os.execute('sleep 0.5')
    assert.equal(bootstrap, broker('start', folder))
    r:send(part(3))
    r:wait(run, url, group)
    r:wait_told(group)
    local report = r:finish(run)
    assert.same({ #rows, 0, 0 }, { report.rows, report.late, report.rejected })

    local want = r:undisturbed(OPTIONS)
    local differ = streaming.differences(want, r:content(url))
    assert(not differ, differ)
  end)

  it('ends soon when it is told to while the broker is dead, and loses nothing', function()
    local r = real.new({ bootstrap = bootstrap })
    finally(function() r:remove() end)
    local rows = real.flights(1)
    r:send(rows)
    local url, group = r:fresh(), real.name('dead')
    local run = r:start(url, group)
    r:wait(run, url, group)
    broker('kill', folder)
    local began = real.clock()
    assert.equal(#rows, r:finish(run).rows)
    assert.is_true(real.clock() - began < 30000) -- a session is 45 s
    assert.equal(r:total(), r:total(r:marks(url, group)))

    local refused = r:start(url, group)
    assert.equal(1, refused:ended())
    assert.matches('no broker answers at ' .. bootstrap, refused:err(), 1, true)
    broker('start', folder)
    run = r:start(url, group)
    r:send({ rows[#rows] })
    r:wait(run, url, group)
    assert.equal(1, r:finish(run).rows)
  end)
end)
