--- help, and help(x): made of what the functions entered (doc.lua), of the constructors' parameters
--- (chronon.params) and of the operations.
local aggregation = require 'chronon.aggregation'
local doc = require 'repl.doc'
local host = require 'repl.host'
local object = require 'chronon.object'
local params = require 'chronon.params'
local result = require 'repl.result'
local text = require 'chronon.text'

local M = {}

local KEYS = [[
Lines are Lua; what a line gives is printed, and _ is the last value. An unfinished line goes on in
the next. Tab completes, Ctrl-R searches the history, Ctrl-C stops a query or drops a line, Ctrl-D
leaves. Dot commands: .help
]]

local OWNERS = { definition = 'gb:', join = 'join:', result = 'r:' }

local function section(lines, title, of)
  lines[#lines + 1] = title
  for _, entry in ipairs(doc.entries) do
    if entry.of == of then
      lines[#lines + 1] = ('  %-14s %s'):format((OWNERS[of] or '') .. entry.name, entry.short or entry.text)
    end
  end
end

local function overview()
  local lines = { KEYS }
  section(lines, 'At the prompt', nil)
  section(lines, 'Of a definition (GroupBy, Join, StagingQuery)', 'definition')
  section(lines, 'Of a Join', 'join')
  section(lines, 'Of a result', 'result')
  lines[#lines + 1] = 'Definitions are made with c: c.GroupBy { ... }; help(c.GroupBy) lists its parameters.'
  lines[#lines + 1] = 'help "name" tells more of each.\n'
  return table.concat(lines, '\n')
end

local function of_entry(entry)
  return ('%s\n  %s\n\n  for example: %s\n'):format(entry.usage, entry.text, entry.example)
end

local function constructor(name)
  for _, spec in ipairs(params.constructors) do
    if spec.name == name or spec.name == name:gsub('^c%.', '') then return spec end
  end
end

local function of_constructor(spec)
  local lines = { ('c.%s { ... }\n  %s\n'):format(spec.name, spec.doc) }
  for _, p in ipairs(spec.params) do
    lines[#lines + 1] = ('  %-22s %s%s'):format(p.name, p.required and 'needed: ' or '', p.doc)
  end
  if spec.example then lines[#lines + 1] = '\n  for example: ' .. spec.example end
  return table.concat(lines, '\n') .. '\n'
end

local function constructor_of_function(f)
  local c = require 'chronon'
  for _, spec in ipairs(params.constructors) do
    if rawget(c, spec.name) == f then return spec end
  end
end

local function operations()
  local names = {}
  for name in pairs(aggregation.OPERATIONS) do names[#names + 1] = name end
  table.sort(names)
  return 'c.Operation has\n  ' .. table.concat(names, '\n  ') .. '\nhelp "Operation.LAST_K" tells what one takes.\n'
end

local function topics()
  local names = {}
  for _, entry in ipairs(doc.entries) do names[#names + 1] = entry.name end
  for _, spec in ipairs(params.constructors) do names[#names + 1] = spec.name end
  return names
end

local function of_name(name)
  if name == 'Operation' or name == 'c.Operation' then return operations() end
  local entry = doc.find(name)
  if entry then return of_entry(entry) end
  local spec = constructor(name)
  if spec then return of_constructor(spec) end
  host.fail('there is no help for "%s"%s', name, text.nearest(name, topics()) and text.hint(name, topics()) or '')
end

local function of_methods(title, ...)
  local lines = {}
  for _, of in ipairs { ... } do section(lines, title, of) end
  return table.concat(lines, '\n') .. '\n'
end

local function of_value(x)
  if type(x) == 'string' then return of_name(x) end
  local entry = type(x) == 'function' and doc.find(x)
  if entry then return of_entry(entry) end
  local spec = type(x) == 'function' and constructor_of_function(x)
  if spec then return of_constructor(spec) end
  if result.is(x) then return of_methods('Of a result', 'result') end
  if object.kind(x) == 'Join' then return of_methods('Of a Join', 'definition', 'join') end
  if object.kind(x) then return of_methods('Of a ' .. object.kind(x), 'definition') end
  if rawequal(x, require('chronon').Operation) then return operations() end
  return 'Nothing is known of this ' .. type(x) .. '; help lists what there is.\n'
end

--- `help` alone prints the overview, `help(x)` tells of x: both give a text that shows itself.
local Text = { __tostring = function(t) return t.text end }
local function as_text(s) return setmetatable({ text = (s:gsub('\n$', '')) }, Text) end

M.value = setmetatable({}, {
  __tostring = function() return (overview():gsub('\n$', '')) end,
  __call = function(_, x)
    if x == nil then return M.value end
    return as_text(of_value(x))
  end,
})

return M
