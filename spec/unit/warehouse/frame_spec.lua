local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local support = require('spec.support.warehouse')
local C = support.C

describe('warehouse: wh_frame', function()
  local wh, loaded

  before_each(function()
    wh = support.open({ threads = 4 })
    loaded = {}
  end)
  after_each(function()
    for _, r in ipairs(loaded) do C.wh_rows_free(r) end
    wh:close()
  end)

  local function load(sql)
    local out = ffi.new('struct wh_rows *[1]')
    cdef.check(C.wh_rows_load, wh.wh, sql, out)
    loaded[#loaded + 1] = out[0]
    return out[0]
  end

  --- The columns of a result of at most 2048 rows.
  local function columns(sql)
    local r = load(sql)
    local cols = ffi.new('struct row_col[?]', C.wh_rows_schema(r).n_fields)
    C.wh_rows_chunk(r, 0, cols)
    return cols
  end

  local function add(id, left, n, extras)
    local list, keep = ffi.new('struct wh_extra[?]', #extras + 1), {}
    for i, x in ipairs(extras) do
      list[i - 1].name, list[i - 1].col, list[i - 1].index = x[1], x[2], x[3]
      keep[i] = x
    end
    cdef.check(C.wh_frame_add, wh.wh, id, left, n, list, #extras)
    return list, keep
  end

  local VALUES = [==[SELECT range AS n,
    CASE WHEN range % 5 > 0 THEN range % 2 = 0 END AS b,
    CASE WHEN range % 5 > 1 THEN range::SMALLINT END AS s,
    CASE WHEN range % 5 > 2 THEN range::FLOAT END AS f,
    CASE WHEN range % 4 > 0 THEN 'text ' || repeat('x', (range % 20)::INTEGER) END AS t,
    CASE WHEN range % 4 > 1 THEN (range || 'bytes')::BLOB END AS y,
    CASE WHEN range % 3 > 0 THEN [range, NULL, -range][:(range % 4)] END AS l,
    CASE WHEN range % 3 > 1 THEN MAP {'key' || range: [[range], NULL]} END AS m,
    CASE WHEN range % 2 > 0 THEN {'p': range, 'q': CASE WHEN range % 7 > 0 THEN 'q' || range END} END AS r
    FROM range(1000)]==]
  local NAMES = { 'n', 'b', 's', 'f', 't', 'y', 'l', 'm', 'r' }

  it('has the left columns as they are, of any type, and the rows in order', function()
    local sql = "SELECT range AS id, 'a string that is long ' || range AS s, [range] AS l, " ..
      '(range / 4)::DECIMAL(12,2) AS d, range::UTINYINT % 7 AS u FROM range(200) ' ..
      'UNION ALL SELECT range, NULL, NULL, NULL, NULL FROM range(200, 9000)'
    local left = load(sql)
    add('x', left, 9000, {})
    wh:exec('CREATE TEMP TABLE expected AS ' .. sql)
    wh:exec("CREATE TEMP TABLE got AS SELECT * FROM wh_frame('x')")
    assert.equal('0', wh:text('SELECT count(*) FROM ' ..
      '((FROM expected EXCEPT ALL FROM got) UNION ALL (FROM got EXCEPT ALL FROM expected))'))
    assert.equal('DECIMAL(12,2)', wh:text("SELECT typeof(d) FROM wh_frame('x') LIMIT 1"))
    local at = 0
    for _, row in ipairs(wh:rows("SELECT id FROM wh_frame('x')")) do
      assert.equal(at, row[1])
      at = at + 1
    end
    assert.equal(9000, at)
  end)

  it('gathers extra columns of every type by index, negative ones as NULL', function()
    local seed = tonumber(os.getenv('SEED')) or os.time()
    math.randomseed(seed)
    local n = 5000
    local cols = columns(VALUES)
    local index, lines = ffi.new('int32_t[?]', n), {}
    for i = 0, n - 1 do
      index[i] = math.random(-1, 999)
      lines[#lines + 1] = i .. ',' .. index[i]
    end
    local extras = {}
    for i, name in ipairs(NAMES) do extras[i] = { name, cols + (i - 1), index } end
    local keep = { add('x', nil, n, extras) }
    support.write_file(wh.home .. '/index.csv', 'i,at\n' .. table.concat(lines, '\n') .. '\n')
    wh:exec(("CREATE TEMP TABLE expected AS SELECT v.* FROM read_csv('%s') i LEFT JOIN (%s) v ON v.n = i.at")
      :format(wh.home .. '/index.csv', VALUES))
    wh:exec("CREATE TEMP TABLE got AS SELECT * FROM wh_frame('x')")
    assert.equal('0', wh:text('SELECT count(*) FROM ((FROM expected EXCEPT ALL FROM got) UNION ALL ' ..
      '(FROM got EXCEPT ALL FROM expected))'), 'seed ' .. seed)
    assert.equal(tostring(n), wh:text('SELECT count(*) FROM got'))
    assert.truthy(keep)
  end)

  it('takes a column without an index row by row', function()
    local cols = columns(VALUES)
    local extras = {}
    for i, name in ipairs(NAMES) do extras[i] = { name, cols + (i - 1), nil } end
    local keep = { add('x', nil, 1000, extras) }
    assert.same((wh:rows(VALUES)), (wh:rows("SELECT * FROM wh_frame('x')")))
    assert.truthy(keep)
  end)

  it('makes only the columns that are asked for', function()
    local cols = columns(VALUES)
    local left = load('SELECT range AS id, range * 2 AS twice FROM range(1000)')
    local keep = { add('x', left, 1000, { { 't', cols + 4, nil }, { 'n', cols, nil } }) }
    assert.equal('499500,999000', wh:text("SELECT sum(n)::BIGINT, sum(twice)::BIGINT FROM wh_frame('x')"))
    assert.equal('1000', wh:text("SELECT count(*) FROM wh_frame('x')"))
    assert.equal('7,14', wh:text("SELECT n, twice FROM wh_frame('x') WHERE id = 7"))
    assert.equal('1000', wh:text("SELECT count(*) FROM wh_frame('x') a JOIN wh_frame('x') b ON a.n = b.id"))
    assert.truthy(keep)
  end)

  it('holds rows and no columns but extra ones, none at all too', function()
    local cols = columns('SELECT 7 AS n')
    local index = ffi.new('int32_t[3]', { 0, -1, 0 })
    local keep = { add('x', nil, 3, { { 'n', cols, index } }), add('none', nil, 0, { { 'n', cols, nil } }) }
    assert.equal('7 | nil | 7', wh:text("SELECT * FROM wh_frame('x')"))
    assert.equal('', wh:text("SELECT * FROM wh_frame('none')"))
    assert.truthy(keep)
  end)

  it('is written whole, and in order where it is not partitioned', function()
    local left = load("SELECT range AS id, '2024-01-0' || (1 + range // 25000) AS ds FROM range(100000)")
    add('x', left, 100000, {})
    wh:write('out.t', "SELECT * FROM wh_frame('x')")
    wh:use('out.t')
    assert.equal('100000,100000,4', wh:text('SELECT count(*), count(DISTINCT id), count(DISTINCT ds) FROM out.t'))
    wh:write('out.u', "SELECT * FROM wh_frame('x')", { by = {} })
    wh:use('out.u')
    local at = 0
    for _, row in ipairs(wh:rows('SELECT id FROM out.u')) do
      if row[1] ~= at then error('row ' .. at .. ' is ' .. row[1]) end
      at = at + 1
    end
    assert.equal(100000, at)
  end)

  it('is known by its id until it is removed', function()
    local cols = columns('SELECT 7 AS n')
    local keep = { add('it\'s "x"', nil, 1, { { 'n', cols, nil } }) }
    assert.equal('7', wh:text("SELECT n FROM wh_frame('it''s \"x\"')"))
    assert.error_matches(function() add('it\'s "x"', nil, 1, { { 'n', cols, nil } }) end, 'exists', 1, true)
    C.wh_frame_remove(wh.wh, 'it\'s "x"')
    assert.error_matches(function() wh:rows("SELECT n FROM wh_frame('it''s \"x\"')") end,
      'no such frame', 1, true)
    assert.truthy(keep)
  end)

  it('refuses what does not fit', function()
    local cols = columns('SELECT 1.5::DECIMAL(3,1) AS d, 1 AS n')
    local left = load('SELECT 1 AS a')
    assert.error_matches(function() add('x', left, 2, {}) end, 'frame x: 2 rows, its left side has 1', 1, true)
    assert.error_matches(function() add('x', nil, 1, { { 'd', cols, nil } }) end,
      'column "d" has a type that features cannot use', 1, true)
    assert.error_matches(function() add('x', nil, 2, { { 'n', cols + 1, nil } }) end,
      'column "n" has 1 rows of 2', 1, true)
  end)
end)
