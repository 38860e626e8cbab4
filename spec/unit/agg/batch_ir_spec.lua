-- Batch IRs: the real Chronon's bytes (spec/golden/windowing.txt of the specification), the edges of
-- windows, hostile bytes, and the property that matters: what is served equals what the backfill says.
local ffi = require('ffi')
local cdef = require('spec.support.cdef')
local C = cdef.load('agg/batch_ir.h', 'agg/frame.h')
local agg = require('spec.support.agg')
local avro = require('spec.support.avro')
local batch_ir = require('spec.support.batch_ir')
local cols = require('spec.support.cols')
local frame = require('spec.support.frame')
local seed = require('spec.support.seed')

local null = cols.null
local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local END = 1706745600000 -- 2024-02-01

local function unhex(text)
  return (text:gsub('..', function(h) return string.char(tonumber(h, 16)) end))
end

--- Served values as text: columns that hold a map are ordered.
local function shown(plan, values)
  local parts = {}
  for i, v in ipairs(values) do
    local is_map = tonumber(plan.parts[i - 1].output.kind) == cols.kinds.map
    parts[i] = cols.show(is_map and v ~= null and cols.sorted(v) or v)
  end
  return table.concat(parts, ' ')
end

describe('batch IR of the real Chronon', function()
  local plan = assert(agg.plan({ { 'v', 'long' }, { 'b', 'string' } }, {
    { 'v', 'SUM', windows = { '1h', '1d', '7d', '30d' } }, { 'v', 'LAST', windows = { '7d' } },
    { 'v', 'COUNT', buckets = { 'b' } }, { 'v', 'AVERAGE' },
  }))
  local IR = unhex('02000002803c02e03f0202c0cf889cac63028020020402780e0279080002020000000000feaf4002'
    .. '1802060402080000000280c0c2f7986302100000000280b0f5c999630008028001020280adb0e0a76302800100000280'
    .. 'd0d4dea7630280020202b0a0ba83a96302800200000280f68280a9630280100000000280a89ff6ab6302802000000002'
    .. '80a6819cac6300020280200000000280a6819cac630000')

  it('has its schema', function()
    local pair = '{"type":"record","name":"TimePair_long%s","doc":"","fields":['
      .. '{"name":"epochMillis%s","type":["null","long"],"doc":""},'
      .. '{"name":"payload%s","type":["null","long"],"doc":""}]}'
    local average = '{"type":"record","name":"AvgIr%s","doc":"","fields":['
      .. '{"name":"sum%s","type":["null","double"],"doc":""},{"name":"count%s","type":["null","int"],"doc":""}]}'
    local function field(name, t) return ('{"name":"%s","type":["null",%s],"doc":""}'):format(name, t) end
    local again, map = '_REPEATED_NAME_0', '{"type":"map","values":"long"}'
    assert.equal('{"type":"record","name":"gb_IR","namespace":"ai.chronon.data","doc":"","fields":['
      .. '{"name":"collapsedIr","type":["null",{"type":"record","name":"WindowedIr","doc":"","fields":['
      .. table.concat({ field('v_sum_1h', '"long"'), field('v_sum_1d', '"long"'), field('v_sum_7d', '"long"'),
                        field('v_sum_30d', '"long"'), field('v_last_7d', pair:format('', '', '')),
                        field('v_count_by_b', map), field('v_average', average:format('', '', '')) }, ',')
      .. ']}],"doc":""},{"name":"tailHopIrs","type":["null",{"type":"array","items":{"type":"array","items":'
      .. '{"type":"record","name":"HopIr","doc":"","fields":['
      .. table.concat({ field('v_sum', '"long"'), field('v_last', pair:format(again, again, again)),
                        field('v_count_by_b' .. again, map),
                        field('v_average' .. again, average:format(again, again, again)), field('ts', '"long"') }, ',')
      .. ']}}}],"doc":""}]}', avro.text(batch_ir.new(plan, END).schema))
  end)

  it('is read and written back as the same bytes', function()
    local b = batch_ir.new(plan, END)
    assert.is_nil((b:load(IR)))
    assert.equal(IR, b:bytes())
  end)

  it('is served as its fetcher does', function()
    local b = batch_ir.new(plan, END)
    assert.is_nil((b:load(IR)))
    local stream = {
      { ts = END, 10000LL, 'x' }, { ts = END + 8 * HOUR, 20000LL, 'y' },
      { ts = END + 10 * HOUR - MINUTE, 40000LL, 'z' }, { ts = END + 10 * HOUR + 30 * MINUTE, 80000LL, 'x' },
    }
    for q, want in pairs({
      [END] = '2048LL 3072LL 4032LL 4092LL 2048LL {{"x", 7LL}, {"y", 4LL}} 341.25',
      [END + 1000] = '12048LL 13072LL 14032LL 14092LL 10000LL {{"x", 8LL}, {"y", 4LL}} 1084.2307692308',
      [END + 10 * HOUR] =
        '40000LL 73072LL 73968LL 74092LL 40000LL {{"x", 8LL}, {"y", 5LL}, {"z", 1LL}} 4939.6666666667',
      [END + 10 * HOUR + 3510000] =
        '120000LL 153072LL 153968LL 154092LL 80000LL {{"x", 9LL}, {"y", 5LL}, {"z", 1LL}} 9630.9375',
      [END + DAY + 31 * MINUTE] =
        'null 150000LL 153968LL 154088LL 80000LL {{"x", 9LL}, {"y", 5LL}, {"z", 1LL}} 9630.9375',
      [END + 2 * DAY + 13 * HOUR] =
        'null null 153840LL 154080LL 80000LL {{"x", 9LL}, {"y", 5LL}, {"z", 1LL}} 9630.9375',
    }) do
      local got = shown(plan, b:serve(q, stream)):gsub('[%d.]+$', function(x) return ('%.14g'):format(x) end)
      assert.equal(want, got)
    end
    assert.same({ nil, 'Request time of 1706659200000 is less than batch time 1706745600000' },
      { b:serve(END - DAY, {}) })
  end)
end)

describe('batch IR', function()
  it('keeps the row at exactly batch end - window, which upstream loses', function()
    local plan = assert(agg.plan({ { 'v', 'long' } }, { { 'v', 'COUNT', windows = { '1d', '30d' } } }))
    local b = batch_ir.new(plan, END)
    b:add({ { ts = END - DAY, 1LL }, { ts = END - 30 * DAY, 1LL }, { ts = END - 30 * DAY - 1, 1LL } })
    assert.equal('1LL 2LL', shown(plan, b:serve(END, {})))
    assert.equal('null 1LL', shown(plan, b:serve(END + DAY + HOUR, {})))
  end)

  it('of entities loses it, as the backfill of entities with mutations does', function()
    local plan = assert(agg.plan({ { 'v', 'long' } }, { { 'v', 'COUNT', windows = { '1d', '30d' } } }))
    local b = batch_ir.new(plan, END, 'ENTITIES')
    b:add({ { ts = END - DAY, 1LL }, { ts = END - DAY + 1, 1LL }, { ts = END - 30 * DAY, 1LL } })
    assert.equal('1LL 2LL', shown(plan, b:serve(END, {})))
  end)

  it('takes mutations by their time and windows them by the row\'s', function()
    local plan = assert(agg.plan({ { 'v', 'long' } }, {
      { 'v', 'SUM', windows = { '1d' } }, { 'v', 'COUNT' }, { 'v', 'MAX' },
    }))
    local b = batch_ir.new(plan, END, 'ENTITIES')
    b:add({ { ts = END - HOUR, 5LL }, { ts = END - 2 * DAY, 7LL } })
    local mutations = {
      { ts = END - HOUR, mutation_ts = END + MINUTE, is_before = true, 5LL },
      { ts = END - HOUR, mutation_ts = END + MINUTE, 6LL },
      { ts = END - 2 * DAY, mutation_ts = END + HOUR, is_before = true, 7LL },
      { ts = END + HOUR, mutation_ts = END + HOUR, 8LL },
      { ts = END - 1, mutation_ts = END - 1, 100LL },
    }
    for q, want in pairs({ [END] = '5LL 2LL 7LL', [END + MINUTE] = '5LL 2LL 7LL', [END + MINUTE + 1] = '6LL 2LL 7LL',
                           [END + HOUR + 1] = '14LL 2LL 8LL' }) do
      assert.equal(want, shown(plan, b:serve(q, mutations)), q - END)
    end
  end)

  it('counts no row of a hop twice where a window is no multiple of it', function()
    local plan = assert(agg.plan({ { 'v', 'long' } }, { { 'v', 'COUNT', windows = { '300h', '12d' } } }))
    local b = batch_ir.new(plan, END)
    local rows = {}
    for h = 1, 15 * 24 do rows[h] = { ts = END - h * HOUR, 1LL } end
    b:add(rows)
    for _, after in ipairs({ 0, 5, 12, 13, 24, 40, 48 }) do
      local f = frame.frame(plan, (function()
        local keyed = {}
        for i, r in ipairs(rows) do keyed[i] = { key = 0, ts = r.ts, r[1] } end
        return keyed
      end)())
      local q = END + after * HOUR
      assert.equal(shown(plan, frame.ask(f, plan, { { 0, q } })[1]), shown(plan, b:serve(q, {})))
    end
  end)

  it('ignores rows at and after the batch end', function()
    local plan = assert(agg.plan({ { 'v', 'long' } }, { { 'v', 'COUNT', windows = { '1h' } }, { 'v', 'SUM' } }))
    local b = batch_ir.new(plan, END)
    b:add({ { ts = END, 1LL }, { ts = END + 5, 1LL } })
    assert.equal('null null', shown(plan, b:serve(END + 10, {})))
    C.agg_batch_ir_reset(b.c, END + 6)
    b:add({ { ts = END + 5, 7LL } })
    assert.equal('1LL 7LL', shown(plan, b:serve(END + 10, {})))
  end)

  it('does not depend on the order of rows', function()
    local plan = assert(agg.plan({ { 'v', 'long' } }, { { 'v', 'SUM', windows = { '1h', '7d' } } }))
    local random, rows = seed.random('batch ir order'), {}
    for i = 1, 60 do rows[i] = { ts = END - random(1, 8 * DAY), 0LL + i } end
    local b, sorted = batch_ir.new(plan, END), batch_ir.new(plan, END)
    b:add(rows)
    table.sort(rows, function(x, y) return x.ts < y.ts end)
    sorted:add(rows)
    assert.equal(sorted:bytes(), b:bytes())
  end)

  it('refuses bytes of any origin that mean nothing', function()
    local plan = assert(agg.plan({ { 'v', 'long' }, { 's', 'string' } }, {
      { 'v', 'SUM', windows = { '1h', '7d' } }, { 's', 'LAST_K', windows = { '7d' }, args = { k = 2 } },
      { 's', 'UNIQUE_COUNT' }, { 'v', 'APPROX_UNIQUE_COUNT', windows = { '3d' } },
      { 'v', 'AVERAGE', buckets = { 's' } },
      { 'v', 'APPROX_PERCENTILE', args = { percentiles = '[0.5]' } }, { 's', 'HISTOGRAM', windows = { '1d' } },
    }))
    local random = seed.random('batch ir mutants')
    local b, other, rows = batch_ir.new(plan, END), batch_ir.new(plan, END), {}
    for i = 1, 80 do rows[i] = { ts = END - random(1, 8 * DAY), 0LL + i % 7, 's' .. i % 5 } end
    b:add(rows)
    local bytes, refused = b:bytes(), 0
    for _ = 1, 2000 do
      local message, status = other:load(avro.mutant(random, bytes))
      if message then
        refused = refused + 1
        assert.equal(tonumber(C.CHN_E_CORRUPT), status, message)
      else
        assert.is_truthy(other:serve(END + HOUR, {}))
      end
    end
    assert.is_true(refused > 0)
    local nulls, hop = ('00'):rep(plan.n_parts), ('00'):rep(plan.n_bases)
    for want, hops in pairs({
      ['tail hops of 1 sizes'] = '02' .. '0000', ['without its time'] = '06' .. '02' .. hop .. '00' .. '00000000',
      ['not in the order'] = '06' .. '04' .. hop .. '0208' .. hop .. '0206' .. '00' .. '000000',
    }) do
      local message = other:load(unhex('02' .. nulls .. '02' .. hops))
      assert.matches(want, message)
    end
  end)
end)

-- ---- served = backfilled ------------------------------------------------------------------------

local TRIALS = tonumber(os.getenv('TRIALS')) or 300
local WORDS = { 'a', 'b', '', 'a word longer than twelve bytes', '\xf0\x9f\x98\x80' }
local TYPES = { 'int', 'long', 'double', 'string', 'boolean', 'list<int>', 'map<string,int>' }
local WINDOWS = { '1h', '6h', '12h', '30h', '1d', '2d', '3d', '7d', '8d', '12d', '300h', '13d' }
-- Not APPROX_HISTOGRAM_K: exact in frames far longer than in states.
local OPS = { 'MIN', 'MAX', 'FIRST', 'LAST', 'UNIQUE_COUNT', 'APPROX_UNIQUE_COUNT', 'COUNT', 'SUM', 'AVERAGE',
              'VARIANCE', 'SKEW', 'KURTOSIS', 'APPROX_PERCENTILE', 'LAST_K', 'FIRST_K', 'TOP_K', 'BOTTOM_K',
              'HISTOGRAM', 'BOUNDED_UNIQUE_COUNT' }

local function value(random, kind)
  if random(1, 6) == 1 then return null end
  local scalars = {
    int = function() return random(-20, 20) end, long = function() return 0LL + random(-20, 20) end,
    double = function() return random(-4000, 4000) / 8 end, string = function() return WORDS[random(1, #WORDS)] end,
    boolean = function() return random(0, 1) == 1 end,
  }
  if scalars[kind] then return scalars[kind]() end
  local out = {}
  for i = 1, random(0, 3) do
    out[i] = kind == 'list<int>' and scalars.int() or { 'k' .. i, scalars.int() }
  end
  if kind == 'list<int>' then out.n = #out end
  return out
end

local function random_plan(random)
  local fields, defs = { { 'bucket', 'string' } }, {}
  for i = 1, random(1, 4) do
    fields[i + 1] = { 'c' .. i, TYPES[random(1, #TYPES)] }
    repeat
      local def = { 'c' .. i, OPS[random(1, #OPS)], args = { percentiles = '[0.5, 0.9]' }, windows = {} }
      def.args.k = def[2] == 'APPROX_PERCENTILE' and 200 or def[2] == 'APPROX_UNIQUE_COUNT' and 8 or random(1, 4)
      -- Which of the entries with equal counts a cut histogram keeps is nobody's promise.
      if def[2] == 'HISTOGRAM' then def.args.k = 0 end
      for w = 1, #WINDOWS do
        if random(1, 5) == 1 then def.windows[#def.windows + 1] = WINDOWS[w] end
      end
      if random(1, 3) == 1 then def.buckets = { 'bucket' } end
      defs[i] = def
    until agg.plan(fields, { def })
  end
  return agg.plan(fields, defs)
end

local function random_rows(random, plan)
  local rows = {}
  for i = 1, random(0, 120) do
    -- Half of them on the edges where windows begin.
    local ts = END + 2 * DAY - random(0, 17 * DAY)
    if random(1, 2) == 1 then ts = ts - ts % ({ DAY, HOUR, 5 * MINUTE })[random(1, 3)] end
    rows[i] = { key = 0, ts = ts }
    for j = 1, plan.inputs.n_fields do
      rows[i][j] = value(random, cols.type_text(plan.inputs.fields[j - 1].type):gsub('array<', 'list<')
        :gsub('bigint', 'long'))
    end
  end
  return rows
end

describe('what is served', function()
  it('is what the backfill says of the same instant', function()
    local random, from = seed.random('served is backfilled')
    for trial = 1, TRIALS do
      local plan = random_plan(random)
      local rows = random_rows(random, plan)
      local batch, stream, b = {}, {}, batch_ir.new(plan, END)
      for _, r in ipairs(rows) do table.insert(r.ts < END and batch or stream, r) end
      b:add(batch)
      local fetched = batch_ir.new(plan, END)
      assert.is_nil((fetched:load(b:bytes())))
      local f = frame.frame(plan, rows, { n_keys = 1 })
      for _ = 1, 4 do
        local q = END + random(0, 2 * DAY)
        if random(1, 3) == 1 then q = q - q % (5 * MINUTE) end
        local want = frame.ask(f, plan, { { 0, q } })[1]
        local got = fetched:serve(q, stream)
        for p = 1, plan.n_parts do
          local part = plan.parts[p - 1]
          assert.is_true(cols.same(part.output, want[p], got[p], 1e-9),
            ('seed %d, trial %d, q = B + %d: %s is %s, backfilled %s'):format(from, trial, q - END,
              ffi.string(part.name), cols.show(got[p]), cols.show(want[p])))
        end
      end
    end
  end)
end)

describe('rows of a frame', function()
  it('come back by key and time', function()
    local fields = { { 'i', 'int' }, { 's', 'string' }, { 'l', 'list<string>' }, { 'd', 'double' },
                     { 'm', 'map<string,int>' } }
    local defs = {}
    for i, f in ipairs(fields) do defs[i] = { f[1], 'COUNT' } end
    local plan = assert(agg.plan(fields, defs))
    local random, rows, by_key = seed.random('frame rows'), {}, {}
    for i = 1, 5000 do
      local r = { key = random(0, 1) * 2, ts = random(1, 3000), i % 3 == 0 and null or i,
                  i % 4 == 0 and null or 'some text that is long ' .. i,
                  i % 5 == 0 and null or { 'x', 'y' .. i, n = 2 }, i / 4, { { 'k', i } } }
      rows[i], r.order = r, i
      by_key[r.key] = by_key[r.key] or {}
      table.insert(by_key[r.key], r)
    end
    local f = frame.frame(plan, rows, { n_keys = 4, batch = 999 })
    local reader = ffi.gc(C.agg_frame_reader_new(f), C.agg_frame_reader_free)
    local columns = ffi.new('struct row_col[5]')
    for key, list in pairs(by_key) do
      table.sort(list, function(x, y) return x.ts < y.ts or (x.ts == y.ts and x.order < y.order) end)
      local from = 0
      repeat
        local n = tonumber(C.agg_frame_read(reader, key, from, columns))
        for i = 0, n - 1, 97 do
          for j = 1, 5 do
            local want, t = list[from + i + 1][j], plan.inputs.fields[j - 1].type
            assert.is_true(cols.same(t, want, cols.read(columns[j - 1], i)))
          end
        end
        from = from + n
      until n == 0
      assert.equal(#list, from)
    end
    assert.equal(0, tonumber(C.agg_frame_read(reader, 1, 0, columns)))
    assert.equal(0, tonumber(C.agg_frame_read(reader, 9, 0, columns)))
  end)
end)
