--- include/chronon.h as programs use it: in C, the example of docs/, and clients/python.
local program = require('spec.support.program')
local served = require('spec.support.served')

local LIB = assert(os.getenv('CHRONON_LIB'))
if LIB:sub(1, 1) ~= '/' then LIB = os.getenv('PWD') .. '/' .. LIB end
local BIN = LIB:match('^.*/')

local function run(words)
  local list = {}
  for i, word in ipairs(words) do list[i] = program.quote(word) end
  local out = os.tmpname()
  local code = program.shell(('%s >%s 2>&1'):format(table.concat(list, ' '), out))
  local text = program.read(out)
  os.remove(out)
  return code, text
end

describe('libchronon', function()
  local data
  setup(function() data = served.new() end)
  teardown(function() data.remove() end)

  it('keeps the promises of chronon.h', function()
    assert.same({ 0, 'ok\n' }, { run { BIN .. 'api_check', data.url } })
  end)

  it('has an example that runs', function()
    assert.same({ 0, 'team_gs_v1_v_sum_7d = 8 (present)\nteam_gs_v1_v_average = 4 (present)\n'
      .. 'team_gs_v1_v_last2 = [5,3] (present)\nteam_gt_v1_v_sum_7d = 8 (present)\n'
      .. 'team_gt_v1_v_average = 4 (present)\nteam_gt_v1_v_last2 = [5,3] (present)\n' },
      { run { BIN .. 'example_fetch', data.url, 'team/j1.v1', 'uid=1' } })
    assert.equal(2, (run { BIN .. 'example_fetch', data.url }))
    local code, text = run { BIN .. 'example_fetch', data.url, 'team/none.v1', 'uid=1' }
    assert.equal(1, code)
    assert.matches('joins/team/none.v1', text, 1, true)
  end)

  -- Python is no part of the project: where there is none, nobody can be served wrongly.
  if program.shell('python3 -c "import sys; sys.exit(sys.version_info < (3, 8))" 2>/dev/null') == 0 then
    it('has a Python client', function()
      local code, text = run { 'env', 'CHRONON_LIB=' .. LIB, 'PYTHONDONTWRITEBYTECODE=1', 'python3',
        'clients/python/test_client.py', data.url, ('%d'):format(data.stop) }
      assert(code == 0, text)
      assert.matches('Ran 7 tests', text, 1, true)
    end)
  end
end)
