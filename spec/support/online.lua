--- A GroupBy in a store, as an upload and a stream leave it: made of rows by the same C functions.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/batch_ir.h', 'codec/avro.h')
local agg = require('spec.support.agg')
local avro = require('spec.support.avro')
local batch_ir = require('spec.support.batch_ir')
local cols = require('spec.support.cols')
local fetch = require('spec.support.fetch')
local IR = require('spec.support.ir')
local json = require('dkjson')

local M = {}
M.__index = M

local UNITS = { h = 0, d = 1 }

local function aggregation(def)
  local windows, args
  for i, text in ipairs(def.windows or {}) do
    local length, unit = text:match('^(%d+)(.)$')
    windows = windows or setmetatable({}, { __jsontype = 'array' })
    windows[i] = { length = tonumber(length), timeUnit = UNITS[unit] }
  end
  for k, v in pairs(def.args or {}) do
    args = args or {}
    args[k] = tostring(v)
  end
  return { inputColumn = def[1], operation = tonumber(C['AGG_' .. def[2]]), windows = windows, argMap = args,
           buckets = def.buckets }
end

--- @param o table { name, fields = {{name, type}}, defs = as agg.plan's, keys = {{name, type}}?, stop = batch
---   end, entities = bool?, tiled = bool?, derivations = {{name, expression}}?, snapshot = bool? }
function M.new(store, o)
  local self = setmetatable({ store = store, o = o, values = {}, puts = {} }, M)
  o.keys = o.keys or { { 'user', 'string' } }
  if o.defs then self.plan = assert(agg.plan(o.fields, o.defs)) end
  self.key = assert(avro.of('Key', o.keys))
  local query = { selects = { v = 'v' }, timeColumn = 'ts' }
  local topic = not o.snapshot and 'topic' or nil
  local source = o.entities and { entities = { snapshotTable = 'data.t', mutationTable = 'data.m', mutationTopic = topic,
                                               query = query } }
    or { events = { table = 'data.t', topic = topic, query = query } }
  local gb = { metaData = { name = o.name, team = 'team' }, sources = { source }, keyColumns = {} }
  for i, k in ipairs(o.keys) do gb.keyColumns[i] = k[1] end
  for i, d in ipairs(o.defs or {}) do
    gb.aggregations = gb.aggregations or {}
    gb.aggregations[i] = aggregation(d)
  end
  for i, d in ipairs(o.derivations or {}) do
    gb.derivations = gb.derivations or {}
    gb.derivations[i] = { name = d[1], expression = d[2] }
  end
  if o.tiled then gb.metaData.customJson = '{"enable_tiling": true}' end
  self.gb = gb
  self.selected = assert(avro.of('Value', o.fields))
  local streamed = {}
  local seen = {}
  for _, d in ipairs(o.defs or {}) do
    for _, name in ipairs({ (d.buckets or {})[1] or d[1], d[1] }) do
      for _, f in ipairs(o.fields) do
        if f[1] == name and not seen[name] then
          seen[name], streamed[#streamed + 1] = true, f
        end
      end
    end
  end
  if o.entities then
    streamed[#streamed + 1], streamed[#streamed + 2] = { 'ts', 'long' }, { 'is_before', 'boolean' }
  end
  self.streamed = #streamed > 0 and assert(avro.of('Row', streamed))
  return self
end

function M:key_bytes(key)
  local row = type(key) == 'table' and key or { [self.o.keys[1][1]] = key }
  return assert(avro.encode(self.key, row))
end

local function input_rows(self, rows)
  local list = {}
  for i, r in ipairs(rows) do
    list[i] = { ts = r.ts }
    for j = 0, self.plan.inputs.n_fields - 1 do list[i][j + 1] = r[ffi.string(self.plan.inputs.fields[j].name)] end
  end
  return list
end

--- The batch IR of a key's rows { ts = , column = value, ... }.
function M:batch(key, rows)
  local b = batch_ir.new(self.plan, self.o.stop, self.o.entities and 'ENTITIES' or nil)
  b:add(input_rows(self, rows))
  self.values[self:key_bytes(key)] = b:bytes()
end

--- A value as it is: of no aggregations or SNAPSHOT.
function M:value(key, fields, row)
  self.values[self:key_bytes(key)] = assert(avro.encode(assert(avro.of('Value', fields)), row))
end

--- Streamed rows; of mutations with mutation_ts and is_before.
function M:stream(key, rows)
  for _, r in ipairs(rows) do
    M.put_row(self.puts, fetch.dataset(self.o.name, '_STREAMING'), self:key_bytes(key),
      assert(avro.encode(self.streamed, r)), r.mutation_ts or r.ts)
  end
end

--- Adds a streamed row to puts; rows of one key and instant share a value.
function M.put_row(puts, dataset, key, value, at)
  puts.by = puts.by or {}
  local id = key .. '@' .. tostring(at)
  local put = puts.by[id]
  if put then
    put[3] = put[3] .. value
  else
    put = { dataset, key, value, at }
    puts.by[id], puts[#puts + 1] = put, put
  end
end

--- The same rows as tiles of `size` ms.
function M:tiles(key, rows, size)
  local by, starts = {}, {}
  for _, r in ipairs(rows) do
    local start = r.ts - r.ts % size
    if not by[start] then by[start], starts[#starts + 1] = {}, start end
    table.insert(by[start], r)
  end
  local bases = self.plan.bases
  local size_of = ffi.sizeof('struct row_field')
  local arena = cols.arena()
  local array = ffi.cast('struct row_field *', C.arena_calloc(arena, self.plan.n_bases + 1, size_of))
  for i = 0, self.plan.n_bases - 1 do array[i].name, array[i].type = bases[i].base_name, bases[i].ir end
  local outer = ffi.cast('struct row_field *', C.arena_calloc(arena, 2, size_of))
  outer[0].name, outer[0].type = 'collapsedIr', C.row_struct_of(arena, 'WindowedIr', array, self.plan.n_bases)
  outer[1].name, outer[1].type = 'isComplete', C.row_scalar(0)
  local schema = assert(avro.of('TILE_IR', ffi.new('struct row_schema', { outer, 2 })))
  for _, start in ipairs(starts) do
    local ir, last = IR.new(bases, self.plan.n_bases), 0
    local list = input_rows(self, by[start])
    local values = {}
    for j = 1, self.plan.inputs.n_fields do
      values[j] = {}
      for i, r in ipairs(list) do values[j][i] = r[j] end
    end
    local columns, keep = cols.columns(self.plan.inputs, values)
    for i, r in ipairs(list) do
      assert(not ir:update(columns, i, r.ts))
      last = math.max(last, r.ts)
    end
    assert(keep)
    local fields = {}
    for i = 0, self.plan.n_bases - 1 do fields[ffi.string(bases[i].base_name)] = ir:stored(i) end
    self.puts[#self.puts + 1] = { fetch.dataset(self.o.name, '_STREAMING'), self:key_bytes(key),
                                  assert(avro.encode(schema, { collapsedIr = fields, isComplete = false })), last }
  end
end

function M:info(stop)
  return json.encode({
    groupBy = self.gb, keyAvroSchema = avro.text(self.key), selectedAvroSchema = avro.text(self.selected),
    batchEndDate = os.date('!%Y-%m-%d', (stop or self.o.stop) / 1000),
  })
end

--- Writes what was added to the store.
function M:save(stop)
  fetch.upload(self.store, self.o.name, self.values, self:info(stop), stop or self.o.stop)
  self.store:create(fetch.dataset(self.o.name, '_STREAMING'))
  if #self.puts > 0 then self.store:commit(self.puts) end
  self.puts = {}
end

--- Puts a join of GroupBys: parts = { { online, prefix = , mapping = {left = key} }, ... }.
function M.join(store, name, parts, more)
  local join = { metaData = { name = name, team = 'team' },
                 left = { events = { table = 'data.left', query = { selects = { user = 'user' }, timeColumn = 'ts' } } },
                 joinParts = setmetatable({}, { __jsontype = 'array' }) }
  for i, p in ipairs(parts) do
    join.joinParts[i] = { groupBy = p[1].gb, prefix = p.prefix, keyMapping = p.mapping }
  end
  for k, v in pairs(more or {}) do join[k] = v end
  store:create('ZIPLINE_METADATA')
  store:put('ZIPLINE_METADATA', 'joins/' .. name:gsub('%.', '/', 1), json.encode(join))
  return join
end

return M
