--- Random input of property tests. The seed is CHRONON_SEED, or fixed by the name of the test, and
--- is part of every failure's message: run again with it to see the same input.
local M = {}

--- @param name string
--- @return fun(low: integer, high: integer): integer random, integer seed
function M.random(name)
  local seed = tonumber(os.getenv('CHRONON_SEED') or '') or 0
  if seed == 0 then
    for i = 1, #name do seed = (seed * 31 + name:byte(i)) % 2147483647 end
  end
  local state = seed % 2147483646 + 1
  -- Park and Miller's generator: its products stay below 2^53.
  return function(low, high)
    state = state * 48271 % 2147483647
    return low + math.floor(state / 2147483647 * (high - low + 1))
  end, seed
end

return M
