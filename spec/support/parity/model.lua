--- The naive oracle of whole batch jobs: a case in, the rows of its output table out. Written from
--- the spec of Chronon's batch jobs: scan ranges and hours by step, which snapshot a left row sees,
--- null keys, rows that exist. It goes row by row and sorts nothing.
---
--- Decisions where upstream leaves a choice (docs/reference/conformance.md): a NULL string in a
--- key of several columns groups with the empty string in GroupBy backfills; in joins a row with a
--- NULL key matches nothing; an event without an instant is in no window.
local base = require('spec.support.parity.base')
local joins = require('spec.support.parity.joins')

local M = {}
for _, room in ipairs({ base, joins }) do
  for name, f in pairs(room) do M[name] = f end
end

-- ---- GroupBys -----------------------------------------------------------------------------------

local function group_by_day(gb, rows, day, out)
  local function add(keys, row)
    local line = M.derived(gb, row)
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
  for _, g in pairs(M.snapshot(gb, rows, day, false)) do add(g.keys, M.named(gb, g.out, g.keys)) end
end

--- Days that each input has; nil where one has every day or is not asked.
local function input_days(case, gb, last)
  local inputs = {}
  for i, src in ipairs(gb.sources) do
    if src.join then case.compute(src, last) end
    inputs[i] = not src.cumulative and (src.join and case.inner(src).have or M.table_days(case.tables[src.table])) or nil
    if not inputs[i] then return nil end
  end
  return inputs
end

local function group_by(case)
  local gb, have, out = case.group_by, {}, {}
  for _, run in ipairs(case.runs) do
    case.run = run
    local inputs = input_days(case, gb, run.stop)
    for _, step in ipairs(M.steps_of(run.start or gb.start, run.stop, have, inputs, run)) do
      local rows = M.scan(case, gb, step[1], step[2])
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

--- Adds what joins that are sources need: `compute(src, last)` backfills one, `inner(src)` has its
--- rows and days.
local function with_inner(case)
  local states = {}
  function case.inner(src)
    if not states[src] then states[src] = { have = {}, rows = {} } end
    return states[src]
  end
  function case.compute(src, last)
    local state, out = case.inner(src), {}
    local run = setmetatable({ step_days = math.huge }, { __index = case.run }) -- steps are the outer job's
    local scope = setmetatable({ join = src.join, left_names = M.left_names(src.join), run = run }, { __index = case })
    M.run(scope, last, nil, state.have, out)
    local columns = M.columns(src.join)
    for _, line in ipairs(out) do
      local row = {}
      for i, name in ipairs(columns) do row[name] = line[i] end
      row.__day = row.ds and M.day_of_ds(row.ds)
      state.rows[#state.rows + 1] = row
    end
  end
end

local function join(case)
  local have, out = {}, {}
  case.left_names = M.left_names(case.join)
  for _, run in ipairs(case.runs) do
    case.run = run
    M.run(case, run.stop, run.start, have, out)
  end
  return M.columns(case.join), out, #case.left_names
end

--- The tables that a case reads, as a set of numbers.
function M.tables_used(case)
  local used, join_uses = {}, nil
  local function group_by_uses(gb)
    for _, src in ipairs(gb.sources) do
      if src.join then join_uses(src.join) else used[src.table] = true end
      if src.mutations then used[src.mutations] = true end
    end
  end
  function join_uses(j)
    used[j.left.table] = true
    for _, part in ipairs(j.parts) do group_by_uses(part.gb) end
    for _, boot in ipairs(j.boots or {}) do used[boot.table] = true end
  end
  if case.join then join_uses(case.join) else group_by_uses(case.group_by) end
  return used
end

--- @return string[] columns, table[] rows arrays of values, integer how many columns identify a row
function M.expected(case)
  local scope = setmetatable({}, { __index = case })
  with_inner(scope)
  if case.join then return join(scope) end
  return group_by(scope)
end

return M
