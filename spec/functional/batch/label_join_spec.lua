--- `run --mode label-join`: what became of a join's rows.
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')

local function definition(change)
  local conf = {
    left = { events = { table = 'data.left',
      query = { selects = { id = 'id', who = 'who', ts = 'ts' }, timeColumn = 'ts' } } },
    joinParts = { { keyMapping = { who = 'key' }, groupBy = {
      metaData = { name = 'g' }, keyColumns = { 'key' }, accuracy = 0,
      sources = { { events = { table = 'data.ev',
        query = { selects = { key = 'key', v = 'v' }, timeColumn = 'ts' } } } },
      aggregations = { { inputColumn = 'v', operation = 7 } },
    } } },
    labelPart = { leftStartOffset = 3, leftEndOffset = 2, labels = { {
      keyMapping = { who = 'key' }, groupBy = {
        metaData = { name = 'l' }, keyColumns = { 'key' },
        sources = { { entities = { snapshotTable = 'data.fate',
          query = { selects = { key = 'key', fate = 'fate' } } } } },
      },
    } } },
    rowIds = { 'id', 'who' },
  }
  if change then change(conf) end
  return conf
end

local NULL = rows.NULL

describe('a label join', function()
  local r
  before_each(function()
    r = repo.new()
    local left, fate = {}, {}
    for day = 1, 6 do
      local ds = ('2024-03-%02d'):format(day)
      for k, who in ipairs({ 'a', 'b', NULL }) do
        left[#left + 1] = { day * 10 + k, who, repo.ms(ds) + 1000, ds }
      end
      left[#left + 1] = left[#left - 2] -- a duplicate
      fate[#fate + 1] = { 'a', day, ds }
    end
    r:table('data.left', repo.values('id INTEGER, who VARCHAR, ts BIGINT, ds VARCHAR', left))
    r:table('data.fate', repo.values('key VARCHAR, fate INTEGER, ds VARCHAR', fate))
    r:table('data.ev', repo.values('key VARCHAR, v BIGINT, ts BIGINT, ds VARCHAR',
      { { 'a', 1, repo.ms('2024-03-01'), '2024-03-01' } }))
    r:conf('j', definition())
  end)
  after_each(function() r:remove() end)

  local function all(name, order)
    local list, columns = r:read(('SELECT * FROM %s ORDER BY %s'):format(name, order), { name })
    local out = {}
    for i, row in ipairs(list) do
      local cells = {}
      for c, column in ipairs(columns) do cells[c] = rows.text(row[column.name]) end
      out[i] = table.concat(cells, ' ')
    end
    return out, columns
  end

  it('writes what is known on its day of the rows it looks back at', function()
    r:succeed('backfill', 'j', '2024-03-06')
    r:succeed('label-join', 'j', '2024-03-05')
    local labels, columns = all('ns.j_labels', 'id')
    local names = {}
    for i, c in ipairs(columns) do names[i] = c.name end
    assert.same({ 'who', 'id', 'l_fate', 'label_ds', 'ds' }, names)
    assert.same({
      'a 31 5 2024-03-05 2024-03-03', 'b 32 NULL 2024-03-05 2024-03-03', 'NULL 33 NULL 2024-03-05 2024-03-03',
      'a 41 5 2024-03-05 2024-03-04', 'b 42 NULL 2024-03-05 2024-03-04', 'NULL 43 NULL 2024-03-05 2024-03-04',
    }, labels)
  end)

  it('does a day only once, and later label days beside it', function()
    r:succeed('backfill', 'j', '2024-03-06')
    r:succeed('label-join', 'j', '2024-03-05')
    assert.truthy(r:succeed('label-join', 'j', '2024-03-05').out:find('nothing to do', 1, true))
    r:succeed('label-join', 'j', '2024-03-06')
    local both = r:read("SELECT ds, label_ds, l_fate FROM ns.j_labels WHERE who = 'a' ORDER BY 1, 2", { 'ns.j_labels' })
    assert.equal(4, #both)
    local latest = all('ns.j_labeled_latest', 'id')
    -- 03-01, 03-02 and 03-06 have no labels and are whole (the duplicate twice); rows of labelled days
    -- without a label of their own (a NULL key matches nothing) are left out.
    assert.equal(3 * 4 + 3 * 3, #latest)
    assert.equal('31 a 2024-03-03 ' .. repo.ms('2024-03-03') + 1000 .. ' 1 5 2024-03-05', latest[9])
    assert.equal('41 a 2024-03-04 ' .. repo.ms('2024-03-04') + 1000 .. ' 1 6 2024-03-06', latest[12])
    assert.equal(24 + 3, #all('ns.j_labeled', 'id')) -- a row stands beside both of its labels
  end)

  it('is read by chronon sql and listed by chronon tables', function()
    r:succeed('backfill', 'j', '2024-03-06')
    r:succeed('label-join', 'j', '2024-03-05')
    local program = require('spec.support.program')
    local words = { '--warehouse', r.warehouse, '--repo', r.folder }
    local sql = program.run({ 'sql', '--output', 'csv', 'SELECT count(*) AS n FROM ns.j_labeled WHERE label_l_fate = 5',
      unpack(words) })
    assert.equal('n\n4\n', sql.out, sql.err)
    local list = program.run({ 'tables', unpack(words) })
    assert.truthy(list.out:find('ns.j_labeled_latest%s+view'), list.out)
  end)

  for why, change in pairs({
    ['has no label_part'] = function(c) c.labelPart = nil end,
    ['row_ids must contain the keys of the labels: add "who"'] = function(c) c.rowIds = { 'id' } end,
    ['left_start_offset 1 must not be below left_end_offset 2'] = function(c) c.labelPart.leftStartOffset = 1 end,
    ['"nix" identifies rows, but is not a column'] = function(c) c.rowIds = { 'id', 'who', 'nix' } end,
    ['an aggregated label must be of events'] = function(c)
      c.labelPart.labels[1].groupBy.aggregations = { { inputColumn = 'fate', operation = 7 } }
    end,
    ['exactly one aggregation with one window, in days'] = function(c)
      c.labelPart.labels[1].groupBy = c.joinParts[1].groupBy
    end,
  }) do
    it('is refused: ' .. why, function()
      r:conf('j', definition(change))
      local result = r:run('label-join', 'j', '2024-03-05')
      assert.equal(1, result.code)
      assert.truthy(result.err:find(why, 1, true), result.err)
    end)
  end

  it('keeps its labels when the features are missing, and says what to do', function()
    local result = r:run('label-join', 'j', '2024-03-05')
    assert.equal(1, result.code)
    assert.truthy(result.err:find('was not backfilled yet (--mode backfill)', 1, true), result.err)
    assert.equal(6, #all('ns.j_labels', 'id'))
    r:succeed('backfill', 'j', '2024-03-06')
    r:succeed('label-join', 'j', '2024-03-05')
    assert.equal(24, #all('ns.j_labeled', 'id'))
  end)
end)
