--- The kinds of stores that one contract is held against, each with fresh ones to be had.
local redis = require('spec.support.redis')

local M = {}

local made = 0

function M.folder()
  local pipe = assert(io.popen('mktemp -d'))
  local path = pipe:read('*l')
  pipe:close()
  return path
end

function M.remove(folder) os.execute("rm -rf '" .. folder .. "'") end

M.kinds = {
  {
    name = 'memory',
    setup = function() end,
    teardown = function() end,
    fresh = function()
      made = made + 1
      return 'memory:spec' .. made
    end,
    counts_bytes = true,
  },
  {
    name = 'lmdb',
    setup = function(self) self.root = M.folder() end,
    teardown = function(self) M.remove(self.root) end,
    fresh = function(self)
      made = made + 1
      return ('lmdb:%s/%d'):format(self.root, made)
    end,
    counts_bytes = true,
  },
  {
    name = 'redis',
    setup = function(self) self.server = redis.start('--databases 64') end,
    teardown = function(self) self.server:close() end,
    fresh = function(self)
      made = made + 1
      self.server:cli('flushall')
      return ('redis://127.0.0.1:%d/%d'):format(self.server.port, made % 64)
    end,
  },
}

return M
