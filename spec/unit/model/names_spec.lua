local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('model/json.h', 'model/names.h')

local arena, kept
before_each(function() arena, kept = ffi.new('struct arena'), {} end)
after_each(function() C.arena_deinit(arena) end)

local function read(text)
  local conf, err = ffi.new('struct model_conf'), ffi.new('struct chn_err')
  assert(C.model_read_json(arena, text, #text, C.MODEL_NONE, 'doc', conf, err) == C.CHN_OK, ffi.string(err.msg))
  kept[#kept + 1] = conf
  return conf.as
end

local function text(s) return s ~= nil and ffi.string(s) or nil end

local function group_by(rest)
  return read('{"metaData":{"name":"t.u.g-b.v1","outputNamespace":"n-s"},' ..
    '"sources":[{"events":{"table":"a.b/x=1/y=2","query":{"selects":{"k":"k","v":"v","ts":"ts"}}}}],' ..
    '"keyColumns":["k"]' .. (rest or '') .. '}').group_by
end

local function columns(f, ...)
  local n = ffi.new('int32_t[1]')
  local list, out = f(arena, ..., n), {}
  for i = 0, n[0] - 1 do out[#out + 1] = ffi.string(list[i]) end
  return out
end

describe('model names', function()
  it('sanitise everything but letters, digits and _', function()
    assert.equal('a_b_c_9_______', text(C.model_sanitize(arena, 'a.b-c_9 é[]/"')):sub(1, 14))
  end)

  it('of tables keep the namespace as it is', function()
    assert.equal('n-s.t_u_g_b_v1_upload', text(C.model_table(arena, group_by().meta_data, '_upload')))
  end)

  it('of join parts carry the prefix', function()
    local join = read('{"metaData":{"name":"t.j","outputNamespace":"ns"},"left":{"events":{"table":"l"}},' ..
      '"joinParts":[{"groupBy":{"metaData":{"name":"t.g.v1"},"sources":[],"keyColumns":["k"]},"prefix":"p",' ..
      '"keyMapping":{"l":"k"}},' ..
      '{"groupBy":{"metaData":{"name":"t.g.v1"},"sources":[],"keyColumns":["k"]}}],' ..
      '"modelTransforms":{"transforms":[{"prefix":"m"}]}}').join
    assert.equal('p_t_g_v1', text(C.model_part_full_prefix(arena, join.join_parts[0])))
    assert.equal('t_g_v1', text(C.model_part_full_prefix(arena, join.join_parts[1])))
    assert.equal('ns.t_j_p_t_g_v1', text(C.model_part_table(arena, join, join.join_parts[0])))
    assert.equal('p_t_g_v1_c', text(C.model_part_column(arena, join.join_parts[0], 'c')))
    assert.equal('ns.t_j_pre_mt', text(C.model_join_output_table(arena, join)))
    local p = join.join_parts[0]
    assert.equal('l', text(C.model_left_key(p.key_mapping, p.n_key_mapping, 'k')))
    assert.equal('other', text(C.model_left_key(p.key_mapping, p.n_key_mapping, 'other')))
  end)

  it('of columns put buckets outermost', function()
    local g = group_by(',"aggregations":[{"inputColumn":"v","operation":13,"argMap":{"k":"3"},"windows":[' ..
      '{"length":24,"timeUnit":0},{"length":7,"timeUnit":1},{"length":2147483647,"timeUnit":1}],' ..
      '"buckets":["a","b"]},' ..
      '{"inputColumn":"v","operation":18,"argMap":{"k":"9"}},{"inputColumn":"v","operation":5}]')
    assert.same({
      'v_last3_24h_by_a', 'v_last3_7d_by_a', 'v_last3_by_a', 'v_last3_24h_by_b', 'v_last3_7d_by_b', 'v_last3_by_b',
      'v_approx_histogram_k', 'v_approx_unique_count',
    }, columns(C.model_group_by_columns, g))
    assert.same({ 'v_approx_histogram_k' }, columns(C.model_aggregation_columns, g.aggregations[1]))
  end)

  it('of columns without aggregations are the selected values', function()
    assert.same({ 'v' }, columns(C.model_group_by_columns, group_by()))
  end)

  it('of external columns', function()
    local join = read('{"left":{"events":{"table":"l"}},"onlineExternalParts":[' ..
      '{"source":{"metadata":{"name":"a.b"}},"prefix":"p"},{"source":{"metadata":{"name":"contextual"}}}]}').join
    assert.equal('ext_p_a_b_risk', text(C.model_external_column(arena, join.online_external_parts[0], 'risk')))
    assert.equal('ext_contextual', text(C.model_external_prefix(arena, join.online_external_parts[1])))
    assert.is_false(C.model_external_is_contextual(join.online_external_parts[0]))
    assert.is_true(C.model_external_is_contextual(join.online_external_parts[1]))
  end)
end)

describe('model accuracy', function()
  local function accuracy(source, rest)
    local g = read('{"sources":[' .. source .. '],"keyColumns":[]' .. (rest or '') .. '}').group_by
    return tonumber(C.model_infer_accuracy(g))
  end
  local join = '{"joinSource":{"join":{"left":{"events":{"table":"t"%s}}},"query":{}}}'

  it('follows the topic of any source', function()
    assert.equal(1, accuracy('{"events":{"table":"t"}}'))
    assert.equal(0, accuracy('{"events":{"table":"t"}},{"events":{"table":"t","topic":"x"}}'))
    assert.equal(0, accuracy('{"entities":{"snapshotTable":"t","mutationTopic":"x"}}'))
    assert.equal(0, accuracy(join:format(',"topic":"x"')))
    assert.equal(1, accuracy(join:format('')))
  end)

  it('is what the author says', function()
    assert.equal(1, accuracy('{"events":{"table":"t","topic":"x"}}', ',"accuracy":1'))
    assert.equal(0, accuracy('{"events":{"table":"t"}}', ',"accuracy":0'))
  end)
end)

describe('model sources', function()
  it('give their table', function()
    local source = group_by().sources[0]
    local table_name = C.model_source_table(arena, source)
    assert.equal('a.b/x=1/y=2', text(table_name))
    assert.equal('a.b', text(C.model_table_without_subpartitions(arena, table_name)))
  end)
end)
