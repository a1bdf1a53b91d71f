"""Refused rows as the visitor's role sees them, and what operators decided about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from resumption import ops

PAGE_ROWS = 50
COUNTED = 10_000
"""Rows are counted up to here: nobody pages further, and a count of all would be read row by row."""

_rows = sa.table(
    "quarantine_row",
    sa.column("delivery_id", sa.Text), sa.column("row_number", sa.BigInteger), sa.column("feed", sa.Text),
    sa.column("business_date", sa.Date), sa.column("name", sa.Text), sa.column("stage", sa.Text),
    sa.column("reasons", ARRAY(sa.Text)), sa.column("payload", JSONB), sa.column("state", sa.Text),
    sa.column("quarantined_at", sa.DateTime(timezone=True)), sa.column("action_id", sa.BigInteger),
    schema="mart_v1",
)  # fmt: skip


@dataclass(frozen=True)
class Filter:
    """Which refused rows; None leaves a condition out."""

    feed: str | None = None
    day: dt.date | None = None
    reason: str | None = None
    delivery: str | None = None
    state: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on ``mart_v1.quarantine_row``."""
        c = _rows.c
        given: list[tuple[Any, sa.ColumnElement[bool]]] = [
            (self.feed, c.feed == self.feed),
            (self.day, c.business_date == self.day),
            (self.delivery, c.delivery_id == self.delivery),
            (self.state, c.state == self.state),
            (self.reason, c.reasons.contains([self.reason])),
        ]
        return [condition for value, condition in given if value]


@dataclass(frozen=True)
class Found:
    """A page of refused rows; ``total`` counts up to ``COUNTED``."""

    rows: Sequence[dict[str, Any]]
    total: int


def refused(conn: sa.Connection, wanted: Filter, page: int) -> Found:
    """Return the ``page``-th page (from 1) of the rows wanted, the latest day first."""
    c = _rows.c
    order = c.business_date.desc(), c.delivery_id, c.row_number
    # Keys first: a payload is masked as it is read, which is only wanted of the rows shown.
    keys = sa.select(c.delivery_id, c.row_number).where(*wanted.conditions()).order_by(*order)
    chosen = [tuple(key) for key in conn.execute(keys.limit(PAGE_ROWS).offset((page - 1) * PAGE_ROWS))]
    query = sa.select(*c).where(
        c.delivery_id.in_({key[0] for key in chosen}), c.row_number.in_({key[1] for key in chosen})
    )
    rows = [row._asdict() for row in conn.execute(query.order_by(*order))]
    counted = sa.select(sa.literal(1)).select_from(_rows).where(*wanted.conditions()).limit(COUNTED).subquery()
    total = conn.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one()
    return Found([row for row in rows if (row["delivery_id"], row["row_number"]) in chosen], total)


def open_reasons(conn: sa.Connection, delivery_id: str) -> list[tuple[str, int]]:
    """Reasons for which rows of a delivery are refused now, and how many rows each."""
    reason = sa.func.unnest(_rows.c.reasons).label("reason")
    query = sa.select(reason, sa.func.count().label("n")).where(
        _rows.c.delivery_id == delivery_id, _rows.c.state == "open"
    )
    return [(row.reason, row.n) for row in conn.execute(query.group_by(reason).order_by(sa.desc("n"), "reason"))]


def delivery(conn: sa.Connection, delivery_id: str) -> dict[str, Any] | None:
    """Return a row of ``ops.feed_delivery``; None where there is none."""
    found = conn.execute(sa.select(ops.feed_delivery).where(ops.feed_delivery.c.delivery_id == delivery_id)).first()
    return found._asdict() if found else None


def decisions(
    conn: sa.Connection, *, delivery_id: str | None = None, run_id: str | None = None, limit: int = 20
) -> list[dict[str, Any]]:
    """Return decisions of operators, the latest first."""
    c = ops.quarantine_action.c
    query = sa.select(ops.quarantine_action).order_by(c.action_id.desc()).limit(limit)
    if delivery_id:
        query = query.where(c.delivery_id == delivery_id)
    if run_id:
        query = query.where(c.run_id == run_id)
    return [row._asdict() for row in conn.execute(query)]
