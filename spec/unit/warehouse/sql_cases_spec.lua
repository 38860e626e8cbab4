--- Types and values against Spark's own: sql_cases.json is what tools/spark_cases.py got from Spark
--- 3.5.3. A value is compared as CAST(v AS STRING) gives it, numbers to 1e-12 relative.
local json = require('dkjson')
local duck = require('spec.support.duck')

local function read(path)
  local file = assert(io.open(path))
  local text = file:read('*a')
  file:close()
  return text
end

local cases = assert(json.decode(read('spec/unit/warehouse/sql_cases.json'), 1, json.null))

local function same(got, want)
  local x, y = tonumber(got), tonumber(want)
  return got == want or (x and y and math.abs(x - y) <= 1e-12 * math.abs(y))
end

--- "int: 1, 2" of a case, by our rendering.
local function run(db, case)
  local query = case[1]:match('^SELECT') and case[1] or ('SELECT ' .. case[1] .. ' AS v')
  local text, err = duck.render('query', query)
  if not text then return nil, err end
  return db:run('SELECT sp_string(v), sp_typeof(v) FROM (' .. text .. ') AS q')
end

describe('warehouse sql, beside Spark,', function()
  local db
  setup(function() db = duck.open() end)
  teardown(function() db:close() end)

  for _, case in ipairs(cases) do
    it('agrees on ' .. case[1], function()
      local rows, err = run(db, case)
      assert(rows, err)
      assert.equal(#case[3], #rows)
      for i, want in ipairs(case[3]) do
        local got = rows[i][1] or 'NULL'
        want = want == json.null and 'NULL' or want
        if not same(got, want) then assert.equal(want, got) end
        assert.equal(case[2], rows[i][2])
      end
    end)
  end

  it('has a case of every function that is said to be the same', function()
    local C = require('spec.support.cdef').load('warehouse/sql_functions.h')
    local ffi = require('ffi')
    local all = read('spec/unit/warehouse/sql_cases.txt'):lower()
    local constant = { uuid = true, current_date = true, curdate = true, now = true, current_timestamp = true,
      current_timezone = true, posexplode_outer = true, grouping_id = true }
    local missing = {}
    local title, n, section = ffi.new('const char *[1]'), ffi.new('int32_t[1]'), 0
    while true do
      local rows = C.sql_function_section(section, title, n)
      if rows == nil then break end
      for i = 0, n[0] - 1 do
        local name = ffi.string(rows[i].name)
        local used = all:find('%f[%w_]' .. name .. '%s*%(')
        if rows[i].state == C.SQL_SAME and not used and not constant[name] then missing[#missing + 1] = name end
      end
      section = section + 1
    end
    assert.same({}, missing)
  end)
end)
