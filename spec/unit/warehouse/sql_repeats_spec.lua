--- sql_expr_repeats: which expressions give the same whenever they are asked.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('warehouse/sql.h', 'warehouse/sql_functions.h')
local cols = require('spec.support.cols')

local arena = cols.arena()
local CLOCKS = { 'now%(', 'random%(', 'uuid%(', 'current_', 'today%(', 'get_current', 'transaction_timestamp' }

local function repeats(spark) return C.sql_expr_repeats(arena, spark) end

local function render(spark)
  local out, err = ffi.new('char *[1]'), ffi.new('struct chn_err')
  return C.sql_render_expr(arena, spark, out, err) == C.CHN_OK and ffi.string(out[0]) or nil
end

local function changes(sql)
  for _, clock in ipairs(CLOCKS) do
    if sql:lower():match(clock) then return true end
  end
  return false
end

--- Every call of a function that can be rendered, with arguments of some kinds and numbers.
local function calls(f)
  local name, out = ffi.string(f.name), {}
  local most = f.max < 0 and f.min + 1 or f.max
  for n = f.min, most do
    for _, arg in ipairs { 'x', "'a'", '1', "'day'", "'utf-8'", '256', 'true' } do
      for _, first in ipairs { 'x', arg } do
        local args = {}
        for i = 1, n do args[i] = i == 1 and first or arg end
        local call = ('%s(%s)'):format(name, table.concat(args, ', '))
        local sql = render(call)
        if sql then out[#out + 1] = { call, sql } end
      end
    end
  end
  return out
end

describe('an expression', function()
  it('repeats where it names columns and functions of them', function()
    for _, e in ipairs { 'a', 'a + 1', 'a / b', 'upper(a)', 'coalesce(a, b, 0)', "a LIKE 'x%'",
      'CASE WHEN a > 1 THEN b ELSE c END', 'a BETWEEN 1 AND b', 'a IN (1, 2)', "date_format(a, 'yyyy')",
      "unix_timestamp(a, 'yyyy')", 'm[a]', 's.f', 'exists(a, x -> x > b)',
      "'now()'", 'CAST(a AS STRING)', 'if(isnull(a), 0.0, round(a, 2))' } do
      assert(render(e), e)
      assert.is_true(repeats(e), e)
    end
  end)

  it('does not where it names a clock, chance, other rows, or nothing that is known', function()
    for _, e in ipairs { 'now()', 'a - unix_timestamp()', 'current_date', 'CURRENT_DATE()', 'Current_Timestamp', 'rand()',
      'a * Random(3)', 'randn()', 'uuid()', 'concat(a, uuid())', 'transform(a, x -> x + rand())', 'a IN (1, rand())',
      'CASE WHEN rand() > 0.5 THEN 1 END', 'sum(a)', 'row_number() OVER (ORDER BY a)', 'a = (SELECT 1)', 'EXISTS (SELECT 1)',
      'a IN (SELECT 1)', 'unheard_of(a)', 'a +' } do
      assert.is_false(repeats(e), e)
    end
  end)

  it('does not with any function that is rendered by the clock or by chance', function()
    local section, rendered, all = 0, 0, 0
    local title, n = ffi.new('const char *[1]'), ffi.new('int32_t[1]')
    while true do
      local rows = C.sql_function_section(section, title, n)
      if rows == nil then break end
      for i = 0, n[0] - 1 do
        if rows[i].kind == C.SQL_F_SCALAR and rows[i].state ~= C.SQL_REFUSED then
          local list = calls(rows[i])
          all, rendered = all + 1, rendered + (#list > 0 and 1 or 0)
          for _, call in ipairs(list) do
            assert(changes(call[2]) == not repeats(call[1]), ('%s: %s'):format(call[1], call[2]))
          end
        end
      end
      section = section + 1
    end
    assert.is_true(rendered > 0.85 * all, ('%d of %d functions were rendered'):format(rendered, all))
    local prelude = ffi.string(C.sql_prelude()):gsub('[^\n]* AS sp_no_column%([^\n]*', '')
    assert.is_false(changes((prelude:gsub('current_setting', ''))))
  end)
end)
