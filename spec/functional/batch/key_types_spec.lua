--- Keys that are lists, maps or structs: rows are not grouped by them.
local repo = require('spec.support.batch_repo')

describe('a key that is no scalar', function()
  local r
  before_each(function() r = repo.new() end)
  after_each(function() r:remove() end)

  local KEYS = { ['array<bigint>'] = '[x, x]', ['map<string,bigint>'] = "MAP {'x': x}", ['struct<x:bigint>'] = "{'x': x}" }

  it('is refused by backfills, joins and uploads', function()
    local n = 0
    for name, sql in pairs(KEYS) do
      n = n + 1
      r:table('data.events', ("SELECT %s AS k, x, %d + x AS ts, '2024-03-10' AS ds FROM range(4) t(x)"):format(sql,
        repo.ms('2024-03-10')), 'ds')
      local source = { events = { table = 'data.events',
                                  query = { selects = { k = 'k', x = 'x' }, timeColumn = 'ts', setups = {} } } }
      local gb = { metaData = { team = 'shop', online = 1 }, sources = { source }, keyColumns = { 'k' }, accuracy = 1,
                   aggregations = { { inputColumn = 'x', operation = 7, windows = { { length = 7, timeUnit = 1 } } } } }
      r:conf('gb' .. n, gb)
      gb.metaData.name = 'gb' .. n
      r:conf('join' .. n, { metaData = { team = 'shop' }, left = source, rowIds = { 'x' }, joinParts = { { groupBy = gb } } })
      for _, job in ipairs { { 'backfill', 'gb' }, { 'backfill', 'join' }, { 'upload', 'gb' } } do
        local run = r:run(job[1], job[2] .. n, '2024-03-10', job[1] == 'backfill' and { '--start-ds', '2024-03-10' } or {})
        assert.equal(1, run.code, job[1])
        assert.matches(('key "k" is %s, and rows are grouped by scalars only: make a STRING of it'):format(name), run.err,
          1, true)
      end
    end
  end)
end)
