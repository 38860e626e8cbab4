-- stream/json_scan.h beside codec/json.h, which says what is JSON and what it means.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('stream/json_scan.h', 'codec/json.h')
local seed = require('spec.support.seed')

local function text_of(v) return ffi.string(v.text, v.len) end

local function unescaped(v)
  local buf = ffi.new('struct chn_buf')
  C.json_scan_unescape(v, buf)
  local s = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return s
end

--- A value read by the scanner as text in which equal values are equal.
local show_scanned
local function show_members(v)
  local s, key, value, parts = ffi.new('struct json_scan'), ffi.new('struct json_value'), ffi.new('struct json_value'), {}
  C.json_scan_enter(s, v)
  while C.json_scan_member(s, key, value) do
    local name = unescaped(key)
    assert(C.json_scan_is(key, name, #name) and not C.json_scan_is(key, name .. 'x', #name + 1))
    parts[#parts + 1] = ('%q:%s'):format(name, show_scanned(value))
  end
  assert(s.failure == nil)
  return '{' .. table.concat(parts, ',') .. '}'
end

function show_scanned(v)
  local kind = tonumber(v.kind)
  if kind == tonumber(C.JSON_NULL) then return 'null' end
  if kind == tonumber(C.JSON_BOOL) then return tostring(v.boolean) end
  if kind == tonumber(C.JSON_INT) then return 'int ' .. tostring(v.integer) .. ' ' .. text_of(v) end
  if kind == tonumber(C.JSON_REAL) then return ('real %.17g %s'):format(C.json_scan_real(v), text_of(v)) end
  if kind == tonumber(C.JSON_STRING) then return ('%q'):format(unescaped(v)) end
  if kind == tonumber(C.JSON_OBJECT) then return show_members(v) end
  local s, value, parts = ffi.new('struct json_scan'), ffi.new('struct json_value'), {}
  C.json_scan_enter(s, v)
  while C.json_scan_element(s, value) do parts[#parts + 1] = show_scanned(value) end
  assert(s.failure == nil)
  return '[' .. table.concat(parts, ',') .. ']'
end

local function show_parsed(v)
  local kind = tonumber(v.kind)
  if kind == C.CODEC_JSON_NULL then return 'null' end
  if kind == C.CODEC_JSON_BOOL then return tostring(v.as.boolean) end
  if kind == C.CODEC_JSON_INT then return 'int ' .. tostring(v.as.integer) .. ' ' .. ffi.string(v.text, v.text_len) end
  if kind == C.CODEC_JSON_REAL then return ('real %.17g %s'):format(v.as.real, ffi.string(v.text, v.text_len)) end
  if kind == C.CODEC_JSON_STRING then return ('%q'):format(ffi.string(v.text, v.text_len)) end
  local object, parts = kind == C.CODEC_JSON_OBJECT, {}
  for i = 0, v.n - 1 do
    local m = v.members[i]
    parts[i + 1] = (object and ('%q:'):format(ffi.string(m.key)) or '') .. show_parsed(m.value)
  end
  return (object and '{' or '[') .. table.concat(parts, ',') .. (object and '}' or ']')
end

--- In memory of its own, so that AddressSanitizer sees a byte too many.
local function exact(text)
  local bytes = ffi.gc(ffi.cast('char *', C.chn_malloc(math.max(#text, 1))), ffi.C.free)
  ffi.copy(bytes, text, #text)
  return bytes
end

local function scanned(text)
  local s, v = ffi.new('struct json_scan'), ffi.new('struct json_value')
  local bytes = exact(text)
  C.json_scan_init(s, bytes, #text)
  local good = C.json_scan_value(s, v) and C.json_scan_at_end(s)
  assert(s.failure == nil or not good)
  local shown = good and show_scanned(v) or nil
  return shown, bytes
end

local function parsed(text)
  local arena, err = ffi.new('struct arena'), ffi.new('struct chn_err')
  local out = ffi.new('const struct codec_json *[1]')
  local shown
  local good = C.codec_json_parse(arena, text, #text, 'doc', out, err) == C.CHN_OK
  if good then shown = show_parsed(out[0]) end
  C.arena_deinit(arena)
  return shown, not good and ffi.string(err.msg) or nil
end

--- What only a whole document knows, or would cost every message.
local function excused(why)
  return why:find('stands twice', 1, true) or why:find('NUL character', 1, true)
    or why:find('beyond the range of double', 1, true)
end

local function check(text, note)
  local got, want, why = scanned(text), parsed(text)
  if want == nil and excused(why) then return end
  if got ~= want then
    error(('%s\n%q\nscanned %s\nparsed  %s %s'):format(note or '', text, tostring(got), tostring(want), why or ''), 2)
  end
end

local ATOMS = { '0', '-0', '-1', '12', '9223372036854775807', '9223372036854775808', '-9223372036854775808',
  '-9223372036854775809', '18446744073709551616', '99999999999999999999', '1.5', '-0.0', '1e5', '1E+05', '1.25e-7',
  '5.0', 'true', 'false', 'null', '""', '"a"', '"a longer text, of more than eight"', '"\\u00e9\\ud83d\\ude00"', '"é😀"',
  '"tab\\tquote\\"slash\\\\"', '"1234567\\n"', '"12345678"', '"\\u0000"' }

local function document(random, depth)
  local kind = depth > 4 and 1 or random(1, 4)
  if kind <= 2 then return ATOMS[random(1, #ATOMS)] end
  local parts, blank = {}, ({ '', '', ' ', '\n\t\r ' })[random(1, 4)]
  for i = 1, random(0, 4) do
    parts[i] = blank .. (kind == 3 and '' or ('"k%d%s"%s:'):format(i, ({ '', '\\u0041', 'é' })[random(1, 3)], blank))
      .. blank .. document(random, depth + 1)
  end
  return (kind == 3 and '[' or '{') .. table.concat(parts, blank .. ',') .. blank .. (kind == 3 and ']' or '}')
end

describe('JSON scanner', function()
  it('reads what the parser reads', function()
    local random, n = seed.random('json scan documents')
    for _ = 1, 3000 do check(document(random, 0), 'seed ' .. n) end
  end)

  it('refuses what the parser refuses', function()
    for _, text in ipairs({
      '', ' ', '{', '[', '[1,]', '{"a":1,}', '{,}', '[,1]', '{"a" 1}', '{a:1}', '[1 2]', '{"a":1', '01', '-', '-01', '1.',
      '.5', '1e', '1e+',
      '+1', 'NaN', 'Infinity', 'nul', 'truex', '1 1', '"abc', '"abc\\"', '"a\nb"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\ud800"',
      '"\\ud800\\n"', '"\\ud800\\u0041"', '"\\ud800\\ue000"', '"\\udc00"', '"\255"', '"\192\128"', '"\237\160\128"',
      '"\244\144\128\128"', '"\195"',
      '"\\\0"', '"a\0b"', '\0', '1\0', '"\\', '"\\u', '"\\ud83d\\', '{"a":}', '{"a"}',
      '{"a":1 "b":2}', '{1:2}', '[}', '{]', ']', '/**/1', "'a'",
      '\239\187\1911', ('['):rep(201) .. (']'):rep(201), ('['):rep(100000), ('{"a":'):rep(100000),
    }) do
      assert.is_nil((scanned(text)), text:sub(1, 40))
      assert.is_nil((parsed(text)), text:sub(1, 40))
    end
    check(('['):rep(200) .. (']'):rep(200))
  end)

  it('agrees on mutated documents', function()
    local random, n = seed.random('json scan mutations')
    local pieces = { '', '"', '{', '}', '[', ']', '\\', '\\u', '\255', '\195', '0', '-', '.', 'e', ',',
      ':', 'null', '\0', '\\\0', ' ', '\127' }
    for _ = 1, 6000 do
      local text = document(random, 0)
      for _ = 1, random(1, 3) do
        local at = random(1, #text + 1)
        text = text:sub(1, at - 1) .. pieces[random(1, #pieces)] .. text:sub(at + random(0, 2))
      end
      check(text, 'seed ' .. n)
    end
  end)

  it('survives hostile bytes and every cut of a document', function()
    local random, n = seed.random('json scan bytes')
    for _ = 1, 3000 do
      local bytes = {}
      for i = 1, random(0, 40) do
        bytes[i] = random(1, 3) == 1 and string.char(random(0,
          255)) or ('{}[]",:\\u0123456789eE+-. truefalsn'):sub(random(1, 33)):sub(1, 1)
      end
      check(table.concat(bytes), 'seed ' .. n)
    end
    local whole = '{"a":[1,-2.5e3,"x\\ud83d\\ude00é\\n"],"b":{"c":true,"d":null},"e":"0123456789abcdef"}'
    for cut = 0, #whole do check(whole:sub(1, cut)) end
  end)

  it('knows integers however they are written', function()
    local random, n = seed.random('json integers')
    local function integer(text)
      local s, v, out = ffi.new('struct json_scan'), ffi.new('struct json_value'), ffi.new('int64_t[1]')
      C.json_scan_init(s, text, #text)
      assert(C.json_scan_value(s, v), text)
      return C.json_scan_integer(v, out) and tostring(out[0]) or nil
    end
    for _ = 1, 3000 do
      -- A number of at most 18 digits, with its point moved and zeros put around it.
      local digits = tostring(random(1, 999999999)) .. (random(1, 2) == 1 and tostring(random(0, 999999999)) or '')
      local sign, zeros, point = random(1, 2) == 1 and '-' or '', random(0, 4), random(1, #digits)
      local text = ('%s%s.%s%se%d'):format(sign, digits:sub(1, point), digits:sub(point + 1), ('0'):rep(zeros + 1),
        #digits - point)
      assert.equal(sign .. digits .. 'LL', integer(text), ('seed %d: %s'):format(n, text))
      local broken = digits:gsub('0+$', '')
      assert.is_nil(integer(('%s%se-%d'):format(sign, broken, 1)), ('seed %d'):format(n))
    end
    assert.equal('-9223372036854775808LL', integer('-9223372036854775808e0'))
    assert.equal('9223372036854775807LL', integer('0.9223372036854775807e19'))
    for _, text in ipairs({ '9223372036854775808.0', '1e19', '-1e19', '1e2147483648', '1e-1', '0.1',
      '1e99999999999999999999' }) do
      assert.is_nil(integer(text), text)
    end
    assert.equal('0LL', integer('0e99999999999999999999'))
    assert.equal('0LL', integer('-0.000'))
  end)
end)
