"""Layouts that a contract did not foresee: ``ops.schema_change``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from resumption.ops.tables import check_result, feed_delivery, schema_change

SCHEMA_CHANGED = "SCHEMA_CHANGED"
"""The check that a date brought no layout of columns for the first time."""

_NOTE = sa.text(
    """
    insert into ops.schema_change as kept
        (feed, schema_fingerprint, first_delivery_id, first_business_date, first_published_at, unknown_columns)
    select feed, schema_fingerprint, delivery_id, business_date, published_at, :unknown
    from ops.feed_delivery
    where feed = :feed and schema_fingerprint = :fingerprint and outcome = 'accepted'
    order by published_at, name, delivery_id
    limit 1
    on conflict (feed, schema_fingerprint) do update
    set first_delivery_id = excluded.first_delivery_id,
        first_business_date = excluded.first_business_date,
        first_published_at = excluded.first_published_at
    """
)


def note_layout(conn: sa.Connection, feed: str, fingerprint: str, unknown_columns: Sequence[str]) -> None:
    """Record a layout with columns that the contract does not name.

    Its first sight is the earliest accepted delivery that has it, in delivery order: when that turns out to be a late
    one, the check of the date that was told before passes from now on.
    """
    lock = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"ops.schema_change:{feed}", 0))
    conn.execute(sa.select(lock))
    columns = schema_change.c
    key = sa.and_(columns.feed == feed, columns.schema_fingerprint == fingerprint)
    told = conn.execute(sa.select(columns.first_business_date).where(key)).scalar()
    conn.execute(_NOTE, {"feed": feed, "fingerprint": fingerprint, "unknown": list(unknown_columns)})
    if told and not _firsts(conn, feed, told):
        results = check_result.c
        of_date = sa.and_(results.subject == feed, results.business_date == told, results.check_id == SCHEMA_CHANGED)
        conn.execute(check_result.update().where(of_date).values(outcome="pass"))


def _firsts(conn: sa.Connection, feed: str, day: dt.date) -> int:
    columns = schema_change.c
    query = sa.select(sa.func.count()).where(columns.feed == feed, columns.first_business_date == day)
    return conn.execute(query).scalar_one()


def changed_layouts(conn: sa.Connection, feed: str, day: dt.date) -> tuple[int, bool]:
    """Return how many accepted deliveries of a date have an unforeseen layout, and whether one is its first sight."""
    deliveries, changes = feed_delivery.c, schema_change.c
    same = sa.and_(deliveries.feed == changes.feed, deliveries.schema_fingerprint == changes.schema_fingerprint)
    query = sa.select(sa.func.count()).select_from(sa.join(feed_delivery, schema_change, same))
    of_date = (deliveries.feed == feed, deliveries.business_date == day, deliveries.outcome == "accepted")
    return conn.execute(query.where(*of_date)).scalar_one(), _firsts(conn, feed, day) > 0
