--- What a new user meets who takes the steps in another order: each message says the way out.
local program = require('spec.support.program')

describe('a step too early', function()
  local dir, repo
  setup(function()
    dir = program.folder()
    repo = dir .. '/flights'
    assert(program.shell(('mkdir %s && cp -r definitions/teams.json definitions/*s %s && ln -s "$PWD/definitions/data" %s/data')
      :format(repo, repo, repo)) == 0)
  end)
  teardown(function() program.remove(dir) end)

  local function err_of(...)
    local r = program.run({ ... }, { cwd = repo })
    assert.equal(1, r.code)
    return r.err
  end

  it('loads a file instead of a definition: the name lacks its variable', function()
    assert.matches('no definition is called flights.planes (did you mean flights.planes.VARIABLE?)',
      err_of('repl', '-c', 'load "flights.planes"'), 1, true)
  end)

  it('reads a table whose definition has not run: the definition is named', function()
    assert.equal(0, program.run({ 'compile', '--all' }, { cwd = repo }).code)
    local way = 'table nyc.flights_schedule_v1 does not exist yet: '
      .. '`chronon run --conf production/staging_queries/flights/schedule.v1` makes it\n'
    assert.equal('chronon: join flights.training_set.v1: ' .. way,
      err_of('run', '--conf', 'production/joins/flights/training_set.v1', '--ds', '2013-12-24'))
    assert.equal('chronon: ' .. way, err_of('sql', 'SELECT * FROM nyc.flights_schedule_v1'))
  end)

  it('reads the table of a staging query that a GroupBy shares its name with', function()
    assert.matches('table nyc.flights_planes_v1 does not exist yet: '
      .. '`chronon run --conf production/staging_queries/flights/planes.v1` makes it\n',
      err_of('run', '--mode', 'upload', '--conf', 'production/group_bys/flights/planes.v1', '--ds', '2013-06-30'), 1, true)
  end)

  it('reads a table that no definition makes: it is told as it was', function()
    assert.matches('table nyc.nothing_like_that does not exist: neither a --table gives its path nor is there a folder ',
      err_of('sql', 'SELECT * FROM nyc.nothing_like_that'), 1, true)
  end)

  it('compares a GroupBy, which only a Join can', function()
    assert.matches('compare is of a Join, and this is a GroupBy; a Join that has it as a part can do it',
      err_of('repl', '-c', 'load("flights.planes.v1"):compare({ tailnum = "N14228" }, 1)'), 1, true)
  end)

  it('lists tables outside of a repo', function()
    local r = program.run({ 'tables' }, { cwd = dir })
    assert.equal(0, r.code)
    assert.matches('this is no repo: there is no teams.json here or above', r.err, 1, true)
  end)

  it('lists tables as a list, without paths where these are too wide', function()
    local function list(width, ...)
      return program.run({ 'tables', ... }, { cwd = repo, env = { COLUMNS = width } }).out
    end
    assert.matches('^table +kind +columns +partitions +first_ds +last_ds +path\n', list('120'))
    assert.matches('^table +kind +columns +partitions +first_ds +last_ds\nraw.airports ', list('80'))
    assert.matches('^table,kind,columns,partitions,first_ds,last_ds,path\n', list('80', '-o', 'csv'))
  end)
end)
