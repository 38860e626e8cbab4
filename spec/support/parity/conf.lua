--- A parity case as Chronon's JSON.
local json = require('dkjson')
local cols = require('spec.support.cols')
local expr = require('spec.support.parity.expr')
local model = require('spec.support.parity.model')

local M = {}

local OPS = { MIN = 0, MAX = 1, FIRST = 2, LAST = 3, UNIQUE_COUNT = 4, APPROX_UNIQUE_COUNT = 5, COUNT = 6,
  SUM = 7, AVERAGE = 8, VARIANCE = 9, SKEW = 10, KURTOSIS = 11, APPROX_PERCENTILE = 12, LAST_K = 13,
  FIRST_K = 14, TOP_K = 15, BOTTOM_K = 16, HISTOGRAM = 17, APPROX_HISTOGRAM_K = 18,
  BOUNDED_UNIQUE_COUNT = 19 }

local function object(t) return setmetatable(t, { __jsontype = 'object' }) end
local function list(t) return setmetatable(t, { __jsontype = 'array' }) end
local function ds(day) return day and model.ds_of(day) or nil end

local function selects_of(selects)
  if not selects then return nil end
  local out = object({})
  for _, s in ipairs(selects) do out[s[1]] = expr.sql(s[2]) end
  return out
end

local join_conf

local function query(src, pcol)
  local wheres = list({})
  for i, w in ipairs(src.wheres or {}) do wheres[i] = expr.sql(w) end
  return object({ selects = selects_of(src.selects), wheres = wheres, startPartition = ds(src.start),
    endPartition = ds(src.stop), timeColumn = src.time, setups = list({}),
    partitionColumn = pcol ~= 'ds' and pcol or nil,
    mutationTimeColumn = src.mutations and 'mtime', reversalColumn = src.mutations and 'before' })
end

local function source(case, src, entities, names, id)
  if src.join then
    return { joinSource = { join = join_conf(case, src.join, names, id .. '_j'), query = query(src) } }
  end
  local q = query(src, case.tables[src.table].pcol)
  if entities then
    return { entities = { snapshotTable = names[src.table], query = q,
      mutationTable = src.mutations and names[src.mutations], mutationTopic = src.mutations and 'mutations' } }
  end
  return { events = { table = names[src.table], query = q, isCumulative = src.cumulative and 1 or 0 } }
end

local function aggregation(a)
  local args = object({})
  for k, v in pairs(a.args or {}) do args[k] = tostring(v) end
  local windows
  for i, w in ipairs(a.windows or {}) do
    windows = windows or list({})
    local n, unit = w:match('^(%d+)([dh])$')
    windows[i] = { length = tonumber(n), timeUnit = unit == 'd' and 1 or 0 }
  end
  return { inputColumn = a.col, operation = OPS[a.op], argMap = args, windows = windows,
    buckets = a.buckets, elementWise = a.element_wise and 1 or nil }
end

local function derivations_of(derivations)
  if not derivations or #derivations == 0 then return nil end
  local out = list({})
  for i, d in ipairs(derivations) do
    out[i] = d == '*' and { name = '*', expression = '*' } or { name = d.name, expression = expr.sql(d.form) }
  end
  return out
end

--- @param owner string? of a join's part: makes the names of its source joins unique
local function group_by(case, gb, names, id, owner)
  local out = { metaData = { name = id, outputNamespace = 'out', team = 'parity' }, sources = list({}),
    keyColumns = gb.keys, accuracy = gb.temporal and 0 or 1, derivations = derivations_of(gb.derivations),
    backfillStartDate = ds(gb.start) }
  for i, src in ipairs(gb.sources) do
    out.sources[i] = source(case, src, gb.entities, names, (owner and owner .. '_' or '') .. id)
  end
  for i, a in ipairs(gb.aggs or {}) do
    out.aggregations = out.aggregations or list({})
    out.aggregations[i] = aggregation(a)
  end
  return out
end

local function literal(v)
  if type(v) == 'string' then return "'" .. v:gsub("'", "\\'") .. "'" end
  return (cols.show(v):gsub('LL$', ''))
end

--- Kinds of TDataType.
local KINDS = { long = 4, double = 6, string = 7 }

local function external(x)
  local function struct(name)
    local params = list({})
    for i, f in ipairs(x.fields) do params[i] = { name = f[1], dataType = { kind = KINDS[f[2]] } } end
    return { kind = 13, params = params, name = name }
  end
  return { source = { metadata = { name = x.name, team = 'parity' }, keySchema = struct('keys'),
    valueSchema = struct('values') }, prefix = x.prefix }
end

local function boot(b, names)
  local selects = object({ rid = 'rid' })
  for _, name in ipairs(b.columns) do selects[name] = name end
  return { table = names[b.table], keyColumns = { 'rid' }, query = { selects = selects, setups = list({}),
    wheres = list({}) } }
end

local function join(case, j, names, id)
  local out = { metaData = { name = id, outputNamespace = 'out', team = 'parity' },
    left = source(case, j.left, j.left.entities, names), joinParts = list({}),
    derivations = derivations_of(j.derivations) }
  if j.left.entities then out.left.entities.isCumulative = nil else out.left.events.isCumulative = nil end
  for i, part in ipairs(j.parts) do
    out.joinParts[i] = { groupBy = group_by(case, part.gb, names, part.gb.name, id), prefix = part.prefix }
    if next(part.mapping or {}) then out.joinParts[i].keyMapping = object(part.mapping) end
  end
  for i, x in ipairs(j.external or {}) do
    out.onlineExternalParts = out.onlineExternalParts or list({})
    out.onlineExternalParts[i] = external(x)
  end
  for i, b in ipairs(j.boots or {}) do
    out.bootstrapParts = out.bootstrapParts or list({})
    out.bootstrapParts[i] = boot(b, names)
  end
  for _, s in ipairs(j.skew or {}) do
    out.skewKeys = out.skewKeys or object({})
    local values = list({})
    for i, v in ipairs(s.values) do values[i] = literal(v) end
    out.skewKeys[s.key] = values
  end
  return out
end

join_conf = join

--- @param names string[] of the case's tables, "ns.table"
--- @param id string name of the definition, without dots
function M.json(case, names, id)
  local t = case.join and join(case, case.join, names, id) or group_by(case, case.group_by, names, id)
  return json.encode(t, { indent = true })
end

return M
