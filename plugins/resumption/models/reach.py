"""Which deliveries the table of a business date was made from, as its contract's ``reads`` declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from resumption.contracts import FeedContract, TableContract
from resumption.contracts.table import OTHER_FEEDS, Reach
from resumption.models.inputs import Delivery, until
from resumption.models.loader import Model, ModelError
from resumption.models.order import closure


def feeds_read(models: Mapping[str, Model], table: str) -> set[str]:
    """Return the feeds that the SQL of ``table`` and of every model below it names."""
    return {feed for name in closure(models, [table], days=True) for feed in models[name].reads("feed")}


def check_reads(models: Mapping[str, Model], tables: Iterable[TableContract]) -> None:
    """Check that every table declares, for each feed its SQL names, how far a delivery reaches, and no other feed.

    Raises:
        ModelError: naming the table and the feeds.
    """
    for table in tables:
        found = feeds_read(models, table.name)
        # A table of the deliveries themselves reads feeds that its SQL does not name.
        of_deliveries = any(models[name].reads("ops") for name in closure(models, [table.name], days=True))
        missing = set() if OTHER_FEEDS in table.reads else found - set(table.reads)
        extra = set() if of_deliveries else set(table.reads) - found
        if missing or extra:
            raise ModelError(
                f"table {table.name}: its YAML's `reads` does not fit its SQL: missing {sorted(missing)}, not read"
                f" {sorted(extra)}; see docs/adding-a-table.md"
            )


def reach_of(table: TableContract, feed: str) -> Reach:
    """Return how far deliveries of ``feed`` reach into ``table``."""
    return table.reads.get(feed, table.reads.get(OTHER_FEEDS, "none"))


def reaching(reach: Reach, feed: FeedContract, deliveries: list[Delivery], day: date) -> list[Delivery]:
    """Return those of a feed's effective ``deliveries`` that reach a table's ``day``.

    With ``until_next`` give only deliveries that hold rows: an empty list does not end the one before it.
    """
    if reach == "none":
        return []
    past = until(deliveries, day, first_snapshot_before=feed.delivery.first_snapshot_before)
    if reach == "all" or not past:
        return past
    if reach == "until_next":
        latest = max(d.business_date for d in past)
        return [d for d in past if d.business_date == latest]
    return [d for d in past if d.business_date >= day - timedelta(days=reach)]
