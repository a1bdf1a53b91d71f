"""Totals against their parts, once a day's tables are built."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from resumption import lake, ops
from resumption.consolidate.inputs import LakeInputs
from resumption.contracts import load_table
from resumption.models import run_models
from resumption.ops import Balance
from resumption.warehouse import mart_table

BULLETIN = "bulletin_total"
"""The model of the provinces' totals and the sums of their places."""


def reconcile(day: date, run_id: str) -> int:
    """Write ``ops.reconciliation`` for a day that was built; return how many totals differ from their parts."""
    found = _bulletin(day)
    with ops.engine().begin() as conn:
        found += [*ops.delivered(conn, day), *_lake(conn, day), *_levels(conn, day)]
        return ops.replace_reconciliation(conn, day, found, run_id)


def _bulletin(day: date) -> list[Balance]:
    """The provinces of the day's bulletin of cases against their places."""
    rows = run_models(LakeInputs(day), day, [BULLETIN])[BULLETIN].to_pylist()
    return [
        Balance(subject="city_cases", item=row["province_code"], total=int(row["total"]), parts=int(row["parts"]))
        for row in rows
    ]


def _lake(conn: sa.Connection, day: date) -> list[Balance]:
    """What the deliveries' accounts say must lie in the lake, against what does."""
    return [
        Balance(subject="lake", item=feed, total=rows, parts=lake.rows_delivered(feed, day))
        for feed, rows in sorted(ops.rows_kept(conn, day).items())
    ]


def _levels(conn: sa.Connection, day: date) -> list[Balance]:
    """The district against the sum of its units, on every level of every scope of the summary."""
    table = mart_table(load_table("resumption_summary"))
    columns = table.c
    query = (
        sa.select(
            columns.scope, columns.level, sa.func.sum(columns.denominator), sa.func.sum(columns.resumed)
        )
        .where(columns.business_date == day)
        .group_by(columns.scope, columns.level)
        .order_by(columns.scope, columns.level)
    )  # fmt: skip
    sums = {(scope, level): (int(firms), int(resumed)) for scope, level, firms, resumed in conn.execute(query)}
    return [
        Balance(
            subject="resumption_summary", item=f"{scope}, {level}: {what}",
            total=sums.get((scope, "district"), (0, 0))[place], parts=parts[place],
        )
        for (scope, level), parts in sums.items() if level != "district"
        for place, what in enumerate(("denominator", "resumed"))
    ]  # fmt: skip
