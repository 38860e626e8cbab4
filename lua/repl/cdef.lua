--- The C functions of the program, by LuaJIT's FFI: headers are embedded as they are, with no
--- preprocessor's lines that matter but #include.
local ffi = require 'ffi'
local headers = require 'repl.headers'

local seen = {}

local function declare(path)
  if seen[path] then return end
  seen[path] = true
  local kept = {}
  for line in (headers[path] .. '\n'):gmatch('(.-)\n') do
    local include = line:match('^#include "([^"]+)"')
    if include then declare(include) end
    kept[#kept + 1] = line:match('^#') and '' or line
  end
  ffi.cdef(table.concat(kept, '\n'))
end

declare('base/time.h')
declare('warehouse/sql.h')
declare('explore/explore.h')
declare('cli/repl.h')

return ffi.C
