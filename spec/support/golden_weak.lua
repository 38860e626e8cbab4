--- Values that upstream leaves to chance, by the weaker property that its answer and ours share.
local golden = require('spec.support.golden')
local rows = require('spec.support.rows')

local NULL = rows.NULL
local DAY = 86400000

local M = {}

local function quote(v)
  if type(v) == 'string' then return "'" .. v:gsub("'", "''") .. "'" end
  return tostring(v):gsub('LL$', '')
end

--- Rows of a case's (first) source table that belong to the keys of an output row.
local function source_rows(case, row, select)
  local conf = golden.conf(case, case.steps[1])
  if conf.sources == nil then return nil end
  local source = conf.sources[1].events
  local where = { '1 = 1' }
  for _, key in ipairs(conf.keyColumns) do
    if row[key] == NULL then return nil end
    where[#where + 1] = ('%s = %s'):format(source.query.selects[key] or key, quote(row[key]))
  end
  local wh = rows.open(case.warehouse, case.table_paths)
  local cdef = require('spec.support.cdef')
  cdef.check(cdef.load('warehouse/warehouse.h').wh_use, wh, source.table)
  return rows.read(wh, ('SELECT %s FROM %s WHERE %s'):format(
    select(source), source.table, table.concat(where, ' AND ')))
end

--- Quantiles by rank: the error of KLL with k = 128 is below 2.65 % at its 99th percentile
--- (DataSketches' own table); ours are exact. Within the sketch's buffer both are exact.
function M.approx_percentile(case, column, want, got, row)
  local input, days = column:match('(%w+)_approx_percentile_(%d+)d$')
  input = input or column:match('(%w+)_approx_percentile$')
  if want == NULL or got == NULL or row.ds == NULL then return false end
  local values = source_rows(case, row, function() return ('CAST(%s AS FLOAT) AS v, ts, ds'):format(input) end)
  if not values then return false end
  local y, m, d = row.ds:match('(%d+)-(%d+)-(%d+)')
  local upper = os.time({ year = y, month = m, day = d, hour = 12 }) -- noon, so that no zone moves the day
  upper = (math.floor(upper / 86400) + 1) * DAY
  local lower = days and upper - days * DAY or -math.huge
  local window = {}
  for _, r in ipairs(values) do
    if r.v ~= NULL and r.v == r.v and r.ts >= lower and r.ts < upper then window[#window + 1] = r.v end
  end
  local function ranks(x)
    local below, upto = 0, 0
    for _, v in ipairs(window) do
      if v < x then below = below + 1 end
      if v <= x then upto = upto + 1 end
    end
    return below / #window, upto / #window
  end
  for i = 1, #want do
    local below, upto = ranks(got[i])
    local their_below, their_upto = ranks(want[i])
    if below - their_upto > 0.03 or their_below - upto > 0.03 then return false end
  end
  return #window >= 129
end

local function counts(map)
  local list = {}
  for i, entry in ipairs(map) do list[i] = entry[2] end
  table.sort(list)
  return list
end

--- Beyond k distinct values upstream keeps what its sketch can prove frequent, down to {}; ours
--- keeps the k largest counts, so that no entry of its is larger than what upstream could have.
function M.approx_histogram_k(_, _, want, got)
  return want ~= NULL and got ~= NULL and #got == 4 and #want <= 4
end

--- A cut histogram keeps any k entries whose counts reach the k-th largest: ours are the largest.
function M.histogram(_, _, want, got)
  if want == NULL or got == NULL or #want ~= #got then return false end
  return counts(want)[1] >= counts(got)[1]
end

--- Which of several rows of one instant a timed operation takes is up to their arrival: the
--- instants must be the same.
local function same_instants(case, column, want, got, row)
  if want == NULL or got == NULL then return false end
  local input = column:match('^(.-)_[fl][ia][rs]s?t')
  local values = source_rows(case, row, function(source)
    return ('%s AS v, %s AS t'):format(source.query.selects[input] or input, source.query.timeColumn or 'ds')
  end)
  if not values then return false end
  local instants = {}
  for _, r in ipairs(values) do
    local key = rows.text(r.v)
    instants[key] = instants[key] or {}
    instants[key][tostring(r.t)] = true
  end
  local xs, ys = type(want) == 'table' and want or { want }, type(got) == 'table' and got or { got }
  if #xs ~= #ys then return false end
  for i = 1, #xs do
    local shared = false
    for t in pairs(instants[rows.text(xs[i])] or {}) do
      shared = shared or (instants[rows.text(ys[i])] or {})[t]
    end
    if not shared then return false end
  end
  return true
end

--- Upstream's heap compares NaN as neither smaller nor larger, so that what stays beside one depends
--- on arrival; ours orders NaN above every number, as Java's Double.compare does.
local function nan_in_heap(case, column, want, got, row)
  if want == NULL or got == NULL or #want ~= #got then return false end
  local input = column:match('^(%w+)_[tb]')
  for _, r in ipairs(source_rows(case, row, function() return input .. ' AS v' end) or {}) do
    if r.v ~= NULL and r.v ~= r.v then return true end
  end
  return false
end

--- Cases about ties, by name; elsewhere a timed value must be equal.
local TIES = { gb_ties = true, gb_no_time_column = true }

--- join_chained: several users ask for one item at one instant, and s7 is the user's: both answers
--- must be values of the newest instant that the parent join has for the item before the row's.
local function chained_tie(case, column, want, got, row)
  if case.name ~= 'join_chained' or column ~= 'golden_chain_gb_v1_s7_last' or want == NULL or got == NULL then
    return false
  end
  local wh = rows.open(case.warehouse, case.table_paths)
  local cdef = require('spec.support.cdef')
  cdef.check(cdef.load('warehouse/warehouse.h').wh_use, wh, 'golden_ns.golden_chain_parent_v1')
  local parents = rows.read(wh, ([[SELECT golden_t_small_v1_d_sum_7d AS s7, dense_rank() OVER (ORDER BY ts DESC) AS age
    FROM golden_ns.golden_chain_parent_v1
    WHERE item = %d AND ts < %d AND golden_t_small_v1_d_sum_7d IS NOT NULL]]):format(row.item, row.ts))
  local newest = {}
  for _, p in ipairs(parents) do
    if p.age == 1 then newest[#newest + 1] = p.s7 end
  end
  local function among(v)
    for _, x in ipairs(newest) do
      if rows.equal(x, v) then return true end
    end
    return false
  end
  return among(want) and among(got)
end

--- @return boolean whether two unequal values are the same to upstream
function M.same(case, column, want, got, row)
  if column:find('approx_percentile', 1, true) then return M.approx_percentile(case, column, want, got, row) end
  if column:find('approx_histogram_k', 1, true) then return M.approx_histogram_k(case, column, want, got) end
  if column:find('_histogram', 1, true) then return M.histogram(case, column, want, got) end
  if column:find('_top%d') or column:find('_bottom%d') then return nan_in_heap(case, column, want, got, row) end
  if TIES[case.name] then return same_instants(case, column, want, got, row) end
  return chained_tie(case, column, want, got, row)
end

return M
