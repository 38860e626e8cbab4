--- The Lua form of compiled structs: which constructor, which of its parameters, and what the
--- compiler derives again and so is left out.
---
--- Parameters, their order and defaults are those that lua/chronon declares, fields those of the
--- field table; what is here is only where a constructor does more than copy.
local schema = require 'chronon.schema'
require 'chronon'
local aggregation = require 'chronon.aggregation'
local derived = require 'convert.derived'
local map = require 'chronon.map'
local params = require 'chronon.params'
local text = require 'chronon.text'

local M = {}

--- Of what may not be there.
local function get(m, key) return m and map.get(m, key) end

local specs = {}
for _, spec in ipairs(params.constructors) do specs[spec.name] = spec end

local atom = function(s) return { text = s } end
local str = function(s) return { string = s } end

-- ---- values -------------------------------------------------------------------------------------

local function number(x) return atom(text.number(x)) end

local function list_of(values, one, ...)
  local items = {}
  for i, value in ipairs(values) do items[i] = one(value, ...) end
  return { list = items }
end

--- An ordered map: a plain table where its order is that of the names.
local function table_of(m, one)
  local sorted, entries = true, {}
  for i, key in ipairs(m.keys) do
    sorted = sorted and (i == 1 or m.keys[i - 1] < key)
    entries[i] = { key, one(m.values[key]) }
  end
  if sorted then return { fields = entries } end
  local args = {}
  for i, entry in ipairs(entries) do args[i] = { fields = { entry } } end
  return { call = 'c.map', args = args }
end

--- Any JSON value.
local function json(value)
  if value == map.null then return atom('c.null') end
  if type(value) == 'string' then return str(value) end
  if type(value) == 'number' then return number(value) end
  if type(value) == 'boolean' then return atom(tostring(value)) end
  if not map.is(value) then return list_of(value, json) end
  if #value.keys == 0 then return { call = 'c.map', args = {} } end
  return table_of(value, json)
end

local function enum_value(name, value)
  for member, n in pairs(schema.enums[name]) do
    if n == value then return atom(('c.%s.%s'):format(name, member)) end
  end
  return atom(tostring(value))
end

local READERS = {
  string = str, i32 = number, double = number,
  bool = function(value) return atom(tostring(value ~= 0)) end,
  ['list<string>'] = function(value) return list_of(value, str) end,
  ['map<string, string>'] = function(value) return table_of(value, str) end,
  ['map<string, list<string>>'] = function(value)
    return table_of(value, function(list) return list_of(list, str) end)
  end,
  ['map<string, map<string, string>>'] = function(value)
    return table_of(value, function(m) return table_of(m, str) end)
  end,
}

local function value_of(self, type_name, value)
  if READERS[type_name] then return READERS[type_name](value) end
  if schema.enums[type_name] then return enum_value(type_name, value) end
  local item = type_name:match('^list<(.*)>$')
  if item then return list_of(value, function(v) return self:struct(item, v) end) end
  return self:struct(type_name, value)
end

--- Whether the constructor gives the value by itself.
local function is_default(p, node)
  if p.default == nil then return false end
  local given = node.string or node.text
  return given ~= nil and given == (type(p.default) == 'number' and text.number(p.default) or tostring(p.default))
end

--- The value of a parameter: the struct's field of that name, or its metaData's.
local function plain_field(self, spec, p, v)
  local name = text.camel(p.name)
  local fields = schema.structs[spec.name] and schema.structs[spec.name].fields or {}
  if fields[name] and name ~= 'metaData' then
    local value = get(v, name)
    if value ~= nil then return value_of(self, fields[name].type, value) end
  elseif fields.metaData then
    local field, value = schema.structs.MetaData.fields[name], get(get(v, 'metaData'), name)
    if field and value ~= nil then return value_of(self, field.type, value) end
  end
end

--- @param special table<string, function|false> parameter -> node of it (self, v), false: left out
local function construct(self, name, v, special)
  local spec, fields = specs[name], {}
  for _, p in ipairs(spec.params) do
    local rule = special[p.name]
    local node
    if rule then node = rule(self, v) elseif rule == nil then node = plain_field(self, spec, p, v) end
    if node and not is_default(p, node) then fields[#fields + 1] = { p.name, node } end
  end
  return { call = 'c.' .. name, fields = fields }
end

-- ---- structs ------------------------------------------------------------------------------------

local forms = {}

function M.struct(self, name, v)
  if forms[name] then return forms[name](self, v) end
  return construct(self, name, v, {})
end

--- @param last_ts boolean? a `ts` at the end is the compiler's
local function query(self, v, last_ts)
  return construct(self, 'Query', v, {
    selects = function()
      local selects = get(v, 'selects')
      if not selects then return nil end
      local args, time = {}, get(v, 'timeColumn')
      for i, alias in ipairs(selects.keys) do
        local sql = selects.values[alias]
        if not (last_ts and i == #selects.keys and alias == 'ts' and sql == time) then
          args[#args + 1] = alias == sql and str(alias) or { fields = { { alias, str(sql) } } }
        end
      end
      return { call = 'c.select', args = args }
    end,
    setups = function()
      local setups = get(v, 'setups')
      return setups and #setups > 0 and list_of(setups, str) or nil
    end,
  })
end
forms.Query = query

local BRANCHES = { { 'events', 'EventSource' }, { 'entities', 'EntitySource' }, { 'joinSource', 'JoinSource' } }

local function short_name(name) return name:gsub('/.*', ''):match('([^.]+)$') or name end

local function source(self, v, is_left)
  for _, branch in ipairs(BRANCHES) do
    local inner = get(v, branch[1])
    if inner then
      local events = branch[1] == 'events'
      local node = construct(self, branch[2], inner, {
        query = function() return query(self, get(inner, 'query') or map.new(), is_left and events) end,
        join = branch[1] == 'joinSource' and function() return self:definition('Join', get(inner, 'join')) end or nil,
      })
      local from = get(inner, 'table') or get(inner, 'snapshotTable')
      node.shared = from and short_name(from) or 'parent'
      for _, field in ipairs(node.fields) do
        if field[1] == 'query' then field[2].shared = node.shared .. '_query' end
      end
      return node
    end
  end
  return atom('nil')
end
forms.Source = source

function forms.Window(_, v)
  return str(('%d%s'):format(get(v, 'length'), get(v, 'timeUnit') == aggregation.HOURS and 'h' or 'd'))
end

--- The operations that take k, by Chronon's number.
local with_k = {}
for _, spec in ipairs(params.constructors) do
  local name = spec.name:match('^Operation%.(.*)')
  if name and spec.params[1].name == 'k' then
    with_k[aggregation.Operation[name](10).number] = name
  end
end

local function percentiles(arg_map)
  local shares = {}
  for share in (get(arg_map, 'percentiles') or ''):gmatch('[^%[%], ]+') do
    shares[#shares + 1] = number(tonumber(share) or 0)
  end
  local k = get(arg_map, 'k')
  local list = { list = shares }
  if tonumber(k) == specs['Operation.APPROX_PERCENTILE'].params[2].default then
    return { call = 'c.Operation.APPROX_PERCENTILE', args = { list } }
  end
  return { call = 'c.Operation.APPROX_PERCENTILE', fields = { { 'percentiles', list }, { 'k', atom(k or '0') } } }
end

local function operation(v)
  local op, arg_map = get(v, 'operation'), get(v, 'argMap') or map.new()
  local name = aggregation.OPERATION_NAMES[op] or tostring(op)
  if name == 'APPROX_PERCENTILE' then return percentiles(arg_map) end
  local k = get(arg_map, 'k')
  if k and with_k[op] then
    return { call = 'c.Operation.' .. with_k[op], args = { tonumber(k) and atom(k) or str(k) } }
  end
  return atom('c.Operation.' .. name)
end

--- @param tags chronon.Map of output columns
local function aggregation_form(self, v, tags)
  return construct(self, 'Aggregation', v, {
    operation = function() return operation(v) end,
    tags = function()
      local own = get(tags, derived.output_columns(v)[1])
      return own and json(own)
    end,
  })
end

-- ---- schemas ------------------------------------------------------------------------------------

local function data_type(v)
  local kind, fields = get(v, 'kind'), get(v, 'params') or {}
  for name, n in pairs(schema.enums.DataKind) do
    if n == kind then
      if name == 'STRUCT' then
        local args = { str(get(v, 'name') or '') }
        for i, field in ipairs(fields) do args[i + 1] = M.data_field(field) end
        return { call = 'c.DataType.STRUCT', args = args }
      elseif #fields > 0 then
        return { call = 'c.DataType.' .. name,
          args = list_of(fields, function(f) return data_type(get(f, 'dataType')) end).list }
      end
      return atom('c.DataType.' .. name)
    end
  end
  return atom('nil')
end

function M.data_field(field)
  return { list = { str(get(field, 'name') or ''), data_type(get(field, 'dataType')) } }
end

local function schema_fields(v) return list_of(get(v, 'params') or {}, M.data_field) end

--- A rule that reads the fields of a schema.
local function from_schema(name)
  return function(_, v) return schema_fields(get(v, name)) end
end

function forms.ExternalSource(self, v)
  local meta, config = get(v, 'metadata'), get(v, 'factoryConfig')
  local function from_meta(field)
    return function() local value = get(meta, field) return value and str(value) end
  end
  if get(meta, 'name') == 'contextual' then
    return construct(self, 'ContextualSource', v, {
      fields = function() return schema_fields(get(v, 'valueSchema')) end, team = from_meta('team'),
    })
  end
  local node = construct(self, 'ExternalSource', v, {
    name = from_meta('name'), team = from_meta('team'), custom_json = from_meta('customJson'),
    key_fields = from_schema('keySchema'), value_fields = from_schema('valueSchema'),
    factory_name = function() local s = get(config, 'factoryName') return s and str(s) end,
    factory_params = function() local m = get(config, 'factoryParams') return m and table_of(m, str) end,
    offline_group_by = function()
      local group_by = get(v, 'offlineGroupBy')
      return group_by and self:definition('GroupBy', group_by)
    end,
  })
  node.shared = get(meta, 'name')
  return node
end

function forms.Model(self, v)
  local node = construct(self, 'Model', v,
    { input_schema = from_schema('inputSchema'), output_schema = from_schema('outputSchema') })
  node.shared = short_name(get(get(v, 'metaData'), 'name') or 'model')
  return node
end

-- ---- definitions --------------------------------------------------------------------------------

--- The keywords of customJson: those that are parameters, and the rest, in order, as `kwargs`. The
--- parameters come after kwargs in their own order, so only a tail in that order can be made of them.
--- @param mine table<string, boolean> keys that the compiler writes
local function keywords(spec, custom, mine, special)
  local place, keys = {}, {}
  for i, p in ipairs(spec.params) do place[p.name] = special[p.name] == nil and i or nil end
  for key in map.each(custom) do
    if not mine[key] then keys[#keys + 1] = key end
  end
  local is_keyword = { boolean = true, string = true }
  local first, least = #keys + 1, math.huge
  while first > 1 and (place[keys[first - 1]] or math.huge) < least
    and is_keyword[type(get(custom, keys[first - 1]))] do
    first = first - 1
    least = place[keys[first]]
  end
  local kwargs = map.new()
  for i, key in ipairs(keys) do
    if i < first then
      map.set(kwargs, key, get(custom, key))
    else
      special[key] = function() return json(get(custom, key)) end
    end
  end
  special.kwargs = #kwargs.keys > 0 and function() return json(kwargs) end or false
end

local function of_custom(custom, key)
  return function()
    local value = get(custom, key)
    return value ~= nil and value ~= map.null and json(value) or nil
  end
end

local function env(_, v)
  local value = get(get(v, 'metaData'), 'modeToEnvMap')
  return value and READERS['map<string, map<string, string>>'](value)
end

--- Rules for what teams.json or a join may have given to a definition of its own.
local function leave_out_filled(self, unit, special, names)
  for _, name in ipairs(unit and names or {}) do
    local field = text.camel(name)
    special[name] = function()
      local value = self:authored(unit, field)
      return value ~= nil and value_of(self, schema.structs.MetaData.fields[field].type, value) or nil
    end
  end
end

local GROUP_BY_CUSTOM = {
  lag = true, groupby_tags = true, column_tags = true, uploadSchedule = true, additional_args = true,
}

--- @param unit table? when it is a definition of its own: what the compiler fills in there
function M.group_by(self, v, unit)
  local custom = derived.custom(v)
  local column_tags = get(custom, 'column_tags')
  column_tags = map.is(column_tags) and column_tags or map.new()
  local special = {
    sources = function()
      local sources = list_of(get(v, 'sources'), function(s) return source(self, s) end)
      return #sources.list == 1 and sources.list[1] or sources
    end,
    keys = function() return list_of(get(v, 'keyColumns'), str) end,
    aggregations = function()
      local list = get(v, 'aggregations')
      return list and list_of(list, function(a) return aggregation_form(self, a, column_tags) end)
    end,
    dependencies = function()
      local authored = derived.group_by_dependencies(v, custom, self.resolve)
      return authored and list_of(authored, str)
    end,
    env = env,
    lag = of_custom(custom, 'lag'), tags = of_custom(custom, 'groupby_tags'),
    additional_args = of_custom(custom, 'additional_args'), upload_schedule = of_custom(custom, 'uploadSchedule'),
  }
  leave_out_filled(self, unit, special, { 'output_namespace', 'table_properties', 'production' })
  if unit then special.name = false end
  keywords(specs.GroupBy, custom, GROUP_BY_CUSTOM, special)
  local node = construct(self, 'GroupBy', v, special)
  node.broken = true
  return node
end

local JOIN_CUSTOM = {
  check_consistency = true, lag = true, additional_args = true, additional_env = true, join_tags = true,
  join_part_tags = true,
}

local function join_part(self, v, part_tags)
  return construct(self, 'JoinPart', v, {
    group_by = function() return self:definition('GroupBy', get(v, 'groupBy')) end,
    tags = function()
      local prefix = get(v, 'prefix')
      local name = get(get(get(v, 'groupBy'), 'metaData'), 'name') or ''
      local tags = part_tags and get(part_tags, (prefix and prefix ~= '' and prefix .. '_' or '') .. name)
      return tags and json(tags)
    end,
  })
end
function forms.JoinPart(self, v) return join_part(self, v) end

function forms.LabelPart(self, v)
  return construct(self, 'LabelPart', v, {
    label_offline_schedule = function()
      local schedule = get(get(v, 'metaData'), 'offlineSchedule')
      return schedule and str(schedule)
    end,
  })
end

function M.join(self, v, unit)
  local custom = derived.custom(v)
  local part_tags = get(custom, 'join_part_tags')
  part_tags = map.is(part_tags) and part_tags or map.new()
  local parts, from_log = derived.bootstrap_parts(v)
  local special = {
    left = function() return source(self, get(v, 'left'), true) end,
    right_parts = function()
      return list_of(get(v, 'joinParts') or {}, function(part) return join_part(self, part, part_tags) end)
    end,
    dependencies = function()
      local authored = derived.join_dependencies(v, custom, self.resolve)
      return authored and list_of(authored, str)
    end,
    bootstrap_parts = function()
      return #parts > 0 and list_of(parts, function(part) return self:struct('BootstrapPart', part) end) or nil
    end,
    bootstrap_from_log = function() return from_log and atom('true') or nil end,
    env = env, check_consistency = of_custom(custom, 'check_consistency'), lag = of_custom(custom, 'lag'),
    tags = of_custom(custom, 'join_tags'), additional_args = of_custom(custom, 'additional_args'),
    additional_env = of_custom(custom, 'additional_env'),
  }
  leave_out_filled(self, unit, special, { 'output_namespace', 'table_properties' })
  keywords(specs.Join, custom, JOIN_CUSTOM, special)
  local node = construct(self, 'Join', v, special)
  node.broken = true
  return node
end

function M.staging_query(self, v, unit)
  local node = construct(self, 'StagingQuery', v, {
    metaData = function()
      local meta = get(v, 'metaData')
      if not meta then return nil end
      local special = { name = false, team = false }
      leave_out_filled(self, unit, special, { 'outputNamespace', 'tableProperties' })
      local made = construct(self, 'MetaData', meta, special)
      return #made.fields > 0 and made or nil
    end,
  })
  node.broken = true
  return node
end

M.by_kind = {
  GroupBy = M.group_by, Join = M.join, StagingQuery = M.staging_query,
  Model = function(self, v)
    local node = forms.Model(self, v)
    node.shared, node.broken = nil, true
    return node
  end,
}

return M
