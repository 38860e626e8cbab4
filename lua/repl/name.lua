--- A definition that was made at the prompt is named after its variable: gb is repl.gb.
local M = {}

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

--- Names what has no name yet, GroupBys inside a Join and Joins inside a GroupBy included.
function M.give(x, env)
  name_one(x, env)
  for _, part in ipairs(rawget(x, 'joinParts') or {}) do M.give(part.groupBy, env) end
  for _, source in ipairs(rawget(x, 'sources') or {}) do
    if source.joinSource then M.give(source.joinSource.join, env) end
  end
end

return M
