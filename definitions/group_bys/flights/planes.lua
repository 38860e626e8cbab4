--- What kind of plane it is. No aggregations: a row of the register is the feature.
local c = require "chronon"

return {
  v1 = c.GroupBy {
    sources = c.EntitySource {
      snapshot_table = "nyc.flights_planes_v1",
      query = c.Query {
        selects = c.select("tailnum", "built", "manufacturer", "model", "engines", "seats"),
        start_partition = "2012-12-31",
      },
    },
    keys = { "tailnum" },
    aggregations = nil,
    online = true,
  },
}
