--- Definition files: group_bys/<team>/.../file.lua returns a table of named definitions, and each is
--- named after the file that made it. The loader calls `define` with what a file returned, before
--- anyone else sees it.
local map = require 'chronon.map'
local object = require 'chronon.object'

local M = {}

M.FOLDERS = { group_bys = 'GroupBy', joins = 'Join', staging_queries = 'StagingQuery', models = 'Model' }

local function bad(file, message, ...)
  error(file .. ': ' .. message:format(...), 0)
end

--- A GroupBy made inside a join's file belongs to the join's team.
local function adopt_inline(join)
  for _, part in ipairs(join.joinParts) do
    if not object.note(part.groupBy).module then part.groupBy.metaData.team = join.metaData.team end
  end
end

local function name_one(definition, module, var)
  local path = module:match('^[^.]+%.(.+)$')
  definition.metaData.name = path .. '.' .. var
  definition.metaData.team = path:match('^[^.]+')
  if object.kind(definition) == 'Join' then adopt_inline(definition) end
end

--- Names the definitions of a file and lists those of the file's kind, by name. A definition made by
--- another file keeps that file's name and is not listed; helpers of other types are let through.
--- @param module string `group_bys.team.file`
--- @param file string for messages
--- @param value any what the file returned
--- @return { name: string, var: string, kind: string, where: string?, object: table }[]
function M.define(module, file, value)
  local folder = module:match('^[^.]+')
  local kind = M.FOLDERS[folder]
  if not kind then return {} end
  if not module:find('^[^.]+%.[^.]+%.') then
    bad(file, 'belongs to no team: put it into %s/<team>/', folder)
  end
  if type(value) ~= 'table' or object.kind(value) then
    bad(file, 'must end with a table of named definitions, as in `return { v1 = %s }`, and returned %s',
      object.kind(value) and '...' or 'c.' .. kind .. ' { ... }', object.describe(value))
  end
  local list = {}
  for _, var in ipairs(map.sorted_keys(value)) do
    local definition = value[var]
    local note = object.kind(definition) == kind and object.note(definition)
    if note and note.module == module then
      bad(file, '`%s` and `%s` are the same %s: make one for each name', note.var, var, kind)
    elseif note and not note.module then
      if not var:find('^[%a_][%w_]*$') then bad(file, 'the name `%s` is no identifier', var) end
      note.module, note.var = module, var
      name_one(definition, module, var)
      list[#list + 1] = {
        name = definition.metaData.name, var = var, kind = kind, where = note.where, object = definition,
      }
    end
  end
  return list
end

return M
