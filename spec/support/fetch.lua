--- Fetches for specs: a store filled by the spec, a fetcher, requests and answers as JSON.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('fetcher/fetcher.h', 'fetcher/fetch_json.h', 'codec/avro.h', 'agg/batch_ir.h')
local cols = require('spec.support.cols')
local json = require('dkjson')
local kv = require('spec.support.kv')

local M = { C = C, null = json.null, INFO = 'group_by_serving_info' }

local serial = 0

--- A new store in memory.
function M.store()
  serial = serial + 1
  return kv.open(('memory:fetch%d'):format(serial))
end

--- "GOLDEN_UP_GB_V1" .. suffix
function M.dataset(name, suffix) return (name:gsub('[^%w_]', '_')):upper() .. suffix end

--- Puts values by key at one time, as an upload does. `info` is the serving info, a table or its text.
function M.upload(store, name, values, info, end_ms)
  values[M.INFO] = type(info) == 'table' and json.encode(info) or info
  store:bulk(M.dataset(name, '_BATCH'), end_ms, values)
end

local Fetcher = {}
Fetcher.__index = Fetcher

--- @param options table? fields of struct fetcher_options
function M.open(store, options)
  local o = ffi.new('struct fetcher_options', options or {})
  local out, session = ffi.new('struct fetcher *[1]'), ffi.new('struct fetch_session *[1]')
  cdef.check(C.fetcher_open, store.ptr, o, out)
  cdef.check(C.fetch_session_open, out[0], session)
  return setmetatable({ f = out[0], session = session[0], json = C.fetch_json_new(), keep = options }, Fetcher)
end

function Fetcher:close()
  C.fetch_json_free(self.json)
  C.fetch_session_close(self.session)
  C.fetcher_close(self.f)
end

local function text_of(buf)
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return text
end

--- Writes the answer to what was read last. `form`: nil, 'detailed', or 'kept' for fetch_json_answer.
local function answer(self, request, form, out, err)
  if form == 'kept' then return C.fetch_json_answer(self.json, self.session, request, out, err) == C.CHN_OK end
  local result = ffi.new('struct fetch_result')
  local ok = C.fetch_run(self.session, request, 1, result, err) == C.CHN_OK
  form = form == 'detailed' and C.FETCH_JSON_DETAILED or C.FETCH_JSON_PLAIN
  if ok then C.fetch_json_write(self.json, result, form, out) end
  return ok
end

jit.off(answer) -- a handler of the spec may be called back, which compiled code cannot be

--- @return string? answer as text, string? message of a request that failed as a whole
function Fetcher:text(kind, name, body, at, form)
  local err, plan = ffi.new('struct chn_err'), ffi.new('const struct fetch_plan *[1]')
  local out = ffi.new('struct chn_buf')
  local k = kind == 'join' and C.FETCH_JOIN or C.FETCH_GROUP_BY
  if C.fetch_plan_get(self.session, k, name, plan, err) ~= C.CHN_OK then
    local why = ffi.string(err.msg)
    if kind == 'join' then return nil, why end
    if C.fetch_json_refuse(self.json, body, #body, why, C.FETCH_JSON_PLAIN, out, err) ~= C.CHN_OK then
      return nil, ffi.string(err.msg)
    end
    return text_of(out)
  end
  local request = ffi.new('struct fetch_request')
  local ok = C.fetch_json_read(self.json, plan[0], body, #body, request, err) == C.CHN_OK
  local times
  if ok then
    local n = tonumber(request.n)
    times = ffi.new('int64_t[?]', n + 1)
    for i = 0, n - 1 do times[i] = type(at) == 'table' and at[i + 1] or at or -0x8000000000000000LL end
    request.at = times
    ok = answer(self, request, form, out, err)
  end
  C.fetch_plan_release(plan[0])
  if not ok then return nil, ffi.string(err.msg) end
  return text_of(out)
end

--- @return integer rows that were answered without a fetch
function Fetcher:kept()
  local counts = ffi.new('struct fetcher_counts')
  C.fetcher_count(self.f, counts)
  return tonumber(counts.answers_kept)
end

--- Rows of typed keys: values[k][row], cols.null for a null. @return table[] by row { by feature = value }
--- with [1] = enum fetch_row, and the message of a row that failed.
function Fetcher:typed(kind, name, values, at)
  local plan, result = ffi.new('const struct fetch_plan *[1]'), ffi.new('struct fetch_result')
  cdef.check(C.fetch_plan_get, self.session, kind == 'join' and C.FETCH_JOIN or C.FETCH_GROUP_BY, name, plan)
  local columns, keep = cols.columns(C.fetch_plan_keys(plan[0]), values)
  local n = #at
  local times = ffi.new('int64_t[?]', n, at)
  local request = ffi.new('struct fetch_request', { plan = plan[0], n = n, keys = columns, at = times })
  cdef.check(C.fetch_run, self.session, request, 1, result)
  local out, features = {}, C.fetch_plan_features(plan[0])
  for r = 0, n - 1 do
    local row = { tonumber(result.rows[r]), result.row_errors[r] ~= nil and ffi.string(result.row_errors[r]) or nil }
    for c = 0, features.n_fields - 1 do
      if result.cells[c * n + r] ~= C.FETCH_ABSENT then
        local col = result.cols + c
        row[ffi.string(features.fields[c].name)] = result.cells[c * n + r] == C.FETCH_VALUE and cols.read(col, r)
          or cols.null
      end
    end
    out[r + 1] = row
  end
  assert(keep)
  C.fetch_plan_release(plan[0])
  return out
end

--- The rows of an answer, decoded; null is M.null. `keys` are tables, or the body's text.
function Fetcher:rows(kind, name, keys, at, form)
  local body = keys
  if type(keys) == 'table' then
    local list = setmetatable(keys, { __jsontype = 'array' })
    for _, row in ipairs(list) do setmetatable(row, { __jsontype = 'object' }) end
    body = json.encode(list)
  end
  local text, why = self:text(kind, name, body, at, form)
  if not text then return nil, why end
  local doc = assert(json.decode(text, 1, M.null), text)
  return doc.results, text
end

--- The features of one row.
function Fetcher:one(kind, name, keys, at)
  local rows = assert(self:rows(kind, name, { keys }, at))
  return rows[1] and (rows[1].features or rows[1].error)
end

return M
