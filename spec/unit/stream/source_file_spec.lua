local sources = require('spec.support.source')
local seeds = require('spec.support.seed')
local C = require('spec.support.cdef').load('stream/source.h')

local folder, path

local function write(text, name, mode)
  local file = assert(io.open(name or path, mode or 'wb'))
  file:write(text)
  file:close()
end

local function clock() return C.chn_monotonic_ms() end
require('spec.support.cdef').load('base/time.h')

local function open(options, name)
  local source = assert(sources.file(name or path, options))
  local first = source:poll()
  assert.equal('assigned', first.event)
  return source, first.partitions
end

--- All that is left of a source, by polls of at most `most`.
local function drain(source, most, most_bytes)
  local found = {}
  for _ = 1, 1e5 do
    local poll = assert(source:poll(0, most, most_bytes))
    if poll.event ~= 'messages' then
      return found, poll.event
    end
    for _, m in ipairs(poll.messages) do found[#found + 1] = m end
  end
  error('no end')
end

local function datas(messages)
  local out = {}
  for i, m in ipairs(messages) do out[i] = m.data end
  return out
end

--- The lines that a source of these options gives from an offset on.
local function lines_from(offset, options, most, most_bytes)
  local source = open(options)
  assert.is_nil(source:start(0, offset))
  local messages = drain(source, most, most_bytes)
  source:close()
  return datas(messages), messages
end

describe('stream source of files', function()
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir '" .. folder .. "'"))
    path = folder .. '/events.json'
  end)
  after_each(function() os.execute("rm -rf '" .. folder .. "'") end)

  it('gives lines with their positions, and then the end', function()
    write('one\ntwo\nthree\n')
    local source, partitions = open()
    assert.same({ 0 }, partitions)
    source:start(0)
    local poll = source:poll()
    assert.same({
      { partition = 0, offset = 0, data = 'one' },
      { partition = 0, offset = 4, data = 'two' },
      { partition = 0, offset = 8, data = 'three' },
    }, poll.messages)
    assert.equal('end', source:poll().event)
    assert.equal('end', source:poll().event)
    source:close()
  end)

  it('takes \\r\\n for an end, skips empty lines, and needs none behind the last', function()
    write('\n\r\none\r\n\n\r\ntwo\r\r\n\nthree')
    assert.same({ 'one', 'two\r', 'three' }, (lines_from()))
    write('')
    assert.same({}, (lines_from()))
    write('\n\n')
    assert.same({}, (lines_from()))
  end)

  it('gives bytes as they are', function()
    write('a\0b\n\255\254\n')
    assert.same({ 'a\0b', '\255\254' }, (lines_from()))
  end)

  it('gives at most what is asked for', function()
    write(('0123456789\n'):rep(1000))
    local source = open()
    source:start(0)
    assert.equal(7, #source:poll(0, 7).messages)
    assert.equal(10, #source:poll(0, 1000, 110).messages)
    assert.equal(1, #source:poll(0, 1000, 1).messages)
    assert.equal(982, #source:poll().messages)
    source:close()
  end)

  it('reads lines across the pieces that are read at once', function()
    local want = {}
    for i = 1, 40 do want[i] = (string.char(96 + i % 26)):rep(i * 7919 % 200000 + 1) end
    want[41] = ('x'):rep(3e6)
    want[42] = 'y'
    write(table.concat(want, '\n'))
    for _, most in ipairs({ 1, 3, 100000 }) do assert.same(want, (lines_from(nil, nil, most))) end
  end)

  it('goes on behind any message', function()
    write('one\r\n\n\ntwo\n\nthree\nlast')
    local all, messages = lines_from()
    for i, m in ipairs(messages) do
      local rest = { unpack(all, i + 1) }
      assert.same(rest, (lines_from(m.offset + 1)))
      assert.same(rest, (lines_from(m.offset + 1, nil, 1)))
    end
    assert.same(all, (lines_from(0)))
  end)

  it('goes on behind any message of any file', function()
    local random, seed = seeds.random('stream source of files')
    for _ = 1, 60 do
      local parts = {}
      for i = 1, random(0, 40) do
        parts[i] = ('x'):rep(random(0, 3)) .. i .. ({ '\n', '\r\n', '\n\n', '\n\r\n' })[random(1, 4)]
      end
      parts[#parts + 1] = random(0, 1) == 1 and 'tail' or ''
      write(table.concat(parts))
      local options = { header = random(0, 3) }
      local all, messages = lines_from(nil, options)
      local at = random(0, #all)
      local most, bytes = random(1, 5), random(1, 30)
      local mark = at > 0 and messages[at].offset + 1 or nil
      assert.same({ unpack(all, at + 1) }, (lines_from(mark, options, most, bytes)), 'seed ' .. seed)
    end
  end)

  it('starts again wherever it is told, also behind the end', function()
    write('one\ntwo\n')
    local source = open()
    source:start(0)
    assert.same({ 'one', 'two' }, datas(drain(source)))
    source:start(0, 1)
    assert.same({ 'two' }, datas(drain(source)))
    source:start(0)
    assert.same({ 'one', 'two' }, datas(drain(source)))
    source:close()
  end)

  it('skips header lines, but not where it goes on', function()
    write('a,b\n\n1,2\n3,4\n')
    assert.same({ '1,2', '3,4' }, (lines_from(nil, { header = 1 })))
    assert.same({ '3,4' }, (lines_from(nil, { header = 3 })))
    assert.same({}, (lines_from(nil, { header = 9 })))
    assert.same({ '3,4' }, (lines_from(6, { header = 1 })))
  end)

  it('keeps the messages until they are given back', function()
    write(('one\n'):rep(2000) .. ('two\n'):rep(2000))
    local source = open()
    source:start(0)
    local first = source:poll(0, 2000, nil, true)
    local second = source:poll(0, 2000, nil, true)
    local ffi = require('ffi')
    for i = 0, 1999 do
      assert.equal('one', ffi.string(first.raw.messages[i].data, 3))
      assert.equal('two', ffi.string(second.raw.messages[i].data, 3))
    end
    second.release()
    first.release()
    source:close()
  end)

  describe('of a folder', function()
    local function file(name) return folder .. '/' .. name end

    it('has a partition for each file, by name, less hidden ones', function()
      write('b1\nb2\n', file('b'))
      write('a1\n', file('a'))
      write('B1\n', file('B'))
      write('no\n', file('_SUCCESS'))
      write('no\n', file('.crc'))
      local source, partitions = open({}, folder)
      assert.same({ 0, 1, 2 }, partitions)
      for p = 0, 2 do source:start(p) end
      local found = {}
      for _, m in ipairs((drain(source))) do found[#found + 1] = m.partition .. m.data .. m.offset end
      table.sort(found)
      assert.same({ '0B10', '1a10', '2b10', '2b23' }, found)
      source:close()
    end)

    it('reads the files in turns', function()
      write(('a\n'):rep(6), file('a'))
      write(('b\n'):rep(2), file('b'))
      local source = open({}, folder)
      source:start(0)
      source:start(1)
      assert.equal('aabbaaaa', table.concat(datas((drain(source, 2)))))
      source:close()
    end)

    it('starts each file by itself', function()
      write('a1\na2\n', file('a'))
      write('b1\nb2\n', file('b'))
      local source = open({}, folder)
      source:start(0, 7 - 1)
      source:start(1, 1)
      assert.same({ 'b2' }, datas((drain(source))))
      source:close()
    end)

    it('fails on a file that it does not have', function()
      write('a1\n', file('a'))
      local source = open({}, folder)
      assert.equal('there is no file 1 of 1', (source:start(1)))
      assert.equal('there is no file -1 of 1', (source:start(-1)))
      source:close()
    end)

    it('is refused when it is empty, or has a folder', function()
      local source, message, code = sources.file(folder)
      assert.is_nil(source)
      assert.equal(folder .. ' has no files', message)
      assert.equal(C.CHN_E_NOT_FOUND, code)
      write('a\n', file('a'))
      os.execute("mkdir '" .. file('sub') .. "'")
      source, message, code = sources.file(folder)
      assert.is_nil(source)
      assert.equal(file('sub') .. ' is no regular file; write the events to one first', message)
      assert.equal(C.CHN_E_ARGUMENT, code)
    end)
  end)

  it('refuses a FIFO without waiting for its writer', function()
    os.execute("mkfifo '" .. path .. "'")
    local source, message, code = sources.file(path)
    assert.is_nil(source)
    assert.equal(path .. ' is no regular file; write the events to one first', message)
    assert.equal(C.CHN_E_ARGUMENT, code)
  end)

  it('tells of a file that is not there', function()
    local source, message, code = sources.file(path)
    assert.is_nil(source)
    assert.equal(path .. ': No such file or directory', message)
    assert.equal(C.CHN_E_NOT_FOUND, code)
  end)

  it('refuses a mark that the file does not reach', function()
    write('one\n')
    local source = open()
    local message, code = source:start(0, 5)
    assert.equal(C.CHN_E_CONFLICT, code)
    assert.equal(path .. ' has 4 bytes, and the store has events up to byte 5: it is another file than the one that was streamed; '
      .. 'give this one its own --group', message)
    assert.is_nil((source:start(0, 4)))
    source:close()
  end)

  it('fails on a file that shrinks, and does not die of it', function()
    write(('x'):rep(99) .. '\n' .. ('y\n'):rep(1e6))
    local source = open()
    source:start(0)
    assert.equal(1000, #source:poll(0, 1000).messages)
    write('one\n')
    local poll, message, code = source:poll()
    assert.is_nil(poll)
    assert.equal(C.CHN_E_CONFLICT, code)
    assert.equal(path .. ' has shrunk to 4 bytes, and 2098 of it were read; streams need files that only grow', message)
    source:close()
  end)

  it('knows its lag at the end only', function()
    write('one\ntwo\n')
    local source = open()
    source:start(0)
    assert.equal(-1, source:lag(0))
    drain(source)
    assert.equal(0, source:lag(0))
    assert.equal(-1, source:lag(1))
    source:start(0)
    assert.equal(-1, source:lag(0))
    source:close()
  end)

  it('gives nothing while it is paused', function()
    write('one\n')
    local source = open()
    source:start(0)
    source:pause(true)
    local began = clock()
    assert.equal('idle', source:poll(50).event)
    assert.is_true(clock() - began >= 49)
    assert.equal('idle', source:poll(0).event)
    source:pause(false)
    assert.same({ 'one' }, datas(source:poll().messages))
    source:close()
  end)

  describe('that follows', function()
    it('waits for lines, whole ones', function()
      write('one\ntw')
      local source = open({ follow = true })
      source:start(0)
      assert.same({ 'one' }, datas(source:poll().messages))
      assert.equal('idle', source:poll().event)
      assert.equal(0, source:lag(0))
      write('o', nil, 'ab')
      assert.equal('idle', source:poll().event)
      write('\nthree\n', nil, 'ab')
      local poll = source:poll()
      assert.same({ 'two', 'three' }, datas(poll.messages))
      assert.equal(4, poll.messages[1].offset)
      assert.equal('idle', source:poll().event)
      source:close()
    end)

    it('gives an appended line within the wait', function()
      write('')
      local source = open({ follow = true })
      source:start(0)
      os.execute("(sleep 0.1; echo late >> '" .. path .. "') &")
      local began = clock()
      assert.same({ 'late' }, datas(source:poll(30000).messages))
      assert.is_true(clock() - began < 15000)
      source:close()
    end)

    it('skips a header that is written later', function()
      write('')
      local source = open({ follow = true, header = 1 })
      source:start(0)
      assert.equal('idle', source:poll().event)
      write('a,b\n1,2\n', nil, 'ab')
      assert.same({ '1,2' }, datas(source:poll().messages))
      source:close()
    end)

    it('does not give the rest of a line that was read before it was whole', function()
      write('one\ntw') -- without follow, `tw` was a message at 4
      local source = open({ follow = true })
      source:start(0, 5)
      assert.equal('idle', source:poll().event)
      write('o\nthree\n', nil, 'ab')
      assert.same({ 'three' }, datas(source:poll().messages))
      source:close()
    end)

    it('reads a file that was moved away to its end, and then fails', function()
      write('one\ntwo\n')
      local source = open({ follow = true })
      source:start(0)
      assert(os.rename(path, path .. '.1'))
      write('new\n')
      assert.same({ 'one', 'two' }, datas(source:poll().messages))
      local poll, message, code = source:poll()
      assert.is_nil(poll)
      assert.equal(C.CHN_E_CONFLICT, code)
      assert.equal(path .. ' was moved or replaced, and all that the old file has was read; '
        .. 'streams need files that only grow', message)
      source:close()
    end)
  end)

  describe('with a speed', function()
    it('goes by the times it is told', function()
      write('a\nb\n')
      local source = open({ speed = 10 })
      source:start(0)
      assert.same({ 'a' }, datas(source:poll(0, 1).messages))
      source:pace(1000000)
      source:pace(1003000) -- 3 s of events are 300 ms
      local began = clock()
      assert.equal('idle', source:poll(100).event)
      assert.is_true(clock() - began >= 99)
      local poll
      repeat poll = source:poll(1000) until poll.event ~= 'idle'
      local took = clock() - began
      assert.same({ 'b' }, datas(poll.messages))
      assert.is_true(took >= 298, 'after ' .. took .. ' ms')
      source:close()
    end)

    it('reads a message at a time, and several when they are due', function()
      write(('a\n'):rep(5000))
      local source = open({ speed = 1000 })
      source:start(0)
      assert.equal(1, #source:poll().messages)
      source:pace(1000000)
      assert.equal(1, #source:poll(10).messages)
      source:pace(1000010) -- 2 messages in 10 ms of events, which are 10 us
      source:pace(999000)  -- what is out of order does not slow it
      local began, n = clock(), 0
      while clock() - began < 50 do n = n + 1 end
      local got = #source:poll(10).messages
      assert.is_true(got >= 900 and got <= 1000, got) -- 50 s of events
      source:close()
    end)
  end)
end)
