"""What became of a day's feeds, checks and tables, read from ``ops``.

What is not there is None or an empty tuple, never zero: a feed that did not come has no row counts.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import feed_names, load_feed

FeedStatus = Literal["received", "landed", "rejected", "failed", "missing", "not due"]

TOP_REASONS = 3


@dataclass(frozen=True)
class FeedLine:
    """What came of one feed for the day. Row counts are None when nothing was accepted."""

    feed: str
    status: FeedStatus
    deliveries: int
    rows_accepted: int | None
    rows_quarantined: int | None
    rows_ignored: int | None
    rejected: tuple[tuple[str, str], ...]
    repeats: int
    freshness: str | None
    last_good_on: dt.date | None


@dataclass(frozen=True)
class CheckLine:
    """A check that failed or could not run. ``kept_back``: its partition was not published."""

    subject: str
    check_id: str
    severity: str
    outcome: str
    observed_value: str | None
    unexpected_count: int | None
    kept_back: bool


@dataclass(frozen=True)
class StaleTable:
    """A mart table without rows for the day; ``latest`` is the day it shows, None when it is empty."""

    table: str
    latest: dt.date | None


def feed_lines(conn: sa.Connection, day: dt.date) -> Iterator[FeedLine]:
    """Yield what came of each feed for the day."""
    received: dict[str, list[Any]] = defaultdict(list)
    columns = ops.feed_delivery.c
    query = sa.select(ops.feed_delivery).where(columns.business_date == day)
    for delivery in conn.execute(query.order_by(columns.published_at, columns.name)):
        received[delivery.feed].append(delivery)
    failed = _failed_feeds(conn, day)
    state = {
        row.feed: row for row in conn.execute(sa.select(ops.freshness).where(ops.freshness.c.business_date == day))
    }
    for feed in feed_names():
        yield _feed_line(feed, received[feed], feed in failed, state.get(feed))


def main_reasons(conn: sa.Connection, day: dt.date) -> dict[str, list[tuple[str, int]]]:
    """Return feed → the reason codes of most of its refused rows of the day, with their numbers."""
    columns = ops.quarantine_row.c
    reason = sa.func.unnest(columns.reasons).label("reason")
    counted = sa.select(columns.feed, reason, sa.func.count().label("n"))
    query = counted.where(columns.business_date == day, columns.state != "released")
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in conn.execute(query.group_by(columns.feed, reason).order_by(sa.text("n desc"), sa.text("reason"))):
        found[row.feed].append((row.reason, row.n))
    return {feed: reasons[:TOP_REASONS] for feed, reasons in found.items()}


def _failed_feeds(conn: sa.Connection, day: dt.date) -> set[str]:
    columns = ops.feed_run.c
    return set(
        conn.execute(
            sa.select(columns.feed).where(columns.business_date == day, columns.status == "failed").distinct()
        ).scalars()
    )


def _feed_line(feed: str, deliveries: Sequence[Any], failed: bool, state: Any) -> FeedLine:
    accepted = [d for d in deliveries if d.outcome == "accepted"]

    def total(column: str) -> int | None:
        return sum(getattr(d, column) or 0 for d in accepted) if accepted else None

    return FeedLine(
        feed=feed,
        status=_status(feed, deliveries, failed, state.state if state else None),
        deliveries=len(deliveries),
        rows_accepted=total("rows_accepted"),
        rows_quarantined=total("rows_quarantined"),
        rows_ignored=total("rows_ignored"),
        rejected=tuple(
            (d.name, d.reason or "no reason given") for d in deliveries if d.outcome in ("rejected", "incomplete")
        ),
        repeats=sum(d.outcome == "repeat" for d in deliveries),
        freshness=state.state if state else None,
        last_good_on=state.last_good_on if state else None,
    )


def _status(feed: str, deliveries: Sequence[Any], failed: bool, freshness: str | None) -> FeedStatus:
    if failed:
        return "failed"
    if any(d.outcome == "accepted" for d in deliveries):
        return "received"
    if any(d.outcome == "landed" for d in deliveries):
        return "landed"
    if deliveries:
        return "rejected"
    # A weekly or monthly list is missed only once its own day has passed without it.
    return "missing" if freshness == "stale" or load_feed(feed).delivery.cadence == "daily" else "not due"


def check_lines(conn: sa.Connection, day: dt.date) -> tuple[int, tuple[CheckLine, ...]]:
    """How many checks ran for the day, and those that did not pass, the severe ones first."""
    columns = ops.check_result.c
    of_day = columns.business_date == day
    run = conn.execute(sa.select(sa.func.count()).where(of_day)).scalar_one()
    rows = conn.execute(sa.select(ops.check_result).where(of_day, columns.outcome != "pass")).all()
    order = {"critical": 0, "warning": 1, "info": 2}
    lines = [
        CheckLine(
            subject=row.subject,
            check_id=row.check_id,
            severity=row.severity,
            outcome=row.outcome,
            observed_value=row.observed_value,
            unexpected_count=row.unexpected_count,
            # A check that could not run is no permission either.
            kept_back=row.severity == "critical" or row.outcome == "error",
        )
        for row in rows
    ]
    lines.sort(key=lambda line: (not line.kept_back, order[line.severity], line.subject, line.check_id))
    return run, tuple(lines)


def stale_tables(conn: sa.Connection, day: dt.date) -> Iterator[StaleTable]:
    """Yield the tables of ``mart`` that have no rows for the day."""
    for name in sorted(sa.inspect(conn).get_table_names(schema="mart")):
        table = sa.table(name, sa.column("business_date"), schema="mart")
        latest = conn.execute(sa.select(sa.func.max(table.c.business_date))).scalar_one()
        if latest is None or latest < day:
            yield StaleTable(name, latest)
