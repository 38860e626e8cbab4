--- A backfill that is killed at any instant loses nothing and leaves nothing half-written.
local duck = require('spec.support.duck')
local flights = require('spec.support.flights')
local program = require('spec.support.program')
local seed = require('spec.support.seed')

local FIRST, LAST, STAGED = '2013-02-04', '2013-02-09', '2013-01-03'
local CONF = 'joins/flights/training_set.v1'
local KILLS = 20
local q = program.quote

describe('a backfill that is killed', function()
  local repo, db, whole, killed
  local random, the_seed = seed.random('flights kill')

  local function output(command)
    local f = assert(io.popen(command))
    local text = f:read('*a')
    f:close()
    return text
  end

  local function now() return tonumber(output('date +%s%N')) / 1e9 end

  local function rows(sql, ...)
    local found, err = db:run(sql:format(...))
    if not found then error(err, 2) end
    return found
  end

  local function arguments(warehouse)
    return repo:backfill(CONF, FIRST, LAST, warehouse, '--step-days', '2')
  end

  --- Starts a run and kills it after so many seconds. Returns true when it ended by itself before.
  local function run_for(seconds)
    local words = { ('timeout -s KILL %.3f'):format(seconds), q(program.bin) }
    for _, a in ipairs(arguments(killed)) do words[#words + 1] = q(a) end
    return program.shell(table.concat(words, ' ') .. ' >/dev/null 2>&1 </dev/null') == 0
  end

  local function partitions(warehouse)
    local listing = output(('ls -d %s/nyc/flights_training_set_v1/ds=* 2>/dev/null'):format(q(warehouse)))
    local list = {}
    for ds in listing:gmatch('ds=([^\n]*)') do list[#list + 1] = ds end
    return list
  end

  --- Rows of the killed table that the undisturbed one lacks, or the other way round, on those days.
  local function differences(days)
    local condition = ("ds IN ('%s')"):format(table.concat(days, "', '"))
    local a = ('SELECT * FROM %s WHERE %s'):format(repo:table('training_set', whole), condition)
    local b = ('SELECT * FROM %s WHERE %s'):format(repo:table('training_set', killed), condition)
    return rows([[SELECT (SELECT count(*) FROM (%s EXCEPT ALL %s)), (SELECT count(*) FROM (%s EXCEPT ALL %s))]],
      a, b, b, a)[1]
  end

  setup(function()
    repo = flights.new()
    repo:stage(STAGED, LAST)
    whole, killed = repo.warehouse, repo.folder .. '/killed'
    -- What is staged is read by both, written by none.
    assert(program.shell(('mkdir %s && cp -r %s/nyc %s/nyc'):format(q(killed), q(whole), q(killed))) == 0)
    db = duck.open()
  end)

  teardown(function()
    if db then db:close() end
    if repo then repo:remove() end
  end)

  it('shows whole days only, and ends as if nothing had happened', function()
    local started = now()
    repo:succeed(arguments(whole))
    local full = now() - started

    local days = partitions(whole)
    assert.equal(6, #days)
    local kills = 0
    while kills < KILLS do
      -- From before the first write to after the last; a run that got through starts again from none.
      if run_for(full * random(20, 1050) / 1000) then
        program.remove(killed .. '/nyc/flights_training_set_v1')
      else
        kills = kills + 1
        local left = partitions(killed)
        if #left > 0 then
          assert.same({ '0', '0' }, differences(left), ('seed %d, kill %d'):format(the_seed, kills))
        end
        if #left == #days then program.remove(killed .. '/nyc/flights_training_set_v1') end
      end
    end
    repo:succeed(arguments(killed))
    assert.same(days, partitions(killed))
    assert.same({ '0', '0' }, differences(days))

    -- The last run has cleared what the killed ones left behind.
    assert.equal(output('ls -A ' .. q(whole) .. '/nyc'), output('ls -A ' .. q(killed) .. '/nyc'))
  end)
end)
