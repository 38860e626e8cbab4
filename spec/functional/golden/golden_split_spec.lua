--- The joins of spec/golden in steps: the bootstrap table, the table of each part, then the output,
--- which must be that of a whole backfill.
local golden = require('spec.support.golden')
local weak = require('spec.support.golden_weak')

local CASES = {
  'join_bootstrap', 'join_bootstrap_derived', 'join_chained', 'join_derivations', 'join_derivations_nowild',
  'join_entity_mutations', 'join_entity_snapshot', 'join_external', 'join_external_offline', 'join_gb_derivations',
  'join_holes', 'join_left_entities', 'join_mixed', 'join_skew', 'join_snapshot', 'join_steps', 'join_temporal',
  'join_temporal_multi',
}

--- The names that --selected-join-parts takes.
local function parts_of(conf)
  local names = {}
  for _, part in ipairs(conf.joinParts or {}) do
    local name = part.groupBy.metaData.name:gsub('[^%w_]', '_')
    names[#names + 1] = (part.prefix and part.prefix .. '_' or '') .. name
  end
  for _, part in ipairs(conf.onlineExternalParts or {}) do
    if part.source.offlineGroupBy then
      local name = part.source.metadata.name:gsub('[^%w_]', '_')
      names[#names + 1] = 'ext_' .. (part.prefix and part.prefix .. '_' or '') .. name
    end
  end
  return names
end

local function run(case, step, warehouse, mode, more)
  local copy = {}
  for k, v in pairs(step) do copy[k] = v end
  copy.kind, copy.more = mode, more
  local ok, text = golden.run(case, copy, warehouse)
  assert.is_true(ok, text)
end

describe('golden in steps', function()
  for _, name in ipairs(CASES) do
    for _, cached in ipairs({ true, false }) do
      it(name .. (cached and '' or ', all parts at once from the left source'), function()
        local case = golden.case(name)
        local warehouse = os.tmpname()
        os.remove(warehouse)
        finally(function() os.execute('rm -rf ' .. warehouse) end)
        for _, step in ipairs(case.steps) do
          run(case, step, warehouse, 'backfill-left')
          local parts = parts_of(golden.conf(case, step))
          if not cached then parts = { table.concat(parts, ',') } end
          for i = #parts, 1, -1 do
            run(case, step, warehouse, 'backfill',
              '--selected-join-parts ' .. parts[i] .. (cached and ' --use-cached-left' or ''))
          end
          run(case, step, warehouse, 'backfill-final')
          local function same(...) return weak.same(case, ...) end
          assert.equal('', table.concat(golden.compare(case, step, warehouse, same), '\n'))
        end
      end)
    end
  end
end)
