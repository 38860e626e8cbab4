local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('codec/json.h')

local STYLES = { indent = C.CODEC_JSON_INDENT, spaced = C.CODEC_JSON_SPACED, compact = C.CODEC_JSON_COMPACT }

--- @return string? written the document in the style, or nil and the message
local function rewrite(text, style)
  local arena, err = ffi.new('struct arena'), ffi.new('struct chn_err')
  local out = ffi.new('const struct codec_json *[1]')
  local status = C.codec_json_parse(arena, text, #text, 'doc', out, err)
  if status ~= C.CHN_OK then
    C.arena_deinit(arena)
    assert.equal(C.CHN_E_CORRUPT, status)
    return nil, ffi.string(err.msg)
  end
  local buf = ffi.new('struct chn_buf')
  C.codec_json_write(out[0], STYLES[style or 'compact'], buf)
  local written = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  C.arena_deinit(arena)
  return written
end

describe('codec JSON reader', function()
  it('keeps order, numbers as authored and characters', function()
    for _, text in ipairs({
      '{"b":1,"a":2,"":[]}', '[1,1.0,1e2,-0,0.10]', '{"x":{"y":[{},[],null,true,false]}}',
      '"é😀\\n\\u0001\\"\\\\"', '9223372036854775807', '[123456789012345678901234567890]',
    }) do
      assert.equal(text, rewrite(text))
    end
  end)

  it('reads escapes, pairs of surrogates included', function()
    assert.equal('"é😀/\\t"', rewrite('"\\u00e9\\uD83D\\ude00\\/\\t"'))
  end)

  it('keeps NUL bytes of a string', function()
    assert.equal('"a\\u0000b"', rewrite('"a\\u0000b"'))
  end)

  local refused = {
    [''] = 'doc:1:1: the text ends where a value is missing',
    ['{"a":1,\n  "a":2}'] = 'doc:2:7: the key "a" stands twice in the object',
    ['[1,]'] = 'doc:1:4: not a JSON value',
    ['{"a" 1}'] = 'doc:1:6: a colon is missing after the key',
    ['{a:1}'] = 'doc:1:2: a key in double quotes is missing',
    ['[1 2]'] = 'doc:1:4: a comma or ] is missing',
    ['{"a":1'] = 'doc:1:7: a comma or } is missing',
    ['01'] = 'doc:1:1: not a number',
    ['1.'] = 'doc:1:1: not a number',
    ['-'] = 'doc:1:1: not a number',
    ['1e'] = 'doc:1:1: not a number',
    ['1e999'] = 'doc:1:1: a number beyond the range of double',
    ['NaN'] = 'doc:1:1: not a JSON value',
    ['1 1'] = 'doc:1:3: something follows the end of the document',
    ['"abc'] = 'doc:1:2: the string does not end',
    ['"abc\\"'] = 'doc:1:2: the string does not end',
    ['"a\nb"'] = 'doc:1:3: a control character inside a string must be escaped',
    ['"\\x"'] = 'doc:1:3: an unknown escape after \\',
    ['"\\u12"'] = 'doc:1:4: \\u must be followed by four hexadecimal digits',
    ['"\\ud800"'] = 'doc:1:8: a high surrogate without the low one after it',
    ['"\\udc00"'] = 'doc:1:8: a low surrogate without the high one before it',
    ['"\255"'] = 'doc:1:2: bytes that are not UTF-8',
    ['"\192\128"'] = 'doc:1:2: bytes that are not UTF-8',
    ['"\237\160\128"'] = 'doc:1:2: bytes that are not UTF-8',
    ['{"a\\u0000":1}'] = 'doc:1:11: a key must not hold a NUL character',
  }
  for text, message in pairs(refused) do
    it('refuses ' .. ('%q'):format(text), function()
      local _, why = rewrite(text)
      assert.equal(message, why)
    end)
  end

  it('bounds the depth', function()
    assert.is_string(rewrite(('['):rep(200) .. (']'):rep(200)))
    local _, why = rewrite(('['):rep(100000))
    assert.equal('doc:1:201: nested too deeply (more than 200 levels)', why)
  end)

  it('survives mutated documents', function()
    local random, seed = require('spec.support.seed').random('codec json')
    local text = io.open('spec/golden/join_external/golden.join_external.v1.json'):read('*a')
    for _ = 1, 2000 do
      local at, n = random(1, #text), random(0, 3)
      local insert = ({ '', '"', '{', '\\', '\255', '0', ',', 'null', text:sub(at, at + 40) })[random(1, 9)]
      local mutated = text:sub(1, at - 1) .. insert .. text:sub(at + n)
      local written, why = rewrite(mutated)
      assert.is_true(written ~= nil or why:match('^doc:%d+:%d+: ') ~= nil, 'seed ' .. seed)
    end
  end)
end)

describe('codec JSON writer', function()
  it('indents as Python does', function()
    assert.equal('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": [],\n  "\\u00e9": "\\ud83d\\ude00\\u007f"\n}',
      rewrite('{"a":[1,{}],"b":[],"é":"😀\127"}', 'indent'))
  end)

  it('writes one line as Python does', function()
    assert.equal('{"a": [1, {}], "b": {"c": null}}', rewrite('{"a":[1,{}],"b":{"c":null}}', 'spaced'))
  end)

  it('prints doubles as Python does', function()
    local out = ffi.new('char[64]')
    local cases = {
      [5] = '5.0', [0] = '0.0', [0.1] = '0.1', [100] = '100.0', [1e15] = '1000000000000000.0', [1e16] = '1e+16',
      [123456789.125] = '123456789.125', [0.0001] = '0.0001', [0.00001] = '1e-05', [1.5e-7] = '1.5e-07',
      [1e300] = '1e+300', [-2.5] = '-2.5', [1 / 3] = '0.3333333333333333', [2 ^ 53] = '9007199254740992.0',
      [1.7976931348623157e308] = '1.7976931348623157e+308', [5e-324] = '5e-324', [math.huge] = 'Infinity',
      [-math.huge] = '-Infinity',
    }
    for value, text in pairs(cases) do
      assert.equal(text, ffi.string(C.codec_json_real_text(value, out)))
    end
    assert.equal('NaN', ffi.string(C.codec_json_real_text(0 / 0, out)))
    assert.equal('-0.0', ffi.string(C.codec_json_real_text(-1 / math.huge, out)))
  end)
end)
