"""Conforming the check-ins of a whole-scale day, against DuckDB just parsing the same files to Arrow.

Run alone: ``python -m benchmarks.bench_conform [SCALE]``. The files are the simulator's, defects included; each half
handles ``am.csv`` and ``pm.csv`` one after the other. To reach: conform in at most 2.5 times DuckDB's time. Both halves
ran on the same machine a moment apart: compare the ratio, not the seconds.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from resumption import readers
from resumption.conform import Origin, conform
from resumption.contracts import load_feed
from simulator.calendar import number
from simulator.district import District
from simulator.store import Store

DAY, MOMENT = date(2020, 2, 25), datetime(2020, 2, 25, 9, tzinfo=UTC)
RATIO, REPEAT = 2.5, 3


def delivered(scale: float, home: Path) -> list[Path]:
    """Let the simulator write the day's files of check-ins."""
    return [Path(entry.path) for entry in Store(home, District(scale=scale)).entries("checkins", number(DAY))]


def conforming(files: list[Path]) -> tuple[float, int]:
    """Return seconds of conforming, under a key that no token was made with before, and rows; reading is not timed."""
    contract, key, seconds, rows = load_feed("checkins"), os.urandom(32), 0.0, 0
    for path in files:
        read = readers.read(path.read_bytes(), contract, None)
        started = time.perf_counter()
        verdict = conform(contract, read.table, Origin("bench", DAY, path.name, MOMENT, MOMENT), key, read.headers)
        seconds += time.perf_counter() - started
        rows += verdict.accepted.num_rows + verdict.quarantined.num_rows
    return seconds, rows


def parsing(files: list[Path]) -> float:
    """Return seconds in which DuckDB parses all columns to Arrow, rows with a field too many left out."""
    started = time.perf_counter()
    for path in files:
        duckdb.read_csv(str(path), strict_mode=False, ignore_errors=True).to_arrow_table()
    return time.perf_counter() - started


def measure(scale: float = 1.0) -> dict[str, float]:
    """Return rows, the best seconds of both halves, and their ratio."""
    with tempfile.TemporaryDirectory() as home:
        files = delivered(scale, Path(home))
        runs = [(*conforming(files), parsing(files)) for _ in range(REPEAT + 1)][1:]
    ours, theirs = min(run[0] for run in runs), min(run[2] for run in runs)
    return {"rows": runs[0][1], "conform_seconds": ours, "duckdb_seconds": theirs, "ratio": ours / theirs}


def main() -> None:
    """Print the measurement of one run."""
    found = measure(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
    print(
        f"conform: {found['rows']:.0f} rows in {found['conform_seconds']:.2f} s; "
        f"DuckDB parses them in {found['duckdb_seconds']:.2f} s; ratio {found['ratio']:.1f} (to reach: {RATIO:g})"
    )


if __name__ == "__main__":
    main()
