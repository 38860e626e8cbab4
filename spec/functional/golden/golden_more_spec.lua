--- The cases of spec/golden-more through the program: made at random for what they once found.
local golden = require('spec.support.golden')
local weak = require('spec.support.golden_weak')

describe('golden-more', function()
  local usual = golden.root
  before_each(function() golden.root = 'spec/golden-more/' end)
  after_each(function() golden.root = usual end)

  golden.root = 'spec/golden-more/'
  local names = golden.names()
  golden.root = usual

  it('has cases', function() assert.is_true(#names > 0) end)

  for _, name in ipairs(names) do
    it(name, function()
      local case = golden.case(name)
      local warehouse = os.tmpname()
      os.remove(warehouse)
      finally(function() os.execute('rm -rf ' .. warehouse) end)
      for _, step in ipairs(case.steps) do
        local ok, text = golden.run(case, step, warehouse)
        assert.is_true(ok, text)
        local function same(...) return weak.same(case, ...) end
        assert.equal('', table.concat(golden.compare(case, step, warehouse, same), '\n'))
      end
    end)
  end
end)
