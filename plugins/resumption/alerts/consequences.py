"""What a problem means for the tables: what was kept back, which tables are stale and since when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache

import sqlalchemy as sa

from resumption.alerts.folding import AlertRow
from resumption.alerts.kinds import Kind
from resumption.alerts.runs import minute
from resumption.alerts.texts import text
from resumption.contracts import feed_names, load_feed, load_table, table_names

_FIRST = {
    Kind.PUBLICATION_STOPPED: "kept",
    Kind.DELIVERY_REJECTED: "rejected",
    Kind.LANDING_FAILED: "landing",
    Kind.FEED_MISSING: "absent",
    Kind.FEED_STALE: "absent",
    Kind.FEED_LATE: "late",
}


def consequence(conn: sa.Connection, alerts: Sequence[AlertRow], language: str) -> str:
    """Return the consequence of alerts of one kind and subject, in a sentence or two."""
    latest = max(alerts, key=lambda alert: str(alert["business_date"] or ""))
    kind, subject = Kind(latest["kind"]), latest["subject"]
    if kind in _FIRST and subject in feed_names():
        said = text(_FIRST[kind], language) + _tables(subject, language)
        return said + ("" if kind is Kind.FEED_LATE else _data_ends(conn, subject, latest["business_date"], language))
    if kind is Kind.TABLE_KEPT_BACK and subject in table_names():
        return _stays(conn, subject, latest["business_date"], language)
    if kind is Kind.LAYOUT_CHANGED and subject in feed_names():
        return text("columns", language, drift=load_feed(subject).drift.columns)
    if kind is Kind.RUN_FAILED:
        return text("stopped_run", language)
    return text("lapsed" if kind is Kind.SILENCE_LAPSED else "published", language)


@cache
def tables_of(feed: str) -> tuple[str, ...]:
    """Return the tables that deliveries of a feed reach, as their contracts declare."""
    from resumption.models.reach import reach_of

    return tuple(name for name in table_names() if reach_of(load_table(name), feed) != "none")


def _tables(feed: str, language: str) -> str:
    names = tables_of(feed)
    return text("tables", language, tables=text("joined", language).join(names)) if names else ""


_LAST_GOOD = sa.text("select max(business_date) from ops.feed_delivery where feed = :feed and outcome = 'accepted'")


def _data_ends(conn: sa.Connection, feed: str, day: dt.date | None, language: str) -> str:
    last: dt.date | None = conn.execute(_LAST_GOOD, {"feed": feed}).scalar()
    if last is None:
        return text("never_good", language, subject=feed)
    return text("last_good" if day is None or last < day else "good_since", language, subject=feed, day=last)


def _stays(conn: sa.Connection, table: str, day: dt.date | None, language: str) -> str:
    """Say since when a table's rows stand that a build would have replaced."""
    contract = load_table(table)
    columns = sa.table(table, sa.column("business_date"), sa.column("built_at"), schema="mart")
    query = sa.select(sa.func.max(columns.c.built_at))
    if contract.replace == "day":
        query = query.where(columns.c.business_date == day)
    at: dt.datetime | None = conn.execute(query).scalar()
    if at is None:
        return text("empty", language, table=table, day=day)
    return text("stays", language, table=table, at=minute(at))
