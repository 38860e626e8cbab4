--- The oracle: every operation over a list of rows, slow and obvious. Property tests of all engines
--- (agg/ir.h, agg/frame.h) compare with it.
---
---   oracle.answer(part, data, ts, rows)      value of a plan's part over those rows
---   oracle.at(part, data, ts, rule, at)      value at an instant: rows with tail <= ts < at
---   oracle.tail(part, rule, at)              the tail; rule is 'sawtooth', 'daily' or 'exact'
---   oracle.same(part, x, y)                  equality of two answers, doubles to 1e-9 relative
---
--- `part` is a struct agg_part, data[j + 1][i] the value of input column j in row i as
--- spec/support/cols.lua writes values (FLOAT: rounded to float already), ts[i] its instant as a
--- Lua number (nil where the plan needs none), rows a list of row numbers in order of arrival.
--- Answers are values of part.output.
---
--- The order of arrival matters only where instants are equal:
---   FIRST, LAST      the row that arrived first wins (as upstream)
---   FIRST_K          earlier arrivals first: the first k rows by (ts, arrival)
---   LAST_K           later arrivals first: the last k rows by (ts, arrival), backwards
--- Upstream leaves the K cases to the order of a shuffle and a heap (golden case gb_ties).
---
--- What is decided here where upstream is inconsistent, random or unspecified (the engines agree):
---   APPROX_UNIQUE_COUNT   the ICON estimate over distinct coupons (agg/sketch.h)
---   APPROX_PERCENTILE     exact: sorted[floor(f * n)]; KLL agrees while n <= k
---   APPROX_HISTOGRAM_K    exact: the k largest counts, ties by key bytes; the stored form agrees
---                         while it has not dropped an entry (agg/op_approx_histogram.h)
---   HISTOGRAM with k      ties at the cut by key bytes
---   UNIQUE_COUNT          of BINARY: by content
---   TOP_K, BOTTOM_K       with NaN: the greatest; -0.0 < 0.0
---   element-wise          an empty list is ignored, like a null one
local ffi = require('ffi')
local C = require('spec.support.cdef').load('agg/plan.h', 'agg/sketch.h')
local cols = require('spec.support.cols')
local K = cols.kinds
local null = cols.null

local M = {}

local function is_float(t) return t.kind == K.float or t.kind == K.double end
local function is_bytes(t) return t.kind == K.string or t.kind == K.binary end

-- ---- values ---------------------------------------------------------------------------------

--- Java's String.compareTo: by UTF-16 units, in which characters beyond U+FFFF are surrogates
--- (D800..DFFF) and so come before U+E000..U+FFFF.
local function utf16_less(x, y)
  for i = 1, math.min(#x, #y) do
    local a, b = x:byte(i), y:byte(i)
    if a ~= b then
      if a >= 0xee and b >= 0xee and (a >= 0xf0) ~= (b >= 0xf0) then return a >= 0xf0 end
      return a < b
    end
  end
  return #x < #y
end

--- Java's Double.compare: NaN is the greatest, -0.0 less than 0.0.
local function double_less(x, y)
  if x ~= x or y ~= y then return x == x end
  if x == 0 and y == 0 then return 1 / x < 1 / y end
  return x < y
end

local function less_of(t)
  if is_bytes(t) then return utf16_less end
  if is_float(t) then return double_less end
  return function(x, y) return x < y end
end

ffi.cdef('int snprintf(char *, size_t, const char *, ...);')
local digits_of = ffi.new('char[64]')

--- Java's Double.toString: the shortest digits that read back, in its two layouts.
local function java_double(x)
  if x ~= x then return 'NaN' end
  if x == math.huge then return 'Infinity' end
  if x == -math.huge then return '-Infinity' end
  if x == 0 then return 1 / x < 0 and '-0.0' or '0.0' end
  local text
  for precision = 0, 16 do
    -- C's rounding, half to even as Java's; LuaJIT's own string.format rounds half up.
    C.snprintf(digits_of, 64, '%.*e', ffi.cast('int', precision), ffi.cast('double', x))
    text = ffi.string(digits_of)
    if tonumber(text) == x then break end
  end
  local sign, head, tail, exponent = text:match('^(-?)(%d)%.?(%d*)e([+-]%d+)$')
  local e, digits = tonumber(exponent), head .. tail
  if e >= -3 and e < 7 then
    if e < 0 then return sign .. '0.' .. ('0'):rep(-e - 1) .. digits end
    digits = digits .. ('0'):rep(e + 1 - #digits)
    local fraction = digits:sub(e + 2)
    return sign .. digits:sub(1, e + 1) .. '.' .. (fraction == '' and '0' or fraction)
  end
  return sign .. head .. '.' .. (tail == '' and '0' or tail) .. 'E' .. e
end
M.java_double = java_double

local function text_of(t, v)
  if is_bytes(t) then return v end
  if is_float(t) then return java_double(v) end
  return (tostring(0LL + v):gsub('LL$', ''))
end

local function number(v) return tonumber(v) end

--- FLOAT as the C type rounds it.
local function to_float(v) return ffi.new('float[1]', { tonumber(v) })[0] end

-- ---- operations: f(part, values, ts) over the non-null inputs in order of arrival, never none ----

local ops = {}

ops.COUNT = function(_, values) return 0LL + #values end

ops.SUM = function(part, values)
  local sum = is_float(part.value) and 0 or 0LL
  for _, v in ipairs(values) do
    if type(v) == 'boolean' then v = v and 1 or 0 end
    sum = sum + v
  end
  return sum
end

local function mean_of(values)
  local sum = 0
  for _, v in ipairs(values) do sum = sum + number(v) end
  return sum / #values
end

ops.AVERAGE = function(_, values) return mean_of(values) end

--- Sums of the 2nd, 3rd and 4th powers of distances from the mean.
local function moments(values)
  local mean, equal = mean_of(values), true
  for _, v in ipairs(values) do
    if number(v) ~= number(values[1]) then equal = false end
  end
  if equal and math.abs(mean) < math.huge then return 0, 0, 0 end
  local m2, m3, m4 = 0, 0, 0
  for _, v in ipairs(values) do
    local d = number(v) - mean
    m2, m3, m4 = m2 + d ^ 2, m3 + d ^ 3, m4 + d ^ 4
  end
  return m2, m3, m4
end

ops.VARIANCE = function(_, values) return (moments(values)) / #values end

ops.SKEW = function(_, values)
  local m2, m3 = moments(values)
  if #values < 3 or m2 == 0 then return 0 / 0 end
  return math.sqrt(#values) * m3 / m2 ^ 1.5
end

ops.KURTOSIS = function(_, values)
  local m2, _, m4 = moments(values)
  if #values < 4 or m2 == 0 then return 0 / 0 end
  return #values * m4 / m2 ^ 2 - 3
end

local function extreme(part, values, wanted_less)
  local best = values[1]
  for _, v in ipairs(values) do
    if is_float(part.value) and v ~= v then return v end
    if wanted_less(v, best) then best = v end
  end
  return best
end

ops.MIN = function(part, values) return extreme(part, values, less_of(part.value)) end
ops.MAX = function(part, values)
  local less = less_of(part.value)
  return extreme(part, values, function(x, y) return less(y, x) end)
end

ops.FIRST = function(_, values, ts)
  local best = 1
  for i = 2, #values do if ts[i] < ts[best] then best = i end end
  return values[best]
end

ops.LAST = function(_, values, ts)
  local best = 1
  for i = 2, #values do if ts[i] > ts[best] then best = i end end
  return values[best]
end

--- The first k of order, which sorts indexes of values.
local function first_k(part, values, before)
  local order, out = {}, {}
  for i = 1, #values do order[i] = i end
  table.sort(order, before)
  for i = 1, math.min(part.k, #values) do out[i] = values[order[i]] end
  out.n = #out
  return out
end

ops.FIRST_K = function(part, values, ts)
  return first_k(part, values, function(i, j)
    if ts[i] ~= ts[j] then return ts[i] < ts[j] end
    return i < j
  end)
end

ops.LAST_K = function(part, values, ts)
  return first_k(part, values, function(i, j)
    if ts[i] ~= ts[j] then return ts[i] > ts[j] end
    return i > j
  end)
end

ops.BOTTOM_K = function(part, values)
  local less = less_of(part.value)
  return first_k(part, values, function(i, j) return less(values[i], values[j]) end)
end

ops.TOP_K = function(part, values)
  local less = less_of(part.value)
  return first_k(part, values, function(i, j) return less(values[j], values[i]) end)
end

local function distinct(part, values)
  local seen, n = {}, 0
  for _, v in ipairs(values) do
    local key = is_bytes(part.value) and v or cols.show(v)
    if not seen[key] then seen[key], n = true, n + 1 end
  end
  return n
end

ops.UNIQUE_COUNT = function(part, values) return 0LL + distinct(part, values) end

ops.BOUNDED_UNIQUE_COUNT = function(part, values)
  return 0LL + math.min(distinct(part, values), part.k)
end

ops.APPROX_UNIQUE_COUNT = function(part, values)
  local seen, n = {}, 0
  for _, v in ipairs(values) do
    local coupon
    if is_bytes(part.value) then
      coupon = C.agg_cpc_coupon_bytes(part.k, v, #v)
    elseif is_float(part.value) then
      coupon = C.agg_cpc_coupon_double(part.k, v)
    else
      coupon = C.agg_cpc_coupon_long(part.k, v)
    end
    coupon = tonumber(coupon)
    if coupon >= 0 and not seen[coupon] then seen[coupon], n = true, n + 1 end
  end
  return 0LL + math.floor(C.agg_cpc_icon(part.k, n))
end

ops.APPROX_PERCENTILE = function(part, values)
  local kept = {}
  for _, v in ipairs(values) do
    local f = to_float(v)
    if f == f then kept[#kept + 1] = f end
  end
  if #kept == 0 then return null end
  table.sort(kept)
  local out = { n = part.n_percentiles }
  for i = 1, part.n_percentiles do
    local position = math.floor(part.percentiles[i - 1] * #kept)
    out[i] = kept[math.min(position, #kept - 1) + 1]
  end
  return out
end

--- Entries { text, count } of the values, ordered by count, then bytes.
local function counted(part, values)
  local counts, entries = {}, {}
  for _, v in ipairs(values) do
    local text = text_of(part.value, v)
    counts[text] = (counts[text] or 0) + 1
  end
  for text, count in pairs(counts) do entries[#entries + 1] = { text, count } end
  table.sort(entries, function(x, y)
    if x[2] ~= y[2] then return x[2] > y[2] end
    return x[1] < y[1]
  end)
  return entries
end

local function largest(entries, k)
  local out = {}
  for i = 1, k > 0 and math.min(k, #entries) or #entries do out[i] = entries[i] end
  return out
end

ops.HISTOGRAM = function(part, values) return largest(counted(part, values), part.k) end

ops.APPROX_HISTOGRAM_K = function(part, values)
  local out = largest(counted(part, values), part.k)
  for i, e in ipairs(out) do out[i] = { e[1], 0LL + e[2] } end
  return out
end

-- ---- shapes -----------------------------------------------------------------------------------

local function run(part, inputs)
  local values, ts = {}, {}
  for i, input in ipairs(inputs) do values[i], ts[i] = input[1], input[2] end
  return ops[ffi.string(C.agg_op_name(part.op))](part, values, ts)
end

--- What one row feeds to a single state: a list of { value, ts }.
local function fed(part, v, ts)
  if v == null then return {} end
  if part.shape ~= C.AGG_SHAPE_EXPLODE then return { { v, ts } } end
  local out = {}
  for i = 1, v.n or #v do
    if v[i] ~= null then out[#out + 1] = { v[i], ts } end
  end
  return out
end

--- Runs each key's inputs; nil groups give null.
local function run_groups(part, groups)
  if groups == nil then return null end
  local out = {}
  for key, inputs in pairs(groups) do out[#out + 1] = { key, run(part, inputs) } end
  return cols.sorted(out)
end

local function add(groups, key, input)
  groups[key] = groups[key] or {}
  table.insert(groups[key], input)
end

local function per_map_key(part, column, ts, rows)
  local groups
  for _, i in ipairs(rows) do
    if column[i] ~= null then
      groups = groups or {}
      for _, pair in ipairs(column[i]) do
        if pair[2] ~= null then add(groups, pair[1], { pair[2], ts[i] }) end
      end
    end
  end
  return run_groups(part, groups)
end

local function per_bucket(part, column, buckets, ts, rows)
  local groups
  for _, i in ipairs(rows) do
    if buckets[i] ~= null then
      for _, input in ipairs(fed(part, column[i], ts[i])) do
        groups = groups or {}
        add(groups, buckets[i], input)
      end
    end
  end
  return run_groups(part, groups)
end

local function per_element(part, column, ts, rows)
  local groups
  for _, i in ipairs(rows) do
    local v = column[i]
    local n = v ~= null and (v.n or #v) or 0
    if n > 0 then
      groups = groups or { n = n }
      assert(groups.n == n, 'Tensor dimensions must match')
      for e = 1, n do
        assert(v[e] ~= null, 'null element')
        add(groups, e, { v[e], ts[i] })
      end
    end
  end
  if groups == nil then return null end
  local out = { n = groups.n }
  for e = 1, groups.n do out[e] = run(part, groups[e]) end
  return out
end

local function sane(part, v)
  if v ~= null and is_float(part.output) and (v ~= v or math.abs(v) == math.huge) then return null end
  return v
end

function M.answer(part, data, ts, rows)
  local column = data[part.input + 1]
  ts = ts or {}
  if part.shape == C.AGG_SHAPE_MAP then return per_map_key(part, column, ts, rows) end
  if part.shape == C.AGG_SHAPE_ELEMENTS then return per_element(part, column, ts, rows) end
  if part.bucket >= 0 then
    return per_bucket(part, column, data[part.bucket + 1], ts, rows)
  end
  local inputs = {}
  for _, i in ipairs(rows) do
    for _, input in ipairs(fed(part, column[i], ts[i])) do inputs[#inputs + 1] = input end
  end
  if #inputs == 0 then return null end
  return sane(part, run(part, inputs))
end

-- ---- windows ----------------------------------------------------------------------------------

--- floor(x, hop) as Chronon divides: toward zero.
local function align(x, hop)
  local quotient = x / hop
  return (quotient < 0 and math.ceil(quotient) or math.floor(quotient)) * hop
end

function M.tail(part, rule, at)
  if part.window_ms == 0 then return -math.huge end
  local tail = at - tonumber(part.window_ms)
  if rule == 'sawtooth' then return align(tail, tonumber(part.hop_ms)) end
  if rule == 'daily' then return align(tail, 86400000) end
  assert(rule == 'exact', rule)
  return tail
end

function M.at(part, data, ts, rule, at)
  local tail, rows = M.tail(part, rule, at), {}
  for i = 1, #data[part.input + 1] do
    if ts == nil or (ts[i] >= tail and ts[i] < at) then rows[#rows + 1] = i end
  end
  return M.answer(part, data, ts, rows)
end

function M.same(part, x, y) return cols.same(part.output, x, y, 1e-9) end

return M
