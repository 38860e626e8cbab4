--- What a carrier's week looked like at an airport, one entry for each destination.
local c = require "chronon"

return {
  v1 = c.GroupBy {
    sources = c.EventSource {
      table = "nyc.flights_departures_v1",
      topic = "flights.departures",
      query = c.Query {
        selects = c.select("carrier", "origin", "dest", { delay = "CAST(dep_delay AS DOUBLE)" }),
        time_column = "ts",
        start_partition = "2013-01-01",
      },
    },
    keys = { "carrier", "origin" },
    aggregations = {
      c.Aggregation {
        input_column = "delay",
        operation = c.Operation.COUNT,
        windows = { "7d" },
        buckets = { "dest" },
      },
      c.Aggregation {
        input_column = "delay",
        operation = c.Operation.AVERAGE,
        windows = { "7d" },
        buckets = { "dest" },
      },
    },
    online = true,
  },
}
