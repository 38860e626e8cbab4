-- A folder of compiled definitions without teams.json, as one copies them from Chronon's repo.
local program = require('spec.support.program')

local JOIN = 'joins/shop/training_set.v1'

describe('chronon run in a folder without teams.json', function()
  local dir, copy

  before_each(function()
    dir, copy = program.folder(), program.folder()
    assert.equal(0, program.run({ 'init', dir, '-q' }).code)
    assert.equal(0, program.run({ 'compile', '--all' }, { cwd = dir }).code)
    assert.equal(0, program.shell(('cp -r %s/production/. %s/data %s'):format(dir, dir, copy)))
  end)
  after_each(function()
    program.remove(dir)
    program.remove(copy)
  end)

  local function backfill(o, ...)
    return program.run({
      'run', '--mode', 'backfill', '--ds', '2024-01-14', '--warehouse', copy .. '/w',
      '--table', 'raw.purchases=' .. copy .. '/data/purchases.csv',
      '--table', 'raw.visits=' .. copy .. '/data/visits.csv', ...,
    }, o)
  end

  it('takes the working folder for the repo', function()
    local r = backfill({ cwd = copy }, '--conf', JOIN)
    assert.equal('', r.code == 0 and '' or r.err)
    assert.matches('24 rows in 7 partitions', r.out, 1, true)
  end)

  it('takes the folder that --repo names, and a file from anywhere', function()
    assert.equal(0, backfill({ cwd = '/' }, '--repo', copy, '--conf', JOIN).code)
    local again = backfill({ cwd = '/' }, '--conf', copy .. '/' .. JOIN)
    assert.matches('nothing to do', again.out, 1, true)
  end)

  it('does not take a folder that is not there', function()
    local r = backfill({ cwd = copy }, '--repo', copy .. '/elsewhere', '--conf', JOIN)
    assert.equal(1, r.code)
    assert.matches('elsewhere: no teams.json there', r.err, 1, true)
  end)

  it('says what a folder without the definition lacks', function()
    local r = backfill({ cwd = copy }, '--conf', 'joins/shop/training_sets.v1')
    assert.equal(1, r.code)
    assert.matches('did you mean joins/shop/training_set.v1', r.err, 1, true)
  end)
end)
