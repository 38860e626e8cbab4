SELECT
  carrier,
  origin,
  dest,
  dep_delay AS label,
  flights_delays_by_carrier_v1_delay_average_1h AS carrier_1h,
  flights_delays_by_origin_v1_delay_average_1h AS origin_1h,
  flights_delays_by_origin_v1_delay_count_1d AS origin_flights_1d,
  route_delay_7d
FROM nyc.flights_training_set_v1
WHERE ds = '2013-07-01' AND dep_delay > 120
ORDER BY ts, flight_id
LIMIT 5
