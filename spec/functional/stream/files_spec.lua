--- A folder of files as a stream: what was a file's number stays its own, whatever else comes and goes.
local program = require('spec.support.program')
local streamed = require('spec.support.streamed')

local AT = '2024-03-11 02:10:00'

describe('run --mode local-streaming of a folder', function()
  local s
  local events

  before_each(function()
    s = streamed.new({ gb = streamed.group_by('shop.gb.v1'), tiles = streamed.group_by('shop.tiles.v1', nil, true) })
    events = s.folder .. '/events'
    program.shell('mkdir ' .. program.quote(events))
    s:input('events/m.json', { { 'a', 10, '2024-03-11 00:00:10' }, { 'a', 20, '2024-03-11 00:01:00' } })
  end)
  after_each(function() s:remove() end)

  local function stream()
    local r = s:local_stream('gb,tiles', events, { '-o', 'csv', '-q' })
    if r.code ~= 0 then error(r.err, 2) end
    return r.out:match('shop.gb.v1,(%d+),'), r.out:match('shop.tiles.v1,(%d+),')
  end

  local function sums()
    return s:fetch('shop.gb.v1', 'a', AT).i_sum_7d, s:fetch('shop.tiles.v1', 'a', AT).i_sum_7d
  end

  it('takes a file that sorts before the others for a new one', function()
    assert.same({ '2', '2' }, { stream() })
    s:input('events/a.json', { { 'a', 100, '2024-03-11 00:02:00' }, { 'a', 200, '2024-03-11 00:03:00' },
      { 'a', 400, '2024-03-11 00:04:00' } })
    assert.same({ '3', '3' }, { stream() })
    assert.same({ 731, 731 }, { sums() }) -- 1 of the upload
    assert.same({ '0', '0' }, { stream() })
  end)

  it('goes on with the others when a file is gone', function()
    s:input('events/a.json', { { 'a', 100, '2024-03-11 00:02:00' } })
    assert.same({ '3', '3' }, { stream() })
    os.remove(events .. '/a.json')
    s:input('events/z.json', { { 'a', 1000, '2024-03-11 00:05:00' } })
    assert.same({ '1', '1' }, { stream() })
    assert.same({ 1131, 1131 }, { sums() })
  end)
end)
