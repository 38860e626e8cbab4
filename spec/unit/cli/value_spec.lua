local ffi = require('ffi')
local C = require('spec.support.cdef').load('cli/value.h')
local cols = require('spec.support.cols')

local arena = cols.arena()

local function texts(type, value)
  local t = cols.type(arena, type)
  local b, buf = cols.builder(t), ffi.new('struct chn_buf')
  cols.append(b, t, value)
  C.cli_value_print(buf, C.row_builder_col(b), 0)
  local shown = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_clear(buf)
  local w = ffi.new('struct codec_json_writer')
  C.codec_json_writer_init(w, buf, 1)
  C.cli_value_json(w, C.row_builder_col(b), 0)
  local json = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return { shown, json }
end

describe('cli value', function()
  for _, case in ipairs({
    { 'boolean', true, 'true', 'true' },
    { 'byte', -7, '-7', '-7' },
    { 'long', 9007199254740993LL, '9007199254740993', '9007199254740993' },
    { 'float', 0.1, '0.1', '0.1' },
    { 'float', 16777216, '16777216.0', '16777216.0' },
    { 'double', 0.1, '0.1', '0.1' },
    { 'double', 5, '5.0', '5.0' },
    { 'double', 0 / 0, 'NaN', '"NaN"' },
    { 'double', -1 / 0, '-Infinity', '"-Infinity"' },
    { 'string', 'a "b"', 'a "b"', '"a \\"b\\""' },
    { 'string', '', '', '""' },
    { 'string', cols.null, 'NULL', 'null' },
    { 'binary', '\0\255', '00ff', '"00ff"' },
    { 'date', -1, '1969-12-31', '"1969-12-31"' },
    { 'timestamp', 1704103200000000LL, '2024-01-01 10:00:00', '"2024-01-01 10:00:00"' },
    { 'timestamp', 1704103200500000LL, '2024-01-01 10:00:00.500', '"2024-01-01 10:00:00.500"' },
    { 'timestamp', -1LL, '1969-12-31 23:59:59.999999', '"1969-12-31 23:59:59.999999"' },
    { 'list<long>', { 1LL, cols.null, 3LL, n = 3 }, '[1, NULL, 3]', '[1, null, 3]' },
    { 'list<string>', {}, '[]', '[]' },
    { 'map<string,double>', { { 'a', 1.5 } }, '{a: 1.5}', '{"a": 1.5}' },
    { 'map<long,string>', { { 7LL, 'x' } }, '{7: x}', '{"7": "x"}' },
    { 'struct<a:int,b:string>', { a = 1, b = 'x' }, '{a: 1, b: x}', '{"a": 1, "b": "x"}' },
  }) do
    it(case[1] .. ' ' .. case[3], function() assert.same({ case[3], case[4] }, texts(case[1], case[2])) end)
  end
end)
