"""Checks that look at a feed's deliveries, not at the rows of one partition, so that no suite can hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from resumption import ops

if TYPE_CHECKING:
    import sqlalchemy as sa


def own_checks(
    conn: sa.Connection, feed: str, day: date, unknown: Mapping[str, Sequence[str]], run_id: str
) -> list[ops.CheckRow]:
    """Return the checks on the accepted deliveries of a date.

    Args:
        unknown: by schema fingerprint, the columns found in the date's deliveries that the contract does not name.
    """
    for fingerprint, columns in unknown.items():
        if columns:
            ops.note_layout(conn, feed, fingerprint, columns)
    known = [d for d in ops.known_deliveries(conn, feed) if d.outcome == "accepted"]
    of_date = [d for d in known if d.business_date == day]
    changed, first_sight = ops.changed_layouts(conn, feed, day)
    return [
        ops.own_check("UNCHANGED_CONTENT", _unchanged(known, of_date), len(of_date), run_id),
        ops.own_check(ops.SCHEMA_CHANGED, changed, len(of_date), run_id, failed=first_sight),
    ]


def _unchanged(known: Sequence[ops.DeliveryRow], of_date: Sequence[ops.DeliveryRow]) -> int:
    """Return how many of a date's deliveries have the bytes of another date's that was published before (decision 62).

    A register may well not change overnight, so it only warns; a sender that sends yesterday's file again looks alike.
    """
    return sum(
        any(o.sha256 == d.sha256 and o.business_date != d.business_date and _order(o) < _order(d) for o in known)
        for d in of_date
    )


def _order(delivery: ops.DeliveryRow) -> tuple[datetime, str]:
    return delivery.published_at or datetime.max.replace(tzinfo=UTC), delivery.name
