--- What the oracle of batch jobs is made of: tables, scans, aggregates, steps. See model.lua.
local ffi = require('ffi')
local agg = require('spec.support.agg')
local cols = require('spec.support.cols')
local oracle = require('spec.support.oracle')
local expr = require('spec.support.parity.expr')
local null = cols.null

local M = {}

local DAY = 86400000

function M.day_of(ms) return math.floor(tonumber(ms) / DAY) end
function M.ds_of(day) return os.date('!%Y-%m-%d', day * 86400) end

local known_days = {}

--- @param ds string a day that ds_of gave
function M.day_of_ds(ds)
  for day = 19500, 20000 do
    if known_days[ds] then break end
    known_days[M.ds_of(day)] = day
  end
  return known_days[ds]
end

-- ---- tables -------------------------------------------------------------------------------------

--- Rows of a table in the order in which a scan meets them, as name -> value with `__day`.
local function table_rows(t)
  if t.cache then return t.cache end
  local out = {}
  for i, values in ipairs(t.rows) do
    local row = { __order = i }
    for c, column in ipairs(t.columns) do row[column[1]] = values[c] end
    if t.pcol then
      row.__day = values.day
      row[t.pcol] = M.ds_of(values.day)
    end
    out[i] = row
  end
  t.cache = out
  if t.hive then
    table.sort(out, function(x, y)
      if x.__day ~= y.__day then return x.__day < y.__day end
      return x.__order < y.__order
    end)
  end
  return out
end

--- The days of a table; nil for one without partitions, which has every day.
local function table_days(t)
  if not t.pcol then return nil end
  local days = {}
  for _, values in ipairs(t.rows) do days[values.day] = true end
  return days
end

local function last_day(t)
  local last
  for _, values in ipairs(t.rows) do last = math.max(last or values.day, values.day) end
  return last
end

-- ---- scans --------------------------------------------------------------------------------------

local function window_ms(text)
  local n, unit = text:match('^(%d+)([dh])$')
  return tonumber(n) * (unit == 'd' and DAY or DAY / 24)
end

--- How far back rows reach: nil when something is unbounded.
local function reach_of(gb)
  local most = 0
  if not gb.aggs then return nil end
  for _, a in ipairs(gb.aggs) do
    if not a.windows or #a.windows == 0 then return nil end
    for _, w in ipairs(a.windows) do most = math.max(most, window_ms(w)) end
  end
  return most
end

local function source_range(gb, src, t, first, last)
  if src.cumulative then
    local day = src.stop or last_day(t)
    return day, day
  end
  if t and not t.pcol then return -math.huge, math.huge end
  local from = first
  if not gb.entities then
    local reach = reach_of(gb)
    from = reach and M.day_of((first - 1) * DAY - reach) or -math.huge
  end
  return math.max(from, src.start or -math.huge), math.min(last, src.stop or math.huge)
end

local function instant_of(gb, src, row)
  if src.time then return row[src.time] end
  if gb.entities then return nil end
  if gb.temporal then return row.ts end
  return 0LL + (row.__day + 1) * DAY - 1
end

--- Selected columns of a source row: selects, and the keys.
local function selected(gb, src, row)
  local out = {}
  if not src.selects then
    for k, v in pairs(row) do out[k] = v end
  else
    for _, s in ipairs(src.selects) do out[s[1]] = expr.value(s[2], row) end
    for _, k in ipairs(gb.keys) do if out[k] == nil then out[k] = row[k] end end
  end
  return out
end

--- Rows of a source, whether a table's or a join's.
local function source_rows(case, src)
  if src.join then return case.inner(src).rows end
  return table_rows(case.tables[src.table])
end

--- Rows { row =, ts = number or nil, day = } of a GroupBy's sources for a query range; of the
--- tables of mutations with `mutations`.
local function scan(case, gb, first, last, mutations)
  local out = {}
  for _, src in ipairs(gb.sources) do
    local t = case.tables[src.table]
    local from, to = source_range(gb, src, t, first, last)
    for _, row in ipairs(mutations and table_rows(case.tables[src.mutations]) or source_rows(case, src)) do
      local day = row.__day
      if from and (not day or (day >= from and day <= to)) and expr.all(src.wheres, row) then
        local ts = instant_of(gb, src, row)
        local some_key = false
        local picked = selected(gb, src, row)
        for _, k in ipairs(gb.keys) do some_key = some_key or picked[k] ~= null end
        if some_key and ts ~= null then
          out[#out + 1] = { row = picked, ts = ts and tonumber(ts), day = day,
            mtime = row.mtime and row.mtime ~= null and tonumber(row.mtime), before = row.before }
        end
      end
    end
  end
  return out
end

-- ---- keys ---------------------------------------------------------------------------------------

--- The text of a key tuple; with `exact` nil where any column is NULL.
local function key_text(values, exact)
  local parts = {}
  for i, v in ipairs(values) do
    if v == null and exact then return nil end
    parts[i] = v == null and 'null' or cols.show(v)
  end
  return table.concat(parts, '|')
end

local function keys_of(gb, row)
  local out = {}
  for i, k in ipairs(gb.keys) do
    out[i] = row[k]
    if #gb.keys > 1 and gb.key_types[i] == 'string' and out[i] == null then out[i] = '' end
  end
  return out
end

-- ---- aggregates ---------------------------------------------------------------------------------

function M.plan(gb)
  if not gb.plan then
    local defs = {}
    for i, a in ipairs(gb.aggs) do
      defs[i] = { a.col, a.op, windows = a.windows, buckets = a.buckets, args = a.args,
                  element_wise = a.element_wise }
    end
    local plan, message = agg.plan(gb.fields, defs)
    if not plan then return nil, message end
    gb.plan = plan
  end
  return gb.plan
end

--- Every part of the plan over rows: of those, the ones in a window that ends at `at`. `rule` nil
--- looks at no time at all.
--- `among` instead says of a part and a row whether it counts.
local function answer(plan, rows, rule, at, among)
  local data, ts = {}, {}
  for j = 0, plan.inputs.n_fields - 1 do
    local name = ffi.string(plan.inputs.fields[j].name)
    local column = {}
    for i, r in ipairs(rows) do
      column[i] = r.row[name]
      if name == 'ts' then column[i] = 0LL + r.ts end
    end
    data[j + 1] = column
  end
  for i, r in ipairs(rows) do ts[i] = r.ts end
  local out, any = {}, false
  for j = 0, plan.n_parts - 1 do
    local part = plan.parts[j]
    local picked = {}
    local tail = rule and oracle.tail(part, rule, at)
    for i = 1, #rows do
      local counts
      if among then counts = among(part, rows[i])
      else counts = not rule or (ts[i] >= tail and ts[i] < at) end
      if counts then picked[#picked + 1] = i end
    end
    out[j + 1] = oracle.answer(part, data, ts, picked)
    any = any or out[j + 1] ~= null
  end
  return out, any
end

--- A snapshot of a day: key text -> { keys = values, out = answers }; rows that are not there have
--- no row in the table (spec/04 §4).
local function snapshot(gb, rows, day, exact)
  local groups, order = {}, {}
  for _, r in ipairs(rows) do
    if not gb.entities or r.day == day then
      local values = exact and {} or keys_of(gb, r.row)
      if exact then for i, k in ipairs(gb.keys) do values[i] = r.row[k] end end
      local text = key_text(values, exact)
      if text then
        if not groups[text] then
          groups[text] = { keys = values, rows = {} }
          order[#order + 1] = text
        end
        table.insert(groups[text].rows, r)
      end
    end
  end
  local plan = M.plan(gb)
  local rule = not gb.entities and 'daily' or plan.has_window and 'exact' or nil
  local found = {}
  for _, text in ipairs(order) do
    local g = groups[text]
    local out, any = answer(plan, g.rows, rule, (day + 1) * DAY)
    if gb.entities or any then
      g.out = out
      found[text] = g
    end
  end
  return found
end

--- Names of a GroupBy's own output columns, before derivations.
function M.base_names(gb)
  local names = {}
  if gb.aggs then
    local plan = M.plan(gb)
    for j = 0, plan.n_parts - 1 do names[j + 1] = ffi.string(plan.parts[j].name) end
  else
    for _, s in ipairs(gb.sources[1].selects) do names[#names + 1] = s[1] end
  end
  return names
end

--- Output columns { name, form } after derivations.
function M.outputs(gb) return expr.derive(gb.derivations, M.base_names(gb)) end

local function named(gb, answers, keys)
  local row = {}
  for i, name in ipairs(M.base_names(gb)) do row[name] = answers[i] end
  for i, k in ipairs(gb.keys) do row[k] = keys[i] end
  return row
end

local function derived(gb, row)
  local out = {}
  for i, column in ipairs(M.outputs(gb)) do out[i] = expr.value(column[2], row) end
  return out
end

-- ---- steps --------------------------------------------------------------------------------------

--- Steps { first, last } of missing days.
local function steps_of(first, last, have, inputs, run)
  local oldest
  for day in pairs(have) do oldest = math.min(oldest or day, day) end
  local steps, open = {}, nil
  for day = first, last do
    local present = not inputs
    for _, days in ipairs(inputs or {}) do present = present or days[day] end
    local expired = oldest and not run.first_hole and day < oldest
    if have[day] or not present or expired then
      open = nil
    elseif not open or open[2] - open[1] + 1 == run.step_days then
      open = { day, day }
      steps[#steps + 1] = open
    else
      open[2] = day
    end
  end
  return steps
end

M.table_rows, M.table_days, M.scan = table_rows, table_days, scan
M.key_text, M.answer, M.snapshot, M.named, M.derived, M.steps_of = key_text, answer, snapshot, named, derived, steps_of

return M
