local ffi = require('ffi')
local C = require('spec.support.cdef').load('stream/topic.h')

local arena = ffi.new('struct arena')

local function parse(text)
  local topic, err = ffi.new('struct stream_topic'), ffi.new('struct chn_err')
  if C.stream_topic_parse(arena, text, topic, err) ~= 0 then
    return nil, ffi.string(err.msg), tonumber(err.code)
  end
  return topic
end

local function fields(text)
  local topic = assert(parse(text))
  local params = {}
  for i = 0, topic.n_params - 1 do
    params[ffi.string(topic.params[i].name)] = ffi.string(topic.params[i].value)
  end
  return { ffi.string(topic.type), ffi.string(topic.name), params }
end

local function bootstrap(text)
  local topic = parse(text)
  local found = C.stream_topic_bootstrap(arena, topic)
  return found ~= nil and ffi.string(found) or nil
end

describe('stream topic', function()
  teardown(function() C.arena_deinit(arena) end)

  it('is of Kafka unless it says otherwise', function()
    assert.same({ 'kafka', 'events.txn', {} }, fields('events.txn'))
    assert.same({ 'pubsub', 'events.txn', { a = '1' } }, fields('pubsub://events.txn/a=1'))
  end)

  it('has parameters, each split on its first =', function()
    assert.same({ 'kafka', 't', { fields = 'a,b', schema = 'x=y', empty = '' } },
      fields('kafka://t/fields=a,b/schema=x=y/empty='))
  end)

  it('takes one slash too many for none', function()
    assert.same({ 'kafka', 't', { a = '1', b = '2' } }, fields('t//a=1/b=2/'))
  end)

  it('has slashes in a value as %2F', function()
    assert.same({ 'kafka', 't', { schema = 'schemas/txn.avsc', odd = '100%' } },
      fields('t/schema=schemas%2Ftxn.avsc/odd=100%'))
    assert.equal('a/b/', fields('t/schema=a%2fb%2F')[3].schema)
  end)

  it('keeps :// of a value', function()
    assert.same({ 'kafka', 't', { registry = 'http://x' } }, fields('t/registry=http:%2F%2Fx'))
  end)

  local nameless = { ['no name'] = '', ['a type alone'] = 'kafka://', ['parameters alone'] = '/a=1', ['an empty type'] = '://t' }
  for why, text in pairs(nameless) do
    it('is refused with ' .. why, function()
      local topic, message, code = parse(text)
      assert.is_nil(topic)
      assert.equal(C.CHN_E_ARGUMENT, code)
      assert.truthy(message:find('topic "' .. text .. '" has no name; it is written [type://]topic[/name=value]...', 1, true))
    end)
  end

  for _, token in ipairs({ 'host', '=1' }) do
    it('refuses the parameter ' .. token, function()
      local _, message, code = parse('t/a=1/' .. token)
      assert.equal(C.CHN_E_ARGUMENT, code)
      assert.equal(('topic "t/a=1/%s": "%s" is not name=value'):format(token, token), message)
    end)
  end

  it('has the brokers in bootstrap, or in host and port', function()
    assert.equal('a:1,b:2', bootstrap('t/host=h/bootstrap=a:1,b:2'))
    assert.equal('h:19092', bootstrap('t/port=19092/host=h'))
    assert.equal('h:9092', bootstrap('t/host=h'))
    assert.is_nil(bootstrap('t/port=19092'))
  end)

  it('gives a parameter by name', function()
    local topic = parse('t/serde=avro/serde=json')
    assert.equal('avro', ffi.string(C.stream_topic_param(topic, 'serde')))
    assert.is_true(C.stream_topic_param(topic, 'serd') == nil)
  end)
end)
