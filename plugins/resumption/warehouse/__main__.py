"""``python -m resumption.warehouse create|url|tables|roles``: make the warehouse's tables, find it, see what is in it.

``roles`` prints what an administrator runs where the warehouse's login may not create roles.
"""

from __future__ import annotations

import argparse
import sys

import sqlalchemy as sa

from resumption import ops, settings
from resumption.warehouse import create_all, schema
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


def main() -> None:
    """Run the command named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m resumption.warehouse", description=__doc__)
    parser.add_argument("command", choices=["create", "url", "tables", "roles"])
    command = parser.parse_args().command
    try:
        if command == "url":
            print(settings.warehouse_url())
        elif command == "roles":
            print(roles_sql(sa.make_url(settings.warehouse_url()).username or ""))
        elif command == "create":
            print("\n".join(f"mart.{name}" for name in create_all(ops.engine())))
        else:
            tables(ops.engine())
    except (settings.SettingError, schema.SchemaError, RoleError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
