--- The last weather report of an airport, unless it is older than six hours.
local c = require "chronon"

local columns = { "temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib" }

local aggregations = {}
for _, column in ipairs(columns) do
  table.insert(aggregations, c.Aggregation {
    input_column = column,
    operation = c.Operation.LAST,
    windows = { "6h" },
  })
end

return {
  v1 = c.GroupBy {
    sources = c.EventSource {
      table = "nyc.flights_weather_v1",
      topic = "flights.weather",
      query = c.Query {
        selects = c.select("origin", unpack(columns)),
        time_column = "ts",
        start_partition = "2013-01-01",
      },
    },
    keys = { "origin" },
    aggregations = aggregations,
    online = true,
  },
}
