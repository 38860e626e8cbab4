--- Writes docs/reference/dsl.md (--doc) or lua/chronon/meta.lua (--meta), the editor's types, to
--- stdout, out of the parameters that the constructors check. A spec compares the committed files.
package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path
require 'chronon'
local aggregation = require 'chronon.aggregation'
local params = require 'chronon.params'
local text = require 'chronon.text'

local out = {}
local function put(...)
  out[#out + 1] = string.format(...)
end

local GROUPS = {
  { 'Sources', 'Query', 'EventSource', 'EntitySource', 'JoinSource', 'Source' },
  { 'Aggregations', 'Window', 'Aggregation', 'DefaultAggregation' },
  { 'Definitions', 'GroupBy', 'JoinPart', 'Join', 'StagingQuery', 'Derivation', 'MetaData' },
  { 'Parts of joins', 'ExternalSource', 'ContextualSource', 'ExternalPart', 'BootstrapPart', 'LabelPart' },
  { 'Schemas', 'DataType.MAP', 'DataType.LIST', 'DataType.STRUCT' },
  { 'Models', 'InferenceSpec', 'Model', 'ModelTransform', 'ModelTransforms' },
  { 'Staging queries as sources', 'StagingQueryEventSource', 'StagingQueryEntitySource',
    'get_staging_query_dependencies' },
}

local function by_name()
  local specs = {}
  for _, spec in ipairs(params.constructors) do specs[spec.name] = spec end
  return specs
end

local function default_text(p)
  if p.default == nil then return p.required and 'required' or '' end
  return type(p.default) == 'string' and '`"' .. p.default .. '"`' or '`' .. tostring(p.default) .. '`'
end

local function put_constructor(spec)
  put('### c.%s', spec.name)
  put('')
  put('%s', spec.doc)
  put('')
  put('```lua')
  put('%s', spec.example)
  put('```')
  put('')
  put('| parameter | type | default | |')
  put('|---|---|---|---|')
  for _, p in ipairs(spec.params) do
    put('| `%s` | %s | %s | %s |', p.name, p.type.text, default_text(p), p.doc:gsub('|', '\\|'))
  end
  put('')
end

local INTRO = [[
# The definition language

Written by `tools/dsl_reference.lua` out of the lists of parameters in `lua/chronon/`; a spec compares.

A file `group_bys/<team>/.../file.lua` (or under `joins/`, `staging_queries/`) returns a table of named definitions:

```lua
local c = require "chronon"

local purchases = c.EventSource {
  table = "data.purchases",
  query = c.Query { selects = c.select("user", { cents = "CAST(amount * 100 AS BIGINT)" }), time_column = "ts" },
}

return {
  v1 = c.GroupBy {
    sources = purchases, keys = { "user" }, backfill_start_date = "2024-01-01",
    aggregations = { c.Aggregation { input_column = "cents", operation = c.Operation.SUM, windows = { "1d", "7d" } } },
  },
}
```

The definition's name is the path and the variable, `team.file.v1`. Another file takes it as
`require("group_bys.team.file").v1`. Definitions run without io, os, debug and ffi.

## Rules for all constructors

- Each takes one table of Python's parameter names, in snake_case or camelCase. The parameters may also stand in
  Python's order without names: `c.Window { 7, c.TimeUnit.DAYS }`.
- `nil` and `c.null` leave a parameter out.
- An unknown parameter, a wrong type, a missing required one is an error with file, line, the path inside the
  definition and the nearest known name.
- What is given is never changed: a Source can be shared.
- Maps keep an order: `c.select("a", { b = "expr" })` for selects and `c.map({ b = 1 }, { a = 2 })` for the rest take
  one-entry tables in the order written; a plain table of several entries is ordered by name.
- Python's `**kwargs` of GroupBy and Join is the parameter `kwargs`; the keywords that Chronon knows are parameters.
- `{}` in `tags`, `kwargs` and the like is an empty list, `c.map()` an empty map.
- Names from Chronon: `c.TimeUnit.HOURS`, `c.TimeUnit.DAYS`, `c.Accuracy.TEMPORAL`, `c.Accuracy.SNAPSHOT`.
]]

local function put_functions()
  put('## Functions')
  put('')
  put('- `c.select(...)`: an ordered map of columns, out of names and `{ alias = "expression" }`.')
  put('- `c.map(...)`: an ordered map of any JSON value, out of one-entry tables.')
  put('- `c.Aggregations { total = c.Aggregation { ... } }`: a list of aggregations; one without `input_column` takes')
  put('  its name. One-entry tables keep the order written.')
  put('- `c.null`: Python\'s None.')
  put('')
end

local function put_operations(specs)
  put('## Operations')
  put('')
  put('As they are: `c.Operation.%s`.', table.concat(aggregation.plain_operations, '`, `'))
  put('')
  put('Called with an argument:')
  put('')
  put('| operation | |')
  put('|---|---|')
  for _, spec in ipairs(params.constructors) do
    if spec.name:find('^Operation%.') then put('| `%s` | %s |', spec.example, spec.doc) end
  end
  put('')
  put('Percentiles may also be written `c.Operation.APPROX_PERCENTILE({ 0.5, 0.99 })`, where k is %d.',
    specs['Operation.APPROX_PERCENTILE'].params[2].default)
  put('')
end

local function reference()
  local specs = by_name()
  put('%s', INTRO)
  put_functions()
  put_operations(specs)
  for _, group in ipairs(GROUPS) do
    put('## %s', group[1])
    put('')
    if group[1] == 'Schemas' then
      put('Plain types: `c.DataType.BOOLEAN`, `SHORT`, `INT`, `LONG`, `FLOAT`, `DOUBLE`, `STRING`, `BINARY`. A list of')
      put('fields is a list of `{ "name", type }` or `{ name = type }`.')
      put('')
    end
    for i = 2, #group do put_constructor(specs[group[i]]) end
  end
  out[#out] = nil
end

--- Thrift's camelCase parameters are listed in both spellings, as are those with other names, so that
--- none can be called missing.
local function put_params_class(spec, class)
  put('---@class %s', class)
  for _, p in ipairs(spec.params) do
    local others = { unpack(p.aliases or {}) }
    if text.snake(p.name) ~= p.name then table.insert(others, 1, text.snake(p.name)) end
    local optional = (#others > 0 or not p.required) and '?' or ''
    for _, name in ipairs(others) do put('---@field %s? %s %s', name, p.type.lua, p.doc) end
    put('---@field %s%s %s %s', p.name, optional, p.type.lua, p.doc)
  end
  put('')
end

local KINDS = {
  'Query', 'EventSource', 'EntitySource', 'JoinSource', 'Source', 'Window', 'Operation', 'Aggregation', 'MetaData',
  'Derivation', 'GroupBy', 'TDataType', 'ExternalSource', 'ExternalPart', 'JoinPart', 'LabelPart', 'BootstrapPart',
  'Join', 'InferenceSpec', 'Model', 'ModelTransform', 'ModelTransforms', 'StagingQuery', 'TimeUnit', 'Accuracy', 'Map',
}

local function put_meta_head()
  put('---@meta chronon')
  put('-- Types for editors (LuaLS); written by `luajit tools/dsl_reference.lua --meta`, a spec compares.')
  put('-- luacheck: ignore 212 631')
  put('')
  for _, kind in ipairs(KINDS) do
    put('---@class chronon.%s', kind)
  end
  put('')
  put('---@class chronon')
  put('---@field null any Python\'s None')
  put('local c = {}')
  put('')
  put('--- Columns in the authored order: names, and one-entry tables of alias and expression.')
  put('---@param ... string|table<string, string>')
  put('---@return chronon.Map')
  put('function c.select(...) end')
  put('')
  put('--- An ordered map of any JSON value, out of one-entry tables.')
  put('---@param ... table<string, any>')
  put('---@return chronon.Map')
  put('function c.map(...) end')
  put('')
  put('--- Named aggregations; one without input_column takes its name.')
  put('---@param named table<string, chronon.Aggregation>|table<string, chronon.Aggregation>[]')
  put('---@return chronon.Aggregation[]')
  put('function c.Aggregations(named) end')
  put('')
end

local function put_enum(name, members)
  put('---@class chronon.%sNames', name)
  for _, member in ipairs(members) do put('---@field %s chronon.%s', member, name) end
  put('')
  put('---@type chronon.%sNames', name)
  put('c.%s = {}', name)
  put('')
end

--- Parameters without names, in their order; those of a struct's fields come one by one.
local function put_positions(spec, class)
  local names = {}
  local returns = spec.returns:find('^string') and spec.returns or 'chronon.' .. spec.returns
  if class then put('---@overload fun(params: %s): %s', class, returns) end
  for i, p in ipairs(spec.params) do
    local rest = spec.name == 'DataType.STRUCT' and i == #spec.params
    names[i] = rest and '...' or p.name
    put('---@param %s%s %s %s', names[i], not rest and not p.required and '?' or '',
      rest and p.type.lua:match('^%((.*)%)%[%]$') or p.type.lua, p.doc)
  end
  return table.concat(names, ', ')
end

local function put_function(spec, class)
  put('--- %s', spec.doc)
  put('--- `%s`', spec.example)
  local names = 'params'
  if spec.positional then names = put_positions(spec, class) else put('---@param params %s', class) end
  put('---@return %s', spec.returns:find('^string') and spec.returns or 'chronon.' .. spec.returns)
  put('function c.%s(%s) end', spec.name, names)
  put('')
end

local function meta()
  put_meta_head()
  put_enum('TimeUnit', { 'HOURS', 'DAYS' })
  put_enum('Accuracy', { 'TEMPORAL', 'SNAPSHOT' })
  put_enum('Operation', aggregation.plain_operations)
  put('c.DataType = {}')
  for _, name in ipairs { 'BOOLEAN', 'SHORT', 'INT', 'LONG', 'FLOAT', 'DOUBLE', 'STRING', 'BINARY' } do
    put('---@type chronon.TDataType')
    put('c.DataType.%s = {}', name)
  end
  put('')
  for _, spec in ipairs(params.constructors) do
    -- What has one parameter, and it is no table, takes it bare.
    local bare = spec.name:find('^Operation%.') and #spec.params == 1
    local class = not bare and 'chronon.' .. spec.name:gsub('%.', '') .. 'Params' or nil
    if class then put_params_class(spec, class) end
    put_function(spec, class)
  end
  put('return c')
end

if arg[1] == '--meta' then
  meta()
elseif arg[1] == '--doc' then
  reference()
else
  io.stderr:write('usage: luajit tools/dsl_reference.lua --doc|--meta\n')
  os.exit(2)
end
io.write(table.concat(out, '\n'), '\n')
