"""What the models read from the lake, and which deliveries count at a business date."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from resumption.ops import latest_versions

if TYPE_CHECKING:
    import pyarrow as pa


class Inputs(Protocol):
    """The lake as the models see it."""

    def files(self, feed: str) -> list[str]:
        """Return the Parquet files of the feed's current snapshot, hive partitioned by the lake's partition columns."""
        ...

    def deliveries(self) -> pa.Table:
        """Return feed, delivery_id, business_date, name, outcome, published_at and received_at of all deliveries."""
        ...

    def built(self, table: str, before: date) -> pa.Table:
        """Return the published rows of a day's table for the business dates before ``before``, in its schema."""
        ...


Clock = Literal["received", "published"]
"""What makes a delivery known: its receipt here, or its publication by the sender."""


@dataclass(frozen=True)
class Delivery:
    """One delivery as ``ops.feed_delivery`` keeps it."""

    feed: str
    delivery_id: str
    business_date: date
    name: str
    published_at: datetime
    received_at: datetime


def effective(deliveries: pa.Table, known_at: datetime | None = None, clock: Clock = "received") -> list[Delivery]:
    """Return the accepted deliveries that count, by feed, business date and name; see ``ops.latest_versions``.

    With ``known_at`` only what had been received (or, by ``clock``, published) by then exists. That speaks of
    deliveries: each is judged by the contract of today, whatever was made of it at that moment.
    """
    known = (d for d in deliveries.to_pylist() if known_at is None or d[f"{clock}_at"] <= known_at)
    return latest_versions(_delivery(row) for row in known if row["outcome"] == "accepted")


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__dataclass_fields__})


def until(deliveries: list[Delivery], day: date, *, first_snapshot_before: bool = False) -> list[Delivery]:
    """Return the deliveries whose business date is not after ``day``.

    With ``first_snapshot_before`` a day before the first delivery is judged by that first delivery.
    """
    past = [d for d in deliveries if d.business_date <= day]
    if past or not first_snapshot_before or not deliveries:
        return past
    first = min(d.business_date for d in deliveries)
    return [d for d in deliveries if d.business_date == first]


@dataclass
class LocalInputs:
    """Inputs from tables in memory, written once to a temporary folder in the lake's layout.

    ``tables`` maps a feed to its lake rows (all lake columns); ``delivery_table`` has the columns of
    ``Inputs.deliveries``.
    """

    tables: Mapping[str, pa.Table]
    delivery_table: pa.Table
    built_tables: Mapping[str, pa.Table] = field(default_factory=dict)
    _folder: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory, init=False)

    def files(self, feed: str) -> list[str]:
        """Return the feed's Parquet files; none when it has no rows."""
        folder = Path(self._folder.name) / feed
        table = self.tables.get(feed)
        if table is None or table.num_rows == 0:
            return []
        if not folder.exists():
            _write(table, folder)
        return sorted(str(path) for path in folder.rglob("*.parquet"))

    def deliveries(self) -> pa.Table:
        """Return the deliveries given."""
        return self.delivery_table

    def built(self, table: str, before: date) -> pa.Table:
        """Return the rows given for earlier business dates."""
        import pyarrow.compute as pc

        from resumption.contracts import load_table

        rows = self.built_tables.get(table, load_table(table).arrow_schema().empty_table())
        return rows.filter(pc.less(rows["business_date"], before))


def _write(table: pa.Table, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.dataset as ds

    keys = pa.schema([table.schema.field("business_date"), table.schema.field("delivered_for")])
    ds.write_dataset(table, str(folder), format="parquet", partitioning=ds.partitioning(keys, flavor="hive"))
