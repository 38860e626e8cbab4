--- How Lua is written: nodes become lines.
---
--- A node is one of
---   { text = 'true' }                 as it is
---   { string = 's' }                  a string
---   { call = 'c.Query', fields = { { name, node }, ... } }   named values; call may be nil
---   { call = 'c.select', args = { node, ... } }              arguments in parentheses
---   { list = { node, ... } }          a list; `call` makes it the one argument of a function
--- `broken` puts each entry on a line of its own where it would fit on one; `as` is the name of a
--- local that stands for it.
local M = {}

local WIDTH = 110

local KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then
  true until while]]):gmatch('%a+') do KEYWORDS[word] = true end

--- @return boolean can stand as a name
function M.is_name(s) return s:find('^[%a_][%w_]*$') ~= nil and not KEYWORDS[s] end

local NAMED = { ['\n'] = '\\n', ['\r'] = '\\r', ['\t'] = '\\t', ['"'] = '\\"', ['\\'] = '\\\\' }

local function quote(s)
  return '"' .. s:gsub('[%c"\\]', function(c) return NAMED[c] or ('\\%03d'):format(c:byte()) end) .. '"'
end
M.quote = quote

--- [[...]] for a text of several lines, where nothing in it would be changed by that.
local function long(s)
  if not s:find('\n') or s:find('[%z\1-\8\11-\31\127]') or s:find('[ \t]\n') then return nil end
  local level = ''
  while s:find(']' .. level .. ']', 1, true) or s:sub(-1 - #level) == ']' .. level do level = level .. '=' end
  return ('[%s[\n%s]%s]'):format(level, s, level)
end

local function key(name)
  return M.is_name(name) and name or '[' .. quote(name) .. ']'
end

--- The entries of a node as { prefix, node }, and what stands around them.
local function parts(node)
  local entries = {}
  for i, field in ipairs(node.fields or {}) do entries[i] = { key(field[1]) .. ' = ', field[2] } end
  for i, item in ipairs(node.list or node.args or {}) do entries[i] = { '', item } end
  if node.args then return entries, node.call .. '(', ')', '' end
  return entries, (node.call and node.call .. ' ' or '') .. '{', '}', ' '
end

--- The node on one line, or nil.
function M.flat(node)
  if node.as then return node.as end
  if node.text then return node.text end
  if node.string then return not long(node.string) and quote(node.string) or nil end
  if node.broken then return nil end
  local entries, open, close, blank = parts(node)
  if #entries == 0 then return open .. close end
  local texts = {}
  for i, entry in ipairs(entries) do
    local text = M.flat(entry[2])
    if not text then return nil end
    texts[i] = entry[1] .. text
  end
  return open .. blank .. table.concat(texts, ', ') .. blank .. close
end

--- A long text over several lines, cut at blanks.
local function wrapped(s, indent, used)
  local block = long(s)
  if block then return block end
  local room = math.max(WIDTH - #indent - 7, 40)
  if used + #quote(s) <= WIDTH or not s:find(' .') then return quote(s) end
  local pieces, line = {}, ''
  for word in s:gmatch('[^ ]*[ ]*') do
    if line ~= '' and #quote(line .. word) > (#pieces == 0 and math.max(WIDTH - used, 40) or room) then
      pieces[#pieces + 1] = quote(line)
      line = ''
    end
    line = line .. word
  end
  if line ~= '' then pieces[#pieces + 1] = quote(line) end
  return table.concat(pieces, '\n' .. indent .. '  .. ')
end

local function is_small(node)
  local text = M.flat(node)
  return text and #text <= 40 and (node.text or node.string or node.fields and not node.call and #node.fields == 1)
end

--- Lists of short things are filled line by line.
local function filled(entries, indent)
  for _, entry in ipairs(entries) do
    if entry[1] ~= '' or not is_small(entry[2]) then return nil end
  end
  local lines, line = {}, ''
  for i, entry in ipairs(entries) do
    local text = M.flat(entry[2]) .. (i < #entries and ',' or '')
    if line ~= '' and #indent + #line + 1 + #text > WIDTH then
      lines[#lines + 1] = line
      line = ''
    end
    line = line == '' and text or line .. ' ' .. text
  end
  lines[#lines + 1] = line
  return lines
end

--- @param node table
--- @param indent string of the line that it begins on
--- @param used integer columns of that line before it
--- @return string
function M.render(node, indent, used)
  local flat = M.flat(node)
  if flat and used + #flat < WIDTH then return flat end
  if node.text then return node.text end
  if node.string then return wrapped(node.string, indent, used) end
  local inner = indent .. '  '
  local entries, open, close = parts(node)
  if #entries == 0 then return open .. close end
  local last = node.args and '' or ','
  local lines = filled(entries, inner)
  if lines then
    lines[#lines] = lines[#lines] .. last
  else
    lines = {}
    for i, entry in ipairs(entries) do
      lines[i] = entry[1] .. M.render(entry[2], inner, #inner + #entry[1] + 1) .. (i < #entries and ',' or last)
    end
  end
  return open .. '\n' .. inner .. table.concat(lines, '\n' .. inner) .. '\n' .. indent .. close
end

return M
