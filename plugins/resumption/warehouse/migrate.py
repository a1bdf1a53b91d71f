"""The warehouse as this version declares it: revisions by Alembic, then all that follows from declarations.

Schemas ``ops`` and ``access`` change by revisions (``migrations/versions``). Tables of ``mart``, the views of
``published`` and ``mart_v1``, roles, grants, row policies and functions are derived from their files each time; of them
only what an older warehouse cannot simply be given, a renamed column say, is a revision. All of it is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import TableContract
from resumption.warehouse import grants, roles, schema, views
from resumption.warehouse.schema import SchemaError

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).with_name("migrations")
VERSION_TABLE = "warehouse_version"
"""Of schema ``ops``: the revision that the warehouse is at. Airflow's own lies in its own database."""
PATIENCE = "20s"
"""How long a change waits for those who have a table open."""


def create_all(engine: sa.Engine, tables: Iterable[TableContract] | None = None) -> list[str]:
    """Bring a new or older warehouse to this version, with all rows it has.

    With ``tables`` of one's own there are neither views nor access. Safe to repeat and from several processes at once.

    Returns:
        The names of the tables of ``mart``.

    Raises:
        SchemaError: the warehouse is a newer version's, or differs from what is declared in a way that needs a
            revision.
    """
    wanted = schema.contracts() if tables is None else list(tables)
    with _changing(engine) as conn:
        before = version(conn)
        _revise(conn, "upgrade", "head")
        if before is None:
            _check_columns(conn)
        schema.describe(conn, [*ops.metadata.sorted_tables, *roles.metadata.sorted_tables])
        schema.create_tables(conn, wanted)
        if tables is None:
            views.create_views(conn)
            grants.apply(conn, anew=before != version(conn))
    return [contract.name for contract in wanted]


def downgrade(engine: sa.Engine, to: str) -> None:
    """Take the warehouse back to a revision, for the older version of this project that ends with it.

    What is derived is left as it is: the older version's ``create`` derives it anew.

    Raises:
        SchemaError: no such revision, or the warehouse is a newer version's.
    """
    with _changing(engine) as conn:
        _revise(conn, "downgrade", to)
        grants.forget(conn)


def write_revision(engine: sa.Engine, message: str) -> Path:
    """Write a revision with what ``ops`` and ``access`` declare and the warehouse lacks; return its file.

    Raises:
        SchemaError: the warehouse is not at the latest revision.
    """
    from alembic import command
    from alembic.util import CommandError

    number = len(list((FOLDER / "versions").glob("r*.py"))) + 1
    with engine.begin() as conn:
        try:
            made: Any = command.revision(_config(conn), message, autogenerate=True, rev_id=f"{number:04}")
        except CommandError as error:
            raise SchemaError(f"{error} Run `make migrate` first") from None
    return Path(made.path)


def version(conn: sa.Connection) -> str | None:
    """Return the revision that the warehouse is at; None for a new one, or one made before there were revisions."""
    if not sa.inspect(conn).has_table(VERSION_TABLE, schema=ops.metadata.schema):
        return None
    found: str | None = conn.execute(sa.text(f"select version_num from ops.{VERSION_TABLE}")).scalar()  # noqa: S608
    return found


def knows(revision: str | None) -> bool:
    """Whether this version of the project can bring a warehouse at a revision to its own."""
    from alembic.script import ScriptDirectory

    return revision is None or revision in {each.revision for each in ScriptDirectory(str(FOLDER)).walk_revisions()}


def comparison(*also: sa.MetaData) -> dict[str, Any]:
    """Return how Alembic compares a warehouse with what ``ops``, ``access`` and ``also`` declare.

    Descriptions are no matter of revisions: they are written from the declarations, like all that is derived.
    """
    declared = sa.MetaData()
    for metadata in (ops.metadata, roles.metadata, *also):
        for table in metadata.sorted_tables:
            bare = table.to_metadata(declared)
            bare.comment = None
            for column in bare.columns:
                column.comment = None
    compared = {table.schema for table in declared.tables.values()}
    return {
        "target_metadata": declared,
        "version_table": VERSION_TABLE,
        "version_table_schema": ops.metadata.schema,
        "include_schemas": True,
        "include_name": lambda name, kind, _: kind != "schema" or name in compared,
        "autogenerate_plugins": ["alembic.autogenerate.*", "~alembic.autogenerate.comments"],
    }


@contextmanager
def _changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction, one at a time; who waits for a reader makes others wait behind it, so not for long."""
    with engine.begin() as conn:
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("mart.create_all", 0))))
        conn.exec_driver_sql(f"set local lock_timeout = '{PATIENCE}'")
        conn.execute(sa.schema.CreateSchema("ops", if_not_exists=True))
        try:
            yield conn
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":
                raise
            raise SchemaError(
                "the warehouse was not changed: somebody has been reading, or writing to, a table that was to be "
                f"changed, for {PATIENCE}. Try again when they are done; pg_stat_activity shows who"
            ) from None


def _config(conn: sa.Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
    config.attributes["connection"] = conn
    return config


def _revise(conn: sa.Connection, way: str, to: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        getattr(command, way)(_config(conn), to)
    except CommandError as error:
        raise SchemaError(
            f"the warehouse is at revision {version(conn)}, and this version of the project cannot bring it to {to}: "
            f"{error} If a newer version made it, take it back with that one (`make migrate TO=…`), or restore a backup"
        ) from None


def _check_columns(conn: sa.Connection) -> None:
    """Raise SchemaError where ``ops`` declares what no revision made, or a table is older than the first of them."""
    found = sa.inspect(conn)
    for table in ops.metadata.sorted_tables:
        there = found.get_columns(table.name, schema=table.schema) if found.has_table(table.name, table.schema) else []
        missing = sorted({column.name for column in table.columns} - {column["name"] for column in there})
        if missing:
            raise SchemaError(
                f"table {table.fullname} lacks {', '.join(missing)}: no revision adds it (`make migration`), or the "
                "warehouse is older than the first revision and must be loaded anew"
            )
