--- A definition that was made at the prompt is named after its variable: gb is repl.gb.
local object = require 'chronon.object'

local M = {}

local KINDS = { GroupBy = true, Join = true, StagingQuery = true }
local count = 0

local function variable_of(x, env)
  local names = {}
  for name, value in pairs(env) do
    if type(name) == 'string' and rawequal(value, x) and name ~= '_' and name:find('^[%a_][%w_]*$') then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names[1]
end

local function name_one(x, env)
  local meta = x.metaData
  if not meta.name then
    local variable = variable_of(x, env)
    if not variable then
      count = count + 1
      variable = 'definition_' .. count
    end
    meta.name = 'repl.' .. variable
  end
  if not meta.outputNamespace then meta.outputNamespace = 'repl' end
  if not meta.team then meta.team = 'repl' end
end

local function take(name, x)
  if type(name) == 'string' and name ~= '_' and KINDS[object.kind(x)] and not x.metaData.name then
    x.metaData.name = 'repl.' .. name
    name_one(x, {})
  end
end

--- Names definitions as soon as they are variables, so that a Join may use a GroupBy of before. A
--- variable that was there already is seen after its line.
function M.watch(env)
  setmetatable(env, { __newindex = function(t, name, x)
    take(name, x)
    rawset(t, name, x)
  end })
end

--- After a line.
function M.look(env)
  for name, x in pairs(env) do take(name, x) end
end

--- Names what has no name yet, GroupBys inside a Join and Joins inside a GroupBy included.
function M.give(x, env)
  name_one(x, env)
  for _, part in ipairs(rawget(x, 'joinParts') or {}) do M.give(part.groupBy, env) end
  for _, source in ipairs(rawget(x, 'sources') or {}) do
    if source.joinSource then M.give(source.joinSource.join, env) end
  end
end

return M
