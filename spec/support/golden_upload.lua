--- Compares upload tables with the real Chronon's: keys by their bytes, values decoded. The schemas
--- are found as a fetcher finds them: out of the serving info alone.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/batch_ir.h', 'batch/source.h', 'codec/avro.h', 'model/json.h', 'model/names.h', 'model/plan.h',
  'warehouse/warehouse.h')
local avro = require('spec.support.avro')
local cols = require('spec.support.cols')
local golden = require('spec.support.golden')
local IR = require('spec.support.ir')
local json = require('dkjson')
local rows = require('spec.support.rows')

local M = {}

local INFO = 'group_by_serving_info'
local COLUMNS = { key_bytes = 'binary', value_bytes = 'binary', key_json = 'string', value_json = 'string',
                  ds = 'string' }

--- An upload as { by_key = { bytes = row }, info = table, ds = {...} }.
function M.read(wh, from)
  local list, columns = rows.read(wh, 'SELECT * FROM ' .. from)
  local types = {}
  for _, c in ipairs(columns) do types[c.name] = c.type end
  local out = { by_key = {}, types = types, n = #list, ds = {} }
  for _, row in ipairs(list) do
    if row.key_bytes == INFO then
      assert(row.key_json == INFO and row.value_json == row.value_bytes)
      out.info = assert(json.decode(row.value_bytes))
    end
    out.by_key[row.key_bytes] = row
    out.ds[row.ds] = true
  end
  return out
end

-- ---- what the serving info says ------------------------------------------------------------------

--- The plan of the GroupBy in a serving info, or nil without aggregations; and its row_schema.
function M.plan_of(info)
  local arena, err = cols.arena(), ffi.new('struct chn_err')
  local selected = assert(avro.parse(info.selectedAvroSchema))
  local schema = ffi.new('struct row_schema[1]', { C.avro_columns(arena, selected, false) })
  local conf = ffi.new('struct model_conf')
  local text = json.encode(info.groupBy)
  local what = C.arena_strdup(arena, text)
  assert(C.model_read_json(arena, what, #text, C.MODEL_GROUP_BY, 'info', conf, err) == 0, ffi.string(err.msg))
  local gb = conf.as.group_by
  if gb.aggregations == nil then return nil, schema, gb end
  local out = ffi.new('struct agg_plan *[1]')
  cdef.check(C.model_plan, arena, gb, schema, out)
  return out[0], schema, gb
end

local function value_schema(info)
  local plan, selected, gb = M.plan_of(info)
  local columns = selected[0]
  if plan and C.model_infer_accuracy(gb) == C.MODEL_TEMPORAL then
    columns = C.agg_batch_ir_columns(cols.arena(), plan)
  elseif plan then
    local size = ffi.sizeof('struct row_field')
    local fields = ffi.cast('struct row_field *', C.arena_calloc(cols.arena(), plan.n_parts, size))
    for i = 0, plan.n_parts - 1 do fields[i].name, fields[i].type = plan.parts[i].name, plan.parts[i].output end
    columns = ffi.new('struct row_schema', { fields, plan.n_parts })
  end
  return assert(avro.of('Value', columns)), plan
end

-- ---- comparing -----------------------------------------------------------------------------------

--- Operations whose IR or output is a list in no order.
local UNORDERED = {}
for _, op in ipairs({ 'UNIQUE_COUNT', 'BOUNDED_UNIQUE_COUNT', 'TOP_K', 'BOTTOM_K', 'LAST_K', 'FIRST_K' }) do
  UNORDERED[tonumber(C['AGG_' .. op])] = true
end

local function sorted(v)
  if v == cols.null then return v end
  local out = { n = v.n }
  for i, x in ipairs(v) do out[i] = x end
  table.sort(out, function(x, y) return cols.show(x) < cols.show(y) end)
  return out
end

--- A stored IR of a part, finished.
local function finished(part, stored)
  local ir = IR.new(part, 1)
  local failed = ir:load(0, stored)
  assert(not failed, failed)
  return ir:finish()[1]
end

--- Whether two IRs mean the same: sketches by what they answer, the rest by what they hold.
local function same_ir(part, want, got)
  if want == cols.null or got == cols.null then return want == got end
  local op, kind = tonumber(part.op), tonumber(part.ir.kind)
  local inner = kind == cols.kinds.map and tonumber(part.ir.fields[1].type.kind)
  -- Whether k values are kept or their being k is, is up to how upstream's partitions meet.
  local full = op == tonumber(C.AGG_BOUNDED_UNIQUE_COUNT)
  if full or inner == cols.kinds.binary or (inner == cols.kinds.list and UNORDERED[op]) then
    return cols.same(part.output, finished(part, want), finished(part, got), op == 12 and 0.02 or 0)
  end
  if kind == cols.kinds.binary then
    return cols.same(part.output, finished(part, want), finished(part, got), op == 12 and 0.02 or 0)
  end
  if UNORDERED[op] and tonumber(part.ir.kind) == cols.kinds.list then want, got = sorted(want), sorted(got) end
  return cols.same(part.ir, want, got, 1e-9)
end

local function difference(where, want, got)
  return ('%s: got %s, want %s'):format(where, cols.show(got), cols.show(want))
end

--- Hops of upstream and ours by size and start.
local function hops_by_start(list)
  local out = {}
  for size = 1, 3 do
    for _, hop in ipairs(list[size]) do out[size .. ':' .. tostring(hop.ts)] = hop end
  end
  return out
end

local function compare_ir(plan, where, want, got, lines)
  for i = 0, plan.n_parts - 1 do
    local part = plan.parts + i
    local name = ffi.string(part.name)
    if not same_ir(part, want.collapsedIr[name], got.collapsedIr[name]) then
      lines[#lines + 1] = difference(where .. ' collapsed ' .. name, want.collapsedIr[name],
        got.collapsedIr[name])
    end
  end
  local theirs, ours = hops_by_start(want.tailHopIrs), hops_by_start(got.tailHopIrs)
  for start in pairs(theirs) do
    if not ours[start] then lines[#lines + 1] = where .. ' has no hop ' .. start end
  end
  for start, hop in pairs(ours) do
    for i = 0, plan.n_bases - 1 do
      local part = plan.bases + i
      local name = ffi.string(part.base_name)
      local w = theirs[start] and theirs[start][name] or cols.null
      if not same_ir(part, w, hop[name]) then
        lines[#lines + 1] = difference(('%s hop %s %s'):format(where, start, name), w, hop[name])
      end
    end
    if not theirs[start] then lines[#lines + 1] = where .. ' has a hop too many: ' .. start end
  end
end

local function compare_outputs(plan, schema, where, want, got, lines)
  for i = 0, schema.n_fields - 1 do
    local name, t = ffi.string(schema.fields[i].name), schema.fields[i].schema.type
    local op = plan and tonumber(plan.parts[i].op)
    local tolerance = op == 12 and 0.05 or 1e-9
    if not cols.same(t, want[name], got[name], tolerance) then
      lines[#lines + 1] = difference(where .. ' ' .. name, want[name], got[name])
    end
  end
end

--- The object keys of Avro JSON, maps and arrays not entered, as text.
local function shape(v)
  if type(v) ~= 'table' then return '' end
  local names = {}
  for k, x in pairs(v) do
    if type(k) ~= 'string' then return '' end
    names[#names + 1] = k .. ((k == 'map' or k == 'array') and '' or '{' .. shape(x) .. '}')
  end
  table.sort(names)
  return table.concat(names, ',')
end

--- Fields of a schema without their order, which upstream takes from a hash map.
local function unordered(text)
  local fields = {}
  for _, f in ipairs(json.decode(text).fields) do
    fields[#fields + 1] = json.encode(f, { keyorder = { 'name', 'type', 'doc' } })
  end
  table.sort(fields)
  return table.concat(fields, ',')
end

local function equal_tree(x, y)
  if type(x) ~= 'table' or type(y) ~= 'table' then return x == y end
  for k, v in pairs(x) do
    if not equal_tree(v, y[k]) then return false end
  end
  for k in pairs(y) do
    if x[k] == nil then return false end
  end
  return true
end

local function compare_info(want, got, lines)
  for _, key in ipairs({ 'groupBy', 'inputAvroSchema', 'selectedAvroSchema', 'keyAvroSchema', 'batchEndDate',
                         'dateFormat' }) do
    local same = equal_tree(want[key], got[key])
    if key == 'selectedAvroSchema' and not want.groupBy.aggregations then
      same = unordered(want[key]) == unordered(got[key])
    end
    if not same then
      lines[#lines + 1] = ('serving info, %s: got %s, want %s'):format(key, json.encode(got[key]),
        json.encode(want[key]))
    end
  end
end

--- A tuple's NULL and empty string share a group, and upstream shows whichever came first.
local function key_of(case, bytes)
  if case.name ~= 'upload_multikey' then return bytes end
  return (bytes:gsub('^%z', '\2\0'))
end

local function pairs_of(case, upload)
  local out = {}
  for bytes, row in pairs(upload.by_key) do
    if bytes ~= INFO then out[key_of(case, bytes)] = row end
  end
  return out
end

--- Compares the output of a step with what the real Chronon made. The golden tables have no row at
--- exactly batch end - window, where upstream loses it (docs/reference/upload.md).
--- @return string[] differences
function M.compare(case, step, warehouse)
  local wh = rows.open(warehouse, case.table_paths)
  local name = golden.output_table(case, step) .. '_upload'
  cdef.check(C.wh_use, wh, name)
  local want = M.read(wh, ("read_parquet('%sexpected/%s.parquet')"):format(case.folder, step.out))
  local got = M.read(wh, name)
  local lines = {}
  for column, t in pairs(COLUMNS) do
    if got.types[column] ~= t then lines[#lines + 1] = column .. ' is ' .. tostring(got.types[column]) end
  end
  if got.n ~= want.n then lines[#lines + 1] = ('%d rows, want %d'):format(got.n, want.n) end
  if not equal_tree(want.ds, got.ds) then lines[#lines + 1] = 'another ds' end
  compare_info(want.info, got.info, lines)
  local theirs, their_plan = value_schema(want.info)
  local ours, plan = value_schema(got.info)
  local want_rows, got_rows = pairs_of(case, want), pairs_of(case, got)
  for key, row in pairs(want_rows) do
    local mine = got_rows[key]
    if not mine then
      lines[#lines + 1] = 'no key ' .. row.key_json
    else
      local w, g = assert(avro.decode(theirs, row.value_bytes)), assert(avro.decode(ours, mine.value_bytes))
      if w.collapsedIr then
        compare_ir(plan, row.key_json, w, g, lines)
      else
        compare_outputs(their_plan, theirs, row.key_json, w, g, lines)
      end
      if case.name ~= 'upload_multikey' and row.key_json ~= mine.key_json then
        lines[#lines + 1] = difference('key_json', row.key_json, mine.key_json)
      end
      local x, y = shape(json.decode(row.value_json)), shape(json.decode(mine.value_json))
      if x ~= y then lines[#lines + 1] = ('value_json of %s: got %s, want %s'):format(row.key_json, y, x) end
    end
  end
  for key, row in pairs(got_rows) do
    if not want_rows[key] then lines[#lines + 1] = 'a key too many: ' .. row.key_json end
  end
  return lines
end

return M
