--- The fetch cases of spec/golden: what the real Chronon's fetcher answered.
local golden = require('spec.support.golden')
local fetch = require('spec.support.golden_fetch')

describe('golden', function()
  for name, requests in pairs({ fetch_events = 121, fetch_mutations = 24 }) do
    it(name, function()
      local case = golden.case(name)
      local warehouse = os.tmpname()
      os.remove(warehouse)
      finally(function() os.execute('rm -rf ' .. warehouse) end)
      local lines, n = fetch.run(case, case.steps[1], warehouse)
      assert.equal('', table.concat(lines, '\n', 1, math.min(#lines, 12)))
      assert.equal(requests, n)
    end)
  end
end)
