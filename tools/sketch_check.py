#!/usr/bin/env python3
"""Reads sketches that this program wrote with the datasketches package of PyPI.

    pip install datasketches
    tools/sketch_check.py build/debug/chronon

Run by hand; nothing in the build or the tests needs it. A GroupBy with isIncremental leaves its
states as BINARY columns in <table>_daily_inc; here each is read by the library and held against
the rows: CPC's estimate of merged sketches must be the number in the output table, KLL's count the
number of rows and its quantiles near the true ranks, frequent items' bounds around the true
counts. That bytes of the library are read here is shown by spec/unit/agg/sketch_spec.lua and
ir_spec.lua, which hold some.
"""
import collections
import json
import os
import random
import subprocess
import sys
import tempfile

import datasketches

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


def check_cpc(raw, served):
    union = datasketches.cpc_union(8)
    union.update(datasketches.cpc_sketch.deserialize(raw))
    return int(union.get_result().get_estimate()) == served


def check_kll(raw, values):
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


def check_items(raw, counts):
    sketch = datasketches.frequent_strings_sketch.deserialize(raw)
    return sketch.total_weight == sum(counts.values()) and all(
        sketch.get_lower_bound(k) <= n <= sketch.get_upper_bound(k) for k, n in counts.items())


def main():
    program, seed = os.path.abspath(sys.argv[1]), random.randrange(1 << 32)
    data = list(rows(seed))
    seen, wrong = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        repo(folder, data)
        chronon(program, folder, "run", "--conf", "production/group_bys/t/g.v1", "--ds", "2024-01-02")
        sketches = {"approx_unique_count": "nds", "approx_percentile": "nd", "approx_histogram_k": "nds"}
        names = [f"{c}_{op}" for op, columns in sketches.items() for c in columns]
        states = read(program, folder, "ns.t_g_v1_daily_inc",
                      ['"user"'] + [f"hex({n}) AS {n}" for n in names])
        served = {r["user"]: r for r in read(program, folder, "ns.t_g_v1", ["*"])}
    for state in states:
        mine = [r for r in data if r[0] == state["user"]]
        for name in names:
            column, op = name[0], name[2:]
            values = [r[COLUMNS[column]] for r in mine]
            raw = bytes.fromhex(state[name])
            if op == "approx_unique_count":
                ok = check_cpc(raw, served[state["user"]][name + "_1d"])
            elif op == "approx_percentile":
                ok = check_kll(raw, values)
            else:
                ok = check_items(raw, collections.Counter(map(str, values)))
            seen[op] += 1
            if not ok:
                wrong += 1
                print(f"seed {seed}: {name} of {state['user']} ({len(mine)} rows) differs", file=sys.stderr)
    print(f"{dict(seen)}: {wrong} differ")
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
