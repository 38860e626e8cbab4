--- Plans for the specs of room agg.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/plan.h')
local cols = require('spec.support.cols')

local M = {}

M.ops = { 'MIN', 'MAX', 'FIRST', 'LAST', 'UNIQUE_COUNT', 'APPROX_UNIQUE_COUNT', 'COUNT', 'SUM',
          'AVERAGE', 'VARIANCE', 'SKEW', 'KURTOSIS', 'APPROX_PERCENTILE', 'LAST_K', 'FIRST_K',
          'TOP_K', 'BOTTOM_K', 'HISTOGRAM', 'APPROX_HISTOGRAM_K', 'BOUNDED_UNIQUE_COUNT' }

local function strings(arena, list)
  local out = ffi.cast('const char **', C.arena_calloc(arena, #list + 1, 8))
  for i, s in ipairs(list) do out[i - 1] = C.arena_strdup(arena, s) end
  return out
end

local function fill(arena, d, def)
  d.input_column = C.arena_strdup(arena, def[1])
  d.op = type(def[2]) == 'number' and def[2] or C['AGG_' .. def[2]]
  local names, texts = {}, {}
  for k, v in pairs(def.args or {}) do
    names[#names + 1], texts[#texts + 1] = k, tostring(v)
  end
  d.n_args, d.arg_names, d.arg_values = #names, strings(arena, names), strings(arena, texts)
  local windows = def.windows or {}
  local w = ffi.cast('struct agg_window *',
    C.arena_calloc(arena, #windows + 1, ffi.sizeof('struct agg_window')))
  for i, text in ipairs(windows) do
    local length, unit = text:match('^(-?%d+)([dh])$')
    w[i - 1].length, w[i - 1].hours = tonumber(length), unit == 'h'
  end
  d.windows, d.n_windows = w, #windows
  d.buckets, d.n_buckets = strings(arena, def.buckets or {}), #(def.buckets or {})
  d.element_wise = def.element_wise or false
end

--- Compiles definitions { { column, 'SUM', windows = { '7d' }, buckets = {...}, args = { k = 3 },
--- element_wise = true }, ... } over fields { { name, type text }, ... }.
--- @return ffi.cdata*? plan, ffi.cdata*|string arena the plan lives as long as the arena; without
---   a plan this is the message
function M.plan(fields, defs)
  local arena = cols.arena()
  local array = ffi.cast('struct agg_def *',
    C.arena_calloc(arena, #defs + 1, ffi.sizeof('struct agg_def')))
  for i, def in ipairs(defs) do fill(arena, array[i - 1], def) end
  local out, err = ffi.new('struct agg_plan *[1]'), ffi.new('struct chn_err')
  local status = C.agg_plan_new(arena, cols.schema(arena, fields), array, #defs, out, err)
  if status ~= C.CHN_OK then return nil, ffi.string(err.msg) end
  return out[0], arena
end

return M
