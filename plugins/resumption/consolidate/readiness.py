"""Which feeds are there when a business date is built, and how old the others are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import GRACE, SHANGHAI, FeedContract, feed_names, load_feed
from resumption.pipeline import is_due


def last_due(contract: FeedContract, day: date, now: datetime | None = None) -> date:
    """Return the latest business date up to ``day`` for which the feed owed a delivery, and by ``now`` if given."""
    while not is_due(contract, day) or (now and expected_at(contract, day) > now):
        day -= timedelta(days=1)
    return day


def expected_at(contract: FeedContract, day: date) -> datetime:
    """Return when the delivery for ``day`` is due."""
    due_on = day + timedelta(days=contract.delivery.days_after)
    return datetime.combine(due_on, contract.delivery.expected_by, SHANGHAI)


def judge_freshness(day: date) -> dict[str, str]:
    """Record for every feed whether it is fresh, late, stale or recovered when ``day`` is built; return feed → state.

    Stale: no accepted delivery for the last date that was due. Late: it was published after its time. Recovered:
    fresh again after a day that was late or stale.
    """
    with ops.engine().begin() as conn:
        before = ops.freshness_states(conn, day - timedelta(days=1))
        return _judge(conn, feed_names(), day, lambda feed, _: before.get(feed) in _BAD)


def judge_now(now: datetime, live_from: date | None) -> dict[str, str]:
    """Judge every feed as the clock has it, whatever its DAG does, and record each change; return feed → state.

    As ``judge_freshness`` for today, but only by deadlines that have passed, and what is overdue is late until
    ``GRACE`` is over. Nothing that was due before ``live_from`` is judged: of past days that were loaded nobody can say
    when they came.

    Args:
        live_from: the first business date that was lived through by the clock; None: there is none.
    """
    today = now.astimezone(SHANGHAI).date()
    if live_from is None:
        return {}
    feeds = [feed for feed in feed_names() if last_due(load_feed(feed), today, now) >= live_from]
    with ops.engine().begin() as conn:
        before = ops.last_freshness(conn)

        def was_bad(feed: str, expected_by: datetime) -> bool:
            state, then_expected_by = before.get(feed, ("fresh", expected_by))
            # What has recovered stays so until the next delivery is due.
            return state in _BAD or (state == "recovered" and then_expected_by == expected_by)

        states = _judge(conn, feeds, today, was_bad, now)
        ops.record_freshness_changes(conn, today, {feed: state for feed, (state, _) in before.items()}, now)
    return states


_BAD = ("late", "stale")
_WasBad = Callable[[str, datetime], bool]


def _judge(
    conn: sa.Connection, feeds: Sequence[str], day: date, was_bad: _WasBad, now: datetime | None = None
) -> dict[str, str]:
    accepted = ops.accepted_deliveries(conn, day).to_pylist()
    rows = [_freshness(load_feed(feed), day, accepted, was_bad, now) for feed in feeds]
    ops.replace_freshness(conn, day, rows)
    return {row["feed"]: row["state"] for row in rows}


def _freshness(
    contract: FeedContract, day: date, accepted: Iterable[dict[str, Any]], was_bad: _WasBad, now: datetime | None
) -> ops.FreshnessRow:
    mine = [d for d in accepted if d["feed"] == contract.name]
    last = max(mine, key=lambda d: (d["business_date"], d["published_at"]), default=None)
    due = last_due(contract, day, now)
    expected_by = expected_at(contract, due)
    state: ops.FreshnessState
    if last is None or last["business_date"] < due:
        state = "late" if now and now < expected_by + GRACE else "stale"
    elif min(d["published_at"] for d in mine if d["business_date"] >= due) > expected_by:
        state = "late"
    else:
        state = "recovered" if was_bad(contract.name, expected_by) else "fresh"
    return {
        "feed": contract.name,
        "expected_by": expected_by,
        "last_good_on": last["business_date"] if last else None,
        "last_good_at": last["published_at"] if last else None,
        "state": state,
    }
