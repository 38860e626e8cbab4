-- stream/evaluate.h: selects and wheres over decoded rows.
local ffi = require('ffi')
local decode = require('spec.support.decode')
local cdef = require('spec.support.cdef')
local C = cdef.load('stream/evaluate.h', 'warehouse/sql.h')
local cols = require('spec.support.cols')
local rows_of = require('spec.support.rows')
local avro = require('spec.support.avro')
local seed = require('spec.support.seed')

local wh, keep = rows_of.open('/nonexistent', {})

-- Closed before the warehouse: finalizers have no order.
local opened = {}
teardown(function()
  for _, e in ipairs(opened) do C.stream_evaluate_close(e) end
end)

--- @param o table columns, keys, inputs, selects { { name, sql } }?, wheres?, time?, entities?, tiled?
local function open(o)
  local arena = cols.arena()
  local function text(s) return s and C.arena_strdup(arena, s) or nil end
  local q = ffi.new('struct model_query', { time_column = text(o.time) })
  if o.selects then
    q.selects = ffi.cast('struct model_pair *', C.arena_calloc(arena, #o.selects + 1, ffi.sizeof('struct model_pair')))
    q.n_selects = #o.selects
    for i, s in ipairs(o.selects) do q.selects[i - 1].key, q.selects[i - 1].value = text(s[1]), text(s[2]) end
  end
  q.wheres = ffi.cast('const char **', C.arena_calloc(arena, #(o.wheres or {}) + 1, 8))
  q.n_wheres = #(o.wheres or {})
  for i, w in ipairs(o.wheres or {}) do q.wheres[i - 1] = text(w) end
  local inputs = {}
  for i, f in ipairs(o.inputs) do inputs[i] = f end
  local serving = ffi.new('struct model_serving', { tiled = o.tiled or false, entities = o.entities or false })
  serving.keys, serving.selected = cols.schema(arena, o.keys)[0], cols.schema(arena, o.inputs)[0]
  local plan = ffi.new('struct agg_plan', { inputs = serving.selected })
  if o.entities then
    serving.ts_field, serving.before_field = #inputs, #inputs + 1
    inputs[#inputs + 1], inputs[#inputs + 2] = { 'ts', 'long' }, { 'is_before', 'boolean' }
  end
  serving.stream, serving.aggs = avro.of('Row', inputs), plan
  local columns = {}
  for i, c in ipairs(o.columns) do columns[i] = c end
  if o.entities then
    columns[#columns + 1], columns[#columns + 2] = { 'mutation_ts', 'long' }, { 'is_before', 'boolean' }
  end
  local e = { o = o, hold = { q, serving, plan }, inputs = o.tiled and o.inputs or inputs,
              schema = cols.schema(arena, columns), rejects = decode.rejects() }
  local out, err = ffi.new('struct stream_evaluate *[1]'), ffi.new('struct chn_err')
  if C.stream_evaluate_open(wh, serving, not o.no_query and q or nil, e.schema, out, err) ~= C.CHN_OK then
    return nil, ffi.string(err.msg)
  end
  e.c = out[0]
  opened[#opened + 1] = e.c
  return e
end

--- Rows that come through as `from ts key... | input...`, and the reasons of those that are rejected.
local function run(e, values)
  local n = #values[1]
  local c, hold = cols.columns(e.schema, values)
  local texts, from = {}, ffi.new('uint32_t[?]', n + 1)
  for i = 1, n do texts[i], from[i - 1] = '{"row":' .. i .. '}', i - 1 end
  local decoded = ffi.new('struct decoded', { cols = c, from = from, n = n })
  local out, err = ffi.new('struct evaluated'), ffi.new('struct chn_err')
  e.rejects.list = {}
  local status = C.stream_evaluate_run(e.c, decoded, decode.messages(texts), e.rejects.c, out, err)
  assert(status == C.CHN_OK, ffi.string(err.msg))
  assert(hold)
  local rows, rejected = {}, {}
  for i = 0, tonumber(out.n) - 1 do
    local row, parts = out.row[i], {}
    assert(out.from[i] == row)
    for k = 1, #e.o.keys do parts[k] = cols.show(cols.read(out.keys[k - 1], row)) end
    parts[#parts + 1] = '|'
    for k = 1, #e.inputs do parts[#parts + 1] = cols.show(cols.read(out.inputs[k - 1], row)) end
    rows[i + 1] = ('%d@%s %s'):format(row, tostring(out.ts[row]):gsub('LL', ''), table.concat(parts, ' '))
  end
  for i, r in ipairs(e.rejects.list) do rejected[i] = ('%d %s: %s'):format(r[3] - 101, r[1], r[2]) end
  return rows, rejected
end
jit.off(run, true)

local COLUMNS = { { 'user', 'string' }, { 'amount', 'double' }, { 'n', 'int' }, { 'at', 'long' }, { 'ts', 'long' } }
local null = cols.null

describe('evaluation of a stream', function()
  it('takes plain columns, renames and expressions', function()
    local e = assert(open({
      columns = COLUMNS, keys = { { 'id', 'string' }, { 'n', 'int' } }, inputs = { { 'twice', 'double' }, { 'amount',
        'double' } },
      selects = { { 'id', ' `user` ' }, { 'n', 'N' }, { 'twice', 'amount * 2' }, { 'amount', 'amount' } }, time = 'at',
    }))
    for _ = 1, 2 do
      assert.same({ '0@5 "a" 1 | 3 1.5', '1@6 "b" null | null null' },
        (run(e, { { 'a', 'b' }, { 1.5, null }, { 1, null }, { 5, 6 }, { 50, 60 } })))
    end
    assert.same({}, (run(e, { {}, {}, {}, {}, {} })))
  end)

  it('takes everything as it is without selects, or without a query', function()
    for _, no_query in ipairs({ false, true }) do
      local e = assert(open({ columns = COLUMNS, keys = { { 'user', 'string' } }, inputs = { { 'amount', 'double' } },
        no_query = no_query }))
      assert.same({ '0@50 "a" | 1.5' }, (run(e, { { 'a' }, { 1.5 }, { 1 }, { 5 }, { 50 } })))
    end
  end)

  it('has its time from the select ts, else the time column, else the column ts', function()
    local function ts_of(selects, time)
      local e = assert(open({ columns = COLUMNS, keys = { { 'user', 'string' } }, inputs = {}, selects = selects, time = time }))
      return run(e, { { 'a' }, { 7.9 }, { 3 }, { 5 }, { 50 } })[1]:match('@(%d+)')
    end
    assert.equal('50', ts_of({ { 'user', 'user' } }))
    assert.equal('5', ts_of({ { 'user', 'user' } }, 'at'))
    assert.equal('5000', ts_of({ { 'user', 'user' } }, 'at * 1000'))
    assert.equal('3', ts_of({ { 'ts', 'n' } }, 'at'))
    assert.equal('6', ts_of({ { 'ts', '`at` + 1' } }, 'ts'))
  end)

  it('leaves out what a where does not hold for, null included, and rows of no key', function()
    local e = assert(open({ columns = COLUMNS, keys = { { 'user', 'string' }, { 'n', 'int' } }, inputs = { { 'amount',
      'double' } },
      wheres = { 'amount > 1 OR amount < -1', 'n IS NULL OR n < 5' } }))
    local rows, rejected = run(e, {
      { 'a', 'b', 'c', 'd', null, null, null }, { 2, 1, null, -3, 4, 5, 6 }, { 1, 1, 1, 7, null, 2, 5 },
      { 1, 1, 1, 1, 1, 1, 1 }, { 1, 2, 3, 4, 5, 6, null },
    })
    assert.same({ '0@1 "a" 1 | 2', '5@6 null 2 | 5' }, rows)
    assert.same({}, rejected)
  end)

  it('rejects rows without a time, by that reason', function()
    local e = assert(open({ columns = COLUMNS, keys = { { 'user', 'string' } }, inputs = {}, time = 'at', wheres = { 'n > 0' } }))
    local rows, rejected = run(e, { { 'a', 'b', 'c', null }, { 1, 1, 1, 1 }, { 1, 1, 0, 1 }, { null, 7, null, null }, { 1, 1,
      1, 1 } })
    assert.same({ '1@7 "b" |' }, rows)
    assert.same({ '0 no_time: its time column is null' }, rejected)
  end)

  it('gives the inputs of tiles as the aggregations have them', function()
    local e = assert(open({ columns = COLUMNS, keys = { { 'user', 'string' } }, inputs = { { 'amount', 'double' }, { 'n',
      'int' } }, tiled = true }))
    assert.same({ '0@50 "a" | 1.5 1' }, (run(e, { { 'a' }, { 1.5 }, { 1 }, { 5 }, { 50 } })))
  end)

  it('gives mutations their two times, and selects win over the columns', function()
    local o = { columns = COLUMNS, keys = { { 'user', 'string' } }, inputs = { { 'amount', 'double' } }, time = 'at',
      entities = true }
    local e = assert(open(o))
    local values = { { 'a', 'a', 'b' }, { 2, 1, 3 }, { 1, 1, 1 }, { 5, 5, 6 }, { 0, 0, 0 }, { 90, 90, null }, { false, true,
      false } }
    local rows, rejected = run(e, values)
    assert.same({ '0@90 "a" | 2 5LL false', '1@90 "a" | 1 5LL true' }, rows)
    assert.same({ '2 no_time: mutation_ts is null' }, rejected)
    o.selects = { { 'mutation_ts', 'mutation_ts + 1' }, { 'is_before', 'NOT is_before' }, { 'user', 'user' }, { 'amount',
      'amount' } }
    assert.same({ '0@91 "a" | 2 5LL true', '1@91 "a" | 1 5LL false' }, (run(assert(open(o)), values)))
  end)

  it('loses only the rows on which an expression fails', function()
    local e = assert(open({
      columns = { { 'user', 'string' }, { 'pattern', 'string' }, { 'ts', 'long' } }, keys = { { 'user', 'string' } },
      inputs = { { 'hit', 'boolean' } }, selects = { { 'user', 'user' }, { 'hit', 'user RLIKE pattern' } },
    }))
    local users, patterns, ts, want, bad = {}, {}, {}, {}, {}
    for i = 1, 300 do
      local broken = i == 1 or i == 77 or i == 78 or i == 300
      users[i], patterns[i], ts[i] = 'u' .. i, broken and '(' or '^u.*7$', i
      if broken then
        bad[#bad + 1] = ('%d evaluate'):format(i - 1)
      else
        want[#want + 1] = ('%d@%d "u%d" | %s'):format(i - 1, i, i, tostring(i % 10 == 7))
      end
    end
    local rows, rejected = run(e, { users, patterns, ts })
    assert.same(want, rows)
    for i, r in ipairs(rejected) do rejected[i] = r:match('^%d+ %w+') end
    assert.same(bad, rejected)
  end)

  it('is refused when it cannot run, by the name of what cannot', function()
    local function why(selects, wheres, inputs)
      local o = { columns = COLUMNS, keys = { { 'user', 'string' } }, inputs = inputs or { { 'amount', 'double' } },
        selects = selects, wheres = wheres }
      local e, text = open(o)
      assert.is_nil(e)
      return text
    end
    assert.matches('select "amount" is int over the stream and double in the upload; cast it', why({ { 'amount', 'n' } }))
    assert.matches('select "amount" is string over the stream and double', why({ { 'amount', "concat(user, 'x')" } }))
    assert.matches('"price" is neither selected nor a column of the stream', why(nil, nil, { { 'price', 'double' } }))
    assert.matches('select "amount": column 4: ', why({ { 'amount', '( 1' } }))
    assert.matches('where "n >".*column', why(nil, { 'n >' }))
    assert.matches('^select "amount": .*"nope"', why({ { 'user', 'upper(user)' }, { 'amount', 'nope + 1' } }))
    assert.matches('^wheres: .*"nope"', why(nil, { 'amount > 0', 'nope > 1' }))
    assert.matches('^select "amount": it is of type DECIMAL.*cast it', why({ { 'amount', 'CAST(n AS DECIMAL(10, 2))' } }))
  end)

  it('is refused when its selects are not about one row', function()
    local e = assert(open({ columns = COLUMNS, keys = { { 'user', 'string' } }, inputs = { { 'amount', 'double' } },
      selects = { { 'amount', 'sum(amount)' } } }))
    assert.error_matches(function() run(e, { { 'a', 'b' }, { 1, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 } }) end,
      "the selects make 1 rows of 2; a stream's selects are about one row", 1, true)
  end)
end)

-- What a backfill reads of the same rows (spec/07 §3's SQL, rendered as the batch engine renders it).
describe('evaluation of random rows', function()
  local FIELDS = { { 'user', 'string' }, { 'amount', 'double' }, { 'n', 'int' }, { 'at', 'long' }, { 'flag', 'boolean' } }
  local DUCK = { string = 'VARCHAR', double = 'DOUBLE', int = 'INTEGER', long = 'BIGINT', boolean = 'BOOLEAN' }
  local SELECTS = {
    string = { 'user', "concat(user, '-', CAST(n AS STRING))", 'upper(user)', 'substr(user, 2)', "if(n > 0, user, NULL)",
      "coalesce(user, 'nobody or somebody long')" },
    double = { 'amount', 'amount / n', 'abs(amount)', 'CAST(n AS DOUBLE)', "CASE WHEN flag THEN amount ELSE 0.0D END",
      'CAST(user AS DOUBLE)' },
    long = { 'at', 'at + n', 'CAST(amount AS BIGINT)', 'length(user) * 10000000000', 'at % 7', 'n DIV 2' },
    int = { 'n', 'n + 1', 'length(user)', 'CAST(user AS INT)' },
  }
  local WHERES = { 'n > 2', 'amount IS NOT NULL', "user LIKE '%a%'", 'flag', 'NOT flag OR n = 1', 'at % 2 = 0',
    'n IN (1, 2, 3, NULL)', 'amount > n' }
  local TIMES = { 'at', 'at * 1000', 'CAST(amount AS BIGINT)', 'n', 'if(flag, at, NULL)' }

  local function render(text)
    local out = ffi.new('char *[1]')
    cdef.check(C.sql_render_expr, cols.arena(), text, out)
    return ffi.string(out[0])
  end

  local function literal(v, t)
    local text = v == null and 'NULL' or type(v) == 'string' and "'" .. v .. "'"
      or type(v) == 'number' and ('%.17g'):format(v) or tostring(v)
    return ('CAST(%s AS %s)'):format(text, DUCK[t])
  end

  it('equals what the batch engine reads', function()
    local random, number = seed.random('stream evaluate')
    local function pick(list) return list[random(1, #list)] end
    local make = {
      string = function() return pick({ 'a', 'ab', '12', 'Zoë', '', 'a text of more than twelve bytes' }) end,
      double = function() return pick({ 0, 1.5, -2.25, 3, 1e17, 12345.678 }) end,
      int = function() return random(-2, 5) end, long = function() return random(-5, 1000000) end,
      boolean = function() return random(0, 1) == 1 end,
    }
    local compared = 0
    for _ = 1, 25 do
      local o = { columns = FIELDS, keys = { { 'k1', 'string' }, { 'k2', pick({ 'long', 'int' }) } }, time = pick(TIMES),
        wheres = {},
                  inputs = { { 'x', 'double' }, { 'y', pick({ 'long', 'string', 'int' }) } }, selects = {}, tiled = random(0,
                    1) == 1 }
      for _, f in ipairs({ o.keys[1], o.keys[2], o.inputs[1], o.inputs[2] }) do
        o.selects[#o.selects + 1] = { f[1], pick(SELECTS[f[2]]) }
      end
      for i = 1, random(0, 2) do o.wheres[i] = pick(WHERES) end
      if random(1, 4) == 1 then table.insert(o.selects, { 'ts', pick(TIMES) }) end
      local values, tuples = {}, {}
      for c, f in ipairs(FIELDS) do
        values[c] = {}
        for r = 1, 60 do
          values[c][r] = random(1, 6) == 1 and null or make[f[2]]()
          tuples[r] = (tuples[r] or tostring(r - 1)) .. ', ' .. literal(values[c][r], f[2])
        end
      end
      local got, rejected = run(assert(open(o)), values)
      local ts = o.selects[5] and o.selects[5][2] or o.time
      local list, conditions = { 'CAST((' .. render(ts) .. ') AS BIGINT) AS ts' }, {}
      for i = 1, 4 do list[#list + 1] = ('(%s) AS %s'):format(render(o.selects[i][2]), o.selects[i][1]) end
      for i, w in ipairs(o.wheres) do conditions[i] = '(' .. render(w) .. ')' end
      conditions[#conditions + 1] = ('(%s IS NOT NULL OR %s IS NOT NULL)'):format(render(o.selects[1][2]), render(o.selects[2][2]))
      local sql = ('SELECT r, %s FROM (VALUES (%s)) t(r, "user", amount, n, "at", flag) WHERE %s ORDER BY r'):format(
        table.concat(list, ', '), table.concat(tuples, '), ('), table.concat(conditions, ' AND '))
      local want, timeless = {}, 0
      for _, row in ipairs(rows_of.read(wh, sql)) do
        local parts = {}
        for i, name in ipairs({ 'k1', 'k2', 'x', 'y' }) do
          local field = i <= 2 and o.keys[i] or o.inputs[i - 2]
          local v = row[name]
          parts[i] = v == rows_of.NULL and 'null' or cols.show(field[2] == 'long' and ffi.new('int64_t', v) or v)
        end
        if row.ts == rows_of.NULL then
          timeless = timeless + 1
        else
          want[#want + 1] = ('%d@%s %s %s | %s %s'):format(row.r, tostring(ffi.new('int64_t', row.ts)):gsub('LL', ''),
            unpack(parts))
        end
      end
      assert.same(want, got, ('seed %d\n%s'):format(number, sql))
      assert.equal(timeless, #rejected, 'seed ' .. number)
      compared = compared + #want
    end
    assert.is_true(compared > 200)
  end)
end)
assert(keep)
