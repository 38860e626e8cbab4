--- Rows that a tile cannot take: left out whole, counted, shown; the stream goes on.
local json = require('dkjson')
local program = require('spec.support.program')
local streaming = require('spec.support.streaming')

local STOP = 1706745600000 -- 2024-02-01
local FIELDS = { { 'n', 'long' }, { 'e', 'list<double>' }, { 's', 'list<string>' } }

local function lines_of(path)
  local out = {}
  for line in program.read(path):gmatch('[^\n]+') do out[#out + 1] = json.decode(line) end
  return out
end

local function new(defs, tiled)
  local s = streaming.new({ fields = FIELDS, defs = defs, tiled = tiled })
  s:upload({ { user = 'u', n = 1, e = { 1, 2 }, s = { 'x' }, ts = STOP - 1000, ds = '2024-01-31' } }, '2024-01-31')
  return s
end

describe('a row that a tile cannot take', function()
  -- The first aggregation would take the bad row; it must not have it in part.
  local DEFS = { { 'n', 'SUM', windows = { '1h' } }, { 'e', 'SUM', windows = { '1h' }, element_wise = true } }
  local GOOD = {
    { user = 'u', n = 1, e = { 1, 2 }, ts = STOP + 1000 },
    { user = 'u', n = 2, e = { 3, 4 }, ts = STOP + 3000 },
    { user = 'v', n = 4, e = { 5, 6, 7 }, ts = STOP + 3000 },
  }
  local BAD = { user = 'u', n = 1000, e = { 1, 2, 3 }, ts = STOP + 2000 }
  local s
  after_each(function() s:remove() end)

  for _, rows in ipairs({ '1', '2', '200000' }) do
    it('leaves no trace in it, in batches of ' .. rows, function()
      s = new(DEFS, true)
      s:events({ GOOD })
      s:stream({ '--batch-rows', rows, '--group', 'good' })
      local want = s:content()
      s:remove()
      s = new(DEFS, true)
      local dead = s.folder .. '/dead.jsonl'
      s:events({ { GOOD[1], BAD, GOOD[2], GOOD[3], BAD } })
      local report, said = s:stream({ '--batch-rows', rows, '--dead-letter', dead })
      assert.same({ 5, 5, 2 }, { report.messages, report.rows, report.rejected })
      local differ = streaming.differences(want, s:content())
      assert(not differ, differ)
      assert.matches('partition 0, offset %d+: tile: .*first of its kind', said)
      local kept = lines_of(dead)
      assert.equal(2, #kept)
      assert.same({ 'tile', streaming.line(s.columns, BAD), 0 }, { kept[1].reason, kept[1].payload, kept[1].partition })
      assert.is_true(kept[2].offset > kept[1].offset)
    end)
  end

  it('is no tile where there is nothing else', function()
    s = new({ { 's', 'LAST', windows = { '1h' } } }, true)
    s:events({ { '{"user":"u","ts":' .. STOP + 1 .. ',"s":["a",null]}' } })
    local report = s:stream()
    assert.same({ 1, 0 }, { report.rejected, report.writes })
    assert.same({}, s:content())
    assert.equal(0, s:stream().messages)
  end)

  it('is refused as a row too, when it has no Avro form', function()
    s = new({ { 's', 'LAST', windows = { '1h' } } }, false)
    local dead = s.folder .. '/dead.jsonl'
    s:events({ { '{"user":"u","ts":' .. STOP + 1 .. ',"s":["a",null]}', '{"user":"u","ts":' .. STOP + 2 .. ',"s":["b"]}' } })
    local report = s:stream({ '--dead-letter', dead })
    assert.same({ 1, 1 }, { report.rejected, report.writes })
    assert.same({ 'encode' }, { lines_of(dead)[1].reason })
  end)

  it('stops a stream that is to stop, before its batch is written', function()
    s = new(DEFS, true)
    s:events({ { GOOD[1], BAD, GOOD[2] } })
    local result = program.run(s:arguments({ '--on-error', 'stop' }))
    assert.equal(1, result.code)
    assert.matches('partition 0, offset %d+: tile: ', result.err)
    assert.same({}, s:content())
    assert.equal(3, s:stream().messages)
  end)

  it('is one whose time is no time', function()
    s = new(DEFS, true)
    s:events({ { GOOD[1], '{"user":"u","n":1,"e":[1,2],"ts":9223372036854775807}',
      '{"user":"u","n":1,"e":[1,2],"ts":-9223372036854775808}', GOOD[2] } })
    local report = s:stream()
    assert.same({ 2, 0, 1 }, { report.rejected, report.late, report.writes })
  end)
end)
