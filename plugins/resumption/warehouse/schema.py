"""Schema ``mart``: SQLAlchemy tables derived from the tables' contracts, nothing declared twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles

from resumption.contracts import TableColumn, TableContract, load_table, table_names
from resumption.warehouse.access import load_access

SCHEMA = "mart"

_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "text[]": postgresql.ARRAY(sa.Text()),
    "boolean": sa.Boolean(),
    "bigint": sa.BigInteger(),
    "double precision": postgresql.DOUBLE_PRECISION(),
    "numeric(18,4)": sa.Numeric(18, 4),
    "date": sa.Date(),
    "timestamptz": sa.DateTime(timezone=True),
}


class SchemaError(RuntimeError):
    """The warehouse differs from what is declared, and nobody may decide but people; the message says what to do."""


def column_type(name: str) -> sa.types.TypeEngine[Any]:
    """SQLAlchemy type of a contract's PostgreSQL type."""
    return _TYPES[name]


def column_comment(column: TableColumn) -> str:
    """Description, unit and classification of a column, as the database shows them."""
    unit = f" Unit: {column.unit}." if column.unit else ""
    return f"{column.description}{unit} [{column.classification}]"


def mart_table(contract: TableContract, metadata: sa.MetaData | None = None) -> sa.Table:
    """Build the table that a contract describes; its primary key is the grain."""
    columns = [
        sa.Column(
            column.name,
            column_type(column.type),
            primary_key=column.name in contract.grain,
            autoincrement=False,
            nullable=not column.required,
            comment=column_comment(column),
        )
        for column in contract.columns
    ]
    keys = sa.PrimaryKeyConstraint(*contract.grain, name=f"{contract.name}_pkey")
    target = sa.MetaData() if metadata is None else metadata
    table = sa.Table(contract.name, target, *columns, keys, schema=SCHEMA, comment=contract.description)
    if "business_date" in table.c and contract.grain[:1] != ("business_date",):
        # A day is replaced and read as a whole.
        sa.Index(f"{contract.name}_business_date", table.c.business_date)
    for column in _own(contract):
        # A role reads the rows of its own community or enterprise, out of all days.
        sa.Index(f"{contract.name}_{column}", table.c[column], table.c.business_date)
    return table


def _own(contract: TableContract) -> list[str]:
    """Return the columns by which roles are bound to their own rows of a table, but those the key begins with."""
    bound = {role.mart_v1[contract.name].rows for role in load_access().roles.values() if contract.name in role.mart_v1}
    return sorted(bound - {"all", contract.grain[0]})


def contracts() -> list[TableContract]:
    """Contracts of all declared tables."""
    return [load_table(name) for name in table_names()]


def _shape(columns: Iterable[Any]) -> dict[str, str]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    return {column["name"]: column["type"].compile(dialect=dialect) for column in columns}


class _AddColumn(sa.schema.ExecutableDDLElement):
    """``ALTER TABLE … ADD COLUMN``, which SQLAlchemy leaves to migration tools."""

    inherit_cache = False

    def __init__(self, column: sa.Column[Any]) -> None:
        self.column = column


@compiles(_AddColumn)
def _add_column(element: _AddColumn, compiler: Any, **_: Any) -> str:
    table = compiler.preparer.format_table(element.column.table)
    return f"ALTER TABLE {table} ADD COLUMN {compiler.get_column_specification(element.column)}"


def _follow_contract(conn: sa.Connection, table: sa.Table) -> None:
    """Add the columns that a newer contract has. Those that an older one has not are left, if they may be null.

    Raises:
        SchemaError: a column has another type or may not be null: that is a decision, not a default.
    """
    there = sa.inspect(conn).get_columns(table.name, schema=SCHEMA)
    found, wanted = _shape(there), _shape({"name": c.name, "type": c.type} for c in table.columns)
    changed = sorted(name for name in found.keys() & wanted.keys() if wanted[name] != found[name])
    needed = sorted(c["name"] for c in there if c["name"] not in wanted and not c["nullable"])
    blocked = sorted(name for name in wanted.keys() - found.keys() if not table.c[name].nullable)
    if changed or needed or blocked:
        raise SchemaError(
            f"table {table.fullname}: the warehouse and the contract differ in {', '.join(changed + needed + blocked)} "
            "(type, or a column that must not be null): write a revision that brings one to the other "
            "(docs/migrations.md), or take the change back"
        )
    for column in table.columns:
        if column.name not in found:
            conn.execute(_AddColumn(column))
    for index in table.indexes:
        index.create(conn, checkfirst=True)


def create_tables(conn: sa.Connection, tables: Iterable[TableContract]) -> None:
    """Create schema ``mart`` with what is missing of ``tables`` in it: tables, columns that may be null, descriptions.

    Raises:
        SchemaError: a table is there, and differs in a way that nobody may decide but people.
    """
    metadata = sa.MetaData()
    wanted = [mart_table(contract, metadata) for contract in tables]
    conn.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
    there = set(sa.inspect(conn).get_table_names(schema=SCHEMA))
    metadata.create_all(conn)
    for table in wanted:
        if table.name in there:
            _follow_contract(conn, table)
    describe(conn, wanted)


def describe(conn: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """Write the descriptions of tables and columns that differ from those declared."""
    query = sa.text(
        "select d.objoid::regclass::text, a.attname::text, d.description from pg_description as d "
        "left join pg_attribute as a on a.attrelid = d.objoid and a.attnum = d.objsubid and a.attnum > 0 "
        "where d.classoid = 'pg_class'::regclass"
    )
    there = {(table, column): text for table, column, text in conn.execute(query)}
    for table in tables:
        if there.get((table.fullname, None)) != table.comment:
            conn.execute(sa.schema.SetTableComment(table))
        for column in table.columns:
            if there.get((table.fullname, column.name)) != column.comment:
                conn.execute(sa.schema.SetColumnComment(column))
