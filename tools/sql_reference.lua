--- Writes the tables of docs/reference/sql.md from the table of functions in libchronon:
---     luajit tools/sql_reference.lua
--- What stands above the mark is written by hand and kept.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('warehouse/sql_functions.h')

local M = { path = 'docs/reference/sql.md', mark = '<!-- below: written by tools/sql_reference.lua -->\n' }

local states = { [0] = 'same', 'differs', 'refused' }

local function text(s) return s == nil and '' or ffi.string(s) end

--- Neighbours of one state and note share a row.
local function section(title, rows, n)
  local out = { '\n### ' .. title .. '\n\n| function | state | note |\n|---|---|---|\n' }
  local i = 0
  while i < n do
    local names, k = {}, i
    while k < n and rows[k].state == rows[i].state and text(rows[k].note) == text(rows[i].note)
      and (k == i or text(rows[i].note) ~= '' or rows[k].render == rows[i].render) do
      names[#names + 1] = '`' .. text(rows[k].name) .. '`'
      k = k + 1
    end
    out[#out + 1] = ('| %s | %s | %s |\n'):format(table.concat(names, ' '), states[tonumber(rows[i].state)],
      (text(rows[i].note):gsub('|', '\\|')))
    i = k
  end
  return table.concat(out)
end

--- The generated part, and the number of functions that are rendered.
function M.tables()
  local out, count, index = {}, 0, 0
  local title, n = ffi.new('const char *[1]'), ffi.new('int32_t[1]')
  while true do
    local rows = C.sql_function_section(index, title, n)
    if rows == nil then break end
    for i = 0, n[0] - 1 do count = count + (rows[i].state == C.SQL_REFUSED and 0 or 1) end
    out[#out + 1] = section(text(title[0]), rows, n[0])
    index = index + 1
  end
  return ('\n## Functions\n\n%d functions are rendered.\n'):format(count) .. table.concat(out), count
end

if arg and arg[0] and arg[0]:match('sql_reference%.lua$') then
  local file = assert(io.open(M.path))
  local kept = assert(file:read('*a'):match('^(.-)' .. M.mark:gsub('%p', '%%%0')), 'no mark in ' .. M.path)
  file:close()
  file = assert(io.open(M.path, 'w'))
  file:write(kept, M.mark, (M.tables()))
  file:close()
end

return M
