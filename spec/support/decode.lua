--- Runs stream decoders over messages: what the specs of src/stream/decode*.c share.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('stream/decode.h', 'stream/reject.h', 'codec/base64.h')
local cols = require('spec.support.cols')
local json = require('dkjson')

local M = { C = C, cols = cols }

--- What a decoder and an evaluation refuse: `list` has { reason, message, offset }.
function M.rejects(stop)
  local r = { list = {} }
  r.put = ffi.cast('chn_status (*)(void *, const char *, size_t, struct chn_err *)', function(_, text, len)
    local o = json.decode(ffi.string(text, len))
    table.insert(r.list, { o.reason, o.message, o.offset })
    return 0
  end)
  r.flush = ffi.cast('chn_status (*)(void *, struct chn_err *)', function() return 0 end)
  r.sink = ffi.new('struct reject_sink', { put = r.put, flush = r.flush })
  r.options = ffi.new('struct reject_options',
    { topic = 'clicks', group_by = 'team.gb.v1', bad = r.sink, late = r.sink, stop = stop or false })
  r.c = ffi.gc(C.stream_rejects_new(r.options), C.stream_rejects_free)
  return r
end

--- Messages of a list of strings; M.null is a tombstone. `ts` is the broker's time.
function M.messages(texts, ts)
  local list = ffi.new('struct stream_message[?]', #texts + 1)
  for i, text in ipairs(texts) do
    list[i - 1].partition, list[i - 1].offset = 0, 100 + i
    list[i - 1].ts = ts or ffi.new('int64_t', -2 ^ 63)
    if text ~= cols.null then
      list[i - 1].data, list[i - 1].len = ffi.cast('const void *', ffi.cast('const char *', text)), #text
    end
  end
  return list
end

--- Bytes as base64.
function M.base64(bytes)
  local buf = ffi.new('struct chn_buf')
  C.codec_base64_encode(bytes, #bytes, buf)
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return text
end

--- @param o table topic (string after the name), columns, entities, lines, folder
--- @return table? decoder, string? why
function M.open(o)
  local arena = cols.arena()
  local topic = ffi.new('struct stream_topic')
  cdef.check(C.stream_topic_parse, arena, 'clicks' .. (o.topic and '/' .. o.topic or ''), topic)
  local d = { rejects = M.rejects(o.stop), arena = arena, topic = topic }
  d.options = ffi.new('struct decode_options',
    { topic = topic, folder = o.folder, columns = cols.schema(arena, o.columns), entities = o.entities or false,
      lines = o.lines or false })
  local out, err = ffi.new('struct stream_decoder *[1]'), ffi.new('struct chn_err')
  local status = C.stream_decoder_open(d.options, out, err)
  if status ~= C.CHN_OK then return nil, ffi.string(err.msg), status end
  d.c = ffi.gc(out[0], C.stream_decoder_close)
  d.columns = C.stream_decoder_columns(d.c)
  return d
end

--- The rows of texts, each as one line `a=1 b="x"`, and what was rejected as "offset reason: why".
function M.run(d, texts, ts)
  local out, err = ffi.new('struct decoded'), ffi.new('struct chn_err')
  d.rejects.list = {}
  local status = C.stream_decode(d.c, M.messages(texts, ts), #texts, d.rejects.c, out, err)
  assert(status == C.CHN_OK, ffi.string(err.msg))
  local rows, from = {}, {}
  for r = 0, tonumber(out.n) - 1 do
    local parts = {}
    for i = 0, d.columns.n_fields - 1 do
      parts[i + 1] = ffi.string(d.columns.fields[i].name) .. '=' .. cols.show(cols.read(out.cols[i], r))
    end
    rows[r + 1], from[r + 1] = table.concat(parts, ' '), out.from[r]
  end
  for i = 0, d.columns.n_fields - 1 do assert(tonumber(out.cols[i].count) == tonumber(out.n), 'a ragged column') end
  local rejected = {}
  for i, x in ipairs(d.rejects.list) do rejected[i] = x[2] end
  return rows, rejected, from
end
jit.off(M.run, true)

return M
