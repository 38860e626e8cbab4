--- Random definitions over random data against the naive oracle: a bounded run of tools/parity.
--- CHRONON_SEED=n starts at another case; a failure is kept in CHRONON_PARITY_FOLDER if that is set.
local parity = require('spec.support.parity.parity')
local seed = require('spec.support.seed')

local SECONDS, LEAST = 10, 5

describe('a backfill of any definition', function()
  it('has the values of the oracle', function()
    local _, first = seed.random('parity')
    local result = parity.run({ first = first, seconds = SECONDS, least = LEAST, folder = os.getenv('CHRONON_PARITY_FOLDER') })
    local lines = {}
    for _, f in ipairs(result.failures) do
      lines[#lines + 1] = ('case %d (tools/parity --first %d --count 1):'):format(f.seed, f.seed)
      for _, line in ipairs(f.lines) do lines[#lines + 1] = '  ' .. line end
    end
    assert.equal('', table.concat(lines, '\n'))
    -- A generator that makes only empty cases would agree with anything.
    assert.is_true(result.cases >= LEAST and result.rows >= result.cases, ('%d rows in %d cases'):format(
      result.rows, result.cases))
  end)

  it('is seen to be wrong by one value', function()
    local check = require('spec.support.parity.check')
    local engine = require('spec.support.parity.engine').new()
    local gen = require('spec.support.parity.gen')
    finally(function() engine:close() end)
    local number = 0
    local case, got
    repeat
      number = number + 1
      case = gen.case(number)
      got = engine:run(case)
    until #got.rows > 0
    assert.same({}, check.differences(case, got))
    local row = got.rows[1]
    got.rows[1] = setmetatable({ ds = '2001-01-01' }, { __index = row })
    assert.is_true(#check.differences(case, got) > 0)
    table.remove(got.rows, 1)
    assert.is_true(#check.differences(case, got) > 0)
  end)

  -- Cases that once failed, made small.

  local cols = require('spec.support.cols')
  local check = require('spec.support.parity.check')
  local null = cols.null

  local function agrees(case)
    local engine = require('spec.support.parity.engine').new()
    finally(function() engine:close() end)
    local got, message = engine:run(case)
    assert.is_table(got, message)
    assert.is_true(#got.rows > 0)
    assert.same({}, check.differences(case, got))
  end

  local DAY = 19740

  local function run(more)
    local o = { stop = DAY + 1, step_days = 30, threads = 1, memory = 0 }
    for k, v in pairs(more or {}) do o[k] = v end
    return o
  end

  local function tuples()
    local t = { columns = { { 'k1', 'string' }, { 'k2', 'string' }, { 'ts', 'long' }, { 'v', 'long' } }, pcol = 'ds' }
    t.rows = {}
    for i = 1, 40 do
      t.rows[i] = { i % 2 == 0 and null or '', 'a' .. math.floor(i / 4), DAY * 86400000LL + i, 0LL + i, day = DAY }
    end
    return t
  end

  it('keeps a NULL and an empty string of a key together when it spills', function()
    agrees({ tables = { tuples() }, runs = { run({ spill = 3 }) }, group_by = { name = 'g', start = DAY,
      keys = { 'k1', 'k2' }, key_types = { 'string', 'string' }, fields = { { 'v', 'long' } },
      aggs = { { col = 'v', op = 'SUM', windows = { '1d' } } },
      sources = { { table = 1, time = 'ts', selects = { { 'v', { 'same', 'v' } } } } } } })
  end)

  it('keeps the types of derived lists', function()
    local left = { columns = { { 'k2', 'string' }, { 'ts', 'long' } }, pcol = 'ds', rows = {} }
    for i = 1, 12 do left.rows[i] = { 'a' .. i, (DAY + 1) * 86400000LL, day = DAY + 1 } end
    agrees({ tables = { tuples(), left }, runs = { run() }, join = {
      left = { table = 2, time = 'ts', start = DAY, selects = { { 'k2', { 'same', 'k2' } } } },
      parts = { { mapping = {}, gb = { name = 'g', temporal = true, keys = { 'k2' }, key_types = { 'string' },
        fields = { { 'v', 'long' } }, aggs = { { col = 'v', op = 'LAST_K', args = { k = 2 } } },
        derivations = { '*', { name = 'none', form = { 'is_null', 'v_last2' } } },
        sources = { { table = 1, time = 'ts', selects = { { 'v', { 'same', 'v' } } } } } } } } } })
  end)

  --- A join of left rows with a snapshot of `sum of v`.
  local function snapshot_join(left, right, more)
    local selects = {}
    for i = 1, #left.columns - 1 do selects[i] = { left.columns[i][1], { 'same', left.columns[i][1] } } end
    local join = { left = { table = 2, time = 'ts', start = DAY, selects = selects },
      parts = { { mapping = {}, gb = { name = 'g', keys = { 'k1' }, key_types = { 'string' },
        fields = { { 'v', 'long' } }, aggs = { { col = 'v', op = 'SUM', windows = { '1d' } } },
        sources = { { table = 1, time = 'ts', selects = { { 'v', { 'same', 'v' } } } } } } } } }
    for k, v in pairs(more or {}) do join[k] = v end
    return { tables = { right, left }, join = join }
  end

  local function right(rows)
    return { columns = { { 'k1', 'string' }, { 'k2', 'string' }, { 'ts', 'long' }, { 'v', 'long' } }, pcol = 'ds',
      rows = rows }
  end

  it('sees the same late rows however the left is sliced', function()
    local events, asked = {}, { columns = { { 'k1', 'string' }, { 'ts', 'long' } }, pcol = 'ds', rows = {} }
    for i = 1, 40 do
      -- Late by two days: only the newest of the left rows opens that partition.
      events[i] = { 'k' .. i, '', DAY * 86400000LL, 0LL + i, day = DAY + 2 }
      asked.rows[i] = { 'k' .. i, (DAY + 1) * 86400000LL, day = DAY + 1 }
    end
    asked.rows[41] = { 'other', (DAY + 3) * 86400000LL, day = DAY + 1 }
    local case = snapshot_join(asked, right(events))
    case.runs = { run({ memory = 5000 }) }
    agrees(case)
  end)

  it('has no values for a key that is skewed, where another key keeps the row', function()
    local day = DAY * 86400000LL
    local asked = { columns = { { 'k1', 'string' }, { 'k2', 'string' }, { 'ts', 'long' } }, pcol = 'ds' }
    asked.rows = { { 'hot', 'x', day + 86400000, day = DAY + 1 }, { 'hot', 'y', day + 86400000, day = DAY + 1 },
      { 'cold', 'y', day + 86400000, day = DAY + 1 } }
    local case = snapshot_join(asked, right({ { 'hot', 'x', day, 1LL, day = DAY }, { 'cold', 'x', day, 2LL, day = DAY } }),
      { skew = { { key = 'k1', values = { 'hot' } }, { key = 'k2', values = { 'y' } } } })
    case.join.parts[2] = { mapping = {}, prefix = 'both', gb = { name = 'h', keys = { 'k1', 'k2' },
      key_types = { 'string', 'string' }, fields = { { 'v', 'long' } }, aggs = { { col = 'v', op = 'SUM' } },
      sources = { { table = 1, time = 'ts', selects = { { 'v', { 'same', 'v' } } } } } } }
    case.runs = { run() }
    agrees(case)
  end)
end)
