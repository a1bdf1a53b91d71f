"""What the models read when the tables are built: the lake and the deliveries that the warehouse knows."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from resumption import lake, ops
from resumption.contracts import load_feed

if TYPE_CHECKING:
    import pyarrow as pa


class LakeInputs:
    """What the models read: the lake's files and the accepted deliveries up to a day."""

    def __init__(self, day: date) -> None:
        with ops.engine().connect() as conn:
            self._deliveries = ops.accepted_deliveries(conn)
        self._day = day

    def files(self, feed: str) -> list[str]:
        """Return the Parquet files of the feed's current snapshot."""
        through = None if load_feed(feed).delivery.first_snapshot_before else self._day
        return lake.files(feed, through)

    def deliveries(self) -> pa.Table:
        """Return the accepted deliveries."""
        return self._deliveries
