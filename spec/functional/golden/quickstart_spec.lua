-- The public quickstart as the real Chronon ran it, where its folder lies beside the project or is
-- named by CHRONON_QUICKSTART: the tables are not copied here. No teams.json lies in it.
local fetch = require('spec.support.golden_fetch')
local golden = require('spec.support.golden')
local upload = require('spec.support.golden_upload')

local root = (os.getenv('CHRONON_QUICKSTART') or '../shared/quickstart') .. '/'
local found = io.open(root .. 'quickstart/case.json')
if not found then return end
found:close()

describe('golden, the quickstart', function()
  local usual = golden.root
  local case, warehouse

  before_each(function()
    golden.root = root
    case = golden.case('quickstart')
    warehouse = os.tmpname()
    os.remove(warehouse)
  end)
  after_each(function()
    golden.root = usual
    os.execute('rm -rf ' .. warehouse)
  end)

  local compare = { join = golden.compare, upload = upload.compare }

  it('backfills and uploads', function()
    local n = 0
    for _, step in ipairs(case.steps) do
      if compare[step.kind] then
        local ok, text = golden.run(case, step, warehouse)
        assert.is_true(ok, text)
        assert.equal('', table.concat(compare[step.kind](case, step, warehouse), '\n'))
        n = n + 1
      end
    end
    assert.equal(4, n)
  end)

  it('fetches', function()
    local lines, n = fetch.run(case, case.steps[5], warehouse)
    assert.equal('', table.concat(lines, '\n', 1, math.min(#lines, 12)))
    assert.equal(60, n)
  end)
end)
