--- TEMPORAL entities: yesterday's snapshot with today's mutations so far, against a naive oracle
--- that keeps lists of rows (spec/04 §5, §6). CHRONON_SEED=n repeats a run.
local repo = require('spec.support.batch_repo')
local rows = require('spec.support.rows')
local seed = require('spec.support.seed')

local NULL = rows.NULL
local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local FIRST = repo.ms('2024-03-02')
local DAYS = { '2024-03-02', '2024-03-03', '2024-03-04' }
local KEYS = { 'a', 'b', 'c', 'd' }
local WINDOWS = { { 6, 0 }, { 12, 0 }, { 36, 0 }, { 1, 1 }, { 3, 1 }, { 8, 1 }, { 14, 1 } }
local OPS = { COUNT = 6, SUM = 7, AVERAGE = 8, MAX = 1, LAST = 3, UNIQUE_COUNT = 4 }
local REVERSIBLE = { COUNT = true, SUM = true, AVERAGE = true }

local function align(x, hop) return math.floor(x / hop) * hop end
local function window_ms(w) return w[1] * (w[2] == 0 and HOUR or DAY) end
local function hop_of(ms) return ms >= 12 * DAY and DAY or ms >= 12 * HOUR and HOUR or 5 * MINUTE end

-- ---- the oracle -----------------------------------------------------------------------------

--- The value of signed rows { row, sign }: what was taken back counts only where it can be.
local function value(op, column, list)
  local sum, count, max, last, seen, n = 0, 0, nil, nil, {}, 0
  local any = false
  for _, e in ipairs(list) do
    local v = e.row[column]
    if v ~= NULL and (e.sign > 0 or REVERSIBLE[op]) then
      any = true
      sum, count = sum + e.sign * v, count + e.sign
      max = (max == nil or v > max) and v or max
      last = (last == nil or e.row.ts > last.ts) and e.row or last
      if not seen[v] then seen[v], n = true, n + 1 end
    end
  end
  if not any then return NULL end
  if op == 'AVERAGE' then return count ~= 0 and sum / count or NULL end
  return ({ COUNT = count, SUM = sum, MAX = max, LAST = last and last[column], UNIQUE_COUNT = n })[op]
end

--- Rows of the snapshot that a window sees at `at`: those that stay for two more days at once,
--- older ones by hops, which all windows of one column and hop size fill together.
local function snapshot_rows(snapshot, windows, w, batch_end, at)
  local list = {}
  if w == nil then
    for _, row in ipairs(snapshot) do
      if row.ts < batch_end then list[#list + 1] = { row = row, sign = 1 } end
    end
    return list
  end
  local ms = window_ms(w)
  local hop, tail = hop_of(ms), batch_end - ms
  for _, row in ipairs(snapshot) do
    local in_hop = false
    for _, other in ipairs(windows) do
      local t = batch_end - window_ms(other)
      in_hop = in_hop or (hop_of(window_ms(other)) == hop and row.ts > t and row.ts < t + 2 * DAY)
    end
    local start = align(row.ts, hop)
    local by_hop = in_hop and start >= align(at - ms, hop) and start < tail + 2 * DAY
    local collapsed = row.ts > tail and row.ts >= tail + 2 * DAY
    if row.ts < batch_end then
      if collapsed then list[#list + 1] = { row = row, sign = 1 } end
      if by_hop then list[#list + 1] = { row = row, sign = 1 } end
    end
  end
  return list
end

--- @param instants number[] of the key's queries on the day, sorted
local function oracle(agg, w, snapshot, mutations, batch_end, instants, at)
  local list = snapshot_rows(snapshot, agg.windows or {}, w, batch_end, at)
  for _, m in ipairs(mutations) do
    if m.mutation_ts >= batch_end and m.mutation_ts < at then
      local first
      for i = #instants, 1, -1 do
        if instants[i] > m.mutation_ts then first = instants[i] end
      end
      local sees = w == nil
        or (m.ts < first and m.ts >= align(first - window_ms(w), hop_of(window_ms(w))))
      if sees then list[#list + 1] = { row = m, sign = m.is_before and -1 or 1 } end
    end
  end
  return value(agg.op, agg.column, list)
end

-- ---- random worlds --------------------------------------------------------------------------

local function world(random)
  local function chance(percent) return random(1, 100) <= percent end
  local function row_ts(batch_end)
    local w = WINDOWS[random(1, #WINDOWS)]
    local ts = chance(40) and batch_end - window_ms(w) + random(-1, 1) * random(0, 3) * 5 * MINUTE
      or batch_end - random(-3 * HOUR, 17 * DAY)
    return chance(30) and align(ts, 5 * MINUTE) or ts
  end
  local function row(batch_end)
    local ts = row_ts(batch_end)
    return { ts = ts, rating = chance(10) and NULL or random(-9, 9), mark = ts % 1000003 }
  end
  local out = { snapshot = {}, mutations = {}, left = {} }
  for d, ds in ipairs(DAYS) do
    local batch_end = FIRST + (d - 1) * DAY
    local before = d == 1 and '2024-03-01' or DAYS[d - 1]
    for _, key in ipairs(KEYS) do
      for _ = 1, chance(80) and random(0, 8) or 0 do
        local r = row(batch_end)
        r.key, r.ds, r.batch_end = key, before, batch_end
        table.insert(out.snapshot, r)
      end
      for _ = 1, chance(80) and random(0, 6) or 0 do
        local r = row(batch_end)
        r.key, r.ds, r.batch_end = key, ds, batch_end
        r.mutation_ts, r.is_before = batch_end + random(-2, 24 * 12 - 1) * 5 * MINUTE, chance(40)
        table.insert(out.mutations, r)
      end
      for i = 1, random(0, 4) do
        local at = batch_end + random(0, 24 * 12 - 1) * 5 * MINUTE + (chance(50) and random(0, 1) or 0)
        table.insert(out.left, { id = #out.left + 1, key = key, ts = at, ds = ds, batch_end = batch_end })
        if i == 1 and chance(20) then
          table.insert(out.left, { id = #out.left + 1, key = key, ts = at, ds = ds, batch_end = batch_end })
        end
      end
    end
  end
  out.aggs = {}
  for _, op in ipairs({ 'COUNT', 'SUM', 'AVERAGE', 'MAX', 'LAST', 'UNIQUE_COUNT' }) do
    local agg = { op = op, column = op == 'LAST' and 'mark' or 'rating' }
    if chance(80) then
      agg.windows = {}
      for _, w in ipairs(WINDOWS) do
        if chance(50) then table.insert(agg.windows, w) end
      end
      if #agg.windows == 0 then agg.windows = nil end
    end
    table.insert(out.aggs, agg)
  end
  return out
end

local function list_of(source, names)
  local list = {}
  for i, r in ipairs(source) do
    list[i] = {}
    for c, name in ipairs(names) do list[i][c] = r[name] end
  end
  return list
end

local function definition(aggs, entities)
  local aggregations = {}
  for i, agg in ipairs(aggs) do
    aggregations[i] = { inputColumn = agg.column, operation = OPS[agg.op] }
    if agg.windows then
      aggregations[i].windows = {}
      for k, w in ipairs(agg.windows) do aggregations[i].windows[k] = { length = w[1], timeUnit = w[2] } end
    end
  end
  return {
    left = { events = { table = 'data.left',
      query = { selects = { id = 'id', who = 'who', ts = 'ts' }, timeColumn = 'ts' } } },
    joinParts = { { keyMapping = { who = 'key' }, groupBy = {
      metaData = { name = 'g' }, keyColumns = { 'key' }, accuracy = 0, aggregations = aggregations,
      sources = { { entities = entities } },
    } } },
  }
end

local function entities()
  return { snapshotTable = 'data.snap', mutationTable = 'data.mut', mutationTopic = 'topic', query = {
    selects = { key = 'key', rating = 'rating', mark = 'mark' }, timeColumn = 'ts',
    mutationTimeColumn = 'changed', reversalColumn = 'before' } }
end

local function stage(r, w)
  r:table('data.left', repo.values('id INTEGER, who VARCHAR, ts BIGINT, ds VARCHAR',
    list_of(w.left, { 'id', 'key', 'ts', 'ds' })))
  r:table('data.snap', repo.values('key VARCHAR, ts BIGINT, rating INTEGER, mark BIGINT, ds VARCHAR',
    list_of(w.snapshot, { 'key', 'ts', 'rating', 'mark', 'ds' })))
  r:table('data.mut', repo.values(
    'key VARCHAR, ts BIGINT, rating INTEGER, mark BIGINT, changed BIGINT, before BOOLEAN, ds VARCHAR',
    list_of(w.mutations, { 'key', 'ts', 'rating', 'mark', 'mutation_ts', 'is_before', 'ds' })))
end

local function of(list, row)
  local found = {}
  for _, r in ipairs(list) do
    if r.key == row.key and r.batch_end == row.batch_end then found[#found + 1] = r end
  end
  return found
end

local function column_of(agg, w)
  local k = ('%s_%s'):format(agg.column, agg.op:lower())
  return 'g_' .. k .. (w and ('_%d%s'):format(w[1], w[2] == 0 and 'h' or 'd') or '')
end

local function expected(w)
  local out = {}
  for i, row in ipairs(w.left) do
    local instants = {}
    for _, other in ipairs(of(w.left, row)) do instants[#instants + 1] = other.ts end
    table.sort(instants)
    local want = { id = row.id }
    for _, agg in ipairs(w.aggs) do
      local windows = agg.windows or { false }
      for _, window in ipairs(windows) do
        want[column_of(agg, window)] = oracle(agg, window or nil, of(w.snapshot, row), of(w.mutations, row),
          row.batch_end, instants, row.ts)
      end
    end
    out[i] = want
  end
  return out
end

describe('entities with mutations', function()
  local r
  before_each(function() r = repo.new() end)
  after_each(function() r:remove() end)

  it('have the values of a naive count of rows', function()
    local random, the_seed = seed.random('mutations')
    for trial = 1, tonumber(os.getenv('TRIALS')) or 12 do
      local w = world(random)
      while #w.left == 0 do w = world(random) end
      stage(r, w)
      r:conf('j', definition(w.aggs, entities()))
      require('spec.support.program').remove(r.warehouse)
      r:succeed('backfill', 'j', '2024-03-04')
      local got, columns = r:read('SELECT * EXCLUDE (who, ts, ds) FROM ns.j', { 'ns.j' })
      local names = { 'id' }
      for _, c in ipairs(columns) do
        if c.name ~= 'id' then names[#names + 1] = c.name end
      end
      assert.equal('', table.concat(rows.differences(expected(w), got, names), '\n'),
        ('seed %d, trial %d'):format(the_seed, trial))
    end
  end)

  local function one_row(change)
    local at = FIRST + 7 * HOUR
    stage(r, {
      left = { { id = 1, key = 'a', ts = at, ds = DAYS[1] } },
      snapshot = { { key = 'a', ts = FIRST - HOUR, rating = 5, mark = 1, ds = '2024-03-01' } },
      mutations = { { key = 'a', ts = FIRST - HOUR, rating = 5, mark = 1, mutation_ts = FIRST + HOUR,
        is_before = true, ds = DAYS[1] } },
    })
    local conf = definition({ { op = 'COUNT', column = 'rating' } }, entities())
    if change then change(conf) end
    r:conf('j', conf)
    return r:run('backfill', 'j', '2024-03-02')
  end

  it('count what was deleted as gone, not as never there', function()
    assert.equal(0, one_row().code)
    assert.equal(0, r:read('SELECT * FROM ns.j', { 'ns.j' })[1].g_rating_count)
  end)

  it('are derived from even where a key has no row', function()
    assert.equal(0, one_row(function(conf)
      conf.joinParts[1].groupBy.derivations = { { name = 'n', expression = 'coalesce(rating_count, -1)' } }
      conf.left.events.query.selects.who = "concat(who, 'x')"
    end).code)
    assert.equal(-1, r:read('SELECT * FROM ns.j', { 'ns.j' })[1].g_n)
  end)

  for why, case in pairs({
    ['no mutation_table; set it'] = function(source) source.mutationTable = nil end,
    ['mutation_table: .*data%.nix'] = function(source) source.mutationTable = 'data.nix' end,
    ['mutation_ts'] = function(source) source.query.mutationTimeColumn = nil end,
    ['"rating": int in the snapshot table, bigint in the mutation table'] = function(source)
      source.mutationTable = 'data.wide'
    end,
  }) do
    it('are refused: ' .. why, function()
      r:table('data.wide', "SELECT 'a' AS key, 1::BIGINT AS ts, 1::BIGINT AS rating, 1::BIGINT AS mark, "
        .. "1::BIGINT AS changed, false AS before, '2024-03-02' AS ds")
      local result = one_row(function(conf) case(conf.joinParts[1].groupBy.sources[1].entities) end)
      assert.equal(1, result.code)
      assert.truthy(result.err:match(why), result.err)
    end)
  end
end)
