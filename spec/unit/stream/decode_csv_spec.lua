-- stream/decode.h, serde=csv.
local decode = require('spec.support.decode')
local seed = require('spec.support.seed')
local cols = decode.cols

local function open(columns, topic, entities)
  return decode.open({ columns = columns, topic = 'serde=csv' .. (topic and '/' .. topic or ''), entities = entities })
end

local function value(t, text)
  local d = assert(open({ { 'a', t } }, 'fields=a'))
  local rows, rejected = decode.run(d, { text })
  assert.equal(1, #rows + #rejected)
  return rows[1] and rows[1]:match('^a=(.*)$'), rejected[1]
end

describe('CSV values of a column', function()
  for _, case in ipairs({
    { 'string', 'abc', '"abc"' }, { 'string', '', 'null' }, { 'string', '""', '""' }, { 'string', '"a,""b"""', '"a,\\"b\\""' },
    { 'string', '"two\nlines"', '"two\\\nlines"' }, { 'string', ' a ', '" a "' }, { 'string', 'é😀', '"é😀"' },
    { 'boolean', 'true', 'true' }, { 'boolean', 'FALSE', 'false' }, { 'boolean', '', 'null' },
    { 'byte', '-128', '-128' }, { 'short', '007', '7' }, { 'int', '+7', '7' }, { 'int', '-0', '0' }, { 'int', '5.0', '5' },
      { 'int', '""', 'null' },
    { 'int', '000', '0' }, { 'long', '9223372036854775807', '9223372036854775807LL' }, { 'long', '1e3', '1000LL' },
    { 'double', '1.5', '1.5' }, { 'double', '-0', '-0' }, { 'double', '"2"', '2' }, { 'double', '', 'null' }, { 'float',
      '0.1', '0.10000000149011612' },
    { 'binary', 'AAEC', '"\\0\\1\\2"' }, { 'binary', '""', '""' }, { 'binary', '', 'null' },
  }) do
    it(('%s takes %q'):format(case[1], case[2]), function()
      local got, why = value(case[1], case[2])
      assert.equal(case[3], got, why)
    end)
  end

  for _, case in ipairs({
    { 'boolean', 'yes' }, { 'boolean', '1' }, { 'byte', '128' }, { 'int', '5.5' }, { 'int', 'x' }, { 'int', ' 5' }, { 'int',
      '+' }, { 'int', '+-5' },
    { 'int', '5 ' }, { 'int', '0x5' }, { 'int', '2147483648' }, { 'long', '9223372036854775808' }, { 'double', '1e999' },
      { 'double', 'NaN' },
    { 'double', '1,' }, { 'double', '"1"2' }, { 'float', '1e39' }, { 'string', '\255' }, { 'binary', 'a' }, { 'string',
      'a"b' }, { 'string', '"a' },
    { 'string', '"a"b' }, { 'string', 'a\nb' }, { 'string', '"' }, { 'string', '"a""' },
  }) do
    it(('%s refuses %q'):format(case[1], case[2]), function()
      local got, why = value(case[1], case[2])
      assert.is_nil(got)
      assert.is_true(#why > 10)
    end)
  end
end)

describe('CSV messages', function()
  local three = { { 'a', 'int' }, { 'b', 'string' }, { 'c', 'double' } }

  it('give columns by the names of fields, in any order, others skipped', function()
    local d = assert(open(three, 'fields=b,unused,a'))
    local rows, rejected, from = decode.run(d, { 'x,"odd ""one""",1', '"y, too",,2\r\n', ',,', cols.null, '"","",3\n' })
    assert.same({ 'a=1 b="x" c=null', 'a=2 b="y, too" c=null', 'a=null b=null c=null', 'a=3 b="" c=null' }, rows)
    assert.same({}, rejected)
    assert.same({ 0, 1, 2, 4 }, from)
  end)

  it('are rows whole or not at all', function()
    local d = assert(open(three, 'fields=a,b,c'))
    local rows, rejected = decode.run(d, { '1,x', '1,x,2,3', '', '1,x,y', '1,"x,2', 'z,x,2', '2,x,2.5', '1,x"y,2' })
    assert.same({ 'a=2 b="x" c=2.5' }, rows)
    assert.same({
      "2 values; the topic's fields are 3", "4 values; the topic's fields are 3", "1 values; the topic's fields are 3",
      '"c" is double and cannot hold y', 'no CSV: the quotes or lines of value 2 ("b")', '"a" is int and cannot hold z',
      'no CSV: the quotes or lines of value 2 ("b")',
    }, rejected)
  end)

  it('have the delimiter of the topic', function()
    for name, byte in pairs({ [';'] = ';', tab = '\t', ['\\t'] = '\t', ['|'] = '|', ['%2F'] = '/' }) do
      local d = assert(open(three, 'fields=a,b,c/delimiter=' .. name))
      assert.same({ 'a=1 b="x,y" c=2' }, (decode.run(d, { ('1%sx,y%s2'):format(byte, byte) })))
      assert.same({ ('a=1 b=%q c=2'):format(byte) }, (decode.run(d, { ('1%s"%s"%s2'):format(byte, byte, byte) })))
    end
  end)

  it('of mutations are rows with their own time and flag', function()
    local d = assert(open({ { 'id', 'string' } }, 'fields=id,mutation_ts,is_before', true))
    local rows, rejected = decode.run(d, { 'a,5,true', 'b,6,', 'c,,false', 'd,x,true' }, 99)
    assert.same({
      'id="a" mutation_ts=5LL is_before=true', 'id="b" mutation_ts=6LL is_before=false',
      'id="c" mutation_ts=99LL is_before=false',
    }, rows)
    assert.same({ '"mutation_ts" is bigint and cannot hold x' }, rejected)
  end)

  it('are refused at open where they can mean nothing', function()
    for topic, why in pairs({
      [''] = 'topic clicks: serde=csv needs the names of the values, fields=a,b,c, in their order',
      ['fields=a,b,a'] = 'topic clicks: fields= names "a" twice',
      ['fields=x,y'] = 'topic clicks: fields= names no column of the source, such as "a"',
      ['fields=a/delimiter=ab'] = 'topic clicks: delimiter=ab is not one byte, or tab',
      ['fields=a/delimiter="'] = 'topic clicks: delimiter=" is not one byte, or tab',
    }) do
      local d, text = open(three, topic ~= '' and topic or nil)
      assert.is_nil(d)
      assert.equal(why, text)
    end
    local _, text = open({ { 'l', 'list<int>' } }, 'fields=l')
    assert.equal('topic clicks: column "l" is array<int>, which a value of CSV cannot be', text)
  end)

  it('read what RFC 4180 writes, whatever the text', function()
    local random, number = seed.random('stream csv')
    local d = assert(open({ { 'a', 'string' }, { 'b', 'string' }, { 'c', 'string' } }, 'fields=a,b,c'))
    local pieces = { 'x', ',', '"', '\n', '\r\n', 'é', ' ', 'longer than twelve bytes' }
    for _ = 1, 500 do
      local texts, want = {}, {}
      for i, name in ipairs({ 'a', 'b', 'c' }) do
        local text = ''
        for _ = 1, random(0, 5) do text = text .. pieces[random(1, #pieces)] end
        local plain = not text:find('[,"\r\n]') and random(1, 2) == 1
        texts[i] = plain and text or '"' .. text:gsub('"', '""') .. '"'
        want[i] = name .. '=' .. (plain and text == '' and 'null' or ('%q'):format(text))
      end
      local line = table.concat(texts, ',') .. ({ '', '\n', '\r\n' })[random(1, 3)]
      local rows, rejected = decode.run(d, { line })
      assert.equal(table.concat(want, ' '), rows[1], ('seed %d: %q %s'):format(number, line, tostring(rejected[1])))
    end
  end)

  it('survive hostile bytes', function()
    local random, number = seed.random('stream csv bytes')
    local d = assert(open(three, 'fields=a,b,c'))
    for _ = 1, 300 do
      local texts = {}
      for i = 1, 20 do
        local bytes = {}
        for b = 1, random(0, 24) do
          bytes[b] = random(1, 4) == 1 and string.char(random(0, 255)) or (',"\n\r150.e-x'):sub(random(1, 11)):sub(1, 1)
        end
        texts[i] = table.concat(bytes)
      end
      local rows, rejected = decode.run(d, texts)
      assert.equal(20, #rows + #rejected, 'seed ' .. number)
    end
  end)
end)
