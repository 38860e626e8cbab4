--- The definitions that become files: what was given, and what is embedded there under a name of its own.
local form = require 'convert.form'
local json = require 'convert.json'
local map = require 'chronon.map'
local schema = require 'chronon.schema'

local M = {}
M.__index = M

--- Of what may not be there.
local function get(m, key) return m and map.get(m, key) end

local KINDS = { group_bys = 'GroupBy', joins = 'Join', staging_queries = 'StagingQuery', models = 'Model' }
M.folder_of = {}
for folder, kind in pairs(KINDS) do M.folder_of[kind] = folder end

local function meta(doc, field)
  local m = get(doc, 'metaData')
  if m then return get(m, field) end
end

--- The file and the variable that a name tells, or nil: `team.file.variable`.
local function place(kind, name)
  local path, var = (name or ''):match('^(.+)%.([%a_][%w_]*)$')
  if not path or not path:find('^[^./%s]+%.[^/%s]+$') or path:find('..', 1, true) then return nil end
  return ('%s/%s.lua'):format(M.folder_of[kind], (path:gsub('%.', '/'))), var, path:match('^[^.]+')
end

function M:unit(kind, name) return self.by_name[kind .. ' ' .. (name or '')] end

--- Enters a definition that can have a file.
function M:enter(kind, doc)
  local name = meta(doc, 'name')
  local path, var, team = place(kind, name)
  if not path or self:unit(kind, name) then return self:unit(kind, name) end
  local unit = { kind = kind, name = name, path = path, var = var, team = team, doc = doc, copies = {}, problems = {} }
  self.by_name[kind .. ' ' .. name] = unit
  self.list[#self.list + 1] = unit
  return unit
end

--- Whether a copy is what the definition's file will give: it is but for what the compiler fills in.
local function is_copy(unit, doc)
  if unit.doc == doc then return true end
  for _, d in ipairs(json.differences(unit.doc, doc)) do
    local field = d[1]:match('^metaData%.([^.]+)')
    if field ~= 'outputNamespace' and field ~= 'tableProperties' and field ~= 'production' then return false end
  end
  return true
end

--- Enters what a document embeds. A GroupBy of another team than its name's was made inside a join.
function M:enter_embedded(struct, doc)
  for _, field in ipairs(schema.structs[struct].fields) do
    local value, inner = get(doc, field.name), field.type:match('^list<(.*)>$') or field.type
    if value ~= nil and schema.structs[inner] then
      for _, item in ipairs(map.is(value) and { value } or value) do
        local name = meta(item, 'name')
        if inner == 'Join' or inner == 'GroupBy' and name and meta(item, 'team') == name:match('^[^.]*') then
          local unit = self:enter(inner, item)
          if unit and is_copy(unit, item) then unit.copies[#unit.copies + 1] = item end
        end
        self:enter_embedded(inner, item)
      end
    end
  end
end

--- The constructor's form of an embedded definition: a reference where it has a file. A copy that is
--- out of date, or has another's name, stays where it is.
function M:definition(kind, doc)
  local name = meta(doc, 'name')
  local unit = self:unit(kind, name)
  if unit and (kind == 'Join' or is_copy(unit, doc)) then return { ref = unit } end
  local node = form.by_kind[kind](self, doc)
  node.shared = name and name:match('[^.]+$') or kind:lower()
  return node
end

function M:struct(name, v) return form.struct(self, name, v) end

-- ---- teams.json ---------------------------------------------------------------------------------

local function of_team(self, team, key)
  local own = get(self.teams, team)
  local value = map.is(own) and get(own, key) or nil
  if value ~= nil then return value end
  local default = get(self.teams, 'default')
  return map.is(default) and get(default, key) or nil
end

local TEAM_KEYS = { outputNamespace = 'namespace', tableProperties = 'table_properties' }

--- The field as its author gave it. What the compiler fills in stands in a definition's own file, and
--- not in the copies that joins embed. (Of the parents of chains it stands in the copies too.)
function M:authored(unit, field)
  local value = meta(unit.doc, field)
  local given = TEAM_KEYS[field] and of_team(self, unit.team, TEAM_KEYS[field])
  local may_be_filled = value ~= nil and (not TEAM_KEYS[field] or given ~= nil and #json.differences(given, value) == 0)
  if not may_be_filled then return value end
  if unit.kind == 'Join' or #unit.copies == 0 then
    if TEAM_KEYS[field] then return nil end
    return value
  end
  for _, copy in ipairs(unit.copies) do
    local other = meta(copy, field)
    if other == nil or #json.differences(other, value) > 0 then return other end
  end
  return value
end

--- @param confs { folder: string, name: string?, text: string }[]
--- @param teams string the text of teams.json
function M.collect(confs, teams)
  local self = setmetatable({ by_name = {}, list = {}, inputs = {} }, M)
  self.teams = json.read(teams)
  self.resolve = function(s)
    return (s:gsub('{{ db:(.-) }}', function(team) return of_team(self, team, 'namespace') end))
  end
  for i, conf in ipairs(confs) do
    local kind = KINDS[conf.folder]
    self.inputs[i] = { kind = kind, conf = conf, doc = json.read(conf.text) }
    self.inputs[i].unit = self:enter(kind, self.inputs[i].doc)
  end
  for _, input in ipairs(self.inputs) do self:enter_embedded(input.kind, input.doc) end
  for _, unit in ipairs(self.list) do
    local ok, node = pcall(form.by_kind[unit.kind], self, unit.doc, unit)
    unit.node = ok and node or { text = 'nil' }
    if not ok then unit.error = 'it is incomplete: ' .. tostring(node) end
  end
  return self
end

return M
