--- How late flights have been leaving, by carrier and by airport.
local c = require "chronon"

local Op = c.Operation

local departures = c.EventSource {
  table = "nyc.flights_departures_v1",
  topic = "flights.departures", -- a source with a stream makes its features current to the second
  query = c.Query {
    selects = c.select("carrier", "origin", { delay = "CAST(dep_delay AS DOUBLE)" }),
    time_column = "ts",
    start_partition = "2013-01-01",
  },
}

-- Minutes; negative when early.
local function delays_by(key)
  local aggregations = {}
  for _, operation in ipairs {
    Op.COUNT, Op.SUM, Op.AVERAGE, Op.VARIANCE, Op.MIN, Op.MAX, Op.APPROX_PERCENTILE({ 0.5, 0.9 }), Op.LAST_K(10),
  } do
    table.insert(aggregations, c.Aggregation {
      input_column = "delay",
      operation = operation,
      windows = { "1h", "6h", "1d", "7d", "30d" },
    })
  end
  return c.GroupBy { sources = departures, keys = { key }, aggregations = aggregations, online = true }
end

return {
  by_carrier_v1 = delays_by("carrier"),
  by_origin_v1 = delays_by("origin"),
}
