-- IRs against the oracle: random operations, types, shapes, nulls, ties; rows cut into IRs that are
-- stored, read and merged; deletes.
local ffi = require('ffi')
local C = require('spec.support.cdef').load('agg/ir.h')
local cols = require('spec.support.cols')
local agg = require('spec.support.agg')
local oracle = require('spec.support.oracle')
local IR = require('spec.support.ir')
local seeds = require('spec.support.seed')
local null = cols.null

local NUMBERS = { 'short', 'int', 'long', 'float', 'double' }
local ALL = { 'short', 'int', 'long', 'float', 'double', 'string', 'binary', 'boolean' }

local function with(list, ...)
  local out = { unpack(list) }
  for _, t in ipairs({ ... }) do out[#out + 1] = t end
  return out
end

local TYPES = {
  COUNT = ALL, SUM = with(NUMBERS, 'boolean'), AVERAGE = NUMBERS, VARIANCE = NUMBERS,
  SKEW = NUMBERS, KURTOSIS = NUMBERS, MIN = with(NUMBERS, 'string'), MAX = with(NUMBERS, 'string'),
  FIRST = ALL, LAST = ALL, FIRST_K = ALL, LAST_K = ALL,
  TOP_K = with(NUMBERS, 'string'), BOTTOM_K = with(NUMBERS, 'string'),
  UNIQUE_COUNT = with(NUMBERS, 'string', 'binary'),
  BOUNDED_UNIQUE_COUNT = with(NUMBERS, 'string', 'binary'),
  APPROX_UNIQUE_COUNT = with(NUMBERS, 'string', 'binary'),
  APPROX_PERCENTILE = NUMBERS, HISTOGRAM = { 'string' },
  APPROX_HISTOGRAM_K = with(NUMBERS, 'string'),
}
local TIMED = { FIRST = true, LAST = true, FIRST_K = true, LAST_K = true }
local NEEDS_K = { FIRST_K = true, LAST_K = true, TOP_K = true, BOTTOM_K = true }
local WORDS = { '', 'a', 'b', 'ab', 'a longer word than twelve bytes', 'a longer word, another one',
                'z', '\xee\x80\x80', '\xf0\x9f\x98\x80', 'q\0r' }

local function scalar(random, kind)
  if kind == 'boolean' then return random(0, 1) == 1 end
  if kind == 'string' or kind == 'binary' then return WORDS[random(1, #WORDS)] end
  if kind == 'float' or kind == 'double' then
    local special = random(1, 60)
    if special == 1 then return 0 / 0 elseif special == 2 then return -0.0 end
    if special == 3 then return math.huge end
    return random(-40, 40) / 4
  end
  if kind == 'long' then
    return random(1, 30) == 1 and 9223372036854775807LL - random(0, 3) or 0LL + random(-20, 20)
  end
  return random(-20, 20)
end

local function value(random, kind, shape)
  if random(1, 6) == 1 then return null end
  local function inner() return random(1, 5) == 1 and null or scalar(random, kind) end
  if shape == 'list' then
    local out = { n = random(0, 4) }
    for i = 1, out.n do out[i] = inner() end
    return out
  elseif shape == 'elements' then
    local out = { n = random(1, 8) == 1 and 0 or 3 }
    for i = 1, out.n do out[i] = scalar(random, kind) end
    return out
  elseif shape == 'map' then
    local out = {}
    for _, key in ipairs({ 'k1', 'k2', 'a key longer than twelve bytes' }) do
      if random(1, 2) == 1 then out[#out + 1] = { key, inner() } end
    end
    return out
  elseif shape == 'struct' then
    return { a = inner(), b = scalar(random, 'string') }
  end
  return scalar(random, kind)
end

--- A random plan of one aggregation, and rows for it.
local function case(random, op)
  local kind = TYPES[op][random(1, #TYPES[op])]
  local shape = ({ 'scalar', 'scalar', 'list', 'elements', 'map', 'struct' })[random(1, 6)]
  if shape == 'struct' and not (TIMED[op] or op == 'COUNT') then shape = 'scalar' end
  if shape == 'elements' and TIMED[op] then shape = 'list' end
  local text = ({ scalar = kind, list = 'list<' .. kind .. '>', elements = 'list<' .. kind .. '>',
                  map = 'map<string,' .. kind .. '>',
                  struct = 'struct<a:' .. kind .. ',b:string>' })[shape]
  local def = { 'x', op, args = {}, element_wise = shape == 'elements' }
  if NEEDS_K[op] or random(1, 2) == 1 then
    def.args.k = op == 'APPROX_UNIQUE_COUNT' and random(4, 10)
      or op == 'APPROX_PERCENTILE' and 200 or random(1, 5)
  end
  if op == 'APPROX_PERCENTILE' then def.args.percentiles = '[0.0, 0.1, 0.5, 0.95, 1.0]' end
  if shape ~= 'elements' and (shape ~= 'map' or TIMED[op]) and random(1, 3) == 1 then
    def.buckets = { 'b' }
  end
  local plan, arena = agg.plan({ { 'x', text }, { 'b', 'string' } }, { def })
  assert.is_truthy(plan, arena)
  local data, ts = { {}, {} }, {}
  local rows = random(0, 40)
  for i = 1, rows do
    data[1][i] = value(random, kind, shape)
    data[2][i] = random(1, 8) == 1 and null or ({ 'p', 'q', 'r' })[random(1, 3)]
    ts[i] = random(1, 25)
  end
  if not def.buckets then data[2] = nil end
  local what = ('%s of %s%s, k %s, %d rows'):format(op, text, def.buckets and ' by b' or '',
    tostring(def.args.k), rows)
  return { plan = plan, part = plan.parts[0], arena = arena, data = data, ts = ts, n = rows,
           what = what, element_wise = def.element_wise }
end

local function sequence(from, to)
  local out = {}
  for i = from, to do out[#out + 1] = i end
  return out
end

local function fed(c, columns, rows)
  local ir = IR.new(c.plan.parts, 1)
  for _, i in ipairs(rows) do
    local failed = ir:update(columns, i, c.ts[i])
    assert(not failed, failed)
  end
  return ir
end

local function check(c, seed, want, got)
  local close = oracle.same(c.part, want, got)
  -- Skew and kurtosis of values that are nearly equal divide rounding by rounding.
  if not close and (c.part.op == 10 or c.part.op == 11) then
    close = cols.same(c.part.output, want, got, 1e-6)
  end
  assert.is_true(close, ('%s, seed %d: want %s, got %s'):format(c.what, seed, cols.show(want),
    cols.show(got)))
end

describe('agg IR equals the oracle', function()
  for _, op in ipairs(agg.ops) do
    it('for ' .. op .. ', whole, and cut, stored, read and merged', function()
      local random, seed = seeds.random('ir ' .. op)
      for _ = 1, 150 do
        local c = case(random, op)
        local columns, keep = cols.columns(c.plan.inputs, c.data)
        local want = oracle.answer(c.part, c.data, c.ts, sequence(1, c.n))
        check(c, seed, want, fed(c, columns, sequence(1, c.n)):finish()[1])
        local merged, at = IR.new(c.plan.parts, 1), 1
        while at <= c.n do
          local upto = math.min(c.n, at + random(0, 15))
          local piece = fed(c, columns, sequence(at, upto))
          if random(0, 1) == 0 then piece = piece:reloaded() end
          local failed = merged:merge(piece)
          assert(not failed, failed)
          if random(0, 3) == 0 then merged = merged:reloaded() end
          at = upto + 1
        end
        check(c, seed, want, merged:finish()[1])
        check(c, seed, want, merged:finish()[1]) -- finishing changes nothing
        assert.is_truthy(keep)
      end
    end)
  end

  for _, op in ipairs({ 'COUNT', 'SUM', 'AVERAGE', 'HISTOGRAM' }) do
    it('for ' .. op .. ', after deletes', function()
      local random, seed = seeds.random('delete ' .. op)
      for _ = 1, 150 do
        local c = case(random, op)
        -- Infinity and NaN cannot be taken back; entries that lose all rows stay, checked below.
        for i = 1, c.n do
          if cols.show(c.data[1][i]):find('inf') or cols.show(c.data[1][i]):find('nan') then
            c.data[1][i] = null
          end
        end
        local columns, keep = cols.columns(c.plan.inputs, c.data)
        local extra = math.floor(c.n / 2)
        local ir = fed(c, columns, sequence(1, c.n))
        -- The first rows stay: what is deleted was seen there too, so no state becomes empty.
        for i = 1, extra do assert.is_nil(ir:update(columns, i, c.ts[i])) end
        for i = 1, extra do assert.is_nil(ir:delete(0, columns, i, c.ts[i])) end
        check(c, seed, oracle.answer(c.part, c.data, c.ts, sequence(1, c.n)), ir:finish()[1])
        assert.is_truthy(keep)
      end
    end)
  end

  it('survives hostile stored values', function()
    local random, seed = seeds.random('hostile ir')
    local refused, read = 0, 0
    for round = 1, 600 do
      local op = agg.ops[random(1, #agg.ops)]
      local c = case(random, op)
      local t = c.part.ir
      local function noise(t_, depth)
        local kind = tonumber(t_.kind)
        if random(1, 12) == 1 then return null end
        if kind == cols.kinds.list then
          local out = { n = random(0, 6) }
          for i = 1, out.n do out[i] = noise(t_.fields[0].type, depth + 1) end
          return out
        elseif kind == cols.kinds.map then
          local out = {}
          for i = 1, random(0, 3) do
            out[i] = { WORDS[random(1, #WORDS)], noise(t_.fields[1].type, depth + 1) }
          end
          return out
        elseif kind == cols.kinds.struct then
          local out = {}
          for i = 0, t_.n_fields - 1 do
            out[ffi.string(t_.fields[i].name)] = noise(t_.fields[i].type, depth + 1)
          end
          return out
        elseif kind == cols.kinds.binary then
          local bytes = {}
          for i = 1, random(0, 40) do bytes[i] = string.char(random(0, 255)) end
          return (random(0, 1) == 0 and '\4\1\10\7\3\0\0\0' or '') .. table.concat(bytes)
        end
        local names = {}
        for name, k in pairs(cols.kinds) do names[k] = name end
        return scalar(random, names[kind])
      end
      local stored = noise(t, 0)
      local ir = IR.new(c.plan.parts, 1)
      local failed, status = ir:load(0, stored)
      if failed then
        assert.equal(C.CHN_E_CORRUPT, status, failed)
        refused = refused + 1
      else
        read = read + 1
        ir = ir:reloaded()
        ir:finish()
        local columns, keep = cols.columns(c.plan.inputs, c.data)
        for i = 1, c.n do ir:update(columns, i, c.ts[i]) end
        ir:merge(ir:reloaded())
        ir:finish()
        assert.is_truthy(keep, seed + round)
      end
    end
    assert.is_true(refused > 50 and read > 50, refused .. ' refused, ' .. read .. ' read')
  end)
end)
