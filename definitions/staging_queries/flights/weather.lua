--- Hourly weather at the three airports, from the end of its hour on.
--
-- A report is filed under the hour it was taken in, usually near its end; nobody had it at the
-- hour's start. `time_hour` is the source's own UTC hour: the clock's name for an hour would be
-- ambiguous once a year, in November.
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
          origin,
          temp,
          dewp,
          humid,
          wind_dir,
          wind_speed,
          wind_gust,
          precip,
          pressure,
          visib,
          (unix_timestamp(CAST(time_hour AS TIMESTAMP)) + 3600) * 1000 AS ts
        FROM raw.weather
        WHERE ds BETWEEN CAST(date_sub('{{ start_date }}', 1) AS STRING) AND '{{ end_date }}'
      ) reports
      WHERE date_format(timestamp_millis(ts), 'yyyy-MM-dd') BETWEEN '{{ start_date }}' AND '{{ end_date }}'
    ]],
  },
}
