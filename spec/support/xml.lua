--- Whether a text is well-formed XML, as far as documents without declarations and comments go.
local M = {}

local ENTITIES = { amp = true, lt = true, gt = true, quot = true }

local function check_text(text)
  if text:find('[%z\1-\8\11\12\14-\31]') then return 'a control character' end
  for entity in text:gmatch('&(%w*;?)') do
    if not (entity:sub(-1) == ';' and ENTITIES[entity:sub(1, -2)]) then return 'entity &' .. entity end
  end
end

local function check_attributes(text)
  local rest = text:gsub('%s+[%w:-]+="([^"<]*)"', function(value) return check_text(value) and '!' or '' end)
  return rest:find('%S') and 'attributes ' .. text
end

--- @return string? why it is not
function M.broken(text)
  local open, at = {}, 1
  while at <= #text do
    local from, to, close, name, attributes, single = text:find('<(/?)([%w:]+)([^>]-)(/?)>', at)
    local why = check_text(text:sub(at, (from or #text + 1) - 1))
    if why then return why end
    if text:sub(at, (from or #text + 1) - 1):find('[<>]') then return 'a bracket in text' end
    if not from then break end
    if close == '/' then
      if table.remove(open) ~= name then return 'the end of ' .. name end
    else
      why = check_attributes(attributes)
      if why then return why end
      if single == '' then open[#open + 1] = name end
    end
    at = to + 1
  end
  return #open > 0 and 'no end of ' .. open[#open] or nil
end

return M
