--- Completion: what may stand where the cursor is.
local ffi = require 'ffi'
local C = require 'repl.cdef'
local definition = require 'repl.definition'
local doc = require 'repl.doc'
local dot = require 'repl.dot'
local map = require 'chronon.map'
local object = require 'chronon.object'
local params = require 'chronon.params'
local plot = require 'repl.plot'
local result = require 'repl.result'
local sql = require 'repl.sql'
local stats = require 'repl.stats'

local M = {}

local function matching(names, word)
  local out, seen = {}, {}
  for _, name in ipairs(names) do
    if name:sub(1, #word) == word and not seen[name] then seen[name], out[#out + 1] = true, name end
  end
  table.sort(out)
  return out
end

-- ---- the place --------------------------------------------------------------------------------

--- Walks over Lua's text: the string or long bracket that is open at its end, and the brackets.
--- @return string? open text inside the open string, and where it begins
--- @return { mark: string, before: string }[] brackets open ones, the innermost last
local function scan(text)
  local at, stack = 1, {}
  while at <= #text do
    local c = text:sub(at, at)
    local level = text:match('^%[(=*)%[', at)
    if text:find('^%-%-', at) and not text:find('^%-%-%[=*%[', at) then
      at = text:find('\n', at, true) or #text + 1
    elseif level then
      local from = at + #level + 2
      local stop = text:find(']' .. level .. ']', from, true)
      if not stop then return text:sub(from), stack, text:sub(1, at - 1) end
      at = stop + #level + 2
    elseif c == '"' or c == "'" then
      local stop = at + 1
      while stop <= #text and text:sub(stop, stop) ~= c do
        stop = stop + (text:sub(stop, stop) == '\\' and 2 or 1)
      end
      if stop > #text then return text:sub(at + 1), stack, text:sub(1, at - 1) end
      at = stop + 1
    else
      if c:find('[({]') then
        stack[#stack + 1] = { mark = c, before = text:sub(1, at - 1) }
      elseif c:find('[)}]') then
        stack[#stack] = nil
      end
      at = at + 1
    end
  end
  return nil, stack
end

-- ---- candidates -------------------------------------------------------------------------------

local KEYWORDS = { 'SELECT', 'FROM', 'WHERE', 'GROUP BY', 'ORDER BY', 'LIMIT', 'JOIN', 'LEFT JOIN', 'ON', 'AS', 'AND',
  'OR', 'NOT', 'IN', 'IS NULL', 'IS NOT NULL', 'CASE WHEN', 'COUNT', 'DISTINCT', 'UNION ALL', 'HAVING', 'DESC' }

local columns = {} -- table -> names; schemas do not change while somebody types

local function columns_of(name)
  if columns[name] == nil then
    local ok, r = pcall(_G.describe, name)
    columns[name] = {}
    if ok then
      for i, row in ipairs(r:rows()) do columns[name][i] = row.column end
      r:drop()
    end
  end
  return columns[name]
end

--- Inside SQL: tables, the columns of those that the query names, words.
local function in_sql(query)
  local word = query:match('[%w_%.]*$')
  local names = sql.table_names()
  for _, name in ipairs(sql.table_names()) do
    if query:sub(1, #query - #word):find(name, 1, true) then
      for _, column in ipairs(columns_of(name)) do names[#names + 1] = column end
    end
  end
  if word ~= '' then
    local upper = word:upper()
    for _, keyword in ipairs(KEYWORDS) do
      if keyword:sub(1, #word) == upper then names[#names + 1] = word .. keyword:sub(#word + 1) end
    end
  end
  return names, word
end

local function value_at(path)
  local x = _G
  for name in path:gmatch('[%a_][%w_]*') do
    if type(x) == 'table' then
      x = rawget(x, name)
    else
      return nil
    end
  end
  return x
end

local function features_of(x)
  local out = {}
  local ok, r = pcall(function() return x:schema() end)
  if ok then
    for _, row in ipairs(r:rows()) do
      if row.role == 'output' then out[#out + 1] = row.column end
    end
    r:drop()
  end
  return out
end

--- The columns of what stands before the options of stats and plot: r:plot {, plot(r, {, plot("table", {
local function drawn_columns(stack)
  for i = #stack, 1, -1 do
    local before = stack[i].before
    local name = before:match('[%(,]%s*["\']([%w_%.]+)["\']%s*,%s*$')
    local path = before:match('([%a_][%w_%.]*):%a+%s*%(?%s*$') or before:match('%(%s*([%a_][%w_%.]*)%s*,%s*$')
    local x = path and value_at(path)
    if name then return columns_of(name) end
    if result.is(x) then return x.columns end
    if definition.is(x) then return features_of(x) end
  end
  return {}
end

--- Inside a string: names of definitions, tables or features, by the call that it stands in.
local function in_string(before, stack)
  local call = before:match('([%a_][%w_]*)%s*%(?%s*$')
  if call == 'load' then return definition.names() end
  if call == 'describe' or call == 'stats' or call == 'plot' then return sql.table_names() end
  if call == 'help' then
    local names = {}
    for _, entry in ipairs(doc.entries) do names[#names + 1] = entry.name end
    for _, spec in ipairs(params.constructors) do names[#names + 1] = spec.name end
    return names
  end
  if before:find('kind%s*=%s*$') then return plot.KIND_NAMES end
  if before:find('[{%s,][xy]%s*=%s*$') or before:find('columns%s*=[^=}]*$') then return drawn_columns(stack) end
  if before:find('feature%s*=%s*$') then
    for i = #stack, 1, -1 do
      local owner = stack[i].before:match('([%w_%.]+):explain%s*$')
      local x = owner and value_at(owner)
      if definition.is(x) then return features_of(x) end
    end
  end
  if before:find('table%s*=%s*$') or before:find('Table%s*=%s*$') or before:find('_table%s*=%s*$') then
    return sql.table_names()
  end
  return {}
end

local function with_mark(names)
  local out = {}
  for i, name in ipairs(names) do out[i] = name .. ' = ' end
  return out
end

local METHOD_OPTIONS = {
  backfill = { 'ds = ', 'from = ', 'to = ', 'table = ' }, sql = { 'ds = ' }, explain = { 'feature = ', 'at = ' },
  stats = with_mark(stats.OPTIONS), plot = with_mark(plot.OPTIONS),
}

--- The keys of a row of keys.
local function key_names(x)
  local out = {}
  local function add(name) out[#out + 1] = name .. ' = ' end
  for _, name in ipairs(rawget(x, 'keyColumns') or {}) do add(name) end
  for _, part in ipairs(rawget(x, 'joinParts') or {}) do
    local left = {}
    for from, to in map.each(part.keyMapping or map.new()) do left[to] = from end
    for _, name in ipairs(part.groupBy.keyColumns) do add(left[name] or name) end
  end
  return out
end

local SERVING = { fetch = true, explain = true, compare = true }

--- The names that a table constructor at the cursor may have.
local function parameters(stack)
  local top = stack[#stack]
  if not top or top.mark ~= '{' then return nil end
  local name = top.before:match('c%.([%w_]+)%s*%(?%s*$')
  for _, spec in ipairs(name and params.constructors or {}) do
    if spec.name == name then
      local out = {}
      for i, p in ipairs(spec.params) do out[i] = p.name .. ' = ' end
      return out
    end
  end
  local owner, serving = top.before:match('([%w_%.]+):([%a_]+)%s*%(?%s*$')
  if SERVING[serving] and definition.is(value_at(owner)) then return key_names(value_at(owner)) end
  local method = top.before:match(':([%a_]+)%s*%(?[^(){}]*$') or top.before:match(':([%a_]+)%s*%(.*}%s*,%s*$')
  method = method or top.before:match('([%a_]+)%s*%([^(){}]*,%s*$') -- stats("table", {
  return method and METHOD_OPTIONS[method]
end

local function keys_of(x)
  local out = {}
  for key in pairs(x) do
    if type(key) == 'string' then out[#out + 1] = key end
  end
  return out
end

local function methods_of(x)
  if result.is(x) then return keys_of(result.methods) end
  if type(x) == 'string' then return keys_of(string) end
  local out = definition.is(x) and keys_of(definition.methods) or {}
  if object.kind(x) == 'Join' then
    for _, name in ipairs(keys_of(definition.join_methods)) do out[#out + 1] = name end
  end
  return out
end

--- A path of names: `c.Op`, `gb:sch`, `sq`.
local function in_path(text)
  local path, mark, word = text:match('([%a_][%w_%.]*)([%.:])([%w_]*)$')
  if path then
    local x = value_at(path)
    if mark == ':' then return methods_of(x), word end
    if result.is(x) then return { 'name', 'columns', 'types' }, word end
    return type(x) == 'table' and keys_of(x) or {}, word
  end
  word = text:match('[%a_][%w_]*$') or ''
  local names = keys_of(_G)
  for i = #names, 1, -1 do
    if names[i]:find('^__') then table.remove(names, i) end
  end
  return names, word
end

--- @param text string before the cursor
--- @param pending string? the lines before it
--- @return string word that candidates replace
--- @return string[] candidates
function M.candidates(text, pending)
  if not text:find('%S') then return '', { '  ' } end -- indentation, which may have been pasted
  local command = not pending and text:match('^%.(%a*)$')
  if command then
    local names = {}
    for i, name in ipairs(dot.names()) do names[i] = name .. ' ' end
    return command, matching(names, command)
  end
  local table_word = not pending and text:match('^%.schema%s+(%S*)$')
  if table_word then return table_word, matching(sql.table_names(), table_word) end
  local mode = not pending and text:match('^%.mode%s+(%S*)$')
  if mode then return mode, matching({ 'table', 'vertical', 'markdown', 'json', 'csv' }, mode) end
  local whole = pending and pending .. '\n' .. text or text
  local inside, stack, before = scan(whole)
  if inside and (before:find('sql%s*%(?%s*$') or before:find('duckdb%s*%(?%s*$')) then
    local names, word = in_sql(inside)
    return word, matching(names, word)
  end
  if inside then return inside, matching(in_string(before, stack), inside) end
  local names, word = in_path(text)
  local known = not text:find('[%.:][%w_]*$') and parameters(stack)
  if known then
    local found = matching(known, word)
    if #found > 0 or word == '' then return word, found end
  end
  return word, matching(names, word)
end

local function answer(text, pending)
  local word, found = M.candidates(text, pending)
  if #found == 0 then return '' end
  return #word .. '\n' .. table.concat(found, '\n')
end

--- Lets Tab ask. @param pending fun(): string? the unfinished input above the line
function M.install(line, pending)
  local function on_tab(before)
    local ok, text = pcall(answer, ffi.string(before), pending())
    M.answer = ok and text or '' -- kept here while C reads it
    M.anchor = ffi.cast('const char *', M.answer)
    return M.anchor
  end
  M.callback = ffi.cast('cli_line_complete_fn', on_tab)
  C.cli_line_completer(line, M.callback)
end

return M
