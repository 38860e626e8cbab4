"""W2 in Polars: prefix sums and as-of joins.

    polars_w2.py DATA OUT

A rolling window of Polars has one length, Chronon's begins at a floored instant, so the sums come
from prefix sums looked up at both ends. One key of user and instant keeps every join a merge.
"""
import sys

import polars as pl

HOUR, DAY = 3_600_000, 86_400_000
WINDOWS = {"1h": (HOUR, 300_000), "1d": (DAY, HOUR), "7d": (7 * DAY, HOUR), "30d": (30 * DAY, DAY)}
SHIFT = 2**42  # instants of this century are below it


def key(ts):
    return pl.col("user_id") * SHIFT + ts


data, out = sys.argv[1:]
events = (
    pl.scan_parquet(f"{data}/events/**/*.parquet", hive_partitioning=False)
    .select(key(pl.col("ts")).alias("key"), "amount")
    .sort("key")
    .select("key", pl.col("amount").cum_sum().alias("s"), pl.int_range(1, pl.len() + 1).alias("n"))
    .set_sorted("key")
    .collect()
)
left = (
    pl.scan_parquet(f"{data}/requests/**/*.parquet", hive_partitioning=True, hive_schema={"ds": pl.String})
    .with_columns(key(pl.col("ts")).alias("at"))
    .sort("at")
    .collect()
)


def prefix(at, name):
    found = (
        left.lazy().select(at.alias("key")).set_sorted("key")
        .join_asof(events.lazy(), on="key", strategy="backward", allow_exact_matches=False)
        .select(pl.col("s").fill_null(0.0).alias("s" + name), pl.col("n").fill_null(0).alias("n" + name))
    )
    return found


columns = [prefix(pl.col("at"), "")]
for name, (length, hop) in WINDOWS.items():
    columns.append(prefix(key((pl.col("ts") - length) // hop * hop), name))
both = pl.concat([left] + pl.collect_all(columns), how="horizontal")

names = list(WINDOWS)
count = {w: pl.col("n") - pl.col("n" + w) for w in names}
some = {w: pl.when(count[w] > 0) for w in names}
total = {w: pl.col("s") - pl.col("s" + w) for w in names}
result = both.select(
    "request_id", "user_id", "ts",
    *[some[w].then(total[w]).alias(f"amount_sum_{w}") for w in names],
    *[some[w].then(count[w]).alias(f"amount_count_{w}") for w in names],
    *[some[w].then(total[w] / count[w]).alias(f"amount_average_{w}") for w in names],
    "ds",
)
result.write_parquet(out, partition_by="ds", compression="snappy")
