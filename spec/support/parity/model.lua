--- The naive oracle of whole batch jobs: a case in, the rows of its output table out. Written from
--- the spec of Chronon's batch jobs: scan ranges and hours by step, which snapshot a left row sees,
--- null keys, rows that exist. It goes row by row and sorts nothing.
---
--- Decisions where upstream leaves a choice (docs/reference/conformance.md): a NULL string in a
--- key of several columns groups with the empty string in GroupBy backfills; in joins a row with a
--- NULL key matches nothing; an event without an instant is in no window.
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

-- ---- tables -------------------------------------------------------------------------------------

--- Rows of a table in the order in which a scan meets them, as name -> value with `__day`.
local function table_rows(t)
  if t.cache then return t.cache end
  local out = {}
  for i, values in ipairs(t.rows) do
    local row = { __order = i }
    for c, column in ipairs(t.columns) do row[column[1]] = values[c] end
    row.__day = values.day
    row[t.pcol] = M.ds_of(values.day)
    out[i] = row
  end
  if t.hive then
    table.sort(out, function(x, y)
      if x.__day ~= y.__day then return x.__day < y.__day end
      return x.__order < y.__order
    end)
  end
  return out
end

local function table_days(t)
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

--- Rows { row =, ts = number or nil, day = } of a GroupBy's sources for a query range.
local function scan(case, gb, first, last)
  local out = {}
  for _, src in ipairs(gb.sources) do
    local t = case.tables[src.table]
    local from, to = source_range(gb, src, t, first, last)
    for _, row in ipairs(table_rows(t)) do
      if from and row.__day >= from and row.__day <= to and expr.all(src.wheres, row) then
        local ts = instant_of(gb, src, row)
        local some_key = false
        local picked = selected(gb, src, row)
        for _, k in ipairs(gb.keys) do some_key = some_key or picked[k] ~= null end
        if some_key and ts ~= null then
          out[#out + 1] = { row = picked, ts = ts and tonumber(ts), day = row.__day }
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
local function answer(plan, rows, rule, at)
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
      if not rule or (ts[i] >= tail and ts[i] < at) then picked[#picked + 1] = i end
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

-- ---- GroupBys -----------------------------------------------------------------------------------

local function group_by_day(gb, rows, day, out)
  local function add(keys, row)
    local line = derived(gb, row)
    for i = #gb.keys, 1, -1 do table.insert(line, 1, keys[i]) end
    line[#line + 1] = M.ds_of(day)
    out[#out + 1] = line
  end
  if not gb.aggs then
    for _, r in ipairs(rows) do
      if r.day == day then
        local keys = {}
        for i, k in ipairs(gb.keys) do keys[i] = r.row[k] end
        add(keys, r.row)
      end
    end
    return
  end
  for _, g in pairs(snapshot(gb, rows, day, false)) do add(g.keys, named(gb, g.out, g.keys)) end
end

local function group_by(case)
  local gb, have, out = case.group_by, {}, {}
  local inputs = {}
  for i, src in ipairs(gb.sources) do
    if src.cumulative then inputs = nil break end
    inputs[i] = table_days(case.tables[src.table])
  end
  for _, run in ipairs(case.runs) do
    for _, step in ipairs(steps_of(run.start or gb.start, run.stop, have, inputs, run)) do
      local rows = scan(case, gb, step[1], step[2])
      for day = step[1], step[2] do
        local before = #out
        group_by_day(gb, rows, day, out)
        if #out > before then have[day] = true end
      end
    end
  end
  local columns = {}
  for i, k in ipairs(gb.keys) do columns[i] = k end
  for _, c in ipairs(M.outputs(gb)) do columns[#columns + 1] = c[1] end
  columns[#columns + 1] = 'ds'
  return columns, out, #gb.keys
end

-- ---- joins --------------------------------------------------------------------------------------

local function left_key(part, key)
  for left, right in pairs(part.mapping or {}) do
    if right == key then return left end
  end
  return key
end
M.left_key = left_key

function M.prefix(part)
  return (part.prefix and part.prefix .. '_' or '') .. part.gb.name
end

--- x NOT IN (values), in three values.
local function not_in(v, values)
  if v == null then return null end
  for _, x in ipairs(values) do if v == x then return false end end
  return true
end

--- Skew filter: OR over the keys that `name_of` finds; true where there is none.
local function passes_skew(skew, value_of)
  local any, n = false, 0
  for _, s in ipairs(skew or {}) do
    local v = value_of(s.key)
    if v ~= nil then
      n = n + 1
      any = any or not_in(v, s.values) == true
    end
  end
  return n == 0 or any
end

local function left_rows(case, first, last)
  local left, out = case.join.left, {}
  for _, row in ipairs(table_rows(case.tables[left.table])) do
    if row.__day >= first and row.__day <= last and expr.all(left.wheres, row) then
      local picked = {}
      for _, s in ipairs(left.selects) do picked[s[1]] = expr.value(s[2], row) end
      picked.ds, picked.__day = row[case.tables[left.table].pcol], row.__day
      if not left.entities then picked.ts = row[left.time or 'ts'] end
      if passes_skew(case.join.skew, function(k) return picked[k] end) then out[#out + 1] = picked end
    end
  end
  return out
end

--- The day of the snapshot that a left row sees, nil without an instant.
local function snapshot_day(left, row)
  if left.entities then return row.__day end
  if row.ts == null then return nil end
  return M.day_of(row.ts) - 1
end

--- Features of a part for one left row: a list of rows of values.
local function temporal_part(gb, rows, left, keys)
  if left.ts == null then return {} end
  local mine = {}
  for _, r in ipairs(rows) do
    local same = true
    for i, k in ipairs(gb.keys) do same = same and r.row[k] == keys[i] end
    if same then mine[#mine + 1] = r end
  end
  local out = answer(M.plan(gb), mine, 'sawtooth', tonumber(left.ts))
  return { derived(gb, named(gb, out, keys)) }
end

local function plain_part(gb, rows, day, keys)
  local out = {}
  for _, r in ipairs(rows) do
    local same = r.day == day
    for i, k in ipairs(gb.keys) do same = same and r.row[k] == keys[i] end
    if same then out[#out + 1] = derived(gb, r.row) end
  end
  return out
end

--- The skew filter of a part, on its own keys (spec/05 §5.2).
local function part_skew(case, part, keys)
  return passes_skew(case.join.skew, function(name)
    for i, k in ipairs(part.gb.keys) do if left_key(part, k) == name then return keys[i] end end
  end)
end

--- A function from a left row to its rows of features.
local function part_of(case, part, lefts, first, last)
  local gb, left = part.gb, case.join.left
  local temporal = not left.entities and not gb.entities and gb.temporal
  if not temporal and not left.entities then
    first, last = math.huge, -math.huge
    for _, row in ipairs(lefts) do
      local day = snapshot_day(left, row)
      if day then first, last = math.min(first, day), math.max(last, day) end
    end
  end
  local rows = first <= last and scan(case, gb, first, last) or {}
  local snapshots = {}
  return function(row)
    local keys = {}
    for i, k in ipairs(gb.keys) do keys[i] = row[left_key(part, k)] end
    local text, day = key_text(keys, true), snapshot_day(left, row)
    if not text or not day or not part_skew(case, part, keys) then return {} end
    if temporal then return temporal_part(gb, rows, row, keys) end
    if not gb.aggs then return plain_part(gb, rows, day, keys) end
    snapshots[day] = snapshots[day] or snapshot(gb, rows, day, true)
    local g = snapshots[day][text]
    return g and { derived(gb, named(gb, g.out, keys)) } or {}
  end
end

--- Names of a join's values before its derivations.
function M.join_values(join)
  local names = {}
  for _, part in ipairs(join.parts) do
    for _, c in ipairs(M.outputs(part.gb)) do names[#names + 1] = M.prefix(part) .. '_' .. c[1] end
  end
  return names
end

--- One left row times the rows of every part.
local function combine(parts, row, i, line, each)
  if i > #parts then return each(line) end
  local found = parts[i].of(row)
  if #found == 0 then found = { {} } end
  for _, values in ipairs(found) do
    local more = {}
    for j, v in ipairs(line) do more[j] = v end
    for j = 1, parts[i].n do more[#more + 1] = values[j] == nil and null or values[j] end
    combine(parts, row, i + 1, more, each)
  end
end

local function join_step(case, step, out, have)
  local join = case.join
  local lefts = left_rows(case, step[1], step[2])
  local parts = {}
  for i, part in ipairs(join.parts) do
    parts[i] = { of = part_of(case, part, lefts, step[1], step[2]), n = #M.outputs(part.gb) }
  end
  local values = M.join_values(join)
  local columns = expr.derive(join.derivations, values)
  for _, row in ipairs(lefts) do
    have[row.__day] = true
    combine(parts, row, 1, {}, function(line)
      local all = setmetatable({}, { __index = row })
      for j, name in ipairs(values) do all[name] = line[j] end
      local final = {}
      for _, name in ipairs(case.left_names) do final[#final + 1] = row[name] end
      for _, c in ipairs(columns) do final[#final + 1] = expr.value(c[2], all) end
      final[#final + 1] = row.ds
      out[#out + 1] = final
    end)
  end
end

local function join(case)
  local j, have, out = case.join, {}, {}
  case.left_names = {}
  for i, s in ipairs(j.left.selects) do case.left_names[i] = s[1] end
  if not j.left.entities then table.insert(case.left_names, 'ts') end
  local inputs = { table_days(case.tables[j.left.table]) }
  local first_left = math.huge
  for day in pairs(inputs[1]) do first_left = math.min(first_left, day) end
  for _, run in ipairs(case.runs) do
    local stop = math.min(run.stop, j.left.stop or math.huge)
    local start = run.start or j.left.start or first_left
    for _, step in ipairs(steps_of(start, stop, have, inputs, run)) do join_step(case, step, out, have) end
  end
  local columns = {}
  for i, name in ipairs(case.left_names) do columns[i] = name end
  for _, c in ipairs(expr.derive(j.derivations, M.join_values(j))) do columns[#columns + 1] = c[1] end
  columns[#columns + 1] = 'ds'
  return columns, out, #case.left_names
end

--- @return string[] columns, table[] rows arrays of values, integer how many columns identify a row
function M.expected(case)
  if case.join then return join(case) end
  return group_by(case)
end

return M
