-- What no join can be faster than: reading what it needs, writing what it makes. The rows written
-- are ours, loaded before the clock starts.
-- time read
SELECT min(user_id), max(ts), @READ@ FROM read_parquet('@DATA@/events/*/*.parquet', hive_partitioning = false);
-- time read
SELECT min(user_id), max(ts), max(request_id) FROM read_parquet('@DATA@/requests/*/*.parquet', hive_partitioning = false);
CREATE TABLE made AS FROM read_parquet('@OURS@/*/*.parquet', hive_types = {'ds': VARCHAR});
-- time write
COPY made TO '@OUT@' (FORMAT parquet, PARTITION_BY (ds), OVERWRITE);
