"""What each table of each day was built from: ``ops.table_build``."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from resumption.ops.database import replace_rows
from resumption.ops.tables import BuildRow, table_build


def record_build(conn: sa.Connection, build: BuildRow, *, whole_table: bool = False) -> None:
    """Write what was built, in place of the build before it: of the day, or of the whole table."""
    values = asdict(build)
    key: dict[str, Any] = {"table_name": values.pop("table_name")}
    if not whole_table:
        key["business_date"] = values.pop("business_date")
    replace_rows(conn, table_build, key, [values])


def table_builds(conn: sa.Connection) -> list[BuildRow]:
    """Return the latest build of every table and day, by day and table."""
    query = sa.select(table_build).order_by(table_build.c.business_date, table_build.c.table_name)
    return [BuildRow(**row) for row in conn.execute(query).mappings()]


def latest_built_day(conn: sa.Connection) -> dt.date | None:
    """Return the latest business date that was ever built; None before the first build."""
    latest: dt.date | None = conn.execute(sa.select(sa.func.max(table_build.c.business_date))).scalar_one()
    return latest
