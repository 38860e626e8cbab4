--- Arguments of the shell's functions.
local host = require 'repl.host'
local text = require 'chronon.text'

local M = {}

--- Arguments by name, and nothing else.
--- @param what string the function
--- @param known string[]
function M.options(args, what, known)
  if args == nil then return {} end
  if type(args) ~= 'table' then host.fail('%s takes a table, as in %s { %s = ... }', what, what, known[1]) end
  for key in pairs(args) do
    local found = false
    for _, name in ipairs(known) do found = found or key == name end
    if not found then host.fail('%s has no option %s%s', what, tostring(key), text.hint(key, known)) end
  end
  return args
end

function M.day(x, what)
  if x == nil then return nil end
  if type(x) ~= 'string' then host.fail('%s is a day as text, as in "2024-03-10"', what) end
  return x
end

--- An instant as C reads it: a number of milliseconds or a text.
function M.instant(x)
  if x == nil then return nil end
  return type(x) == 'number' and ('%d'):format(x) or tostring(x)
end

--- A text; of `what` the option `name`.
function M.text(x, what, name)
  if x == nil or type(x) == 'string' then return x end
  host.fail('%s: %s is a text, and got a %s', what, name, type(x))
end

return M
