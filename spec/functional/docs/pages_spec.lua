--- README.md, whose tour is run, and the links of all pages.
local page = require('spec.support.page')
local program = require('spec.support.program')

page.describe('README.md')

local function lines_of(command)
  local pipe, out = assert(io.popen(command)), {}
  for line in pipe:lines() do out[#out + 1] = line end
  pipe:close()
  return out
end

--- Headings as links name them.
local function anchors_of(text)
  local out = {}
  for heading in ('\n' .. text):gmatch('\n#+ ([^\n]*)') do
    out[heading:lower():gsub('[^%w%s_-]', ''):gsub('%s', '-')] = true
  end
  return out
end

local function exists(path) return program.shell('test -e ' .. program.quote(path)) == 0 end

describe('the pages', function()
  local pages = lines_of([[find README.md CONTRIBUTING.md docs -name '*.md' | sort]])

  it('have no link to nowhere', function()
    local broken = {}
    for _, path in ipairs(pages) do
      local text = program.read(path)
      local prose = ('\n' .. text):gsub('\n```.-\n```', '\n')
      for link in prose:gmatch('%]%(([^)%s]+)%)') do
        local file, anchor = link:match('^([^#]*)#?(.*)$')
        if not link:match('^https?:') then
          local target = file == '' and path or (path:match('^.*/') or '') .. file
          local there = exists(target)
          if there and anchor ~= '' then there = anchors_of(program.read(target))[anchor] end
          if not there then broken[#broken + 1] = path .. ': ' .. link end
        end
      end
    end
    assert.same({}, broken)
  end)

  it('are all in docs/README.md', function()
    local index, missing = program.read('docs/README.md'), {}
    for _, path in ipairs(pages) do
      local name = path:match('^docs/(.*)$')
      if name and name ~= 'README.md' and not name:match('^decisions/%d') and not index:find('(' .. name .. ')', 1, true) then
        missing[#missing + 1] = name
      end
    end
    assert.same({}, missing)
  end)
end)
