--- What a constructor derives, computed from compiled JSON by lua/chronon's own functions: if it is
--- what stands there, the author need not have said anything.
local aggregation = require 'chronon.aggregation'
local dependency = require 'chronon.dependency'
local json = require 'convert.json'
local map = require 'chronon.map'

local M = {}

--- Of what may not be there.
local function get(m, key) return m and map.get(m, key) end

--- Maps that the constructors see as maps; every other object is a table of fields.
local MAPS = { selects = true, argMap = true }

--- A document as the constructors have it.
local function object(v, field)
  if type(v) ~= 'table' or v == map.null or MAPS[field] then return v end
  local copy = {}
  if map.is(v) then
    for key, value in map.each(v) do copy[key] = object(value, key) end
  else
    for i, value in ipairs(v) do copy[i] = object(value) end
  end
  return copy
end

--- @return chronon.Map customJson
function M.custom(v)
  local meta = get(v, 'metaData')
  local custom = meta and json.read(get(meta, 'customJson') or '{}')
  return map.is(custom) and custom or map.new()
end

--- @return string[]
function M.output_columns(v)
  local a = object(v)
  a.argMap = a.argMap or map.new()
  return aggregation.output_columns(a)
end

local function lag_of(custom)
  local lag = get(custom, 'lag')
  return type(lag) == 'number' and lag or 0
end

local function resolved(list, resolve)
  local out = {}
  for i, s in ipairs(list) do out[i] = resolve(s) end
  return out
end

local function is_same(a, b)
  if #a ~= #b then return false end
  for i, s in ipairs(a) do
    if s ~= b[i] then return false end
  end
  return true
end

local function spec_of(text)
  local entry = json.read(text)
  return map.is(entry) and get(entry, 'spec') or text
end

local function specs_of(texts, n)
  local specs = {}
  for i = 1, n do specs[i] = spec_of(texts[i]) end
  return specs
end

local function written(v)
  local meta = get(v, 'metaData')
  return meta and get(meta, 'dependencies') or {}
end

--- @param resolve fun(s: string): string fills in {{ db:team }}
--- @return string[]? authored partition specs; nil where the compiler derives what is written
function M.group_by_dependencies(v, custom, resolve)
  local there, sources, derived = written(v), object(get(v, 'sources')), {}
  for _, source in ipairs(sources) do
    for _, d in ipairs(dependency.of_source(source, nil, lag_of(custom))) do derived[#derived + 1] = d end
  end
  if #there == 0 or #sources == 0 or is_same(there, resolved(derived, resolve)) then return nil end
  return specs_of(there, math.max(1, math.floor(#there / #sources)))
end

--- @return string[]? authored
function M.join_dependencies(v, custom, resolve)
  local there, right = written(v), {}
  for _, part in ipairs(get(v, 'joinParts') or {}) do
    for _, d in ipairs(written(get(part, 'groupBy'))) do right[#right + 1] = d end
  end
  local left = resolved(dependency.of_source(object(get(v, 'left')), nil, lag_of(custom)), resolve)
  local boot = resolved(dependency.of_bootstrap(object(get(v, 'bootstrapParts'))), resolve)
  if #there == 0 or is_same(there, dependency.unique(left, right, boot)) then return nil end
  for n = 1, #there do
    local first = {}
    for i = 1, n do first[i] = there[i] end
    if is_same(there, dependency.unique(first, right)) then return specs_of(there, n) end
  end
  return specs_of(there, #there)
end

--- @return table[] parts, boolean from_log the last one is the join's own log
function M.bootstrap_parts(v)
  local parts, meta = get(v, 'bootstrapParts') or {}, get(v, 'metaData')
  local last, percent = parts[#parts], get(meta, 'samplePercent')
  local log = ('%s.%s_logged'):format(get(meta, 'outputNamespace') or '',
    dependency.sanitize(get(meta, 'name') or ''))
  if not last or #last.keys ~= 1 or get(last, 'table') ~= log or get(meta, 'online') ~= 1
    or not percent or percent <= 0 then
    return parts, false
  end
  local rest = {}
  for i = 1, #parts - 1 do rest[i] = parts[i] end
  return rest, true
end

return M
