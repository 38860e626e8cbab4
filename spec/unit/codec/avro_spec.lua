local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('codec/avro.h')
local cols = require('spec.support.cols')
local avro = require('spec.support.avro')
local seed = require('spec.support.seed')

local function hex(bytes)
  return (bytes:gsub('.', function(c) return ('%02x'):format(c:byte()) end))
end

local function unhex(text)
  return (text:gsub('%s', ''):gsub('..', function(h) return string.char(tonumber(h, 16)) end))
end

local RICH = {
  { 'flag', 'boolean' }, { 'b', 'byte' }, { 'sh', 'short' }, { 'i', 'int' }, { 'l', 'long' }, { 'f', 'float' },
  { 'd', 'double' }, { 's', 'string' }, { 'raw', 'binary' }, { 'tags', 'list<string>' },
  { 'scores', 'map<string,double>' }, { 'pairs', 'list<struct<a:int,b:string>>' },
  { 'deep', 'map<string,list<struct<x:long,y:list<float>>>>' },
}

describe('avro schema', function()
  it('has nullable fields, docs, a namespace on the outside and logical types', function()
    local s = avro.of('Key', { { 'a', 'short' }, { 'b', 'byte' }, { 'c', 'list<map<string,long>>' } })
    assert.equal('{"type":"record","name":"Key","namespace":"ai.chronon.data","doc":"","fields":['
      .. '{"name":"a","type":["null",{"type":"int","logicalType":"short"}],"doc":""},'
      .. '{"name":"b","type":["null",{"type":"int","logicalType":"byte"}],"doc":""},'
      .. '{"name":"c","type":["null",{"type":"array","items":{"type":"map","values":"long"}}],"doc":""}]}',
      avro.text(s))
  end)

  it('is printed for serving infos as Jackson does', function()
    local s = avro.of('Input', { { 'user_id', 'string' }, { 'm_d', 'map<string,double>' } })
    assert.equal([[{
  "type" : "record",
  "name" : "Input",
  "namespace" : "ai.chronon.data",
  "doc" : "",
  "fields" : [ {
    "name" : "user_id",
    "type" : [ "null", "string" ],
    "doc" : ""
  }, {
    "name" : "m_d",
    "type" : [ "null", {
      "type" : "map",
      "values" : "double"
    } ],
    "doc" : ""
  } ]
}]], avro.text(s, true))
    assert.equal(('{\n  "type" : "record",\n  "name" : "E",\n  "namespace" : "ai.chronon.data",\n'
      .. '  "doc" : "",\n  "fields" : [ ]\n}'), avro.text(avro.of('E', {}), true))
  end)

  it('gives each record and field a name of its own, cut to letters, digits and _', function()
    local s = avro.of('a.b', { { 'x', 'struct<x:int,a_b:int>' }, { 'y', 'list<struct<x:int>>' } }, 'paths')
    assert.equal('{"type":"record","name":"a_b","namespace":"ai.chronon.data","doc":"","fields":['
      .. '{"name":"x","type":["null",{"type":"record","name":"XStruct","doc":"","fields":['
      .. '{"name":"x_REPEATED_NAME_0","type":["null","int"],"doc":""},'
      .. '{"name":"a_b_REPEATED_NAME_0","type":["null","int"],"doc":""}]}],"doc":""},'
      .. '{"name":"y","type":["null",{"type":"array","items":{"type":"record","name":"YElementStruct","doc":"",'
      .. '"fields":[{"name":"x_REPEATED_NAME_1","type":["null","int"],"doc":""}]}}],"doc":""}]}', avro.text(s))
    assert.same({ 'x', 'y' }, avro.names(s, true))
    local inner = ffi.cast('struct avro_schema *', s.fields[1].schema.fields[0].schema)
    assert.same({ 'x_REPEATED_NAME_1' }, avro.names(inner))
    assert.same({ 'x' }, avro.names(inner, true))
    local arena = ffi.gc(ffi.new('struct arena'), C.arena_deinit)
    local columns, types = C.avro_columns(arena, assert(avro.parse(avro.text(s))), true), {}
    for i = 0, 1 do
      local text = ffi.new('struct chn_buf')
      C.row_type_print(text, columns.fields[i].type)
      types[i + 1] = ffi.string(C.chn_buf_str(text))
      C.chn_buf_deinit(text)
    end
    assert.same({ 'struct<x:int,a_b:int>', 'array<struct<x:int>>' }, types)
  end)

  it('refuses types that Avro does not have, by the column', function()
    for text, want in pairs({ date = 'DATE', timestamp = 'TIMESTAMP', ['map<int,long>'] = 'keys are not strings',
                              other = 'DECIMAL' }) do
      local s, message = avro.of('K', { { 'fine', 'int' }, { 'bad', 'list<' .. text .. '>' } })
      assert.is_nil(s)
      assert.matches('column "bad": .*' .. want, message)
    end
  end)

  it('is read back from its text', function()
    local text = avro.text(avro.of('Row', RICH, 'paths'))
    assert.equal(text, avro.text(avro.parse(text)))
    assert.equal(text, avro.text(avro.parse(avro.text(avro.of('Row', RICH, 'paths'), true))))
  end)

  it('is read with enums, fixed, other namespaces, plain fields and named types used again', function()
    local s = avro.parse([[{"type":"record","name":"org.x.Row","fields":[
      {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
      {"name":"again","type":["E","null"]},
      {"name":"id","type":{"type":"fixed","name":"Id","size":3}},
      {"name":"alone","type":["long"],"default":5},
      {"name":"when","type":{"type":"long","logicalType":"timestamp-millis"}}]}]])
    assert.same({ e = 'B', again = cols.null, id = 'abc', alone = -1LL, when = 64LL },
      avro.decode(s, unhex('02 02 616263 00 01 8001')))
    assert.same({ e = 'A', again = 'A', id = 'abc', alone = 1LL, when = 0LL },
      avro.decode(s, unhex('00 00 00 616263 00 02 00')))
  end)

  for text, want in pairs({
    ['{"type":"record"'] = 'schema:1:',
    ['{"type":"record","fields":[]}'] = 'without a "name"',
    ['{"type":"record","name":"R"}'] = 'without an array of "fields"',
    ['{"type":"record","name":"R","fields":[{"name":"a"}]}'] = 'without "name" and "type"',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":"strin"}]}'] = 'not defined before',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":["null","R"]}]}'] = 'contains itself',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":["int","string"]}]}'] = 'a union other than',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":"null"}]}'] = 'null stands only',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array"}}]}'] = 'without "items"',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":-1}}]}'] = '"size"',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"record","name":"R","fields":[]}}]}'] =
      'defined twice',
    ['{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":'
      .. '{"type":"record","name":"S","fields":[]}}}]}'] = 'take no bytes',
    ['["null","int"]'] = 'must be a record',
    ['7'] = 'must be a string, an array or an object',
  }) do
    it('refuses ' .. text, function()
      local s, message = avro.parse(text)
      assert.is_nil(s)
      assert.matches(want, message, 1, true)
    end)
  end

  it('refuses schemas that unfold beyond their limits', function()
    local fields = { '{"name":"f0","type":{"type":"record","name":"R0","fields":[{"name":"v","type":"int"}]}}' }
    for i = 1, 30 do
      fields[#fields + 1] = ('{"name":"f%d","type":{"type":"record","name":"R%d","fields":['
        .. '{"name":"a","type":"R%d"},{"name":"b","type":"R%d"}]}}'):format(i, i, i - 1, i - 1)
    end
    local s, message = avro.parse('{"type":"record","name":"R","fields":[' .. table.concat(fields, ',') .. ']}')
    assert.is_nil(s)
    assert.matches('more than 20000 types', message)
    s, message = avro.parse('{"type":"record","name":"R","fields":[{"name":"a","type":'
      .. ('{"type":"array","items":'):rep(80) .. '"int"' .. ('}'):rep(80) .. '}]}')
    assert.is_nil(s)
    assert.matches('nested deeper than 64', message)
  end)
end)

describe('avro bytes', function()
  it('are those of the format', function()
    local s = avro.of('Key', { { 'user', 'string' }, { 'n', 'long' }, { 'none', 'int' }, { 'd', 'double' } })
    assert.equal('02047531' .. '02ff01' .. '00' .. '02000000000000f83f',
      hex(avro.encode(s, { user = 'u1', n = -128LL, none = cols.null, d = 1.5 })))
  end)

  it('are read in blocks of either kind', function()
    local s = avro.of('R', { { 'l', 'list<int>' } })
    local want = { l = { 1, 2, 3, n = 3 } }
    assert.same(want, avro.decode(s, unhex('02 04 02 04 02 06 00')))
    assert.same(want, avro.decode(s, unhex('02 03 04 02 04 01 02 06 00')))
  end)

  it('come back as the rows they were made of', function()
    local random = seed.random('avro rows')
    local s = avro.of('Row', RICH, 'paths')
    for _ = 1, 300 do
      local row = {}
      for _, f in ipairs(RICH) do row[f[1]] = avro.random(random, cols.type(cols.arena(), f[2])) end
      local back = avro.decode(s, avro.encode(s, row))
      for _, f in ipairs(RICH) do
        local t = cols.type(cols.arena(), f[2])
        assert.is_true(cols.same(t, row[f[1]], back[f[1]]), f[1] .. ': ' .. cols.show(row[f[1]]))
      end
    end
  end)

  it('are read field by field where only some are wanted', function()
    local s = avro.of('Row', RICH, 'paths')
    local row = {}
    for _, f in ipairs(RICH) do row[f[1]] = cols.null end
    row.s, row.deep = 'text', { { 'k', { { x = 1LL, y = { 0.5, n = 1 } }, n = 1 } } }
    assert.same({ s = 'text' }, avro.decode(s, avro.encode(s, row), { s = true }))
  end)

  it('cannot hold a null inside a list or map, and say where', function()
    local s = avro.of('R', { { 'a', 'int' }, { 'l', 'list<struct<x:map<string,int>>>' } })
    local bytes, message = avro.encode(s, { a = 1, l = { { x = { { 'k', cols.null } } }, n = 1 } })
    assert.is_nil(bytes)
    assert.matches('^l: x: a null inside a list or map', message)
  end)

  for why, case in pairs({
    ['end inside a number'] = '02 80', ['of more than 64 bits'] = '02 ffffffffffffffffffff01',
    ['a branch that the union'] = '04', ['inside a value'] = '02 0661', ['cannot be'] = '02 01',
    ['not UTF-8'] = '02 04c328', ['bytes too many'] = '02 0061',
  }) do
    it('are refused: ' .. why, function()
      local row, message = avro.decode(avro.of('R', { { 's', 'string' } }), unhex(case))
      assert.is_nil(row)
      assert.matches(why, message, 1, true)
    end)
  end

  it('do not make memory out of a promise', function()
    local s = avro.of('R', { { 'l', 'list<list<boolean>>' } })
    local promises = { '02 feffffffffffffffff01', '02 ffffffffffffffffff01 02', '02 808080808004 00', '02 03 0a 00' }
    for _, bytes in ipairs(promises) do
      local row, message = avro.decode(s, unhex(bytes))
      assert.is_nil(row)
      assert.matches('block', message)
    end
  end)

  it('of any origin are refused or read, never more', function()
    local random = seed.random('avro mutants')
    local s = avro.of('Row', RICH, 'paths')
    local read = 0
    for _ = 1, 3000 do
      local row = {}
      for _, f in ipairs(RICH) do row[f[1]] = avro.random(random, cols.type(cols.arena(), f[2])) end
      local bytes = avro.mutant(random, avro.encode(s, row))
      local back, message, status = avro.again(s, bytes)
      assert.equal(back ~= nil, avro.check(s, bytes))
      if back then
        read = read + 1
        assert.equal(back, avro.again(s, back))
      else
        assert.equal(tonumber(C.CHN_E_CORRUPT), tonumber(status), message)
      end
    end
    assert.is_true(read > 0 and read < 3000)
  end)

  it('show as JSON that names the branches', function()
    local s = avro.of('R', { { 'n', 'long' }, { 'x', 'int' }, { 'l', 'list<float>' }, { 'raw', 'binary' },
                             { 'in', 'struct<a:double>' } }, 'paths')
    assert.equal('{"n":{"long":1},"x":null,"l":{"array":[838.11,"NaN"]},"raw":{"bytes":"a' .. '\195\191'
      .. '"},"in":{"ai.chronon.data.InStruct":{"a":{"double":-0.5}}}}',
      avro.json(s, { n = 1, x = cols.null, l = { 838.11, 0 / 0, n = 2 }, raw = 'a\255', ['in'] = { a = -0.5 } }))
  end)
end)
