-- The examples of docs/reference/http.md, run on the sample repo.
local flights = require('spec.support.flights')
local program = require('spec.support.program')
local server = require('spec.support.server')

local PAGE = program.read('docs/reference/http.md')

--- { command = , answer = } of each `$` line of the page.
local function examples()
  local out = {}
  for block in PAGE:gmatch('\n```sh\n(.-)```\n') do
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

describe('docs/reference/http.md', function()
  local repo, s
  setup(function()
    repo = flights.new()
    local function run(mode, conf, ...)
      return repo:succeed({ 'run', '--mode', mode, '--conf', 'production/' .. conf, '--repo', repo.repo, '--warehouse',
        repo.warehouse, ... })
    end
    repo:stage('2013-11-25', '2013-12-31')
    for _, name in ipairs({ 'delays.by_carrier_v1', 'delays.by_origin_v1', 'planes.v1', 'routes.v1', 'tails.v1', 'weather.v1' }) do
      run('upload', 'group_bys/flights/' .. name, '--ds', '2013-12-30')
    end
    run('metadata-upload', 'joins/flights/training_set.v1')
    s = server.start('lmdb:' .. repo.repo .. '/store')
  end)
  teardown(function()
    if s then s:stop() end
    repo:remove()
  end)

  for i, e in ipairs(examples()) do
    it(('%d: %s'):format(i, e.command), function()
      local pipe = io.popen((e.command:gsub('localhost:8080', '127.0.0.1:' .. s.port)) .. ' 2>&1')
      local got = pipe:read('*a'):gsub('"server%.port" : ' .. s.port, '"server.port" : 8080'):gsub('\n$', '')
      pipe:close()
      assert.equal(table.concat(e.answer, '\n'), got)
    end)
  end
end)
