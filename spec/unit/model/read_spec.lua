local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('model/read.h', 'model/json.h')

--- Reads a GroupBy as a person writes it.
--- @return string text compiled, or a message
local function read(text)
  local arena, err = ffi.new('struct arena'), ffi.new('struct chn_err')
  local doc = ffi.new('const struct codec_json *[1]')
  assert(C.codec_json_parse(arena, text, #text, 'doc', doc, err) == C.CHN_OK, ffi.string(err.msg))
  local g = ffi.new('struct model_group_by')
  local s = C.model_kind_struct(C.MODEL_GROUP_BY)
  local out
  if C.model_read_struct(arena, doc[0], s, C.MODEL_BY_PERSON, 'doc', g, err) == C.CHN_OK then
    local buf = ffi.new('struct chn_buf')
    assert(C.model_write_compact('GroupBy', g, buf, err) == C.CHN_OK)
    out = ffi.string(C.chn_buf_str(buf))
    C.chn_buf_deinit(buf)
  else
    out = ffi.string(err.msg)
  end
  C.arena_deinit(arena)
  return out
end

describe('what a person writes', function()
  it('may say true, name an enum, leave out by null and write {} for a list or a map', function()
    assert.equal('{"sources":[],"keyColumns":[],"accuracy":1,"isIncremental":1}',
      read('{"isIncremental":true,"accuracy":"snapshot","sources":{},"keyColumns":[],"metaData":null}'))
    assert.equal('{"metaData":{"tableProperties":{}},"sources":[],"keyColumns":[]}',
      read('{"metaData":{"tableProperties":[]},"sources":[],"keyColumns":[]}'))
  end)

  it('is checked all the same', function()
    assert.equal('doc:1:13: accuracy: EXACT is no Accuracy (0 to 1: TEMPORAL, SNAPSHOT)', read('{"accuracy":"EXACT"}'))
    assert.equal('doc:1:1: GroupBy needs the field "sources"', read('{"sources":null,"keyColumns":[]}'))
    assert.equal('doc:1:18: isIncremental: must be true or false, not a string', read('{"isIncremental":"yes"}'))
    assert.equal('doc:1:16: sources[1]: must be an object (Source), not an array', read('{   "sources":[[1]]}'))
  end)
end)
