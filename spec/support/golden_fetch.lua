--- The fetch cases of spec/golden: uploads by the program, streamed rows by this file, answers of the
--- fetcher compared with those of the real Chronon.
local json = require('dkjson')
local avro = require('spec.support.avro')
local cdef = require('spec.support.cdef')
local cols = require('spec.support.cols')
local fetch = require('spec.support.fetch')
local golden = require('spec.support.golden')
local kv = require('spec.support.kv')
local online = require('spec.support.online')
local rows = require('spec.support.rows')
local C = cdef.load('warehouse/warehouse.h', 'base/time.h')

local M = {}

local DAY = 86400000

local function ms_of(ds)
  local day = require('ffi').new('int32_t[1]')
  cdef.check(C.chn_day_of_ds, ds, day)
  return day[0] * DAY
end

local function ds_of(ms)
  local out = require('ffi').new('char[16]')
  return require('ffi').string(C.chn_ds_of_day(ms / DAY, out))
end

-- ---- batch ---------------------------------------------------------------------------------------

local function run(case, kind, conf, warehouse, ds)
  local step = { kind = kind, conf = conf, end_date = ds, more = '--store lmdb:' .. warehouse .. '/store' }
  local ok, text = golden.run(case, step, warehouse)
  assert(ok, text)
end

-- ---- stream --------------------------------------------------------------------------------------

local function value_of(v, t)
  if v == rows.NULL then return cols.null end
  local kind = tonumber(t.kind)
  if kind == cols.kinds.list then
    local out = {}
    for _, x in ipairs(v) do
      if x ~= rows.NULL then out[#out + 1] = value_of(x, t.fields[0].type) end
    end
    return out
  elseif kind == cols.kinds.map then
    local out = {}
    for _, pair in ipairs(v) do
      if pair[2] ~= rows.NULL then out[#out + 1] = { pair[1], value_of(pair[2], t.fields[1].type) } end
    end
    return out
  end
  return v
end

--- Rows of a table as a stream job would put them: value record of the selected columns, of mutations
--- with the row's time and whether it is the old image.
local function stream(case, store, name, info, end_ms)
  local source = info.groupBy.sources[1]
  local entities = source.entities
  local table_name = entities and entities.mutationTable or source.events and source.events.table
  if not (entities and entities.mutationTopic or source.events and source.events.topic) then return end
  local wh = rows.open(os.tmpname(), case.table_paths)
  cdef.check(C.wh_use, wh, table_name)
  local list = rows.read(wh, ("SELECT * FROM %s WHERE ds >= '%s'"):format(table_name, ds_of(end_ms)))
  local key = assert(avro.parse(info.keyAvroSchema))
  local schema = json.decode(info.selectedAvroSchema)
  if entities then
    schema.fields[#schema.fields + 1] = { name = 'ts', type = { 'null', 'long' } }
    schema.fields[#schema.fields + 1] = { name = 'is_before', type = { 'null', 'boolean' } }
  end
  local record = assert(avro.parse(json.encode(schema)))
  local dataset, puts = fetch.dataset(name, '_STREAMING'), {}
  store:create(dataset)
  for _, row in ipairs(list) do
    local k, v = {}, {}
    for _, column in ipairs(info.groupBy.keyColumns) do k[column] = value_of(row[column], key.fields[0].schema.type) end
    for i = 0, record.n_fields - 1 do
      local field = require('ffi').string(record.fields[i].name)
      v[field] = value_of(row[field], record.fields[i].schema.type)
    end
    local at = entities and row.mutation_ts or row.ts
    if at ~= rows.NULL then online.put_row(puts, dataset, assert(avro.encode(key, k)), assert(avro.encode(record, v)), at) end
  end
  if #puts > 0 then store:commit(puts) end
end

-- ---- answers -------------------------------------------------------------------------------------

local function near(x, y, relative)
  return x == y or math.abs(x - y) <= relative * math.max(math.abs(x), math.abs(y), 1)
end

--- @return string? where two decoded values differ
local function difference(where, want, got, relative)
  if type(want) == 'number' and type(got) == 'number' then
    if near(want, got, relative) then return nil end
  elseif type(want) == 'table' and type(got) == 'table' and want ~= fetch.null and got ~= fetch.null then
    for k, v in pairs(want) do
      local d = difference(where .. '.' .. k, v, got[k], relative)
      if d then return d end
    end
    for k in pairs(got) do
      if want[k] == nil then return ('%s.%s is not wanted'):format(where, k) end
    end
    return nil
  elseif want == got then
    return nil
  end
  return ('%s: got %s, want %s'):format(where, json.encode(got), json.encode(want))
end

--- @return string[] differences, number requests
function M.run(case, step, warehouse)
  local end_ms = ms_of(step.end_date)
  local names = {}
  for i, conf in ipairs(step.group_bys) do
    run(case, 'upload', conf, warehouse, ds_of(end_ms - DAY))
    names[i] = golden.conf(case, { conf = conf }).metaData.name
  end
  for _, conf in ipairs(step.joins or {}) do
    local file = conf:gsub('^golden%.', ''):gsub('%.json$', '') -- the path is the key
    local folder = warehouse .. '/joins/golden/'
    os.execute(('mkdir -p %s && cp %s%s %s%s'):format(folder, case.folder, conf, folder, file))
    run({ folder = folder, table_paths = {} }, 'metadata-upload', file, warehouse, step.end_date)
  end
  local store = kv.open('lmdb:' .. warehouse .. '/store')
  for _, name in ipairs(names) do
    local info = store:get(fetch.dataset(name, '_BATCH'), fetch.INFO)
    stream(case, store, name, json.decode(info[#info][2]), end_ms)
  end
  local f = fetch.open(store)
  local lines, n = {}, 0
  for line in io.lines(case.folder .. 'expected/' .. step.out .. '.jsonl') do
    local want = json.decode(line, 1, fetch.null)
    local q, r = want.request, want.response
    local keys = line:match('"keys":(%b{})') -- as written: 1.0 is not 1
    local list = assert(f:rows(q.type == 'join' and 'join' or 'group_by', q.name, '[' .. keys .. ']', q.at))
    local got = { no_response = #list == 0 or nil }
    if list[1] then
      got.failure = list[1].error
      if not got.failure then got.values = list[1].features or fetch.null end
    end
    lines[#lines + 1] = difference(('%s %s at %d'):format(q.name, json.encode(q.keys), q.at), r, got, 1e-9)
    n = n + 1
  end
  f:close()
  return lines, n
end

return M
