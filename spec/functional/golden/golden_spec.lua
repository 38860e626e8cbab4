--- The cases of spec/golden through the program: names, types, rows and values of the real Chronon.
local golden = require('spec.support.golden')
local weak = require('spec.support.golden_weak')

--- Cases that are run; the others belong to capabilities that are not built yet and are listed in
--- docs/reference/conformance.md.
local CASES = {
  'gb_array', 'gb_array_bucket', 'gb_array_nested_null', 'gb_bucket_int', 'gb_buckets', 'gb_cumulative',
  'gb_derivations', 'gb_derivations_nowild', 'gb_elementwise', 'gb_elementwise_entity',
  'gb_elementwise_ragged', 'gb_entity_agg', 'gb_entity_noagg', 'gb_hour_window_snapshot',
  'gb_incremental_mode', 'gb_incremental_steps', 'gb_map', 'gb_map_bucket', 'gb_map_last', 'gb_multikey',
  'gb_no_time_column', 'gb_ops_b', 'gb_ops_bool_avg', 'gb_ops_bool_min', 'gb_ops_bool_unique', 'gb_ops_d',
  'gb_ops_f', 'gb_ops_i', 'gb_ops_int_histogram', 'gb_ops_l', 'gb_ops_nan', 'gb_ops_s', 'gb_ops_s_k',
  'gb_ops_sh', 'gb_ops_str_sum', 'gb_partition_column', 'gb_struct', 'gb_ties', 'gb_two_sources', 'gb_wheres',
  'join_bootstrap', 'join_bootstrap_derived', 'join_chained', 'join_derivations', 'join_derivations_nowild',
  'join_entity_mutations', 'join_entity_snapshot', 'join_external', 'join_external_offline', 'join_gb_derivations', 'join_holes',
  'join_labels', 'join_labels_agg', 'join_labels_bad_row_ids', 'join_left_entities',
  'join_mixed', 'join_skew', 'join_snapshot', 'join_snapshot_no_row_ids', 'join_steps',
  'join_temporal', 'join_temporal_multi', 'sq_bad_macro', 'sq_basic', 'sq_steps', 'sq_udf',
}

--- Cases whose refusal upstream is a slip: the sensible thing is computed
--- (docs/reference/conformance.md).
local UPSTREAM_SLIP = { gb_elementwise = true }

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
            local function same(...) return weak.same(case, ...) end
            assert.equal('', table.concat(golden.compare(case, step, warehouse, same), '\n'))
          end
        end
      end
    end)
  end
end)
