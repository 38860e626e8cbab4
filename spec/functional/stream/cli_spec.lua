-- `run --mode streaming` and `local-streaming` on the command line: options, ends, what is said.
local json = require('dkjson')
local program = require('spec.support.program')
local promtext = require('spec.support.promtext')
local socket = require('spec.support.socket')
local streamed = require('spec.support.streamed')

local AT = '2024-03-11 02:10:00'
local EVENTS = {
  { 'a', 10, '2024-03-11 00:00:10' }, { 'b', 20, '2024-03-11 00:10:00' }, '{bad', { 'a', 5, '2024-03-11 02:00:00' },
  { 'a', 7, '2024-03-11 00:20:00' }, '[1]',
}

local function lines_of(path)
  local out = {}
  for line in program.read(path):gmatch('[^\n]+') do out[#out + 1] = assert(json.decode(line)) end
  return out
end

local function succeed(r)
  if r.code ~= 0 then error(r.err, 2) end
  return r
end

describe('run --mode local-streaming', function()
  local s
  before_each(function()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), tiles = streamed.group_by('shop.tiles.v1', nil, true) })
  end)
  after_each(function() s:remove() end)

  it('brings a file into the store, once, and says what it did', function()
    local input = s:input('e.json', EVENTS)
    local r = succeed(s:local_stream('gb', input))
    assert.equal([[
group_by    messages  rows  writes  late  rejected  newest
shop.gb.v1         6     4       4     0         2  2024-03-11 02:00:00.000
]], r.out)
    assert.matches(
      'shop.gb.v1: events, partition 0, offset 86: decode: .* %(the first of its kind; the others are counted%)\n$', r.err)
    local want = { i_sum_1h = 5, i_sum_7d = 23, i_count_7d = 4 }
    assert.same(want, s:fetch('shop.gb.v1', 'a', AT))
    assert.equal('[{"group_by":"shop.gb.v1","messages":0,"rows":0,"writes":0,"late":0,"rejected":0,"newest":null}]',
      (succeed(s:local_stream('gb', input, { '-o', 'json' })).out:gsub('%s', '')))
    assert.same(want, s:fetch('shop.gb.v1', 'a', AT))
  end)

  it('goes on behind the last line that it has read, from whatever folder the file is named', function()
    s:input('e.json', EVENTS)
    local function stream(cwd, input)
      local words = s:words('local-streaming', 'gb', { '--input', input, '-o', 'csv', '-q' })
      return succeed(program.run(words, { cwd = cwd })).out:match('shop.gb.v1,(%d+),')
    end
    assert.equal('6', stream(s.folder, 'e.json'))
    local f = io.open(s.folder .. '/e.json', 'a')
    f:write(streamed.line('a', 100, '2024-03-11 02:01:00'))
    f:close()
    assert.equal('1', stream('/', s.folder .. '/../' .. s.folder:match('[^/]+$') .. '/e.json'))
    assert.equal(123, s:fetch('shop.gb.v1', 'a', AT).i_sum_7d)
  end)

  it('reads the file again for another --group', function()
    local input = s:input('e.json', EVENTS)
    succeed(s:local_stream('gb', input))
    succeed(s:local_stream('gb', input, { '--group', 'again' }))
    assert.equal(45, s:fetch('shop.gb.v1', 'a', AT).i_sum_7d)
  end)

  it('takes the files of a folder, each from its own place', function()
    program.shell('mkdir ' .. s.folder .. '/in')
    s:input('in/one', { { 'a', 1, '2024-03-11 01:00:00' } })
    s:input('in/two', { { 'a', 2, '2024-03-11 01:00:00' }, { 'a', 3, '2024-03-11 01:00:00' } })
    s:input('in/_SUCCESS', { { 'a', 1000, '2024-03-11 01:00:00' } })
    succeed(s:local_stream('tiles', s.folder .. '/in'))
    s:input('in/one', { { 'a', 1, '2024-03-11 01:00:00' }, { 'a', 10, '2024-03-11 01:00:01' } })
    succeed(s:local_stream('tiles', s.folder .. '/in'))
    assert.same({ i_sum_7d = 17, i_count_7d = 5 }, s:fetch('shop.tiles.v1', 'a', AT))
  end)

  it('runs several GroupBys, each with its own place in the file', function()
    local input = s:input('e.json', EVENTS)
    succeed(s:local_stream('gb', input))
    local out = json.decode(succeed(s:local_stream('gb,tiles', input, { '-o', 'json' })).out)
    assert.same({ 'shop.gb.v1', 0, 'shop.tiles.v1', 6 },
      { out[1].group_by, out[1].messages, out[2].group_by, out[2].messages })
    assert.equal(23, s:fetch('shop.gb.v1', 'a', AT).i_sum_7d)
    assert.equal(16, s:fetch('shop.tiles.v1', 'a', AT).i_sum_7d) -- without the late one
  end)

  it('keeps late and bad messages in files, with the GroupBy and the reason', function()
    local input = s:input('e.json', EVENTS)
    local late, dead = s.folder .. '/late', s.folder .. '/dead'
    succeed(s:local_stream('gb,tiles', input, { '--late-output', late, '--dead-letter', dead }))
    local kept = lines_of(late)
    assert.equal(1, #kept)
    assert.same({ groupBy = 'shop.tiles.v1', topic = 'events', partition = 0, offset = 133, reason = 'late',
      message = 'its tile is over', payload = streamed.line('a', 7, '2024-03-11 00:20:00'):gsub('\n', '') }, kept[1])
    local n = {}
    for _, m in ipairs(lines_of(dead)) do
      assert.equal('decode', m.reason)
      n[m.groupBy .. ' ' .. m.payload] = (n[m.groupBy .. ' ' .. m.payload] or 0) + 1
    end
    assert.same({ ['shop.gb.v1 {bad'] = 1, ['shop.gb.v1 [1]'] = 1, ['shop.tiles.v1 {bad'] = 1, ['shop.tiles.v1 [1]'] = 1 }, n)
    -- They are kept once, as they are read once, and appended to.
    s:input('more.json', { 'x' })
    succeed(s:local_stream('gb,tiles', input, { '--late-output', late, '--dead-letter', dead }))
    succeed(s:local_stream('gb', s.folder .. '/more.json', { '--dead-letter', dead }))
    assert.same({ 1, 5 }, { #lines_of(late), #lines_of(dead) })
  end)

  it('takes no event as late that lies within --disorder', function()
    succeed(s:local_stream('tiles', s:input('e.json', EVENTS), { '--disorder', '2h' }))
    assert.equal(23, s:fetch('shop.tiles.v1', 'a', AT).i_sum_7d)
    succeed(s:local_stream('tiles', s:input('f.json', { { 'b', 1, '2024-03-11 00:05:00' }, { 'b', 10, '2024-03-11 00:04:59' } }),
      { '--disorder', '0s' }))
    assert.equal(3, s:fetch('shop.tiles.v1', 'b', '2024-03-11 00:06:00').i_sum_7d)
  end)

  it('stops with --on-error stop before anything of the batch is written', function()
    local input = s:input('e.json', EVENTS)
    local r = s:local_stream('gb', input, { '--on-error', 'stop' })
    assert.equal(1, r.code)
    assert.matches('chronon: shop.gb.v1: events, partition 0, offset 86: decode: ', r.err, 1, true)
    assert.equal(1, s:fetch('shop.gb.v1', 'a', AT).i_sum_7d)
    succeed(s:local_stream('gb', input))
    assert.equal(23, s:fetch('shop.gb.v1', 'a', AT).i_sum_7d)
  end)

  it('says with --debug what it would write, and writes nothing', function()
    local input = s:input('e.json', EVENTS)
    local before = program.run({ 'tables', '--store', s.url, '--repo', s.folder }).out
    local dead = s.folder .. '/dead'
    local r = succeed(s:local_stream('tiles', input, { '--debug', '--dead-letter', dead, '-o', 'json' }))
    assert.matches('shop.tiles.v1: would write 3 tiles of 3 rows, %d+ bytes\n', r.err)
    assert.equal(0, json.decode(r.out)[1].writes)
    assert.equal(1, s:fetch('shop.tiles.v1', 'a', AT).i_sum_7d)
    assert.is_nil(io.open(dead))
    assert.equal(before, program.run({ 'tables', '--store', s.url, '--repo', s.folder }).out)
    assert.equal(6, json.decode(succeed(s:local_stream('tiles', input, { '-o', 'json' })).out)[1].messages)
  end)

  it('writes a tile once for many events with --trigger buffered', function()
    local events = {}
    for i = 1, 50 do events[i] = { 'a', 1, '2024-03-11 00:01:00' } end
    local input = s:input('e.json', events)
    local r = succeed(s:local_stream('tiles', input, { '--trigger', 'buffered:10s', '-o', 'json' }))
    assert.equal(1, json.decode(r.out)[1].writes)
    assert.equal(51, s:fetch('shop.tiles.v1', 'a', AT).i_sum_7d)
  end)

  it('replays at the speed of --replay-speed', function()
    local input = s:input('e.json', { { 'a', 1, '2024-03-11 00:00:00' }, { 'a', 1, '2024-03-11 00:00:10' }, { 'a', 1,
      '2024-03-11 00:00:20' } })
    local began = os.time()
    succeed(s:local_stream('gb', input, { '--replay-speed', '8' }))
    assert.is_true(os.time() - began >= 2) -- 2.5 s
    assert.equal(4, s:fetch('shop.gb.v1', 'a', AT).i_sum_7d)
  end)
end)

describe('a stream that follows its file', function()
  local s, run, input
  before_each(function()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), tiles = streamed.group_by('shop.tiles.v1', nil, true) })
    input = s:input('e.json', { { 'a', 10, '2024-03-11 00:00:10' } })
  end)
  after_each(function()
    if run then run:stop() end
    s:remove()
  end)

  local function append(text)
    local f = io.open(input, 'a')
    f:write(text)
    f:close()
  end

  local function sum() return s:fetch('shop.tiles.v1', 'a', AT).i_sum_7d end

  for _, signal in ipairs({ 'TERM', 'INT' }) do
    it('makes an appended line fetchable, and ends by SIG' .. signal .. ' with its report and 0', function()
      run = s:start(s:words('local-streaming', 'gb,tiles', { '--input', input, '--follow', '-o', 'json' }))
      assert(streamed.wait_for(function() return sum() == 11 end), run:err())
      local line = streamed.line('a', 100, '2024-03-11 00:00:20')
      append(line:sub(1, 10))
      os.execute('sleep 0.3')
      assert.equal(11, sum())
      append(line:sub(11))
      assert(streamed.wait_for(function() return sum() == 111 end), run:err())
      run:signal(signal)
      assert.equal(0, run:ended(), run:err())
      local out = json.decode(run:out())
      assert.same({ 2, 2, 0, '2024-03-11 00:00:20.000' },
        { out[2].messages, out[2].rows, out[2].rejected, out[2].newest })
      assert.equal('', run:err())
    end)
  end

  it('brings in what it has read when it is stopped before the trigger', function()
    run = s:start(s:words('local-streaming', 'tiles', { '--input', input, '--follow', '--trigger', 'buffered:1h',
      '--metrics-port', '0' }))
    local port = assert(streamed.wait_for(function() return run:err():match('metrics at http://127.0.0.1:(%d+)/metrics\n') end))
    assert(streamed.wait_for(function()
      local c = assert(socket.connect(tonumber(port)))
      local seen = promtext.parse(assert(c:ask('/metrics')).body)
      c:close()
      return seen['chronon_ingress_row_count_total{feature_group="shop.tiles.v1"}'] == 1
    end), run:err())
    assert.equal(1, sum())
    run:signal('INT')
    assert.equal(0, run:ended())
    assert.equal(11, sum())
  end)

  it('loses nothing by kill -9', function()
    for i = 1, 4 do
      run = s:start(s:words('local-streaming', 'tiles', { '--input', input, '--follow' }))
      append(streamed.line('a', 1, '2024-03-11 00:00:30'))
      if i % 2 == 0 then assert(streamed.wait_for(function() return sum() == 11 + i end), run:err()) end
      run:signal('KILL')
      run:ended()
      run:stop()
    end
    succeed(s:local_stream('tiles', input))
    assert.equal(15, sum())
  end)
end)

describe('a stream that cannot be', function()
  local s, input
  setup(function()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), snapshot = streamed.group_by('shop.snapshot.v1', { accuracy = 1,
      aggregations = { { inputColumn = 'i', operation = 7, windows = { { length = 7, timeUnit = 1 } } } } }) })
    s.repo:conf('never', streamed.group_by('shop.never.v1'))
    s.repo:conf('changed', streamed.group_by('shop.gb.v1', { keyColumns = { 'i' } }))
    local dry = streamed.group_by('shop.dry.v1')
    dry.sources[1].events.topic = nil
    s.repo:conf('dry', dry)
    s.repo:conf('join', { left = { events = { table = 'data.events', query = { timeColumn = 'ts' } } }, joinParts = {} })
    input = s:input('e.json', { { 'a', 1, '2024-03-11 00:00:00' } })
  end)
  teardown(function() s:remove() end)

  --- @param code integer
  local function refused(code, text, mode, confs, more)
    local r = program.run(s:words(mode, confs, more))
    assert.equal(code, r.code, r.err)
    assert.matches(text, r.err, 1, true)
    assert.equal('', r.out)
  end

  local function lines(more)
    local words = { '--input', input }
    for _, word in ipairs(more or {}) do words[#words + 1] = word end
    return words
  end

  for text, more in pairs({
    ['--trigger "often": element or buffered:TIME (buffered:500ms) is needed'] = { '--trigger', 'often' },
    ['--trigger "5": a time is needed: 500ms, 2s, 5min or 1h'] = { '--trigger', 'buffered:5' },
    ['--trigger "": a time is needed'] = { '--trigger', 'buffered:' },
    ['--disorder "-5s": a time is needed'] = { '--disorder', '-5s' },
    ['--disorder "nan s": a time is needed'] = { '--disorder', 'nan s' },
    ['--disorder "5minutes": a time is needed'] = { '--disorder', '5minutes' },
    ['--on-error "die": skip or stop is needed'] = { '--on-error', 'die' },
    ['--from "now": earliest or latest is needed'] = { '--from', 'now' },
    ['--kafka "x": NAME=VALUE is needed'] = { '--kafka', 'x' },
    ['--kafka "=x": NAME=VALUE is needed'] = { '--kafka', '=x' },
    ['--replay-speed "0": a number above 0 is needed'] = { '--replay-speed', '0' },
    ['--replay-speed "nan": a number above 0 is needed'] = { '--replay-speed', 'nan' },
    ['--replay-speed "2x": a number above 0 is needed'] = { '--replay-speed', '2x' },
    ['--metrics-port'] = { '--metrics-port', '65536' },
  }) do
    it('for the command line: ' .. table.concat(more, ' '), function()
      refused(2, text, 'local-streaming', 'gb', lines(more))
    end)
  end

  it('for options of the other mode', function()
    refused(2, '--input is needed: a file of messages', 'local-streaming', 'gb')
    refused(2, '--input is of --mode local-streaming', 'streaming', 'gb', lines())
    refused(2, '--follow is of --mode local-streaming', 'streaming', 'gb', { '--follow' })
    refused(2, '--replay-speed is of --mode local-streaming', 'streaming', 'gb', { '--replay-speed', '2' })
  end)

  it('for the definitions that are named', function()
    refused(2, '--conf names ' .. s.folder .. '/production/gb twice', 'local-streaming', 'gb,gb', lines())
    refused(2, '--group is of one GroupBy', 'local-streaming', 'gb,never', lines({ '--group', 'g' }))
    refused(1, 'production/nope: not in', 'local-streaming', 'nope', lines())
    refused(1, 'production/join is a Join: GroupBys have streams; a Join is fresh when its parts are', 'local-streaming',
      'join', lines())
    local words = s:words('local-streaming', 'gb', lines())
    words[5] = ' ,'
    local r = program.run(words)
    assert.equal(1, r.code)
    words[5] = ','
    r = program.run(words)
    assert.same({ 2, true }, { r.code, r.err:match('%-%-conf "," names no definition') ~= nil })
  end)

  it('for what the store has of it', function()
    refused(1, 'shop.never.v1 has no upload in ' .. s.url, 'local-streaming', 'never', lines())
    refused(1, 'run it with --mode upload first', 'local-streaming', 'gb,never', lines())
    refused(1, 'shop.snapshot.v1 is SNAPSHOT or has no aggregations: nothing is streamed', 'local-streaming', 'snapshot', lines())
    refused(1, 'shop.dry.v1 has no source with a topic: there is nothing to stream', 'local-streaming', 'dry', lines())
    refused(1, 'shop.gb.v1 has other keys or aggregations than its upload', 'local-streaming', 'changed', lines())
    local url = s.url
    finally(function() s.url = url end)
    s.url = 'lmdb:' .. s.folder .. '/nowhere'
    refused(1, s.folder .. '/nowhere', 'local-streaming', 'gb', lines())
    s.url = 'lmdb:' .. s.folder .. '/production'
    refused(1, s.folder .. '/production', 'local-streaming', 'gb', lines())
    s.url = 'redis://127.0.0.1:1'
    refused(1, 'redis://127.0.0.1:1', 'local-streaming', 'gb', lines())
  end)

  it('for the files that it reads and writes', function()
    refused(1, s.folder .. '/nope: No such file', 'local-streaming', 'gb', { '--input', s.folder .. '/nope' })
    program.shell('mkdir ' .. s.folder .. '/empty && mkfifo ' .. s.folder .. '/fifo')
    refused(1, s.folder .. '/empty has no files', 'local-streaming', 'gb', { '--input', s.folder .. '/empty' })
    refused(1, s.folder .. '/fifo is no regular file; write the events to one first', 'local-streaming', 'gb', { '--input',
      s.folder .. '/fifo' })
    refused(1, s.folder .. '/no/where: No such file', 'local-streaming', 'gb', lines({ '--dead-letter', s.folder .. '/no/where' }))
    refused(1, s.folder .. '/no/where: No such file', 'local-streaming', 'gb', lines({ '--late-output', s.folder .. '/no/where' }))
  end)

  it('for a metrics port that is taken', function()
    local run = s:start(s:words('local-streaming', 'gb', lines({ '--follow', '--metrics-port', '0', '--group', 'other' })))
    finally(function() run:stop() end)
    local port = assert(streamed.wait_for(function() return run:err():match(':(%d+)/metrics') end))
    refused(1, 'metrics at 127.0.0.1:' .. port .. ': Address already in use', 'local-streaming', 'gb', lines({ '--metrics-port',
      port }))
  end)

  it('is told by help how it is', function()
    local r = program.run({ 'run', '--help' })
    for _, name in ipairs({ 'streaming', 'local-streaming', '--kafka-bootstrap', '--group', '--from', '--input', '--follow',
      '--replay-speed', '--trigger', '--disorder', '--late-output', '--dead-letter', '--on-error', '--metrics-port', '--debug' }) do
      assert.matches(name, r.out, 1, true)
    end
  end)
end)
