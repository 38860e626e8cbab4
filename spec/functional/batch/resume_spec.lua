--- What happens to a GroupBy's table between two runs: holes, failures, kills. Old partitions stay
--- readable whatever goes wrong.
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')

local q = program.quote
local COLUMNS = 'id BIGINT, v BIGINT, s VARCHAR, ts BIGINT, ds VARCHAR'

--- Events of ten days, 2024-03-01 to 10.
local function events(skip)
  local list = {}
  for d = 1, 10 do
    local ds = ('2024-03-%02d'):format(d)
    for i = 1, d ~= skip and 6 or 0 do
      list[#list + 1] = { i % 3, d * 10 + i, 's' .. i, repo.ms(ds) + i * 3600000, ds }
    end
  end
  return repo.values(COLUMNS, list)
end

local function object(t) return setmetatable(t, { __jsontype = 'object' }) end

local function definition(o)
  o = o or {}
  local query = { selects = { id = 'id', v = o.v or 'v', s = 's' }, timeColumn = 'ts',
    setups = setmetatable({}, { __jsontype = 'array' }) }
  return { metaData = { team = 't' }, keyColumns = { 'id' }, accuracy = 1, backfillStartDate = '2024-03-03',
    sources = { { events = { table = o.table or 'src.events', isCumulative = 0, query = query } } },
    aggregations = { { inputColumn = o.input or 'v', operation = 7, argMap = object({}),
      windows = { { length = 2, timeUnit = 1 } } } } }
end

describe('a table of a GroupBy', function()
  local r

  before_each(function()
    r = repo.new()
    r:table('src.events', events())
    r:conf('sums', definition())
  end)
  after_each(function() r:remove() end)

  local function days(name)
    local list = {}
    for _, row in ipairs((r:read('SELECT DISTINCT ds FROM ns.' .. name .. ' ORDER BY ds', { 'ns.' .. name }))) do
      list[#list + 1] = row.ds:sub(9)
    end
    return table.concat(list, ' ')
  end

  local function content(name)
    local lines = {}
    local list = r:read(('SELECT * FROM ns.%s ORDER BY ds, id'):format(name), { 'ns.' .. name })
    for i, row in ipairs(list) do lines[i] = ('%s %s %s'):format(row.ds, rows.text(row.id), rows.text(row.v_sum_2d)) end
    return table.concat(lines, '\n')
  end

  local function drop(day) program.remove(('%s/ns/sums/ds=2024-03-%s'):format(r.warehouse, day)) end

  it('gets its holes filled, and not what was before its first day', function()
    r:succeed('backfill', 'sums', '2024-03-08')
    local whole = content('sums')
    assert.equal('03 04 05 06 07 08', days('sums'))
    drop('03')
    drop('06')
    r:succeed('backfill', 'sums', '2024-03-08')
    assert.equal('04 05 06 07 08', days('sums'))
    r:succeed('backfill', 'sums', '2024-03-08', { '--run-first-hole' })
    assert.equal(whole, content('sums'))
    assert.is_truthy(r:succeed('backfill', 'sums', '2024-03-08').out:find('nothing to do', 1, true))
  end)

  it('starts at --start-ds and has the same values by any --step-days', function()
    r:succeed('backfill', 'sums', '2024-03-09', { '--start-ds', '2024-03-06' })
    assert.equal('06 07 08 09', days('sums'))
    r:succeed('backfill', 'sums', '2024-03-09', { '--run-first-hole', '--step-days', '1' })
    local stepped = content('sums')
    program.remove(r.warehouse)
    r:succeed('backfill', 'sums', '2024-03-09', { '--step-days', '2' })
    assert.equal(stepped, content('sums'))
  end)

  it('does not appear by a dry run, which tells the steps', function()
    local told = r:succeed('backfill', 'sums', '2024-03-08', { '--dry-run', '--step-days', '4' })
    assert.is_truthy((told.out .. told.err):find('2024%-03%-03.*2024%-03%-06'), told.out .. told.err)
    assert.is_truthy((told.out .. told.err):find('2024%-03%-07.*2024%-03%-08'), told.out .. told.err)
    assert.is_false(program.shell('test -e ' .. q(r.warehouse .. '/ns/sums')) == 0)
  end)

  it('skips days that its source lacks', function()
    r:table('src.events', events(5))
    r:succeed('backfill', 'sums', '2024-03-08')
    assert.equal('03 04 06 07 08', days('sums'))
  end)

  --- Breaks the definition after some days were written, and runs it for more.
  local function survives(conf, words)
    r:succeed('backfill', 'sums', '2024-03-05')
    local before = content('sums')
    r:conf('sums', conf)
    local failed = r:run('backfill', 'sums', '2024-03-08')
    assert.equal(1, failed.code)
    for _, word in ipairs(words) do
      assert.is_truthy(failed.err:find(word, 1, true), word .. ' is not in: ' .. failed.err)
    end
    assert.equal(before, content('sums'))
    r:conf('sums', definition())
    r:succeed('backfill', 'sums', '2024-03-08')
    assert.equal('03 04 05 06 07 08', days('sums'))
  end

  it('survives a source table that is not there', function()
    survives(definition({ table = 'src.event' }), { 'sums', 'src.event', 'did you mean', 'src.events' })
  end)
  it('survives an expression that is no SQL', function()
    survives(definition({ v = 'v + (' }), { 'sums', 'v + (', 'src.events' })
  end)
  it('survives an expression of a column that is not there', function()
    survives(definition({ v = 'w * 2' }), { 'sums', 'w', 'src.events' })
  end)
  it('survives an operation that its input does not have', function()
    survives(definition({ input = 's' }), { 'sums', 's', 'SUM', 'incompatible' })
  end)
  it('survives a type that is not its own', function()
    survives(definition({ v = 'CAST(v AS DOUBLE)' }), { 'sums', 'v_sum_2d', 'cannot be modified' })
  end)

  local function command(ds, before)
    local words = { before, q(program.bin), 'run --mode backfill --step-days 1 --conf',
      q(r.folder .. '/production/sums'), '--ds', ds, '--warehouse', q(r.warehouse),
      '--repo', q(r.folder), '--table', q('src.events=' .. r.paths['src.events']) }
    return table.concat(words, ' ')
  end

  it('survives a disk that takes no more', function()
    r:succeed('backfill', 'sums', '2024-03-05')
    local before = content('sums')
    -- Nothing can be written to a file; pipes still can.
    local said = r.folder .. '/said'
    program.shell(("(trap '' XFSZ; ulimit -f 0; %s 2>&1; echo code:$?) | cat >%s"):format(command('2024-03-08', ''), q(said)))
    local text = program.read(said)
    assert.is_nil(text:find('step 2 of', 1, true), 'a full disk ends the job: ' .. text)
    assert.is_truthy(text:find('code:1\n', 1, true), text)
    assert.is_truthy(text:find('ns.sums', 1, true), text)
    assert.is_truthy(text:find('File too large', 1, true), text)
    assert.equal(before, content('sums'))
    r:succeed('backfill', 'sums', '2024-03-08')
    assert.equal('03 04 05 06 07 08', days('sums'))
  end)

  it('is whole after kills at any instant', function()
    r:succeed('backfill', 'sums', '2024-03-10', { '--step-days', '1' })
    local whole = content('sums')
    local random, the_seed = seed.random('resume')
    program.remove(r.warehouse .. '/ns/sums')
    for kill = 1, 12 do
      program.shell(command('2024-03-10', ('timeout -s KILL %.3f'):format(random(20, 400) / 1000)) .. ' >/dev/null 2>&1')
      if program.shell('test -e ' .. q(r.warehouse .. '/ns/sums/_chronon.json')) == 0 then
        -- Whatever days are there are right.
        for line in content('sums'):gmatch('[^\n]+') do
          assert.is_truthy(whole:find(line, 1, true), ('seed %d, kill %d: %s'):format(the_seed, kill, line))
        end
      end
    end
    r:succeed('backfill', 'sums', '2024-03-10', { '--run-first-hole' })
    assert.equal(whole, content('sums'))
  end)
end)
