local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('codec/base64.h')

local function encode(bytes)
  local buf = ffi.new('struct chn_buf')
  C.codec_base64_encode(bytes, #bytes, buf)
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return text
end

--- @return string|false
local function decode(text)
  local buf = ffi.new('struct chn_buf')
  C.chn_buf_adds(buf, 'before ')
  local ok = C.codec_base64_decode(text, #text, buf)
  local bytes = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  assert.equal('before ', bytes:sub(1, 7))
  if not ok then assert.equal('before ', bytes) end
  return ok and bytes:sub(8)
end

describe('base64', function()
  it('is as RFC 4648 has it, both ways', function()
    local vectors = {
      [''] = '', f = 'Zg==', fo = 'Zm8=', foo = 'Zm9v', foob = 'Zm9vYg==', fooba = 'Zm9vYmE=', foobar = 'Zm9vYmFy',
      ['\0\255\254>?'] = 'AP/+Pj8=',
    }
    for bytes, text in pairs(vectors) do
      assert.equal(text, encode(bytes))
      assert.equal(bytes, decode(text))
    end
  end)

  it('takes text without padding, as Java does', function()
    assert.equal('foob', decode('Zm9vYg'))
    assert.equal('fooba', decode('Zm9vYmE'))
  end)

  it('refuses what is none and leaves the buffer as it was', function()
    for _, text in ipairs { 'Z', 'Zm9vY', 'Zm 9', 'Zm9v\n', 'Zg=', 'Z===', '====', 'Zm9_', 'Zg==Zg==' } do
      assert.is_false(decode(text), text)
    end
  end)

  it('gives back any bytes', function()
    local seed = os.time()
    math.randomseed(seed)
    for _ = 1, 500 do
      local bytes = {}
      for i = 1, math.random(0, 40) do bytes[i] = string.char(math.random(0, 255)) end
      local all = table.concat(bytes)
      assert.equal(all, decode(encode(all)), 'seed ' .. seed)
    end
  end)
end)
