"""The figures of a briefing, read from ``mart`` and ``ops``.

What is not there is None or an empty tuple, never zero: a feed that did not come has no row counts, a table that was
not built has no lines.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from resumption import ops, settings
from resumption.contracts import feed_names, load_feed

FeedStatus = Literal["received", "landed", "rejected", "failed", "missing", "not due"]

SCOPES = (
    "statistical",
    "above_scale",
    "industry",
    "services",
    "wholesale_retail",
    "hotel_catering",
    "construction",
    "real_estate",
)
TOP_REASONS = 3


@dataclass(frozen=True)
class ScopeLine:
    """Resumption of one scope, district level. Rates are fractions; ``delta_1d`` is a difference of fractions."""

    scope: str
    denominator: int
    resumed: int
    official_rate: float | None
    corroborated_rate: float | None
    reporting: int | None
    delta_1d: float | None
    suppressed: bool


@dataclass(frozen=True)
class PowerLine:
    """Power index of the district (``unit`` its code) or of a subdistrict; ``coverage`` a fraction of its firms."""

    level: str
    unit: str
    name: str | None
    index: float | None
    n: int
    n_resumed: int
    kwh_resumed: float | None
    baseline_kwh: float | None
    dominated: bool
    coverage: float | None


@dataclass(frozen=True)
class ScreeningLine:
    """Returnees' episodes by the level of the region they stayed in."""

    key_level: str
    open: int
    closed: int


@dataclass(frozen=True)
class FeedLine:
    """What came of one feed for the day. Row counts are None when nothing was accepted."""

    feed: str
    status: FeedStatus
    deliveries: int
    rows_accepted: int | None
    rows_quarantined: int | None
    rows_ignored: int | None
    reasons: tuple[tuple[str, int], ...]
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


@dataclass(frozen=True)
class Briefing:
    """All figures of a business date."""

    day: dt.date
    built_at: dt.datetime | None
    rule_versions: tuple[str, ...]
    scopes: tuple[ScopeLine, ...]
    power: tuple[PowerLine, ...]
    screening: tuple[ScreeningLine, ...]
    screening_on: dt.date | None
    feeds: tuple[FeedLine, ...]
    checks_run: int
    checks: tuple[CheckLine, ...]
    stale: tuple[StaleTable, ...]


def _mart(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns), schema="mart")


_summary = _mart(
    "resumption_summary",
    "business_date", "scope", "level", "unit", "denominator", "resumed", "official_rate", "corroborated_rate",
    "reporting", "delta_1d", "suppressed", "rule_version", "built_at",
)  # fmt: skip
_power = _mart(
    "power_index_summary",
    "business_date", "level", "unit", "index", "n", "n_resumed", "kwh_resumed", "baseline_kwh", "dominated", "coverage",
)  # fmt: skip
_returnees = _mart("returnee_screening", "business_date", "key_level", "state")


def briefing(conn: sa.Connection, day: dt.date) -> Briefing:
    """Read the briefing of a business date; sections whose table was not created yet are empty."""
    there = set(sa.inspect(conn).get_table_names(schema="mart"))
    built_at, versions = _build(conn, day) if _summary.name in there else (None, ())
    lines, lined_on = _screening(conn) if _returnees.name in there else ((), None)
    checks_run, checks = check_lines(conn, day)
    return Briefing(
        day=day,
        built_at=built_at,
        rule_versions=versions,
        scopes=tuple(_scopes(conn, day)) if _summary.name in there else (),
        power=tuple(_powers(conn, day)) if _power.name in there else (),
        screening=lines,
        screening_on=lined_on,
        feeds=tuple(feed_lines(conn, day)),
        checks_run=checks_run,
        checks=checks,
        stale=tuple(_stale(conn, day, sorted(there))),
    )


def _build(conn: sa.Connection, day: dt.date) -> tuple[dt.datetime | None, tuple[str, ...]]:
    of_day = _summary.c.business_date == day
    built_at: dt.datetime | None = conn.execute(sa.select(sa.func.max(_summary.c.built_at)).where(of_day)).scalar_one()
    versions = conn.execute(sa.select(_summary.c.rule_version).where(of_day).distinct()).scalars()
    return built_at, tuple(sorted(version for version in versions if version))


def _scopes(conn: sa.Connection, day: dt.date) -> Iterator[ScopeLine]:
    """District lines, the plain scopes first, then their above-scale variants."""
    columns = _summary.c
    query = sa.select(
        columns.scope,
        columns.denominator,
        columns.resumed,
        columns.official_rate,
        columns.corroborated_rate,
        columns.reporting,
        columns.delta_1d,
        sa.func.coalesce(columns.suppressed, sa.false()).label("suppressed"),
    ).where(columns.business_date == day, columns.level == "district")
    order = [*SCOPES, *(f"above_scale_{scope}" for scope in SCOPES)]
    rows = [ScopeLine(**row) for row in conn.execute(query).mappings()]
    yield from sorted(rows, key=lambda row: (order.index(row.scope) if row.scope in order else len(order), row.scope))


def _subdistrict_names() -> dict[str, str]:
    path = settings.project_root() / "include" / "reference" / "subdistricts.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        # The first name of a code is the full one.
        return {row["subdistrict_code"]: row["name"] for row in reversed(list(rows))}


def _powers(conn: sa.Connection, day: dt.date) -> Iterator[PowerLine]:
    """The district, then its subdistricts by code, what could not be placed last."""
    names = _subdistrict_names()
    columns = _power.c
    query = (
        sa.select(_power)
        .where(columns.business_date == day, columns.level.in_(["district", "subdistrict"]))
        .order_by(columns.level, columns.unit == "unallocated", columns.unit)
    )
    for row in conn.execute(query).mappings():  # by key: `index` is also a method of a row
        yield PowerLine(
            level=row["level"],
            unit=row["unit"],
            name=names.get(row["unit"]),
            index=row["index"],
            n=row["n"],
            n_resumed=row["n_resumed"],
            kwh_resumed=_number(row["kwh_resumed"]),
            baseline_kwh=_number(row["baseline_kwh"]),
            dominated=bool(row["dominated"]),
            coverage=row["coverage"],
        )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _screening(conn: sa.Connection) -> tuple[tuple[ScreeningLine, ...], dt.date | None]:
    """Episodes by level and state; the table shows one state, that of the latest built day."""
    columns = _returnees.c
    opened = sa.func.count().filter(columns.state == "open")
    query = sa.select(columns.key_level, opened, sa.func.count(), sa.func.max(columns.business_date))
    rows = conn.execute(query.group_by(columns.key_level)).all()
    order = {"high": 0, "medium": 1}
    lines = [ScreeningLine(level, n_open, n - n_open) for level, n_open, n, _ in rows]
    lines.sort(key=lambda line: (order.get(line.key_level, 2), line.key_level))
    return tuple(lines), max((row[3] for row in rows), default=None)


# Feeds


def feed_lines(conn: sa.Connection, day: dt.date) -> Iterator[FeedLine]:
    """Yield what came of each feed for the day."""
    received: dict[str, list[Any]] = defaultdict(list)
    columns = ops.feed_delivery.c
    query = sa.select(ops.feed_delivery).where(columns.business_date == day)
    for delivery in conn.execute(query.order_by(columns.published_at, columns.name)):
        received[delivery.feed].append(delivery)
    reasons, failed = _reasons(conn, day), _failed_feeds(conn, day)
    state = {
        row.feed: row for row in conn.execute(sa.select(ops.freshness).where(ops.freshness.c.business_date == day))
    }
    for feed in feed_names():
        yield _feed_line(feed, received[feed], reasons[feed], feed in failed, state.get(feed))


def _reasons(conn: sa.Connection, day: dt.date) -> dict[str, list[tuple[str, int]]]:
    """Reason codes of the day's refused rows by feed, the most frequent first."""
    columns = ops.quarantine_row.c
    reason = sa.func.unnest(columns.reasons).label("reason")
    counted = sa.select(columns.feed, reason, sa.func.count().label("n"))
    query = counted.where(columns.business_date == day, columns.state != "released")
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in conn.execute(query.group_by(columns.feed, reason).order_by(sa.text("n desc"), sa.text("reason"))):
        found[row.feed].append((row.reason, row.n))
    return found


def _failed_feeds(conn: sa.Connection, day: dt.date) -> set[str]:
    columns = ops.feed_run.c
    return set(
        conn.execute(
            sa.select(columns.feed).where(columns.business_date == day, columns.status == "failed").distinct()
        ).scalars()
    )


def _feed_line(
    feed: str, deliveries: Sequence[Any], reasons: list[tuple[str, int]], failed: bool, state: Any
) -> FeedLine:
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
        reasons=tuple(reasons[:TOP_REASONS]),
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


# Checks and tables


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


def _stale(conn: sa.Connection, day: dt.date, tables: Sequence[str]) -> Iterator[StaleTable]:
    for name in tables:
        table = _mart(name, "business_date")
        latest = conn.execute(sa.select(sa.func.max(table.c.business_date))).scalar_one()
        on_day = conn.execute(sa.select(sa.exists().where(table.c.business_date >= day))).scalar_one()
        if not on_day:
            yield StaleTable(name, latest)
