--- Makes a failing case small: keeps every cut after which it still fails.
local cols = require('spec.support.cols')
local model = require('spec.support.parity.model')

local M = {}

--- A copy without what was computed (plans, caches).
local function copy(v)
  if type(v) ~= 'table' or v == cols.null then return v end
  local out = {}
  for k, x in pairs(v) do
    if k ~= 'plan' and k ~= 'cache' and k ~= 'left_names' and k ~= 'run' then out[k] = copy(x) end
  end
  return out
end
M.copy = copy

--- Calls visit(list, least) for every list of a case that may lose elements.
local function lists(case, visit)
  for _, t in ipairs(case.tables) do visit(t.rows, 0) end
  visit(case.runs, 1)
  local join
  local function group_by(gb)
    visit(gb.sources, 1)
    if gb.aggs then visit(gb.aggs, 1) end
    if gb.derivations then visit(gb.derivations, 0) end
    for _, a in ipairs(gb.aggs or {}) do
      if a.windows then visit(a.windows, 1) end
    end
    for _, s in ipairs(gb.sources) do
      if s.wheres then visit(s.wheres, 0) end
      if s.join then join(s.join) end
    end
  end
  function join(j)
    visit(j.parts, 1)
    for _, name in ipairs({ 'skew', 'external', 'boots' }) do
      if j[name] then visit(j[name], name == 'boots' and 0 or 1) end
    end
    for _, b in ipairs(j.boots or {}) do visit(b.columns, 1) end
    if j.derivations then visit(j.derivations, 0) end
    if j.left.wheres then visit(j.left.wheres, 0) end
    for _, p in ipairs(j.parts) do group_by(p.gb) end
  end
  if case.group_by then group_by(case.group_by) end
  if case.join then join(case.join) end
end

--- Simplifications of single fields: { function(case) -> changed? }.
local FIELDS = {
  -- Tables that nothing reads keep their place, without rows.
  function(c)
    local used, changed = model.tables_used(c), false
    for i, t in ipairs(c.tables) do
      if not used[i] and #t.rows > 0 then t.rows, changed = {}, true end
    end
    return changed
  end,
}
for _, name in ipairs({ 'skew', 'external' }) do
  FIELDS[#FIELDS + 1] = function(c)
    local had = c.join and c.join[name]
    if had then c.join[name] = nil end
    return had
  end
end
for _, f in ipairs({ { 'memory', 0 }, { 'spill', 0 }, { 'threads', 1 }, { 'step_days', 30 }, { 'first_hole' },
                     { 'start' } }) do
  FIELDS[#FIELDS + 1] = function(c)
    local changed = false
    for _, run in ipairs(c.runs) do
      if run[f[1]] ~= f[2] then run[f[1]], changed = f[2], true end
    end
    return changed
  end
end
FIELDS[#FIELDS + 1] = function(c)
  local changed = false
  for _, t in ipairs(c.tables) do if t.hive then t.hive, changed = false, true end end
  return changed
end

local function nth_list(case, n)
  local found, least, i = nil, nil, 0
  lists(case, function(list, l)
    i = i + 1
    if i == n then found, least = list, l end
  end)
  return found, least
end

--- @param fails fun(case): boolean
--- @param budget integer runs at most
function M.shrink(case, fails, budget)
  local function try(change)
    if budget <= 0 then return false end
    local next_case = copy(case)
    if not change(next_case) then return false end
    budget = budget - 1
    local ok, bad = pcall(fails, next_case)
    if ok and bad then
      case = next_case
      return true
    end
    return false
  end
  local progress = true
  while progress and budget > 0 do
    progress = false
    for _, f in ipairs(FIELDS) do progress = try(f) or progress end
    local n = 1
    while nth_list(case, n) do
      local size = #nth_list(case, n)
      local chunk = math.max(1, math.floor(size / 2))
      while chunk >= 1 do
        local from = 1
        while true do
          local list, least = nth_list(case, n)
          if not list or from > #list then break end
          local cut = math.min(chunk, #list - from + 1)
          if #list - cut < least then break end
          local at = from
          local done = try(function(c)
            local l = nth_list(c, n)
            for _ = 1, cut do table.remove(l, at) end
            return true
          end)
          progress = done or progress
          if not done then from = from + chunk end
        end
        chunk = chunk == 1 and 0 or math.floor(chunk / 2)
      end
      n = n + 1
    end
  end
  return case
end

return M
