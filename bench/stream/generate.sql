-- Seeded as bench/pit/generate.sql is. @EVENTS@ payments of @USERS@ users in the @SPAN@ ms from the end of
-- 2024-02-29 on, one in ten up to a minute late, some 150 bytes of JSON each; and the day before as a table,
-- a payment a user.
CREATE MACRO chance(i, col) AS (hash(i * 16 + col) >> 11)::DOUBLE / 9007199254740992.0;
CREATE MACRO amount(i) AS round(1000 * chance(i, 1) ** 3, 2);
CREATE MACRO user_id(i) AS 'user_' || lpad((hash(i * 16 + 2) % @USERS@)::VARCHAR, 6, '0');
SET preserve_insertion_order = true;
COPY (
  SELECT
    '{"user_id":"' || user_id(i) || '","amount":' || amount(i)
    || ',"merchant":"merchant_' || lpad((hash(i * 16 + 3) % 1000)::VARCHAR, 4, '0')
    || '","country":"' || ['DE', 'FR', 'IN', 'US'][1 + (hash(i * 16 + 4) % 4)::INTEGER]
    || '","payment":"' || md5(i::VARCHAR)
    || '","ts":' || (1709251200000 + (i * (@SPAN@ / @EVENTS@))::BIGINT
      - CASE WHEN i % 10 = 3 THEN least(60000 * chance(i, 5), i * (@SPAN@ / @EVENTS@))::BIGINT ELSE 0 END)
    || '}'
  FROM range(@EVENTS@) t(i)
) TO '@DATA@/payments.jsonl' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER E'\x01');
COPY (
  SELECT 'user_' || lpad(i::VARCHAR, 6, '0') AS user_id, amount(i) AS amount,
    1709164800000 + floor(86400000 * chance(i, 6))::BIGINT AS ts, '2024-02-29' AS ds
  FROM range(@USERS@) t(i)
) TO '@DATA@/payments' (FORMAT parquet, PARTITION_BY (ds), OVERWRITE);
