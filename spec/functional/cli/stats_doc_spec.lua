-- The examples of docs/reference/stats.md, run on the sample repo. STATS_DOC=file writes what they print.
local flights = require('spec.support.flights')
local program = require('spec.support.program')

local PATH = 'docs/reference/stats.md'

local function examples(page)
  local out = {}
  for block in page:gmatch('\n```sh\n(.-)```\n') do
    for line in block:gmatch('([^\n]*)\n') do
      local command = line:match('^%$ (.*)$')
      if command then
        out[#out + 1] = { command = command, answer = {} }
      else
        table.insert(out[#out].answer, line)
      end
    end
  end
  return out
end

describe(PATH, function()
  local repo
  setup(function() repo = flights.new() end)
  teardown(function() repo:remove() end)

  for i, e in ipairs(examples(program.read(PATH))) do
    it(('%d: %s'):format(i, e.command), function()
      program.write(repo.repo .. '/example', e.command)
      local pipe = io.popen(('cd %s && PATH=%s:$PATH COLUMNS=120 sh example 2>&1 </dev/null'):format(
        program.quote(repo.repo), program.quote(program.bin:match('^(.*)/'))))
      local got = pipe:read('*a'):gsub(' +\n', '\n'):gsub('\n$', '')
      pipe:close()
      if os.getenv('STATS_DOC') then
        local f = assert(io.open(os.getenv('STATS_DOC'), 'a'))
        f:write('$ ', e.command, '\n', got, '\n')
        f:close()
      else
        assert.equal(table.concat(e.answer, '\n'), got)
      end
    end)
  end
end)
