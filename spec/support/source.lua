--- Sources of messages (stream/source.h) as Lua objects.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('stream/source.h')

local M = {}

--- Where options say, instead of an offset.
M.NOWHERE = -0x7fffffffffffffffLL - 1

local EVENTS = {
  [tonumber(C.STREAM_IDLE)] = 'idle',
  [tonumber(C.STREAM_MESSAGES)] = 'messages',
  [tonumber(C.STREAM_ASSIGNED)] = 'assigned',
  [tonumber(C.STREAM_REVOKED)] = 'revoked',
  [tonumber(C.STREAM_END)] = 'end',
}

local Source = {}
Source.__index = Source

local function text(p, len)
  if p ~= nil then return ffi.string(p, len) end
end

--- @param kept? boolean the messages are not given back: `release` of the answer does
--- @return table poll event, messages, partitions, lost; or nil and the error's message and code
function Source:poll(wait_ms, most, most_bytes, kept)
  local out, err = ffi.new('struct stream_poll'), ffi.new('struct chn_err')
  if C.source_poll(self.handle, most or 100000, most_bytes or 1e9, wait_ms or 0, out, err) ~= 0 then
    return nil, ffi.string(err.msg), tonumber(err.code)
  end
  local poll = { event = EVENTS[tonumber(out.event)], messages = {}, partitions = {}, lost = out.lost }
  for i = 0, tonumber(out.n) - 1 do
    local m = out.messages[i]
    poll.messages[i + 1] = {
      partition = m.partition,
      offset = tonumber(m.offset),
      ts = m.ts ~= M.NOWHERE and tonumber(m.ts) or nil,
      data = text(m.data, m.len),
      key = text(m.key, m.key_len),
    }
  end
  for i = 0, out.n_partitions - 1 do poll.partitions[i + 1] = out.partitions[i] end
  table.sort(poll.partitions)
  if kept then
    poll.raw = out
    poll.release = function() C.source_release(self.handle, out) end
  elseif out.n > 0 then
    C.source_release(self.handle, out)
  end
  return poll
end

jit.off(Source.poll) -- it may call back into Lua

--- @return string? message, integer? code of the failure
function Source:start(partition, offset)
  local err = ffi.new('struct chn_err')
  if C.source_start(self.handle, partition, offset or M.NOWHERE, err) ~= 0 then
    return ffi.string(err.msg), tonumber(err.code)
  end
end

function Source:pause(on) C.source_pause(self.handle, on) end
function Source:committed(partition, offset) C.source_committed(self.handle, partition, offset) end
function Source:lag(partition, offset) return tonumber(C.source_lag(self.handle, partition, offset or M.NOWHERE)) end
function Source:pace(ts) C.source_pace(self.handle, ts) end

function Source:close()
  C.source_close(self.handle)
  self.handle = nil
end

--- @return table? source, string? message, integer? code
function M.opened(open)
  local out, err = ffi.new('struct stream_source *[1]'), ffi.new('struct chn_err')
  if open(out, err) ~= 0 then return nil, ffi.string(err.msg), tonumber(err.code) end
  return setmetatable({ handle = out[0] }, Source)
end

--- @param options? table of struct source_file_options
function M.file(path, options)
  local o = ffi.new('struct source_file_options', options or {})
  return M.opened(function(out, err) return C.source_file_open(path, o, out, err) end)
end

return M
