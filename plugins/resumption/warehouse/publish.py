"""Publication: the rows of a table for a day go into the warehouse in one transaction.

Arrow → temporary staging table (ADBC) → lock on the table's name → delete what is replaced → insert … select with
casts → commit. Tables are never renamed or truncated, so a reader never waits, and sees the old rows or the new.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from resumption import settings
from resumption.contracts import TableContract
from resumption.warehouse.schema import mart_table

if TYPE_CHECKING:
    import pyarrow as pa

_STAGING = "resumption_staging"
# ADBC binds $1, $2, …
_DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class PublishError(ValueError):
    """Rows that do not fit their table's contract; nothing was published, the rows before stay."""


def publish(
    table: TableContract, data: pa.Table, day: dt.date, run_id: str, built_at: dt.datetime, url: str | None = None
) -> int:
    """Replace a day (or, where the contract says ``replace: table``, the whole table) by ``data``.

    An empty ``data`` leaves the day empty. A table that shows one state is left alone when a later day's state is in
    it already, so days may be published in any order and at once.

    Args:
        table: contract; ``run_id`` and ``built_at`` are added here, all its other columns must be in ``data``.
        data: rows, in types that can be cast safely to ``table.arrow_schema()``.
        day: business date that was built.
        run_id: run that built the rows.
        built_at: when it built them, with a time zone.
        url: SQLAlchemy URL of the warehouse, by default that of the settings.

    Returns:
        The number of rows published; 0 when a later state was left in place.

    Raises:
        PublishError: columns, types, required values, the day or the grain are not what the contract says.
    """
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    rows = _conformed(table, data, day, run_id, built_at)
    with dbapi.connect(_libpq(url or settings.warehouse_url())) as conn:
        try:
            with conn.cursor() as cursor:
                published = _replace(cursor, table, rows, day)
            conn.commit()
        except Error as error:
            if error.sqlstate != "23505":
                raise
            # The server's message holds key values: it goes no further.
            raise PublishError(
                f"table {table.name}, {day}: two rows share the grain ({', '.join(table.grain)}); "
                f"expected one row each, mend {table.name}.sql"
            ) from None
    return published


def _libpq(url: str) -> str:
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _replace(cursor: Any, table: TableContract, rows: pa.Table, day: dt.date) -> int:
    """Stage, lock, delete and insert on an ADBC cursor; the caller commits."""
    cursor.adbc_ingest(_STAGING, rows, mode="create", temporary=True)
    target = mart_table(table)
    # From here to the commit one publication at a time; staging, the slow part, ran before it.
    _execute(cursor, sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(target.fullname, 0))))
    if table.replace == "table":
        if _later_state(cursor, target, day):
            return 0
        _execute(cursor, target.delete())
    else:
        _execute(cursor, target.delete().where(target.c.business_date == day))
    staging = sa.table(_STAGING, *(sa.column(c.name, c.type) for c in target.columns))
    cast = sa.select(*(sa.cast(staging.c[c.name], c.type) for c in target.columns))
    _execute(cursor, target.insert().from_select([c.name for c in target.columns], cast))
    return int(rows.num_rows)


def _later_state(cursor: Any, target: sa.Table, day: dt.date) -> bool:
    if "business_date" not in target.c:
        return False
    _execute(cursor, sa.select(sa.func.max(target.c.business_date)))
    (latest,) = cursor.fetchone()
    return latest is not None and latest > day


def _execute(cursor: Any, statement: sa.ClauseElement) -> None:
    compiled: Any = statement.compile(dialect=_DIALECT)
    bound = compiled.construct_params()
    cursor.execute(str(compiled), [bound[name] for name in compiled.positiontup or []] or None)


def _conformed(table: TableContract, data: pa.Table, day: dt.date, run_id: str, built_at: dt.datetime) -> pa.Table:
    """Rows in the contract's columns, order and types, with ``run_id`` and ``built_at``."""
    import pyarrow as pa

    schema = table.arrow_schema()
    data = data.drop_columns([name for name in ("run_id", "built_at") if name in data.column_names])
    for name, value in (("run_id", run_id), ("built_at", built_at)):
        if name in schema.names:
            data = data.append_column(name, pa.repeat(pa.scalar(value, schema.field(name).type), data.num_rows))
    _check_columns(table, data.column_names, schema.names)
    rows = pa.Table.from_arrays([_cast(table, data, field) for field in schema], schema=_nullable(schema))
    _check_values(table, rows, day)
    return rows


def _nullable(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([field.with_nullable(True) for field in schema])


def _check_columns(table: TableContract, found: list[str], wanted: list[str]) -> None:
    missing, unknown = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unknown or len(found) != len(wanted):
        raise PublishError(
            f"table {table.name}: the rows' columns are not the contract's: missing {', '.join(missing) or 'none'}, "
            f"not in the contract {', '.join(unknown) or 'none'}; change {table.name}.sql or {table.name}.yaml"
        )


def _cast(table: TableContract, data: pa.Table, field: pa.Field[Any]) -> pa.ChunkedArray[Any]:
    import pyarrow as pa

    column = data.column(field.name)
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # Arrow's message may quote the value.
        raise PublishError(
            f"table {table.name}: column {field.name}: expected {field.type}, got {column.type}, "
            f"and not every value can be cast without loss; cast it in {table.name}.sql"
        ) from None


def _check_values(table: TableContract, rows: pa.Table, day: dt.date) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in table.columns:
        nulls = rows.column(column.name).null_count if column.required else 0
        if nulls:
            raise PublishError(f"table {table.name}, {day}: column {column.name} is required, {nulls} rows lack it")
    if table.replace == "day":
        other = rows.num_rows - rows.filter(pc.equal(rows.column("business_date"), pa.scalar(day))).num_rows
        if other:
            raise PublishError(f"table {table.name}: expected rows of {day} only, {other} rows are of another day")


def read_days(table: TableContract, before: dt.date, url: str | None = None) -> pa.Table:
    """Return the published rows of a day's table for the business dates before ``before``, in the contract's schema."""
    from adbc_driver_postgresql import dbapi

    source = mart_table(table)
    query = sa.select(source).where(source.c.business_date < before)
    with dbapi.connect(_libpq(url or settings.warehouse_url())) as conn, conn.cursor() as cursor:
        _execute(cursor, query)
        rows: pa.Table = cursor.fetch_arrow_table()
    return rows.cast(_nullable(table.arrow_schema()))
