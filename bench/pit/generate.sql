-- Seeded: hash() of a number made of the row's and the column's is the only source of chance.
-- A user of rank r has a share of about r^-1.12: the first has over a tenth of all events.
-- Events stand in a row of equal cells of time, shuffled by a prime, somewhere in their cell: no
-- two share an instant, so that "the last ten" has one answer.
CREATE MACRO chance(i, col) AS (hash(i * 16 + col) >> 11)::DOUBLE / 9007199254740992.0;
CREATE MACRO user_of(u, users) AS least(users, floor(((users ** -0.12 - 1) * u + 1) ** (-1 / 0.12)))::BIGINT;
CREATE MACRO day_of(ts) AS strftime(make_timestamp(ts * 1000), '%Y-%m-%d');
COPY (
  SELECT *, day_of(ts) AS ds
  FROM (
    SELECT
      user_of(chance(i, 1), @USERS@) AS user_id,
      round(1000 * chance(i, 2) ** 3, 2) AS amount,
      'merchant_' || lpad((hash(i * 16 + 3) % 1000)::VARCHAR, 4, '0') AS merchant,
      1704067200000 + floor(((i * 2654435761) % @EVENTS@ + chance(i, 4)) * (5184000000 / @EVENTS@))::BIGINT AS ts
    FROM range(@EVENTS@) t(i))
) TO '@DATA@/events' (FORMAT parquet, PARTITION_BY (ds), OVERWRITE);
COPY (
  SELECT *, day_of(ts) AS ds
  FROM (
    SELECT
      i AS request_id,
      user_of(chance(i, 5), @USERS@) AS user_id,
      1706659200000 + floor(chance(i, 6) * 2592000000)::BIGINT AS ts
    FROM range(@LEFT@) t(i))
) TO '@DATA@/requests' (FORMAT parquet, PARTITION_BY (ds), OVERWRITE);
