"""Retention in the warehouse: rows of tables of persons, and payloads of refused rows."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import FeedContract, TableContract
from resumption.retention.holds import Held
from resumption.warehouse import mart_table


def _spared(held: Held, day: sa.ColumnElement[Any], delivery: sa.ColumnElement[Any] | None = None) -> Any:
    """Return what holds of rows that no hold covers."""
    covered: list[sa.ColumnElement[bool]] = []
    for hold in held.holds:
        parts: list[sa.ColumnElement[bool]] = [sa.true()]
        parts += [day >= hold.first] if hold.first else []
        parts += [day <= hold.last] if hold.last else []
        parts += [delivery == hold.delivery] if hold.delivery and delivery is not None else []
        covered.append(sa.and_(*parts))
    return sa.not_(sa.or_(*covered)) if covered else sa.true()


def _by_day(conn: sa.Connection, day: sa.ColumnElement[Any], *conditions: Any) -> dict[str, int]:
    query = sa.select(day, sa.func.count()).where(*conditions).group_by(day).order_by(day)
    return {found.isoformat(): rows for found, rows in conn.execute(query).tuples()}


def _kept(held: Held, there: dict[str, int]) -> Counter[str]:
    """Return hold → rows of the days that are past and still there."""
    kept: Counter[str] = Counter()
    for day, rows in there.items():
        hold = held.by(date.fromisoformat(day))
        kept.update({hold: rows} if hold else {})
    return kept


class Rows:
    """The rows of a table of persons that have passed their time."""

    def __init__(self, table: TableContract, kept_from: date, held: Held) -> None:
        assert table.retention
        self.table, self.kept_from, self.held = mart_table(table), kept_from, held
        self._past = self.table.c[table.retention.counted_from] < kept_from
        self._day = self.table.c.business_date
        self._gone = sa.and_(self._past, _spared(held, self._day))

    def expired(self, conn: sa.Connection) -> dict[str, int]:
        """Return business date → rows to delete."""
        return _by_day(conn, self._day, self._gone)

    def kept(self, conn: sa.Connection) -> Counter[str]:
        """Return hold → rows that it keeps."""
        return _kept(self.held, _by_day(conn, self._day, self._past))

    def delete(self, conn: sa.Connection) -> dict[str, int]:
        """Delete them; return business date → rows."""
        found = self.expired(conn)
        conn.execute(self.table.delete().where(self._gone))
        return found

    def count(self, conn: sa.Connection) -> int:
        """Return how many rows the table has."""
        rows: int = conn.execute(sa.select(sa.func.count()).select_from(self.table)).scalar_one()
        return rows


class Payloads:
    """The payloads of a feed's refused rows that have passed their time; the rows stay, the accounts rest on them."""

    def __init__(self, feed: FeedContract, kept_from: date, held: Held) -> None:
        self.feed, self.kept_from, self.held = feed.name, kept_from, held
        columns = ops.quarantine_row.c
        self._day = columns.business_date
        self._past = sa.and_(columns.feed == feed.name, columns.payload.is_not(None), self._day < kept_from)
        self._gone = sa.and_(self._past, _spared(held, self._day, columns.delivery_id))

    def expired(self, conn: sa.Connection) -> dict[str, int]:
        """Return business date → payloads to empty."""
        return _by_day(conn, self._day, self._gone)

    def kept(self, conn: sa.Connection) -> Counter[str]:
        """Return hold → payloads that it keeps."""
        delivery = ops.quarantine_row.c.delivery_id
        query = sa.select(self._day, delivery, sa.func.count()).where(self._past).group_by(self._day, delivery)
        kept: Counter[str] = Counter()
        for day, delivery_id, rows in conn.execute(query).tuples():
            hold = self.held.by(day, delivery_id)
            kept.update({hold: rows} if hold else {})
        return kept

    def delete(self, conn: sa.Connection) -> dict[str, int]:
        """Empty them; return business date → payloads."""
        return ops.blank_payloads(conn, self.feed, self._gone)

    def count(self, conn: sa.Connection) -> int:
        """Return how many refused rows there are."""
        columns = ops.quarantine_row.c
        rows: int = conn.execute(sa.select(sa.func.count()).where(columns.feed == self.feed)).scalar_one()
        return rows
