--- Random parity cases: plain data, so that a case can be shrunk and written down.
---
---   case = { tables = {..}, runs = {..}, group_by = gb }  or  { .., join = join }
---   table = { columns = { { name, type } }, pcol =, hive =, rows = { { v.., day = } } }
---   gb = { name, keys, key_types, entities, temporal, start, sources, aggs?, derivations?, fields }
---   source = { table = i, selects? = { { name, form } }, time?, start?, stop?, wheres?, cumulative? }
---   join = { left = { table, entities, time?, selects, wheres?, start?, stop? }, parts, skew?, derivations? }
---   part = { gb, mapping? = { left = right }, prefix? }
---   run = { start?, stop, step_days, threads, memory, spill, first_hole }
---
--- Instants sit on the edges: midnights, hops, ends of windows, a millisecond beside.
local ffi = require('ffi')
local agg = require('spec.support.agg')
local cols = require('spec.support.cols')
local model = require('spec.support.parity.model')
local null = cols.null

local M = {}

local DAY, HOUR = 86400000, 3600000
local D0 = 19740 -- 2024-01-18, a week that crosses nothing
local DAYS = 7

local WINDOWS_D = { '1d', '2d', '3d', '7d', '12d', '14d', '30d', '400d' }
local WINDOWS_H = { '1h', '3h', '11h', '12h', '13h', '24h', '30h', '287h', '288h', '300h' }

local VALUE_COLUMNS = {
  { 'i', 'long' }, { 'n', 'int' }, { 'h', 'short' }, { 's', 'string' }, { 'd', 'double' },
  { 'f', 'float' }, { 'b', 'boolean' }, { 'bk', 'string' }, { 'ls', 'list<string>' },
  { 'ld', 'list<double>' }, { 'li', 'list<long>' }, { 'm', 'map<string,long>' },
  { 'md', 'map<string,double>' }, { 'el', 'list<double>' }, { 'bin', 'binary' },
}

local G = {}
G.__index = G

function G:one(list) return list[self.random(1, #list)] end
function G:chance(percent) return self.random(1, 100) <= percent end

--- n of a list, in its order.
function G:some(list, n)
  local left, out = #list, {}
  for _, x in ipairs(list) do
    if self.random(1, left) <= n then
      out[#out + 1] = x
      n = n - 1
    end
    left = left - 1
  end
  return out
end

-- ---- values -------------------------------------------------------------------------------------

local STRINGS = { 'a', 'b', '', 'c', 'é', "o'x", 'A', '日本', 'a longer text than twelve bytes' }

function G:double()
  local r = self.random(1, 60)
  if r == 1 then return 0 / 0 end
  if r == 2 then return self:one({ 1 / 0, -1 / 0 }) end
  if r == 3 then return -0.0 end
  return self.random(-40, 40) / 4
end

function G:value(kind, fixed)
  if kind == 'long' then
    local v = 0LL + self.random(-5, 12)
    return self:chance(3) and v * 1000000007LL * 1000003LL or v
  elseif kind == 'int' or kind == 'short' then return self.random(-4, 9)
  elseif kind == 'double' then return self:double()
  elseif kind == 'float' then return tonumber(ffi.cast('float', self:double()))
  elseif kind == 'boolean' then return self:chance(50)
  elseif kind == 'string' or kind == 'binary' then return self:one(STRINGS) end
  local element = kind:match('^list<(.*)>$')
  if element then
    local list = { n = fixed or self.random(0, 3) }
    for e = 1, list.n do
      local skip = not fixed and self:chance(20)
      list[e] = skip and null or self:value(element)
    end
    return list
  end
  local map, used = {}, {}
  for _ = 1, self.random(0, 3) do
    local key = self:one({ 'x', 'y', '' })
    if not used[key] then
      used[key] = true
      map[#map + 1] = { key, self:chance(20) and null or self:value(kind:match(',(.*)>$')) }
    end
  end
  return map
end

local KEY_VALUES = {
  long = { 1LL, 2LL, 3LL, -7LL, 9007199254740993LL },
  int = { 1, 2, 3, -7 },
  string = { 'u1', 'u2', '', "u'3", 'a key longer than twelve' },
}

function G:key(kind)
  if self:chance(12) then return null end
  return KEY_VALUES[kind][self.random(1, self.n_keys)]
end

--- An instant; beside one that exists, or one that is a window away from one, as often as not.
function G:instant()
  local pool = self.instants
  local ts
  if #pool > 0 and self:chance(50) then
    ts = self:one(pool) + self:one({ 0, 0, 1, -1 })
    if self:chance(60) then
      local w = self:one({ HOUR, 12 * HOUR, 13 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 12 * DAY })
      ts = ts + w
      if self:chance(50) then ts = ts - ts % self:one({ 300000, HOUR, DAY }) end
      if ts >= (D0 + DAYS) * DAY then ts = ts - w * math.floor((ts - D0 * DAY) / w) end
    end
  else
    local day = self:chance(30) and self.random(D0 - 40, D0 - 1) or self.random(D0, D0 + DAYS - 1)
    ts = day * DAY + self:one({ 0, DAY - 1, HOUR * self.random(0, 23), 300000 * self.random(0, 287),
      300000 * self.random(1, 280) - 1, 300000 * self.random(0, 280) + 1, self.random(0, DAY - 1) })
  end
  pool[#pool + 1] = ts
  return ts
end

-- ---- tables -------------------------------------------------------------------------------------

--- @param columns table[] value columns
function G:table(key_names, columns, o)
  local t = { columns = {}, rows = {}, pcol = o.pcol, hive = self:chance(15) }
  for i, name in ipairs(key_names) do t.columns[i] = { name, self.key_types[i] } end
  t.columns[#t.columns + 1] = { o.tcol, 'long' }
  for _, c in ipairs(columns) do t.columns[#t.columns + 1] = c end
  for r = 1, self.random(o.least or 0, self:one({ 3, 20, 60 })) do
    local row = {}
    for i in ipairs(key_names) do row[i] = self:key(self.key_types[i]) end
    local ts = self:instant()
    row[#row + 1] = o.null_ts and self:chance(4) and null or 0LL + ts
    for _, c in ipairs(columns) do
      local v = null
      if not self:chance(15) then v = self:value(c[2], c[1] == 'el' and 2 or nil) end
      row[#row + 1] = v
    end
    row.day = model.day_of(ts)
    if o.snapshots or row.day > D0 + DAYS then row.day = D0 + self.random(0, DAYS - 1) end
    if self:chance(12) then row.day = row.day + self:one({ 1, 1, 2, -1 }) end
    t.rows[r] = row
    if o.duplicates and self:chance(15) then table.insert(t.rows, { unpack(row) }) t.rows[#t.rows].day = row.day end
  end
  return t
end

-- ---- GroupBys -----------------------------------------------------------------------------------

function G:windows(allow_hours)
  local n = self:one({ 0, 1, 1, 2, 3 })
  if n == 0 then return nil end
  local list = self:some(WINDOWS_D, n)
  if allow_hours and self:chance(50) then
    for _, w in ipairs(self:some(WINDOWS_H, self.random(1, 2))) do list[#list + 1] = w end
  end
  return list
end

local K_OPS = { FIRST_K = true, LAST_K = true, TOP_K = true, BOTTOM_K = true }

function G:aggregation(gb)
  local field = self:one(gb.fields)
  local a = { col = field[1], op = self:one(agg.ops), windows = self:windows(gb.hours), args = {} }
  if gb.windowed ~= nil and not gb.windowed then a.windows = nil end
  if K_OPS[a.op] then a.args.k = self.random(1, 3) end
  if a.op == 'HISTOGRAM' and self:chance(30) then a.args.k = 2 end
  if a.op == 'BOUNDED_UNIQUE_COUNT' then a.args.k = self.random(1, 4) end
  if a.op == 'APPROX_PERCENTILE' then a.args.percentiles = '[0.5, 0.99, 0.0, 1.0]' end
  if a.col == 'el' and self:chance(60) then a.element_wise = true end
  if gb.has_bucket and self:chance(25) then a.buckets = { 'bk' } end
  return a
end

--- Aggregations that the plan accepts; their names are unique.
function G:aggregations(gb)
  gb.aggs = {}
  local want = self.random(1, 4)
  for _ = 1, 40 do
    if #gb.aggs == want then break end
    table.insert(gb.aggs, self:aggregation(gb))
    gb.plan = nil
    if not model.plan(gb) then table.remove(gb.aggs) end
  end
  gb.plan = nil
  if #gb.aggs == 0 then gb.aggs[1] = { col = gb.keys[1], op = 'COUNT', args = {} } end
end

--- Forms that a column of a type allows.
local FORMS = {
  long = { 'zero', 'plus_one', 'is_null', 'over_one', 'same' }, double = { 'twice', 'is_null', 'same' },
  int = { 'is_null', 'over_one', 'same' },
}

function G:derivations(base, type_of)
  if #base == 0 or not self:chance(30) then return nil end
  local out = {}
  if self:chance(60) then out[1] = '*' end
  for i = 1, self.random(1, 3) do
    local name = self:one(base)
    out[#out + 1] = { name = 'der' .. i, form = { self:one(FORMS[type_of(name)] or { 'is_null', 'same' }), name } }
  end
  return out
end

local function type_names(gb)
  local types = {}
  if gb.aggs then
    local plan = model.plan(gb)
    for j = 0, plan.n_parts - 1 do
      types[ffi.string(plan.parts[j].name)] = cols.type_text(plan.parts[j].output):lower()
    end
  else
    for _, f in ipairs(gb.fields) do types[f[1]] = f[2] end
  end
  for name, t in pairs(types) do types[name] = t == 'bigint' and 'long' or t end
  return types
end
M.type_names = type_names

function G:wheres(columns)
  local out = {}
  for _, c in ipairs(columns) do
    if self:chance(8) then
      local form = c[2] == 'long' and 'over_one' or c[2] == 'string' and self:one({ 'is_a', 'not_a' }) or 'not_null'
      out[#out + 1] = { form, c[1] }
    end
  end
  return out
end

function G:source(gb, columns, tables)
  local timed = not gb.entities or gb.needs_time
  local t = self:table(gb.all_keys, columns, { pcol = gb.pcol, tcol = gb.tcol, snapshots = gb.entities,
    null_ts = not gb.entities, duplicates = true })
  tables[#tables + 1] = t
  local src = { table = #tables, wheres = self:wheres(columns) }
  if timed and not gb.no_time then src.time = gb.tcol end
  if gb.no_selects then return src end
  src.selects = {}
  for _, f in ipairs(gb.fields) do
    local is_key = false
    for _, k in ipairs(gb.keys) do is_key = is_key or k == f[1] end
    if not is_key then
      src.selects[#src.selects + 1] = { f[1], { f[2] == 'long' and gb.zeros and 'zero' or 'same', f[1] } }
    end
  end
  if self:chance(10) then src.start = D0 + self.random(-3, 4) end
  if self:chance(10) then src.stop = D0 + self.random(2, 7) end
  return src
end

--- @param o table { name, entities?, plain? allowed, daily (no hour windows) }
function G:group_by(tables, o)
  local gb = { name = o.name, pcol = self:chance(85) and 'ds' or 'pt', tcol = self:one({ 't', 'ts' }) }
  gb.entities = self:chance(o.entities)
  gb.all_keys = self.key_names
  gb.keys, gb.key_types = {}, {}
  for i = 1, self.random(1, #self.key_names) do gb.keys[i], gb.key_types[i] = self.key_names[i], self.key_types[i] end
  gb.temporal = not gb.entities and self:chance(o.temporal)
  gb.hours = gb.entities or (gb.temporal and not o.daily)
  local columns = self:some(VALUE_COLUMNS, self.random(1, 5))
  gb.fields = {}
  for _, c in ipairs(columns) do
    gb.fields[#gb.fields + 1] = c
    gb.has_bucket = gb.has_bucket or c[1] == 'bk'
  end
  local plain = gb.entities and self:chance(25)
  if not plain then
    if self:chance(15) then gb.fields[#gb.fields + 1] = { gb.keys[1], gb.key_types[1] } end
    self:aggregations(gb)
    gb.needs_time = model.plan(gb).needs_time
  end
  gb.no_time = not gb.entities and not gb.temporal and self:chance(15)
  gb.no_selects = not plain and not gb.entities and gb.pcol == 'ds' and gb.tcol == 'ts' and self:chance(15)
  if gb.no_selects then gb.no_time = false end
  gb.zeros = self:chance(15)
  gb.sources = {}
  for i = 1, self:chance(30) and 2 or 1 do gb.sources[i] = self:source(gb, columns, tables) end
  if not gb.entities and #gb.sources == 1 and not gb.no_selects and self:chance(8) then
    gb.sources[1].cumulative = true
  end
  local types = type_names(gb)
  gb.derivations = self:derivations(model.base_names(gb), function(name) return types[name] end)
  return gb
end

-- ---- joins --------------------------------------------------------------------------------------

function G:part(tables, i, left, names)
  local gb = self:group_by(tables, { name = 'g' .. i, entities = 40, temporal = 60, daily = left.entities })
  local part = { gb = gb, mapping = {} }
  for _, k in ipairs(gb.keys) do
    if names[k] ~= k then part.mapping[names[k]] = k end
  end
  if self:chance(25) then part.prefix = 'p' .. i end
  return part
end

function G:join(case)
  local names = {}
  for _, k in ipairs(self.key_names) do names[k] = self:chance(60) and k or 'l' .. k end
  local left = { entities = self:chance(25), time = self:one({ 't', 'ts' }), selects = {} }
  local join = { left = left, parts = {} }
  for i = 1, self.random(1, 3) do join.parts[i] = self:part(case.tables, i, left, names) end
  local extra = { { 'e', 'long' }, { 'note', 'string' } }
  local t = self:table(self.key_names, extra, { pcol = self:chance(85) and 'ds' or 'pt', tcol = left.time,
    snapshots = left.entities, null_ts = true, duplicates = true, least = 1 })
  case.tables[#case.tables + 1] = t
  left.table = #case.tables
  for _, k in ipairs(self.key_names) do left.selects[#left.selects + 1] = { names[k], { 'same', k } } end
  left.selects[#left.selects + 1] = { 'e', { 'same', 'e' } }
  if self:chance(50) then left.selects[#left.selects + 1] = { 'note', { 'same', 'note' } } end
  left.wheres = self:wheres(extra)
  if left.entities then left.time = nil end
  left.start = D0 + (self:chance(30) and self.random(0, 3) or 0)
  if self:chance(10) then left.stop = D0 + self.random(2, 6) end
  if self:chance(20) then
    join.skew = {}
    for i, k in ipairs(self:some(join.parts[1].gb.keys, self.random(1, 2))) do
      local kind = self.key_types[k == 'k1' and 1 or k == 'k2' and 2 or 3]
      join.skew[i] = { key = names[k], values = self:some(KEY_VALUES[kind], self.random(1, 2)) }
    end
  end
  local types = {}
  for _, part in ipairs(join.parts) do
    for name, kind in pairs(type_names(part.gb)) do types[model.prefix(part) .. '_' .. name] = kind end
  end
  join.derivations = self:derivations(model.join_values(join), function(name) return types[name] end)
  return join
end

-- ---- cases --------------------------------------------------------------------------------------

--- One or two runs: the second goes on where the first one stopped.
function G:runs()
  local runs = {}
  for i = 1, self:chance(25) and 2 or 1 do
    runs[i] = { stop = D0 + self.random(i == 1 and 0 or 3, DAYS), step_days = self:one({ 1, 2, 3, 30 }),
      threads = self.random(1, 2), memory = self:one({ 0, 0, 0, 5000, 40000 }),
      spill = self:one({ 0, 0, 1, 10 }) }
    if self:chance(20) then runs[i].start = D0 + self.random(-2, 3) end
    if self:chance(15) then runs[i].first_hole = true end
  end
  return runs
end

--- @param seed integer
function M.case(seed)
  local state = (seed * 7919 + 17) % 2147483646 + 1
  local g = setmetatable({ instants = {} }, G)
  g.random = function(low, high)
    state = state * 48271 % 2147483647
    return low + math.floor(state / 2147483647 * (high - low + 1))
  end
  for _ = 1, 5 do g.random(1, 2) end
  g.n_keys = g.random(1, 4)
  g.key_names, g.key_types = {}, {}
  for i = 1, g.random(1, 3) do g.key_names[i], g.key_types[i] = 'k' .. i, g:one({ 'long', 'string', 'int' }) end
  local case = { seed = seed, tables = {}, runs = g:runs() }
  if g:chance(40) then
    case.group_by = g:group_by(case.tables, { name = 'g', entities = 30, temporal = 20, daily = true })
    case.group_by.start = D0 + g.random(-1, 2)
  else
    case.join = g:join(case)
  end
  return case
end

return M
