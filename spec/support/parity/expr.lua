--- The small language of parity cases: SQL texts that cases use, and what they mean in Lua.
---
--- A row is a table name -> value as spec/support/cols.lua writes values; NULL is cols.null. A
--- condition is true, false or NULL. A form is a template over one column, so that a case stays
--- plain data: { 'plus_one', 'x' }.
local cols = require('spec.support.cols')
local null = cols.null

local M = {}

local function unless_null(f)
  return function(v) if v == null then return null end return f(v) end
end

--- name -> { template with X for the column, value -> value }
M.forms = {
  same = { 'X', function(v) return v end },
  is_null = { 'X IS NULL', function(v) return v == null end },
  zero = { 'coalesce(X, 0)', function(v) if v == null then return 0LL end return v end },
  plus_one = { 'X + 1', unless_null(function(v) return v + 1 end) },
  twice = { 'X * 2', unless_null(function(v) return v * 2 end) },
  over_one = { 'X > 1', unless_null(function(v) return v > 1 end) },
  not_null = { 'X IS NOT NULL', function(v) return v ~= null end },
  is_a = { "X = 'a'", unless_null(function(v) return v == 'a' end) },
  not_a = { "X <> 'a'", unless_null(function(v) return v ~= 'a' end) },
}

function M.sql(form) return (M.forms[form[1]][1]:gsub('X', form[2])) end
function M.value(form, row) return M.forms[form[1]][2](row[form[2]]) end

local TYPES = { is_null = 'boolean', not_null = 'boolean', over_one = 'boolean', is_a = 'boolean', not_a = 'boolean',
  zero = 'long', plus_one = 'long', twice = 'double' }

--- The type of a form over a column of a type.
function M.type_of(form, column) return TYPES[form] or column end

--- Whether all conditions are true; a NULL is not.
function M.all(forms, row)
  for _, form in ipairs(forms or {}) do
    if M.value(form, row) ~= true then return false end
  end
  return true
end

--- Derivations { { name =, form = } or '*' } over base columns: a list of { name, form }. `*` stands
--- for the base columns that no derivation renames (spec/05 §6).
function M.derive(derivations, base)
  local out = {}
  if not derivations or #derivations == 0 then
    for i, name in ipairs(base) do out[i] = { name, { 'same', name } } end
    return out
  end
  local renamed = {}
  for _, d in ipairs(derivations) do
    if d ~= '*' and d.form[1] == 'same' then renamed[d.form[2]] = true end
  end
  for _, d in ipairs(derivations) do
    if d == '*' then
      for _, name in ipairs(base) do
        if not renamed[name] then out[#out + 1] = { name, { 'same', name } } end
      end
    else
      out[#out + 1] = { d.name, d.form }
    end
  end
  return out
end

return M
