-- The best SQL found for W1: W2's query (its comment tells how), frames with computed bounds for the
-- largest and the distinct, and for the last ten the event's number and an equality join.
CREATE TEMP TABLE timeline AS
  SELECT user_id, ts, amount, merchant, NULL::BIGINT AS request_id
  FROM read_parquet('@DATA@/events/*/*.parquet', hive_partitioning = false)
  UNION ALL
  SELECT user_id, ts, NULL, NULL, request_id
  FROM read_parquet('@DATA@/requests/*/*.parquet', hive_partitioning = false);

CREATE TEMP TABLE largest AS
  SELECT
    request_id,
    max(amount, 5) OVER (
      PARTITION BY user_id ORDER BY ts
      RANGE BETWEEN (ts - (ts - 604800000) // 3600000 * 3600000) PRECEDING AND 1 PRECEDING) AS amount_top5_7d
  FROM timeline
  QUALIFY request_id IS NOT NULL;

CREATE TEMP TABLE merchants AS
  SELECT
    request_id,
    approx_count_distinct(merchant) OVER (
      PARTITION BY user_id ORDER BY ts
      RANGE BETWEEN (ts - (ts - 2592000000) // 86400000 * 86400000) PRECEDING AND 1 PRECEDING
    ) AS merchant_approx_unique_count_30d
  FROM timeline
  QUALIFY request_id IS NOT NULL;

CREATE TEMP TABLE latest AS
  WITH events AS (
    SELECT user_id, ts, amount, row_number() OVER (PARTITION BY user_id ORDER BY ts) AS n
    FROM timeline WHERE request_id IS NULL),
  requests AS (
    SELECT
      request_id, user_id, ts,
      count(amount) OVER (
        PARTITION BY user_id ORDER BY ts, request_id NULLS LAST ROWS UNBOUNDED PRECEDING) AS n
    FROM timeline
    QUALIFY request_id IS NOT NULL),
  asked AS (SELECT request_id, user_id, ts, unnest(range(greatest(1, n - 9), n + 1)) AS n FROM requests)
  SELECT request_id, list(e.amount ORDER BY e.ts DESC) AS amount_last10_7d
  FROM asked a JOIN events e ON e.user_id = a.user_id AND e.n = a.n
  WHERE e.ts >= (a.ts - 604800000) // 3600000 * 3600000
  GROUP BY request_id;

COPY (
  WITH requests AS (
    SELECT request_id, user_id, ts, ds
    FROM read_parquet('@DATA@/requests/*/*.parquet', hive_types = {'ds': VARCHAR})),
  points AS (
    SELECT user_id, ts AS t, request_id, 0 AS point FROM requests
    UNION ALL SELECT user_id, (ts - 3600000) // 300000 * 300000, request_id, 1 FROM requests
    UNION ALL SELECT user_id, (ts - 86400000) // 3600000 * 3600000, request_id, 2 FROM requests
    UNION ALL SELECT user_id, (ts - 604800000) // 3600000 * 3600000, request_id, 3 FROM requests
    UNION ALL SELECT user_id, (ts - 2592000000) // 86400000 * 86400000, request_id, 4 FROM requests),
  points_and_events AS (
    SELECT user_id, ts AS t, NULL::BIGINT AS request_id, 9 AS point, amount
    FROM read_parquet('@DATA@/events/*/*.parquet', hive_partitioning = false)
    UNION ALL SELECT user_id, t, request_id, point, NULL FROM points),
  running AS (
    SELECT request_id, point, coalesce(sum(amount) OVER w, 0) AS s, count(amount) OVER w AS n
    FROM points_and_events
    WINDOW w AS (PARTITION BY user_id ORDER BY t, point ROWS UNBOUNDED PRECEDING)
    QUALIFY request_id IS NOT NULL),
  ends AS (
    SELECT
      request_id,
      max(s) FILTER (point = 0) AS s0, max(s) FILTER (point = 1) AS s1, max(s) FILTER (point = 2) AS s2,
      max(s) FILTER (point = 3) AS s3, max(s) FILTER (point = 4) AS s4,
      max(n) FILTER (point = 0) AS n0, max(n) FILTER (point = 1) AS n1, max(n) FILTER (point = 2) AS n2,
      max(n) FILTER (point = 3) AS n3, max(n) FILTER (point = 4) AS n4
    FROM running
    GROUP BY request_id),
  counted AS (
    SELECT
      *, nullif(n0 - n1, 0) AS c1, nullif(n0 - n2, 0) AS c2, nullif(n0 - n3, 0) AS c3, nullif(n0 - n4, 0) AS c4
    FROM ends)
  SELECT
    request_id, user_id, ts,
    if(c1 > 0, s0 - s1, NULL) AS amount_sum_1h, if(c2 > 0, s0 - s2, NULL) AS amount_sum_1d,
    if(c3 > 0, s0 - s3, NULL) AS amount_sum_7d, if(c4 > 0, s0 - s4, NULL) AS amount_sum_30d,
    c1 AS amount_count_1h, c2 AS amount_count_1d, c3 AS amount_count_7d, c4 AS amount_count_30d,
    (s0 - s1) / c1 AS amount_average_1h, (s0 - s2) / c2 AS amount_average_1d,
    (s0 - s3) / c3 AS amount_average_7d, (s0 - s4) / c4 AS amount_average_30d,
    amount_last10_7d, amount_top5_7d, nullif(merchant_approx_unique_count_30d, 0) AS merchant_approx_unique_count_30d,
    ds
  FROM requests
  JOIN counted USING (request_id)
  JOIN largest USING (request_id)
  JOIN merchants USING (request_id)
  LEFT JOIN latest USING (request_id)
) TO '@OUT@' (FORMAT parquet, PARTITION_BY (ds), OVERWRITE);
