--- Loads the C headers of src/ into LuaJIT's FFI as they are: they hold no macro but #pragma once
--- and #include, which this follows. The unit specs test libchronon through it.
local ffi = require('ffi')

local M = {}
local seen = {}

local STANDARD = [[
typedef struct { char opaque[32]; } va_list_unused;
void free(void *);
]]

local function declare(header)
  if seen[header] then return end
  seen[header] = true
  local file = assert(io.open('src/' .. header), 'no such header: src/' .. header)
  local kept = {}
  for line in file:lines() do
    local include = line:match('^#include "([^"]+)"')
    if include then declare(include) end
    kept[#kept + 1] = line:match('^#') and '' or line
  end
  file:close()
  local ok, err = pcall(ffi.cdef, table.concat(kept, '\n'))
  if not ok then error(header .. ': ' .. err, 0) end
end

ffi.cdef(STANDARD)

-- busted closes the Lua state on exit, which runs the finalizers of all objects in no defined order:
-- a frame would be freed after the plan it reads. Leaving is enough.
local exit = os.exit
os.exit = function(code) exit(code) end -- luacheck: ignore 122
local lib = ffi.load(os.getenv('CHRONON_LIB') or 'build/debug/libchronon.so')

--- @param ... string headers, relative to src/
--- @return ffi.namespace* lib the library, whose functions those headers declare
function M.load(...)
  for _, header in ipairs({ ... }) do declare(header) end
  return lib
end

--- Calls f(..., err) and raises its message unless the status is CHN_OK.
function M.check(f, ...)
  local err = ffi.new('struct chn_err')
  local args = { ... }
  args[select('#', ...) + 1] = err -- #args would stop at a nil
  local status = f(unpack(args, 1, select('#', ...) + 1))
  if status ~= 0 then error(ffi.string(err.msg), 2) end
end

return M
