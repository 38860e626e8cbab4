--- What a bench prints: a table for people, one JSON line for programs.
local M = {}

local function quoted(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function number(x)
  return (x == math.floor(x) and "%.0f" or "%.6g"):format(x)
end

--- Fields in the order given; a value is a string, a number, false (null) or a list of pairs.
local function object(pairs_)
  local parts = {}
  for _, pair in ipairs(pairs_) do
    local key, value = pair[1], pair[2]
    local text
    if type(value) == "table" then
      text = object(value)
    elseif type(value) == "number" then
      text = number(value)
    elseif type(value) == "string" then
      text = quoted(value)
    else
      text = "null"
    end
    table.insert(parts, quoted(key) .. ": " .. text)
  end
  return "{" .. table.concat(parts, ", ") .. "}"
end
M.json = object

--- @param rows table[] { what, seconds, peak MB, remark }
function M.table(title, rows)
  print(title)
  print(("  %-16s %10s %10s  %s"):format("", "seconds", "peak MB", ""))
  for _, row in ipairs(rows) do
    print(("  %-16s %10s %10s  %s"):format(row[1], row[2] and ("%.2f"):format(row[2]) or "-",
      row[3] and ("%.0f"):format(row[3]) or "-", row[4] or ""))
  end
end

local function command(line)
  local f = assert(io.popen(line))
  local text = f:read("*a"):gsub("%s+$", "")
  f:close()
  return text
end
M.command = command

--- "AMD EPYC, 2 cores, 23 GB"
function M.machine()
  local cpu = command("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1")
  local gb = tonumber(command("sed -n 's/^MemTotal: *\\([0-9]*\\).*/\\1/p' /proc/meminfo")) / 1048576
  return ("%s, %s cores, %.0f GB"):format(cpu ~= "" and cpu or command("uname -m"), command("nproc"), gb)
end

function M.date()
  return os.date("!%Y-%m-%d")
end

--- Errors are for people: without the place in the Lua code.
function M.guard(f)
  local ok, message = pcall(f)
  return ok, not ok and tostring(message) or nil
end

return M
