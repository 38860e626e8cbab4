--- Reads rows through libchronon's warehouse into Lua values, with no rounding on the way: LONG
--- beyond 2^53 stays int64 cdata, NULL is `rows.NULL`, a list is an array, a map or struct a table
--- of {key, value} sorted by key.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('warehouse/warehouse.h')

local M = { NULL = setmetatable({}, { __tostring = function() return 'NULL' end }) }
local NULL = M.NULL

--- Opens a warehouse. `tables` maps "ns.name" to a path.
function M.open(root, tables)
  local names = {}
  for name in pairs(tables or {}) do names[#names + 1] = name end
  table.sort(names)
  local sources = ffi.new('struct wh_source[?]', #names + 1)
  for i, name in ipairs(names) do
    sources[i - 1].table, sources[i - 1].path = name, tables[name]
  end
  local options = ffi.new('struct wh_options', { root = root, sources = sources, n_sources = #names, threads = 2 })
  local out = ffi.new('struct wh *[1]')
  cdef.check(C.wh_open, options, out)
  return ffi.gc(out[0], C.wh_close), sources
end

local ctypes = {
  [0] = 'bool *', 'int8_t *', 'int16_t *', 'int32_t *', 'int64_t *', 'float *', 'double *',
  [9] = 'int32_t *', [10] = 'int64_t *',
}

local value

local function by_key(x, y) return tostring(x[1]) < tostring(y[1]) end

local function span(col, row)
  local s = ffi.cast('struct row_span *', col.data)[row]
  return tonumber(s.offset), tonumber(s.length)
end

function value(col, row)
  if C.row_is_null(col, row) then return NULL end
  local kind = tonumber(col.type.kind)
  if ctypes[kind] then
    local v = ffi.cast(ctypes[kind], col.data)[row]
    if kind == 4 or kind == 10 then
      local n = tonumber(v)
      return math.abs(n) < 2 ^ 53 and n or v
    end
    return v
  elseif kind == 7 or kind == 8 then
    local s = ffi.cast('struct row_str *', col.data) + row
    return ffi.string(C.row_str_bytes(s), s.len)
  elseif kind == 12 then
    local from, n = span(col, row)
    local list = {}
    for i = 0, n - 1 do list[i + 1] = value(col.child[0], from + i) end
    return list
  elseif kind == 11 then
    local from, n = span(col, row)
    local map = {}
    for i = from, from + n - 1 do
      map[#map + 1] = { value(col.child[0].child[0], i), value(col.child[0].child[1], i) }
    end
    table.sort(map, by_key)
    return map
  elseif kind == 13 then
    local struct = {}
    for i = 0, col.n_child - 1 do
      struct[i + 1] = { ffi.string(col.type.fields[i].name), value(col.child[i], row) }
    end
    return struct
  end
  error('a column of kind ' .. kind .. ' has no value')
end

--- @return table[] rows name -> value
--- @return table[] columns {name, type} in order, types as Spark names them
function M.read(wh, sql)
  local out = ffi.new('struct wh_rows *[1]')
  cdef.check(C.wh_rows_load, wh, sql, out)
  local loaded = out[0]
  local schema = C.wh_rows_schema(loaded)
  local columns, text = {}, ffi.new('struct chn_buf')
  for i = 0, schema.n_fields - 1 do
    C.chn_buf_clear(text)
    C.row_type_print(text, schema.fields[i].type)
    columns[i + 1] = { name = ffi.string(schema.fields[i].name), type = ffi.string(C.chn_buf_str(text)) }
  end
  C.chn_buf_deinit(text)
  local rows = {}
  local cols = ffi.new('struct row_col[?]', schema.n_fields + 1)
  for c = 0, tonumber(C.wh_rows_chunks(loaded)) - 1 do
    for r = 0, tonumber(C.wh_rows_chunk(loaded, c, cols)) - 1 do
      local row = {}
      for i, column in ipairs(columns) do row[column.name] = value(cols[i - 1], r) end
      rows[#rows + 1] = row
    end
  end
  C.wh_rows_free(loaded)
  return rows, columns
end

--- A value as text, doubles that are not whole to `digits` significant digits, for messages and
--- sorting.
function M.text(v, digits)
  if v == NULL then return 'NULL' end
  if type(v) == 'number' and v % 1 == 0 and math.abs(v) < 2 ^ 53 then return ('%.0f'):format(v) end
  if type(v) == 'number' then return (('%.' .. (digits or 17) .. 'g'):format(v)) end
  if type(v) ~= 'table' then return tostring(v) end
  local parts = {}
  for i, x in ipairs(v) do parts[i] = M.text(x, digits) end
  return '[' .. table.concat(parts, ',') .. ']'
end

--- Equal: numbers to `tolerance` relative, everything else exactly.
function M.equal(x, y, tolerance)
  if type(x) == 'number' and type(y) == 'number' then
    if x ~= x or y ~= y then return x ~= x and y ~= y end
    return x == y or math.abs(x - y) <= (tolerance or 1e-9) * math.max(math.abs(x), math.abs(y))
  end
  if type(x) ~= 'table' or type(y) ~= 'table' then return x == y end
  if x == NULL or y == NULL or #x ~= #y then return x == y end
  for i = 1, #x do
    if not M.equal(x[i], y[i], tolerance) then return false end
  end
  return true
end

--- The first differences of two multisets of rows over `columns`, as lines; `same(column, want,
--- got, row)` may call two unequal values the same. Rows are paired by their exact columns.
function M.differences(want, got, columns, same)
  local function sorted(rows)
    local list = {}
    for i, row in ipairs(rows) do
      local parts = {}
      for c, name in ipairs(columns) do parts[c] = M.text(row[name], 6) end
      list[i] = { row = row, key = table.concat(parts, '\0') }
    end
    table.sort(list, function(x, y) return x.key < y.key end)
    return list
  end
  local lines = {}
  if #want ~= #got then lines[1] = ('%d rows, want %d'):format(#got, #want) end
  local w, g = sorted(want), sorted(got)
  for i = 1, math.min(#w, #g) do
    for _, name in ipairs(columns) do
      local x, y = w[i].row[name], g[i].row[name]
      if not M.equal(x, y) and not (same and same(name, x, y, w[i].row)) then
        lines[#lines + 1] = ('row %d, %s: got %s, want %s'):format(i, name, M.text(y), M.text(x))
      end
      if #lines > 10 then return lines end
    end
  end
  return lines
end

return M
