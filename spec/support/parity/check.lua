--- Holds the engine's rows against the oracle's.
local cols = require('spec.support.cols')
local model = require('spec.support.parity.model')
local null = cols.null

local M = {}

--- A value as text for pairing rows: doubles to six digits, maps by key.
local function text(v)
  if type(v) == 'number' then return ('%.6g'):format(v) end
  if type(v) == 'cdata' then return (tostring(v):gsub('LL$', '')) end
  if type(v) ~= 'table' or v == null then return cols.show(v) end
  local parts = {}
  for i = 1, v.n or #v do
    local x = v[i]
    parts[i] = type(x) == 'table' and x ~= null and #x == 2 and x.n == nil and text(x[1]) .. '=' .. text(x[2]) or text(x)
  end
  if v.n == nil then table.sort(parts) end
  return '{' .. table.concat(parts, ',') .. '}'
end
M.text = text

--- String keys of several columns: a NULL groups with '', and either may be shown.
local function blank_keys(case)
  local gb, out = case.group_by, {}
  if gb and gb.aggs and #gb.keys > 1 then
    for i, k in ipairs(gb.keys) do out[k] = gb.key_types[i] == 'string' end
  end
  return out
end

local function sorted(rows)
  table.sort(rows, function(x, y) return x.text < y.text end)
  return rows
end

local function row_text(values)
  local parts = {}
  for i, v in ipairs(values) do parts[i] = text(v) end
  return table.concat(parts, ' ')
end

local function same(t, x, y)
  if x == null or y == null then return x == y end
  return t == nil and x == y or cols.same(t, x, y, 1e-9)
end

--- @return string[] differences, empty when all is right
function M.differences(case, got)
  local columns, want, n_id = model.expected(case)
  local lines = {}
  if #want == 0 and #got.rows == 0 then return lines end
  local seen, n = {}, 0
  for _, name in ipairs(columns) do
    seen[name] = true
    if #got.rows > 0 and not got.texts[name] then lines[#lines + 1] = 'no column ' .. name end
  end
  for name in pairs(got.texts) do
    n = n + 1
    if not seen[name] then lines[#lines + 1] = 'a column too many: ' .. name end
  end
  if #lines > 0 then return lines end
  local blank = blank_keys(case)
  -- Rows pair by what identifies them: the left columns and ds, then everything.
  local order = { #columns }
  for i = 1, n_id do order[#order + 1] = i end
  for i = n_id + 1, #columns - 1 do order[#order + 1] = i end
  local function prepared(values)
    local line, parts = {}, {}
    for i, name in ipairs(columns) do
      line[i] = values[i]
      if blank[name] and line[i] == null then line[i] = '' end
    end
    for i, c in ipairs(order) do parts[i] = line[c] end
    return { values = line, text = row_text(parts) }
  end
  local w, g = {}, {}
  for i, values in ipairs(want) do w[i] = prepared(values) end
  for i, row in ipairs(got.rows) do
    local values = {}
    for c, name in ipairs(columns) do values[c] = row[name] end
    g[i] = prepared(values)
  end
  sorted(w)
  sorted(g)
  if #w ~= #g then lines[#lines + 1] = ('%d rows, want %d'):format(#g, #w) end
  for i = 1, math.max(#w, #g) do
    if not w[i] or not g[i] then
      lines[#lines + 1] = w[i] and 'missing: ' .. w[i].text or 'too many: ' .. g[i].text
    else
      for c, name in ipairs(columns) do
        if not same(got.types[name], w[i].values[c], g[i].values[c]) then
          lines[#lines + 1] = ('%s: got %s, want %s (row %s)'):format(name, cols.show(g[i].values[c]),
            cols.show(w[i].values[c]), w[i].text)
        end
      end
    end
    if #lines > 12 then break end
  end
  return lines
end

--- All rows as sorted lines, to the last bit.
function M.exact(got)
  local names, lines = {}, {}
  for name in pairs(got.texts) do names[#names + 1] = name end
  table.sort(names)
  for i, row in ipairs(got.rows) do
    local parts = {}
    for c, name in ipairs(names) do
      local v = row[name]
      parts[c] = type(v) == 'table' and v ~= null and v.n == nil and text(v) or cols.show(v)
    end
    lines[i] = table.concat(parts, ' ')
  end
  table.sort(lines)
  return table.concat(lines, '\n')
end

return M
