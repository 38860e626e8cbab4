-- What the streaming benches write: sums, counts and means of a user, in tiles.
local c = require "chronon"

local Op = c.Operation

local function over(operation)
  return c.Aggregation { input_column = "amount", operation = operation, windows = { "1h", "1d", "7d" } }
end

return {
  payments = c.GroupBy {
    sources = c.EventSource {
      table = "data.payments",
      topic = "kafka://data.payments",
      query = c.Query { selects = c.select("user_id", "amount"), time_column = "ts" },
    },
    keys = { "user_id" },
    aggregations = { over(Op.SUM), over(Op.COUNT), over(Op.AVERAGE) },
    online = true,
    accuracy = c.Accuracy.TEMPORAL,
    enable_tiling = true,
  },
}
