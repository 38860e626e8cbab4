--- What a user has spent lately.
local c = require "chronon"

local Op = c.Operation

return {
  v1 = c.GroupBy {
    sources = c.EventSource {
      table = "raw.purchases",
      query = c.Query {
        selects = c.select("user_id", "item", { amount = "CAST(amount AS DOUBLE)" }),
        time_column = "ts",
        start_partition = "2024-01-01",
      },
    },
    keys = { "user_id" },
    aggregations = {
      c.Aggregation { input_column = "amount", operation = Op.SUM, windows = { "1d", "7d" } },
      c.Aggregation { input_column = "amount", operation = Op.COUNT, windows = { "7d" } },
      c.Aggregation { input_column = "item", operation = Op.LAST_K(3), windows = { "7d" } },
    },
    -- Without a stream Chronon would give yesterday's values; TEMPORAL asks for the instant's.
    accuracy = c.Accuracy.TEMPORAL,
    backfill_start_date = "2024-01-01",
    online = true,
  },
}
