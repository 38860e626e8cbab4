--- Avro schemas and rows for specs: a thin wrapper over codec/avro.h. A row is { field = value },
--- values as spec/support/cols.lua has them.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('codec/avro.h')
local cols = require('spec.support.cols')

local M = {}

--- @param fields table[] { { name, type text }, ... } or a row_schema
--- @param names string? 'paths': AVRO_NAMES_OF_PATHS
--- @return ffi.cdata*? schema
--- @return string? message of a failure
function M.of(name, fields, names)
  local arena = cols.arena()
  local out, err = ffi.new('const struct avro_schema *[1]'), ffi.new('struct chn_err')
  local schema = type(fields) == 'table' and cols.schema(arena, fields) or fields
  local how = names == 'paths' and C.AVRO_NAMES_OF_PATHS or C.AVRO_NAMES_OF_TYPES
  if C.avro_schema_of(arena, C.arena_strdup(arena, name), schema, how, out, err) ~= C.CHN_OK then
    return nil, ffi.string(err.msg)
  end
  return out[0]
end

--- @return ffi.cdata*? schema
--- @return string? message of a failure
function M.parse(text)
  local out, err = ffi.new('const struct avro_schema *[1]'), ffi.new('struct chn_err')
  if C.avro_schema_parse(cols.arena(), text, #text, 'schema', out, err) ~= C.CHN_OK then
    return nil, ffi.string(err.msg)
  end
  return out[0]
end

local function text_of(f, ...)
  local buf = ffi.new('struct chn_buf')
  local args = { ... }
  args[#args + 1] = buf
  local status = f(unpack(args))
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return text, status
end

function M.text(schema, pretty) return (text_of(C.avro_schema_print, schema, pretty or false)) end

function M.names(schema, clean)
  local columns, names = C.avro_columns(cols.arena(), schema, clean or false), {}
  for i = 0, columns.n_fields - 1 do names[i + 1] = ffi.string(columns.fields[i].name) end
  return names
end

--- A row as columns of one row each; the second result keeps them alive.
local function columns(schema, row)
  local values, fields = {}, C.avro_columns(cols.arena(), schema, false)
  for i = 0, fields.n_fields - 1 do values[i + 1] = { row[ffi.string(fields.fields[i].name)] } end
  return cols.columns(fields, values)
end

--- @return string? bytes
--- @return string? message of a failure
function M.encode(schema, row)
  local c, keep = columns(schema, row)
  local err = ffi.new('struct chn_err')
  local buf = ffi.new('struct chn_buf')
  local status = C.avro_encode(schema, c, 0, buf, err)
  local bytes = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  assert(keep)
  if status ~= C.CHN_OK then
    assert(#bytes == 0, 'a row that failed left bytes')
    return nil, ffi.string(err.msg)
  end
  return bytes
end

function M.json(schema, row)
  local c, keep = columns(schema, row)
  local text = text_of(C.avro_json, schema, c, 0)
  assert(keep)
  return text
end

--- Reads one record into builders by field number; nil, message and status on failure.
local function decoded(schema, bytes, wanted)
  local fields, keep = ffi.new('struct row_builder *[?]', schema.n_fields + 1), {}
  for i = 0, schema.n_fields - 1 do
    if not wanted or wanted[ffi.string(schema.fields[i].name)] then
      keep[i] = cols.builder(schema.fields[i].schema.type)
      fields[i] = keep[i]
    end
  end
  local err = ffi.new('struct chn_err')
  -- a copy of exactly that many bytes, so that ASan sees a read past the end
  local copy = ffi.gc(C.chn_malloc(#bytes), ffi.C.free)
  ffi.copy(copy, bytes, #bytes)
  local status = C.avro_decode(schema, copy, #bytes, fields, err)
  if status ~= C.CHN_OK then return nil, ffi.string(err.msg), tonumber(status) end
  return keep
end

--- @param wanted table? { field = true } reads only these
--- @return table? row
--- @return string? message, integer? status of a failure
function M.decode(schema, bytes, wanted)
  local keep, message, status = decoded(schema, bytes, wanted)
  if not keep then return nil, message, status end
  local row = {}
  for i, b in pairs(keep) do
    local col = C.row_builder_col(b)
    assert(col.count == 1)
    row[ffi.string(schema.fields[i].name)] = cols.read(col, 0)
  end
  return row
end

--- Reads bytes and writes what was read, with no Lua value between (NaNs with odd bits are not
--- safe in LuaJIT).
--- @return string? bytes
--- @return string? message, integer? status of a failure
function M.again(schema, bytes)
  local keep, message, status = decoded(schema, bytes)
  if not keep then return nil, message, status end
  local columns_read = ffi.new('struct row_col[?]', schema.n_fields + 1)
  for i, b in pairs(keep) do columns_read[i] = C.row_builder_col(b)[0] end
  local err, buf = ffi.new('struct chn_err'), ffi.new('struct chn_buf')
  assert(C.avro_encode(schema, columns_read, 0, buf, err) == C.CHN_OK, ffi.string(err.msg))
  local out = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  assert(keep) -- alive until here
  return out
end

--- @return boolean
function M.check(schema, bytes)
  local err = ffi.new('struct chn_err')
  return C.avro_check(schema, bytes, #bytes, err) == C.CHN_OK
end

-- ---- random -----------------------------------------------------------------------------------

local K = cols.kinds
local BITS = { [K.byte] = 7, [K.short] = 15, [K.int] = 31 }

local scalars = {
  [K.boolean] = function(random) return random(0, 1) == 1 end,
  [K.long] = function(random)
    local v = 0LL
    for _ = 1, random(0, 8) do v = v * 256 + random(0, 255) end
    return random(0, 1) == 1 and -v or v
  end,
  [K.float] = function(random) return ffi.new('float[1]', random(-1000, 1000) / 7)[0] end,
  [K.double] = function(random) return random(-1000000, 1000000) / 7 end,
  [K.string] = function(random) return ('x\195\164\240\159\152\128'):rep(random(0, 3)) end,
  [K.binary] = function(random)
    local t = {}
    for i = 1, random(0, 20) do t[i] = string.char(random(0, 255)) end
    return table.concat(t)
  end,
}

--- A random value of a type; `solid` ones are not null.
function M.random(random, t, solid)
  local kind = tonumber(t.kind)
  if not solid and random(0, 4) == 0 then return cols.null end
  if BITS[kind] then return random(-2 ^ BITS[kind], 2 ^ BITS[kind] - 1) end
  if scalars[kind] then return scalars[kind](random) end
  local out = {}
  if kind == K.list then
    out.n = random(0, 3)
    for i = 1, out.n do out[i] = M.random(random, t.fields[0].type, true) end
  elseif kind == K.map then
    for i = 1, random(0, 3) do out[i] = { 'k' .. i, M.random(random, t.fields[1].type, true) } end
  else
    for i = 0, t.n_fields - 1 do out[ffi.string(t.fields[i].name)] = M.random(random, t.fields[i].type) end
  end
  return out
end

--- The bytes with a few changed, cut out or put in; now and then unchanged.
function M.mutant(random, bytes)
  for _ = 1, random(0, 3) do
    local at = random(1, #bytes)
    local kind = random(1, 4)
    local head, tail = bytes:sub(1, at - 1), bytes:sub(at + 1)
    if kind == 1 then
      bytes = head .. string.char(random(0, 255)) .. tail
    elseif kind == 2 then
      bytes = head .. tail
    elseif kind == 3 then
      bytes = head .. ('\255'):rep(random(1, 10)) .. tail
    else
      bytes = bytes:sub(1, at)
    end
    if #bytes == 0 then return '\0' end
  end
  return bytes
end

return M
