"""Spark reads a snapshot of the lake, by its plain Parquet files: `make check-spark`, in an environment of its own.

No test of the suite: Spark alone takes more time and space to install than all the rest.
"""

import datetime as dt
import tempfile

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

DAY = dt.date(2020, 2, 25)

with tempfile.TemporaryDirectory() as folder:
    rows = pa.table({"business_date": [DAY] * 3, "delivered_for": [DAY] * 3, "uscc": ["A", "B", "C"]})
    # As the lake writes: a batch replaced leaves its old file behind, which must not be read.
    for batch in (rows, rows.slice(0, 2)):
        write_deltalake(folder, batch, partition_by=["business_date", "delivered_for"], mode="overwrite")
    table = DeltaTable(folder)
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    found = spark.read.option("basePath", table.table_uri).parquet(*table.file_uris())
    assert sorted(tuple(row) for row in found.select("uscc", "business_date").collect()) == [("A", DAY), ("B", DAY)]
    spark.stop()
