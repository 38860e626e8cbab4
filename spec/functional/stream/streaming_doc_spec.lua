-- The examples of docs/reference/streaming.md, run on the sample repo.
local flights = require('spec.support.flights')
local page = require('spec.support.page')

local repo

page.describe('docs/reference/streaming.md', {
  place = function()
    repo = flights.new()
    repo:stage('2013-11-25', '2013-12-31')
    return { cwd = repo.repo, env = { CHRONON_WAREHOUSE = repo.warehouse } }
  end,
  after = function() repo:remove() end,
})
