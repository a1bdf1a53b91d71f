"""Retention in the lake: rows, the files that held them, and the log that could bring them back."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from resumption import lake
from resumption.contracts import SHANGHAI, FeedContract
from resumption.retention.holds import Held

_ORIGIN = ("delivered_for", "delivery_id")


@dataclass(frozen=True)
class Past:
    """What has passed its time in a feed's table, and what of it is held."""

    contract: FeedContract
    kept_from: date
    held: Held

    @property
    def _column(self) -> str:
        counted_from = self.contract.purpose.retained_from
        return "business_date" if counted_from == "purpose_end" else counted_from

    @property
    def _limit(self) -> date | datetime:
        rule = next((c.conform.rule for c in self.contract.columns if c.name == self._column), "date")
        if rule == "date":
            return self.kept_from
        return datetime(self.kept_from.year, self.kept_from.month, self.kept_from.day, tzinfo=SHANGHAI)

    @property
    def columns(self) -> list[str]:
        """The columns that tell it."""
        return sorted({self._column, *_ORIGIN})

    def spares(self, path: str) -> bool:
        """Whether a data file's path alone tells that nothing in it has passed its time."""
        return self._column == "business_date" and lake.partition_of(path)["business_date"] >= self.kept_from

    def is_past(self) -> pc.Expression:
        """Return what holds of rows that have passed their time, held or not."""
        return pc.field(self._column) < pa.scalar(self._limit, self.contract.lake_schema().field(self._column).type)

    def predicate(self) -> str:
        """Return the same but for what is held, as the lake's own SQL."""
        spared = []
        for hold in self.held.holds:
            parts = [f"delivered_for >= '{hold.first}'"] if hold.first else []
            parts += [f"delivered_for <= '{hold.last}'"] if hold.last else []
            parts += [f"delivery_id = '{hold.delivery}'"] if hold.delivery else []
            spared.append(f"not ({' and '.join(parts) or 'true'})")
        limit = self._limit
        return " and ".join([f"{self._column} < '{limit.isoformat()}'", *spared])


def expired(past: Past) -> tuple[dict[tuple[date, str], int], Counter[str]]:
    """Return (delivered for, delivery) → rows to delete, and hold → rows it keeps, of the current version."""
    rows = lake.dataset(past.contract.name)
    if rows is None:
        return {}, Counter()
    return _told(past, rows.to_table(columns=list(_ORIGIN), filter=past.is_past()))


def _told(past: Past, rows: pa.Table) -> tuple[dict[tuple[date, str], int], Counter[str]]:
    gone: dict[tuple[date, str], int] = {}
    kept: Counter[str] = Counter()
    counts = rows.group_by(list(_ORIGIN), use_threads=False).aggregate([([], "count_all")])
    for row in counts.sort_by([(name, "ascending") for name in _ORIGIN]).to_pylist():
        hold = past.held.by(row["delivered_for"], row["delivery_id"])
        if hold:
            kept[hold] += row["count_all"]
        else:
            gone[row["delivered_for"], row["delivery_id"]] = row["count_all"]
    return gone, kept


def delete(past: Past, run_id: str) -> None:
    """Delete it from the current version, and all history with it, so that no earlier version brings it back."""
    gone, _ = expired(past)
    if gone:
        lake.delete_rows(past.contract.name, past.predicate(), {"run_id": run_id, "note": "retention"})
    if gone or look(past).remaining:
        lake.forget_history(past.contract.name)


@dataclass(frozen=True)
class Seen:
    """What a look through all that lies in a feed's folder has found.

    Attributes:
        remaining: rows that must be gone in any data file, whether or not a version names it; and files that are gone
            but still named by the log, which quotes values from them.
        files_hash: of the names of the data files.
    """

    files: int
    versions: int
    remaining: int
    files_hash: str


def look(past: Past) -> Seen:
    """Look through every data file, and every version that can still be opened."""
    feed = past.contract.name
    paths = lake.stored_files(feed)
    there = {PurePosixPath(path).name for path in paths}
    versions = lake.versions(feed)
    named = set().union(*versions.values())
    rows = sum(_rows(past, path) for path in paths)
    digest = hashlib.sha256("\n".join(paths).encode()).hexdigest()
    return Seen(len(paths), len(versions), rows + len(named - there), digest)


def _rows(past: Past, path: str) -> int:
    """Return how many rows of a data file must be gone."""
    if past.spares(path):
        return 0
    found = lake.stored_rows(past.contract.name, path, past.columns).filter(past.is_past())
    return sum(_told(past, found)[0].values())
