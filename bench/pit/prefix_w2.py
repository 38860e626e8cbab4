"""W2 by hand in NumPy: one sort of the events, prefix sums, binary searches. Polars reads and writes.

    prefix_w2.py DATA OUT
"""
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

HOUR, DAY = 3_600_000, 86_400_000
WINDOWS = {"1h": (HOUR, 300_000), "1d": (DAY, HOUR), "7d": (7 * DAY, HOUR), "30d": (30 * DAY, DAY)}
SHIFT = 2**42

data, out = sys.argv[1:]
events = pl.read_parquet(f"{data}/events/**/*.parquet", columns=["user_id", "ts", "amount"], hive_partitioning=False)
left = pl.read_parquet(f"{data}/requests/**/*.parquet", hive_partitioning=True, hive_schema={"ds": pl.String})

key = events["user_id"].to_numpy() * SHIFT + events["ts"].to_numpy()
order = np.argsort(key)
key = key[order]
prefix = np.concatenate(([0.0], np.cumsum(events["amount"].to_numpy()[order])))

user = left["user_id"].to_numpy() * SHIFT
ts = left["ts"].to_numpy()
# Searches that go upwards stay in the cache.
asked = np.argsort(user + ts)
user, ts = user[asked], ts[asked]
bounds = {"": ts} | {w: (ts - length) // hop * hop for w, (length, hop) in WINDOWS.items()}
with ThreadPoolExecutor() as pool:
    at = dict(zip(bounds, pool.map(lambda b: np.searchsorted(key, user + b), bounds.values())))

sums, counts, means = {}, {}, {}
for w in WINDOWS:
    n = at[""] - at[w]
    s = prefix[at[""]] - prefix[at[w]]
    some = pl.Series(n > 0)
    with np.errstate(invalid="ignore"):
        mean = s / n
    sums[f"amount_sum_{w}"] = (some, s)
    counts[f"amount_count_{w}"] = (some, n)
    means[f"amount_average_{w}"] = (some, mean)

result = left[asked].select("request_id", "user_id", "ts", "ds").with_columns(
    pl.when(some).then(pl.Series(values)).alias(name)
    for name, (some, values) in (sums | counts | means).items()
)
result.select(pl.exclude("ds"), "ds").write_parquet(out, partition_by="ds", compression="snappy")
