"""What a feed's partitions usually hold, for checks that compare a day with the days before it."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from statistics import median

import sqlalchemy as sa

from resumption.ops.deliveries import known_deliveries, latest_versions

DATES, FEWEST = 7, 3
"""How many earlier business dates make the usual, and how many it takes at least."""


def usual_rows(conn: sa.Connection, feed: str, day: dt.date) -> dict[str, float]:
    """Return ``{"usual_rows": n}``: the median of accepted rows over the feed's latest business dates before ``day``.

    Like is compared with like: of the earlier dates only deliveries of the kinds that ``day`` itself has, so that a
    full snapshot is no excess over daily changes, nor a month of history over a day. Of a corrected file the latest
    version counts. Empty where fewer than ``FEWEST`` earlier dates have such a delivery.
    """
    known = known_deliveries(conn, feed)
    kinds = {_kind(d.name) for d in known if d.business_date == day and d.outcome != "repeat"}
    accepted: dict[dt.date, dict[str, int]] = defaultdict(dict)
    for delivery in latest_versions(d for d in known if d.business_date < day and d.outcome == "accepted"):
        accepted[delivery.business_date][delivery.name] = delivery.rows_accepted or 0
    totals = [_total(accepted[date], kinds) for date in sorted(accepted, reverse=True)]
    latest = [total for total in totals if total is not None][:DATES]
    return {"usual_rows": float(median(latest))} if len(latest) >= FEWEST else {}


def _kind(name: str) -> str:
    """A delivery's name without what changes from day to day: its date, hour or sequence number."""
    return re.sub("_+", "_", re.sub("[0-9]+", "", name))


def _total(rows: dict[str, int], kinds: set[str]) -> int | None:
    counted = [n for name, n in rows.items() if _kind(name) in kinds]
    return sum(counted) if counted else None
