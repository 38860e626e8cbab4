-- stream/decode.h, serde=json: objects to rows.
local ffi = require('ffi')
local decode = require('spec.support.decode')
local C = require('spec.support.cdef').load('codec/json.h')
local cols = decode.cols

local function one(columns, text)
  local d = assert(decode.open({ columns = columns }))
  local rows, rejected = decode.run(d, { text })
  assert.equal(1, #rows + #rejected, text)
  return rows[1], rejected[1]
end

--- The value of column a of type `t` in {"a": text}, or nil and why not.
local function value(t, text)
  local row, why = one({ { 'a', t } }, '{"a":' .. text .. '}')
  return row and row:match('^a=(.*)$'), why
end

describe('JSON values of a column', function()
  local good = {
    { 'boolean', 'true', 'true' }, { 'boolean', 'false', 'false' }, { 'boolean', 'null', 'null' },
    { 'byte', '-128', '-128' }, { 'byte', '127', '127' }, { 'short', '-32768', '-32768' },
    { 'int', '2147483647', '2147483647' }, { 'int', '-2147483648', '-2147483648' }, { 'int', '-0', '0' },
    { 'int', '5.0', '5' }, { 'int', '1e3', '1000' }, { 'int', '-1.50e1', '-15' }, { 'int', '0e-999999999999', '0' },
    { 'int', '200e-2', '2' }, { 'int', '0.00', '0' },
    { 'long', '9223372036854775807', '9223372036854775807LL' },
    { 'long', '-9223372036854775808', '-9223372036854775808LL' },
    { 'long', '9223372036854775807.0', '9223372036854775807LL' },
    { 'long', '-9223372036854775808.00', '-9223372036854775808LL' },
    { 'long', '9007199254740993.0', '9007199254740993LL' }, { 'long', '1.7e12', '1700000000000LL' },
    { 'long', '5.000000000000000000000000000000', '5LL' }, { 'long', '92233720368547758070e-1', '9223372036854775807LL' },
    { 'double', '0.1', '0.10000000000000001' }, { 'double', '-0', '-0' }, { 'double', '-0.0', '-0' },
    { 'double', '3', '3' }, { 'double', '9007199254740993', '9007199254740992' }, { 'double', '1e308', '1e+308' },
    { 'double', '123456789012345678901234567890', '1.2345678901234568e+29' }, { 'double', '1e-999', '0' },
    { 'float', '16777217', '16777216' }, { 'float', '0.1', '0.10000000149011612' }, { 'float', '3e38', '3.0000000054977558e+38' },
    { 'string', '""', '""' }, { 'string', '"abc"', '"abc"' }, { 'string', '"a longer string than twelve"',
      '"a longer string than twelve"' },
    { 'string', '"\\u00e9\\uD83D\\uDE00\\/"', '"é😀/"' }, { 'string', '"é😀"', '"é😀"' },
    { 'string', '"a\\u0000b"', '"a\\0b"' }, { 'string', '"\\b\\f\\r\\t"', '"\\8\\12\\13\\9"' },
    { 'binary', '"AAECAw=="', '"\\0\\1\\2\\3"' }, { 'binary', '"\\u0041AECAw"', '"\\0\\1\\2\\3"' }, { 'binary', '""', '""' },
    { 'list<int>', '[1, 2.0 ,null]', '{1, 2, null}' }, { 'list<int>', '[]', '{}' },
    { 'list<list<string>>', '[["a"],[],null]', '{{"a"}, {}, null}' },
    { 'map<string,long>', '{"x":1,"\\u0079":null,"":3}', '{{"x", 1LL}, {"y", null}, {"", 3LL}}' },
    { 'struct<a:int,b:string>', '{"b":"x","c":[{}]}', '{a=null, b="x"}' },
    { 'struct<a:int,b:string>', '{"\\u0061":7,"b":null}', '{a=7, b=null}' },
    { 'list<struct<m:map<string,double>>>', '[{"m":{"k":1}},{},null]', '{{m={{"k", 1}}}, {m=null}, null}' },
  }
  for _, case in ipairs(good) do
    it(('%s takes %s'):format(case[1], case[2]), function()
      local got, why = value(case[1], case[2])
      assert.equal(case[3], got, why)
    end)
  end

  local bad = {
    { 'boolean', '1' }, { 'boolean', '"true"' }, { 'byte', '128' }, { 'byte', '-129' }, { 'short', '32768' },
    { 'int', '2147483648' }, { 'int', '5.5' }, { 'int', '"5"' }, { 'int', 'true' }, { 'int', '1e-1' },
    { 'long', '9223372036854775808' }, { 'long', '-9223372036854775809' }, { 'long', '9223372036854775808.0' },
    { 'long', '1e19' }, { 'long', '1e999999999999999' }, { 'long', '0.99999999999999999999999' }, { 'long', '1.5e0' },
    { 'double', '"1"' }, { 'double', '1e999' }, { 'double', ('9'):rep(400) }, { 'float', '1e39' }, { 'float',
      ('9'):rep(60) }, { 'float', '-1E60' },
    { 'string', '1' }, { 'string', '{}' }, { 'binary', '"a"' }, { 'binary', '"é"' }, { 'binary', '[1]' },
    { 'list<int>', '{}' }, { 'list<int>', '[1,"x"]' }, { 'map<string,int>', '[]' }, { 'map<string,int>', '{"a":"b"}' },
    { 'map<string,int>', '{"a":1,"a":1}' }, { 'map<string,int>', '{"a":1,"\\u0061":1}' },
    { 'struct<a:int>', '{"a":"x"}' }, { 'struct<a:int>', '{"a":1,"a":2}' }, { 'struct<a:int>', '3' },
  }
  for _, case in ipairs(bad) do
    it(('%s refuses %s, by name'):format(case[1], case[2]:sub(1, 40)), function()
      local row, why = value(case[1], case[2])
      assert.is_nil(row)
      assert.equal('"a" is ', why:sub(1, 7))
      assert.truthy(why:find(' and cannot hold ' .. case[2]:sub(1, 8), 1, true), why)
    end)
  end

  it('refuses a key twice among many too', function()
    local members = {}
    for i = 1, 5000 do members[i] = ('"k%d":%d'):format(i, i) end
    local map = '{' .. table.concat(members, ',')
    assert.equal(5000, select(2, value('map<string,int>', map .. '}'):gsub('"k', '')))
    assert.is_nil(value('map<string,int>', map .. ',"k77":1}'))
  end)
end)

describe('JSON messages', function()
  local three = { { 'a', 'int' }, { 'b', 'string' }, { 'c', 'list<int>' } }

  it('give columns by name, absent and unknown ones null and nothing', function()
    local d = assert(decode.open({ columns = three }))
    local rows, rejected, from = decode.run(d, {
      '{"a":1,"b":"x","c":[1]}', '{"b":"y","zz":{"a":9},"a":2}', ' \r\n\t{ }\n', '{"\\u0061":3,"b\\u0062":1}',
      '{"c":null,"A":5}',
    })
    assert.same({
      'a=1 b="x" c={1}', 'a=2 b="y" c=null', 'a=null b=null c=null', 'a=3 b=null c=null', 'a=null b=null c=null',
    }, rows)
    assert.same({}, rejected)
    assert.same({ 0, 1, 2, 3, 4 }, from)
  end)

  it('are rows whole or not at all, and tombstones nothing', function()
    local d = assert(decode.open({ columns = three }))
    local rows, rejected, from = decode.run(d, {
      '{"a":1,"c":[1,2],"b":5}', '{"a":2}', cols.null, '{"a":3', '{"a":4}x', '[1]', '', '  ', '{"a":5,"a":5}',
      '{"a":6,"b":"\255"}',
      '{"c":[1,2,"x"]}', '{"a":7}', '{"a":8,"\\u0061":8}', '{"a":9,"u":01}', 'null',
    })
    assert.same({ 'a=2 b=null c=null', 'a=7 b=null c=null' }, rows)
    assert.same({ 1, 11 }, from)
    assert.same({
      '"b" is string and cannot hold 5',
      'no JSON: byte 7: it ends too early',
      'no JSON: something stands behind the object',
      'no JSON object', 'no JSON object', 'no JSON object',
      '"a" is there twice',
      'no JSON: byte 13: a string that is not UTF-8',
      '"c" is array<int> and cannot hold [1,2,"x"]',
      '"a" is there twice',
      'no JSON: byte 12: a number that is none',
      'no JSON object',
    }, rejected)
  end)

  it('are shown without a character cut in two', function()
    local _, why = one({ { 'a', 'int' } }, '{"a":"' .. ('x'):rep(38) .. ('é'):rep(10) .. '"}')
    assert.equal('"a" is int and cannot hold "' .. ('x'):rep(38) .. '...', why)
  end)

  it('may come in any order of members, call after call', function()
    local d = assert(decode.open({ columns = three }))
    for i = 1, 50 do
      local texts = { '{"a":%d,"b":"s"}', '{"b":"s","a":%d}', '{"x":0,"b":"s","y":0,"a":%d}' }
      local rows = decode.run(d, { (texts[i % 3 + 1]):format(i), '{"c":[]}' })
      assert.same({ ('a=%d b="s" c=null'):format(i), 'a=null b=null c={}' }, rows)
    end
  end)

  it('stop the job at the first bad one where that is asked for', function()
    local d = assert(decode.open({ columns = three, stop = true }))
    assert.has_error(function() decode.run(d, { '{}', '{"a":"x"}' }) end,
      'clicks, partition 0, offset 102: decode: "a" is int and cannot hold "x"')
  end)

  it('cannot be of an unknown kind', function()
    local d, why = decode.open({ columns = three, topic = 'serde=jsn' })
    assert.is_nil(d)
    assert.truthy(why:find('topic clicks: serde=jsn is unknown; there are json', 1, true), why)
  end)
end)

describe('JSON messages of any origin', function()
  local columns = { { 'a', 'long' }, { 'b', 'string' }, { 'c', 'list<struct<x:int,y:map<string,double>>>' }, { 'd', 'binary' },
    { 'e', 'map<string,list<boolean>>' }, { 'f', 'float' } }
  local row = '{"a":-12,"b":"x\\u00e9 and \\"more\\" of it","c":[{"x":1,"y":{"k":0.5,"\\u006b2":null}},{}],'
    .. '"d":"AAEC","u":[{"v":1e5}],'
    .. '"e":{"p":[true,null,false]},"f":1.5E1}'
  local envelope = ('{"schema":null,"payload":{"before":%s,"after":%s,"op":"u","ts_ms":5,"source":{"ts_ms":4}}}'):format(row,
    row:gsub('%-12', '7'))

  --- What the parser refuses besides may stand in members that no column asks for.
  local function is_json(text)
    local arena, out, err = ffi.new('struct arena'), ffi.new('const struct codec_json *[1]'), ffi.new('struct chn_err')
    local good = C.codec_json_parse(arena, text, #text, 'it', out, err) == 0
    C.arena_deinit(arena)
    local why = not good and ffi.string(err.msg)
    return good or why:match('stands twice') or why:match('NUL character') or why:match('beyond the range of double')
  end

  local function check(random, number, decoder, text, most)
    local pieces = { '', '', '"', '{', '}', '[', ']', ',', ':', '\\',
      '\\u00', '\255', '\0', '0', '-', '.', 'e9', 'null', 'true', '"a":', ' ' }
    for _ = 1, 60 do
      local texts = {}
      for i = 1, 20 do
        local t = text
        for _ = 1, random(1, 3) do
          local at = random(1, #t + 1)
          t = t:sub(1, at - 1) .. pieces[random(1, #pieces)] .. t:sub(at + random(0, 3))
        end
        texts[i] = t
      end
      local _, rejected, from = decode.run(decoder, texts)
      local seen, given = {}, 0
      for _, i in ipairs(from) do
        given = given + (seen[i] and 0 or 1)
        seen[i] = (seen[i] or 0) + 1
        assert.is_true(seen[i] <= most, 'seed ' .. number)
        assert.truthy(is_json(texts[i + 1]), ('seed %d: %q'):format(number, texts[i + 1]))
      end
      if most == 1 then assert.equal(20, given + #rejected, 'seed ' .. number) end
    end
  end

  it('give rows or a reason, and rows only of JSON', function()
    local random, number = require('spec.support.seed').random('stream decode json')
    check(random, number, assert(decode.open({ columns = columns })), row, 1)
    check(random, number, assert(decode.open({ columns = columns, entities = true })), envelope, 2)
  end)
end)
