--- One row for each scheduled departure, with what was known at that instant.
--- `dep_delay` is what a model learns to predict (NULL: cancelled); it is no feature.
local c = require "chronon"

local delays = require "group_bys.flights.delays"
local planes = require "group_bys.flights.planes"
local routes = require "group_bys.flights.routes"
local tails = require "group_bys.flights.tails"
local weather = require "group_bys.flights.weather"

local by_carrier = "flights_delays_by_carrier_v1_delay_average_"
local by_origin = "flights_delays_by_origin_v1_delay_average_"

return {
  v1 = c.Join {
    left = c.EventSource {
      table = "nyc.flights_schedule_v1",
      query = c.Query {
        selects = c.select(
          "flight_id", "carrier", "flight", "tailnum", "origin", "dest", "distance",
          "local_hour", "local_weekday", "dep_delay"
        ),
        time_column = "ts",
        start_partition = "2013-01-01",
      },
    },
    right_parts = {
      c.JoinPart { group_by = delays.by_carrier_v1 },
      c.JoinPart { group_by = delays.by_origin_v1 },
      c.JoinPart { group_by = routes.v1 },
      c.JoinPart { group_by = tails.v1 },
      c.JoinPart { group_by = weather.v1 },
      c.JoinPart { group_by = planes.v1 },
    },
    -- Of the row itself, for a derivation: when features are fetched it comes with the request.
    online_external_parts = {
      c.ExternalPart { source = c.ContextualSource { fields = { { "dest", c.DataType.STRING } } } },
    },
    row_ids = { "flight_id" },
    derivations = {
      -- Is it the airport, or is it them?
      c.Derivation { name = "carrier_beyond_origin_1h", expression = by_carrier .. "1h - " .. by_origin .. "1h" },
      c.Derivation { name = "route_delay_7d", expression = "flights_routes_v1_delay_average_7d_by_dest[dest]" },
      c.Derivation { name = "plane_age", expression = "year(to_date(ds)) - flights_planes_v1_built" },
      c.Derivation { name = "*", expression = "*" },
    },
    online = true,
    sample_percent = 100, -- of what is served with --log
  },
}
