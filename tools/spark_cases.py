#!/usr/bin/env python3
"""Asks Spark for the type and the value of every line of sql_cases.txt.

    python3 -m venv V && V/bin/pip install pyspark==3.5.3 && V/bin/python tools/spark_cases.py

Writes spec/unit/warehouse/sql_cases.json: [[sql, type, [values as text, or null]], ...]. Lines that
Spark refuses or fails on are printed and left out. Needs Java; the specs do not.
"""
import json
import os

from pyspark.sql import SparkSession

HERE = os.path.join(os.path.dirname(__file__), "..", "spec", "unit", "warehouse")


def main():
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("OFF")
    cases = []
    with open(os.path.join(HERE, "sql_cases.txt"), encoding="utf-8") as lines:
        for line in lines:
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            query = line if line.startswith("SELECT") else f"SELECT {line} AS v"
            try:
                table = spark.sql(query)
                kind = table.schema["v"].dataType.simpleString()
                rows = table.selectExpr("CAST(v AS STRING) AS v").collect()
            except Exception as error:  # whatever Spark says: the line is of no use
                print(f"{line}: {str(error).splitlines()[0][:150]}")
                continue
            cases.append([line, kind, [row.v for row in rows]])
    with open(os.path.join(HERE, "sql_cases.json"), "w", encoding="utf-8") as out:
        rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        out.write(f"[\n{rows}\n]\n")


main()
