--- Checks sizes: a C or Lua file has at most 600 lines, a C function at most 60 lines and at most 12
--- decisions (if, for, while, switch, ? and one for the function). The cases of a switch are a table
--- and the terms of a condition one question: neither counts for itself.
---
--- Functions are found by the shape that clang-format gives them: the body's braces in column 0.
local FILE_LINES, FUNCTION_LINES, DECISIONS = 600, 60, 12

local problems = 0
local function problem(...)
  problems = problems + 1
  io.stderr:write(string.format(...), '\n')
end

local function count(text, pattern)
  local _, n = text:gsub(pattern, '')
  return n
end

local function decisions(code)
  code = code:gsub('"[^"\n]*"', '""'):gsub("'[^'\n]*'", "''"):gsub('//[^\n]*', '')
  local n = 1
  for _, word in ipairs({ 'if', 'for', 'while', 'switch' }) do
    n = n + count(code, '%f[%w_]' .. word .. '%f[^%w_]%s*%(')
  end
  return n + count(code, '%?')
end

local function check_functions(file, lines)
  local start, name
  for i, line in ipairs(lines) do
    if line == '{' and not start then
      start = i
      for j = i - 1, math.max(1, i - 8), -1 do
        name = lines[j]:match('^[%a_].-([%w_]+)%(')
        if name then break end
      end
    elseif start and line:match('^}') then
      local size = i - start - 1
      if size > FUNCTION_LINES then problem('%s:%d: %s has %d lines, at most %d', file, start, name, size, FUNCTION_LINES) end
      local d = decisions(table.concat(lines, '\n', start, i))
      if d > DECISIONS then problem('%s:%d: %s has %d decisions, at most %d', file, start, name, d, DECISIONS) end
      start = nil
    end
  end
end

local list = assert(io.popen("git ls-files 'src/*.c' 'src/*.h' 'src/*.cpp' 'lua/*.lua' 'tools/*.lua' 'spec/*.lua'"))
for file in list:lines() do
  local lines = {}
  for line in io.lines(file) do lines[#lines + 1] = line end
  if #lines > FILE_LINES then problem('%s: %d lines, at most %d', file, #lines, FILE_LINES) end
  if file:match('%.c') then check_functions(file, lines) end
end
list:close()

os.exit(problems == 0 and 0 or 1)
