local batch_repo = require('spec.support.batch_repo')
local json = require('dkjson')
local program = require('spec.support.program')

local repo
before_each(function() repo = batch_repo.new() end)
after_each(function() repo:remove() end)

local function window(days) return { length = days, timeUnit = 1 } end

--- Purchases of users from `first` to 2024-01-10, three a day: two of user 1.
local function purchases(first, o)
  o = o or {}
  local list = {}
  for day = first, 10 do
    local ds = ('2024-01-%02d'):format(day)
    local ts = batch_repo.ms(ds) / (o.divide or 1)
    for i, user in ipairs({ 1, 1, 2 }) do list[#list + 1] = { user, i * 1.5, ts, ds } end
  end
  repo:table('raw.purchases', batch_repo.values('user BIGINT, amount DOUBLE, ts BIGINT, ds VARCHAR', list), 'ds')
end

local function visits(user_type)
  local list = {}
  for day = 8, 10 do
    local ds = ('2024-01-%02d'):format(day)
    list[#list + 1] = { 1, batch_repo.ms(ds) + 5, ds }
  end
  repo:table('raw.visits', batch_repo.values('user ' .. (user_type or 'BIGINT') .. ', ts BIGINT, ds VARCHAR', list), 'ds')
end

local function spending(o)
  o = o or {}
  return {
    metaData = { name = 'shop.spending', outputNamespace = 'ns', online = o.online },
    sources = { { events = { table = o.table or 'raw.purchases', isCumulative = o.cumulative,
      query = { selects = { user = 'user', amount = o.amount or 'amount' }, timeColumn = 'ts' } } } },
    keyColumns = { 'user' },
    aggregations = { { inputColumn = 'amount', operation = o.operation or 7, windows = { window(o.days or 3) } } },
    accuracy = o.accuracy,
    derivations = o.derivations,
  }
end

local function training(parts, more)
  local conf = { left = { events = { table = 'raw.visits', query = {
    selects = { user = 'user' }, timeColumn = 'ts', startPartition = '2024-01-08' } } }, joinParts = parts }
  for k, v in pairs(more or {}) do conf[k] = v end
  repo:conf('joins/shop/training', conf)
end

local function analyze(name, more)
  local args = { '-o', 'json' }
  for _, word in ipairs(more or {}) do args[#args + 1] = word end
  local r = repo:run('analyze', name, '2024-01-10', args)
  return json.decode(r.out) or error(r.err), r
end

local function shown(analysis, role)
  local list = {}
  for _, c in ipairs(analysis.columns) do
    if c.role == role then list[#list + 1] = (c.part and c.part .. '/' or '') .. c.name .. ' ' .. c.type end
  end
  return list
end

describe('analyze', function()
  it('shows the schemas of a join: keys, left, right, output', function()
    purchases(1)
    visits()
    training({ { groupBy = spending() } }, { derivations = {
      { name = 'spent', expression = 'coalesce(shop_spending_amount_sum_3d, 0) + user' },
      { name = '*', expression = '*' } } })
    local a, r = analyze('joins/shop/training')
    assert.equal(0, r.code)
    assert.same({}, a.problems)
    assert.equal('ns.joins_shop_training', a.table)
    assert.same({ 'shop.spending/user bigint', 'user bigint' }, shown(a, 'key'))
    assert.same({ 'user bigint', 'ts bigint', 'ds string' }, shown(a, 'left'))
    assert.same({ 'shop.spending/shop_spending_amount_sum_3d double' }, shown(a, 'right'))
    assert.same({ 'spent double', 'shop_spending_amount_sum_3d double' }, shown(a, 'output'))
  end)

  it('has the GroupBy\'s own derivations in the join', function()
    purchases(1)
    visits()
    local cents = { { name = 'cents', expression = 'CAST(amount_sum_3d * 100 AS BIGINT)' } }
    training({ { groupBy = spending({ derivations = cents }) } })
    assert.same({ 'shop_spending_cents bigint' }, shown((analyze('joins/shop/training')), 'output'))
  end)

  it('tells columns beyond the four thousandth', function()
    local conf = spending()
    conf.derivations = {}
    for i = 1, 5000 do conf.derivations[i] = { name = 'd' .. i, expression = 'amount_sum_3d' } end
    purchases(1)
    repo:conf('group_bys/shop/spending', conf)
    local output = shown((analyze('group_bys/shop/spending')), 'output')
    assert.equal(5000, #output)
    assert.equal('d5000 double', output[5000])
  end)

  it('describes a staging query', function()
    purchases(1)
    repo:conf('staging_queries/shop/q', { query = "SELECT user, sum(amount) AS total, ds FROM raw.purchases WHERE ds "
      .. "BETWEEN '{{ start_date }}' AND '{{ end_date }}' GROUP BY user, ds", startPartition = '2024-01-01' })
    assert.same({ 'user bigint', 'total double', 'ds string' }, shown((analyze('staging_queries/shop/q')), 'output'))
  end)
end)

describe('analyze --enable-hitter', function()
  local function hitters(more)
    local all = { '--enable-hitter', '--sample', '1' }
    for _, word in ipairs(more or {}) do all[#all + 1] = word end
    local list = {}
    for _, h in ipairs((analyze('group_bys/shop/spending', all)).heavy_hitters or {}) do
      list[#list + 1] = h.column .. ' ' .. h.value .. ' ' .. h.count
    end
    return list
  end

  it('counts keys, rows and years, of three days and what they need', function()
    purchases(1)
    repo:conf('group_bys/shop/spending', spending({ days = 1 }))
    -- 2024-01-07 to 10, and what a window of a day reads before: from the 5th
    assert.same({ 'user 1 12', 'user 2 6', 'total_count rows 18', 'ts_year 2024 18' }, hitters())
    assert.same({ 'user 1 6', 'user 2 3', 'total_count rows 9', 'ts_year 2024 9' }, hitters({ '--start-ds', '2024-01-10' }))
    assert.same({ 'user 1 12', 'total_count rows 18', 'ts_year 2024 18' }, hitters({ '--count', '1' }))
  end)

  it('scales a sample up to all rows', function()
    repo:table('raw.purchases', "SELECT 7 AS \"user\", 1.0::DOUBLE AS amount, 1704844800000 AS ts, '2024-01-10' AS ds "
      .. 'FROM range(200000)', 'ds')
    repo:conf('group_bys/shop/spending', spending())
    local a = analyze('group_bys/shop/spending', { '--enable-hitter' })
    assert.is_near(200000, a.heavy_hitters[1].count, 4000)
    assert.not_equal(200000, a.heavy_hitters[1].count)
    assert.equal(0, a.heavy_hitters[1].count % 10)
  end)

  it('tells the left keys of a join and those of each part', function()
    purchases(1)
    visits()
    training({ { groupBy = spending({ days = 1 }) } })
    local tables = {}
    for _, h in ipairs((analyze('joins/shop/training', { '--enable-hitter', '--sample', '1' })).heavy_hitters) do
      if h.column == 'user' then tables[#tables + 1] = h.table .. ' ' .. h.value .. ' ' .. h.count end
    end
    assert.same({ 'raw.visits 1 3', 'raw.purchases 1 12', 'raw.purchases 2 6' }, tables)
  end)

  it('shows years of instants in other units', function()
    purchases(1, { divide = 1000 })
    repo:conf('group_bys/shop/spending', spending({ days = 1 }))
    assert.same({ 'ts_year 1970 18' }, { hitters({ '--skip-timestamp-check' })[4] })
  end)

  it('refuses a sample that is none', function()
    purchases(1)
    repo:conf('group_bys/shop/spending', spending())
    local r = repo:run('analyze', 'group_bys/shop/spending', '2024-01-10', { '--sample', '2' })
    assert.matches('--sample "2": a number above 0 and up to 1 is needed', r.err, 1, true)
  end)
end)

describe('analyze checks', function()
  local function problems(name, more)
    local a, r = analyze(name, more)
    assert.equal(#a.problems > 0 and 1 or 0, r.code)
    return a.problems, a.warnings
  end

  it('instants, unless it must not', function()
    purchases(1, { divide = 1000 })
    repo:conf('group_bys/shop/spending', spending())
    assert.matches('ts = 170%d+ is not an instant in epoch milliseconds', problems('group_bys/shop/spending')[1])
    assert.same({}, problems('group_bys/shop/spending', { '--skip-timestamp-check' }))
  end)

  it('the types of keys', function()
    purchases(1)
    visits('VARCHAR')
    training({ { groupBy = spending() } })
    assert.same({ 'shop.spending: key "user" is bigint, and the left\'s "user" is string; cast one of them in its selects' },
      (problems('joins/shop/training')))
  end)

  it('the presence of keys', function()
    purchases(1)
    visits()
    training({ { groupBy = spending(), keyMapping = { usr = 'user' } } })
    assert.same({ 'shop.spending: key "usr" is not a column of the left side (did you mean "user"?)' },
      (problems('joins/shop/training')))
  end)

  it('that data go back far enough, from the first day that lacks', function()
    purchases(6)
    visits()
    training({ { groupBy = spending({ accuracy = 0 }) } })
    local what = 'shop.spending: raw.purchases begins at 2024-01-06; the longest window of the first missing day needs '
      .. 'data from 2024-01-%s on'
    assert.same({ what:format('05') }, (problems('joins/shop/training')))
    training({ { groupBy = spending({ accuracy = 1 }) } })
    assert.same({ what:format('04') }, (problems('joins/shop/training')))
    -- once the first days are there the question is another
    repo:succeed('backfill', 'joins/shop/training', '2024-01-09')
    assert.same({}, problems('joins/shop/training'))
  end)

  it('only warns of it where a bootstrap may help, and never of cumulative events', function()
    purchases(6)
    visits()
    training({ { groupBy = spending({ accuracy = 0 }) } }, { rowIds = { 'user' }, bootstrapParts = { { table = 'raw.visits' } } })
    local found, warned = problems('joins/shop/training')
    assert.same({}, found)
    assert.matches('begins at 2024%-01%-06.*a bootstrap part may cover that', warned[1])
    training({ { groupBy = spending({ accuracy = 0, cumulative = 1 }) } })
    assert.same({}, problems('joins/shop/training'))
  end)

  it('that tables can be read, unless it must not', function()
    purchases(1)
    repo:conf('group_bys/shop/spending', spending())
    local folder = program.quote(repo.folder .. '/raw.purchases/ds=2024-01-10')
    program.shell('for f in ' .. folder .. '/*; do echo garbage >"$f"; done')
    assert.matches('raw.purchases cannot be read: ', problems('group_bys/shop/spending')[1], 1, true)
    local r = repo:run('analyze', 'group_bys/shop/spending', '2024-01-10', { '--skip-table-permission-check' })
    assert.equal(1, r.code)
    assert.not_matches('cannot be read', r.err, 1, true)
  end)

  it('that an online GroupBy fits Avro', function()
    purchases(1)
    local dated = spending({ online = 1 })
    dated.sources[1].events.query.selects.user = 'CAST(ds AS DATE)'
    repo:conf('group_bys/shop/spending', dated)
    assert.matches('the GroupBy is online, and an online store keeps Avro.*user', problems('group_bys/shop/spending')[1])
    dated.metaData.online = nil
    repo:conf('group_bys/shop/spending', dated)
    assert.same({}, problems('group_bys/shop/spending'))
  end)

  local LONG, STRING, DOUBLE = { kind = 4 }, { kind = 7 }, { kind = 6 }
  local function struct(name, fields)
    local params = {}
    for i, f in ipairs(fields) do params[i] = { name = f[1], dataType = f[2] } end
    return { kind = 13, name = name, params = params }
  end

  it('an external source against its offlineGroupBy', function()
    purchases(1)
    visits()
    local function external(key, values)
      training({}, { onlineExternalParts = { { source = { metadata = { name = 'svc' }, keySchema = key,
        valueSchema = values, offlineGroupBy = spending() } } } })
    end
    external(struct('any', { { 'user', LONG } }), struct('other', { { 'amount_sum_3d', DOUBLE } }))
    assert.same({}, problems('joins/shop/training'))
    assert.same({ 'ext_svc_amount_sum_3d double' }, shown((analyze('joins/shop/training')), 'output'))
    external(struct('k', { { 'user', STRING } }), struct('v', { { 'amount_sum_3d', LONG }, { 'amount_sum', LONG } }))
    assert.same({
      'svc: key "user" is string in its schema, but bigint in the offlineGroupBy',
      'svc: value "amount_sum_3d" is bigint in its schema, but double in the offlineGroupBy',
      'svc: value "amount_sum" is in its schema, but not in the offlineGroupBy (did you mean "amount_sum_3d"?)',
    }, (problems('joins/shop/training')))
    external(struct('k', { { 'id', LONG } }), struct('v', {}))
    assert.same({
      'svc: key "id" is in its schema, but not in the offlineGroupBy',
      'svc: key "user" of the offlineGroupBy is not in its schema',
      'svc: value "amount_sum_3d" of the offlineGroupBy is not in its schema',
    }, (problems('joins/shop/training')))
  end)
end)

describe('analyze --export-schema', function()
  it('writes keys and values of the end date', function()
    purchases(1)
    visits()
    training({ { groupBy = spending() } })
    local a = analyze('joins/shop/training', { '--export-schema' })
    assert.equal('ns.joins_shop_training_schema', a.schema_table)
    local list = repo:read('SELECT key_schema::VARCHAR AS k, value_schema::VARCHAR AS v, ds FROM ns.joins_shop_training_schema',
      { 'ns.joins_shop_training_schema' })
    assert.equal(1, #list)
    assert.equal("[{'name': user, 'data_type': bigint}]", list[1].k)
    assert.equal("[{'name': shop_spending_amount_sum_3d, 'data_type': double}]", list[1].v)
    assert.equal('2024-01-10', list[1].ds)
    assert.is_nil(analyze('joins/shop/training').schema_table)
  end)
end)

