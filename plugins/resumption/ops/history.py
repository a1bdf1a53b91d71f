"""What a feed's partitions usually hold, for checks that compare a day with the days before it."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from statistics import median

import sqlalchemy as sa

from resumption.ops.tables import feed_delivery

DATES, FEWEST = 7, 3
"""How many earlier business dates make the usual, and how many it takes at least."""


def usual_rows(conn: sa.Connection, feed: str, day: dt.date) -> dict[str, float]:
    """Return ``{"usual_rows": n}``: the median of accepted rows over the feed's latest business dates before ``day``.

    Like is compared with like: of the earlier dates only deliveries of the kinds that ``day`` itself has, so that a
    full snapshot is no excess over daily changes, nor a month of history over a day. Of a corrected file the latest
    version counts. Empty where fewer than ``FEWEST`` earlier dates have such a delivery.
    """
    columns = feed_delivery.c
    query = (
        sa.select(columns.business_date, columns.name, columns.outcome, columns.rows_accepted)
        .where(columns.feed == feed, columns.business_date <= day, columns.outcome != "repeat")
        .order_by(columns.business_date, columns.published_at, columns.delivery_id)
    )
    kinds: set[str] = set()
    accepted: dict[dt.date, dict[str, int]] = defaultdict(dict)
    for business_date, name, outcome, rows in conn.execute(query).tuples():
        if business_date == day:
            kinds.add(_kind(name))
        elif outcome == "accepted":
            accepted[business_date][name] = rows
    totals = [_total(accepted[date], kinds) for date in sorted(accepted, reverse=True)]
    latest = [total for total in totals if total is not None][:DATES]
    return {"usual_rows": float(median(latest))} if len(latest) >= FEWEST else {}


def _kind(name: str) -> str:
    """A delivery's name without what changes from day to day: its date, hour or sequence number."""
    return re.sub("_+", "_", re.sub("[0-9]+", "", name))


def _total(rows: dict[str, int], kinds: set[str]) -> int | None:
    counted = [n for name, n in rows.items() if _kind(name) in kinds]
    return sum(counted) if counted else None
