--- The parameters of the constructors: one list per constructor gives the names that are accepted,
--- the checks, the defaults, the reference page and the editor's types (tools/dsl_reference.lua).
---
--- A type is a table { check = function(value, path) -> value, text = for people, lua = LuaCATS }.
--- A check raises with fail(); the constructor turns that into an error at the author's line.
local map = require 'chronon.map'
local object = require 'chronon.object'
local text = require 'chronon.text'

local M = {
  constructors = {}, ---@type table[] every spec, in the order of the reference
  advice = {},       ---@type { where: string?, message: string }[] what is no error, each line once
}

local Failure = { __chronon = 'failure' }

--- Raises an error of the author's.
--- @param path string e.g. `GroupBy.aggregations[2].windows[1]`
--- @param message string
function M.fail(path, message, ...)
  error(setmetatable({ path = path, message = message:format(...) }, Failure), 0)
end

--- The "file:line" of a function on the stack, or nil where there is none.
--- @param level integer as error's, seen from the caller
function M.position(level)
  local _, position = pcall(error, '', level + 2)
  return position:match('^(.*): $')
end

--- Runs f and turns what fail() raised into an error at the author's line. Never call it as a tail
--- call: the caller's frame must be there to be counted.
--- @param level integer as error's, seen from the caller
function M.guarded(level, f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if getmetatable(result) == Failure then
    error(result.path .. ': ' .. result.message, level + 1)
  end
  error(result, 0)
end

--- Both spellings of each parameter -> its canonical name.
local function spellings(list)
  local by_name = {}
  for _, p in ipairs(list) do
    by_name[text.snake(p.name)] = p.name
    by_name[text.camel(p.name)] = p.name
    for _, alias in ipairs(p.aliases or {}) do by_name[alias] = p.name end
    by_name[p.name] = p.name
  end
  return by_name
end

local function names_of(list)
  local names = {}
  for i, p in ipairs(list) do names[i] = p.name end
  return names
end

--- Arguments by canonical name: named in either spelling, or in Python's positions; and how the
--- author wrote each name, which is what an error shows.
local function collect(spec, args)
  local found, typed = {}, {}
  local function put(name, value, as)
    if found[name] ~= nil then M.fail(spec.name, 'the parameter `%s` is given twice', name) end
    found[name], typed[name] = value, as
  end
  local positions = 0
  for key in pairs(args) do
    if type(key) == 'number' then positions = math.max(positions, key) end
  end
  if positions > #spec.params then
    M.fail(spec.name, 'takes %d parameters, and got a value at position %d', #spec.params, positions)
  end
  for i = 1, positions do
    if args[i] ~= nil then put(spec.params[i].name, args[i]) end
  end
  for _, key in ipairs(map.sorted_keys(args)) do
    local name = spec.spellings[key]
    if not name then
      M.fail(spec.name, 'unknown parameter `%s`%s%s', key, text.hint(key, names_of(spec.params)),
        spec.spellings.kwargs and '; keywords of your own go into kwargs = { ... }' or '')
    end
    put(name, args[key], key)
  end
  return found, typed
end

local function check_args(spec, args)
  local given, typed = collect(spec, args)
  local values = {}
  for _, p in ipairs(spec.params) do
    local value = given[p.name]
    if value == nil or value == map.null then
      if p.required then
        M.fail(spec.name, 'the parameter `%s` is missing: %s', p.name, p.doc)
      end
      value = p.default
    else
      value = p.type.check(value, spec.name .. '.' .. (typed[p.name] or p.name))
    end
    values[p.name] = value
  end
  return values
end

local function construct(spec, ...)
  local args = ...
  local count = select('#', ...)
  local plain = type(args) == 'table' and not object.kind(args)
  if spec.positional and not (count == 1 and plain) then
    args, plain = { ... }, true
    count = 1
  end
  if count ~= 1 or not plain then
    M.fail(spec.name, 'takes one table, as in c.%s { %s = ... }, and got %s', spec.name,
      spec.params[1].name, count > 1 and count .. ' values' or object.describe(args))
  end
  return spec.build(check_args(spec, args), spec.name)
end

local advised = {}

function M.advise(where, message)
  local key = (where or '') .. message
  if advised[key] then return end
  advised[key] = true
  M.advice[#M.advice + 1] = { where = where, message = message }
end

--- Enters a constructor in the reference, and returns what makes its values, raising with fail().
--- @param spec table name, doc, params, build, returns; example; positional: also f(a, b)
--- @return fun(...): any
function M.register(spec)
  spec.spellings = spellings(spec.params)
  M.constructors[#M.constructors + 1] = spec
  return function(...) return construct(spec, ...) end
end

--- Makes a constructor: registered, with errors at the author's line, and a note of that line.
--- @return function
function M.constructor(spec)
  local make = M.register(spec)
  return function(...)
    local result = M.guarded(2, make, ...)
    if type(result) == 'table' and object.kind(result) then
      local note = object.note(result)
      note.where = note.where or M.position(2)
      if spec.made then spec.made(result, note.where) end
      if note.advice then M.advise(note.where, note.advice) end
    end
    return result
  end
end

--- A table of an enum's values that refuses names it does not have.
--- @param what string e.g. `TimeUnit`
function M.strict(what, members)
  return setmetatable(members, {
    __index = function(_, key)
      error(('%s has no %s%s'):format(what, tostring(key), text.hint(key, map.sorted_keys(members))), 2)
    end,
  })
end

return M
