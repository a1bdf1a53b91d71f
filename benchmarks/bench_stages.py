"""Conform, check and publish a whole-scale day of all feeds, against DuckDB just parsing the same bytes to Parquet.

Run alone: ``python -m benchmarks.bench_stages [SCALE]``. Each feed's publish task runs in a process of its own, as a
worker runs it, so that its peak memory is its own. To reach: all feeds together in at most 3 times DuckDB's time, no
task above 1.5 GB. Both halves run on the same machine a moment apart: compare the ratio, not the seconds.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

DAY = date(2020, 2, 24)  # a Monday: the weekly list comes too, and as the first day the registry's full snapshot
RATIO, MEMORY_GB = 3.0, 1.5


def publish(feed: str) -> dict[str, float]:
    """Publish the landed day of a feed in this process; return seconds without imports, and peak memory."""
    import great_expectations.expectations  # noqa: F401 - a worker has it before the task begins

    from resumption import checks, pipeline

    checks.check_partition(feed, _empty(feed), DAY)
    started = time.perf_counter()
    pipeline.publish(feed, DAY, "bench")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}


def _empty(feed: str) -> Any:
    from resumption.contracts import load_feed

    return load_feed(feed).lake_schema().empty_table()


def parse(feed: str) -> dict[str, float]:
    """Parse the landed bytes of a feed with DuckDB and write them as Parquet; return seconds."""
    import duckdb

    from resumption import landing, ops
    from resumption.contracts import load_feed

    with ops.engine().connect() as conn:
        known = ops.known_deliveries(conn, feed)
    landed = [landing.read(d) for d in known if d.outcome == "accepted" and d.business_date == DAY]
    reader = load_feed(feed).reader
    with tempfile.TemporaryDirectory() as folder:
        relations = {
            "csv": f"read_csv(?, delim = '{reader.delimiter}', union_by_name = true)",
            "jsonl": "read_json_auto(?, format = 'newline_delimited', union_by_name = true)",
            "api": "read_json_auto(?, maximum_object_size = 200000000)",
        }
        if not landed:
            return {"seconds": 0.0}
        files = [_utf8(data, reader.encoding, Path(folder) / f"{i}") for i, data in enumerate(landed)]
        started = time.perf_counter()
        target = Path(folder) / "out.parquet"
        query = f"copy (select * from {relations[reader.format]}) to '{target}' (format parquet)"  # noqa: S608
        duckdb.execute(query, [files])
        return {"seconds": time.perf_counter() - started}


def _utf8(data: bytes, encoding: str, target: Path) -> str:
    """DuckDB reads UTF-8 only: what is not, is transcoded before the clock starts."""
    target.write_bytes(data.decode(encoding).encode())
    return str(target)


def _child(action: str, feed: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.bench_stages", action, feed]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def _land(home: Path, scale: float) -> None:
    """Let the simulator's senders publish a clean day and land it."""
    from resumption import pipeline
    from resumption.contracts import feed_names
    from simulator.district import District
    from simulator.senders.servers import SenderServers

    with SenderServers(District(scale=scale, start=DAY, end=DAY, rates=0.0), home / "senders") as senders:
        os.environ.update(senders.connections)
        for feed in feed_names():
            if feed != "market_registry":
                # The history of electricity and the monthly list came before: they are no part of the day.
                pipeline.land(feed, DAY - timedelta(days=1), "bench")
                pipeline.publish(feed, DAY - timedelta(days=1), "bench")
            pipeline.land(feed, DAY, "bench")


def measure(scale: float) -> None:
    """Land a day, then print both halves feed by feed."""
    from resumption import ops
    from resumption.contracts import feed_names
    from runtime import postgres
    from runtime.home import Home

    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        os.environ |= {"RESUMPTION_HOME": folder, "RESUMPTION_TOKEN_KEY": "a key for the benchmark"}
        try:
            os.environ["WAREHOUSE_URL"] = postgres.start(home).url("postgres")
            ops.create_all(ops.engine())
            _land(Path(folder), scale)
            rows = {
                feed: (_child("publish", feed), _child("parse", feed))
                for feed in feed_names()
                if feed != "statistical_scope"
            }
        finally:
            postgres.stop(home)
    _report(rows, scale)


def _report(rows: dict[str, tuple[dict[str, float], dict[str, float]]], scale: float) -> None:
    print(f"{'feed':<18} {'publish s':>10} {'DuckDB s':>10} {'peak GB':>8}")
    for feed, (ours, theirs) in rows.items():
        print(f"{feed:<18} {ours['seconds']:>10.2f} {theirs['seconds']:>10.2f} {ours['gb']:>8.2f}")
    ours_all = sum(ours["seconds"] for ours, _ in rows.values())
    theirs_all = sum(theirs["seconds"] for _, theirs in rows.values())
    peak = max(ours["gb"] for ours, _ in rows.values())
    print(
        f"a day at scale {scale:g}: {ours_all:.1f} s against {theirs_all:.1f} s, ratio {ours_all / theirs_all:.1f} "
        f"(to reach: {RATIO:g}), peak memory {peak:.2f} GB (to reach: {MEMORY_GB:g})"
    )


def main() -> None:
    """Measure, or be one of the measured processes."""
    actions = {"publish": publish, "parse": parse}
    if len(sys.argv) == 3 and sys.argv[1] in actions:
        print(json.dumps(actions[sys.argv[1]](sys.argv[2])))
    else:
        measure(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)


if __name__ == "__main__":
    main()
