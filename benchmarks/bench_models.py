"""Build all tables of one business date, against the sum of their bare SQL in DuckDB.

``python -m benchmarks.bench_models [RUN_FOLDER]`` reads the lake of a run folder (default: ``.run``) and takes its last
business date. Where that lake has no homes of a whole district, 180,000 of them with readings since October are made
up: 26 million rows. Both halves run in a process of their own. To reach: at most 1.3 times the bare SQL, below 4 GB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

RATIO, MEMORY_GB = 1.3, 4.0
HOMES, FIRST = 180_000, date(2019, 10, 1)
HOUSEHOLD = "household_power"
DELIVERY = ("feed", "delivery_id", "business_date", "name", "outcome", "published_at", "received_at")


HOME = """
    create table homes as
    select
        home,
        'GM' || lpad(home::text, 7, '0') as meter_token,
        (330108001000 + home % 60)::text as community_code,
        3 + hash(home) % 12 as usual,
        case when hash(home, 1) % 3 = 0 then 110 else 999 end as leaves,
        110 + hash(home, 2) % 30 as returns
    from range($homes) as homes (home)
"""
READING = """
    select
        meter_token,
        community_code,
        $on::date as reading_on,
        case when luck > 100 then usual * (case when $day between leaves and returns then 800 else 7000 + luck / 2 end)
            / 10000 end::decimal(18, 4) as energy,
        case when luck > 100 then 'ok' else 'missing' end as quality,
        'household_power/' || $sent || '/x' as delivery_id,
        'x' as delivery_name,
        $sent::timestamptz + interval 18 hour as published_at,
        $sent::timestamptz + interval 20 hour as received_at,
        (home + 1)::integer as row_number,
        []::text[] as repaired
    from (select *, (hash(home, $day) % 10000)::integer as luck from homes)
"""


def make_homes(folder: Path, last: date) -> None:
    """Write readings of a whole district's homes from October to a day, as the lake keeps them."""
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'Asia/Shanghai'")
        connection.execute(HOME, {"homes": HOMES})
        for day in range((last - FIRST).days + 1):
            on = FIRST + timedelta(days=day)
            # A month of history comes in one file, on its last day.
            month_end = (on.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
            sent = month_end if on < date(2020, 2, 1) else on
            target = folder / f"business_date={on}" / f"delivered_for={sent}"
            target.mkdir(parents=True)
            query = f"copy ({READING}) to '{target}/0.parquet' (format parquet)"
            connection.execute(query, {"on": str(on), "sent": str(sent), "day": day})


class FolderInputs:
    """The lake of a run folder, and homes made up beside it; deliveries as the rows themselves name them."""

    def __init__(self, homes: Path | None) -> None:
        self._homes = homes

    def files(self, feed: str) -> list[str]:
        """Return the feed's Parquet files."""
        from resumption import lake

        if feed == HOUSEHOLD and self._homes:
            return sorted(str(path) for path in self._homes.rglob("*.parquet"))
        return lake.files(feed)

    def deliveries(self) -> pa.Table:
        """Return every delivery of which there are rows, as accepted."""
        return self._deliveries

    @cached_property
    def _deliveries(self) -> pa.Table:
        from resumption.contracts import feed_names

        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'Asia/Shanghai'")
            parts = [self._of_feed(connection, feed) for feed in feed_names()]
        return pa.concat_tables(parts, promote_options="permissive")

    def _of_feed(self, connection: duckdb.DuckDBPyConnection, feed: str) -> pa.Table:
        files = self.files(feed)
        if not files:
            return pa.table({})
        query = (
            "select distinct $feed as feed, delivery_id, delivered_for::date as business_date, delivery_name as name,"
            " 'accepted' as outcome, published_at::timestamptz as published_at, received_at::timestamptz as received_at"
            " from read_parquet($files, hive_partitioning = true, union_by_name = true)"
        )
        return connection.sql(query, params={"feed": feed, "files": files}).to_arrow_table()

    def built(self, table: str, _: date) -> pa.Table:
        """Return no rows: nothing was published before."""
        from resumption.contracts import load_table

        schema = load_table(table).arrow_schema()
        return pa.schema([field.with_nullable(True) for field in schema]).empty_table()


def tables(inputs: FolderInputs, day: date) -> dict[str, float]:
    """Build all tables as `consolidated` does; return seconds and peak memory."""
    from resumption.models import run_models

    started = time.perf_counter()
    rows = sum(table.num_rows for table in run_models(inputs, day).values())
    return {"seconds": time.perf_counter() - started, "rows": rows, "gb": _peak()}


def bare(inputs: FolderInputs, day: date) -> dict[str, float]:
    """Run the very SQL of the models alone; return the seconds of the statements, and the slowest."""
    from resumption.models import run_models
    from resumption.models.engines.duckdb import DuckDBEngine

    seconds: dict[str, float] = {}

    def timed(engine: DuckDBEngine, name: str, query: Any) -> None:
        sql = query.sql(dialect="duckdb")
        started = time.perf_counter()
        engine._connection.execute(f'create table "{name}" as {sql}')
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started

    DuckDBEngine.materialise = timed  # type: ignore[method-assign,assignment]
    run_models(inputs, day)
    slowest = dict(sorted(seconds.items(), key=lambda item: -item[1])[:8])
    return {"seconds": sum(seconds.values()), "gb": _peak(), **slowest}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _child(action: str, homes: str, day: date) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_models", action, homes, str(day)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def measure(folder: Path) -> None:
    """Print both halves."""
    os.environ |= {"RESUMPTION_HOME": str(folder.resolve())}
    os.environ.setdefault("RESUMPTION_TOKEN_KEY", "a key for the benchmark")
    known = FolderInputs(None).deliveries()
    through = [row for row in known.to_pylist() if row["feed"] != HOUSEHOLD]
    day = max((row["business_date"] for row in through), default=date(2020, 2, 25))
    with tempfile.TemporaryDirectory(dir=folder if folder.exists() else None) as made:
        homes = "" if _whole() else made
        if homes:
            make_homes(Path(made), day)
        theirs, ours = _child("bare", homes, day), _child("tables", homes, day)
    slow = ", ".join(f"{name} {value:.1f}" for name, value in theirs.items() if name not in ("seconds", "gb"))
    print(f"slowest of the bare SQL, seconds: {slow}")
    print(
        f"tables of {day}, {ours['rows']:,.0f} rows: {ours['seconds']:.1f} s against {theirs['seconds']:.1f} s, ratio"
        f" {ours['seconds'] / theirs['seconds']:.2f} (to reach: {RATIO:g}), peak memory {ours['gb']:.2f} GB"
        f" (to reach: {MEMORY_GB:g})"
    )


def _whole() -> bool:
    """Whether the lake itself holds the readings of a whole district."""
    from resumption import lake

    files = lake.files(HOUSEHOLD)
    if not files:
        return False
    query = "select count(*) from read_parquet($files, hive_partitioning = true, union_by_name = true)"
    (rows,) = duckdb.execute(query, {"files": files}).fetchone() or (0,)
    return bool(rows > 10_000_000)


def main(arguments: Sequence[str]) -> None:
    """Measure, or be one of the measured processes."""
    actions = {"tables": tables, "bare": bare}
    if arguments and arguments[0] in actions:
        action, homes, day = arguments
        inputs = FolderInputs(Path(homes) if homes else None)
        print(json.dumps(actions[action](inputs, date.fromisoformat(day))))
    else:
        measure(Path(arguments[0] if arguments else ".run"))


if __name__ == "__main__":
    main(sys.argv[1:])
