--- lua/chronon/meta.lua beside what it describes: names, optionality and types of every parameter, held
--- against the constructors' checks by values of every kind, and against the field table.
--- (lua-language-server itself cannot be installed where these specs run.)
local ffi = require 'ffi'
local program = require 'spec.support.program'
local C = require('spec.support.cdef').load('model/fields.h')
require 'spec.support.dsl'
local c = require 'chronon'
local object = require 'chronon.object'
local params = require 'chronon.params'
local text = require 'chronon.text'

-- ---- types ----------------------------------------------------------------------------------------

local parse_union

local function expect(s, at, word)
  at = s:find('%S', at) or at
  assert(s:sub(at, at + #word - 1) == word, ('%q is missing at %d of %s'):format(word, at, s))
  return at + #word
end

local function parse_one(s, at)
  at = s:find('%S', at)
  local one = s:sub(at, at)
  if one == '(' then
    local t, stop = parse_union(s, at + 1)
    return t, expect(s, stop, ')')
  elseif one == "'" then
    local literal = s:match("^'([^']*)'", at)
    return { literal = literal }, at + #literal + 2
  elseif one == '{' then
    local first, second
    first, at = parse_union(s, expect(s, at + 1, '[1]:'))
    second, at = parse_union(s, expect(s, expect(s, at, ','), '[2]:'))
    return { pair = { first, second } }, expect(s, at, '}')
  end
  local name = assert(s:match('^[%a][%w.]*', at), 'no type at ' .. at .. ' of ' .. s)
  at = at + #name
  if s:sub(at, at) ~= '<' then return { name = name }, at end
  local key, value
  key, at = parse_union(s, at + 1)
  value, at = parse_union(s, expect(s, at, ','))
  return { name = name, key = key, value = value }, expect(s, at, '>')
end

function parse_union(s, at)
  local members = {}
  repeat
    local t
    t, at = parse_one(s, at)
    while s:sub(at, at + 1) == '[]' do t, at = { item = t }, at + 2 end
    members[#members + 1] = t
    local more = s:sub(at, at) == '|'
    if more then at = at + 1 end
  until not more
  return { union = members }, at
end

local fits

local function fits_table(t, value)
  if type(value) ~= 'table' or object.kind(value) then return false end
  if t.pair then return fits(t.pair[1], value[1]) and fits(t.pair[2], value[2]) end
  local n = 0
  for key, entry in pairs(value) do
    n = n + 1
    if t.item and not (type(key) == 'number' and fits(t.item, entry)) then return false end
    if t.key and not (type(key) == 'string' and fits(t.value, entry)) then return false end
  end
  return t.key ~= nil or n == #value
end

local BASIC = {
  any = function() return true end,
  integer = function(v) return type(v) == 'number' and v % 1 == 0 end,
}

function fits(t, value)
  if t.union then
    for _, member in ipairs(t.union) do
      if fits(member, value) then return true end
    end
    return false
  end
  if t.literal then return value == t.literal end
  if t.pair or t.item or t.key then return fits_table(t, value) end
  if BASIC[t.name] then return BASIC[t.name](value) end
  local kind = t.name:match('^chronon%.(.*)')
  if kind then return object.kind(value) == kind end
  return type(value) == t.name
end

-- ---- the annotations ------------------------------------------------------------------------------

local classes, functions = {}, {}

local function read_annotations()
  local class, pending = nil, { params = {} }
  for line in program.read('lua/chronon/meta.lua'):gmatch('[^\n]+') do
    local name = line:match('^%-%-%-@class (%S+)')
    local field, optional, rest = line:match('^%-%-%-@field ([%w_]+)(%??) (.*)')
    local param, maybe, of = line:match('^%-%-%-@param ([%w_.]+)(%??) (.*)')
    if name then
      class = name
      classes[name] = { fields = {} }
    elseif field then
      classes[class].fields[field] = { optional = optional == '?', type = (parse_union(rest, 1)) }
    elseif param then
      table.insert(pending.params, { name = param, optional = maybe == '?', type = (parse_union(of, 1)) })
    elseif line:find('^%-%-%-@overload') then
      pending.overload = line:match('%(params: (%S+)%)')
    elseif line:find('^%-%-%-@return') then
      pending.returns = line:match('@return (%S+)')
    elseif line:find('^function c%.') then
      functions[line:match('^function c%.([%w_.]+)')] = pending
      pending = { params = {} }
    end
  end
end
read_annotations()

-- ---- values of every kind -------------------------------------------------------------------------

local function objects()
  local fields = { { 'x', c.DataType.DOUBLE } }
  local query = c.Query { selects = c.select('user'), time_column = 'ts' }
  local events = c.EventSource { table = 'a.b', topic = 't', query = query }
  local entities = c.EntitySource { snapshotTable = 'a.b', query = query }
  local group_by = c.GroupBy { name = 'g.g', sources = entities, keys = { 'user' } }
  local part = c.JoinPart { group_by = group_by }
  local join = c.Join { left = events, right_parts = {} }
  local spec = c.InferenceSpec { model_backend = 'b', model_backend_params = {} }
  local model = c.Model { name = 'm', inference_spec = spec, input_schema = fields, output_schema = fields }
  local transform = c.ModelTransform { model = model }
  local risk = c.ContextualSource { fields = fields }
  return {
    query, events, entities, c.JoinSource { join = join, query = query }, c.Source { events = events }, group_by, part, join,
    spec, model, transform, c.ModelTransforms { transforms = { transform } }, risk, c.ExternalPart { source = risk },
    c.LabelPart { labels = { part }, left_start_offset = 1, left_end_offset = 1 }, c.BootstrapPart { table = 't' },
    c.Derivation { name = '*', expression = '*' }, c.MetaData {}, c.StagingQuery { query = 'SELECT 1' },
    c.Window { 7, c.TimeUnit.DAYS }, c.Aggregation { input_column = 'x' }, c.Operation.SUM, c.TimeUnit.DAYS,
    c.Accuracy.TEMPORAL, c.DataType.STRING,
  }
end

local function samples()
  local field = { 'u', c.DataType.LONG }
  local list = { 'x', '7d', '@daily', 9, 2.5, true, {}, field, { field }, { u = c.DataType.LONG }, c.map() }
  for _, value in ipairs(objects()) do list[#list + 1] = value end
  for i = 1, #list do
    local value = list[i]
    list[#list + 1] = { value }
    list[#list + 1] = { a = value }
    list[#list + 1] = { { a = value } }
    local is_json, m = pcall(c.map, { a = value })
    if is_json then list[#list + 1] = m end
  end
  list[#list + 1] = { a = { a = 'x' } }
  list[#list + 1] = { { a = { a = 'x' } } }
  list[#list + 1] = c.map({ a = { 'x' } })
  list[#list + 1] = { a = { 'x' } }
  list[#list + 1] = { { a = { 'x' } } }
  return list
end

local VALUES = samples()

local function passes(p, value) return (pcall(p.type.check, value, 'here')) end

--- What passes the check fits the annotation, and each alternative of that has something that passes.
local function check_type(p, annotated, what)
  local members = annotated.union
  local used = {}
  for i, value in ipairs(VALUES) do
    if passes(p, value) then
      assert.is_true(fits(annotated, value), ('%s: value %d passes, %s, and the type has no place for it'):format(what, i,
        object.describe(value)))
      for m, member in ipairs(members) do used[m] = used[m] or fits(member, value) end
    end
  end
  for m in ipairs(members) do
    assert.is_true(used[m] or members[m].literal ~= nil, ('%s: alternative %d of its type never passes'):format(what, m))
    if members[m].literal then assert.is_true(passes(p, members[m].literal), what) end
  end
end

describe('the editor\'s types', function()
  for _, spec in ipairs(params.constructors) do
    it('have every parameter of ' .. spec.name .. ' as it is checked', function()
      local f = assert.is_table(functions[spec.name]) and functions[spec.name]
      assert.equal(spec.returns:find('^string') and spec.returns or 'chronon.' .. spec.returns, f.returns)
      local class = f.overload or not spec.positional and 'chronon.' .. spec.name .. 'Params'
      local seen = {}
      for _, p in ipairs(spec.params) do
        local names = { p.name, unpack(p.aliases or {}) }
        if text.snake(p.name) ~= p.name then names[#names + 1] = text.snake(p.name) end
        for _, name in ipairs(class and names or {}) do
          local field = classes[class].fields[name]
          assert.is_table(field, name)
          seen[name] = true
          assert.equal(not p.required or #names > 1, field.optional, name)
          assert.equal(p.name, spec.spellings[name])
          check_type(p, field.type, spec.name .. '.' .. name)
        end
      end
      for name in pairs(class and classes[class].fields or {}) do assert.is_true(seen[name], name .. ' is no parameter') end
      if spec.positional then
        assert.equal(#spec.params, #f.params)
        for i, p in ipairs(spec.params) do
          if f.params[i].name == '...' then
            check_type({ type = { check = function(v) return p.type.check({ v }, 'here') end } }, f.params[i].type, '...')
          else
            assert.equal(p.name, f.params[i].name)
            assert.equal(not p.required, f.params[i].optional)
            check_type(p, f.params[i].type, spec.name .. ' ' .. p.name)
          end
        end
      end
    end)
  end

  it('name no class that is not there', function()
    local body = program.read('lua/chronon/meta.lua')
    for line in body:gmatch('%-%-%-@%l+ [^\n]+') do
      for name in line:gmatch('chronon%.%u[%w_]*') do
        assert.is_table(classes[name], name .. ' in ' .. line)
      end
    end
  end)
end)

-- ---- the field table ------------------------------------------------------------------------------

--- What an author does not give by the field's own name.
local OTHERWISE = {
  GroupBy = { metaData = true, keyColumns = 'keys' },
  Join = { metaData = true, joinParts = 'right_parts' },
  Aggregation = { argMap = true }, -- of the operation
  ExternalSource = { metadata = true, factoryConfig = true, keySchema = 'key_fields', valueSchema = 'value_fields' },
  Model = { metaData = true, inputSchema = 'input_schema', outputSchema = 'output_schema' },
  LabelPart = { metaData = true }, BootstrapPart = { metaData = true },
  Derivation = { metaData = true },
}

local WORDS = { string = 'x', bool = true, i32 = 9, double = 2.5, ['list<string>'] = { 'x' } }

--- A value of a field's Thrift type.
local function value_of(field)
  local name = ffi.string(C.model_field_type_name(field, ffi.new('char[64]')))
  if WORDS[name] ~= nil then return WORDS[name] end
  local item, kind = name:match('^list<(.*)>$'), name:match('^map')
  if kind then return c.map() end
  for _, value in ipairs(VALUES) do
    if object.kind(value) == (item or name) then return item and { value } or value end
  end
end

describe('the field table', function()
  for _, spec in ipairs(params.constructors) do
    local s = C.model_struct_find(spec.name)
    if s ~= nil then
      it('has each field of ' .. spec.name .. ' among its parameters', function()
        local by_name = {}
        for _, p in ipairs(spec.params) do by_name[text.camel(p.name)] = p end
        for i = 0, s.n_fields - 1 do
          local field = s.fields[i]
          local name = ffi.string(field.name)
          local how = (OTHERWISE[spec.name] or {})[name]
          local p = by_name[how and how ~= true and text.camel(how) or name]
          if how ~= true then
            assert.is_table(p, name .. ' cannot be given')
            local value = value_of(field)
            if value ~= nil and not how then assert.is_true(passes(p, value), spec.name .. '.' .. name) end
            if field.required then assert.is_true(p.required or p.default ~= nil or spec.name == 'Aggregation', name) end
          end
        end
      end)
    end
  end
end)
