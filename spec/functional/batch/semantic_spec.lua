--- A join's table never mixes two meanings: a changed definition archives it.
local program = require('spec.support.program')

local function shop()
  local folder = program.folder()
  assert.equal(0, program.run({ 'init', folder .. '/shop' }).code)
  return folder .. '/shop', folder
end

local function backfill(repo, ...)
  local made = program.run({ 'compile', '--all', '--force-overwrite' }, { cwd = repo })
  assert.equal(0, made.code, made.err)
  return program.run({
    'run', '--conf', 'production/joins/shop/training_set.v1', '--ds', '2024-01-14', ...,
  }, { cwd = repo })
end

local function edit(repo, file, from, to)
  local text = program.read(repo .. file)
  assert.is_truthy(text:find(from, 1, true), file .. ' has no ' .. from)
  local at = text:find(from, 1, true)
  program.write(repo .. file, text:sub(1, at - 1) .. to .. text:sub(at + #from))
end

local function tables(repo) return program.run({ 'tables', '--output', 'json' }, { cwd = repo }).out end

describe('a join whose definition changes', function()
  it('is archived and computed anew, and says so', function()
    local repo, folder = shop()
    finally(function() program.remove(folder) end)
    assert.equal(0, backfill(repo).code)
    assert.is_nil(tables(repo):find('training_set_v1_2%d+'))
    edit(repo, '/group_bys/shop/spending.lua', '"7d"', '"6d"')
    local second = backfill(repo)
    assert.equal(0, second.code, second.err)
    assert.is_truthy(second.err:find('is archived as shop.shop_training_set_v1_2%d+', 1))
    assert.is_truthy(tables(repo):find('shop_training_set_v1_2%d+'))
    local columns = program.run({ 'sql', '--output', 'json', 'SELECT * FROM shop.shop_training_set_v1 LIMIT 1' },
      { cwd = repo })
    assert.is_truthy(columns.out:find('_6d', 1, true), columns.out .. columns.err)
  end)

  it('is left alone by a dry run, by --unset-semantic-hash, and when nothing that matters changed', function()
    local repo, folder = shop()
    finally(function() program.remove(folder) end)
    assert.equal(0, backfill(repo).code)
    assert.is_truthy(backfill(repo).out:find('nothing to do', 1, true))
    edit(repo, '/group_bys/shop/spending.lua', '"7d"', '"6d"')
    assert.is_truthy(backfill(repo, '--dry-run').err:find('would be archived', 1, true))
    assert.equal(0, backfill(repo, '--unset-semantic-hash').code)
    assert.is_nil(tables(repo):find('training_set_v1_2%d+'))
  end)
end)
