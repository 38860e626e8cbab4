--- Writes docs/reference/model.md to stdout, out of the field table of room model; a spec compares
--- the committed page. From the root: CHRONON_LIB=build/debug/libchronon.so luajit tools/model_reference.lua
local ffi = require('ffi')
local C = require('spec.support.cdef').load('model/fields.h')

local out = {}
local function put(...) out[#out + 1] = string.format(...) end

local function text(s) return ffi.string(s) end

local function anchor(name) return ('[%s](#%s)'):format(name, name:lower()) end

--- Thrift's name of the type; a struct or an enum in it is a link.
local function type_of(field)
  local name = text(C.model_field_type_name(field, ffi.new('char[64]')))
  if field.type < 0 then return '`' .. name .. '`' end
  return (name:gsub('^list<(.*)>$', 'list of %1'):gsub('%u%w+', anchor))
end

local function put_struct(s)
  put('\n## %s\n', text(s.name))
  put('%s.%s\n', text(s.doc), s.is_union and ' Exactly one field is set.' or '')
  put('| id | field | type | meaning |')
  put('|---|---|---|---|')
  for i = 0, s.n_fields - 1 do
    local f = s.fields[i]
    put('| %d | %s | %s | %s%s |', f.id, text(f.name), type_of(f), f.required and '**Required.** ' or '', text(f.doc))
  end
end

local function put_enum(e)
  put('\n## %s\n', text(e.name))
  put('%s.\n', text(e.doc))
  local values = {}
  for i = 0, e.n_values - 1 do values[#values + 1] = ('%s %d'):format(text(e.values[i]), i) end
  put('%s', table.concat(values, ', '))
end

put([[
# The compiled form

What `production/` holds: JSON with Chronon's Thrift structs, as its own compiler writes them. This page is made of
the table that reads and writes them (`src/model/fields_table.c`) by `tools/model_reference.lua`.

- Fields stand in the order of their ids; what is unset is left out, an empty list or map is not.
- Booleans are 0 and 1, enums are numbers; `true`, `false` and `null` are refused, as by Chronon's strict readers.
- A field that is not listed here is refused with its path and the nearest one that is, never dropped.
- Numbers stay as their author wrote them: 5 or 5.0.
- `customJson` is a string of JSON, kept as it is.]])
for i = 0, C.MODEL_S_COUNT - 1 do put_struct(C.model_structs[i]) end
for i = 0, C.MODEL_E_COUNT - 1 do put_enum(C.model_enums[i]) end
io.write(table.concat(out, '\n'), '\n')
