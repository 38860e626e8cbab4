--- Frames for the specs of room agg: rows and queries in, answers as Lua values out.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/frame.h', 'agg/frame_int.h')
local cols = require('spec.support.cols')

local M = {}

local function int_array(ctype, list)
  local a = ffi.new(ctype .. '[?]', #list + 1)
  for i, v in ipairs(list) do a[i - 1] = v end
  return a
end

--- @param plan ffi.cdata*
--- @param rows table[] { key = , ts = , [1] = value of the plan's first input, [2] = ... }; a row
---   without ts makes a frame without time
--- @param opts table? n_keys, threads, batch (rows an append takes), task_cost
--- @return ffi.cdata* a sealed frame
function M.frame(plan, rows, opts)
  opts = opts or {}
  local f = ffi.gc(C.agg_frame_new(plan), C.agg_frame_free)
  local batch = opts.batch or 7
  local timed = #rows == 0 or rows[1].ts ~= nil
  local n_keys = opts.n_keys or 0
  for from = 1, #rows, batch do
    local keys, ts, values = {}, {}, {}
    for j = 1, plan.inputs.n_fields do values[j] = {} end
    for i = from, math.min(from + batch - 1, #rows) do
      local r = rows[i]
      keys[#keys + 1], ts[#ts + 1] = r.key, r.ts
      n_keys = math.max(n_keys, r.key + 1)
      for j = 1, plan.inputs.n_fields do values[j][#keys] = r[j] end
    end
    local columns, keep = cols.columns(plan.inputs, values)
    cdef.check(C.agg_frame_append, f, int_array('int32_t', keys),
      timed and int_array('int64_t', ts) or ffi.cast('int64_t *', nil), columns, #keys)
    assert(keep)
  end
  C.agg_frame_set_task_cost(f, opts.task_cost or 0)
  cdef.check(C.agg_frame_seal, f, n_keys, opts.threads or 1)
  return f
end

M.tails = { sawtooth = 0, daily = 1, exact = 2 }

--- @param queries table[] { { key, at }, ... } in order
--- @return table[] answers by query, then part
function M.ask(f, plan, queries, opts)
  opts = opts or {}
  local keys, at = {}, {}
  for i, q in ipairs(queries) do keys[i], at[i] = q[1], q[2] end
  local ckeys, cat = int_array('int32_t', keys), int_array('int64_t', at)
  local q = ffi.new('struct agg_queries', { ckeys, cat, #queries })
  local out = ffi.gc(ffi.new('struct agg_answers'), C.agg_answers_deinit)
  cdef.check(C.agg_frame_eval, f, q, M.tails[opts.tail or 'sawtooth'], opts.threads or 1, out)
  local answers = {}
  for i = 1, #queries do
    answers[i] = {}
    for j = 1, plan.n_parts do answers[i][j] = cols.read(out.cols + (j - 1), i - 1) end
  end
  return answers
end

return M
