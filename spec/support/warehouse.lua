--- A warehouse in a fresh folder for the unit specs of room warehouse/, and its columns as Lua
--- values: nil for NULL, numbers (64-bit integers too), strings, and tables for lists, maps and
--- structs.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('warehouse/warehouse.h')

ffi.cdef [[
  int mkdir(const char *path, unsigned mode);
  int getpid(void);
]]

local M = { C = C }
local counter = 0

--- A fresh empty folder below $TMPDIR.
function M.folder()
  counter = counter + 1
  local path = string.format('%s/chronon-wh-%d-%d', os.getenv('TMPDIR') or '/tmp',
    ffi.C.getpid(), counter)
  os.execute("rm -rf '" .. path .. "'")
  assert(ffi.C.mkdir(path, 448) == 0)
  return path
end

function M.sh(command)
  local pipe = assert(io.popen(command .. ' 2>&1'))
  local out = pipe:read('*a')
  pipe:close()
  return out
end

function M.write_file(path, text)
  local file = assert(io.open(path, 'w'))
  file:write(text)
  file:close()
end

local KINDS = { [0] = 'uint8_t', 'int8_t', 'int16_t', 'int32_t', 'int64_t', 'float', 'double',
  [9] = 'int32_t', [10] = 'int64_t' }

--- Row `row` (from 0) of a struct row_col.
function M.value(col, row)
  if C.row_is_null(col, row) then return nil end
  local kind = tonumber(col.type.kind)
  if kind == C.ROW_STRING or kind == C.ROW_BINARY then
    local s = ffi.cast('struct row_str *', col.data) + row
    return ffi.string(C.row_str_bytes(s), s.len)
  elseif kind == C.ROW_LIST or kind == C.ROW_MAP then
    local span = ffi.cast('struct row_span *', col.data)[row]
    local out = {}
    for i = tonumber(span.offset), tonumber(span.offset + span.length) - 1 do
      local v = M.value(col.child[0], i)
      if kind == C.ROW_MAP then
        out[v.key] = v.value
      else
        out[#out + 1] = v == nil and 'NULL' or v
      end
    end
    return out
  elseif kind == C.ROW_STRUCT then
    local out = {}
    for i = 0, col.n_child - 1 do
      out[ffi.string(col.type.fields[i].name)] = M.value(col.child[i], row)
    end
    return out
  elseif kind == C.ROW_OTHER then
    return nil
  end
  local v = ffi.cast(KINDS[kind] .. ' *', col.data)[row]
  return kind == C.ROW_BOOLEAN and v ~= 0 or kind ~= C.ROW_BOOLEAN and tonumber(v)
end

function M.type_name(t)
  local buf = ffi.new('struct chn_buf')
  C.row_type_print(buf, t)
  local text = ffi.string(C.chn_buf_str(buf))
  C.chn_buf_deinit(buf)
  return text
end

--- "a bigint, ds string"
function M.schema_text(schema)
  local out = {}
  for i = 0, schema.n_fields - 1 do
    out[#out + 1] = ffi.string(schema.fields[i].name) .. ' ' .. M.type_name(schema.fields[i].type)
  end
  return table.concat(out, ', ')
end

local Wh = {}
Wh.__index = Wh

--- @param o table? root, sources (name -> path), threads, memory_limit
function M.open(o)
  o = o or {}
  local home = not o.root and M.folder() or nil
  local root = o.root or (home .. '/wh')
  local names = {}
  for name in pairs(o.sources or {}) do names[#names + 1] = name end
  table.sort(names)
  local sources = ffi.new('struct wh_source[?]', #names + 1)
  for i, name in ipairs(names) do
    sources[i - 1].table = name
    sources[i - 1].path = o.sources[name]
  end
  local options = ffi.new('struct wh_options', {
    root = root, sources = sources, n_sources = #names, threads = o.threads or 2,
    memory_limit = o.memory_limit or 2e9 })
  local out = ffi.new('struct wh *[1]')
  cdef.check(C.wh_open, options, out)
  return setmetatable({ wh = out[0], root = root, home = home,
    arena = ffi.new('struct arena') }, Wh)
end

function Wh:close()
  C.wh_close(self.wh)
  C.arena_deinit(self.arena)
  if self.home then os.execute("rm -rf '" .. self.home .. "'") end
end

function Wh:use(table_name) cdef.check(C.wh_use, self.wh, table_name) end
function Wh:exec(sql) cdef.check(C.wh_exec, self.wh, sql) end

--- All rows of a SELECT, streamed: a list of lists (with n), and the schema's text.
function Wh:rows(sql)
  local r = ffi.new('struct wh_result *[1]')
  cdef.check(C.wh_query, self.wh, sql, r)
  local schema = C.wh_result_schema(r[0])
  local text = M.schema_text(schema)
  local cols = ffi.new('struct row_col[?]', schema.n_fields + 1)
  local n = ffi.new('size_t[1]')
  local out = {}
  local ok, err = pcall(function()
    repeat
      cdef.check(C.wh_result_next, r[0], cols, n)
      for i = 0, tonumber(n[0]) - 1 do
        local row = { n = schema.n_fields }
        for k = 0, schema.n_fields - 1 do row[k + 1] = M.value(cols[k], i) end
        out[#out + 1] = row
      end
    until n[0] == 0
  end)
  C.wh_result_close(r[0])
  if not ok then error(err, 0) end
  return out, text
end

--- The rows as text: values with commas, rows with " | ".
function Wh:text(sql)
  local rows, lines = self:rows(sql), {}
  for i, row in ipairs(rows) do
    local cells = {}
    for k = 1, row.n do cells[k] = tostring(row[k]) end
    lines[i] = table.concat(cells, ',')
  end
  return table.concat(lines, ' | ')
end

function Wh:find(name)
  local out = ffi.new('struct wh_table')
  cdef.check(C.wh_table_find, self.wh, name, self.arena, out)
  return { name = ffi.string(out.name), path = ffi.string(out.path), managed = out.managed,
    schema = M.schema_text(out.schema) }
end

function Wh:exists(name) return C.wh_table_exists(self.wh, name) end

function Wh:partitions(name, column, filters)
  filters = filters or {}
  local f = ffi.new('const char *[?]', #filters + 1)
  for i, filter in ipairs(filters) do f[i - 1] = filter end
  local out, n = ffi.new('char **[1]'), ffi.new('size_t[1]')
  cdef.check(C.wh_partitions, self.wh, name, column or 'ds', f, #filters, self.arena, out, n)
  local list = {}
  for i = 0, tonumber(n[0]) - 1 do list[#list + 1] = ffi.string(out[0][i]) end
  return list
end

function Wh:property(name, key)
  local value = C.wh_property(self.wh, name, key, self.arena)
  return value ~= nil and ffi.string(value) or nil
end

local function texts(list)
  local out = ffi.new('const char *[?]', #list + 1)
  for i, text in ipairs(list) do out[i - 1] = text end
  return out
end

--- @param o table? by (partition columns, default { 'ds' }), expand, properties
function Wh:begin(name, o)
  o = o or {}
  local by = o.by or { 'ds' }
  local keys, values = {}, {}
  for key, value in pairs(o.properties or {}) do
    keys[#keys + 1], values[#values + 1] = key, value
  end
  local ckeys, cvalues, cby = texts(keys), texts(values), texts(by)
  local options = ffi.new('struct wh_write_options', {
    partition_columns = cby, n_partition_columns = #by, auto_expand = o.expand or false,
    property_names = ckeys, property_values = cvalues, n_properties = #keys })
  local w = ffi.new('struct wh_writer *[1]')
  cdef.check(C.wh_write_begin, self.wh, name, options, w)
  return w[0]
end

function M.commit(w)
  local written = ffi.new('struct wh_written')
  cdef.check(C.wh_write_commit, w, written)
  return tonumber(written.rows), written.partitions
end

--- Writes SELECTs (a text or a list) in one commit: rows, partitions.
function Wh:write(name, selects, o)
  local w = self:begin(name, o)
  for _, sql in ipairs(type(selects) == 'table' and selects or { selects }) do
    local ok, err = pcall(cdef.check, C.wh_write_select, w, sql)
    if not ok then
      C.wh_write_abort(w)
      error(err, 0)
    end
  end
  return M.commit(w)
end

return M
