local ffi = require('ffi')
local support = require('spec.support.cdef')
local program = require('spec.support.program')
local C = support.load('compile/compile_int.h')

local GB = '{"metaData":{"name":"t.g.v1"%s},"keyColumns":["k"],"selects":{"a":"1","b":"2"},"x":5}'
local JOIN = '{"metaData":{"name":"t.j"},"joinParts":[{"groupBy":{"metaData":{"name":"%s"},"keyColumns":["%s"]}%s}]%s}'

describe('two compiled definitions differ', function()
  local function differ(kind, a, b)
    local one, two = C.compiled_differs(kind, a, b), C.compiled_differs(kind, b, a)
    assert.equal(one, two)
    return one
  end

  it('by everything but metaData', function()
    local base = GB:format('')
    assert.is_false(differ(C.MODEL_GROUP_BY, base, GB:format(',"online":1')))
    assert.is_false(differ(C.MODEL_GROUP_BY, base, (base:gsub('"a":"1","b":"2"', '"b":"2","a":"1"'))))
    assert.is_false(differ(C.MODEL_GROUP_BY, base, (base:gsub('5', '5.0'))))
    assert.is_true(differ(C.MODEL_GROUP_BY, base, (base:gsub('5', '5.5'))))
    assert.is_true(differ(C.MODEL_GROUP_BY, base, (base:gsub('"k"', '"k","l"'))))
    assert.is_true(differ(C.MODEL_GROUP_BY, base, (base:gsub('"b":"2"', '"c":"2"'))))
    assert.is_true(differ(C.MODEL_GROUP_BY, base, (base:gsub(',"x":5', ''))))
    assert.is_true(differ(C.MODEL_GROUP_BY, base, 'no JSON'))
  end)

  it('for joins also not by the metaData of GroupBys and by external parts', function()
    local base = JOIN:format('t.g.v1', 'k', '', '')
    assert.is_false(differ(C.MODEL_JOIN, base, JOIN:format('t.g.v2', 'k', '', '')))
    assert.is_false(differ(C.MODEL_JOIN, base, JOIN:format('t.g.v1', 'k', '', ',"onlineExternalParts":[1]')))
    assert.is_true(differ(C.MODEL_JOIN, base, JOIN:format('t.g.v1', 'l', '', '')))
    assert.is_true(differ(C.MODEL_JOIN, base, JOIN:format('t.g.v1', 'k', ',"prefix":"p"', '')))
    assert.is_true(differ(C.MODEL_JOIN, base, JOIN:format('t.g.v1', 'k', '', ',"rowIds":["r"]')))
  end)
end)

describe('what a compiled file keeps', function()
  it('is every environment, in its place', function()
    local old = '{"metaData":{"name":"j","modeToEnvMap":{"m":{"A":"old"}}},"parts":[{"modeToEnvMap":{"p":{}}},{"x":1}]}'
    local out = ffi.new('struct chn_buf')
    assert.is_true(C.compiled_keep_env(old,
      '{"metaData":{"name":"j","modeToEnvMap":{"m":{"A":"new"}},"team":"t"},"parts":[{"y":2},{"x":1}],"n":1.50}', out))
    assert.equal('{"metaData":{"name":"j","modeToEnvMap":{"m":{"A":"old"}},"team":"t"},'
      .. '"parts":[{"y":2,"modeToEnvMap":{"p":{}}},{"x":1}],"n":1.50}', ffi.string(out.data))
    C.chn_buf_clear(out)
    assert.is_false(C.compiled_keep_env('{"metaData":{}}', '{"metaData":{"modeToEnvMap":{}}}', out))
    C.chn_buf_deinit(out)
  end)

  it('is the share of requests to log, if it logs', function()
    local percent = ffi.new('struct model_number')
    assert.is_true(C.compiled_sample_percent('{"metaData":{"samplePercent":12.5}}', percent))
    assert.equal(12.5, percent.value)
    assert.is_true(C.compiled_sample_percent('{"metaData":{"samplePercent":5}}', percent))
    assert.is_true(percent.is_int)
    assert.is_false(C.compiled_sample_percent('{"metaData":{"samplePercent":0}}', percent))
    assert.is_false(C.compiled_sample_percent('{"metaData":{}}', percent))
    assert.is_false(C.compiled_sample_percent('', percent))
  end)
end)

describe('the compiled files of a repo', function()
  local folder
  before_each(function() folder = program.folder() end)
  after_each(function() program.remove(folder) end)

  local function load()
    local arena, set, err = ffi.new('struct arena'), ffi.new('struct compiled_set'), ffi.new('struct chn_err')
    local code = C.compiled_load(arena, folder, 'production', set, err)
    return set, tonumber(code), ffi.string(err.msg), arena
  end

  it('are found in nested folders, hidden ones left out', function()
    program.shell('mkdir -p ' .. folder .. '/production/joins/t ' .. folder .. '/production/group_bys/t')
    program.write(folder .. '/production/joins/t/j', JOIN:format('t.g.v1', 'k', '', ''))
    program.write(folder .. '/production/group_bys/t/g.v1', GB:format(',"online":true,"production":1'))
    program.write(folder .. '/production/group_bys/t/.DS_Store', 'junk')
    local set, code, message, arena = load()
    assert.equal(C.CHN_OK, code, message)
    assert.equal(2, set.n)
    local gb = C.compiled_find(set, C.MODEL_GROUP_BY, 't.g.v1')
    assert.is_true(gb.online and gb.production)
    local join = C.compiled_find(set, C.MODEL_JOIN, 't.j')
    assert.is_true(C.names_has(join.uses, 't.g.v1'))
    assert.is_true(C.compiled_find(set, C.MODEL_JOIN, 't.g.v1') == nil)
    C.arena_deinit(arena)
  end)

  it('stop a run when one is no JSON', function()
    program.shell('mkdir -p ' .. folder .. '/production/joins/t')
    program.write(folder .. '/production/joins/t/j', '{')
    local _, code, message, arena = load()
    assert.equal(C.CHN_E_CORRUPT, code)
    assert.match('must be restored or removed: .*production/joins/t/j:1:', message)
    C.arena_deinit(arena)
  end)
end)

describe('a file that is written', function()
  it('appears whole in folders made for it, and nothing else does', function()
    local folder, err = program.folder(), ffi.new('struct chn_err')
    local path = folder .. '/a/b/c.v1'
    assert.equal(C.CHN_OK, tonumber(C.output_write(path, 'text', 4, err)))
    assert.equal(C.CHN_OK, tonumber(C.output_write(path, 'new', 3, err)))
    assert.equal('new', program.read(path))
    local listing = io.popen('ls -A ' .. folder .. '/a/b')
    assert.equal('c.v1\n', listing:read('*a'))
    listing:close()
    assert.equal(C.CHN_E_IO, tonumber(C.output_write(path .. '/d', 'x', 1, err)))
    program.remove(folder)
  end)
end)
