--- The cases of spec/golden through the program: names, types, rows and values of the real Chronon.
local golden = require('spec.support.golden')
local rows = require('spec.support.rows')

local NULL = rows.NULL
local DAY = 86400000

--- Cases that are run; the others belong to capabilities that are not built yet and are listed in
--- docs/reference/conformance.md.
local CASES = {
  'gb_array', 'gb_array_bucket', 'gb_array_nested_null', 'gb_bucket_int', 'gb_buckets', 'gb_cumulative',
  'gb_derivations', 'gb_derivations_nowild', 'gb_elementwise', 'gb_elementwise_entity', 'gb_elementwise_ragged',
  'gb_entity_agg', 'gb_entity_noagg', 'gb_hour_window_snapshot', 'gb_incremental_steps', 'gb_map', 'gb_map_bucket',
  'gb_map_last', 'gb_multikey', 'gb_no_time_column', 'gb_ops_b', 'gb_ops_bool_avg', 'gb_ops_bool_min',
  'gb_ops_bool_unique', 'gb_ops_d', 'gb_ops_f', 'gb_ops_i', 'gb_ops_int_histogram', 'gb_ops_l', 'gb_ops_nan',
  'gb_ops_s', 'gb_ops_s_k', 'gb_ops_sh', 'gb_ops_str_sum', 'gb_partition_column', 'gb_struct', 'gb_ties',
  'gb_two_sources', 'gb_wheres', 'join_derivations', 'join_derivations_nowild', 'join_entity_snapshot',
  'join_gb_derivations', 'join_holes', 'join_left_entities', 'join_mixed', 'join_snapshot',
  'join_snapshot_no_row_ids', 'join_steps', 'join_temporal', 'join_temporal_multi', 'sq_bad_macro', 'sq_basic',
  'sq_steps', 'sq_udf',
}

--- Cases whose refusal upstream is a slip: the sensible thing is computed (docs/reference/conformance.md).
local UPSTREAM_SLIP = { gb_elementwise = true }

--- Values that upstream leaves to chance, by the weaker property that holds for both.
local weak = {}

--- A sketch's quantile and ours may differ by ranks: within 3 % of the values of that window, which
--- is the error of KLL with k = 128 at its 99th percentile (DataSketches' own figure is 2.65 %).
function weak.approx_percentile(case, column, want, got, row)
  local input, days = column:match('([%w]+)_approx_percentile_(%d+)d$')
  input = input or column:match('([%w]+)_approx_percentile$')
  if want == NULL or got == NULL or input == nil or row.user_id == NULL then return false end
  local step = case.steps[1]
  local conf = golden.conf(case, step)
  local upper = ("(epoch(CAST('%s' AS TIMESTAMP)) * 1000 + %d)"):format(row.ds, DAY)
  local lower = days and (upper .. ' - ' .. days * DAY) or '-9e18'
  local wh = rows.open(os.tmpname() .. '.wh', case.table_paths)
  require('spec.support.cdef').load('warehouse/warehouse.h').wh_use(wh, conf.sources[1].events.table, nil)
  local values = rows.read(wh, ([[SELECT CAST(%s AS FLOAT) AS v FROM %s WHERE user_id = '%s' AND %s IS NOT NULL AND
    NOT isnan(CAST(%s AS FLOAT)) AND ts >= %s AND ts < %s AND ds <= '%s' ORDER BY 1]]):format(
    input, conf.sources[1].events.table, row.user_id:gsub("'", "''"), input, input, lower, upper, step.end_date))
  local function rank(x)
    local below, upto = 0, 0
    for _, r in ipairs(values) do
      if r.v < x then below = below + 1 end
      if r.v <= x then upto = upto + 1 end
    end
    return below / #values, upto / #values
  end
  for i = 1, #want do
    local below, upto = rank(got[i])
    local theirs_below, theirs_upto = rank(want[i])
    if below - theirs_upto > 0.03 or theirs_below - upto > 0.03 then return false end
  end
  return #values >= 130
end

--- Beyond k distinct values upstream keeps what its sketch can prove frequent, down to {}: then ours
--- must hold at most k entries too.
function weak.approx_histogram_k(_, _, want, got)
  return want ~= NULL and got ~= NULL and #got <= 4
end

local function same(case)
  return function(column, want, got, row)
    for op, check in pairs(weak) do
      if column:find(op, 1, true) then return check(case, column, want, got, row) end
    end
    return false
  end
end

describe('golden', function()
  for _, name in ipairs(CASES) do
    it(name, function()
      local case = golden.case(name)
      local warehouse = os.tmpname()
      os.remove(warehouse)
      finally(function() os.execute('rm -rf ' .. warehouse) end)
      for _, step in ipairs(case.steps) do
        local ok, text = golden.run(case, step, warehouse)
        if step.expect_error and not UPSTREAM_SLIP[name] then
          assert.is_false(ok, 'upstream refuses this: ' .. (golden.expected_error(case, step) or ''))
        else
          assert.is_true(ok, text)
          if not UPSTREAM_SLIP[name] then
            assert.equal('', table.concat(golden.compare(case, step, warehouse, same(case)), '\n'))
          end
        end
      end
    end)
  end
end)
