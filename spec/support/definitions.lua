--- Random definition files that compile: every constructor, odd texts, maps in any order.
local M = {}

local G = {}
G.__index = G

function G:one(list) return list[self.random(#list)] end
function G:chance(percent) return self.random(100) <= percent end

local TEXTS = {
  'a', "it's", 'say "so"', 'back\\slash', 'é 日本 😀', 'two\nlines', 'tab\there', 'end ]] of', 'trailing \nblank',
  'a rather long text that does not fit on one line of the file and so is cut somewhere at its blanks, twice if need be',
}

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return ('\\%03d'):format(c:byte()) end) .. '"'
end

function G:text() return quote(self:one(TEXTS)) end

--- c.map(...) of some names in any order.
function G:map(value, least)
  local names, entries = { 'zeta', 'a b', 'end', 'Mixed', 'k1', '9', 'o' }, {}
  for i = 1, self.random(least or 0, 3) do
    local at = self.random(#names)
    entries[i] = ('{ [%q] = %s }'):format(table.remove(names, at), value(self))
  end
  return 'c.map(' .. table.concat(entries, ', ') .. ')'
end

function G:json(depth)
  depth = depth or 0
  local r = self.random(depth > 2 and 5 or 7)
  if r == 1 then return self:text() end
  if r == 2 then return self:one { '0', '-3', '2.5', '1e300', '123456789012', '1e-7' } end
  if r == 3 then return self:one { 'true', 'false' } end
  if r == 4 then return 'c.null' end
  if r == 5 then return '{}' end
  local inner = function(g) return g:json(depth + 1) end
  if r == 6 then return ('{ %s, %s }'):format(inner(self), inner(self)) end
  return self:map(inner)
end

--- Named values of which some are left out: { name, text or function, percent }.
function G:some(list)
  local out = {}
  for _, entry in ipairs(list) do
    if self:chance(entry[3] or 25) then
      out[#out + 1] = entry[1] .. ' = ' .. (type(entry[2]) == 'function' and entry[2](self) or entry[2])
    end
  end
  return table.concat(out, ', ')
end

local function strings(g) return ('{ %s, %s }'):format(g:text(), g:text()) end
local function string_map(g) return g:map(G.text) end
local function json_map(g) return g:map(G.json) end
local function schedule(g) return g:one { '"@never"', '"@weekly"', '"0 3 * * *"' } end
local function flag(g) return g:one { 'true', 'false' } end

local COLUMNS = { 'x', 'y', 'z' }

function G:query(o)
  local columns = {}
  for i, name in ipairs { 'k', 'k2', 'x', 'y', 'z' } do
    columns[i] = self:chance(50) and quote(name) or ('{ %s = %s }'):format(name, self:text())
  end
  if self:chance(50) then columns[1], columns[4] = columns[4], columns[1] end
  return 'c.Query { ' .. self:some {
    { 'selects', ('c.select(%s)'):format(table.concat(columns, ', ')), 100 },
    { 'wheres', strings }, { 'start_partition', '"2024-01-01"' }, { 'end_partition', '"2024-03-01"' },
    { 'time_column', o.time and '"ts"' or G.text, o.time and 100 or 0 },
    { 'setups', strings, 15 }, { 'partition_column', '"pt"', 15 },
    { 'mutation_time_column', '"mt"', o.entities and 20 or 0 }, { 'reversal_column', '"rev"', o.entities and 20 or 0 },
  } .. ' }'
end

function G:events(topic)
  return 'c.EventSource { ' .. self:some {
    { 'table', ('"data.e%d%s"'):format(self.random(3), self:one { '', '/hr=00' }), 100 },
    { 'topic', '"t/x"', topic and 100 or 0 }, { 'isCumulative', flag, topic == false and 15 or 0 },
    { 'query', function(g) return g:query { time = true } end, 100 },
  } .. ' }'
end

function G:entities()
  return 'c.EntitySource { snapshotTable = "data.s", ' .. self:some {
    { 'mutationTable', '"data.m"' }, { 'query', function(g) return g:query { time = true, entities = true } end, 100 },
  } .. ' }'
end

function G:operation()
  if self:chance(50) then
    return 'c.Operation.' .. self:one { 'MIN', 'MAX', 'FIRST', 'LAST', 'COUNT', 'SUM', 'AVERAGE', 'VARIANCE', 'SKEW',
      'KURTOSIS', 'UNIQUE_COUNT', 'APPROX_UNIQUE_COUNT', 'HISTOGRAM' }
  end
  if self:chance(30) then
    return self:one { 'c.Operation.APPROX_PERCENTILE({ 0.5, 0.99, 1 })',
      'c.Operation.APPROX_PERCENTILE { percentiles = { 0.001, 0 }, k = 200 }' }
  end
  return ('c.Operation.%s(%d)'):format(self:one { 'APPROX_UNIQUE_COUNT_LGK', 'BOUNDED_UNIQUE_COUNT_K', 'HISTOGRAM_K',
    'APPROX_HISTOGRAM_K', 'FIRST_K', 'LAST_K', 'TOP_K', 'BOTTOM_K' }, self.random(4, 20))
end

function G:aggregations(hours)
  local list = {}
  for i = 1, self.random(3) do
    list[i] = 'c.Aggregation { ' .. self:some {
      { 'input_column', quote(self:one(COLUMNS)), 100 }, { 'operation', G.operation, 100 },
      { 'windows', self:one { '{ "1d", "7d" }', '{ "30d" }', '{}', hours and '{ "1h", "12h", "2d" }' or '{ "3d" }' }, 60 },
      { 'buckets', '{ "z" }', 20 }, { 'tags', json_map, 20 }, { 'element_wise', flag, 15 },
    } .. ' }'
  end
  return '{ ' .. table.concat(list, ', ') .. ' }'
end

local DERIVATIONS = '{ c.Derivation { name = "one", expression = "1 + 1" }, '
  .. 'c.Derivation { name = "two", expression = "2 + 2", description = "words" }, c.Derivation { name = "*", expression = "*" } }'

local function env(g) return g:map(string_map) end

local KEYWORDS = {
  { 'kwargs', json_map, 20 }, { 'enable_tiling', flag, 15 }, { 'team_override', G.text, 10 },
  { 'notification_topic_override', G.text, 10 }, { 'enable_write_notifications', flag, 10 },
}

local function with_keywords(list)
  for _, entry in ipairs(KEYWORDS) do list[#list + 1] = entry end
  return list
end

local function metadata()
  return {
    { 'output_namespace', '"elsewhere"', 15 }, { 'table_properties', string_map, 15 }, { 'env', env, 15 },
    { 'dependencies', '{ "a.b/ds={{ ds }}", "c.d/ds={{ macros.ds_add(ds, -1) }}/hr=00" }', 20 },
    { 'lag', '2', 15 }, { 'offline_schedule', schedule, 15 }, { 'tags', json_map },
    { 'additional_args', G.json, 10 }, { 'deprecation_date', '"2030-01-01"', 10 }, { 'description', G.text, 15 },
  }
end

--- @param o table { name?: inline, online, topic }
function G:group_by(o)
  local temporal = self:chance(40)
  local events = self:chance(70)
  local topic = o.topic and temporal
  local sources = {}
  for i = 1, self:chance(25) and 2 or 1 do
    sources[i] = events and self:events(topic and true or false) or self:entities()
  end
  local list = metadata()
  for _, entry in ipairs {
    { 'sources', #sources == 1 and sources[1] or '{ ' .. table.concat(sources, ', ') .. ' }', 100 },
    { 'keys', self:one { '{ "k" }', '{ "k", "k2" }' }, 100 },
    { 'aggregations', function(g) return g:aggregations(temporal and events and not o.start) end, 100 },
    { 'accuracy', temporal and events and 'c.Accuracy.TEMPORAL' or 'c.Accuracy.SNAPSHOT', 100 },
    { 'online', 'true', o.online and 100 or 0 }, { 'backfill_start_date', '"2024-01-01"', o.start and 100 or 0 },
    { 'historical_backfill', flag, o.start and 30 or 0 }, { 'derivations', DERIVATIONS, 20 },
    { 'upload_schedule', '"@weekly"', not temporal and 15 or 0 }, { 'name', o.name and quote(o.name), o.name and 100 or 0 },
  } do list[#list + 1] = entry end
  return 'c.GroupBy { ' .. self:some(with_keywords(list)) .. ' }'
end

local FIELDS = '{ { "user", c.DataType.STRING }, { "m", c.DataType.MAP(c.DataType.STRING, c.DataType.LIST(c.DataType.LONG)) }, '
  .. '{ "s", c.DataType.STRUCT("S", { "lat", c.DataType.DOUBLE }, { "b", c.DataType.BINARY }) } }'

function G:part(i, ref, o)
  local name = self:one { 'team2.inline_', 'team1.inline_', 'team1.sub.inline_' }
  return 'c.JoinPart { ' .. self:some {
    { 'group_by', ref or self:group_by { name = name .. i, online = o.online }, 100 },
    { 'key_mapping', self:one { '{ user = "k" }', 'c.map({ zz = "k" }, { aa = "k" })' }, 60 },
    { 'prefix', ('"p%d"'):format(i), o.prefix and 100 or 50 }, { 'tags', json_map },
  } .. ' }'
end

local function externals(g)
  return '{ c.ExternalPart { source = c.ContextualSource { fields = ' .. FIELDS .. ' } }, c.ExternalPart { source = '
    .. 'c.ExternalSource { ' .. g:some {
      { 'name', '"risk"', 100 }, { 'team', '"pay"', 100 }, { 'key_fields', FIELDS, 100 }, { 'value_fields', FIELDS, 100 },
      { 'custom_json', G.text }, { 'factory_name', '"f"' }, { 'factory_params', string_map },
    } .. ' }, ' .. g:some { { 'key_mapping', string_map }, { 'prefix', '"x"' } } .. ' } }'
end

local MODELS = 'c.ModelTransforms { transforms = { c.ModelTransform { model = c.Model { name = "team.score", inference_spec = '
  .. 'c.InferenceSpec { model_backend = "http", model_backend_params = { url = "u" } }, input_schema = ' .. FIELDS
  .. ', output_schema = ' .. FIELDS .. ' }, input_mappings = { user = "a" }, prefix = "m" } }, passthrough_fields = { "q" } }'

function G:join(refs, o)
  local parts = {}
  for i = 1, self.random(0, 3) do
    parts[i] = self:part(i, self:chance(75) and self:one(refs), { prefix = true, online = o.online })
  end
  local list = metadata()
  for _, entry in ipairs {
    { 'left', self:chance(80) and self:events(true) or self:entities(), 100 },
    { 'right_parts', '{ ' .. table.concat(parts, ', ') .. ' }', 100 },
    { 'check_consistency', flag }, { 'consistency_sample_percent', self:one { '5', '12.5' } },
    { 'online', o.online and 'true' or 'false', o.online and 100 or 30 },
    { 'sample_percent', '7.5', o.online and 100 or 20 }, { 'bootstrap_from_log', 'true', o.online and 40 or 0 },
    { 'skew_keys', function(g) return g:map(strings) end, 15 }, { 'online_external_parts', externals, 20 },
    { 'historical_backfill', flag, 15 }, { 'row_ids', strings, 30 }, { 'additional_env', G.json, 10 },
    { 'bootstrap_parts', '{ c.BootstrapPart { table = "d.b", key_columns = { "k" }, query = ' .. self:query {} .. ' }, '
      .. 'c.BootstrapPart { table = "d.c" } }', 20 },
    { 'label_part', 'c.LabelPart { labels = { c.JoinPart { group_by = c.GroupBy { name = "label_g", sources = '
      .. 'c.EntitySource { snapshotTable = "d.l", query = c.Query { selects = c.select("k") } }, keys = { "k" } } } }, '
      .. 'left_start_offset = 9, left_end_offset = 3, ' .. self:some { { 'label_offline_schedule', '"@weekly"' } } .. ' }', 20 },
    { 'derivations', DERIVATIONS, 20 }, { 'model_transforms', MODELS, 15 },
  } do list[#list + 1] = entry end
  return 'c.Join { ' .. self:some(with_keywords(list)) .. ' }'
end

function G:staging_query()
  return 'c.StagingQuery { ' .. self:some {
    { 'metaData', function(g)
      return 'c.MetaData { ' .. g:some {
        { 'outputNamespace', '"o"' }, { 'dependencies', strings }, { 'tableProperties', string_map }, { 'modeToEnvMap', env },
        { 'description', G.text }, { 'online', flag }, { 'customJson', G.text }, { 'offlineSchedule', schedule },
      } .. ' }'
    end, 60 },
    { 'query', G.text, 100 }, { 'startPartition', '"2024-01-01"' }, { 'setups', strings }, { 'createView', 'false' },
  } .. ' }'
end

local function file(definitions)
  local lines = { 'local c = require "chronon"', 'return {' }
  for i, text in ipairs(definitions) do lines[#lines + 1] = ('  v%d = %s,'):format(i, text) end
  lines[#lines + 1] = '}\n'
  return table.concat(lines, '\n')
end

--- Files of definitions, path to text, that compile.
--- @param random fun(m: integer, n?: integer): integer
function M.files(random)
  local g = setmetatable({ random = random }, G)
  local files, refs, online = {}, {}, {}
  for n, path in ipairs { 'one', 'sub/two' } do
    local list = {}
    for i = 1, g.random(3) do
      list[i] = g:group_by { online = true, start = g:chance(50), topic = g:chance(50) }
      local ref = ('require("group_bys.team%d.%s").v%d'):format(n, (path:gsub('/', '.')), i)
      refs[#refs + 1], online[#online + 1] = ref, ref
    end
    files[('group_bys/team%d/%s.lua'):format(n, path)] = file(list)
  end
  local joins = {}
  for i = 1, g.random(3) do joins[i] = g:join(refs, { online = g:chance(40) }) end
  files['joins/team1/one.lua'] = file(joins)
  files['staging_queries/team2/q.lua'] = file { g:staging_query(), g:staging_query() }
  files['group_bys/team1/chained.lua'] = file { 'c.GroupBy { sources = c.JoinSource { join = require("joins.team1.parent").v1, '
    .. 'query = c.Query { selects = c.select("k", "x"), time_column = "ts" } }, keys = { "k" }, online = true, '
    .. 'accuracy = c.Accuracy.TEMPORAL, aggregations = ' .. g:aggregations(true):gsub('"[yz]"', '"x"') .. ' }' }
  files['joins/team1/parent.lua'] = file { 'c.Join { left = c.EventSource { table = "data.p", topic = "t", query = '
    .. g:query { time = true } .. ' }, right_parts = { c.JoinPart { group_by = ' .. g:one(refs) .. ' } } }' }
  return files
end

return M
