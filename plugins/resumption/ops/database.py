"""Connections to the warehouse, and how rows are replaced in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from resumption import settings

_ANY = sa.func.hashtextextended("anything", 0)


@lru_cache(maxsize=8)
def _engine(url: str) -> sa.Engine:
    # No pool: tasks are forked, and a pooled connection must not be shared with a child. No values in error messages.
    return sa.create_engine(url, poolclass=NullPool, hide_parameters=True)


def engine(url: str | None = None) -> sa.Engine:
    """Engine of the warehouse; ``with ops.engine().begin() as conn`` is one transaction."""
    return _engine(url or settings.warehouse_url())


@contextmanager
def holding(*names: str) -> Iterator[sa.Connection]:
    """Hold warehouse locks of these names, taken in their order, so that two who take the same follow each other.

    Yields the connection that holds them, to read with: a connection costs as much as dozens of statements.
    Whoever reads files of the lake holds at least nothing by name, so that ``holding_alone`` waits for it.
    """
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        try:
            conn.execute(sa.select(sa.func.pg_advisory_lock_shared(_ANY)))
            for name in names:
                conn.execute(sa.select(sa.func.pg_advisory_lock(sa.func.hashtextextended(name, 0))))
            yield conn
        finally:
            conn.execute(sa.select(sa.func.pg_advisory_unlock_all()))


@contextmanager
def holding_alone(patience_seconds: float = 3600) -> Iterator[None]:
    """Hold what nobody may hold anything beside, as when files are deleted that a reader may have begun to read.

    Raises:
        TimeoutError: others held something all the time.
    """
    until = time.monotonic() + patience_seconds
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        # Asked again and again: who waits in the queue would stop those who hold one thing and ask for another.
        while not conn.execute(sa.select(sa.func.pg_try_advisory_lock(_ANY))).scalar_one():
            if time.monotonic() > until:
                raise TimeoutError(f"others were at work for {patience_seconds:.0f} s; run again when nothing runs")
            time.sleep(0.2)
        try:
            yield
        finally:
            conn.execute(sa.select(sa.func.pg_advisory_unlock_all()))


def replace_rows(
    conn: sa.Connection, table: sa.Table, key: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Make ``rows`` the rows of ``table`` that have ``key``."""
    # Two runs of the same partition at once: the second waits, then replaces what the first wrote.
    name = f"{table.fullname}:{':'.join(str(value) for value in key.values())}"
    conn.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
    conn.execute(table.delete().where(*(table.c[column] == value for column, value in key.items())))
    if rows:
        conn.execute(table.insert(), [{**row, **key} for row in rows])
