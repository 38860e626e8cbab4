local ffi = require('ffi')
local support = require('spec.support.cdef')
local C = support.load('lua/luart.h', 'model/json.h')

local repo

local function write(path, text)
  os.execute("mkdir -p '" .. (repo .. '/' .. path):match('^(.*)/') .. "'")
  local file = assert(io.open(repo .. '/' .. path, 'wb'))
  file:write(text)
  file:close()
end

before_each(function()
  repo = os.tmpname()
  os.remove(repo)
end)
after_each(function() os.execute("rm -rf '" .. repo .. "'") end)

local function text(s) return s ~= nil and ffi.string(s) or nil end

--- @return table? file definitions (name, variable, where, json), files, printed, advice; or nil and the message
local function load_file(path, folder)
  local arena, err, out = ffi.new('struct arena'), ffi.new('struct chn_err'), ffi.new('struct luart_file')
  local rt = C.luart_new(folder or repo, nil)
  local status = C.luart_load(rt, arena, path, out, err)
  local result
  if status == C.CHN_OK then
    result = { definitions = {}, files = {}, advice = {}, printed = text(out.printed) }
    for i = 0, out.n_definitions - 1 do
      local d, buf = out.definitions[i], ffi.new('struct chn_buf')
      C.model_write_json(d.conf, buf)
      result.definitions[i + 1] = {
        name = text(d.name), variable = text(d.variable), where = text(d.where), json = text(C.chn_buf_str(buf)),
        kind = text(C.model_kind_name(d.conf.kind)), conf_name = text(d.conf.name),
      }
      C.chn_buf_deinit(buf)
    end
    for i = 0, out.n_files - 1 do result.files[i + 1] = text(out.files[i]) end
    for i = 0, out.n_advice - 1 do result.advice[i + 1] = text(out.advice[i].message) end
  end
  C.luart_free(rt)
  C.arena_deinit(arena)
  if result then return result end
  return nil, text(err.msg), status
end

local GROUP_BY = [[
local c = require 'chronon'
print('hello', 1)
local v1 = c.GroupBy {
  sources = c.EventSource {
    table = 'a.b', query = c.Query { selects = c.select('k', { z = 'Z' }, 'd'), time_column = 'ts' },
  },
  keys = { 'k' },
  aggregations = { c.Aggregation { input_column = 'd', operation = c.Operation.SUM, windows = { '7d' } } },
}
return { v1 = v1 }
]]

describe('loading a definition file', function()
  it('gives its definitions as structs', function()
    write('group_bys/team/sub/file.lua', GROUP_BY)
    local file = assert(load_file('group_bys/team/sub/file.lua'))
    assert.equal(1, #file.definitions)
    local d = file.definitions[1]
    assert.same({ 'team.sub.file.v1', 'v1', 'GroupBy', 'team.sub.file.v1', 'group_bys/team/sub/file.lua:3' },
      { d.name, d.variable, d.kind, d.conf_name, d.where })
    assert.same({ 'group_bys/team/sub/file.lua' }, file.files)
    assert.equal('hello\t1\n', file.printed)
    local k, z = d.json:find('"k": "k"', 1, true), d.json:find('"z": "Z"', 1, true)
    assert.is_true(k < z)
  end)

  it('follows require within the repo, each file once', function()
    write('group_bys/team/file.lua', GROUP_BY)
    write('lib/helper.lua', 'return { column = "user" }')
    write('joins/team/j.lua', [[
      local c = require 'chronon'
      local g = require('group_bys.team.file').v1
      assert(g == require('group_bys.team.file').v1)
      return { v1 = c.Join {
        left = c.EventSource {
          table = 'l.l', query = c.Query { selects = c.select(require('lib.helper').column), time_column = 'ts' },
        },
        right_parts = { c.JoinPart { group_by = g, key_mapping = { user = 'k' } } },
      } }]])
    local file = assert(load_file('joins/team/j.lua'))
    assert.equal('team.j.v1', file.definitions[1].name)
    assert.is_truthy(file.definitions[1].json:find('"team.file.v1"', 1, true))
    assert.same({ 'joins/team/j.lua', 'group_bys/team/file.lua', 'lib/helper.lua' }, file.files)
  end)

  it('reports circles', function()
    write('group_bys/team/a.lua', 'return require("group_bys.team.b")')
    write('group_bys/team/b.lua', 'require("group_bys.team.c")')
    write('group_bys/team/c.lua', 'local x = require("group_bys.team.a")')
    local _, why = load_file('group_bys/team/a.lua')
    assert.equal('group_bys/team/c.lua:1: modules require each other in a circle: group_bys.team.a -> ' ..
      'group_bys.team.b -> group_bys.team.c -> group_bys.team.a', why)
  end)

  it('does not take a failed module for a circle', function()
    write('group_bys/team/a.lua', [[
      pcall(require, "group_bys.team.b")
      local _, e = pcall(require, "group_bys.team.b")
      error(e, 0)]])
    write('group_bys/team/b.lua', 'error("broken")')
    local _, why = load_file('group_bys/team/a.lua')
    assert.equal('group_bys/team/b.lua:1: broken', why)
  end)

  it('names the nearest module', function()
    write('group_bys/team/purchases.lua', 'return {}')
    write('joins/team/j.lua', 'local x = require "group_bys.team.purchase"')
    local _, why = load_file('joins/team/j.lua')
    assert.equal('joins/team/j.lua:1: there is no module "group_bys.team.purchase": the repo has no file ' ..
      'group_bys/team/purchase.lua (did you mean "group_bys.team.purchases"?)', why)
  end)

  it('fails with the file that does not exist', function()
    local _, why, status = load_file('joins/team/none.lua')
    assert.equal('joins/team/none.lua: there is no such file', why)
    assert.equal(C.CHN_E_NOT_FOUND, status)
    for _, path in ipairs { '../x.lua', '/etc/passwd', 'joins/team/x.v1.lua', 'joins//x.lua', 'joins/x', '' } do
      local _, no = load_file(path)
      assert.matches('no definition file', no)
    end
  end)

  it('keeps the author\'s line of a wrong constructor', function()
    write('group_bys/team/file.lua', (GROUP_BY:gsub('keys =', 'key =')))
    local _, why = load_file('group_bys/team/file.lua')
    assert.matches('^group_bys/team/file.lua:3: GroupBy: unknown parameter `key`', why)
  end)

  it('starts every file afresh', function()
    write('group_bys/team/a.lua', 'local s = require("chronon.map") s.new = nil rawset(_G, "leak", 1) return {}')
    write('group_bys/team/b.lua', [[
      assert(require("chronon.map").new and not rawget(_G, "leak"))
      return {}]])
    assert(load_file('group_bys/team/a.lua'))
    assert(load_file('group_bys/team/b.lua'))
  end)
end)

describe('every golden definition', function()
  local pipe = io.popen('ls spec/golden/*/definition/*/*/*.lua')
  for path in pipe:lines() do
    local folder, file = path:match('^(.*/definition)/(.*)$')
    it('loads: ' .. path, function()
      local loaded, why = load_file(file, folder)
      assert.is_nil(why)
      assert.is_true(#loaded.definitions > 0)
    end)
  end
  pipe:close()
end)
