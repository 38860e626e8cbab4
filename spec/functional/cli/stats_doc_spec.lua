-- The examples of docs/reference/stats.md, run on the sample repo.
local flights = require('spec.support.flights')
local page = require('spec.support.page')

local repo

page.describe('docs/reference/stats.md', {
  place = function()
    repo = flights.new()
    return { cwd = repo.repo, env = {} }
  end,
  after = function() repo:remove() end,
})
