-- The live status of streams on a terminal, under script(1).
local program = require('spec.support.program')
local redis = require('spec.support.redis')
local streamed = require('spec.support.streamed')
local terminal = require('spec.support.terminal')

if not terminal.exists() then return end

--- What a terminal shows after this text: its lines.
local function screen(text)
  local lines, row, col = { '' }, 1, 1
  local at = 1
  while at <= #text do
    local up, after = text:match('^\27%[(%d*)A()', at)
    if up then
      row, at = math.max(1, row - (tonumber(up) or 1)), after
    elseif text:match('^\27%[%d*m', at) then
      at = text:match('^\27%[%d*m()', at) -- bold and colours
    elseif text:match('^\27%[K', at) then
      lines[row], at = lines[row]:sub(1, col - 1), at + 3
    elseif text:match('^\27%[J', at) then
      lines[row], at = lines[row]:sub(1, col - 1), at + 3
      for i = row + 1, #lines do lines[i] = nil end
    elseif text:sub(at, at) == '\r' then
      col, at = 1, at + 1
    elseif text:sub(at, at) == '\n' then
      row, at = row + 1, at + 1
      for i = #lines + 1, row do lines[i] = '' end
    else
      lines[row] = (lines[row] .. (' '):rep(col - 1 - #lines[row])):sub(1, col - 1) .. text:sub(at, at) .. lines[row]:sub(col + 1)
      col, at = col + 1, at + 1
    end
  end
  return lines
end

describe('a stream on a terminal', function()
  local s, run
  after_each(function()
    if run then run:stop() end
    s:remove()
  end)

  --- A program of its own, so that its pid is known; `size` is "columns rows".
  local function start(confs, size, more)
    local words = {}
    for i, word in ipairs(s:words('local-streaming', confs, more)) do words[i] = program.quote(word) end
    program.write(s.folder .. '/go', ('stty cols %s rows %s\necho $$ >%s/pid\nexec %s %s\n'):format(size:match('%d+'),
      size:match(' (%d+)'),
      s.folder, program.quote(program.bin), table.concat(words, ' ')))
    program.shell(('TERM=xterm script -qefc "sh %s/go" /dev/null >%s/typed 2>/dev/null </dev/null &'):format(s.folder, s.folder))
    run = { pid = assert(streamed.wait_for(function()
      local f = io.open(s.folder .. '/pid')
      local pid = f and tonumber(f:read('*a'))
      if f then f:close() end
      return pid
    end)) }
    function run.lines() return screen(program.read(s.folder .. '/typed')) end
    function run.alive() return program.shell('kill -0 ' .. run.pid .. ' 2>/dev/null') == 0 end
    function run.stop()
      program.shell('kill -INT ' .. run.pid .. ' 2>/dev/null')
      assert(streamed.wait_for(function() return not run.alive() end))
    end
    return run
  end

  --- Waits until the last lines of the screen match these patterns.
  local function shows(...)
    local wanted, lines = { ... }, nil
    local found = streamed.wait_for(function()
      lines = run.lines()
      local first = #lines - #wanted
      for i, pattern in ipairs(wanted) do
        if not (lines[first + i] or ''):match(pattern) then return false end
      end
      return true
    end)
    assert(found, table.concat(lines, '\n'))
    return lines
  end

  local EVENTS = { { 'a', 10, '2024-03-11 00:00:10' }, '{bad', { 'b', 5, '2024-03-11 02:00:00' }, { 'a', 7,
    '2024-03-11 00:20:00' } }

  it('has one line, that goes at the end', function()
    s = streamed.new({ tiles = streamed.group_by('shop.tiles.v1', nil, true) })
    start('tiles', '150 24', { '--input', s:input('e.json', EVENTS), '--follow' })
    local lines = shows('^shop%.tiles%.v1  4 messages, %d+/s, lag 0, late 1, rejected 1, newest 2024%-03%-11 02:00:00%.000, '
      .. 'watermark 2024%-03%-11 01:55:00%.000$')
    assert.equal(3, #lines) -- of the rejected and the late one, then the status
    local f = io.open(s.folder .. '/e.json', 'a')
    f:write(streamed.line('a', 1, os.time() * 1000))
    f:close()
    shows('newest %d[%d.]* s ago')
    run.stop()
    lines = run.lines()
    assert.equal(5, #lines)
    assert.matches('^shop.tiles.v1: events, partition 0, offset 43: decode', lines[1])
    assert.matches('^group_by +messages', lines[3])
    assert.matches('^shop.tiles.v1 +5 +4', lines[4])
  end)

  it('has a line for each of several, cut to the width, under what is said', function()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), long = streamed.group_by('shop.longer_name.v1'),
      tiles = streamed.group_by('shop.tiles.v1', nil, true) })
    start('gb,long,tiles', '90 24', { '--input', s:input('e.json', EVENTS), '--follow' })
    local lines = shows('^shop%.gb%.v1           4 messages, %d+/s, lag 0, rejected 1, ',
      '^shop%.longer_name%.v1  4 messages, .*lag 0', '^shop%.tiles%.v1        4 .*lag 0, late 1')
    assert.equal(89, #lines[#lines])
    assert.equal(7, #lines)
    run.stop()
    local text = table.concat(run.lines(), '\n')
    assert.is_nil(text:match('lag 0'))
    assert.matches('\nshop.tiles.v1 +4 +3 +2 +1 +1 ', text)
  end)

  it('shows as many as there are rows for', function()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), two = streamed.group_by('shop.two.v1'),
      three = streamed.group_by('shop.three.v1'), four = streamed.group_by('shop.four.v1') })
    start('gb,two,three,four', '90 3', { '--input', s:input('e.json', { { 'a', 10, '2024-03-11 00:00:10' } }), '--follow' })
    shows('^shop%.gb%.v1     1 messages.*lag 0', '^shop%.two%.v1    1 messages.*lag 0', '^and 2 more$')
  end)

  it('says that the store does not answer, and goes on when it does', function()
    local r = redis.start()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1') }, 'redis://127.0.0.1:' .. r.port)
    local input = s:input('e.json', { { 'a', 10, '2024-03-11 00:00:10' } })
    start('gb', '120 24', { '--input', input, '--follow' })
    finally(function() r:close() end)
    shows('^shop%.gb%.v1  1 messages.*lag 0')
    r:signal('STOP')
    local f = io.open(input, 'a')
    f:write(streamed.line('a', 1, '2024-03-11 00:00:20'))
    f:close()
    shows('the store does not take a batch; consumption waits for it', '^shop%.gb%.v1  THE STORE DOES NOT ANSWER, 2 messages')
    r:signal('CONT')
    shows('^shop%.gb%.v1  2 messages, .*newest 2024%-03%-11 00:00:20')
    assert.equal(12, s:fetch('shop.gb.v1', 'a', '2024-03-11 00:30:00').i_sum_7d)
  end)
end)
