--- The oracle of joins, row by row. See model.lua.
local oracle = require('spec.support.oracle')
local base = require('spec.support.parity.base')
local cols = require('spec.support.cols')
local expr = require('spec.support.parity.expr')
local null = cols.null

local M = {}

local DAY = 86400000
local table_rows, table_days, scan = base.table_rows, base.table_days, base.scan
local key_text, answer, snapshot, named, derived = base.key_text, base.answer, base.snapshot, base.named, base.derived

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
  return base.day_of(row.ts) - 1
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
  local out = answer(base.plan(gb), mine, 'sawtooth', tonumber(left.ts))
  return { derived(gb, named(gb, out, keys)) }
end

--- What entities with mutations were at the instant of a left row (spec/04 §6): the snapshot of the
--- day before, then the day's mutations, each in the windows of the first query that follows it.
--- @param asked number[] instants of all queries of the key and day
local function mutated_part(gb, rows, left, keys, asked)
  local at = tonumber(left.ts)
  local begin = base.day_of(at) * DAY
  local mine = {}
  for _, r in ipairs(rows) do
    local same = true
    for i, k in ipairs(gb.keys) do same = same and r.row[k] == keys[i] end
    if same and r.snapshot and r.day == base.day_of(at) - 1 then mine[#mine + 1] = r end
    if same and not r.snapshot and r.day == base.day_of(at) and not r.before and r.mtime and r.mtime >= begin
      and r.mtime < at then
      mine[#mine + 1] = r
    end
  end
  local plan = base.plan(gb)
  --- Windows of one base and hop size share hops: what one has put there, each of them finds.
  local function in_hops(part, ts)
    for i = 0, plan.n_parts - 1 do
      local p = plan.parts[i]
      local tail = begin - tonumber(p.window_ms)
      if p.base == part.base and p.hop_ms == part.hop_ms and p.window_ms ~= 0 and ts > tail and ts < tail + 2 * DAY then
        return true
      end
    end
    return false
  end
  local function among(part, r)
    local window, hop = tonumber(part.window_ms), tonumber(part.hop_ms)
    local ts = r.ts or -math.huge
    if r.snapshot then
      local tail = begin - window
      if ts >= begin then return false end
      if window == 0 or ts >= tail + 2 * DAY then return true end
      local start = ts - ts % hop
      return in_hops(part, ts) and start >= oracle.tail(part, 'sawtooth', at) and start < tail + 2 * DAY
    end
    local follower = math.huge
    for _, q in ipairs(asked) do
      if q > r.mtime then follower = math.min(follower, q) end
    end
    return window == 0 or (ts >= oracle.tail(part, 'sawtooth', follower) and ts < follower)
  end
  local out = answer(plan, mine, nil, nil, among)
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

--- The days that a part reads for left rows, nil where no row asks anything.
local function asked_days(left, lefts)
  local first, last
  for _, row in ipairs(lefts) do
    local day = snapshot_day(left, row)
    if day then first, last = math.min(first or day, day), math.max(last or day, day) end
  end
  return first, last
end

--- The key and day of a left row as text, nil where it asks nothing.
local function question(part, left, row)
  local keys = {}
  for i, k in ipairs(part.gb.keys) do keys[i] = row[left_key(part, k)] end
  local text, day = key_text(keys, true), snapshot_day(left, row)
  if text and day then return text .. '@' .. day, day, keys, text end
end

--- A function from a left row to its rows of features by mutations.
local function mutations_of(case, part, lefts)
  local gb, left, asked = part.gb, case.join.left, {}
  local first, last = asked_days(left, lefts)
  local rows = first and scan(case, gb, first, last) or {}
  for _, r in ipairs(rows) do r.snapshot = true end
  for _, r in ipairs(first and scan(case, gb, first + 1, last + 1, true) or {}) do rows[#rows + 1] = r end
  for _, row in ipairs(lefts) do
    local text = question(part, left, row)
    if text then
      asked[text] = asked[text] or {}
      table.insert(asked[text], tonumber(row.ts))
    end
  end
  return function(row)
    local text, _, keys = question(part, left, row)
    return text and mutated_part(gb, rows, row, keys, asked[text]) or {}
  end
end

--- Joins that are sources of a GroupBy, through the day that a question of `last` sees.
local function compute_sources(case, gb, last)
  for _, src in ipairs(gb.sources) do
    if src.join then case.compute(src, last - (gb.temporal and not gb.entities and 1 or 0)) end
  end
end

--- A function from a left row to its rows of features.
local function part_of(case, part, lefts, first, last)
  local gb, left = part.gb, case.join.left
  if gb.mutations and not left.entities then return mutations_of(case, part, lefts) end
  local temporal = not left.entities and not gb.entities and gb.temporal
  local from, to = first, last
  if not left.entities then from, to = asked_days(left, lefts) end
  -- The days of the rows' ts, which a row in the partition of another day widens or narrows.
  if temporal and from then from, to = from + 1, to + 1 end
  compute_sources(case, gb, to or last)
  local rows = from and from <= to and scan(case, gb, from, to) or {}
  local snapshots = {}
  return function(row)
    local _, day, keys, text = question(part, left, row)
    if not text or not part_skew(case, part, keys) then return {} end
    if temporal then return temporal_part(gb, rows, row, keys) end
    if not gb.aggs then return plain_part(gb, rows, day, keys) end
    snapshots[day] = snapshots[day] or snapshot(gb, rows, day, true)
    local g = snapshots[day][text]
    return g and { derived(gb, named(gb, g.out, keys)) } or {}
  end
end

function M.external_column(x, field)
  return ('ext_%s%s_%s'):format(x.prefix and x.prefix .. '_' or '', x.name, field)
end

--- Names of a join's values before its derivations.
function M.join_values(join)
  local names = {}
  for _, part in ipairs(join.parts) do
    for _, c in ipairs(base.outputs(part.gb)) do names[#names + 1] = M.prefix(part) .. '_' .. c[1] end
  end
  for _, x in ipairs(join.external or {}) do
    for _, f in ipairs(x.fields) do names[#names + 1] = M.external_column(x, f[1]) end
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

--- Values of external sources, behind those of the parts.
local function add_externals(case, row, line)
  for _, x in ipairs(case.join.external or {}) do
    for _, f in ipairs(x.fields) do
      local v = null
      if x.name == 'contextual' then
        for _, name in ipairs(case.left_names) do if name == f[1] then v = row[name] end end
      end
      line[#line + 1] = v
    end
  end
end

--- The rows of the bootstrap tables for a left row, nil where one has none.
local function boot_rows(case, row)
  local found = {}
  for i, boot in ipairs(case.join.boots or {}) do
    for _, r in ipairs(table_rows(case.tables[boot.table])) do
      if r.__day == row.__day and r.rid ~= null and r.rid == row.rid then found[i] = found[i] or r end
    end
  end
  return found
end

--- What earlier tables say of a column: the first that is not NULL; whether some has the row.
local function booted(case, found, name)
  local value, hit, known = null, false, false
  for i, boot in ipairs(case.join.boots or {}) do
    for _, column in ipairs(boot.columns) do
      if column == name then
        known, hit = true, hit or found[i] ~= nil
        if value == null and found[i] then value = found[i][name] end
      end
    end
  end
  return value, hit, known
end

--- Lays bootstrapped values over those of a line: a part that the tables have all of is not computed.
local function add_boots(case, found, parts, names, line)
  local from = 0
  local function group(n)
    local covered, values = n > 0, {}
    for j = from + 1, from + n do
      local value, hit = booted(case, found, names[j])
      values[j], covered = value, covered and hit
    end
    for j = from + 1, from + n do
      if values[j] ~= null then line[j] = values[j] elseif covered then line[j] = null end
    end
    from = from + n
  end
  for _, p in ipairs(parts) do group(p.n) end
  while from < #names do group(1) end
end

local function join_step(case, step, out, have)
  local join = case.join
  local lefts = left_rows(case, step[1], step[2])
  local parts = {}
  for i, part in ipairs(join.parts) do
    parts[i] = { of = part_of(case, part, lefts, step[1], step[2]), n = #base.outputs(part.gb) }
  end
  local values = M.join_values(join)
  local columns = expr.derive(join.derivations, values)
  for _, row in ipairs(lefts) do
    have[row.__day] = true
    local found = boot_rows(case, row)
    combine(parts, row, 1, {}, function(line)
      add_externals(case, row, line)
      add_boots(case, found, parts, values, line)
      local all = setmetatable({}, { __index = row })
      for j, name in ipairs(values) do all[name] = line[j] end
      local final = {}
      for _, name in ipairs(case.left_names) do final[#final + 1] = row[name] end
      for _, c in ipairs(columns) do
        local early = null
        if c[1] ~= c[2][2] then early = booted(case, found, c[1]) end
        if early == null then early = expr.value(c[2], all) end
        final[#final + 1] = early
      end
      final[#final + 1] = row.ds
      out[#out + 1] = final
    end)
  end
end

local function left_names(join)
  local names = {}
  for i, s in ipairs(join.left.selects) do names[i] = s[1] end
  if not join.left.entities then names[#names + 1] = 'ts' end
  return names
end

local function join_columns(join)
  local columns = left_names(join)
  for _, c in ipairs(expr.derive(join.derivations, M.join_values(join))) do columns[#columns + 1] = c[1] end
  columns[#columns + 1] = 'ds'
  return columns
end

--- One run of a join up to a day, from `start` or where its left begins.
local function join_run(case, stop, start, have, out)
  local left = case.join.left
  local inputs = { table_days(case.tables[left.table]) }
  local first_left = math.huge
  for day in pairs(inputs[1]) do first_left = math.min(first_left, day) end
  local last = math.min(stop, left.stop or math.huge)
  local steps = base.steps_of(start or left.start or first_left, last, have, inputs, case.run)
  -- Before the first step, for the whole range: so are late rows of the source seen.
  for _, part in ipairs(#steps > 0 and case.join.parts or {}) do compute_sources(case, part.gb, last) end
  for _, step in ipairs(steps) do join_step(case, step, out, have) end
end

M.left_names, M.columns, M.run = left_names, join_columns, join_run

return M
