--- The upload cases of spec/golden: bytes that the real Chronon's fetcher reads, decoded.
local golden = require('spec.support.golden')
local upload = require('spec.support.golden_upload')

local CASES = {
  'upload_derivations', 'upload_entity_agg', 'upload_entity_mutations', 'upload_entity_noagg', 'upload_multikey',
  'upload_snapshot_events', 'upload_temporal_events',
}

describe('golden', function()
  for _, name in ipairs(CASES) do
    it(name, function()
      local case = golden.case(name)
      local warehouse = os.tmpname()
      os.remove(warehouse)
      finally(function() os.execute('rm -rf ' .. warehouse) end)
      for _, step in ipairs(case.steps) do
        local ok, text = golden.run(case, step, warehouse)
        assert.is_true(ok, text)
        local lines = upload.compare(case, step, warehouse)
        assert.equal('', table.concat(lines, '\n', 1, math.min(#lines, 12)))
      end
    end)
  end
end)
