local c = require "chronon"
local serving = require "group_bys.bench.serving"

local function join(...)
  local parts = {}
  for i, group_by in ipairs { ... } do parts[i] = c.JoinPart { group_by = group_by } end
  return c.Join {
    left = c.EventSource {
      table = "data.requests",
      query = c.Query { selects = c.select("user_id"), time_column = "ts" },
    },
    right_parts = parts,
    online = true,
  }
end

return {
  rows = join(serving.spend, serving.visits, serving.ratings),
  tiles = join(serving.spend_tiled, serving.visits_tiled, serving.ratings_tiled),
  lists = join(serving.spend, serving.visits_lists, serving.ratings),
  sketch = join(serving.spend, serving.visits_sketch, serving.ratings),
}
