--- Every flight of the timetable, at the instant it should leave.
--
-- Raw rows carry clock times of New York and lie in the partition of their local day. Here they
-- get their instant (`ts`, epoch milliseconds) and the UTC day of it (`ds`), once: everything else
-- in this repo reads instants. A local day reaches into the next UTC day, hence the extra one.
local c = require "chronon"

return {
  v1 = c.StagingQuery {
    start_partition = "2013-01-01",
    query = [[
      SELECT
        concat(local_day, '-', carrier, flight, '-', origin) AS flight_id,
        carrier,
        flight,
        tailnum,
        origin,
        dest,
        distance,
        CAST(floor(sched_dep_time / 100) AS INT) AS local_hour,
        dayofweek(local_day) AS local_weekday,
        dep_delay,
        arr_time,
        arr_delay,
        unix_timestamp(scheduled_at) * 1000 AS ts,
        date_format(scheduled_at, 'yyyy-MM-dd') AS ds
      FROM (
        SELECT
          *,
          ds AS local_day,
          to_utc_timestamp(
            to_timestamp(concat(ds, ' ', lpad(CAST(sched_dep_time AS STRING), 4, '0')), 'yyyy-MM-dd HHmm'),
            'America/New_York') AS scheduled_at
        FROM raw.flights
        WHERE ds BETWEEN CAST(date_sub('{{ start_date }}', 1) AS STRING) AND '{{ end_date }}'
      ) timetable
      WHERE date_format(scheduled_at, 'yyyy-MM-dd') BETWEEN '{{ start_date }}' AND '{{ end_date }}'
    ]],
  },
}
