"""Which feeds are there when a business date is built, and how old the others are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from resumption import ops
from resumption.conform.dates import SHANGHAI
from resumption.contracts import FeedContract, feed_names, load_feed
from resumption.pipeline import is_due


def last_due(contract: FeedContract, day: date) -> date:
    """Return the latest business date up to ``day`` for which the feed owed a delivery."""
    while not is_due(contract, day):
        day -= timedelta(days=1)
    return day


def expected_at(contract: FeedContract, day: date) -> datetime:
    """Return when the delivery for ``day`` is due."""
    due_on = day + timedelta(days=contract.delivery.days_after)
    return datetime.combine(due_on, contract.delivery.expected_by, SHANGHAI)


def judge_freshness(day: date) -> dict[str, str]:
    """Record for every feed whether it is fresh, late, stale or recovered at ``day``; return feed → state.

    Stale: no accepted delivery for the last date that was due. Late: it was published after its time. Recovered:
    fresh again after a day that was late or stale.
    """
    with ops.engine().begin() as conn:
        accepted = ops.accepted_deliveries(conn, day).to_pylist()
        before = ops.freshness_states(conn, day - timedelta(days=1))
        rows = [_freshness(load_feed(feed), day, accepted, before.get(feed)) for feed in feed_names()]
        ops.replace_freshness(conn, day, rows)
    return {row["feed"]: row["state"] for row in rows}


def _freshness(
    contract: FeedContract, day: date, accepted: Iterable[dict[str, Any]], before: str | None
) -> ops.FreshnessRow:
    mine = [d for d in accepted if d["feed"] == contract.name]
    last = max(mine, key=lambda d: (d["business_date"], d["published_at"]), default=None)
    due = last_due(contract, day)
    expected_by = expected_at(contract, due)
    state: ops.FreshnessState
    if last is None or last["business_date"] < due:
        state = "stale"
    elif min(d["published_at"] for d in mine if d["business_date"] >= due) > expected_by:
        state = "late"
    else:
        state = "recovered" if before in ("late", "stale") else "fresh"
    return {
        "feed": contract.name,
        "expected_by": expected_by,
        "last_good_on": last["business_date"] if last else None,
        "last_good_at": last["published_at"] if last else None,
        "state": state,
    }
