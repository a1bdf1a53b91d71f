"""What the models read when the tables are built: the lake and the deliveries that the warehouse knows."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from resumption import lake, ops
from resumption.contracts import TableContract, feed_names, load_feed, load_table
from resumption.models.inputs import Delivery, effective
from resumption.models.reach import reach_of, reaching
from resumption.warehouse import read_days

if TYPE_CHECKING:
    import pyarrow as pa

    from resumption.contracts.table import Reach


class LakeInputs:
    """What the models read: the lake's files and the accepted deliveries up to a day."""

    def __init__(self, day: date) -> None:
        self._deliveries = known_deliveries()
        self._day = day

    def files(self, feed: str) -> list[str]:
        """Return the Parquet files of the feed's current snapshot."""
        through = None if load_feed(feed).delivery.first_snapshot_before else self._day
        return lake.files(feed, through)

    def deliveries(self) -> pa.Table:
        """Return the accepted deliveries."""
        return self._deliveries

    def built(self, table: str, before: date) -> pa.Table:
        """Return the published rows of a day's table for the business dates before ``before``."""
        return read_days(load_table(table), before)


def known_deliveries() -> pa.Table:
    """Return the deliveries that the warehouse holds as accepted now."""
    with ops.engine().connect() as conn:
        return ops.accepted_deliveries(conn)


class Fingerprints:
    """What a table's day is made from, in a few characters for each feed."""

    def __init__(self, deliveries: pa.Table) -> None:
        self._hashes = dict(zip(*(deliveries[name].to_pylist() for name in ("delivery_id", "rows_hash")), strict=True))
        self._by_feed: dict[str, list[Delivery]] = {}
        for delivery in effective(deliveries):
            self._by_feed.setdefault(delivery.feed, []).append(delivery)
        # Many tables read a feed alike.
        self._of_feed = cache(self._fingerprint)

    def of(self, table: TableContract, day: date) -> dict[str, str]:
        """Return feed → number and fingerprint of its deliveries that reach the day, of feeds that have any."""
        found = {feed: self._of_feed(feed, reach_of(table, feed), day) for feed in feed_names()}
        return {feed: fingerprint for feed, fingerprint in found.items() if fingerprint}

    def _fingerprint(self, feed: str, reach: Reach, day: date) -> str:
        deliveries = self._by_feed.get(feed, [])
        if reach == "until_next":
            deliveries = [d for d in deliveries if self._hashes[d.delivery_id]]
        reached = reaching(reach, load_feed(feed), deliveries, day)
        said = "\n".join(f"{d.delivery_id} {self._hashes[d.delivery_id]}" for d in reached)
        return f"{len(reached)}:{hashlib.sha256(said.encode()).hexdigest()[:16]}" if reached else ""
