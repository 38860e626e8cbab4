-- chronon stats: tables, outputs of definitions and kept statistics, described.
local cdef = require('spec.support.cdef')
local json = require('dkjson')
local program = require('spec.support.program')
local repo = require('spec.support.batch_repo')
local xml = require('spec.support.xml')
local C = cdef.load('base/glyph.h')

local NULL = require('spec.support.rows').NULL

describe('chronon stats', function()
  local r
  setup(function()
    r = repo.new()
    local left = {}
    for day = 1, 3 do
      for i = 1, 60 do
        left[#left + 1] = { 'u' .. i % 3, i % 5 ~= 0 and i + 10 * day or NULL, i / 4, repo.ms('2024-03-0' .. day) + i * 1000,
          '2024-03-0' .. day }
      end
    end
    r:table('data.left', repo.values('uid VARCHAR, n BIGINT, x DOUBLE, ts BIGINT, ds VARCHAR', left), 'ds')
    r:table('data.ev', repo.values('uid VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR',
      { { 'u1', 5, repo.ms('2024-03-01'), '2024-03-01' } }))
    local events = { query = { selects = { uid = 'uid', v = 'v' }, timeColumn = 'ts', setups = {} }, table = 'data.ev' }
    local group_by = { metaData = { name = 'team.g.v1', team = 'team' }, keyColumns = { 'uid' }, accuracy = 0,
      sources = { { events = events } }, aggregations = { { inputColumn = 'v', operation = 7 } } }
    r:conf('group_bys/team/g.v1', group_by)
    r:conf('joins/team/j.v1', { metaData = { name = 'team.j.v1', team = 'team' },
      left = { events = { table = 'data.left', query = { timeColumn = 'ts', selects = { uid = 'uid', n = 'n', x = 'x' },
        setups = {} } } }, joinParts = { { groupBy = group_by } } })
    r:succeed('backfill', 'joins/team/j.v1', '2024-03-03', { '--start-ds', '2024-03-01' })
  end)
  teardown(function() r:remove() end)

  local function stats(args, env)
    local words = { 'stats', '--repo', r.folder, '--warehouse', r.warehouse }
    for _, a in ipairs(args) do words[#words + 1] = a end
    for name, path in pairs(r.paths) do
      words[#words + 1] = '--table'
      words[#words + 1] = name .. '=' .. path
    end
    return program.run(words, { env = env })
  end

  local function succeed(args, env)
    local got = stats(args, env)
    if got.code ~= 0 then error(got.err, 2) end
    return got.out, got.err
  end

  local function columns(args)
    args[#args + 1] = '--output=json'
    local all = assert(json.decode((succeed(args)), 1, NULL))
    local by_name = {}
    for _, c in ipairs(all.columns) do by_name[c.column] = c end
    return by_name, all
  end

  it('describes a table', function()
    local c, all = columns({ 'data.left' })
    assert.same({ 'data.left', 'data', 180 }, { all.table, all.from, all.rows })
    assert.same({ 180, 36, 0.2, 11, 89 }, { c.n.count, c.n.nulls, c.n.null_rate, c.n.min, c.n.max })
    assert.is_near(50, c.n.mean, 1e-9)
    assert.same({ 15, 0.25 }, { c.x.max, c.x.min })
    assert.is_true(math.abs(c.x.p50 - 7.5) < 1)
    local sum = 0
    for _, bin in ipairs(c.n.histogram) do sum = sum + bin.count end
    assert.equal(144, sum)
    assert.same({ { value = 'u0', count = 60 }, { value = 'u1', count = 60 }, { value = 'u2', count = 60 } }, c.uid.top)
    assert.equal(3, c.uid.distinct_approx)
    assert.equal(NULL, c.uid.mean)
    assert.is_nil(c.n.psi)
  end)

  it('describes the output of a definition by each of its names', function()
    for _, name in ipairs({ 'team/j.v1', 'team.j.v1', 'joins/team/j.v1', 'production/joins/team/j.v1', 'ns.team_j_v1' }) do
      local _, all = columns({ name, '-c', 'n' })
      assert.same({ 'ns.team_j_v1', 180, 1 }, { all.table, all.rows, #all.columns })
    end
  end)

  it('takes days, and measures drift since one', function()
    local c, all = columns({ 'data.left', '--ds', '2024-03-02', '--baseline', '2024-03-01' })
    assert.same({ 60, 60, '2024-03-02', '2024-03-02' }, { all.rows, all.baseline_rows, all.start_ds, all.end_ds })
    assert.is_true(c.n.psi > 0 and c.n.linf > 0.1 and c.n.linf < 0.3)
    assert.same({ 0, 0, NULL }, { c.x.psi, c.x.linf, c.uid.psi })
    all = select(2, columns({ 'data.left', '--start-ds', '2024-03-02' }))
    assert.equal(120, all.rows)
    all = select(2, columns({ 'data.left', '--baseline', '2024-03-01' }))
    assert.equal(120, all.rows)
  end)

  it('reads what stats-summary has kept', function()
    local got = stats({ 'team/j.v1', '--from', 'stats' })
    assert.equal(1, got.code)
    assert.matches('ns.team_j_v1_daily_stats is not there: `chronon run --mode stats-summary --conf production/joins/team/j.v1',
      got.err, 1, true)
    r:succeed('stats-summary', 'joins/team/j.v1', '2024-03-03', { '--sample', '1' })
    for _, name in ipairs({ 'team/j.v1', 'ns.team_j_v1', 'ns.team_j_v1_daily_stats' }) do
      local kept, all = columns({ name, '--from', 'stats' })
      local c = columns({ 'team/j.v1' })
      assert.same({ 'ns.team_j_v1_daily_stats', 'stats', 180 }, { all.table, all.from, all.rows })
      for _, column in ipairs({ 'n', 'x', 'team_g_v1_v_sum' }) do
        assert.same({ c[column].nulls, c[column].min, c[column].max },
          { kept[column].nulls, kept[column].min, kept[column].max }, column)
      end
      assert.is_true(math.abs(kept.x.p50 - c.x.p50) < 1)
      assert.same({ NULL, NULL }, { kept.x.distinct_approx, kept.x.mean })
    end
    local days = { '--ds', '2024-03-02', '--baseline', '2024-03-01' }
    local kept = columns({ 'team/j.v1', '--from', 'stats', unpack(days) })
    local c = columns({ 'team/j.v1', unpack(days) })
    assert.is_near(c.n.psi, kept.n.psi, 1e-9) -- of 60 values, which the sketches hold exactly
    assert.is_near(c.n.linf, kept.n.linf, 1e-9)
  end)

  it('prints a table for people, turned where it does not fit', function()
    local out = succeed({ 'data.left' }, { COLUMNS = '200' })
    assert.matches('^data.left: 180 rows\n\ncolumn +type +nulls +distinct +min +p05 +p25 +p50 +p75 +p95 +max +mean +shape\n', out)
    assert.matches('\nn +bigint +36 %(20 %%%) +~%d+ +11 ', out)
    assert.matches('\nmost frequent\nuid: u0 33 %, u1 33 %, u2 33 %\n', out, 1, true)
    out = succeed({ 'data.left', '--baseline', '2024-03-01' }, { COLUMNS = '60' })
    assert.matches('^data.left: 120 rows of all other days\ndrift since 2024%-03%-01: 60 rows\n\n%-%- row 1\n', out)
    assert.matches('\nlinf      0%.%d%d%d\n', out)
    assert.is_nil(out:find('\27', 1, true))
    for line in out:gmatch('[^\n]+') do assert.is_true(C.chn_text_width(line) <= 60, line) end
  end)

  it('prints CSV whole, and Markdown', function()
    local out = succeed({ 'data.left', '-o', 'csv', '-c', 'uid', '-c', 'n' }):gsub('\r', '')
    assert.matches('^column,type,count,nulls,null_rate,nans,distinct_approx,min,p05,p25,p50,p75,p95,max,mean\n', out)
    assert.matches('\nn,bigint,180,36,0.2,0,%d+,11,', out)
    assert.matches('\nuid,string,180,0,0,0,3,u0,,,,,,u2,\n', out)
    assert.matches('| n | bigint | 36 (20 %) |', (succeed({ 'data.left', '-o', 'markdown' })), 1, true)
  end)

  it('draws a column, never wider than the terminal', function()
    for _, width in ipairs({ 20, 47, 100 }) do
      for _, column in ipairs({ 'n', 'x', 'uid', 'ts', 'ds' }) do
        local out = succeed({ 'data.left', '--plot', column }, { COLUMNS = tostring(width) })
        local lines = select(2, out:gsub('\n', ''))
        assert.is_true(lines >= 4, column)
        for line in out:gmatch('[^\n]+') do assert.is_true(C.chn_text_width(line) <= width, line) end
      end
    end
    local bar = ('█'):rep(34)
    assert.equal(('uid of data.left, most frequent values\nu0 %s 60\nu1 %s 60\nu2 %s 60\n'):format(bar, bar, bar),
      (succeed({ 'data.left', '--plot', 'uid' }, { COLUMNS = '40' })))
  end)

  it('writes the picture as SVG', function()
    local file = r.folder .. '/n.svg'
    for _, column in ipairs({ 'n', 'uid', 'ts' }) do
      assert.equal('', (succeed({ 'data.left', '--plot', column, '--svg', file })))
      local text = program.read(file)
      assert.is_nil(xml.broken(text), text)
      assert.matches('^<svg xmlns="http://www.w3.org/2000/svg"', text)
      assert.matches('<title>' .. column .. ' of data.left', text, 1, true)
      assert.is_true(select(2, text:gsub('class="bar"', '')) >= 3)
    end
    local got = stats({ 'data.left', '--plot', 'n', '--svg', r.folder .. '/none/n.svg' })
    assert.equal(1, got.code)
    assert.matches('none/n.svg: No such file', got.err, 1, true)
  end)

  it('gives the same numbers each time', function()
    assert.equal((succeed({ 'data.left', '-o', 'json' })), (succeed({ 'data.left', '-o', 'json' })))
  end)

  it('is there for a table without rows', function()
    local out, err = succeed({ 'data.left', '--ds', '2020-01-01' }, { COLUMNS = '200' })
    assert.matches('^data.left: 0 rows of 2020%-01%-01\n', out)
    assert.matches('data.left has no rows of these days', err, 1, true)
    local drawn = succeed({ 'data.left', '--ds', '2020-01-01', '--plot', 'n' })
    assert.equal('n of data.left\nnothing to plot\n', drawn)
  end)

  it('says what is wrong', function()
    for _, case in ipairs({
      { 1, { 'data.lefd' }, 'data.lefd is neither a table nor a compiled definition (did you mean data.left?)' },
      { 1, { 'team/k.v1' }, 'did you mean team/j.v1?' },
      { 1, { 'team/g.v1' }, 'ns.team_g_v1 is not there: `chronon run --mode backfill --conf production/group_bys/team/g.v1' },
      { 1, { 'team/g.v1', '--from', 'stats' }, 'production/group_bys/team/g.v1 is no join, and statistics are kept of joins' },
      { 1, { 'data.left', '-c', 'm' }, 'data.left has no column m (did you mean n?)' },
      { 1, { 'data.left', '--plot', 'uit' }, 'data.left has no column uit (did you mean uid?)' },
      { 1, { 'data.left', '--baseline', '2024-02-01' }, 'data.left has no rows of the baseline 2024-02-01' },
      { 2, {}, 'a table or a definition is needed' },
      { 2, { 'data.left', '--from', 'stat' }, 'did you mean stats?' },
      { 2, { 'data.left', '--svg', 'x.svg' }, '--svg needs --plot COLUMN' },
      { 2, { 'data.left', '--ds', '2024-03-02', '--end-ds', '2024-03-03' }, 'one of them' },
      { 2, { 'data.left', '--ds', 'today' }, '"today" is not a date' },
      { 2, { 'data.left', '--start-ds', '2024-03-02', '--end-ds', '2024-03-01' }, 'the first is after the last' },
    }) do
      local got = stats(case[2])
      assert.matches(case[3], got.err, 1, true)
      assert.equal(case[1], got.code, case[3])
    end
  end)
end)
