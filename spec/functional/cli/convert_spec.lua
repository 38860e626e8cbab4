--- chronon convert: the Lua that it writes compiles to the JSON that it read.
local compile = require('spec.support.compile')
local json = require('dkjson')
local program = require('spec.support.program')

local GOLDEN, MORE = 'spec/golden', 'spec/golden-more'

local function lines_of(command)
  local pipe = assert(io.popen(command))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function kind_of(text)
  local doc = json.decode(text)
  return doc.left and 'joins' or doc.sources and 'group_bys' or 'staging_queries'
end

--- Puts compiled definitions into a repo: path -> text.
local function put_compiled(repo, files)
  local put = {}
  for _, path in ipairs(files) do
    local text = program.read(path)
    local team, rest = path:match('([^./]+)%.([^/]+)%.json$')
    local target = ('production/%s/%s/%s'):format(kind_of(text), team, rest)
    program.shell(('mkdir -p %s/%s'):format(repo, target:match('^(.*)/')))
    program.write(repo .. '/' .. target, text)
    put[target] = text
  end
  return put
end

--- Compiles what was written: item by name.
local function compiled(repo, again)
  local result = compile.run(repo, {}, { all = true, force_overwrite = true, output_root = again })
  assert.equal(0, result.code, result.message)
  return result
end

local function luacheck(repo)
  local code = program.shell(('cd %s && luacheck -q --std luajit --max-line-length 132 $(find . -name "*.lua") >%s/luacheck')
    :format(repo, repo))
  assert.equal(0, code, program.read(repo .. '/luacheck'))
end

-- What the compiler refuses: patched by hand, see case.json.
local REFUSED = {
  gb_hour_window_snapshot = { 'has no Lua form: GroupBy.aggregations[1].windows[1]: a window of ' },
}

describe('convert of the golden case', function()
  local repo
  before_each(function() repo = program.folder() end)
  after_each(function() program.remove(repo) end)

  for _, folder in ipairs { GOLDEN, MORE } do
    for _, case in ipairs(lines_of('ls ' .. folder)) do
      local confs = lines_of(('ls %s/%s/*.*.json 2>/dev/null | grep -v case.json'):format(folder, case))
      if #confs > 0 and case ~= 'tables' then
        it(case, function()
          program.shell(('cp %s/teams.json %s'):format(folder, repo))
          local put = put_compiled(repo, confs)
          local result = program.run({ 'convert', '--repo', repo })
          if REFUSED[case] then
            assert.equal(1, result.code)
            assert.is_truthy(result.err:find(REFUSED[case][1], 1, true), result.err)
            luacheck(repo)
            return
          end
          assert.equal(0, result.code, result.err)
          luacheck(repo)
          compiled(repo, 'again')
          for path, text in pairs(put) do
            assert.equal(text, program.read(repo .. '/' .. path:gsub('^production', 'again')), path)
          end
        end)
      end
    end
  end
end)
