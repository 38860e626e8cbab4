#!/usr/bin/env python3
"""Reads an upload table with the avro package of PyPI: whether bytes that this program wrote mean
to another implementation what value_json says they mean.

    pip install avro
    build/debug/chronon run --mode upload ...
    tools/avro_check.py build/debug/chronon WAREHOUSE ns.group_by_upload

Run by hand; nothing in the build or the tests needs it. Every key is decoded by the serving info's
key schema and compared with key_json, every value by the schema that the branches of all value_json
show, and compared with its own; rows without value_json are skipped.
"""
import io
import json
import math
import subprocess
import sys

import avro.io
import avro.schema


def query(program, warehouse, sql):
    out = subprocess.run(
        [program, "sql", "--duckdb", "--warehouse", warehouse, "--repo", ".", "-o", "json",
         "--max-rows", "0", sql],
        check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)


def decode(schema, raw):
    reader = io.BytesIO(raw)
    value = avro.io.DatumReader(schema).read(avro.io.BinaryDecoder(reader))
    if reader.read():
        raise ValueError("bytes are left over")
    return value


def plain(value):
    """Avro's JSON without the names of branches."""
    if isinstance(value, dict) and len(value) == 1:
        (branch, inner), = value.items()
        if branch in ("boolean", "int", "long", "float", "double", "string"):
            return inner
        if branch == "bytes":
            return inner.encode("latin-1")
        if branch == "array":
            return [plain(v) for v in inner]
        if branch == "map":
            return {k: plain(v) for k, v in inner.items()}
        if branch.startswith("ai.chronon.data."):
            return plain(inner)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def same(x, y):
    if isinstance(x, dict) and isinstance(y, dict):
        return list(x) == list(y) and all(same(x[k], y[k]) for k in x)
    if isinstance(x, list) and isinstance(y, list):
        return len(x) == len(y) and all(same(a, b) for a, b in zip(x, y))
    if isinstance(x, float) or isinstance(y, float):
        a, b = float(x), float(y)  # "NaN" and "Infinity" are strings in JSON
        return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-7)
    return x == y


class Branches:
    """The schema that the Avro JSON of many rows shows: types of fields by name, in order."""

    def __init__(self):
        self.fields = {}

    def see(self, name, value):
        known = self.fields.setdefault(name, None)
        if value is not None:
            (branch, inner), = value.items()
            self.fields[name] = self.merge(known, branch, inner)

    def merge(self, known, branch, inner):
        if branch == "array":
            known = known or {"type": "array", "items": None}
            for v in inner:
                known["items"] = self.item(known["items"], v)
        elif branch == "map":
            known = known or {"type": "map", "values": None}
            for v in inner.values():
                known["values"] = self.item(known["values"], v)
        elif branch.startswith("ai.chronon.data."):
            known = self.record(known, inner)
        else:
            known = branch
        return known

    def record(self, known, inner):
        known = known or {"type": "record", "seen": Branches()}
        for k, v in inner.items():
            known["seen"].see(k, v)
        return known

    def item(self, known, v):
        if isinstance(v, dict):
            return self.record(known, v)
        if isinstance(v, list):
            return self.merge(known, "array", v)
        if isinstance(v, bool):
            return "boolean"
        if isinstance(v, int) and known != "double":
            return "long"  # int and long are the same bytes
        return "string" if isinstance(v, str) and v not in ("NaN", "Infinity") else "double"

    def schema(self, counter):
        counter[0] += 1
        name = f"R{counter[0]}"
        fields = []
        for field, kind in self.fields.items():
            fields.append({"name": field, "type": ["null", self.finish(kind, counter)]})
        return {"type": "record", "name": name, "fields": fields}

    def finish(self, kind, counter):
        if kind is None:
            return "long"  # only nulls, or no items at all: any type will do
        if isinstance(kind, str):
            return kind
        if kind["type"] == "record":
            return kind["seen"].schema(counter)
        key = "items" if kind["type"] == "array" else "values"
        return {"type": kind["type"], key: self.finish(kind[key], counter)}


def main():
    program, warehouse, table = sys.argv[1:4]
    rows = query(program, warehouse,
                 "SELECT hex(key_bytes) AS k, hex(value_bytes) AS v, key_json, value_json "
                 f"FROM {table} WHERE value_json IS NOT NULL")
    info = next(json.loads(r["value_json"]) for r in rows if r["key_json"] == "group_by_serving_info")
    rows = [r for r in rows if r["key_json"] != "group_by_serving_info"]
    key_schema = avro.schema.parse(info["keyAvroSchema"])
    for name in ("selectedAvroSchema", "inputAvroSchema"):
        if name in info:
            avro.schema.parse(info[name])
    branches = Branches()
    shown = [json.loads(r["value_json"]) for r in rows]
    for value in shown:
        for name, v in value.items():
            branches.see(name, v)
    value_schema = avro.schema.parse(json.dumps(branches.schema([0])))
    wrong = 0
    for row, value in zip(rows, shown):
        key = decode(key_schema, bytes.fromhex(row["k"]))
        got = decode(value_schema, bytes.fromhex(row["v"]))
        if not same(key, plain(json.loads(row["key_json"]))) or not same(got, plain(value)):
            wrong += 1
            print("differs:", row["key_json"], got, file=sys.stderr)
    print(f"{len(rows)} rows, {wrong} differ")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
