-- Upstream crashes on element-wise aggregations over events, so the golden case has no rows to compare:
-- here its values are computed a second time, by SQL over the same table.
local cdef = require('spec.support.cdef')
local golden = require('spec.support.golden')
local rows = require('spec.support.rows')
local C = cdef.load('warehouse/warehouse.h')

local DAYS = [[SELECT CAST(d AS DATE)::VARCHAR AS ds, epoch_ms(CAST(d AS TIMESTAMP) + INTERVAL 1 DAY) AS upto
  FROM range(DATE '2024-01-28', DATE '2024-02-09', INTERVAL 1 DAY) AS t(d)]]

--- Position by position: `fold` of the elements whose rows are at most `days` old at the end of ds.
local function folded(fold, days)
  return ([[(SELECT list(v ORDER BY pos) FROM (SELECT pos, %s AS v FROM data.ev e, range(1, len(e.vec) + 1) AS p(pos)
    WHERE e.user_id IS NOT DISTINCT FROM k.user_id AND e.ts < k.upto %s GROUP BY pos))]]):format(fold,
    days and ('AND e.ts >= k.upto - %d'):format(days * 86400000) or '')
end

local COLUMNS = {
  { 'vec_sum_1d', 'sum(e.vec[pos])', 1 }, { 'vec_sum_7d', 'sum(e.vec[pos])', 7 },
  { 'vec_average_1d', 'avg(e.vec[pos])', 1 }, { 'vec_average_7d', 'avg(e.vec[pos])', 7 },
  { 'vec_max', 'max(e.vec[pos])' },
}

describe('golden gb_elementwise', function()
  it('has the values of SQL over the same rows', function()
    local case = golden.case('gb_elementwise')
    local warehouse = os.tmpname()
    os.remove(warehouse)
    finally(function() os.execute('rm -rf ' .. warehouse) end)
    local ok, text = golden.run(case, case.steps[1], warehouse)
    assert.is_true(ok, text)
    local wh, keep = rows.open(warehouse, case.table_paths)
    for _, name in ipairs({ 'golden_ns.golden_gb_elementwise_v1', 'data.ev' }) do
      cdef.check(C.wh_use, wh, name)
    end
    local selects, nulls = {}, {}
    for i, c in ipairs(COLUMNS) do
      selects[i], nulls[i] = folded(c[2], c[3]) .. ' AS ' .. c[1], c[1] .. ' IS NOT NULL'
    end
    local want = rows.read(wh, ([[SELECT * FROM (SELECT k.user_id, k.ds, %s
      FROM (SELECT DISTINCT user_id, d.* FROM data.ev, (%s) d WHERE user_id IS NOT NULL) k)
      WHERE %s ORDER BY user_id, ds]]):format(table.concat(selects, ', '), DAYS, table.concat(nulls, ' OR ')))
    local got = rows.read(wh, 'SELECT * FROM golden_ns.golden_gb_elementwise_v1 ORDER BY user_id, ds')
    assert.is_true(#want > 50, #want .. ' rows')
    assert.equal(#want, #got)
    for i, row in ipairs(want) do
      for name, v in pairs(row) do
        assert.is_true(rows.equal(v, got[i][name]), ('%s of %s on %s: want %s, got %s'):format(name,
          rows.text(row.user_id), row.ds, rows.text(v), rows.text(got[i][name])))
      end
    end
    assert.is_truthy(keep)
  end)
end)
