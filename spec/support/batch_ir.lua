--- Batch IRs for specs: agg/batch_ir.h with Avro between, as an upload and a fetch have it.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/batch_ir.h', 'codec/avro.h')
local avro = require('spec.support.avro')
local cols = require('spec.support.cols')
local IR = require('spec.support.ir')

local M = {}
M.__index = M

--- @param stop integer the batch end
--- @param rule string? 'ENTITIES'
function M.new(plan, stop, rule)
  local self = setmetatable({ plan = plan, stop = stop }, M)
  self.c = ffi.gc(C.agg_batch_ir_new(plan, C['AGG_BATCH_' .. (rule or 'EVENTS')]), C.agg_batch_ir_free)
  self.columns = C.agg_batch_ir_columns(cols.arena(), plan)
  self.schema = assert(avro.of('gb_IR', self.columns))
  C.agg_batch_ir_reset(self.c, stop)
  return self
end

--- The plan's inputs of rows { ts = , [1] = value of the first input, ... }.
local function inputs(plan, rows)
  local values = {}
  for j = 1, plan.inputs.n_fields do
    values[j] = {}
    for i, r in ipairs(rows) do values[j][i] = r[j] end
  end
  return cols.columns(plan.inputs, values)
end

function M:add(rows)
  local columns, keep = inputs(self.plan, rows)
  for i, r in ipairs(rows) do cdef.check(C.agg_batch_ir_add, self.c, columns, i - 1, r.ts) end
  assert(keep)
end

--- The stored form as builders, by column from 0.
local function stored(self)
  local outs, keep = ffi.new('struct row_builder *[2]'), {}
  for i = 0, 1 do
    keep[i] = cols.builder(self.columns.fields[i].type)
    outs[i] = keep[i]
  end
  C.agg_batch_ir_store(self.c, outs)
  return keep
end

--- @return table { collapsedIr = , tailHopIrs = }
function M:value()
  local b = stored(self)
  return { collapsedIr = cols.read(C.row_builder_col(b[0]), 0), tailHopIrs = cols.read(C.row_builder_col(b[1]), 0) }
end

--- @return string Avro bytes
function M:bytes()
  local b = stored(self)
  local columns, buf = ffi.new('struct row_col[2]'), ffi.new('struct chn_buf')
  for i = 0, 1 do columns[i] = C.row_builder_col(b[i])[0] end
  cdef.check(C.avro_encode, self.schema, columns, 0, buf)
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  assert(b) -- alive until here
  return text
end

--- Reads Avro bytes into it; the message and status of a failure.
function M:load(bytes)
  local outs, keep, err = ffi.new('struct row_builder *[2]'), {}, ffi.new('struct chn_err')
  for i = 0, 1 do
    keep[i] = cols.builder(self.columns.fields[i].type)
    outs[i] = keep[i]
  end
  local columns = ffi.new('struct row_col[2]')
  local status = C.avro_decode(self.schema, bytes, #bytes, outs, err)
  if status == C.CHN_OK then
    for i = 0, 1 do columns[i] = C.row_builder_col(keep[i])[0] end
    status = C.agg_batch_ir_load(self.c, columns, 0, err)
  end
  assert(keep) -- alive until here
  if status ~= C.CHN_OK then return ffi.string(err.msg), tonumber(status) end
end

--- The served values at q by part, or nil and the message. Rows with a mutation_ts are mutations.
function M:serve(q, rows)
  local out, err = IR.new(self.plan.parts, self.plan.n_parts), ffi.new('struct chn_err')
  if C.agg_serve_begin(self.c, q, out.c, err) ~= C.CHN_OK then return nil, ffi.string(err.msg) end
  local columns, keep = inputs(self.plan, rows)
  for i, r in ipairs(rows) do
    if r.mutation_ts then
      cdef.check(C.agg_serve_mutation, self.c, q, out.c, columns, i - 1, r.ts, r.mutation_ts, r.is_before or false)
    else
      cdef.check(C.agg_serve_row, self.c, q, out.c, columns, i - 1, r.ts)
    end
  end
  cdef.check(C.agg_serve_end, self.c, q, out.c)
  assert(keep)
  return out:finish()
end

return M
