--- Random parity cases: plain data, so that a case can be shrunk and written down.
---
---   case = { tables = {..}, runs = {..}, group_by = gb }  or  { .., join = join }
---   table = { columns = { { name, type } }, pcol = (nil: no partitions), hive =, rows = { { v.., day = } } }
---   gb = { name, keys, key_types, entities, temporal, start, sources, aggs?, derivations?, fields }
---   source = { table = i or join = join, selects? = { { name, form } }, time?, start?, stop?, wheres?, cumulative?,
---              mutations? = i }
---   join = { left = { table, entities, time?, selects, wheres?, start?, stop? }, parts, skew?, derivations?,
---            external? = { { name, prefix?, fields } }, boots? = { { table = i, columns = { names } } } }
---   part = { gb, mapping? = { left = right }, prefix? }
---   run = { start?, stop, step_days, threads, memory, spill, first_hole }
---
--- Instants sit on the edges: midnights, hops, ends of windows, a millisecond beside.
local ffi = require('ffi')
local agg = require('spec.support.agg')
local cols = require('spec.support.cols')
local duck = require('spec.support.parity.duck')
local expr = require('spec.support.parity.expr')
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
function G:table(columns, o)
  local t = { columns = {}, rows = {}, pcol = o.pcol, hive = o.pcol ~= nil and self:chance(15), tcol = o.tcol }
  for i, name in ipairs(self.key_names) do t.columns[i] = { name, self.key_types[i] } end
  t.columns[#t.columns + 1] = { o.tcol, 'long' }
  for _, c in ipairs(columns) do t.columns[#t.columns + 1] = c end
  for r = 1, self.random(o.least or 0, self:one({ 3, 20, 50 })) do
    local row = {}
    for i in ipairs(self.key_names) do row[i] = self:key(self.key_types[i]) end
    local ts = self:instant()
    row[#row + 1] = o.null_ts and self:chance(4) and null or 0LL + ts
    for _, c in ipairs(columns) do
      local v = null
      if c[1] == 'rid' then v = 0LL + r
      elseif not self:chance(15) then v = self:value(c[2], c[1] == 'el' and 2 or nil) end
      row[#row + 1] = v
    end
    row.day = model.day_of(ts)
    if o.snapshots or row.day > D0 + DAYS then row.day = D0 + self.random(-1, DAYS - 1) end
    if self:chance(12) then row.day = row.day + self:one({ 1, 1, 2, -1 }) end
    t.rows[#t.rows + 1] = row
    if self:chance(15) then
      t.rows[#t.rows + 1] = { unpack(row) }
      t.rows[#t.rows].day = row.day
    end
  end
  return t
end

local EDGES = { HOUR, 3 * HOUR, 12 * HOUR, 13 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 12 * DAY }

--- Snapshots with rows that leave a window at the end of their day, or enter it.
function G:snapshots(o)
  local t = self:table(VALUE_COLUMNS, o)
  for _, row in ipairs(t.rows) do
    if self:chance(25) then
      row[#self.key_names + 1] = 0LL + (row.day + 1) * DAY - self:one(EDGES) + self:one({ 0, 0, 1, -1 })
    end
  end
  return t
end

--- Mutations of snapshots: most in their partition's day, a few late or before it; beside the
--- instants that are asked.
function G:mutations(reversals, asked)
  local columns = { unpack(VALUE_COLUMNS) }
  columns[#columns + 1] = { 'mtime', 'long' }
  columns[#columns + 1] = { 'before', 'boolean' }
  local t = self:table(columns, { pcol = 'ds', tcol = 'ts', snapshots = true })
  for _, row in ipairs(t.rows) do
    local offset = self:one({ 0, self.random(0, DAY - 1), HOUR * self.random(0, 23), DAY - 1, DAY, -1 })
    local near = self:one(asked)[#self.key_names + 1]
    if near ~= null and self:chance(60) then
      row.day, offset = model.day_of(near), tonumber(near) % DAY + self:one({ 0, -1, 1, -HOUR })
      row[#self.key_names + 1] = near - self:one({ 0, 0, 1, HOUR, DAY, 2 * DAY, 12 * DAY }) + self:one({ 0, 0, -1 })
    end
    row[#t.columns - 1] = self:chance(3) and null or 0LL + row.day * DAY + offset
    row[#t.columns] = reversals and self:chance(40)
  end
  return t
end

--- The tables of a data set, by role.
local EVENTS, EVENTS_T, EVENTS_PT, UNPARTITIONED, SNAPSHOTS, SNAPSHOTS_PT, UPDATES, REVERSALS = 1, 2, 3, 4, 5, 6, 7, 8
local LEFT, LEFT_PT, LEFT_ENTITIES, CHAIN_LEFT = 9, 10, 11, 12
local LEFT_COLUMNS = { { 'e', 'long' }, { 'note', 'string' }, { 'rid', 'long' } }

function G:data()
  local v, l = VALUE_COLUMNS, LEFT_COLUMNS
  local left = self:table(l, { pcol = 'ds', tcol = 'ts', null_ts = true, least = 1 })
  local tables = {
    self:table(v, { pcol = 'ds', tcol = 'ts', null_ts = true }),
    self:table(v, { pcol = 'ds', tcol = 't', null_ts = true }),
    self:table(v, { pcol = 'pt', tcol = 't', null_ts = true }),
    self:table(v, { tcol = 'ts', null_ts = true }),
    self:snapshots({ pcol = 'ds', tcol = 'ts', snapshots = true }),
    self:snapshots({ pcol = 'pt', tcol = 't', snapshots = true }),
    self:mutations(false, left.rows),
    self:mutations(true, left.rows),
    left,
    self:table(l, { pcol = 'pt', tcol = 't', null_ts = true, least = 1 }),
    self:table(l, { pcol = 'ds', tcol = 'ts', snapshots = true, least = 1 }),
    self:table(l, { pcol = 'ds', tcol = 'ts', null_ts = true, least = 1 }),
  }
  -- A source join must have a day before all that is asked of it.
  local first = tables[CHAIN_LEFT].rows[1]
  first.day = D0 - 45
  first[#self.key_names + 1] = 0LL + first.day * DAY
  return tables
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
  local a = { col = field[1], op = self:one(gb.ops or agg.ops), windows = self:windows(gb.hours), args = {} }
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
  if #gb.aggs == 0 then
    gb.fields[#gb.fields + 1] = { gb.keys[1], gb.key_types[1] }
    gb.aggs[1] = { col = gb.keys[1], op = 'UNIQUE_COUNT', args = {} }
  end
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

--- The select of a field.
local function select_of(gb, f)
  return { f[1], { f[2] == 'long' and gb.zeros and 'zero' or 'same', f[1] } }
end

function G:source(gb, columns)
  local src = { wheres = self:wheres(columns) }
  local timed = (not gb.entities or gb.needs_time) and not gb.no_time
  if gb.entities then
    src.table = gb.pt and SNAPSHOTS_PT or SNAPSHOTS
  elseif gb.no_selects then
    src.table = EVENTS
  else
    src.table = gb.pt and EVENTS_PT or self:one({ EVENTS, EVENTS_T, timed and UNPARTITIONED or EVENTS })
  end
  src.mutations = gb.mutations
  if timed then src.time = self.tables[src.table].tcol end
  if gb.no_selects then return src end
  src.selects = {}
  for _, f in ipairs(gb.fields) do
    local is_key = false
    for _, k in ipairs(gb.keys) do is_key = is_key or k == f[1] end
    if not is_key then src.selects[#src.selects + 1] = select_of(gb, f) end
  end
  if src.table ~= UNPARTITIONED and not gb.mutations then
    if self:chance(10) then src.start = D0 + self.random(-3, 4) end
    if self:chance(10) then src.stop = D0 + self.random(2, 7) end
  end
  return src
end

local ORDERLESS = { 'MIN', 'MAX', 'UNIQUE_COUNT', 'APPROX_UNIQUE_COUNT', 'APPROX_PERCENTILE', 'TOP_K', 'BOTTOM_K',
  'BOUNDED_UNIQUE_COUNT' }
local REVERSIBLE = { 'COUNT', 'SUM', 'AVERAGE', 'VARIANCE', 'SKEW', 'KURTOSIS', 'HISTOGRAM' }

--- Mutations come by their time, rows of a snapshot in any order. What a reversal leaves of a sum is
--- mutations_spec's; here the reversals meet operations that cannot follow them.
function G:mutated(gb)
  gb.temporal, gb.pt = true, false
  gb.ops = { unpack(ORDERLESS) }
  gb.mutations = self:chance(50) and REVERSALS or UPDATES
  if gb.mutations == UPDATES then
    for _, op in ipairs(REVERSIBLE) do gb.ops[#gb.ops + 1] = op end
  end
end

function G:keys_of(gb)
  gb.keys, gb.key_types = {}, {}
  for i = 1, self.random(1, #self.key_names) do gb.keys[i], gb.key_types[i] = self.key_names[i], self.key_types[i] end
end

function G:finish(gb)
  local types = type_names(gb)
  gb.derivations = self:derivations(model.base_names(gb), function(name) return types[name] end)
  return gb
end

--- @param o table { name, entities and temporal and mutated: percent, daily (no hour windows) }
function G:group_by(o)
  local gb = { name = o.name, pt = self:chance(15) }
  gb.entities = self:chance(o.entities)
  self:keys_of(gb)
  gb.temporal = not gb.entities and self:chance(o.temporal)
  if gb.entities and self:chance(o.mutated or 0) then self:mutated(gb) end
  gb.hours = gb.entities or (gb.temporal and not o.daily)
  local columns = self:some(VALUE_COLUMNS, self.random(1, 5))
  gb.fields = {}
  for _, c in ipairs(columns) do
    gb.fields[#gb.fields + 1] = c
    gb.has_bucket = gb.has_bucket or c[1] == 'bk'
  end
  local plain = gb.entities and not gb.mutations and self:chance(25)
  if not plain then
    if self:chance(15) then gb.fields[#gb.fields + 1] = { gb.keys[1], gb.key_types[1] } end
    self:aggregations(gb)
    gb.needs_time = model.plan(gb).needs_time
  end
  gb.no_time = not gb.entities and not gb.temporal and self:chance(15)
  gb.no_selects = not plain and not gb.entities and not gb.pt and self:chance(15)
  if gb.no_selects then gb.no_time = false end
  gb.zeros = self:chance(15)
  gb.sources = {}
  for i = 1, self:chance(30) and 2 or 1 do gb.sources[i] = self:source(gb, columns) end
  if not gb.entities and #gb.sources == 1 and gb.sources[1].table ~= UNPARTITIONED and not gb.no_selects
    and self:chance(8) then
    gb.sources[1].cumulative = true
  end
  return self:finish(gb)
end

local join_types

--- A GroupBy over another join's output.
function G:chained(o)
  local inner = self:join({ chain = true })
  local gb = { name = o.name, temporal = self:chance(o.temporal), fields = {} }
  self:keys_of(gb)
  gb.hours = gb.temporal and not o.daily
  local kinds = { long = true, double = true, string = true, int = true }
  local types = join_types(inner)
  local outputs = inner.derivations and {} or model.join_values(inner)
  for _, name in ipairs(outputs) do
    if kinds[types[name]] then gb.fields[#gb.fields + 1] = { name, types[name] } end
  end
  gb.fields[#gb.fields + 1] = { 'e', 'long' }
  self:aggregations(gb)
  local src = { join = inner, time = 'ts', wheres = self:wheres(gb.fields), selects = {} }
  for _, f in ipairs(gb.fields) do src.selects[#src.selects + 1] = select_of(gb, f) end
  gb.sources = { src }
  return self:finish(gb)
end

-- ---- joins --------------------------------------------------------------------------------------

function G:part(i, left, names, o)
  local kind = { name = 'g' .. i, entities = 40, temporal = 60, mutated = 40, daily = left.entities }
  if o.chain then kind.entities, kind.name = 0, 'c' .. i end
  local gb = not o.chain and self:chance(12) and self:chained(kind) or self:group_by(kind)
  local part = { gb = gb, mapping = {} }
  for _, k in ipairs(gb.keys) do
    if names[k] ~= k then part.mapping[names[k]] = k end
  end
  if self:chance(25) then part.prefix = 'p' .. i end
  return part
end

--- Types of the values of a join that are known.
function join_types(join)
  local types = {}
  for _, part in ipairs(join.parts) do
    local of = type_names(part.gb)
    for _, c in ipairs(model.outputs(part.gb)) do
      local form, column = c[2][1], c[2][2]
      types[model.prefix(part) .. '_' .. c[1]] = expr.type_of(form, of[column])
    end
  end
  for _, x in ipairs(join.external or {}) do
    for _, f in ipairs(x.fields) do types[model.external_column(x, f[1])] = f[2] end
  end
  return types
end

--- Sources whose values only requests have: NULLs, and of the contextual one the left's columns.
function G:externals(join)
  if self:chance(20) then
    local fields = self:some({ { 'e', 'long' }, { 'note', 'string' }, { 'nowhere', 'double' } }, self.random(1, 3))
    join.external = { { name = 'contextual', fields = fields } }
  end
  if self:chance(20) then
    join.external = join.external or {}
    table.insert(join.external, { name = 'x1', prefix = self:chance(50) and 'q' or nil,
      fields = self:some({ { 'risk', 'long' }, { 'tier', 'string' }, { 'score', 'double' } }, self.random(1, 2)) })
  end
end

--- A table of values that rows already have, by their rid and day.
function G:boot(join, types)
  local columns = {}
  if self:chance(50) then -- all of a part
    local part = self:one(join.parts)
    for _, c in ipairs(model.outputs(part.gb)) do columns[#columns + 1] = model.prefix(part) .. '_' .. c[1] end
  else
    local all = model.join_values(join)
    columns = self:some(all, self.random(1, math.min(4, #all)))
    for _, d in ipairs(join.derivations or {}) do
      if d ~= '*' and self:chance(30) then columns[#columns + 1] = d.name end
    end
  end
  local t = { columns = { { 'rid', 'long' } }, rows = {}, pcol = 'ds' }
  for _, name in ipairs(columns) do
    local kind = types[name]
    if not kind or not duck.known(kind) then return end
    t.columns[#t.columns + 1] = { name, kind }
  end
  if #t.columns == 1 then return end
  local rid, seen = #self.key_names + 4, {}
  for _, left in ipairs(self.tables[join.left.table].rows) do
    local id = tostring(left[rid]) .. left.day
    if not seen[id] and self:chance(60) then
      seen[id] = true
      local row = { left[rid], day = self:chance(90) and left.day or left.day + 1 }
      for c = 2, #t.columns do row[c] = self:chance(25) and null or self:value(t.columns[c][2]) end
      if row.day == left.day or not seen[tostring(left[rid]) .. row.day] then t.rows[#t.rows + 1] = row end
      seen[tostring(left[rid]) .. row.day] = true
    end
  end
  table.insert(self.tables, t)
  join.boots = join.boots or {}
  table.insert(join.boots, { table = #self.tables, columns = columns })
end

function G:skew(join, names)
  for _, part in ipairs(join.parts) do if part.gb.mutations then return end end
  join.skew = {}
  for i, k in ipairs(self:some(join.parts[1].gb.keys, self.random(1, 2))) do
    local kind = self.key_types[k == 'k1' and 1 or k == 'k2' and 2 or 3]
    join.skew[i] = { key = names[k], values = self:some(KEY_VALUES[kind], self.random(1, 2)) }
  end
end

--- @param o table { chain: the source of another definition }
function G:join(o)
  local names = {}
  for _, k in ipairs(self.key_names) do names[k] = (o.chain or self:chance(60)) and k or 'l' .. k end
  local left = { entities = not o.chain and self:chance(25), selects = {} }
  local join = { left = left, parts = {} }
  left.table = o.chain and CHAIN_LEFT or left.entities and LEFT_ENTITIES or self:chance(85) and LEFT or LEFT_PT
  left.time = not left.entities and self.tables[left.table].tcol or nil
  for i = 1, o.chain and 1 or self.random(1, 3) do join.parts[i] = self:part(i, left, names, o) end
  for _, k in ipairs(self.key_names) do left.selects[#left.selects + 1] = { names[k], { 'same', k } } end
  left.selects[#left.selects + 1] = { 'e', { 'same', 'e' } }
  if o.chain then return join end
  if self:chance(50) then left.selects[#left.selects + 1] = { 'note', { 'same', 'note' } } end
  left.wheres = self:wheres({ LEFT_COLUMNS[1], LEFT_COLUMNS[2] })
  left.start = D0 + (self:chance(30) and self.random(0, 3) or 0)
  if self:chance(10) then left.stop = D0 + self.random(2, 6) end
  if self:chance(20) then self:skew(join, names) end
  self:externals(join)
  local types = join_types(join)
  join.derivations = self:derivations(model.join_values(join), function(name) return types[name] end)
  if self:chance(20) then
    left.selects[#left.selects + 1] = { 'rid', { 'same', 'rid' } }
    for _, d in ipairs(join.derivations or {}) do
      if d ~= '*' then types[d.name] = expr.type_of(d.form[1], types[d.form[2]]) end
    end
    for _ = 1, self.random(1, 2) do self:boot(join, types) end
  end
  return join
end

-- ---- cases --------------------------------------------------------------------------------------

--- One or two runs: the second goes on where the first one stopped.
function G:runs()
  local runs = {}
  for i = 1, self:chance(25) and 2 or 1 do
    runs[i] = { stop = D0 + self.random(i == 1 and 0 or 3, DAYS), step_days = self:one({ 1, 2, 3, 30, 30, 30 }),
      threads = self.random(1, 2), memory = self:one({ 0, 0, 0, 0, 0, 5000, 40000 }),
      spill = self:one({ 0, 0, 0, 0, 1, 10 }) }
    if self:chance(20) then runs[i].start = D0 + self.random(-2, 3) end
    if self:chance(15) then runs[i].first_hole = true end
  end
  return runs
end

local function generator(seed)
  local state = (seed * 7919 + 17) % 2147483646 + 1
  local function random(low, high)
    state = state * 48271 % 2147483647
    return low + math.floor(state / 2147483647 * (high - low + 1))
  end
  for _ = 1, 5 do random(1, 2) end
  return random
end

--- Definitions over one data set.
M.DEFINITIONS = 16
local last_set

local function data_set(number)
  if last_set and last_set.number == number then return last_set end
  local g = setmetatable({ number = number, instants = {}, random = generator(number * M.DEFINITIONS + 7) }, G)
  -- Few keys: what is asked should meet rows.
  g.n_keys = g:one({ 1, 1, 2, 2, 3, 4 })
  g.key_names, g.key_types = {}, {}
  for i = 1, g:one({ 1, 1, 1, 2, 2, 3 }) do g.key_names[i], g.key_types[i] = 'k' .. i, g:one({ 'long', 'string', 'int' }) end
  g.tables = g:data()
  last_set = g
  return g
end

--- @param seed integer
function M.case(seed)
  local set = data_set(math.floor(seed / M.DEFINITIONS))
  local g = setmetatable({ random = generator(seed), tables = { unpack(set.tables) }, key_names = set.key_names,
    key_types = set.key_types }, G)
  local case = { seed = seed, tables = g.tables, runs = g:runs() }
  if g:chance(40) then
    local o = { name = 'g', entities = 30, temporal = 20, mutated = 10, daily = true }
    case.group_by = g:chance(6) and g:chained(o) or g:group_by(o)
    case.group_by.start = D0 + g.random(-1, 2)
  else
    case.join = g:join({})
  end
  return case
end

return M
