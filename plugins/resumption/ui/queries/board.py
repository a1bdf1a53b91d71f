"""The feed board: a feed's days side by side, and all that became of one feed on one day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import feed_names

Look = Literal["good", "warn", "bad", "plain"]

_counts = sa.table(
    "quarantine_count",
    *(sa.column(name) for name in ("feed", "business_date", "reason", "state", "refused")),
    schema="mart_v1",
)
_ROWS = ("rows_accepted", "rows_quarantined", "rows_ignored")
_LOOKS: Mapping[str, Look] = {"fresh": "good", "recovered": "good", "late": "warn", "stale": "bad"}
_SEVERITY = ("critical", "warning", "info")


@dataclass(frozen=True)
class Cell:
    """A feed on a day. ``freshness`` None: not judged yet. Row counts are those of the accepted deliveries."""

    freshness: str | None = None
    failed: bool = False
    deliveries: int = 0
    rejected: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_ignored: int = 0
    critical: int = 0
    warnings: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing is known of the feed on this day."""
        return not (self.freshness or self.failed or self.deliveries or self.critical or self.warnings)

    @property
    def look(self) -> Look:
        """How much it calls for somebody: a failed stage or critical check, a stale feed, then what is merely late."""
        if self.failed or self.critical or self.freshness == "stale":
            return "bad"
        if self.rejected:
            return "warn"
        return _LOOKS.get(self.freshness or "", "plain")


@dataclass(frozen=True)
class Run:
    """A run of a DAG, to link to."""

    dag: str
    run_id: str


@dataclass(frozen=True)
class FeedDay:
    """All that is on record of a feed on a day; rows are mappings by column."""

    freshness: Mapping[str, Any] | None
    stages: Sequence[Mapping[str, Any]]
    deliveries: Sequence[Mapping[str, Any]]
    checks: Sequence[Mapping[str, Any]]
    checks_passed: int
    reasons: Sequence[tuple[str, int]]


def latest_day(conn: sa.Connection) -> dt.date | None:
    """Latest business date that any feed ran for; None before the first run."""
    latest: dt.date | None = conn.execute(sa.select(sa.func.max(ops.feed_run.c.business_date))).scalar_one()
    return latest


def board(conn: sa.Connection, days: Sequence[dt.date]) -> dict[str, dict[dt.date, Cell]]:
    """Return feed → day → cell for every feed that has a contract; a day without a trace is an empty cell."""
    found: dict[tuple[str, dt.date], dict[str, Any]] = defaultdict(dict)
    for query in (_deliveries(days), _freshness(days), _failed(days), _checks(days)):
        for row in conn.execute(query).mappings():
            values = dict(row)
            found[values.pop("feed"), values.pop("business_date")].update(values)
    return {feed: {day: Cell(**found.get((feed, day), {})) for day in days} for feed in feed_names()}


def _deliveries(days: Sequence[dt.date]) -> sa.Select[Any]:
    c = ops.feed_delivery.c
    accepted = c.outcome == "accepted"
    counts = [sa.func.coalesce(sa.func.sum(c[name]).filter(accepted), 0).label(name) for name in _ROWS]
    return (
        sa.select(
            c.feed,
            c.business_date,
            sa.func.count().label("deliveries"),
            sa.func.count().filter(c.outcome.in_(["rejected", "incomplete"])).label("rejected"),
            *counts,
        )
        .where(c.business_date.in_(days))
        .group_by(c.feed, c.business_date)
    )


def _freshness(days: Sequence[dt.date]) -> sa.Select[Any]:
    c = ops.freshness.c
    return sa.select(c.feed, c.business_date, c.state.label("freshness")).where(c.business_date.in_(days))


def _failed(days: Sequence[dt.date]) -> sa.Select[Any]:
    c = ops.feed_run.c
    failed = sa.func.bool_or(c.status == "failed").label("failed")
    return sa.select(c.feed, c.business_date, failed).where(c.business_date.in_(days)).group_by(c.feed, c.business_date)


def _checks(days: Sequence[dt.date]) -> sa.Select[Any]:
    c = ops.check_result.c
    return (
        sa.select(
            c.subject.label("feed"),
            c.business_date,
            sa.func.count().filter(c.severity == "critical").label("critical"),
            sa.func.count().filter(c.severity == "warning").label("warnings"),
        )
        .where(c.business_date.in_(days), c.outcome != "pass", c.subject.in_(feed_names()))
        .group_by(c.subject, c.business_date)
    )


def feed_day(conn: sa.Connection, feed: str, day: dt.date) -> FeedDay:
    """Return what became of a feed on a day."""
    checks = _all(conn, ops.check_result, {"subject": feed, "business_date": day}, "check_id")
    of_day = {"feed": feed, "business_date": day}
    told = [check for check in checks if check["outcome"] != "pass"]
    told.sort(key=lambda check: _SEVERITY.index(check["severity"]))
    fresh = _all(conn, ops.freshness, of_day, "feed")
    return FeedDay(
        freshness=fresh[0] if fresh else None,
        stages=_all(conn, ops.feed_run, of_day, "finished_at"),
        deliveries=_all(conn, ops.feed_delivery, of_day, "published_at", "name"),
        checks=told,
        checks_passed=len(checks) - len(told),
        reasons=reasons(conn, feed, day),
    )


def _all(conn: sa.Connection, table: sa.Table, key: Mapping[str, Any], *order: str) -> list[dict[str, Any]]:
    conditions = (table.c[name] == value for name, value in key.items())
    query = sa.select(table).where(*conditions).order_by(*(table.c[name] for name in order))
    return [row._asdict() for row in conn.execute(query)]


def reasons(conn: sa.Connection, feed: str, day: dt.date) -> list[tuple[str, int]]:
    """Reasons of the rows kept out that day and how many rows bear each, the most frequent first."""
    c = _counts.c
    n = sa.func.sum(c.refused).label("n")
    query = (
        sa.select(c.reason, n)
        .where(c.feed == feed, c.business_date == day, c.state != "released")
        .group_by(c.reason)
        .order_by(sa.desc("n"), c.reason)
    )
    return [(row.reason, int(row.n)) for row in conn.execute(query)]


def runs_of(conn: sa.Connection, feed: str, run_ids: Iterable[str | None]) -> list[Run]:
    """Return the runs behind the run ids of a feed's rows; a decision of an operator ran under the DAG `quarantine`."""
    asked = sorted({run_id for run_id in run_ids if run_id})
    c = ops.quarantine_action.c
    decided = set(conn.execute(sa.select(c.run_id).where(c.feed == feed, c.run_id.in_(asked))).scalars())
    return [Run("quarantine" if run_id in decided else feed, run_id) for run_id in asked]
