--- A join's backfill in steps: what each writes, what is archived when the definition changes, and
--- what is said when a step is missing. The values are those of spec/functional/golden/golden_split_spec.lua.
local program = require('spec.support.program')

local PART = 'shop_spending_v1'
local TABLE = 'shop.shop_training_set_v1'

local function shop()
  local folder = program.folder()
  assert.equal(0, program.run({ 'init', folder .. '/shop' }).code)
  return folder .. '/shop', folder
end

local function run(repo, ...)
  local made = program.run({ 'compile', '--all', '--force-overwrite' }, { cwd = repo })
  assert.equal(0, made.code, made.err)
  return program.run({ 'run', '--conf', 'production/joins/shop/training_set.v1', '--ds', '2024-01-14', ... },
    { cwd = repo })
end

local function steps(repo)
  for _, r in ipairs({ run(repo, '--mode', 'backfill-left'),
    run(repo, '--selected-join-parts', PART, '--use-cached-left'), run(repo, '--mode', 'backfill-final') }) do
    assert.equal(0, r.code, r.err)
  end
end

local function edit(repo, file, from, to)
  local text = program.read(repo .. file)
  local at = text:find(from, 1, true)
  assert.is_truthy(at, file .. ' has no ' .. from)
  program.write(repo .. file, text:sub(1, at - 1) .. to .. text:sub(at + #from))
end

--- Which of the join's tables were archived.
local function archived(repo)
  local text = program.run({ 'tables', '--output', 'json' }, { cwd = repo }).out
  local out = {}
  for name in text:gmatch('"(shop%.[%w_]+)_20%d%d%d%d%d%d%d%d%d%d%d%d"') do out[#out + 1] = name end
  table.sort(out)
  return out
end

describe('a join in steps', function()
  local repo, folder
  before_each(function() repo, folder = shop() end)
  after_each(function() program.remove(folder) end)

  it('says which step is missing', function()
    local r = run(repo, '--mode', 'backfill-final')
    assert.equal(1, r.code)
    assert.matches('there is no bootstrap table ' .. TABLE .. '_bootstrap; run --mode backfill-left makes it', r.err, 1,
      true)
    r = run(repo, '--selected-join-parts', PART, '--use-cached-left')
    assert.equal(1, r.code)
    assert.matches('run --mode backfill-left', r.err, 1, true)
    assert.equal(0, run(repo, '--mode', 'backfill-left').code)
    r = run(repo, '--mode', 'backfill-final')
    assert.equal(1, r.code)
    assert.matches('--selected-join-parts ' .. PART, r.err, 1, true)
  end)

  it('says which parts there are, and what options belong together', function()
    local r = run(repo, '--selected-join-parts', 'shop_spendin_v1')
    assert.equal(1, r.code)
    assert.matches('no part is named "shop_spendin_v1" (did you mean "shop_spending_v1"?); available: shop_spending_v1',
      r.err, 1, true)
    assert.equal(2, run(repo, '--use-cached-left').code)
    assert.equal(2, run(repo, '--mode', 'analyze', '--selected-join-parts', PART).code)
    r = program.run({ 'run', '--mode', 'backfill-left', '--conf', 'production/group_bys/shop/spending.v1' },
      { cwd = repo })
    assert.matches('only a join is computed in steps', r.err, 1, true)
  end)

  it('refuses a final step over days that a part lacks', function()
    assert.equal(0, run(repo, '--mode', 'backfill-left').code)
    assert.equal(0, run(repo, '--selected-join-parts', PART, '--end-ds', '2024-01-12').code)
    local r = run(repo, '--mode', 'backfill-final')
    assert.equal(1, r.code)
    assert.matches('part ' .. PART .. ': ' .. TABLE .. '_' .. PART
      .. ' lacks 2 days (2024-01-13 to 2024-01-14) that 7 left rows ask about; run --mode backfill '
      .. '--selected-join-parts ' .. PART, r.err, 1, true)
    assert.equal(0, run(repo, '--selected-join-parts', PART).code)
    assert.equal(0, run(repo, '--mode', 'backfill-final').code)
  end)

  -- Snapshots of the days from the 10th on are empty: the windows are seven days.
  for what, parallel in pairs({ ['at once'] = {}, ['in ranges'] = { '--parallelism', '2' } }) do
    it('refuses one over snapshots that were not computed, not over empty ones: ' .. what, function()
      local file = '/group_bys/shop/spending.lua'
      edit(repo, file, 'TEMPORAL,', 'SNAPSHOT,')
      edit(repo, file, 'time_column', 'wheres = { "ds < \'2024-01-04\'" }, time_column')
      assert.equal(0, run(repo, '--mode', 'backfill-left').code)
      assert.equal(0, run(repo, '--selected-join-parts', PART, '--start-ds', '2024-01-08', '--end-ds', '2024-01-12',
        unpack(parallel)).code)
      local r = run(repo, '--mode', 'backfill-final')
      assert.equal(1, r.code)
      assert.matches('_' .. PART .. ' lacks 2 days (2024-01-12 to 2024-01-13) that 7 left rows ask about', r.err, 1, true)
      assert.equal(0, run(repo, '--mode', 'backfill-final', '--end-ds', '2024-01-12').code)
      assert.equal(0, run(repo, '--selected-join-parts', PART).code)
      local meta = program.read(repo .. '/warehouse/shop/shop_training_set_v1_' .. PART .. '/_chronon.json')
      assert.matches('"chronon_empty_days": "2024-01-10..2024-01-13"', meta, 1, true)
      program.remove(repo .. '/warehouse/shop/shop_training_set_v1_' .. PART .. '/ds=2024-01-09')
      assert.equal(0, run(repo, '--mode', 'backfill-final').code) -- of the days that are missing none asks about it
      program.remove(repo .. '/warehouse/shop/shop_training_set_v1')
      r = run(repo, '--mode', 'backfill-final')
      assert.matches('lacks 1 day (2024-01-09) that', r.err, 1, true)
    end)
  end

  it('does not compute a partition twice', function()
    steps(repo)
    assert.matches('nothing to do', run(repo, '--mode', 'backfill-left').out, 1, true)
    assert.matches('nothing to do', run(repo, '--selected-join-parts', PART).out, 1, true)
    assert.matches('nothing to do', run(repo, '--mode', 'backfill-final').out, 1, true)
  end)

  it('archives all tables when the left side changes', function()
    steps(repo)
    assert.same({}, archived(repo))
    edit(repo, '/joins/shop/training_set.lua', 'time_column = "ts"', 'wheres = { "bought = 1" }, time_column = "ts"')
    assert.equal(0, run(repo, '--mode', 'backfill-left').code)
    assert.same({ TABLE, TABLE .. '_bootstrap', TABLE .. '_' .. PART }, archived(repo))
  end)

  it('archives a part and the output when the part changes', function()
    steps(repo)
    edit(repo, '/group_bys/shop/spending.lua', '"7d"', '"6d"')
    local r = run(repo, '--mode', 'backfill-final')
    assert.equal(1, r.code)
    assert.matches('another definition made ' .. TABLE .. '_' .. PART, r.err, 1, true)
    steps(repo)
    assert.same({ TABLE, TABLE .. '_' .. PART }, archived(repo))
  end)

  it('archives the tables of steps in a whole backfill too', function()
    steps(repo)
    edit(repo, '/group_bys/shop/spending.lua', '"7d"', '"6d"')
    assert.equal(0, run(repo).code)
    assert.same({ TABLE, TABLE .. '_' .. PART }, archived(repo))
  end)
end)
