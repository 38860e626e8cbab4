-- The examples of docs/reference/http.md, run on the sample repo.
local flights = require('spec.support.flights')
local page = require('spec.support.page')
local server = require('spec.support.server')

local repo, s

page.describe('docs/reference/http.md', {
  place = function()
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
    return { replace = { ['localhost:8080'] = '127.0.0.1:' .. s.port, ['"server.port" : 8080'] = '"server.port" : ' .. s.port } }
  end,
  after = function()
    if s then s:stop() end
    if repo then repo:remove() end
  end,
})
