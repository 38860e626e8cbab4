--- Flights that left, when that was known. Cancelled ones never appear.
--
-- Some leave before their time. Such a departure counts from the scheduled instant on: a row that
-- predicts a flight at that instant must not find the flight's own delay among its features.
-- The longest delay is under a day, so the day before is enough to find those that slipped past midnight.
local c = require "chronon"

return {
  v1 = c.StagingQuery {
    start_partition = "2013-01-01",
    query = [[
      SELECT
        *,
        date_format(timestamp_millis(ts), 'yyyy-MM-dd') AS ds
      FROM (
        SELECT
          flight_id,
          carrier,
          tailnum,
          origin,
          dest,
          dep_delay,
          greatest(ts, ts + dep_delay * 60000) AS ts
        FROM nyc.flights_schedule_v1
        WHERE
          ds BETWEEN CAST(date_sub('{{ start_date }}', 1) AS STRING) AND '{{ end_date }}'
          AND dep_delay IS NOT NULL
      ) departed
      WHERE date_format(timestamp_millis(ts), 'yyyy-MM-dd') BETWEEN '{{ start_date }}' AND '{{ end_date }}'
    ]],
  },
}
