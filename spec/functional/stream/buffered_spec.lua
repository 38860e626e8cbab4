--- `--trigger buffered:TIME`: tiles are written that long after the first event, or when one is over.
local kv = require('spec.support.kv')
local program = require('spec.support.program')
local promtext = require('spec.support.promtext')
local socket = require('spec.support.socket')
local streaming = require('spec.support.streaming')
local C = require('spec.support.cdef').load('base/time.h')

local STOP = 1706745600000 -- 2024-02-01
local MINUTE = 60000

describe('a buffered trigger', function()
  local s, run, mark, port

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
    for _ = 1, 2000 do
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
    run = s:start({ '--follow', '--trigger', trigger, '--metrics-port', '0' }, { input = s.folder .. '/events' })
    assert(streaming.says(run, '/metrics\n'))
    port = tonumber(program.read(run.err):match(':(%d+)/metrics\n'))
  end

  --- Waits until it has read and evaluated so many rows.
  local function wait_for_rows(n)
    for _ = 1, 2000 do
      local c = assert(socket.connect(port))
      local seen = promtext.parse(assert(c:ask('/metrics')).body)
      c:close()
      if seen['chronon_ingress_row_count_total{feature_group="gb"}'] == n then return end
      program.shell('sleep 0.03')
    end
    error('it does not read: ' .. program.read(run.err))
  end

  local function stop()
    streaming.signal(run, 'TERM')
    local code, said = streaming.wait(run)
    s:remove()
    assert.equal(0, code, said)
  end
  after_each(stop)

  it('writes what came in that time at once, offsets and tiles together', function()
    -- A machine may be too busy to read all within the time: then it is given more.
    for _, ms in ipairs({ 1500, 15000, 60000 }) do
      start(('buffered:%dms'):format(ms))
      local began = C.chn_monotonic_ms()
      append({ user = 'a', n = 1, ts = STOP })
      wait_for_rows(1)
      append({ user = 'a', n = 2, ts = STOP + 1 }, { user = 'b', n = 2, ts = STOP + 6 * MINUTE })
      wait_for_rows(3)
      local before = { state() }
      if C.chn_monotonic_ms() - began < ms then
        assert.same({ {} }, before)
        assert.same({ { 0, 0 }, { 5 * MINUTE, 0 } }, wait_for(0))
        local size = #program.read(s.folder .. '/events')
        assert.is_true(select(2, state()) > size / 2)
        return
      end
      stop()
      start('buffered:1h') -- for after_each
    end
    error('three rows are not read within a minute')
  end)

  it('writes a tile that is over before its time, as complete', function()
    start('buffered:1h')
    append({ user = 'a', n = 1, ts = STOP })
    wait_for_rows(1)
    program.shell('sleep 0.3') -- in which it could be written
    assert.same({ {} }, { state() })
    append({ user = 'a', n = 1, ts = STOP + 10 * MINUTE - 1 }) -- 5 minutes of disorder: not over yet
    wait_for_rows(2)
    program.shell('sleep 0.3')
    assert.same({ {} }, { state() })
    append({ user = 'a', n = 1, ts = STOP + 10 * MINUTE })
    assert.same({ { 0, 1 }, { 5 * MINUTE, 0 }, { 10 * MINUTE, 0 } }, wait_for(0))
  end)

  it('writes what it has when it is stopped', function()
    start('buffered:1h')
    append({ user = 'a', n = 1, ts = STOP })
    wait_for_rows(1)
    streaming.signal(run, 'TERM')
    streaming.wait(run)
    assert.same({ { 0, 0 } }, (state()))
  end)
end)
