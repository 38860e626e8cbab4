--- The sample repo (definitions/) in a folder of its own, so that specs can compile and run it
--- side by side. Its data are linked, not copied.
local program = require('spec.support.program')
local q = program.quote

local M = {}
M.__index = M

local STAGING = { 'schedule', 'departures', 'arrivals', 'weather', 'planes' }

local function here()
  local f = assert(io.popen('pwd'))
  local path = f:read('*l')
  f:close()
  return path
end

--- Compiled, with an empty warehouse.
--- @param edit? string a shell command, run in the repo before
function M.new(edit)
  local self = setmetatable({ folder = program.folder() }, M)
  self.repo, self.warehouse = self.folder .. '/repo', self.folder .. '/warehouse'
  assert(program.shell(('mkdir %s && cp -r definitions/teams.json definitions/*s %s && ln -s %s %s'):format(
    q(self.repo), q(self.repo), q(here() .. '/definitions/data'), q(self.repo .. '/data'))) == 0)
  if edit then assert(program.shell(('cd %s && %s'):format(q(self.repo), edit)) == 0) end
  self:succeed({ 'compile', '--all', '--repo', self.repo })
  return self
end

function M:remove() program.remove(self.folder) end

--- Runs the program, which must succeed.
function M.succeed(_, args)
  local r = program.run(args)
  if r.code ~= 0 then error(table.concat(args, ' ') .. ': ' .. r.err, 0) end
  return r
end

--- The arguments of a backfill.
function M:backfill(conf, first, last, warehouse, ...)
  return {
    'run', '--mode', 'backfill', '--conf', 'production/' .. conf, '--repo', self.repo,
    '--warehouse', warehouse or self.warehouse, '--start-ds', first, '--ds', last, ...,
  }
end

--- Fills every staging table of those days.
function M:stage(first, last)
  for _, name in ipairs(STAGING) do
    self:succeed(self:backfill('staging_queries/flights/' .. name .. '.v1', first, last))
  end
end

--- A table of the warehouse, for DuckDB.
function M:table(name, warehouse)
  return ("read_parquet('%s/nyc/flights_%s_v1/ds=*/*.parquet', hive_types = {'ds': VARCHAR})"):format(
    warehouse or self.warehouse, name)
end

return M
