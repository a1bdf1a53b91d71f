"""Conform, check and publish a whole-scale day of every feed, against DuckDB just parsing the same bytes to Parquet.

Run alone: ``python -m benchmarks.bench_stages [SCALE [FEED,FEED…]]``. Each half of a feed runs in a process of its own,
as a worker runs a task, so that its peak memory is its own. To reach: the feeds of the skeleton together in at most 3
times DuckDB's time, no task above 1.5 GB. Both halves run on one machine a moment apart: compare the ratio, not the
seconds. DuckDB reads no workbooks, so those feeds are in no ratio.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from resumption.contracts import FeedContract
    from resumption.ops import DeliveryRow
    from resumption.sources import Offer
    from resumption.sources.base import FetchedFile, Sink
    from simulator.store import Store

DAY = date(2020, 2, 24)  # a Monday: the weekly list comes too, and as the first day the registry's full snapshot
MONTHLY = date(2020, 2, 1)
RATIO, MEMORY_GB = 3.0, 1.5
SKELETON = (
    "market_registry", "statistical_scope", "self_reports", "approvals", "checkins", "carrier_mobile",
    "enterprise_power", "meter_accounts",
)  # fmt: skip
RELATIONS = {
    "csv": "read_csv(?, delim = '{delimiter}', union_by_name = true)",
    "jsonl": "read_json_auto(?, format = 'newline_delimited', union_by_name = true)",
    "api": "read_json_auto(?, maximum_object_size = 200000000)",
    "parquet": "read_parquet(?)",
}


def timed(call: Callable[[], object]) -> dict[str, float]:
    """Return wall and CPU seconds of ``call``, those of the processes it started included, and peak memory in GB."""
    wall, before = time.perf_counter(), os.times()
    call()
    wall, after = time.perf_counter() - wall, os.times()
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(of).ru_maxrss for of in who) / 1e6
    return {"wall": wall, "cpu": sum(after[:4]) - sum(before[:4]), "gb": peak}


def due(feed: str) -> date:
    """Return the business date that is measured."""
    from resumption.contracts import load_feed

    return MONTHLY if load_feed(feed).delivery.cadence == "monthly" else DAY


def publish(feed: str) -> dict[str, float]:
    """Publish the landed day of a feed in this process."""
    from resumption import checks, pipeline
    from resumption.contracts import load_feed
    from resumption.readers import confined

    checks.check_partition(feed, load_feed(feed).lake_schema().empty_table(), DAY)

    def task() -> None:
        pipeline.publish(feed, due(feed), "bench")
        confined.end_all()

    return timed(task)


def parse(feed: str) -> dict[str, float]:
    """Parse the landed bytes of a feed with DuckDB and write them as Parquet."""
    import duckdb

    from resumption import landing, ops
    from resumption.contracts import load_feed

    with ops.engine().connect() as conn:
        known = ops.known_deliveries(conn, feed)
    reader = load_feed(feed).reader
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        files = [Path(folder) / str(number) for number in range(len(known))]
        for file, delivery in zip(files, known, strict=True):
            data = landing.read(delivery)
            # DuckDB reads UTF-8 only: what is not, is transcoded before the clock starts.
            file.write_bytes(data if reader.format == "parquet" else data.decode(reader.encoding).encode())
        relation = RELATIONS[reader.format].format(delimiter=reader.delimiter)
        query = f"copy (select * from {relation}) to '{folder}/out.parquet' (format parquet)"  # noqa: S608
        return timed(lambda: connection.execute(query, [[str(file) for file in files]]).fetchall())


@dataclass
class Outbox:
    """The simulator's files of a day, without a server: a ``resumption.sources.Source``."""

    contract: FeedContract
    store: Store
    problems: list[str] = field(default_factory=list)

    def offers(self, through: date, _known: Sequence[DeliveryRow]) -> list[Offer]:
        """Return the day's files."""
        from resumption.sources import Offer
        from simulator.calendar import number

        return [
            Offer(
                feed=self.contract.name, sender="simulator", business_date=through, name=entry.version.name,
                published_at=datetime(through.year, through.month, through.day, 9, tzinfo=UTC), locator=entry.path,
                declared_sha256=entry.sha256, declared_rows=entry.declared_rows,
            )
            for entry in self.store.entries(self.contract.name, number(through))
        ]  # fmt: skip

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        """Copy a file."""
        from resumption.sources.base import Download

        download = Download(into, offer.name, None)
        download.write(Path(offer.locator).read_bytes())
        return download.fetched()

    def close(self) -> None:
        """Do nothing."""


def land(feeds: Sequence[str], home: Path, scale: float) -> None:
    """Land a clean day of some feeds; the registry's from its server, which alone pages it."""
    from resumption import landing, pipeline
    from resumption.contracts import load_feed
    from simulator.district import District
    from simulator.senders.servers import SenderServers
    from simulator.store import Store

    district = District(scale=scale, start=DAY, end=DAY, rates=0.0)
    with SenderServers(district, home / "senders") as senders:
        os.environ.update(senders.connections)
        for feed in feeds:
            contract = load_feed(feed)
            if contract.source.kind == "api":
                pipeline.land(feed, DAY, "bench")
            else:
                landing.land(contract, Outbox(contract, Store(home / "files", district)), due(feed), "bench")


T = TypeVar("T")
Row = tuple[dict[str, float], dict[str, float] | None]


def measure(scale: float, feeds: Sequence[str]) -> dict[str, Row]:
    """Return both halves feed by feed; of a workbook only ours."""
    import great_expectations.expectations  # noqa: F401 - imports are not timed: a worker makes them once

    from resumption import ops, pipeline  # noqa: F401
    from resumption.warehouse import create_all
    from runtime import postgres
    from runtime.home import Home

    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        os.environ |= {"RESUMPTION_HOME": folder, "RESUMPTION_TOKEN_KEY": "a key for the benchmark"}
        try:
            os.environ["WAREHOUSE_URL"] = postgres.start(home).url("postgres")
            create_all(ops.engine(), [])
            _apart(land, feeds, Path(folder), scale)
            return {feed: (_apart(publish, feed), _apart(parse, feed) if _parsed(feed) else None) for feed in feeds}
        finally:
            postgres.stop(home)


def _parsed(feed: str) -> bool:
    """Whether DuckDB reads the feed's format."""
    from resumption.contracts import load_feed

    return load_feed(feed).reader.format in RELATIONS


def _apart(call: Callable[..., T], *arguments: object) -> T:
    """Return what ``call`` returns in a process of its own, which has this one's imports and nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(call, *arguments).result()


def report(rows: dict[str, Row], scale: float) -> None:
    """Print seconds feed by feed, and the ratios."""
    print(f"{'feed':<20} {'publish s':>10} {'CPU s':>7} {'peak GB':>8} {'DuckDB s':>10} {'CPU s':>7}")
    for feed, (ours, theirs) in rows.items():
        told = f"{theirs['wall']:>10.2f} {theirs['cpu']:>7.2f}" if theirs else f"{'reads no workbooks':>18}"
        print(f"{feed:<20} {ours['wall']:>10.2f} {ours['cpu']:>7.2f} {ours['gb']:>8.2f} {told}")
    comparable: dict[str, Any] = {feed: row for feed, row in rows.items() if row[1]}
    for name, feeds in (
        ("the skeleton's feeds", [feed for feed in SKELETON if feed in comparable]), ("all feeds", list(comparable)),
    ):  # fmt: skip
        ours, theirs = (
            {unit: sum(comparable[feed][half][unit] for feed in feeds) for unit in ("wall", "cpu")} for half in (0, 1)
        )
        print(
            f"{name} at scale {scale:g}, {len(feeds)} comparable: {ours['wall']:.1f} s against {theirs['wall']:.1f} s, "
            f"ratio {ours['wall'] / theirs['wall']:.1f}, of CPU {ours['cpu'] / theirs['cpu']:.1f} (to reach: {RATIO:g})"
        )
    print(f"peak memory {max(ours['gb'] for ours, _ in rows.values()):.2f} GB (to reach: {MEMORY_GB:g})")


def main() -> None:
    """Measure a whole-scale day of all feeds, or what the command line says."""
    from resumption.contracts import feed_names

    logging.disable(logging.INFO)
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    report(measure(scale, sys.argv[2].split(",") if len(sys.argv) > 2 else list(feed_names())), scale)


if __name__ == "__main__":
    main()
