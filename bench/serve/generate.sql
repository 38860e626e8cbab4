-- Seeded as bench/pit/generate.sql is. @EACH@ actions of each of @USERS@ users over the 32 days before the
-- end of 2024-02-29: every user has some in the two days and 48 hours in which windows of 30 and 7 days begin.
CREATE MACRO chance(i, col) AS (hash(i * 16 + col) >> 11)::DOUBLE / 9007199254740992.0;
COPY (
  SELECT *, strftime(make_timestamp(ts * 1000), '%Y-%m-%d') AS ds
  FROM (
    SELECT
      'user_' || lpad((i % @USERS@)::VARCHAR, 6, '0') AS user_id,
      round(1000 * chance(i, 1) ** 3, 2) AS amount,
      'merchant_' || lpad((hash(i * 16 + 2) % 1000)::VARCHAR, 4, '0') AS merchant,
      round(600 * chance(i, 3) ** 2, 1) AS seconds,
      (hash(i * 16 + 4) % 40)::BIGINT AS clicks,
      '/page/' || (hash(i * 16 + 5) % 5000)::VARCHAR AS page,
      (1 + hash(i * 16 + 6) % 5)::DOUBLE AS stars,
      1706486400000 + floor((i // @USERS@ + chance(i, 7)) * (2764800000 / @EACH@))::BIGINT AS ts
    FROM range(@USERS@ * @EACH@) t(i))
) TO '@DATA@/actions' (FORMAT parquet, PARTITION_BY (ds), OVERWRITE);
