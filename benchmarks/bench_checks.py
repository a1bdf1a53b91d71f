"""Checking a whole-scale partition against the time DuckDB takes just to parse the same rows as CSV.

Run alone: ``python -m benchmarks.bench_checks``. Prints seconds and their ratio; the ratio is what to compare, since
both halves ran on the same machine a moment apart. Beside it what a suite costs however few the rows, and a month of
all households: 5.6 million rows, whose text must never be expanded.
"""

from __future__ import annotations

import datetime as dt
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv

from resumption import checks

DAY = dt.date(2020, 2, 25)
ROWS = 600_000


def checkins(rows: int = ROWS) -> pa.Table:
    """Return a day's check-ins of a whole district: a person twice a day, 14,474 firms."""
    rng = np.random.default_rng(20200225)
    people = rows // 2
    tokens = pa.array([f"{i:064x}" for i in range(people)])
    codes = pa.array([f"91330108{i:010d}" for i in range(14_474)])
    person = pa.array(np.arange(rows) % people)
    at = np.datetime64("2020-02-25T00:30:00") + rng.integers(0, 30_000, rows).astype("m8[s]")
    return pa.table(
        {
            "uscc": codes.take(pa.array(np.arange(rows) % people % 14_474)),
            "phone_token": tokens.take(person),
            "code_colour": pa.array(rng.choice(["green", "yellow", "red"], rows, p=[0.98, 0.015, 0.005])),
            "temperature_c": pa.array(rng.normal(36.5, 0.25, rows).round(1), mask=rng.random(rows) < 0.02),
            "measured_at": pa.array(at, pa.timestamp("us", tz="UTC")),
            "place": pa.array(rng.choice(["厂区", "居家", "其他"], rows)),
            "symptomatic": pa.array(rng.random(rows) < 0.005),
            "business_date": pa.array([DAY] * rows),
            "delivery_id": pa.array(np.where(np.arange(rows) < people, "am", "pm")),
            "delivery_name": pa.array(np.where(np.arange(rows) < people, "am.csv", "pm.csv")),
            "row_number": pa.array((np.arange(rows) % people + 1).astype("int32")),
            "repaired": pa.array([[]] * (rows - 100) + [["temperature_invalid"]] * 100, pa.list_(pa.string())),
        }
    )


def households(meters: int = 180_000, days: int = 31) -> pa.Table:
    """Return a month of all households of a district as the reader gives it: text as dictionaries."""
    rows, rng = meters * days, np.random.default_rng(20200131)
    on = np.datetime64("2020-01-01") + np.arange(rows) // meters
    none = pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, dtype="int32")), pa.array([], pa.string()))

    def text(values: list[str], index: Any) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(index.astype("int32")), pa.array(values))

    return pa.table(
        {
            "meter_token": text([f"m{i:031x}" for i in range(meters)], np.arange(rows) % meters),
            "community_code": text([f"330108{i:06d}" for i in range(300)], np.arange(rows) % 300),
            "reading_on": pa.array(on),
            "energy": pa.array(rng.gamma(2, 3, rows).round(2), mask=rng.random(rows) < 0.02).cast(pa.decimal128(18, 4)),
            "quality": text(["ok", "missing", "estimated", "swap"], rng.choice(4, rows, p=[0.95, 0.02, 0.02, 0.01])),
            "business_date": pa.array(on),
            "delivery_id": text(["d"], np.zeros(rows)),
            "row_number": pa.array(np.arange(1, rows + 1, dtype="int32")),
            "repaired": none,
        }
    )


def seconds(call: Callable[[], Any], repeat: int = 3) -> float:
    """Return the best of ``repeat`` timings of ``call``."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def measure() -> dict[str, float]:
    """Return seconds of a check, seconds of the parse, their ratio, and seconds of a suite over ten rows."""
    table = checkins()
    # the first call pays the imports, once a process
    fixed = seconds(lambda: checks.check_partition("checkins", table.slice(0, 10), DAY), 5)
    check = seconds(lambda: checks.check_partition("checkins", table, DAY, {"rows_received": table.num_rows}))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkins.csv"
        pyarrow.csv.write_csv(table.drop_columns(["repaired"]), path)
        query = "create or replace table parsed as select * from read_csv(?)"
        with duckdb.connect() as connection:
            parse = seconds(lambda: connection.execute(query, [str(path)]).fetchall())
    return {"check_seconds": check, "duckdb_parse_seconds": parse, "ratio": check / parse, "fixed_seconds": fixed}


def measure_month() -> dict[str, float]:
    """Return rows and seconds of a month of households, and the peak memory of this process, the rows included."""
    table, day = households(), dt.date(2020, 1, 31)
    took = seconds(lambda: checks.check_partition("household_power", table, day), 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": table.num_rows, "check_seconds": took, "peak_gb": peak / 1e6}


def main() -> None:
    """Print the measurement of one run."""
    found = measure()
    rules = len(checks.load_suite("checkins").checks)
    print(
        f"checks: {ROWS} rows, {rules} rules: {found['check_seconds']:.2f} s; "
        f"DuckDB parses the same rows in {found['duckdb_parse_seconds']:.2f} s; ratio {found['ratio']:.1f}; "
        f"ten rows: {found['fixed_seconds']:.3f} s"
    )
    month = measure_month()
    print(f"checks: {month['rows']} rows of households: {month['check_seconds']:.1f} s, peak {month['peak_gb']:.2f} GB")


if __name__ == "__main__":
    main()
