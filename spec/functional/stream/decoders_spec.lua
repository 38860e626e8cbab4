-- Decoders through the program: the topic says which, files of lines carry the messages.
local json = require('dkjson')
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

  local function stream(params, lines)
    s = streamed.new({ gb = group_by('shop.gb.v1', params) })
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
