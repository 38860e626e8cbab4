local c = require "chronon"
local purchases = require "group_bys.bench.purchases"

local function join(group_by)
  return c.Join {
    left = c.EventSource {
      table = "data.requests",
      query = c.Query { selects = c.select("request_id", "user_id"), time_column = "ts" },
    },
    right_parts = { c.JoinPart { group_by = group_by } },
    row_ids = { "request_id" },
  }
end

return { w1 = join(purchases.w1), w2 = join(purchases.w2) }
