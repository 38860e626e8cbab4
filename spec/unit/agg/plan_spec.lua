local ffi = require('ffi')
local C = require('spec.support.cdef').load('agg/plan.h')
local cols = require('spec.support.cols')
local agg = require('spec.support.agg')

local FIELDS = {
  { 'x', 'long' }, { 's', 'string' }, { 'f', 'float' }, { 'b', 'boolean' }, { 'bin', 'binary' },
  { 'i', 'int' }, { 'sh', 'short' }, { 'd', 'double' }, { 'y', 'byte' }, { 'day', 'date' },
  { 'at', 'timestamp' }, { 'dec', 'other' }, { 'xs', 'list<double>' }, { 'ss', 'list<string>' },
  { 'm', 'map<string,int>' }, { 'ms', 'map<string,string>' }, { 'im', 'map<int,int>' },
  { 'st', 'struct<a:int,b:string>' }, { 'xss', 'list<list<int>>' }, { 'decs', 'list<other>' },
}

local function compile(...) return agg.plan(FIELDS, { ... }) end

local function part_of(def)
  local plan, arena = compile(def)
  assert.is_truthy(plan, arena)
  return plan.parts[0], arena, plan
end

local function names(parts, n)
  local out = {}
  for i = 0, n - 1 do out[i + 1] = ffi.string(parts[i].name) end
  return out
end

describe('agg plan', function()
  it('names parts by input, operation, window and bucket, buckets outermost', function()
    local plan, arena = compile(
      { 'x', 'SUM', windows = { '7d', '24h', '-1d' }, buckets = { 's', 'bucket2' } })
    assert.is_nil(plan)
    assert.truthy(arena:find('bucket column "bucket2" is not among', 1, true))
    plan, arena = compile(
      { 'x', 'SUM', windows = { '7d', '24h', '-1d' }, buckets = { 's' } },
      { 'x', 'LAST_K', windows = { '30d' }, args = { k = 3 } },
      { 's', 'APPROX_UNIQUE_COUNT' },
      { 'x', 'TOP_K', args = { k = 12 } })
    assert.is_truthy(plan, arena)
    assert.same({ 'x_sum_7d_by_s', 'x_sum_24h_by_s', 'x_sum_by_s', 'x_last3_30d',
                  's_approx_unique_count', 'x_top12' }, names(plan.parts, plan.n_parts))
    assert.same({ 'x_sum_by_s', 'x_last3', 's_approx_unique_count', 'x_top12' },
      names(plan.bases, plan.n_bases))
    assert.equal('x_sum_by_s', ffi.string(plan.parts[1].base_name))
    assert.equal(1, plan.parts[3].base)
    assert.equal(2, plan.inputs.n_fields)
    assert.equal(1, plan.parts[0].bucket)
    assert.equal(-1, plan.parts[3].bucket)
  end)

  it('counts what features cannot hold', function()
    local part, arena = part_of({ 'dec', 'COUNT' })
    assert.equal('dec_count', ffi.string(part.name), arena)
  end)

  it('gives windows their length and tail hop', function()
    local want = { ['1h'] = { 3600e3, 300e3 }, ['11h'] = { 39600e3, 300e3 },
                   ['12h'] = { 43200e3, 3600e3 }, ['11d'] = { 950400e3, 3600e3 },
                   ['288h'] = { 1036800e3, 86400e3 }, ['12d'] = { 1036800e3, 86400e3 },
                   ['2147483647d'] = { 0, 86400e3 }, ['0d'] = { 0, 86400e3 },
                   ['2147483646d'] = { 2147483646 * 86400e3, 86400e3 } }
    for text, w in pairs(want) do
      local part, arena = part_of({ 'x', 'SUM', windows = { text } })
      assert.equal(w[1], tonumber(part.window_ms), text)
      assert.equal(w[2], tonumber(part.hop_ms), text)
      assert.is_truthy(arena)
    end
  end)

  it('says whether time is needed', function()
    local function flags(def)
      local _, arena, plan = part_of(def)
      return { plan.needs_time, plan.has_window, arena ~= nil }
    end
    assert.same({ false, false, true }, flags({ 'x', 'SUM' }))
    assert.same({ false, false, true }, flags({ 'x', 'SUM', windows = { '2147483647d' } }))
    assert.same({ true, true, true }, flags({ 'x', 'SUM', windows = { '1d' } }))
    assert.same({ true, false, true }, flags({ 'x', 'LAST' }))
  end)

  local SHAPES = {
    -- column, op, shape, output, ir
    { 'x', 'MIN', 'DIRECT', 'bigint', 'bigint' },
    { 'sh', 'SUM', 'DIRECT', 'bigint', 'bigint' },
    { 'b', 'SUM', 'DIRECT', 'bigint', 'bigint' },
    { 'f', 'SUM', 'DIRECT', 'double', 'double' },
    { 's', 'MAX', 'DIRECT', 'string', 'string' },
    { 'd', 'AVERAGE', 'DIRECT', 'double', 'struct<sum:double,count:int>' },
    { 'i', 'VARIANCE', 'DIRECT', 'double', 'struct<count:int,mean:double,m2:double>' },
    { 'i', 'SKEW', 'DIRECT', 'double', 'array<double>' },
    { 'i', 'APPROX_PERCENTILE', 'DIRECT', 'array<float>', 'binary' },
    { 'i', 'UNIQUE_COUNT', 'DIRECT', 'bigint', 'array<int>' },
    { 'bin', 'BOUNDED_UNIQUE_COUNT', 'DIRECT', 'bigint', 'array<binary>' },
    { 's', 'HISTOGRAM', 'DIRECT', 'map<string,int>', 'map<string,int>' },
    { 'd', 'APPROX_HISTOGRAM_K', 'DIRECT', 'map<string,bigint>', 'binary' },
    { 'st', 'LAST', 'DIRECT', 'struct<a:int,b:string>',
      'struct<epochMillis:bigint,payload:struct<a:int,b:string>>' },
    { 'y', 'COUNT', 'DIRECT', 'bigint', 'bigint' },
    { 'st', 'COUNT', 'DIRECT', 'bigint', 'bigint' },
    { 'im', 'COUNT', 'DIRECT', 'bigint', 'bigint' },
    { 'xss', 'COUNT', 'DIRECT', 'bigint', 'bigint' },
    { 'xs', 'SUM', 'EXPLODE', 'double', 'double' },
    { 'ss', 'HISTOGRAM', 'EXPLODE', 'map<string,int>', 'map<string,int>' },
    { 'm', 'SUM', 'MAP', 'map<string,bigint>', 'map<string,bigint>' },
    { 'ms', 'HISTOGRAM', 'MAP', 'map<string,map<string,int>>', 'map<string,map<string,int>>' },
    { 'm', 'LAST', 'DIRECT', 'map<string,int>',
      'struct<epochMillis:bigint,payload:map<string,int>>' },
  }
  for _, row in ipairs(SHAPES) do
    it(row[2] .. ' of ' .. row[1] .. ' is ' .. row[3] .. ' and gives ' .. row[4], function()
      local part, arena = part_of({ row[1], row[2] })
      assert.equal(C['AGG_SHAPE_' .. row[3]], part.shape)
      assert.equal(row[4], cols.type_text(part.output))
      assert.equal(row[5], cols.type_text(part.ir))
      assert.is_truthy(arena)
    end)
  end

  it('wraps element-wise in lists and buckets in maps', function()
    local part, arena = part_of({ 'xs', 'AVERAGE', element_wise = true })
    assert.equal(C.AGG_SHAPE_ELEMENTS, part.shape)
    assert.equal('array<double>', cols.type_text(part.output))
    assert.equal('array<struct<sum:double,count:int>>', cols.type_text(part.ir))
    part = part_of({ 'xs', 'LAST_K', args = { k = 2 }, element_wise = true, buckets = { 's' } })
    assert.equal(C.AGG_SHAPE_DIRECT, part.shape)
    assert.equal('map<string,array<array<double>>>', cols.type_text(part.output))
    assert.is_truthy(arena)
  end)

  it('names the pair of time and value by its payload', function()
    for column, name in pairs({ x = 'TimePair_long', b = 'TimePair_bool', xss = 'TimePair_list_list_int',
                                ms = 'TimePair_map_string_string', st = 'TimePair_struct_s' }) do
      local part, arena = part_of({ column, 'FIRST' })
      assert.equal(name, ffi.string(part.ir.name))
      assert.is_truthy(arena)
    end
  end)

  it('reads k and percentiles, with their defaults', function()
    local function k(op, args)
      local part, arena = part_of({ 's', op, args = args })
      return part.k, arena
    end
    assert.equal(8, (k('APPROX_UNIQUE_COUNT')))
    assert.equal(12, (k('APPROX_UNIQUE_COUNT', { k = 12 })))
    assert.equal(0, (k('HISTOGRAM')))
    assert.equal(8, (k('APPROX_HISTOGRAM_K')))
    assert.equal(8, (k('BOUNDED_UNIQUE_COUNT')))
    local part, arena = part_of({ 'x', 'APPROX_PERCENTILE', args = { percentiles = ' [ 0.25,1,0 ] ' } })
    assert.same({ 128, 3, 0.25, 1, 0 },
      { part.k, part.n_percentiles, part.percentiles[0], part.percentiles[1], part.percentiles[2] })
    part = part_of({ 'x', 'APPROX_PERCENTILE', args = { k = 200 } })
    assert.same({ 200, 1, 0.5 }, { part.k, part.n_percentiles, part.percentiles[0] })
    assert.is_truthy(arena)
  end)

  local REFUSED = {
    { { 's', 'SUM' }, 'aggregation 2 (SUM of "s"): STRING is incompatible with SUM' },
    { { 'b', 'MIN' }, 'BOOLEAN is incompatible with MIN; cast it to INT' },
    { { 'b', 'AVERAGE' }, 'BOOLEAN is incompatible with AVERAGE' },
    { { 'b', 'UNIQUE_COUNT' }, 'BOOLEAN is incompatible with UNIQUE_COUNT' },
    { { 'y', 'SUM' }, 'BYTE is incompatible with SUM; cast it' },
    { { 'day', 'LAST' }, 'DATE is incompatible with LAST; select it as a STRING' },
    { { 'at', 'COUNT' }, 'TIMESTAMP is incompatible with COUNT; select it as milliseconds' },
    { { 'dec', 'LAST' }, 'DECIMAL(10,2) is incompatible with LAST; cast it' },
    { { 'decs', 'COUNT' }, 'LIST<DECIMAL(10,2)> is incompatible with COUNT' },
    { { 'i', 'HISTOGRAM' }, 'INT is incompatible with HISTOGRAM; cast it to STRING' },
    { { 'm', 'HISTOGRAM' }, 'MAP<STRING,INT> is incompatible with HISTOGRAM' },
    { { 'im', 'SUM' }, 'MAP<INT,INT> is incompatible with SUM' },
    { { 'st', 'MAX' }, 'STRUCT is incompatible with MAX' },
    { { 'xss', 'SUM' }, 'LIST<LIST<INT>> is incompatible with SUM' },
    { { 'bin', 'TOP_K', args = { k = 3 } }, 'BINARY is incompatible with TOP_K' },
    { { 'x', 'SUM', element_wise = true }, 'element-wise needs a LIST of scalars, not LONG' },
    { { 'xs', 'SUM', element_wise = true, buckets = { 's' } }, 'element-wise aggregation cannot be bucketed' },
    { { 'm', 'SUM', buckets = { 's' } }, 'MAP column cannot be bucketed' },
    { { 'x', 'SUM', buckets = { 'i' } }, 'bucket column "i" needs to be a string, but is int' },
    { { 'ammount', 'SUM' }, '"ammount" is not among the selected columns' },
    { { 'bim', 'SUM' }, '(did you mean "bin"?)' },
    { { 'x', 'LAST_K' }, 'k needs to be specified in the argMap for LAST_K type' },
    { { 'x', 'LAST_K', args = { k = 'many' } }, 'k is "many", want an integer from 1' },
    { { 'x', 'TOP_K', args = { k = 0 } }, 'k is "0"' },
    { { 'x', 'TOP_K', args = { k = '99999999999' } }, 'k is "99999999999"' },
    { { 's', 'APPROX_UNIQUE_COUNT', args = { k = 27 } }, 'from 4 to 26' },
    { { 'x', 'APPROX_PERCENTILE', args = { percentiles = '0.5' } }, 'want a JSON list of fractions' },
    { { 'x', 'APPROX_PERCENTILE', args = { percentiles = '[50]' } }, 'percentiles is "[50]"' },
    { { 'x', 'APPROX_PERCENTILE', args = { percentiles = '[0.5,]' } }, 'percentiles is' },
    { { 'x', 'APPROX_PERCENTILE', args = { percentiles = '[0.5 0.6]' } }, 'percentiles is' },
    { { 'x', 'APPROX_PERCENTILE', args = { percentiles = '[0.5]x' } }, 'percentiles is' },
    { { 'x', 'APPROX_PERCENTILE', args = { percentiles = '[nan]' } }, 'percentiles is' },
    { { 'x', 'COUNT' }, 'its output "x_count" is already that of another aggregation' },
    { { 'x', 20 }, 'aggregation 2 (of "x"): there is no operation 20' },
  }
  for _, case in ipairs(REFUSED) do
    it('refuses: ' .. case[2], function()
      local plan, message = compile({ 'x', 'COUNT' }, case[1])
      assert.is_nil(plan)
      assert.truthy(message:find(case[2], 1, true), message)
      assert.truthy(message:find('^aggregation 2'), message)
    end)
  end

  it('does not mind a column of an unusable type that nothing uses', function()
    assert.is_truthy(compile({ 'x', 'COUNT' }))
  end)

  it('names every operation', function()
    for i, name in ipairs(agg.ops) do assert.equal(name, ffi.string(C.agg_op_name(i - 1))) end
    assert.is_true(C.agg_op_name(20) == nil)
  end)
end)
