--- IRs for specs: a thin wrapper over agg/ir.h.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('agg/ir.h')
local cols = require('spec.support.cols')

local M = {}
M.__index = M

local function message(status, err)
  if status ~= C.CHN_OK then return ffi.string(err.msg), status end
end

--- @param parts ffi.cdata* plan.parts or plan.bases
function M.new(parts, n)
  return setmetatable({ c = ffi.gc(C.agg_ir_new(parts, n), C.agg_ir_free), parts = parts, n = n }, M)
end

--- All of these return the message of a failure, or nil.
function M:update(columns, row, ts)
  local err = ffi.new('struct chn_err')
  return message(C.agg_ir_update(self.c, columns, row - 1, ts or 0, err), err)
end

function M:delete(part, columns, row, ts)
  local err = ffi.new('struct chn_err')
  return message(C.agg_ir_delete_part(self.c, part, columns, row - 1, ts or 0, err), err)
end

function M:merge(from)
  local err = ffi.new('struct chn_err')
  for i = 0, self.n - 1 do
    local failed, status = message(C.agg_ir_merge_part(self.c, i, from.c, i, err), err)
    if failed then return failed, status end
  end
end

--- Final values by part.
function M:finish()
  local outs, keep, values = ffi.new('struct row_builder *[?]', self.n), {}, {}
  for i = 0, self.n - 1 do
    keep[i] = cols.builder(self.parts[i].output)
    outs[i] = keep[i]
  end
  C.agg_ir_finish(self.c, outs)
  for i = 0, self.n - 1 do
    local col = C.row_builder_col(keep[i])
    assert(col.count == 1, 'a part must give one row')
    values[i + 1] = cols.read(col, 0)
  end
  return values
end

--- The stored form of a part (from 0) as a value.
function M:stored(part)
  local b = cols.builder(self.parts[part].ir)
  C.agg_ir_store(self.c, part, b)
  assert(C.row_builder_count(b) == 1, 'a part must be stored as one row')
  return cols.read(C.row_builder_col(b), 0)
end

--- Reads a stored value of type t (the part's, unless given).
function M:load(part, value, t)
  t = t or self.parts[part].ir
  local b, err = cols.builder(t), ffi.new('struct chn_err')
  cols.append(b, t, value)
  return message(C.agg_ir_load(self.c, part, C.row_builder_col(b), 0, err), err)
end

--- A new IR with every part stored and read back.
function M:reloaded()
  local out = M.new(self.parts, self.n)
  for i = 0, self.n - 1 do
    local failed = out:load(i, self:stored(i))
    assert(not failed, failed)
  end
  return out
end

return M
