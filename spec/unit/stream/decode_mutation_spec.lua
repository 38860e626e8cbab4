-- stream/decode.h: what messages of entities mean (spec/07 §2), shown with JSON.
local decode = require('spec.support.decode')
local cols = decode.cols

local COLUMNS = { { 'id', 'string' }, { 'n', 'int' } }

local function open(columns)
  return assert(decode.open({ columns = columns or COLUMNS, entities = true }))
end

local function rows_of(texts, columns, ts)
  local rows, rejected, from = decode.run(open(columns), type(texts) == 'table' and texts or { texts }, ts)
  return rows, rejected, from
end

describe('mutations', function()
  it('are a row after and a row before, in this order', function()
    local rows, rejected, from = rows_of({
      '{"op":"c","after":{"id":"a","n":1},"before":null,"ts_ms":10}',
      '{"op":"u","before":{"id":"a","n":1},"after":{"id":"a","n":2},"ts_ms":20}',
      '{"op":"d","before":{"id":"a","n":2},"after":null,"ts_ms":30}',
      cols.null,
      '{"op":"r","after":{"id":"b"},"ts_ms":40}',
      '{"before":{"id":"b"},"ts_ms":50}',
    })
    assert.same({
      'id="a" n=1 mutation_ts=10LL is_before=false',
      'id="a" n=2 mutation_ts=20LL is_before=false', 'id="a" n=1 mutation_ts=20LL is_before=true',
      'id="a" n=2 mutation_ts=30LL is_before=true',
      'id="b" n=null mutation_ts=40LL is_before=false',
      'id="b" n=null mutation_ts=50LL is_before=true',
    }, rows)
    assert.same({}, rejected)
    assert.same({ 0, 1, 1, 2, 4, 5 }, from)
  end)

  it('change nothing where both images are equal in what is asked for', function()
    local columns = { { 'i', 'int' }, { 's', 'string' }, { 'd', 'double' }, { 'l', 'list<string>' }, { 'm', 'map<string,int>' },
      { 'r', 'struct<a:int,b:list<int>>' }, { 'z', 'boolean' } }
    local image = '{"i":1,"s":"long enough to be elsewhere","d":-0.5,"l":["a",null],"m":{"k":1},'
      .. '"r":{"a":1,"b":[1,2]},"other":%d,"z":null}'
    local function update(change, to)
      local changed = change and image:gsub(change, to, 1) or image
      return rows_of(('{"before":%s,"after":%s,"ts_ms":1}'):format(image:format(1), changed:format(2)), columns)
    end
    assert.same({}, (update()))
    for _, c in ipairs({ { '"i":1', '"i":2' }, { 'elsewhere', 'elsewhera' }, { '%-0%.5', '0.5' }, { ',null%]', ',""]' },
      { ',null%]', ']' },
      { '"k":1', '"j":1' }, { '"k":1', '"k":null' }, { '1,2%]', '1,3]' }, { '"r":{"a":1,', '"r":{' }, { 'null}', 'false}' } }) do
      assert.equal(2, #update(c[1], c[2]), c[1])
    end
  end)

  it('may lie in a payload, and have their time from the nearest clock', function()
    local row = '"after":{"id":"a","n":1}'
    local function time(text)
      local rows = rows_of(text, nil, 99)
      assert.equal(1, #rows, text)
      return rows[1]:match('mutation_ts=(%S+)')
    end
    assert.equal('5LL', time('{"schema":{},"payload":{' .. row .. ',"ts_ms":5}}'))
    assert.equal('3LL', time('{' .. row .. ',"ts_ms":5,"source":{"ts_ms":3}}'))
    assert.equal('5LL', time('{' .. row .. ',"ts_ms":5,"source":{"ts_ms":0}}'))
    assert.equal('5LL', time('{' .. row .. ',"ts_ms":5.0,"source":{"db":"x"}}'))
    assert.equal('2LL', time('{' .. row .. ',"ts_ms":5,"source":{"ts_ms":3},"mutation_ts":2}'))
    assert.equal('5LL', time('{' .. row .. ',"\\u0074s_ms":5}'))
    assert.equal('99LL', time('{' .. row .. '}'))
    assert.same({ 'id="a" n=1 mutation_ts=null is_before=false' }, (rows_of('{' .. row .. '}')))
  end)

  it('may be rows that say themselves what they are', function()
    local rows, rejected = rows_of({
      '{"id":"a","n":1,"mutation_ts":7,"is_before":true}', '{"id":"a","n":2,"mutation_ts":8}',
      '{"id":"a","n":3,"mutation_ts":null,"is_before":null}', '{"id":"b","mutation_ts":9,"payload":{"x":1},"ts_ms":1}',
      '{"id":"a","mutation_ts":"7"}', '{"id":"a","is_before":1}', '{"id":1}',
    }, nil, 99)
    assert.same({
      'id="a" n=1 mutation_ts=7LL is_before=true', 'id="a" n=2 mutation_ts=8LL is_before=false',
      'id="a" n=3 mutation_ts=99LL is_before=false', 'id="b" n=null mutation_ts=9LL is_before=false',
    }, rows)
    assert.same({
      '"mutation_ts" is bigint and cannot hold "7"', '"is_before" is boolean and cannot hold 1',
      '"id" is string and cannot hold 1',
    }, rejected)
  end)

  it('are rows where before or after are columns of theirs', function()
    local rows = rows_of('{"before":"x","mutation_ts":1}', { { 'before', 'string' } })
    assert.same({ 'before="x" mutation_ts=1LL is_before=false' }, rows)
  end)

  it('say their own columns once', function()
    local d = open({ { 'mutation_ts', 'long' }, { 'id', 'string' }, { 'is_before', 'boolean' } })
    assert.equal(3, d.columns.n_fields)
    assert.same({ 'id="a" mutation_ts=7LL is_before=false' }, (decode.run(d, { '{"id":"a","mutation_ts":7}' })))
  end)

  it('are whole or not at all, and leave nothing for the next', function()
    local rows, rejected = rows_of({
      '{"after":{"id":"a","n":1},"before":{"id":"a","n":"x"},"ts_ms":1}',
      '{"after":{"id":"a","n":2},"ts_ms":2}',
      '{"after":{"id":"a","n":"x"},"before":{"id":"a","n":1},"ts_ms":3}',
      '{"after":{"id":"a","id":"b"},"ts_ms":4}',
      '{"before":{"id":"a","n":3},"ts_ms":5}',
      '{"before":null,"after":null}', '[]', '{"after":{"id":"a"}',
    })
    assert.same({ 'id="a" n=2 mutation_ts=2LL is_before=false', 'id="a" n=3 mutation_ts=5LL is_before=true' }, rows)
    assert.same({
      '"n" is int and cannot hold "x"', '"n" is int and cannot hold "x"', '"id" is there twice',
      'no JSON object', 'no JSON: byte 20: it ends too early',
    }, rejected)
  end)
end)
