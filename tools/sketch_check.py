#!/usr/bin/env python3
"""Holds the sketches that this program writes and reads against the datasketches package of PyPI.

    pip install datasketches duckdb
    tools/sketch_check.py build/debug/chronon [SEED]

Run by hand; nothing in the build or the tests needs it. A GroupBy with isIncremental leaves its
states as BINARY columns in <table>_daily_inc, the bytes that uploads hold, and makes its output of
them.

Ours, read by the library: CPC's bytes must be those of the library's union of the same rows and
its estimate the number in the output table; KLL's count the number of rows and its quantiles near
the true ranks; frequent items' bounds around the true counts.

The library's, read here: the states are replaced by sketches of the library over the same rows,
the output table is dropped and made again, and must say what the library says of them: CPC's and
KLL's estimate, of frequent items the k largest estimates of what the sketch kept (Chronon would
give those alone that it can prove, docs/reference/conformance.md).
"""
import collections
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import datasketches
import duckdb

ROWS = 4000
COLUMNS = {"n": 1, "d": 2, "s": 3}
KEYS = [f"u{i}" for i in range(20)]


def rows(seed):
    rng = random.Random(seed)
    for i in range(ROWS):
        user = KEYS[min(int(rng.expovariate(0.4)), len(KEYS) - 1)]
        number = rng.randint(-2000, 2000)
        yield user, number, number / 8, f"w{min(int(rng.expovariate(0.05)), 500)}é", 1704153600000 + i


def repo(folder, data):
    with open(f"{folder}/teams.json", "w") as f:
        json.dump({"default": {"namespace": "ns"}}, f)
    with open(f"{folder}/ev.csv", "w") as f:
        f.write("user,n,d,s,ts,ds\n")
        for r in data:
            f.write(",".join(map(str, r)) + ",2024-01-02\n")
    day = [{"length": 1, "timeUnit": 1}]
    aggregations = []
    for column in ("n", "d", "s"):
        aggregations.append({"inputColumn": column, "operation": 5, "argMap": {"k": "8"}, "windows": day})
        aggregations.append({"inputColumn": column, "operation": 18, "argMap": {"k": "5"}, "windows": day})
    for column in ("n", "d"):
        aggregations.append({"inputColumn": column, "operation": 12, "windows": day,
                             "argMap": {"k": "128", "percentiles": "[0.5]"}})
    query = {"selects": {c: c for c in ("user", "n", "d", "s")}, "timeColumn": "ts", "setups": []}
    os.makedirs(f"{folder}/production/group_bys/t")
    with open(f"{folder}/production/group_bys/t/g.v1", "w") as f:
        json.dump({"metaData": {"name": "t.g.v1", "team": "t", "outputNamespace": "ns"},
                   "sources": [{"events": {"table": "data.ev", "query": query}}],
                   "keyColumns": ["user"], "aggregations": aggregations, "accuracy": 1,
                   "backfillStartDate": "2024-01-02", "isIncremental": 1}, f)


def chronon(program, folder, *words):
    return subprocess.run([program, *words, "--repo", folder, "--table", f"data.ev={folder}/ev.csv", "-q"],
                          check=True, stdout=subprocess.PIPE).stdout


def read(program, folder, table, columns):
    sql = "SELECT " + ", ".join(columns) + f" FROM {table}"
    return json.loads(chronon(program, folder, "sql", "--duckdb", "-o", "json", "--max-rows", "0", sql))


ALL_KEPT = datasketches.frequent_items_error_type.NO_FALSE_NEGATIVES


def make_cpc(values):
    """As Chronon stores it: out of a union, without HIP's registers."""
    sketch, union = datasketches.cpc_sketch(8), datasketches.cpc_union(8)
    for v in values:
        # The library takes a negative int for a float; the same 64 bits as an unsigned one it does not.
        sketch.update(v % (1 << 64) if isinstance(v, int) else v)
    union.update(sketch)
    return union.get_result()


def make_kll(values):
    sketch = datasketches.kll_floats_sketch(128)
    for v in values:
        sketch.update(v)
    return sketch


def make_items(values):
    sketch = datasketches.frequent_strings_sketch(3)  # 2^3 is the library's least room for k = 5
    for v in values:
        sketch.update(str(v))
    return sketch


def check_cpc(raw, served, values):
    sketch = datasketches.cpc_sketch.deserialize(raw)
    return raw == bytes(make_cpc(values).serialize()) and int(sketch.get_estimate()) == served


def check_kll(raw, _served, values):
    sketch = datasketches.kll_floats_sketch.deserialize(raw)
    values = sorted(values)
    if sketch.n != len(values):
        return False
    for fraction in (0.1, 0.5, 0.9):
        q = sketch.get_quantile(fraction)
        below, upto = sum(v < q for v in values), sum(v <= q for v in values)
        if not below / len(values) - 0.04 <= fraction <= upto / len(values) + 0.04:
            return False
    return True


def check_items(raw, _served, values):
    sketch, counts = datasketches.frequent_strings_sketch.deserialize(raw), collections.Counter(map(str, values))
    return sketch.total_weight == len(values) and all(
        sketch.get_lower_bound(k) <= n <= sketch.get_upper_bound(k) for k, n in counts.items())


def says_items(sketch, served):
    """The k largest estimates of what the sketch kept; which of equal ones is free."""
    kept = {item: estimate for item, estimate, _, _ in sketch.get_frequent_items(ALL_KEPT)}
    best = sorted(kept.values(), reverse=True)[:5]
    return sorted(served.values(), reverse=True) == best and all(kept.get(k) == n for k, n in served.items())


# operation: columns, how the library makes one, whether ours is right, whether our answer is the library's
SKETCHES = {
    "approx_unique_count": ("nds", make_cpc, check_cpc, lambda s, served: int(s.get_estimate()) == served),
    "approx_percentile": ("nd", make_kll, check_kll, lambda s, served: [s.get_quantile(0.5)] == served),
    "approx_histogram_k": ("nds", make_items, check_items, says_items),
}


def replace_states(folder, made):
    """Puts the library's bytes in place of ours; made is {user: {column: sketch}}."""
    for path in glob.glob(f"{folder}/warehouse/ns/t_g_v1_daily_inc/**/*.parquet", recursive=True):
        db = duckdb.connect()
        db.execute("CREATE TABLE t AS SELECT * FROM read_parquet(?, hive_partitioning = false)", [path])
        for user, columns in made.items():
            assignments = ", ".join(f"{name} = ?" for name in columns)
            db.execute(f"UPDATE t SET {assignments} WHERE user = ?",
                       [bytes(s.serialize()) for s in columns.values()] + [user])
        db.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    shutil.rmtree(f"{folder}/warehouse/ns/t_g_v1")


def main():
    program = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    data = list(rows(seed))
    values = {u: {c: [r[i] for r in data if r[0] == u] for c, i in COLUMNS.items()} for u in KEYS}
    names = {f"{c}_{op}": (c, op) for op, (columns, *_) in SKETCHES.items() for c in columns}
    seen, wrong = collections.Counter(), 0

    def judge(what, user, name, ok):
        nonlocal wrong
        seen[f"{names[name][1]} {what}"] += 1
        if not ok:
            wrong += 1
            print(f"seed {seed}: {what}: {name} of {user} ({len(values[user]['n'])} rows) differs", file=sys.stderr)

    with tempfile.TemporaryDirectory() as folder:
        repo(folder, data)
        run = ("run", "--conf", "production/group_bys/t/g.v1", "--ds", "2024-01-02")
        chronon(program, folder, *run)
        states = read(program, folder, "ns.t_g_v1_daily_inc", ['"user"'] + [f"hex({n}) AS {n}" for n in names])
        served = {r["user"]: r for r in read(program, folder, "ns.t_g_v1", ["*"])}
        for state in states:
            user = state["user"]
            for name, (column, op) in names.items():
                judge("read by the library", user, name, SKETCHES[op][2](
                    bytes.fromhex(state[name]), served[user][name + "_1d"], values[user][column]))
        made = {s["user"]: {name: SKETCHES[op][1](values[s["user"]][column]) for name, (column, op) in names.items()}
                for s in states}
        replace_states(folder, made)
        chronon(program, folder, *run)
        served = {r["user"]: r for r in read(program, folder, "ns.t_g_v1", ["*"])}
        for user, sketches in made.items():
            for name, sketch in sketches.items():
                judge("of the library read here", user, name,
                      SKETCHES[names[name][1]][3](sketch, served[user][name + "_1d"]))
    for what, n in sorted(seen.items()):
        print(f"{n:4} {what}")
    print(f"seed {seed}: {sum(seen.values())} sketches, {wrong} differ")
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
