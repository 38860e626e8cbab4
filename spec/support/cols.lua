--- Types and columns between Lua and row/: what the specs of every room that takes columns feed
--- and read.
---
--- A value is, by type:
---   BOOLEAN      true, false
---   LONG         int64_t cdata (a Lua number is taken too)
---   other numbers  Lua numbers
---   STRING, BINARY Lua strings
---   LIST         { v1, v2, ..., n = count }   (n may be left out when no element is cols.null)
---   MAP          { { key, value }, ... } in the column's order
---   STRUCT       { field = value, ... }
---   null         cols.null, never nil
local ffi = require('ffi')
local C = require('spec.support.cdef').load('row/col.h')

local M = { null = setmetatable({}, { __tostring = function() return 'null' end }) }

local KINDS = { boolean = 0, byte = 1, short = 2, int = 3, long = 4, float = 5, double = 6,
                string = 7, binary = 8, date = 9, timestamp = 10, map = 11, list = 12,
                struct = 13, other = 14 }
M.kinds = KINDS
local CTYPES = { [0] = 'bool', 'int8_t', 'int16_t', 'int32_t', 'int64_t', 'float', 'double',
                 [9] = 'int32_t', [10] = 'int64_t' }

local arenas = {}

--- @return ffi.cdata* arena that lives as long as the process: what a plan in it outlives (frames,
---   IRs) is freed by finalizers, whose order is not defined
function M.arena()
  arenas[#arenas + 1] = ffi.new('struct arena')
  return arenas[#arenas]
end

--- Parses 'long', 'list<string>', 'map<string,list<double>>', 'struct<a:int,b:string>', 'other'.
function M.type(arena, text)
  local pos = 1
  local parse
  local function word() local w = text:match('^[%w_]+', pos); pos = pos + #w; return w end
  local function expect(ch)
    assert(text:sub(pos, pos) == ch, 'bad type ' .. text)
    pos = pos + 1
  end
  local function struct()
    local fields = {}
    repeat
      local name = word(); expect(':')
      fields[#fields + 1] = { name, parse() }
      local more = text:sub(pos, pos) == ','
      if more then pos = pos + 1 end
    until not more
    local array = ffi.new('struct row_field[?]', #fields)
    for i, f in ipairs(fields) do
      array[i - 1].name, array[i - 1].type = C.arena_strdup(arena, f[1]), f[2]
    end
    return C.row_struct_of(arena, 's', array, #fields)
  end
  function parse()
    local kind = word()
    if kind == 'list' then
      expect('<'); local e = parse(); expect('>')
      return C.row_list_of(arena, e)
    elseif kind == 'map' then
      expect('<'); local k = parse(); expect(','); local v = parse(); expect('>')
      return C.row_map_of(arena, k, v)
    elseif kind == 'struct' then
      expect('<'); local t = struct(); expect('>')
      return t
    elseif kind == 'other' then
      local t = ffi.cast('struct row_type *', C.arena_calloc(arena, 1, ffi.sizeof('struct row_type')))
      t.kind, t.name = C.ROW_OTHER, C.arena_strdup(arena, 'DECIMAL(10,2)')
      return t
    end
    return C.row_scalar((assert(KINDS[kind], 'unknown type ' .. kind)))
  end
  return parse()
end

--- @param fields table[] { { name, type text }, ... }
function M.schema(arena, fields)
  local array = ffi.cast('struct row_field *',
    C.arena_calloc(arena, #fields + 1, ffi.sizeof('struct row_field')))
  for i, f in ipairs(fields) do
    array[i - 1].name, array[i - 1].type = C.arena_strdup(arena, f[1]), M.type(arena, f[2])
  end
  local s = ffi.cast('struct row_schema *', C.arena_calloc(arena, 1, ffi.sizeof('struct row_schema')))
  s.fields, s.n_fields = array, #fields
  return s
end

function M.type_text(t)
  local buf = ffi.new('struct chn_buf')
  C.row_type_print(buf, t)
  local text = ffi.string(C.chn_buf_str(buf))
  C.chn_buf_deinit(buf)
  return text
end

--- Appends one value to a builder of type t.
function M.append(b, t, v)
  local kind = tonumber(t.kind)
  if v == M.null then return C.row_builder_null(b) end
  if kind == KINDS.string or kind == KINDS.binary then
    C.row_builder_string(b, v, #v)
  elseif kind == KINDS.list then
    local child = C.row_builder_child(b, 0)
    for i = 1, v.n or #v do M.append(child, t.fields[0].type, v[i]) end
    C.row_builder_close_list(b)
  elseif kind == KINDS.map then
    local entry = C.row_builder_child(b, 0)
    for _, pair in ipairs(v) do
      M.append(C.row_builder_child(entry, 0), t.fields[0].type, pair[1])
      M.append(C.row_builder_child(entry, 1), t.fields[1].type, pair[2])
      C.row_builder_close_struct(entry)
    end
    C.row_builder_close_list(b)
  elseif kind == KINDS.struct then
    for i = 0, t.n_fields - 1 do
      M.append(C.row_builder_child(b, i), t.fields[i].type, v[ffi.string(t.fields[i].name)])
    end
    C.row_builder_close_struct(b)
  else
    C.row_builder_value(b, ffi.new(CTYPES[kind] .. '[1]', { v }))
  end
end

function M.builder(t) return ffi.gc(C.row_builder_new(t), C.row_builder_free) end

--- Columns of values[j][row], by the fields of a schema, as one C array. The second result keeps
--- the memory alive: hold it as long as the columns are read.
function M.columns(schema, values)
  local n = schema.n_fields
  local cols, keep = ffi.new('struct row_col[?]', math.max(n, 1)), {}
  for j = 0, n - 1 do
    local t = schema.fields[j].type
    local b = M.builder(t)
    for i = 1, #values[j + 1] do M.append(b, t, values[j + 1][i]) end
    cols[j] = C.row_builder_col(b)[0]
    keep[j + 1] = b
  end
  return cols, keep
end

--- The value in a row of a column.
function M.read(col, row)
  if C.row_is_null(col, row) then return M.null end
  local t = col.type
  local kind = tonumber(t.kind)
  if kind == KINDS.string or kind == KINDS.binary then
    local s = ffi.cast('struct row_str *', col.data) + row
    return ffi.string(C.row_str_bytes(s), s.len)
  elseif kind == KINDS.list or kind == KINDS.map then
    local span = ffi.cast('struct row_span *', col.data)[row]
    local from, n = tonumber(span.offset), tonumber(span.length)
    local out = { n = kind == KINDS.list and n or nil }
    for i = 0, n - 1 do
      local e = col.child[0]
      if kind == KINDS.list then
        out[i + 1] = M.read(e, from + i)
      else
        out[i + 1] = { M.read(e.child[0], from + i), M.read(e.child[1], from + i) }
      end
    end
    return out
  elseif kind == KINDS.struct then
    local out = {}
    for i = 0, t.n_fields - 1 do
      out[ffi.string(t.fields[i].name)] = M.read(col.child[i], row)
    end
    return out
  end
  return ffi.cast(CTYPES[kind] .. ' *', col.data)[row]
end

--- A value as text, for messages and for comparing what must be equal to the last bit.
function M.show(v)
  if v == M.null then return 'null' end
  if type(v) == 'number' then
    if v ~= v then return 'nan' end
    if v == 0 then return 1 / v < 0 and '-0' or '0' end
    return ('%.17g'):format(v)
  elseif type(v) == 'string' then
    return ('%q'):format(v)
  elseif type(v) == 'table' then
    local parts = {}
    for i = 1, v.n or #v do parts[i] = M.show(v[i]) end
    if #parts == 0 and v.n == nil and next(v) ~= nil then
      for k, x in pairs(v) do parts[#parts + 1] = k .. '=' .. M.show(x) end
      table.sort(parts)
    end
    return '{' .. table.concat(parts, ', ') .. '}'
  end
  return tostring(v)
end

--- @return table the pairs of a MAP ordered by key
function M.sorted(map)
  local out = {}
  for i, pair in ipairs(map) do out[i] = pair end
  table.sort(out, function(x, y) return x[1] < y[1] end)
  return out
end

local function near(x, y, tolerance)
  if x ~= x or y ~= y then return x ~= x and y ~= y end
  if x == y then return true end
  return math.abs(x - y) <= tolerance * math.max(1, math.abs(x), math.abs(y))
end

--- Equality of two values of type t: doubles and floats to a relative `tolerance`, maps whatever
--- their order, everything else exactly.
function M.same(t, x, y, tolerance)
  if x == M.null or y == M.null then return x == y end
  local kind = tonumber(t.kind)
  if kind == KINDS.double or kind == KINDS.float then return near(x, y, tolerance or 0) end
  if kind == KINDS.list then
    local n = x.n or #x
    if n ~= (y.n or #y) then return false end
    for i = 1, n do
      if not M.same(t.fields[0].type, x[i], y[i], tolerance) then return false end
    end
    return true
  elseif kind == KINDS.map then
    if #x ~= #y then return false end
    local a, b = M.sorted(x), M.sorted(y)
    for i = 1, #a do
      if a[i][1] ~= b[i][1] or not M.same(t.fields[1].type, a[i][2], b[i][2], tolerance) then
        return false
      end
    end
    return true
  elseif kind == KINDS.struct then
    for i = 0, t.n_fields - 1 do
      local f = t.fields[i]
      local name = ffi.string(f.name)
      if not M.same(f.type, x[name], y[name], tolerance) then return false end
    end
    return true
  end
  return x == y
end

return M
