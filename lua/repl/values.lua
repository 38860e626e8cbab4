--- Columns of the engine as Lua's values: numbers (64-bit integers beyond 2^53 as int64), strings,
--- booleans, days and instants as text, lists, maps and structs as tables; NULL is nil, inside
--- lists c.null.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local host = require 'repl.host'
local map = require 'chronon.map'

local M = {}

local CTYPES = {
  [tonumber(C.ROW_BYTE)] = 'int8_t *', [tonumber(C.ROW_SHORT)] = 'int16_t *', [tonumber(C.ROW_INT)] = 'int32_t *',
  [tonumber(C.ROW_LONG)] = 'int64_t *', [tonumber(C.ROW_FLOAT)] = 'float *', [tonumber(C.ROW_DOUBLE)] = 'double *',
}

local function day(days) return os.date('!%Y-%m-%d', days * 86400) end

local function instant(micros)
  local seconds = math.floor(micros / 1000000)
  local text, rest = os.date('!%Y-%m-%d %H:%M:%S', seconds), micros - seconds * 1000000
  if rest == 0 then return text end
  return rest % 1000 == 0 and ('%s.%03d'):format(text, rest / 1000) or ('%s.%06d'):format(text, rest)
end

local value

local function spanned(col, row, f)
  local span = ffi.cast('struct row_span *', col.data)[row]
  for i = tonumber(span.offset), tonumber(span.offset + span.length) - 1 do f(i) end
end

local function list(col, row)
  local out = {}
  spanned(col, row, function(i)
    local item = value(col.child[0], i)
    out[#out + 1] = item == nil and map.null or item
  end)
  return out
end

local function dictionary(col, row)
  local out = {}
  local pair = col.child[0]
  spanned(col, row, function(i) out[value(pair.child[0], i)] = value(pair.child[1], i) end)
  return out
end

local function struct(col, row)
  local out = {}
  for i = 0, col.n_child - 1 do out[ffi.string(col.type.fields[i].name)] = value(col.child[i], row) end
  return out
end

local function text(col, row)
  local s = ffi.cast('struct row_str *', col.data) + row
  return ffi.string(C.row_str_bytes(s), s.len)
end

local READERS = {
  [tonumber(C.ROW_BOOLEAN)] = function(col, row) return ffi.cast('uint8_t *', col.data)[row] ~= 0 end,
  [tonumber(C.ROW_STRING)] = text,
  [tonumber(C.ROW_BINARY)] = text,
  [tonumber(C.ROW_DATE)] = function(col, row) return day(ffi.cast('int32_t *', col.data)[row]) end,
  [tonumber(C.ROW_TIMESTAMP)] = function(col, row) return instant(tonumber(ffi.cast('int64_t *', col.data)[row])) end,
  [tonumber(C.ROW_LIST)] = list,
  [tonumber(C.ROW_MAP)] = dictionary,
  [tonumber(C.ROW_STRUCT)] = struct,
}

function value(col, row)
  local kind = tonumber(col.type.kind)
  if kind == C.ROW_OTHER or C.row_is_null(col, row) then return nil end
  if READERS[kind] then return READERS[kind](col, row) end
  local v = ffi.cast(CTYPES[kind], col.data)[row]
  if type(v) == 'cdata' and v > -9007199254740992LL and v < 9007199254740992LL then return tonumber(v) end
  return v
end

--- Calls f for the rows of chunks; true when f wants no more.
local function walk_chunk(cols, names, n, f)
  for i = 0, n - 1 do
    local row = {}
    for k = 0, #names do row[names[k]] = value(cols[k], i) end
    if f(row) == true then return true end
  end
end

local function load(sql)
  local wh, rows = ffi.new('struct wh *[1]'), ffi.new('struct wh_rows *[1]')
  local err = ffi.new('struct chn_err')
  host.call(C.explore_warehouse, wh)
  C.explore_begin(host.session)
  if C.explore_end(host.session, C.wh_rows_load(wh[0], sql, rows, err), err) ~= 0 then
    host.fail('%s', ffi.string(err.msg))
  end
  return ffi.gc(rows[0], C.wh_rows_free)
end

--- Runs DuckDB's SQL and calls f(row) for each row, until it returns true. The rows lie in C,
--- and only one at a time in Lua, so that f may ask for others.
function M.each(sql, f)
  local rows = load(sql)
  local schema = C.wh_rows_schema(rows)
  local names = {}
  for i = 0, schema.n_fields - 1 do names[i] = ffi.string(schema.fields[i].name) end
  local cols = ffi.new('struct row_col[?]', schema.n_fields + 1)
  for chunk = 0, tonumber(C.wh_rows_chunks(rows)) - 1 do
    local n = tonumber(C.wh_rows_chunk(rows, chunk, cols))
    if walk_chunk(cols, names, n, f) then break end
  end
  C.wh_rows_free(ffi.gc(rows, nil))
end

return M
