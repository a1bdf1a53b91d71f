"""The warehouse as it is declared: tables, published views, access."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import TableContract
from resumption.warehouse import grants, schema, views


def create_all(engine: sa.Engine, tables: Iterable[TableContract] | None = None) -> list[str]:
    """Create schemas ``ops``, ``mart``, ``published``, ``access`` and ``mart_v1`` with what is missing in them.

    With ``tables`` of one's own there are neither views nor access. Safe to repeat and from several processes at once.

    Returns:
        The names of the tables of ``mart``.
    """
    ops.create_all(engine)
    wanted = schema.contracts() if tables is None else list(tables)
    with engine.begin() as conn:
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("mart.create_all", 0))))
        schema.create_tables(conn, wanted)
        if tables is None:
            views.create_views(conn)
            grants.apply(conn)
    return [contract.name for contract in wanted]
