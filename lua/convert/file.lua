--- One file of definitions: what it requires, what its definitions share, and they.
local print = require 'convert.print'

local M = {}

local function children(node)
  local list = {}
  for _, field in ipairs(node.fields or {}) do list[#list + 1] = field[2] end
  for _, item in ipairs(node.list or node.args or {}) do list[#list + 1] = item end
  return list
end

--- A text that equal nodes share.
local function serial(node)
  if node.ref then return 'ref ' .. node.ref.kind .. node.ref.name end
  if node.text then return node.text end
  if node.string then return print.quote(node.string) end
  local parts = {}
  for _, field in ipairs(node.fields or {}) do parts[#parts + 1] = field[1] .. '=' .. serial(field[2]) end
  for _, item in ipairs(node.list or node.args or {}) do parts[#parts + 1] = serial(item) end
  return (node.call or '') .. (node.args and '(' or '{') .. table.concat(parts, ',') .. '}'
end

--- Finds the nodes that stand there several times, inner ones first. What is inside a repeated one
--- counts once.
local function find_shared(node, seen, order)
  local key = node.shared and serial(node)
  if key and seen[key] then
    seen[key].nodes[#seen[key].nodes + 1] = node
    return
  end
  if key then seen[key] = { nodes = { node } } end
  for _, child in ipairs(children(node)) do find_shared(child, seen, order) end
  if key then order[#order + 1] = seen[key] end
end

local function each(node, fn)
  fn(node)
  for _, child in ipairs(children(node)) do each(child, fn) end
end

--- A name that the file does not have yet.
local function unused(names, wish)
  wish = wish:gsub('[^%w_]', '_'):gsub('^(%d)', '_%1')
  if not print.is_name(wish) then wish = wish .. '_' end
  local name, n = wish, 1
  while names[name] do
    n = n + 1
    name = wish .. '_' .. n
  end
  names[name] = true
  return name
end

local function member(name, var)
  return print.is_name(var) and name .. '.' .. var or ('%s[%s]'):format(name, print.quote(var))
end

local function module_of(unit) return (unit.path:gsub('%.lua$', ''):gsub('/', '.')) end

--- Names what the file takes from others, by the module, and from itself.
local function name_references(file, live, names)
  local modules, own = {}, {}
  for _, unit in ipairs(file.units) do
    each(unit.node, function(node)
      if not node.ref then return end
      node.text = ('require(%q).%s'):format(module_of(node.ref), node.ref.var)
      if not live[unit] then return end
      if node.ref.path == file.path then own[node.ref] = true else modules[module_of(node.ref)] = true end
    end)
  end
  local sorted, aliases = {}, {}
  for name in pairs(modules) do sorted[#sorted + 1] = name end
  table.sort(sorted)
  for _, name in ipairs(sorted) do aliases[name] = unused(names, name:match('[^.]+$')) end
  for unit in pairs(live) do
    each(unit.node, function(node)
      if node.ref and node.ref.path ~= file.path then
        node.text = member(aliases[module_of(node.ref)], node.ref.var)
      end
    end)
  end
  return sorted, aliases, own
end

local Lines = {}
Lines.__index = Lines

function Lines:add(s)
  for line in (s .. '\n'):gmatch('(.-)\n') do self[#self + 1] = line end
end

local function comment(lines, indent, s)
  for line in (s .. '\n'):gmatch('(.-)\n') do lines:add((indent .. '-- ' .. line):gsub('%s+$', '')) end
end

--- What is said about a definition, cut to the width of a line.
local function remark(lines, indent, s)
  local line = ''
  for word in s:gmatch('%S+') do
    if line ~= '' and #line + #word > 100 then
      comment(lines, indent, line)
      line = ''
    end
    while #word > 110 do
      comment(lines, indent, word:sub(1, 110))
      word = word:sub(111)
    end
    line = line == '' and word or line .. ' ' .. word
  end
  comment(lines, indent, line)
end

local function put_unit(lines, unit, indent, head, tail)
  for _, problem in ipairs(unit.problems) do remark(lines, indent, problem) end
  unit.first = #lines + 1
  local code = head .. print.render(unit.node, unit.error and '' or indent, #indent + #head + 1) .. tail
  if unit.error then
    remark(lines, indent, 'has no Lua form: ' .. unit.error)
    comment(lines, indent, code)
  else
    lines:add(indent .. code)
  end
  unit.last = #lines
end

--- Locals of definitions that others of the file use, each behind what it uses itself.
local function put_own(lines, file, own, live, names)
  local put = {}
  local function visit(unit)
    if put[unit] or not own[unit] or not live[unit] then return end
    put[unit] = true
    each(unit.node, function(node)
      if node.ref and node.ref.path == file.path then visit(node.ref) end
    end)
    unit.as = unused(names, unit.var)
    lines:add('')
    put_unit(lines, unit, '', ('local %s = '):format(unit.as), '')
    for other in pairs(live) do
      each(other.node, function(node)
        if node.ref == unit then node.text = unit.as end
      end)
    end
  end
  for _, unit in ipairs(file.units) do visit(unit) end
end

local function put_shared(lines, file, live, names)
  local seen, order = {}, {}
  for _, unit in ipairs(file.units) do
    if live[unit] then find_shared(unit.node, seen, order) end
  end
  for _, group in ipairs(order) do
    if #group.nodes > 1 then
      local name = unused(names, group.nodes[1].shared)
      lines:add('')
      local head = ('local %s = '):format(name)
      lines:add(head .. print.render(group.nodes[1], '', #head))
      for _, node in ipairs(group.nodes) do node.as = name end
    end
  end
end

--- @param file table path, units sorted by variable; plain: nothing becomes a local
--- @return string
function M.render(file)
  local lines, names, live, n_live = setmetatable({}, Lines), { c = true }, {}, 0
  for _, unit in ipairs(file.units) do
    unit.as = nil
    each(unit.node, function(node) node.as = nil end)
    if not unit.error then
      live[unit] = true
      n_live = n_live + 1
    end
  end
  local modules, aliases, own = name_references(file, live, names)
  if n_live > 0 then lines:add('local c = require "chronon"') end
  for _, name in ipairs(modules) do lines:add(('local %s = require %q'):format(aliases[name], name)) end
  if not file.plain then put_shared(lines, file, live, names) end
  put_own(lines, file, own, live, names)
  if #lines > 0 then lines:add('') end
  lines:add('return {')
  for i, unit in ipairs(file.units) do
    if i > 1 then lines:add('') end
    local key = print.is_name(unit.var) and unit.var or ('[%s]'):format(print.quote(unit.var))
    if unit.as then
      lines:add(('  %s = %s,'):format(key, unit.as))
    else
      put_unit(lines, unit, '  ', key .. ' = ', ',')
    end
  end
  lines:add('}')
  return table.concat(lines, '\n') .. '\n'
end

return M
