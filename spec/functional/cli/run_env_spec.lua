--- What a definition and teams.json say for a run, in run.py's order: the process's environment, the
--- definition's env, the team's --env, its production, default's production, common_env. It shows in
--- how many steps a dry run has: CHRONON_CONFIG_ADDITIONAL_ARGS carries --step-days.
local json = require('dkjson')
local program = require('spec.support.program')
local repo_of = require('spec.support.batch_repo')

local ADDITIONAL = 'CHRONON_CONFIG_ADDITIONAL_ARGS'
local SQ = 'staging_queries/t/s.v1'
local repo

local function conf(meta)
  meta.team = 't'
  repo:conf(SQ, { metaData = meta, startPartition = '2024-01-01', setups = {},
    query = "SELECT 1 AS one, '{{ start_date }}' AS ds" })
end

local function teams(t) program.write(repo.folder .. '/teams.json', json.encode(t)) end

local function days(n) return { [ADDITIONAL] = '--step-days ' .. n } end

local function run(words, env, mode)
  local args = { 'run', '--mode', mode or 'backfill', '--conf', 'production/' .. SQ, '--ds', '2024-01-12', '--dry-run',
    '-o', 'csv', '--repo', repo.folder, '--warehouse', repo.warehouse }
  for _, word in ipairs(words or {}) do args[#args + 1] = word end
  return program.run(args, { env = env })
end

local function steps(...)
  local r = run(...)
  if r.code ~= 0 then error(r.err, 2) end
  return select(2, r.out:gsub('\n', '')) - 1
end

describe('the environment of a run', function()
  before_each(function() repo = repo_of.new() end)
  after_each(function() repo:remove() end)

  it('is layered as run.py layers it', function()
    local default = { namespace = 'ns', common_env = days(12) }
    local own = setmetatable({}, { __jsontype = 'object' })
    conf({})
    teams({ default = default, t = own })
    assert.equal(1, steps())
    default.production = { backfill = days(6) }
    teams({ default = default, t = own })
    assert.equal(2, steps())
    own.production = { backfill = days(4), upload = days(1) }
    teams({ default = default, t = own })
    assert.equal(3, steps())
    own.dev = { backfill = days(3) }
    own.test = { backfill = days(1) }
    teams({ default = default, t = own })
    assert.equal(4, steps())
    assert.equal(12, steps({ '--env', 'test' }))
    assert.equal(3, steps({ '--env', 'production' }))
    conf({ modeToEnvMap = { backfill = days(2), upload = days(5) } })
    assert.equal(6, steps())
    assert.equal(12, steps(nil, days(1)))
    assert.equal(1, steps({ '--step-days', '30' }, days(1)))
    assert.equal(1, steps(nil, { [ADDITIONAL] = '' })) -- set and empty: none
  end)

  it('takes additional_args of the definition where no layer says them', function()
    conf({ customJson = json.encode({ additional_args = { '--step-days 4', '--run-first-hole' } }) })
    assert.equal(3, steps())
    assert.matches("note: --step-days 4 --run-first-hole of the definition's additional_args", run().err, 1, true)
    conf({ customJson = json.encode({ additional_args = '--step-days 6' }) })
    assert.equal(2, steps())
    conf({ customJson = json.encode({ additional_args = '--step-days 6' }), modeToEnvMap = { backfill = days(12) } })
    assert.equal(1, steps())
  end)

  it('gives options their variables', function()
    conf({ modeToEnvMap = { backfill = { CHRONON_OUTPUT = 'json', CHRONON_THREADS = 'many' } } })
    local r = run()
    assert.equal(2, r.code)
    assert.matches('--threads "many"', r.err, 1, true)
    assert.equal(0, run(nil, { CHRONON_THREADS = '1' }).code)
  end)

  it('says whose words it cannot take', function()
    conf({ customJson = json.encode({ additional_args = { '--stepdays 4' } }) })
    local r = run()
    assert.equal(2, r.code)
    assert.matches("the definition's additional_args", r.err, 1, true)
    assert.matches('unknown option --stepdays (did you mean --step-days?)', r.err, 1, true)
    assert.equal(0, run(nil, { [ADDITIONAL] = '' }).code)
  end)

  it('refuses another partition column or format for all tables', function()
    conf({})
    teams({ default = { namespace = 'ns', common_env = { PARTITION_COLUMN = 'ds', PARTITION_FORMAT = 'yyyy-MM-dd' } } })
    assert.equal(0, run().code)
    teams({ default = { namespace = 'ns', common_env = { PARTITION_COLUMN = 'day' } } })
    local r = run()
    assert.equal(2, r.code)
    assert.matches('PARTITION_COLUMN is "day" in teams.json: tables are written by ds here', r.err, 1, true)
    assert.matches('PARTITION_FORMAT is "yyyyMMdd" in the environment', run(nil, { PARTITION_COLUMN = 'ds',
      PARTITION_FORMAT = 'yyyyMMdd' }).err, 1, true)
  end)

  it("takes the names of Chronon's driver", function()
    conf({})
    local r = program.run({ 'run', '--conf-path=production/' .. SQ, '--end-date=2024-01-12', '--dry-run', '-o', 'csv',
      '--start-partition-override=2024-01-11', '--step-days=1', '--local-warehouse-location', repo.warehouse,
      '--repo', repo.folder, '--use-delta-catalog' })
    assert.equal('start_ds,end_ds\n2024-01-11,2024-01-11\n2024-01-12,2024-01-12\n', r.out)
    assert.matches('note: --use-delta-catalog is ignored', r.err, 1, true)
  end)
end)
