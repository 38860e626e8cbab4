-- The frame against the oracle: random rows, operations, windows, tails, ties, nulls, pieces of
-- work and threads. SEED=n repeats a run, TRIALS=n makes it longer.
local ffi = require('ffi')
local agg = require('spec.support.agg')
local cols = require('spec.support.cols')
local frame = require('spec.support.frame')
local oracle = require('spec.support.oracle')

local null = cols.null
local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local TRIALS = tonumber(os.getenv('TRIALS')) or 400

local function pick(list) return list[math.random(#list)] end
local function chance(p) return math.random() < p end

-- ---- values ---------------------------------------------------------------------------------

local WORDS = { 'a', 'b', 'ab', '', 'ä', '\xee\x80\x80', '\xf0\x9f\x98\x80', 'a word longer than twelve',
                'a word longer than twelve bytes' }

local SCALARS = {
  boolean = function() return chance(0.5) end,
  byte = function() return math.random(-128, 127) end,
  short = function() return math.random(-9, 9) end,
  int = function() return math.random(-20, 20) end,
  long = function() return 0LL + math.random(-9, 9) end,
  huge_long = function() -- where sums wrap
    return chance(0.05) and pick { 9223372036854775807LL, -9223372036854775807LL } or 0LL + math.random(-9, 9)
  end,
  float = function() return math.random(-40, 40) / 4 end,
  double = function()
    if chance(0.5) then return math.random(-40, 40) / 4 end
    return (math.random() - 0.5) * 10 ^ math.random(0, 4)
  end,
  string = function() return chance(0.7) and pick(WORDS) or 'w' .. math.random(300) end,
  binary = function() return string.char(math.random(0, 3)) end,
}

local function odd(value) return pick { 0 / 0, math.huge, -math.huge, -0.0, value } end

--- A generator of values of a type. `odd_numbers`: NaN, infinities and signed zeros among them.
local function generator(type_text, null_share, odd_numbers)
  local inner = type_text:match('^list<(.*)>$')
  local key_value = type_text:match('^map<string,(.*)>$')
  local one
  if inner then
    local element = generator(inner, null_share, odd_numbers)
    one = function()
      local v = { n = math.random(0, 4) }
      for i = 1, v.n do v[i] = element() end
      return v
    end
  elseif key_value then
    local element = generator(key_value, null_share, odd_numbers)
    one = function()
      local v, used = {}, {}
      for _ = 1, math.random(0, 3) do
        local key = pick(WORDS)
        if not used[key] then v[#v + 1], used[key] = { key, element() }, true end
      end
      return v
    end
  elseif type_text:match('^struct') then
    one = function() return { a = math.random(9), b = pick(WORDS) } end
  else
    one = SCALARS[type_text]
    if odd_numbers and (type_text == 'double' or type_text == 'float') then
      local plain = one
      one = function() return chance(0.1) and odd(plain()) or plain() end
    end
  end
  return function() return chance(null_share) and null or one() end
end

local TYPES = { 'boolean', 'byte', 'short', 'int', 'long', 'float', 'double', 'string', 'binary',
                'list<int>', 'list<double>', 'list<string>', 'map<string,int>', 'map<string,double>',
                'map<string,string>', 'struct<a:int,b:string>', 'list<list<int>>' }

-- ---- plans ----------------------------------------------------------------------------------

local function definition(column, daily)
  local op = pick(agg.ops)
  local def = { column, op, args = {}, windows = {} }
  if op:match('_K$') and op ~= 'APPROX_HISTOGRAM_K' then
    def.args.k = math.random(1, chance(0.2) and 40 or 4)
  elseif op == 'HISTOGRAM' or op == 'BOUNDED_UNIQUE_COUNT' or op == 'APPROX_HISTOGRAM_K' then
    def.args.k = math.random(1, 6)
  elseif op == 'APPROX_UNIQUE_COUNT' then
    def.args.k = pick { 4, 8, 13 }
  elseif op == 'APPROX_PERCENTILE' then
    def.args.percentiles = pick { '[0.5]', '[0, 0.25, 0.9, 1]' }
  end
  local windows = daily and { '1d', '3d', '13d' } or { '1h', '2h', '12h', '1d', '13d' }
  for _ = 1, math.random(0, 2) do
    local w = pick(windows)
    if def.windows[1] ~= w then def.windows[#def.windows + 1] = w end
  end
  if chance(0.3) then def.buckets = { 'bucket' } end
  if chance(0.2) then def.element_wise = true end
  return def
end

--- A plan over up to four random columns, or nil when chance made an invalid one.
local function random_plan(daily)
  local fields, defs = { { 'bucket', 'string' } }, {}
  for i = 1, math.random(1, 4) do
    fields[i + 1] = { 'c' .. i, pick(TYPES) }
    defs[i] = definition('c' .. i, daily)
    if not agg.plan(fields, { defs[i] }) then -- an operation that this type has not
      defs[i].buckets, defs[i].element_wise = nil, nil
      if not agg.plan(fields, { defs[i] }) then defs[i] = { 'c' .. i, 'COUNT' } end
    end
    if not agg.plan(fields, { defs[i] }) then return nil end
  end
  return agg.plan(fields, defs)
end

-- ---- trials ---------------------------------------------------------------------------------

--- Element-wise lists must have one length.
local function even_lists(plan, j)
  for p = 0, plan.n_parts - 1 do
    if plan.parts[p].input == j - 1 and plan.parts[p].shape == 2 then return true end
  end
end

--- Sums of doubles depend on their order where huge values cancel: the mean of huge longs says
--- nothing.
local function is_averaged(plan, j)
  for p = 0, plan.n_parts - 1 do
    local op = tonumber(plan.parts[p].op)
    if plan.parts[p].input == j - 1 and op >= 8 and op <= 11 then return true end
  end
end

local function random_rows(plan, clock)
  local rows, n_keys = {}, math.random(1, 5)
  local generators = {}
  for j = 1, plan.inputs.n_fields do
    local t = cols.type_text(plan.inputs.fields[j - 1].type)
    t = t:gsub('bigint', 'long'):gsub('array', 'list'):gsub('smallint', 'short'):gsub('tinyint', 'byte')
    if t == 'long' and chance(0.3) and not is_averaged(plan, j) then t = 'huge_long' end
    generators[j] = generator(t, pick { 0, 0, 0.1, 0.5 }, chance(0.3))
    if even_lists(plan, j) then
      local element = generator(t:match('^list<(.*)>$'), 0, chance(0.3))
      local size = math.random(1, 3)
      generators[j] = function()
        if chance(0.1) then return chance(0.5) and null or { n = 0 } end
        local v = { n = size }
        for i = 1, size do v[i] = element() end
        return v
      end
    end
  end
  for i = 1, pick { 0, 3, 30, 100, 300 } do
    -- Half of the rows belong to key 0, some to none.
    local r = { key = chance(0.5) and 0 or math.random(-1, n_keys - 1), ts = clock() }
    for j = 1, plan.inputs.n_fields do r[j] = generators[j]() end
    rows[i] = r
  end
  if chance(0.5) then
    local order = {}
    for i, r in ipairs(rows) do order[r] = i end
    table.sort(rows, function(x, y)
      if x.ts ~= y.ts then return x.ts < y.ts end
      return order[x] < order[y]
    end)
  end
  return rows, n_keys
end

local function random_queries(rows, n_keys, clock)
  local queries = {}
  for i = 1, pick { 1, 5, 60 } do
    local at = clock()
    if #rows > 0 and chance(0.3) then at = pick(rows).ts + pick { 0, 1, HOUR, DAY } end
    queries[i] = { math.random(-1, n_keys), at }
    if chance(0.5) then queries[i][1] = 0 end
  end
  table.sort(queries, function(x, y)
    if x[1] ~= y[1] then return x[1] < y[1] end
    return x[2] < y[2]
  end)
  return queries
end

local function random_clock()
  local origin = pick { 1600000000000, 0, -5000000000 }
  local step, n = unpack(pick { { 1, 50 }, { MINUTE, 400 }, { HOUR, 800 }, { DAY / 2, 80 }, { 12345678, 300 } })
  return function() return origin + step * math.random(0, n) end
end

--- What the oracle needs of one key: columns and instants in order of arrival.
local function of_key(rows, key, n_inputs)
  local data, ts = {}, {}
  for j = 1, n_inputs do data[j] = {} end
  for _, r in ipairs(rows) do
    if r.key == key and key >= 0 then
      ts[#ts + 1] = r.ts
      for j = 1, n_inputs do data[j][#ts] = r[j] end
    end
  end
  return data, ts
end

local function trial(number)
  local tail = pick { 'sawtooth', 'sawtooth', 'daily', 'exact' }
  local plan, arena = random_plan(tail == 'daily')
  if plan == nil then return 0 end
  local clock = random_clock()
  local rows, n_keys = random_rows(plan, clock)
  local queries = random_queries(rows, n_keys, clock)
  local opts = { tail = tail, threads = pick { 1, 1, 4 }, task_cost = pick { 0, 1, 40 },
                 batch = pick { 1, 7, 64, 1000 }, n_keys = n_keys }
  local answers = frame.ask(frame.frame(plan, rows, opts), plan, queries, opts)
  local seen = {}
  for i, q in ipairs(queries) do
    seen[q[1]] = seen[q[1]] or { of_key(rows, q[1], plan.inputs.n_fields) }
    local data, ts = unpack(seen[q[1]])
    for p = 0, plan.n_parts - 1 do
      local part = plan.parts[p]
      local want, got = oracle.at(part, data, ts, tail, q[2]), answers[i][p + 1]
      if not oracle.same(part, want, got) then
        error(('trial %d: %s (%s) for key %d at %d, tail %s, task_cost %d, %d threads: want %s, got %s'):format(
          number, ffi.string(part.name), cols.type_text(plan.inputs.fields[part.input].type), q[1], q[2],
          tail, opts.task_cost, opts.threads, cols.show(want), cols.show(got)))
      end
    end
  end
  return #queries * plan.n_parts, arena
end

describe('agg frame', function()
  it('answers as the oracle does', function()
    local seed = tonumber(os.getenv('SEED')) or os.time()
    io.stdout:write('seed ', seed, '\n')
    math.randomseed(seed)
    local checked = 0
    for number = 1, TRIALS do checked = checked + trial(number) end
    assert.is_true(checked > TRIALS)
  end)
end)
