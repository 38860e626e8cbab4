--- What the very plane has been through: it is late when it came in late.
local c = require "chronon"

local arrivals = c.EventSource {
  table = "nyc.flights_arrivals_v1",
  topic = "flights.arrivals",
  query = c.Query {
    selects = c.select("tailnum", "dest", { delay = "CAST(arr_delay AS DOUBLE)" }),
    wheres = { "tailnum IS NOT NULL" },
    time_column = "ts",
    start_partition = "2013-01-01",
  },
}

return {
  v1 = c.GroupBy {
    sources = arrivals,
    keys = { "tailnum" },
    aggregations = {
      c.Aggregation { input_column = "delay", operation = c.Operation.LAST_K(5), windows = { "7d" } },
      c.Aggregation { input_column = "delay", operation = c.Operation.TOP_K(3), windows = { "30d" } },
      c.Aggregation { input_column = "delay", operation = c.Operation.COUNT, windows = { "1d" } },
      c.Aggregation { input_column = "dest", operation = c.Operation.APPROX_UNIQUE_COUNT, windows = { "7d", "30d" } },
    },
    online = true,
  },
}
