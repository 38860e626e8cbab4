--- docs/tutorial.md, from the sample repo to a consistency report.
local page = require('spec.support.page')
local program = require('spec.support.program')
local server = require('spec.support.server')

local folder

local function free_port()
  local s = server.start('memory:')
  local free = s.port
  s:stop()
  return free
end

page.describe('docs/tutorial.md', {
  place = function()
    folder = program.folder()
    assert(program.shell(('mkdir -p %s/chronon/definitions && cd definitions && cp -r data teams.json *s %s/chronon/definitions')
      :gsub('%%s', folder)) == 0)
    local port = free_port()
    return { cwd = folder, env = { CHRONON_PORT = port }, replace = { ['localhost:8080'] = 'localhost:' .. port } }
  end,
  after = function() program.remove(folder) end,
})
