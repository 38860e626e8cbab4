local ffi = require('ffi')
local C = require('spec.support.cdef').load('base/buf.h')

local function buf(max)
  return ffi.gc(ffi.new('struct chn_buf', { max = max }), C.chn_buf_deinit)
end

local function text(b) return ffi.string(C.chn_buf_str(b)) end

describe('base buffer', function()
  it('holds as many bytes as its ceiling says, and a NUL', function()
    local b = buf(4)
    C.chn_buf_adds(b, 'ab')
    C.chn_buf_addf(b, '%d', ffi.cast('int', 42))
    assert.equal('ab42', text(b))
    assert.equal(4, tonumber(b.len))
    assert.is_false(b.truncated)
  end)

  local over = {
    chn_buf_add = function(b) C.chn_buf_add(b, 'cde', 3) end,
    chn_buf_adds = function(b) C.chn_buf_adds(b, 'cde') end,
    chn_buf_addf = function(b) C.chn_buf_addf(b, '%s', 'cde') end,
    chn_buf_extend = function(b) assert.is_true(C.chn_buf_extend(b, 3) == nil) end,
  }
  for name, append in pairs(over) do
    it('keeps what it had before the append over the ceiling, and drops all later ones: ' .. name, function()
      local b = buf(4)
      C.chn_buf_adds(b, 'ab')
      append(b)
      assert.is_true(b.truncated)
      C.chn_buf_addc(b, ('f'):byte())
      assert.equal('ab', text(b))
      C.chn_buf_clear(b)
      C.chn_buf_addc(b, ('f'):byte())
      assert.equal('f', text(b))
      assert.is_false(b.truncated)
    end)
  end

  it('is as it was before when it is emptied of everything', function()
    local b = buf(4)
    C.chn_buf_adds(b, 'abcde')
    C.chn_buf_deinit(b)
    assert.is_false(b.truncated)
    assert.equal(4, tonumber(b.max))
  end)

  -- Nothing of 1 GiB is allocated: it is refused before.
  it('ends the process over 1 GiB where nobody has said that he looks', function()
    local child = [[
      local ffi = require('ffi')
      local C = require('spec.support.cdef').load('base/buf.h')
      local b = ffi.new('struct chn_buf')
      C.chn_buf_adds(b, 'ab')
      print(C.chn_buf_extend(b, 2^30 - 1))
    ]]
    local pipe = io.popen(("luajit -e '%s' 2>&1; echo $?"):format(child:gsub("'", '"')))
    local said = pipe:read('*a')
    pipe:close()
    assert.equal('chronon: a text or value of more than 1 GiB (2 bytes and 1073741823 more)\n1\n', said)
  end)
end)
