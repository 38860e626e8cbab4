--- Each visit with what was known about its user at that instant.
local c = require "chronon"

local spending = require "group_bys.shop.spending"

return {
  v1 = c.Join {
    left = c.EventSource {
      table = "raw.visits",
      query = c.Query {
        selects = c.select("visit_id", "user_id", "bought"),
        time_column = "ts",
        start_partition = "2024-01-08",
      },
    },
    right_parts = { c.JoinPart { group_by = spending.v1 } },
  },
}
