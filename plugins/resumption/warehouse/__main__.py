"""``python -m resumption.warehouse create|downgrade|revision|url|tables|roles``: the warehouse's tables and versions.

``create`` brings a new or older warehouse to this version, ``downgrade 0001`` takes it back to a revision, and
``revision "what changes"`` writes a new one. ``roles`` prints what an administrator runs where the warehouse's login
may not create roles.
"""

from __future__ import annotations

import argparse
import sys

import sqlalchemy as sa

from resumption import ops, settings
from resumption.warehouse import create_all, migrate, schema
from resumption.warehouse.grants import roles_sql
from resumption.warehouse.roles import RoleError


def _count(conn: sa.Connection, table: sa.Table) -> tuple[int, str]:
    latest = sa.func.max(table.c.business_date) if "business_date" in table.c else sa.null()
    rows, day = conn.execute(sa.select(sa.func.count(), latest).select_from(table)).one()
    return rows, str(day or "-")


def tables(engine: sa.Engine) -> None:
    """Print every table with its rows and its latest business date."""
    metadata = sa.MetaData()
    mart = [schema.mart_table(contract, metadata) for contract in schema.contracts()]
    with engine.connect() as conn:
        for table in [*mart, *ops.metadata.sorted_tables]:
            found = sa.inspect(conn).has_table(table.name, schema=table.schema)
            rows, day = _count(conn, table) if found else ("not created", "-")
            print(f"{table.fullname:<34}{rows:>12}  {day}")


def _do(command: str, argument: str) -> None:
    if command == "url":
        print(settings.warehouse_url())
    elif command == "roles":
        print(roles_sql(sa.make_url(settings.warehouse_url()).username or ""))
    elif command == "create":
        print("\n".join(f"mart.{name}" for name in create_all(ops.engine())))
    elif command == "downgrade":
        migrate.downgrade(ops.engine(), argument)
    elif command == "revision":
        print(migrate.write_revision(ops.engine(), argument))
    else:
        tables(ops.engine())


def main() -> None:
    """Run the command named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m resumption.warehouse", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("create", "url", "tables", "roles"):
        commands.add_parser(name)
    for name, what in (("downgrade", "to"), ("revision", "message")):
        commands.add_parser(name).add_argument("argument", metavar=what)
    given = parser.parse_args()
    try:
        _do(given.command, getattr(given, "argument", ""))
    except (settings.SettingError, schema.SchemaError, RoleError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
