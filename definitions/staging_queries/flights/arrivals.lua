--- Flights that landed, when they landed. Diverted ones have no delay but did arrive.
--
-- `arr_time` is a clock time at the destination without a date: it is the first one after the
-- flight left. Four destinations are missing from raw.airports; all lie in Puerto Rico and the
-- Virgin Islands, which share one time zone and keep no summer time.
local c = require "chronon"

return {
  v1 = c.StagingQuery {
    start_partition = "2013-01-01",
    query = [[
      WITH departed AS (
        SELECT
          s.*,
          s.ts + s.dep_delay * 60000 AS left_ts,
          coalesce(a.tzone, 'America/Puerto_Rico') AS zone
        FROM nyc.flights_schedule_v1 s
        LEFT JOIN raw.airports a ON s.dest = a.faa
        WHERE
          s.ds BETWEEN CAST(date_sub('{{ start_date }}', 2) AS STRING) AND '{{ end_date }}'
          AND s.arr_time IS NOT NULL
      ),
      clocks AS (
        SELECT
          *,
          unix_timestamp(from_utc_timestamp(timestamp_millis(left_ts), zone)) AS left_clock,
          CAST(floor(arr_time / 100) AS INT) * 3600 + (arr_time % 100) * 60 AS landed_second
        FROM departed
      ),
      landed AS (
        SELECT
          *,
          left_clock - left_clock % 86400 + landed_second
            + CASE WHEN landed_second <= left_clock % 86400 THEN 86400 ELSE 0 END AS landed_clock
        FROM clocks
      ),
      arrived AS (
        SELECT
          flight_id,
          carrier,
          tailnum,
          origin,
          dest,
          arr_delay,
          greatest(ts, unix_timestamp(to_utc_timestamp(timestamp_seconds(landed_clock), zone)) * 1000) AS ts
        FROM landed
      )
      SELECT
        *,
        date_format(timestamp_millis(ts), 'yyyy-MM-dd') AS ds
      FROM arrived
      WHERE date_format(timestamp_millis(ts), 'yyyy-MM-dd') BETWEEN '{{ start_date }}' AND '{{ end_date }}'
    ]],
  },
}
