--- The dependencies of definitions: which table partitions must be there before a day is computed,
--- as JSON texts in Chronon's words.
---
--- The namespace of a team stands in teams.json, which definitions do not see: a table whose
--- namespace is not yet known is written `{{ db:<team> }}.<table>`, and the compiler fills it in.
local map = require 'chronon.map'
local object = require 'chronon.object'
local text = require 'chronon.text'

local M = {}

function M.sanitize(name)
  return (name:gsub('[^%w_]', '_'))
end

local function namespace(meta_data)
  if meta_data.outputNamespace and meta_data.outputNamespace ~= '' then return meta_data.outputNamespace end
  return ('{{ db:%s }}'):format(meta_data.name:match('^[^.]*'))
end

--- @return string? namespace, string? table both nil when the definition has no name yet
function M.output_table(definition)
  local meta_data = definition.metaData
  if not meta_data.name then return nil end
  local ns = namespace(meta_data)
  return ns, ns .. '.' .. M.sanitize(meta_data.name)
end

local function entry(pairs_in_order)
  local m = map.new()
  for _, pair in ipairs(pairs_in_order) do map.set(m, pair[1], pair[2] == nil and map.null or pair[2]) end
  return text.json(m)
end

--- Waits for the day's partition of a table.
local function wait_for(full_table, lag, query)
  local table_name, rest = full_table:match('^([^/]*)(.*)$')
  local column = query and query.partitionColumn or 'ds'
  local day = lag == 0 and '{{ ds }}' or ('{{ macros.ds_add(ds, -%d) }}'):format(lag)
  return entry {
    { 'name', ('wait_for_%s_%s%s'):format(table_name, column, lag == 0 and '' or '_minus_' .. lag) },
    { 'spec', ('%s/%s=%s%s'):format(table_name, column, day, rest) },
    { 'start', query and query.startPartition },
    { 'end', query and query.endPartition },
  }
end

local function wait_for_authored(spec, query)
  local name = ('wait_for_' .. spec:gsub('[^%w]', '_')):gsub('_+', '_'):gsub('_$', '')
  return entry {
    { 'name', name }, { 'spec', spec }, { 'start', query.startPartition }, { 'end', query.endPartition },
  }
end

local function tables_of(source)
  local inner = object.inner(source)
  if source.events then return { inner.table } end
  if source.entities then
    local changes = inner.mutationTable ~= '' and inner.mutationTable or nil
    return { inner.snapshotTable, changes }
  end
  local _, parent = M.output_table(inner.join)
  return { parent }
end

--- @param source table Source
--- @param authored string[]? partition specs that the author gave instead
--- @param lag integer days
--- @return string[]
function M.of_source(source, authored, lag)
  local query = object.inner(source).query
  local list = {}
  if authored and #authored > 0 then
    for i, spec in ipairs(authored) do list[i] = wait_for_authored(spec, query) end
  else
    for i, full_table in ipairs(tables_of(source)) do list[i] = wait_for(full_table, lag, query) end
  end
  return list
end

--- @param parts table[]? BootstrapParts
function M.of_bootstrap(parts)
  local list = {}
  for i, part in ipairs(parts or {}) do list[i] = wait_for(part.table, 0, part.query) end
  return list
end

--- What the label join waits for beside the left side.
function M.of_labels(label_part)
  local list = {}
  for _, label in ipairs(label_part.labels) do M.append_group_by(list, label.groupBy) end
  local join_table = '{{ join_backfill_table }}'
  list[#list + 1] = entry {
    { 'name', 'wait_for_' .. join_table }, { 'spec', join_table .. '/ds={{ ds }}' },
  }
  return list
end

--- A GroupBy's own dependencies. Upstream repeats them for each source; the lists that they go into
--- are made unique.
function M.append_group_by(list, group_by)
  for _, dependency in ipairs(group_by.metaData.dependencies or {}) do list[#list + 1] = dependency end
end

--- The strings of some lists, each once, in order.
function M.unique(...)
  local list, seen = {}, {}
  for _, strings in ipairs { ... } do
    for _, s in ipairs(strings) do
      if not seen[s] then
        seen[s] = true
        list[#list + 1] = s
      end
    end
  end
  return list
end

return M
