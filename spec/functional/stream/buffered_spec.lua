--- `--trigger buffered:TIME`: tiles are written that long after the first event, or when one is over.
local kv = require('spec.support.kv')
local program = require('spec.support.program')
local streaming = require('spec.support.streaming')

local STOP = 1706745600000 -- 2024-02-01
local MINUTE = 60000

describe('a buffered trigger', function()
  local s, run, mark

  local function append(...)
    local f = assert(io.open(s.folder .. '/events', 'a'))
    for _, row in ipairs({ ... }) do f:write(streaming.line(s.columns, row), '\n') end
    f:close()
  end

  --- What is in the store: versions of tiles and how far the stream has come, of one instant.
  local function state()
    local store = kv.open(s.store_url, false)
    local versions = {}
    for _, item in ipairs(store:scan(s:dataset())) do versions[#versions + 1] = { item[2] - STOP, item[3]:byte(-1) } end
    local at = store:mark(mark)
    store:close()
    table.sort(versions, function(x, y) return x[1] < y[1] end)
    return versions, at and tonumber(at:match('^%d+'))
  end

  --- Waits until the store is past this many bytes.
  local function wait_for(offset)
    for _ = 1, 200 do
      local versions, at = state()
      if at and at > offset then return versions end
      program.shell('sleep 0.03')
    end
    error('nothing is written: ' .. program.read(run.err))
  end

  local function start(trigger)
    s = streaming.new({ fields = { { 'n', 'long' } }, defs = { { 'n', 'SUM', windows = { '1h' } } }, tiled = true })
    s:upload({ { user = 'u1', n = 1, ts = STOP - 1000, ds = '2024-01-31' } }, '2024-01-31')
    program.write(s.folder .. '/events', '')
    local pipe = io.popen('realpath ' .. program.quote(s.folder .. '/events'))
    mark = ('stream/chronon-gb/%s/0'):format(pipe:read('*l'))
    pipe:close()
    run = s:start({ '--follow', '--trigger', trigger }, { input = s.folder .. '/events' })
    -- It has begun when the dataset is there.
    local store, began = kv.open(s.store_url, false), false
    for _ = 1, 300 do
      began = store:list()[s:dataset()] ~= nil
      if began then break end
      program.shell('sleep 0.03')
    end
    store:close()
    assert(began, program.read(run.err))
    program.shell('sleep 0.5')
  end

  after_each(function()
    streaming.signal(run, 'TERM')
    local code, said = streaming.wait(run)
    s:remove()
    assert.equal(0, code, said)
  end)

  it('writes what came in that time at once, offsets and tiles together', function()
    start('buffered:1500ms')
    append({ user = 'a', n = 1, ts = STOP })
    program.shell('sleep 0.4')
    append({ user = 'a', n = 2, ts = STOP + 1 }, { user = 'b', n = 2, ts = STOP + 6 * MINUTE })
    program.shell('sleep 0.4')
    assert.same({ {} }, { state() })
    assert.same({ { 0, 0 }, { 5 * MINUTE, 0 } }, wait_for(0))
    local size = #program.read(s.folder .. '/events')
    assert.is_true(select(2, state()) > size / 2)
  end)

  it('writes a tile that is over before its time, as complete', function()
    start('buffered:1h')
    append({ user = 'a', n = 1, ts = STOP })
    program.shell('sleep 0.3')
    assert.same({ {} }, { state() })
    append({ user = 'a', n = 1, ts = STOP + 10 * MINUTE - 1 }) -- 5 minutes of disorder: not over yet
    program.shell('sleep 0.3')
    assert.same({ {} }, { state() })
    append({ user = 'a', n = 1, ts = STOP + 10 * MINUTE })
    assert.same({ { 0, 1 }, { 5 * MINUTE, 0 }, { 10 * MINUTE, 0 } }, wait_for(0))
  end)

  it('writes what it has when it is stopped', function()
    start('buffered:1h')
    append({ user = 'a', n = 1, ts = STOP })
    program.shell('sleep 0.3')
    streaming.signal(run, 'TERM')
    streaming.wait(run)
    assert.same({ { 0, 0 } }, (state()))
  end)
end)
