"""Revisions of the warehouse's schema, run by Alembic; ``docs/migrations.md`` says when to write one.

Schemas ``ops`` and ``access`` are made by revisions. Tables of ``mart`` are made from their contracts after them, so a
revision about ``mart`` brings an older warehouse's table to its contract and finds nothing to do in a new one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def append_only(table: str) -> None:
    """Let the database refuse every change of a table of ``ops`` but new rows."""
    op.execute(
        f"create or replace trigger append_only before update or delete or truncate on ops.{table}"
        " for each statement execute function ops.refuse_change()"
    )


def rename_mart_column(table: str, old: str, new: str) -> None:
    """Rename a column of ``mart`` where the table has it; back by the same with the names exchanged.

    Views stand on columns, not on their names: ``mart_v1`` goes on showing it as before, and must be told so, by
    ``shown_as`` in ``include/access/roles.yaml``.
    """
    there = sa.inspect(op.get_bind())
    if not there.has_table(table, schema="mart"):
        return
    names = {column["name"] for column in there.get_columns(table, schema="mart")}
    if old in names and new not in names:
        op.alter_column(table, old, new_column_name=new, schema="mart")
        op.execute(f'alter index if exists mart."{table}_{old}" rename to "{table}_{new}"')
