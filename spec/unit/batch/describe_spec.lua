-- describe_rows against values counted by hand; describe_stats is in functional/cli/stats_spec.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local program = require('spec.support.program')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')
local C = cdef.load('batch/describe.h', 'agg/drift.h')

local FRACTIONS = { 0.05, 0.25, 0.5, 0.75, 0.95 }

describe('describe_rows', function()
  local folder, wh, arena
  setup(function()
    folder = program.folder()
    wh = rows.open(folder .. '/wh')
    arena = ffi.gc(ffi.new('struct arena'), C.arena_deinit)
  end)
  teardown(function()
    wh, arena = nil, nil
    collectgarbage()
    program.remove(folder)
  end)

  local function exec(sql) cdef.check(C.wh_exec, wh, sql) end

  --- @return table<string, ffi.cdata*> columns by name, ffi.cdata* all
  local function describe_rows(from, o)
    o = o or {}
    local names = o.columns or {}
    local columns = ffi.new('const char *[?]', #names + 1, names)
    local options = ffi.new('struct describe_options', { start_ds = o.start_ds, end_ds = o.end_ds, baseline = o.baseline,
      columns = columns, n_columns = #names, bins = o.bins or 0, top = o.top or 0 })
    local out = ffi.new('struct describe')
    cdef.check(C.describe_rows, wh, arena, from, options, out)
    local found = {}
    for i = 0, out.n - 1 do found[ffi.string(out.columns[i].name)] = out.columns[i] end
    return found, out
  end

  local function top(c)
    local list = {}
    for i = 0, c.n_top - 1 do list[i + 1] = ffi.string(c.top[i].value) .. '=' .. tonumber(c.top[i].count) end
    return list
  end

  it('counts, orders and cuts as a sorted list does', function()
    local random, first = seed.random('describe')
    for round = 1, 25 do
      local why = ('seed %d, round %d'):format(first, round)
      local values, cells, nulls, sum, seen, distinct = {}, {}, 0, 0, {}, 0
      for i = 1, random(1, 120) do
        if random(1, 5) == 1 then
          nulls, cells[i] = nulls + 1, '(NULL)'
        else
          local v = random(-50, 50) / 4
          values[#values + 1], cells[i], sum = v, ('(%g)'):format(v), sum + v
          if not seen[v] then seen[v], distinct = true, distinct + 1 end
        end
      end
      table.sort(values)
      exec(('CREATE OR REPLACE TEMP TABLE t AS SELECT CAST(v AS DOUBLE) AS v FROM (VALUES %s) AS x(v)')
        :format(table.concat(cells, ', ')))
      local columns, all = describe_rows('t')
      local c = columns.v
      assert.equal(#cells, tonumber(all.rows), why)
      assert.equal(#cells, tonumber(c.rows), why)
      assert.equal(nulls, tonumber(c.nulls), why)
      assert.is_true(math.abs(distinct - tonumber(c.distinct)) <= 1, why)
      if #values == 0 then
        assert.is_true(c.min == nil and c.mean ~= c.mean and c.quantiles[2] ~= c.quantiles[2] and c.n_bins == 0, why)
      else
        assert.equal(values[1], c.low, why)
        assert.equal(values[#values], tonumber(ffi.string(c.max)), why)
        assert.is_near(sum / #values, c.mean, 1e-9, why)
        local counted = 0
        for i = 0, c.n_bins - 1 do counted = counted + c.bins[i] end
        assert.equal(#values, counted, why)
        assert.equal(c.high, c.edges[c.n_bins], why)
        for i, f in ipairs(FRACTIONS) do
          assert.equal(values[math.min(#values, math.floor(f * #values) + 1)], c.quantiles[i - 1], why)
        end
      end
    end
  end)

  it('gives days bins of whole days', function()
    exec("CREATE OR REPLACE TEMP TABLE t AS SELECT DATE '2024-02-27' + i::INTEGER AS v FROM range(4) AS x(i)")
    local c = describe_rows('t').v
    local DAY = 86400000
    assert.same({ 4, c.low, c.low + DAY, c.low + 4 * DAY }, { c.n_bins, c.edges[0], c.edges[1], c.edges[4] })
    assert.same({ 1, 1, 1, 1 }, { c.bins[0], c.bins[1], c.bins[2], c.bins[3] })
    c = describe_rows('t', { bins = 3 }).v
    assert.same({ 2, c.low + 2 * DAY, c.low + 4 * DAY, 2, 2 }, { c.n_bins, c.edges[1], c.edges[2], c.bins[0], c.bins[1] })
  end)

  it('gives few integers a bin each', function()
    exec('CREATE OR REPLACE TEMP TABLE t AS SELECT unnest([1, 1, 2, 4]) AS v')
    local c = describe_rows('t').v
    assert.equal(4, c.n_bins)
    assert.same({ 2, 1, 0, 1 }, { c.bins[0], c.bins[1], c.bins[2], c.bins[3] })
    assert.same({ 1, 2, 5 }, { c.edges[0], c.edges[1], c.edges[4] })
    c = describe_rows('t', { bins = 3 }).v
    assert.same({ 2, 1, 3, 5, 3, 1 }, { c.n_bins, c.edges[0], c.edges[1], c.edges[2], c.bins[0], c.bins[1] })
  end)

  it('keeps what a FLOAT cannot hold: instants and large integers', function()
    exec([[CREATE OR REPLACE TEMP TABLE t AS SELECT 1704067200000 + i AS ms, 9007199254740993 + 0 * i AS wide,
      make_timestamp((1704067200000 + i) * 1000) AS ts, DATE '2024-01-01' + CAST(i AS INTEGER) AS day FROM range(100) r(i)]])
    local c, text = describe_rows('t'), ffi.new('char[40]')
    assert.equal(1704067200050, c.ms.quantiles[2])
    assert.equal('9007199254740993', ffi.string(c.wide.max))
    assert.equal('2024-01-01 00:00:00.050', ffi.string(C.describe_value(c.ts, c.ts.quantiles[2], text)))
    assert.equal('2024-01-01 00:00:00.099', ffi.string(c.ts.max))
    assert.equal('2024-02-20', ffi.string(C.describe_value(c.day, c.day.quantiles[2], text)))
    assert.equal('2024-04-09', ffi.string(c.day.max))
  end)

  it('describes every type: what has no order by its nulls only', function()
    exec([[CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM (SELECT 1.25::DECIMAL(10,2) AS de, 7::HUGEINT AS hu,
      8::UBIGINT AS ub, true AS bo, [1] AS li, {'a': 1} AS st, MAP {'a': 1} AS ma, 'x'::BLOB AS bl, TIME '10:00:00' AS ti,
      INTERVAL 1 DAY AS iv, TIMESTAMPTZ '2024-01-01 10:00:00+00' AS tz, 3::TINYINT AS ty, 0.1::FLOAT AS fl, '' AS em)
      UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL]])
    local got = {}
    for name, c in pairs(describe_rows('t')) do
      assert.same({ 2, 1 }, { tonumber(c.rows), tonumber(c.nulls) }, name)
      got[name] = (c.min ~= nil and ffi.string(c.min) or '-') .. ' ' .. tonumber(c.distinct)
    end
    assert.same({ de = '1.25 1', hu = '7.0 1', ub = '8.0 1', bo = 'true 1', li = '- -1', st = '- -1', ma = '- -1', bl = '- -1',
      ti = '10:00:00 1', iv = '1 day 1', tz = '2024-01-01 10:00:00 1', ty = '3 1', fl = '0.1 1', em = ' 1' }, got)
  end)

  it('leaves NaN out of every number, and draws nothing of infinite ends', function()
    exec([[CREATE OR REPLACE TEMP TABLE t AS SELECT unnest(['nan', '1', '3']::DOUBLE[]) AS v,
      unnest(['1', 'inf', '2']::DOUBLE[]) AS w]])
    local c = describe_rows('t')
    assert.same({ 1, 2, 1, 3 }, { tonumber(c.v.nans), c.v.mean, c.v.low, c.v.high })
    assert.same({ math.huge, math.huge, 0 }, { c.w.high, c.w.mean, c.w.n_bins })
  end)

  it('ranks texts by how often they came, equal ones by their bytes', function()
    exec([[CREATE OR REPLACE TEMP TABLE t AS SELECT unnest(['b', 'a', 'c', 'c', NULL]) AS s]])
    local c = describe_rows('t', { top = 2 }).s
    assert.same({ 'c=2', 'a=1' }, top(c))
    assert.is_true(c.top_exact)
    assert.same({ 'a', 'c' }, { ffi.string(c.min), ffi.string(c.max) })
  end)

  it('finds frequent texts among more than it keeps, and says that it forgot some', function()
    exec([[CREATE OR REPLACE TEMP TABLE t AS
      SELECT CASE WHEN i % 4 = 0 THEN 'often' ELSE 'rare ' || i END AS s FROM range(60000) r(i)]])
    local c = describe_rows('t').s
    assert.equal('often=15000', top(c)[1])
    assert.is_false(c.top_exact)
    assert.is_near(45001, tonumber(c.distinct), 45001 * 0.02)
  end)

  it('cuts long texts within no character', function()
    exec([[CREATE OR REPLACE TEMP TABLE t AS SELECT repeat('x', 199) || 'éa' AS s]])
    assert.same({ ('x'):rep(199) .. '=1' }, top(describe_rows('t').s))
  end)

  describe('by day', function()
    setup(function()
      exec([[CREATE OR REPLACE TEMP TABLE days AS SELECT '2024-01-0' || (1 + i // 100) AS ds,
        i % 100 + (i // 100) * 10 AS v, i % 7 AS same, 's' AS s FROM range(300) r(i)]])
    end)

    it('takes those asked for', function()
      for _, case in ipairs({ { {}, 300 }, { { start_ds = '2024-01-02' }, 200 }, { { end_ds = '2024-01-01' }, 100 },
        { { start_ds = '2024-01-02', end_ds = '2024-01-02' }, 100 }, { { baseline = '2024-01-01' }, 200 } }) do
        local columns, all = describe_rows('days', case[1])
        assert.equal(case[2], tonumber(all.rows))
        assert.equal(case[2], tonumber(columns.v.rows))
        assert.equal(case[1].baseline and 100 or 0, tonumber(all.baseline_rows))
      end
    end)

    it('measures drift as PSI and L-infinity of both sketches', function()
      local c = describe_rows('days', { start_ds = '2024-01-03', end_ds = '2024-01-03', baseline = '2024-01-01' })
      local sketches = {}
      for i = 1, 2 do
        sketches[i] = ffi.gc(C.agg_kll_new(128), C.agg_kll_free)
        for v = 0, 99 do C.agg_kll_update(sketches[i], v + (i - 1) * 20) end
      end
      assert.equal(C.agg_drift_psi(sketches[1], sketches[2]), c.v.psi)
      assert.is_near(0.2, c.v.linf, 1e-9)
      assert.is_true(c.same.linf < 0.04)
      assert.is_true(c.s.psi ~= c.s.psi)
    end)

    it('is 0 since itself', function()
      local c = describe_rows('days', { end_ds = '2024-01-01', baseline = '2024-01-01' })
      assert.same({ 0, 0 }, { c.v.psi, c.v.linf })
    end)
  end)

  it('says what it cannot do', function()
    exec([[CREATE OR REPLACE TEMP TABLE t AS SELECT 1 AS price, 2 AS ts]])
    exec([[CREATE OR REPLACE TEMP TABLE d AS SELECT 1 AS price, DATE '2024-01-01' AS ds]])
    for why, ask in pairs({
      ['t has no column prise (did you mean price?)'] = { 't', { columns = { 'prise' } } },
      ['t has no column ds, so no days can be chosen of it'] = { 't', { baseline = '2024-01-01' } },
      ['"2024-1-1" is not a date of the form yyyy-MM-dd'] = { 'd', { start_ds = '2024-1-1' } },
      ['d has no rows of the baseline 2023-12-31'] = { 'd', { baseline = '2023-12-31' } },
    }) do
      assert.error_matches(function() describe_rows(ask[1], ask[2]) end, why, 1, true)
    end
    assert.equal(1, tonumber(select(2, describe_rows('d', { start_ds = '2024-01-01' })).rows))
  end)
end)
