-- warehouse/eval.h: expressions over columns in memory.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('warehouse/eval.h', 'warehouse/sql.h')
local cols = require('spec.support.cols')
local rows = require('spec.support.rows')

local wh, keep = rows.open('/nonexistent', {})

local opened = {}

local function open(fields, exprs)
  local arena = cols.arena()
  local schema = cols.schema(arena, fields)
  local list = ffi.new('struct wh_expr[?]', #exprs)
  for i, e in ipairs(exprs) do
    local sql = ffi.new('char *[1]')
    cdef.check(C.sql_render_expr, arena, e[2], sql)
    list[i - 1].name, list[i - 1].sql = C.arena_strdup(arena, e[1]), sql[0]
  end
  local out, err = ffi.new('struct wh_eval *[1]'), ffi.new('struct chn_err')
  if C.wh_eval_open(wh, schema, list, #exprs, out, err) ~= C.CHN_OK then return nil, ffi.string(err.msg) end
  opened[#opened + 1] = out[0]
  return { e = out[0], schema = schema }
end

local function run(e, values, from, n)
  local c, hold = cols.columns(e.schema, values)
  local schema = C.wh_eval_schema(e.e)
  local outs = ffi.new('struct row_builder *[?]', schema.n_fields)
  for i = 0, schema.n_fields - 1 do outs[i] = C.row_builder_new(schema.fields[i].type) end
  local err = ffi.new('struct chn_err')
  local status = C.wh_eval_run(e.e, c, from, n, outs, err)
  local result = {}
  for i = 0, schema.n_fields - 1 do
    local col, list = C.row_builder_col(outs[i]), {}
    for r = 0, tonumber(col.count) - 1 do list[r + 1] = cols.show(cols.read(col, r)) end
    result[ffi.string(schema.fields[i].name)] = table.concat(list, ' ')
    C.row_builder_free(outs[i])
  end
  assert(hold)
  if status ~= C.CHN_OK then return nil, ffi.string(err.msg), result end
  return result
end

describe('expressions over columns', function()
  -- Before the warehouse, which a collector at the end may close first.
  after_each(function()
    for _, e in ipairs(opened) do C.wh_eval_close(e) end
    opened = {}
  end)

  it('give the same again and again, for any rows', function()
    local e = assert(open({ { 'a', 'double' }, { 's', 'string' } },
      { { 'half', 'a / 2' }, { 'long', "concat(s, '-', s, ' is quite long')" } }))
    for _ = 1, 3 do
      local got = assert(run(e, { { 1, cols.null, 5 }, { 'x', 'y', cols.null } }, 0, 3))
      assert.same({ half = '0.5 null 2.5', long = '"x-x is quite long" "y-y is quite long" null' }, got)
      assert.same({ half = '2.5', long = 'null' }, run(e, { { 1, cols.null, 5 }, { 'x', 'y', cols.null } }, 2, 1))
      assert.same({ half = '', long = '' }, run(e, { { 1 }, { "x" } }, 0, 0))
    end
  end)

  it('keep the order of many rows', function()
    local e = assert(open({ { 'a', 'long' } }, { { 'b', 'a + 1' } }))
    local values, want = {}, {}
    for i = 1, 5000 do values[i], want[i] = i, cols.show(ffi.new('int64_t', i + 1)) end
    assert.equal(table.concat(want, ' '), assert(run(e, { values }, 0, 5000)).b)
  end)

  it('refuse an unknown column and a type that is none, by name', function()
    local _, why = open({ { 'a', 'long' } }, { { 'b', 'c + 1' } })
    assert.matches('c', why)
    _, why = open({ { 'a', 'long' } }, { { 'b', 'CAST(a AS DECIMAL(10, 2))' } })
    assert.matches('b is of type DECIMAL.*cast it', why)
  end)

  it('have no value for a name that only the engine knows', function()
    for _, name in ipairs { 'user', 'User', 'session_user', '`current_user`', 'current_role', 'current_schema',
      'current_catalog', '`current_date`', 'current_time', '`current_timestamp`', 'localtime', 'localtimestamp' } do
      local e = assert(open({ { 'a', 'string' } }, { { 'b', ('concat(a, CAST(%s AS STRING))'):format(name) } }))
      local got, why = run(e, { { 'x' } }, 0, 1)
      assert.is_nil(got)
      assert.equal(('column "%s" does not exist'):format(name:lower():gsub('`', '')), why)
    end
    local e = assert(open({ { 'user', 'string' }, { 'localtime', 'long' } }, { { 'b', 'upper(User)' }, { 'c', 'localtime + 1' } }))
    assert.same({ b = '"ANN"', c = '6LL' }, run(e, { { 'ann' }, { 5LL } }, 0, 1))
  end)
end)
assert(keep)
