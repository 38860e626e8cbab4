-- stream/decode.h, serde=avro: with the writer's schema in a file, and by a registry's ids.
local decode = require('spec.support.decode')
local avro = require('spec.support.avro')
local seed = require('spec.support.seed')
local cols = decode.cols
local null = cols.null

local folder = os.tmpname()
os.remove(folder)
os.execute('mkdir -p ' .. folder .. '/ids')

local function write(name, text)
  local f = assert(io.open(folder .. '/' .. name, 'w'))
  f:write(text)
  f:close()
end

--- A decoder of messages by the schema text; topic parameters default to the schema's file.
local function open(columns, schema, o)
  if schema then write('s.avsc', schema) end
  o = o or {}
  return decode.open({ columns = columns, topic = 'serde=avro/' .. (o.topic or 'schema=s.avsc'), folder = folder,
                       entities = o.entities, lines = o.lines })
end

local function record(fields, name) return ('{"type":"record","name":"%s","fields":[%s]}'):format(name or 'R', fields) end
local function field(name, type, default) return ('{"name":"%s","type":%s%s}'):format(name, type, default or '') end
local function bytes_of(schema, row) return assert(avro.encode(assert(avro.parse(schema)), row)) end

describe('Avro messages', function()
  after_each(function() os.execute('rm -f ' .. folder .. '/*.avsc ' .. folder .. '/ids/*') end)
  teardown(function() os.execute('rm -rf ' .. folder) end)

  local EVENT = record(table.concat({ field('id', '"string"'), field('n', '["null","long"]'), field('x', '["double","null"]'),
    field('kind', '{"type":"enum","name":"K","symbols":["CLICK","VIEW"]}'), field('raw', '{"type":"fixed","name":"F","size":2}'),
    field('tags', '{"type":"array","items":["null","string"]}'), field('unused', '{"type":"map","values":"int"}') }, ','))
  local COLUMNS = { { 'x', 'double' }, { 'id', 'string' }, { 'absent', 'int' }, { 'kind', 'string' }, { 'raw', 'binary' },
    { 'n', 'long' },
    { 'tags', 'list<string>' } }

  local function event(id, n, x)
    return bytes_of(EVENT, { id = id, n = n, x = x, kind = 'VIEW', raw = 'ab', tags = { 't', null, n = 2 }, unused = { { 'k',
      1 } } })
  end

  it('give columns by name, unions as nulls, others skipped', function()
    local d = assert(open(COLUMNS, EVENT))
    local rows, rejected, from = decode.run(d, { event('a', 1LL, 2.5), null, event('b', null, null) })
    assert.same({
      'x=2.5 id="a" absent=null kind="VIEW" raw="ab" n=1LL tags={"t", null}',
      'x=null id="b" absent=null kind="VIEW" raw="ab" n=null tags={"t", null}',
    }, rows)
    assert.same({}, rejected)
    assert.same({ 0, 2 }, from)
  end)

  it('are rows whole or not at all', function()
    local d = assert(open(COLUMNS, EVENT))
    local good = event('a', 1LL, 2.5)
    local texts = { good, good .. '\0', '', 'x' }
    for cut = 0, #good - 1 do texts[#texts + 1] = good:sub(1, cut) end
    texts[#texts + 1] = good
    local rows, rejected = decode.run(d, texts)
    assert.equal(2, #rows)
    assert.equal(#texts - 2, #rejected)
    assert.equal('R: 1 bytes too many', rejected[1])
    assert.equal(rows[1], rows[2])
  end)

  it('are widened, and narrowed where the value fits, at any depth', function()
    local schema = record(table.concat({ field('l', '"int"'), field('d', '"float"'), field('i', '["null","long"]'),
      field('f', '"long"'),
      field('list', '{"type":"array","items":"int"}'), field('map', '{"type":"map","values":"float"}'),
      field('s', record(field('b', '"int"') .. ',' .. field('more', '"string"'), 'S')), field('same', '"string"') }, ','))
    local d = assert(open({ { 'l', 'long' }, { 'd', 'double' }, { 'i', 'short' }, { 'f', 'float' }, { 'list', 'list<double>' },
      { 'map', 'map<string,double>' }, { 's', 'struct<a:string,b:long>' }, { 'same', 'string' } }, schema))
    local function message(i)
      return bytes_of(schema, { l = 7, d = 0.5, i = i, f = 3LL, list = { 1, 2 }, map = { { 'k', 1.5 } }, s = { b = 4,
        more = 'x' }, same = 'y' })
    end
    local rows, rejected = decode.run(d, { message(5LL), message(40000LL), message(null), message(-32768LL) })
    local rest = 'f=3 list={1, 2} map={{"k", 1.5}} s={a=null, b=4LL} same="y"'
    assert.same({ 'l=7LL d=0.5 i=5 ' .. rest, 'l=7LL d=0.5 i=null ' .. rest, 'l=7LL d=0.5 i=-32768 ' .. rest }, rows)
    assert.same({ '"i" is smallint and cannot hold 40000' }, rejected)
  end)

  it('refuse inside of values too', function()
    local schema = record(field('l', '{"type":"array","items":"long"}') .. ',' .. field('s', record(field('m',
      '{"type":"map","values":"long"}'), 'S')))
    local d = assert(open({ { 'l', 'list<int>' }, { 's', 'struct<m:map<string,int>>' } }, schema))
    local function message(x, y) return bytes_of(schema, { l = { 1LL, x }, s = { m = { { 'k', y } } } }) end
    local rows, rejected = decode.run(d, { message(1LL, 2LL), message(2LL ^ 40, 2LL), message(1LL, -(2LL ^ 31) - 1),
      message(0LL, -(2LL ^ 31)) })
    assert.same({ 'l={1, 1} s={m={{"k", 2}}}', 'l={1, 0} s={m={{"k", -2147483648}}}' }, rows)
    assert.same({ '"l" is array<int> and cannot hold one of its integers',
      '"s" is struct<m:map<string,int>> and cannot hold one of its integers' }, rejected)
  end)

  it('are refused at open where the schema is no schema of the columns', function()
    local function why(columns, schema, o) return (select(2, open(columns, schema, o))) end
    local one = { { 'a', 'string' } }
    assert.equal('topic clicks: ' .. folder .. '/s.avsc: field "a" is bigint, and the source\'s column is string',
      why(one, record(field('a', '"long"'))))
    assert.matches('field "a" is double, and the source\'s column is float', why({ { 'a', 'float' } }, record(field('a',
      '"double"'))))
    assert.matches('field "a" is array<string>, and the source\'s column is array<int>',
      why({ { 'a', 'list<int>' } }, record(field('a', '{"type":"array","items":"string"}'))))
    assert.matches('none of the source\'s columns, such as "a"', why(one, record(field('b', '"long"'))))
    assert.matches('s%.avsc:1:1: a row\'s schema must be a record', why(one, '"string"'))
    assert.matches('union', why(one, record(field('a', '["string","long"]'))))
    assert.matches('s%.avsc', why(one, '{'))
    assert.matches('nope%.avsc: No such file', why(one, nil, { topic = 'schema=nope.avsc' }))
    assert.matches('schemas=nope: there is no folder', why(one, nil, { topic = 'schemas=nope' }))
    for _, topic in ipairs({ 'x=1', 'schema=a/schemas=b' }) do
      assert.matches('serde=avro needs schema=FILE.*or schemas=FOLDER', why(one, nil, { topic = topic }))
    end
  end)

  it('framed by a registry are read with the schema of their id', function()
    local v1, v2 = record(field('id', '"string"')), record(field('n', '"int"') .. ',' .. field('id', '"string"'))
    write('ids/1.avsc', v1)
    write('ids/300.avsc', v2)
    local d = assert(open({ { 'id', 'string' }, { 'n', 'int' } }, nil, { topic = 'schemas=ids' }))
    local a, b = '\0\0\0\0\1' .. bytes_of(v1, { id = 'a' }), '\0\0\0\1\44' .. bytes_of(v2, { id = 'b', n = 5 })
    local rows, rejected = decode.run(d, { a, b, a, b, '\0\0\0\0\7' .. bytes_of(v1, { id = 'c' }), '\1' .. a, '\0\0\0\0', '', a })
    assert.same({ 'id="a" n=null', 'id="b" n=5', 'id="a" n=null', 'id="b" n=5', 'id="a" n=null' }, rows)
    assert.equal(('schema 7: %s/ids/7.avsc: No such file or directory'):format(folder), rejected[1])
    for i = 2, 4 do assert.equal('no frame of a schema registry: byte 0, then an id in 4 bytes', rejected[i]) end
    -- A schema that comes later is found, one that is broken is named.
    write('ids/7.avsc', v1)
    write('ids/8.avsc', record(field('id', '"int"')))
    rows, rejected = decode.run(d, { '\0\0\0\0\7' .. bytes_of(v1, { id = 'c' }), '\0\0\0\0\8\1', a })
    assert.same({ 'id="c" n=null', 'id="a" n=null' }, rows)
    assert.matches('^schema 8: .*8%.avsc: field "id" is int, and the source\'s column is string$', rejected[1])
  end)

  it('are base64 on the lines of a file', function()
    local d = assert(open({ { 'id', 'string' }, { 'n', 'long' } }, EVENT, { lines = true }))
    local good = event('a', 5LL, null)
    local rows, rejected = decode.run(d, { decode.base64(good), good, '', decode.base64('x') })
    assert.same({ 'id="a" n=5LL' }, rows)
    assert.equal('no base64, as which a line of a file holds avro', rejected[1])
    assert.equal(3, #rejected)
  end)

  local ROW = record(field('id', '"string"') .. ',' .. field('n', '["null","int"]'), 'Value')
  local ENVELOPE = record(table.concat({ field('before', '["null",' .. ROW .. ']'), field('after', '["null","Value"]'),
    field('source', record(field('db', '"string"') .. ',' .. field('ts_ms', '"long"'), 'Source')), field('op', '"string"'),
    field('ts_ms', '["null","long"]') }, ','), 'Envelope')

  it('of entities are envelopes of before and after', function()
    local d = assert(open({ { 'n', 'long' }, { 'id', 'string' } }, ENVELOPE, { entities = true }))
    local function message(before, after, source_ts, ts)
      return bytes_of(ENVELOPE, { before = before, after = after, source = { db = 'x', ts_ms = source_ts }, op = 'u',
        ts_ms = ts })
    end
    local a1, a2 = { id = 'a', n = 1 }, { id = 'a', n = 2 }
    local texts = { message(null, a1, 3LL, 9LL), message(a1, a2, 4LL, 9LL), message(a2, null, 0LL, 9LL), null, message(a1,
      a1, 5LL, 9LL),
      message(null, null, 5LL, 9LL), message(null, a1, 0LL, null), 'x' }
    local rows, rejected, from = decode.run(d, texts, 77)
    assert.same({
      'n=1LL id="a" mutation_ts=3LL is_before=false', 'n=2LL id="a" mutation_ts=4LL is_before=false',
      'n=1LL id="a" mutation_ts=4LL is_before=true', 'n=2LL id="a" mutation_ts=9LL is_before=true',
      'n=1LL id="a" mutation_ts=77LL is_before=false',
    }, rows)
    assert.same({ 0, 1, 1, 2, 6 }, from)
    assert.equal(1, #rejected)
  end)

  it('of entities leave nothing of an envelope that does not fit', function()
    local d = assert(open({ { 'n', 'byte' }, { 'id', 'string' } }, ENVELOPE, { entities = true }))
    local function message(before, after)
      return bytes_of(ENVELOPE, { before = before, after = after, source = { db = 'x', ts_ms = 1LL }, op = 'u', ts_ms = 1LL })
    end
    local small, large = { id = 'a', n = 1 }, { id = 'a', n = 200 }
    local rows, rejected = decode.run(d, { message(large, small), message(small, large), message(null, small) })
    assert.same({ 'n=1 id="a" mutation_ts=1LL is_before=false' }, rows)
    assert.equal(2, #rejected)
  end)

  it('of entities may be rows that say themselves what they are', function()
    local schema = record(table.concat({ field('id', '"string"'), field('mutation_ts', '["null","int"]'), field('is_before',
      '["null","boolean"]') }, ','))
    local d = assert(open({ { 'id', 'string' } }, schema, { entities = true }))
    local rows = decode.run(d, { bytes_of(schema, { id = 'a', mutation_ts = 5, is_before = true }),
      bytes_of(schema, { id = 'b', mutation_ts = null, is_before = null }) }, 99)
    assert.same({ 'id="a" mutation_ts=5LL is_before=true', 'id="b" mutation_ts=99LL is_before=false' }, rows)
  end)

  it('survive mutated bytes', function()
    local random, number = seed.random('stream avro bytes')
    local d = assert(open(COLUMNS, EVENT))
    local wide = assert(open({ { 'n', 'int' }, { 'x', 'double' }, { 'tags', 'list<string>' } }, EVENT))
    local good = event('a', 1LL, 2.5)
    for _ = 1, 200 do
      local texts = {}
      for i = 1, 20 do
        local at = random(1, #good)
        texts[i] = good:sub(1, at - 1) .. string.char(random(0, 255)) .. good:sub(at + random(0, 2))
      end
      for _, decoder in ipairs({ d, wide }) do
        local rows, rejected = decode.run(decoder, texts)
        assert.equal(20, #rows + #rejected, 'seed ' .. number)
      end
    end
  end)
end)
