local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local wh_support = require('spec.support.warehouse')
local C = cdef.load('explore/explore.h')

describe('explore', function()
  local dir, e

  local function open(o)
    o = o or {}
    o.warehouse = dir .. '/wh'
    o.store = o.store or ('lmdb:' .. dir .. '/store')
    o.threads = 2
    return C.explore_open(ffi.new('struct explore_options', o))
  end

  local function sql(text, duckdb)
    local out = ffi.new('struct explore_result')
    cdef.check(C.explore_sql, e, text, duckdb or false, out)
    local columns = {}
    for i = 0, out.n_columns - 1 do
      columns[i + 1] = ffi.string(out.names[i]) .. ' ' .. ffi.string(out.types[i])
    end
    return { table = ffi.string(out.table), rows = tonumber(out.rows), columns = table.concat(columns, ', ') }
  end

  --- @return string message, integer code
  local function failure(f, ...)
    local err = ffi.new('struct chn_err')
    local args = { ... }
    args[select('#', ...) + 1] = err
    local status = f(unpack(args, 1, select('#', ...) + 1))
    assert.not_equal(C.CHN_OK, status)
    return ffi.string(err.msg), tonumber(status)
  end

  before_each(function()
    dir = wh_support.folder()
    e = open()
  end)
  after_each(function()
    C.explore_close(e)
    wh_support.sh("rm -rf '" .. dir .. "'")
  end)

  it('opens nothing before it is needed, and leaves nothing', function()
    assert.equal('', wh_support.sh('ls -A ' .. dir))
    local wh, path = ffi.new('struct wh *[1]'), ffi.new('const char *[1]')
    cdef.check(C.explore_warehouse, e, wh)
    cdef.check(C.wh_temp_folder, wh[0], ffi.gc(ffi.new('struct arena'), C.arena_deinit), path)
    C.explore_close(e)
    e = nil
    assert.equal('', wh_support.sh('ls -A ' .. dir))
  end)

  it('numbers results, which know their columns', function()
    assert.same({ table = 'result_1', rows = 3, columns = 'a bigint, b array<string>' },
      sql("SELECT range AS a, ['x'] AS b FROM range(3)", true))
    assert.same({ table = 'result_2', rows = 1, columns = 'n bigint' }, sql('SELECT count(*) AS n FROM Result_1'))
    assert.same({ table = 'result_3', rows = 1, columns = 'n bigint' }, sql('SELECT n FROM _ WHERE n = 3'))
  end)

  it('gives no number to a query that fails', function()
    failure(C.explore_sql, e, 'SELECT nope', false, ffi.new('struct explore_result'))
    assert.equal('result_1', sql('SELECT 1 AS a').table)
  end)

  it('refuses names that are none or its own', function()
    sql('SELECT 1 AS a')
    cdef.check(C.explore_name, e, 'result_1', 'mine')
    assert.equal('result_2', sql('SELECT * FROM mine').table)
    for _, name in ipairs({ '', '1a', 'a b', 'a"', '_', 'result_9', 'a.b' }) do
      local _, code = failure(C.explore_name, e, 'result_1', name)
      assert.equal(C.CHN_E_ARGUMENT, code, name)
    end
  end)

  it('forgets what is dropped', function()
    sql('SELECT 1 AS a')
    C.explore_drop(e, 'result_1')
    C.explore_drop(e, 'result_1')
    local _, code = failure(C.explore_sql, e, 'SELECT * FROM result_1', false, ffi.new('struct explore_result'))
    assert.equal(C.CHN_E_NOT_FOUND, code)
  end)

  it('tells endings that mean nothing', function()
    sql('SELECT 1 AS a')
    local message = failure(C.explore_save, e, 'result_1', dir .. '/x.xls')
    assert.truthy(message:find('.parquet, .csv, .json or .jsonl', 1, true))
  end)

  it('hears an interrupt only while it works', function()
    C.explore_interrupt(e)
    assert.is_false(C.explore_busy(e))
    assert.equal(1, sql('SELECT 1 AS a').rows)
    C.explore_begin(e)
    assert.is_true(C.explore_busy(e))
    C.explore_interrupt(e)
    local err = ffi.new('struct chn_err')
    assert.equal(C.CHN_E_CANCELLED, C.explore_end(e, C.CHN_E_IO, err))
    assert.is_false(C.explore_busy(e))
    C.explore_begin(e)
    assert.equal(C.CHN_OK, C.explore_end(e, C.CHN_OK, err))
  end)

  it('says that there is no repo', function()
    local kind, buf = ffi.new('int32_t[1]'), ffi.new('struct chn_buf')
    local message, code = failure(C.explore_load, e, 'a.b.c', kind, buf)
    assert.equal(C.CHN_E_NOT_FOUND, code)
    assert.truthy(message:find('no repo', 1, true))
  end)

  it('refuses a definition that is none', function()
    local out = ffi.new('struct explore_result')
    local message, code = failure(C.explore_schema, e, 1, '{"nope": 1}', out)
    assert.equal(C.CHN_E_ARGUMENT, code)
    assert.truthy(message:find('nope', 1, true), message)
    failure(C.explore_schema, e, 1, '{"metaData": {}', out)
    message = failure(C.explore_schema, e, 9, '{}', out)
    assert.equal('a GroupBy, Join or StagingQuery is needed', message)
    message = failure(C.explore_schema, e, 1, '{"metaData": {}, "sources": [], "keyColumns": []}', out)
    assert.equal('GroupBy: it has no name', message)
  end)

  it('tells which store is missing', function()
    local out = ffi.new('struct explore_result')
    local json = '{"metaData": {"name": "a.b", "outputNamespace": "n"}, "sources": [], "keyColumns": ["k"]}'
    local message = failure(C.explore_fetch, e, 1, json, '[{"k": 1}]', nil, out)
    assert.truthy(message:find('the store: ', 1, true), message)
  end)

  local function stats(name, o)
    local out = ffi.new('struct explore_result')
    cdef.check(C.explore_stats, e, name, ffi.new('struct describe_options', o or {}), out)
    local columns = {}
    for i = 0, out.n_columns - 1 do columns[i + 1] = ffi.string(out.names[i]) end
    return table.concat(columns, ' '), tonumber(out.rows)
  end

  it('describes the columns of a result, with drift when a baseline is given', function()
    local r = sql("SELECT range AS a, 'x' AS b, '2024-01-0' || (1 + range % 2) AS ds FROM range(10)", true)
    local names = 'column type count nulls distinct min p05 p25 p50 p75 p95 max mean shape'
    local got, rows = stats(r.table)
    assert.same({ names, 3 }, { got, rows })
    got, rows = stats(r.table, { baseline = '2024-01-01' })
    assert.same({ names .. ' psi linf', 3 }, { got, rows })
    assert.equal(r.table .. ' has no rows of the baseline 2024-01-09', (failure(C.explore_stats, e, r.table,
      ffi.new('struct describe_options', { baseline = '2024-01-09' }), ffi.new('struct explore_result'))))
  end)

  it('does not describe a day that is none', function()
    sql('SELECT 1 AS ds', true)
    local message, code = failure(C.explore_stats, e, 'result_1',
      ffi.new('struct describe_options', { start_ds = "' OR 1" }), ffi.new('struct explore_result'))
    assert.equal(tonumber(C.CHN_E_ARGUMENT), code)
    assert.truthy(message:find('is not a date', 1, true), message)
  end)
end)
