-- Decoders through the program: the topic says which, files of lines carry the messages.
local ffi = require('ffi')
local json = require('dkjson')
local avro = require('spec.support.avro')
local decode = require('spec.support.decode')
local program = require('spec.support.program')
local streamed = require('spec.support.streamed')

local AT = '2024-03-11 02:10:00'

--- A GroupBy of events whose topic has these parameters.
local function group_by(name, params)
  local conf = streamed.group_by(name)
  conf.sources[1].events.topic = 'events' .. params
  return conf
end

describe('decoders of local-streaming', function()
  local s
  after_each(function() s:remove() end)

  local function stream(params, lines, files)
    s = streamed.new({ gb = group_by('shop.gb.v1', params) })
    for name, text in pairs(files or {}) do program.write(s.folder .. '/' .. name, text) end
    local r = s:local_stream('gb', s:input('in', lines), { '-o', 'json' })
    if r.code ~= 0 then return nil, r.err end
    return json.decode(r.out)[1], r.err
  end

  it('read CSV by the fields of the topic', function()
    local at = ('%.0f'):format(streamed.ms('2024-03-11 02:00:00'))
    local status, said = stream('/serde=csv/fields=ts,note,uid,i/delimiter=;', {
      at .. ';"one; two";a;5', at .. ';;"a";007', at .. ';;b;', at .. ';x;a;many', at .. ';x;a', ';;a;100',
    })
    assert.same({ 3, 3 }, { status.rows, status.rejected })
    assert.same({ i_sum_1h = 12, i_sum_7d = 13, i_count_7d = 3 }, s:fetch('shop.gb.v1', 'a', AT))
    assert.equal(2, s:fetch('shop.gb.v1', 'b', AT).i_sum_7d)
    assert.matches('decode: "i" is bigint and cannot hold many', said, 1, true)
    assert.matches('no_time: its time column is null', said, 1, true)
  end)

  it('read Avro by a file of the repo, from lines of base64', function()
    local schema = '{"type":"record","name":"E","fields":[{"name":"i","type":["null","int"]},{"name":"uid","type":"string"},'
      .. '{"name":"ts","type":"long"}]}'
    local record, lines = assert(avro.parse(schema)), {}
    for n, i in ipairs({ 5, 10, 7 }) do
      local row = { i = i, uid = 'a', ts = ffi.new('int64_t', streamed.ms('2024-03-11 02:00:00') + n) }
      lines[n] = decode.base64(assert(avro.encode(record, row)))
    end
    lines[4] = '{"uid": "a"}'
    local status, said = stream('/serde=avro/schema=events.avsc', lines, { ['events.avsc'] = schema })
    assert.same({ 3, 1 }, { status.rows, status.rejected })
    assert.same({ i_sum_1h = 22, i_sum_7d = 23, i_count_7d = 4 }, s:fetch('shop.gb.v1', 'a', AT))
    assert.matches('decode: no base64', said, 1, true)
  end)

  it('read JSON as it is written elsewhere', function()
    local at = streamed.ms('2024-03-11 02:00:00')
    local status = stream('', {
      ('{"more":[{}],"ts":%.1f,"\\u0075id":"\\u0061","i":5.0}'):format(at), ('{"uid":"a","i":7,"ts":%.3fE12}'):format(at / 1e12),
      ('{"uid":"a","i":7,"ts":%.9fE12}'):format(at / 1e12), ('{"uid":"a","i":5.5,"ts":%.0f}'):format(at),
    })
    -- The second one's instant is rounded to one before the upload's end.
    assert.same({ 3, 1 }, { status.rows, status.rejected })
    assert.same({ i_sum_1h = 12, i_sum_7d = 13, i_count_7d = 3 }, s:fetch('shop.gb.v1', 'a', AT))
  end)

  it('say at the start what a topic lacks', function()
    local _, why = stream('/serde=csv', {})
    assert.matches('serde=csv needs the names of the values, fields=a,b,c, in their order', why, 1, true)
    s:remove()
    _, why = stream('/serde=avro', {})
    assert.matches('serde=avro needs schema=FILE', why, 1, true)
    s:remove()
    _, why = stream('/serde=avro/schema=no%2Fsuch.avsc', {})
    assert.matches('no/such.avsc: No such file or directory', why, 1, true)
    s:remove()
    _, why = stream('/serde=xml', {})
    assert.matches('serde=xml is unknown; there are json, avro, csv', why, 1, true)
  end)
end)
