local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('model/json.h', 'model/names.h')

local function slurp(path)
  local file = assert(io.open(path, 'rb'))
  local text = file:read('*a')
  file:close()
  return text
end

local GOLDEN = {}
do
  local pipe = io.popen('ls spec/golden/*/golden.*.json')
  for path in pipe:lines() do GOLDEN[#GOLDEN + 1] = path end
  pipe:close()
end

--- Reads a definition and hands it to `use`; its memory lives until then.
--- @return string? message of a refusal
local function read(text, kind, use)
  local arena, conf, err = ffi.new('struct arena'), ffi.new('struct model_conf'), ffi.new('struct chn_err')
  local status = C.model_read_json(arena, text, #text, kind or C.MODEL_NONE, 'doc', conf, err)
  if status == C.CHN_OK and use then use(conf, arena) end
  C.arena_deinit(arena)
  if status ~= C.CHN_OK then
    assert.equal(C.CHN_E_CORRUPT, status)
    return ffi.string(err.msg)
  end
end

local function written(conf)
  local buf = ffi.new('struct chn_buf')
  C.model_write_json(conf, buf)
  local text = ffi.string(C.chn_buf_str(buf), buf.len)
  C.chn_buf_deinit(buf)
  return text
end

describe('model JSON', function()
  it('has golden cases to read', function() assert.is_true(#GOLDEN > 100) end)

  for _, path in ipairs(GOLDEN) do
    it('writes back the bytes of ' .. path, function()
      local text = slurp(path)
      assert.is_nil(read(text, nil, function(conf)
        assert.equal(text, written(conf))
        assert.equal(text, ffi.string(conf.text, conf.text_len))
      end))
    end)
  end

  it('tells kinds by their shape', function()
    local function kind(text)
      local found
      assert.is_nil(read(text, nil, function(conf) found = ffi.string(C.model_kind_name(conf.kind)) end))
      return found
    end
    assert.equal('GroupBy', kind('{"sources":[],"keyColumns":[]}'))
    assert.equal('Join', kind('{"left":{"events":{"table":"t"}}}'))
    assert.equal('StagingQuery', kind('{"query":"SELECT 1"}'))
    assert.equal('Model', kind('{"inferenceSpec":{}}'))
    assert.matches('neither a GroupBy', read('{}'))
  end)

  it('tells unset from empty and keeps authored numbers', function()
    local text = '{\n  "metaData": {\n    "samplePercent": 5,\n    "consistencySamplePercent": 5.0\n  },\n' ..
      '  "query": "\\u00e9\\n",\n  "setups": [],\n  "createView": 0\n}'
    read(text, nil, function(conf)
      assert.equal(text, written(conf))
      local sq = conf.as.staging_query
      assert.is_true(sq.setups ~= nil and sq.n_setups == 0)
      assert.is_true(sq.start_partition == nil)
      assert.is_true(C.model_has(sq.set, C.MODEL_STAGING_QUERY_CREATE_VIEW))
      assert.is_false(C.model_has(sq.set, 1 + C.MODEL_STAGING_QUERY_CREATE_VIEW))
      assert.is_true(sq.meta_data.sample_percent.is_int)
    end)
  end)

  it('writes fields in Thrift order whatever order they came in', function()
    read('{"query":"q","metaData":{"team":"t","name":"t.n"}}', nil, function(conf)
      assert.equal('{\n  "metaData": {\n    "name": "t.n",\n    "team": "t"\n  },\n  "query": "q"\n}', written(conf))
      assert.equal('t.n', ffi.string(conf.name))
    end)
  end)

  it('writes the compact form as Thrift does', function()
    local text = '{"metaData":{"online":1,"samplePercent":5,"customJson":"{\\"a\\": \\"é\\"}"},"query":"q"}'
    read(text, nil, function(conf)
      local buf, err = ffi.new('struct chn_buf'), ffi.new('struct chn_err')
      assert.equal(C.CHN_OK, C.model_write_compact('StagingQuery', conf.as.any, buf, err))
      assert.equal('{"metaData":{"online":1,"customJson":"{\\"a\\": \\"é\\"}","samplePercent":5.0},"query":"q"}',
        ffi.string(C.chn_buf_str(buf)))
      C.chn_buf_deinit(buf)
      assert.equal(C.CHN_E_ARGUMENT, C.model_write_compact('Staging', conf.as.any, nil, err))
      assert.equal('there is no struct Staging', ffi.string(err.msg))
    end)
  end)

  local events = '"sources":[{"events":{"table":"t"}}],"keyColumns":["k"]'
  local refused = {
    ['{"sources":[],"keyColumns":[],"keyColumn":[]}'] =
      'doc:1:43: GroupBy has no field "keyColumn" (did you mean "keyColumns"?)',
    ['{"sources":[],"keyColumns":[],"zebra":[]}'] = 'doc:1:39: GroupBy has no field "zebra"',
    ['{"left":{"events":{"table":"t"}},"joinParts":[{"groupBy":{' .. events .. '}},\n' ..
      '{"groupBy":{"sources":[],"keyColumns":"k"}}]}'] =
      'doc:2:39: joinParts[2].groupBy.keyColumns: must be a list of strings, not a string',
    ['{"sources":[],"keyColumns":[1]}'] = 'doc:1:29: keyColumns[1]: must be a string, not an integer',
    ['{' .. events .. ',"accuracy":2}'] = 'doc:1:69: accuracy: 2 is no Accuracy (0 to 1: TEMPORAL, SNAPSHOT)',
    ['{' .. events .. ',"accuracy":"TEMPORAL"}'] = 'doc:1:69: accuracy: must be a number (Accuracy), not a string',
    ['{' .. events .. ',"isIncremental":true}'] =
      'doc:1:74: isIncremental: must be 1, not true: compiled JSON writes booleans as 0 and 1',
    ['{' .. events .. ',"isIncremental":2}'] = 'doc:1:74: isIncremental: must be 0 or 1, not 2',
    ['{' .. events .. ',"backfillStartDate":null}'] = 'doc:1:78: backfillStartDate: must be a string, not null',
    ['{' .. events .. ',"metaData":{"samplePercent":9007199254740993}}'] =
      'doc:1:86: metaData.samplePercent: 9007199254740993 is too large to be exact',
    ['{' .. events .. ',"metaData":{"tableProperties":{"a":1}}}'] =
      'doc:1:93: metaData.tableProperties.a: must be a string, not an integer',
    ['{"sources":[{"events":{"table":"t"},"entities":{"snapshotTable":"t"}}],"keyColumns":[]}'] =
      'doc:1:13: sources[1]: Source must have exactly one of its fields, it has 2',
    ['{"sources":[{}],"keyColumns":[]}'] = 'doc:1:13: sources[1]: Source must have exactly one of its fields, it has 0',
    ['{"sources":[]}'] = 'doc:1:1: GroupBy needs the field "keyColumns"',
    ['{"query":"a\\u0000b"}'] = 'doc:1:10: query: a string must not hold a NUL character',
    ['{' .. events .. ',"aggregations":[{"inputColumn":"x","operation":7,' ..
      '"windows":[{"length":3000000000,"timeUnit":1}]}]}'] =
      'doc:1:128: aggregations[1].windows[1].length: 3000000000 does not fit 32 bits',
  }
  for text, message in pairs(refused) do
    it('refuses with: ' .. message, function() assert.equal(message, read(text)) end)
  end

  it('never crashes on mutated definitions, and what it takes it writes stably', function()
    local random, seed = require('spec.support.seed').random('model json')
    for _ = 1, 1500 do
      local text = slurp(GOLDEN[random(1, #GOLDEN)])
      local at, n = random(1, #text), random(0, 6)
      local from = random(1, #text)
      local insert = ({ '', '"', '[]', '{}', '1', 'null', text:sub(from, from + 30) })[random(1, 7)]
      local why = read(text:sub(1, at - 1) .. insert .. text:sub(at + n), nil, function(conf)
        local once = written(conf)
        assert.is_nil(read(once, conf.kind, function(again) assert.equal(once, written(again), 'seed ' .. seed) end))
      end)
      assert.is_true(why == nil or why:match('^doc') ~= nil, 'seed ' .. seed)
    end
  end)
end)

describe('model files', function()
  local function read_file(path)
    local arena, conf, err = ffi.new('struct arena'), ffi.new('struct model_conf'), ffi.new('struct chn_err')
    local status = C.model_read_file(arena, path, conf, err)
    local kind = conf.kind
    C.arena_deinit(arena)
    return status, tonumber(kind), ffi.string(err.msg)
  end

  it('take their kind from the folder', function()
    local dir = os.tmpname()
    os.remove(dir)
    os.execute('mkdir -p ' .. dir .. '/joins/group_bys/x')
    local path = dir .. '/joins/group_bys/x/a.v1'
    local file = io.open(path, 'w')
    file:write('{"left":{"events":{"table":"t"}}}')
    file:close()
    local status, _, why = read_file(path)
    assert.equal(C.CHN_E_CORRUPT, status)
    assert.equal(path .. ':1:9: GroupBy has no field "left"', why)
    os.execute('rm -r ' .. dir)
  end)

  it('must exist', function()
    local status, _, why = read_file('/nowhere/joins/x')
    assert.equal(C.CHN_E_NOT_FOUND, status)
    assert.equal('/nowhere/joins/x: there is no such file', why)
  end)
end)
