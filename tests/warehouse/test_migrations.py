"""Revisions, forward and back on filled tables: what they do not touch stays, rows, rights and policies included."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from resumption import ops, settings
from resumption.contracts import load_table
from resumption.warehouse import access, create_all, migrate, roles, schema, views
from resumption.warehouse.schema import SchemaError
from runtime import postgres

DAY = dt.date(2020, 2, 25)
NOW = dt.datetime(2020, 2, 26, tzinfo=dt.UTC)
FIRM = "91330108MA27X00001"
Rows = dict[str, list[tuple[Any, ...]]]

RENAMED = '''"""An enterprise's name is its registered one; deliveries say through which channel they came."""

import sqlalchemy as sa
from alembic import op

from resumption.warehouse.migrations import rename_mart_column

revision = "9999"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rename_mart_column("enterprise", "name", "registered_name")
    op.add_column("feed_delivery", sa.Column("channel", sa.Text()), schema="ops")
    op.execute("update ops.feed_delivery set channel = 'file'")
    op.alter_column("feed_delivery", "channel", nullable=False, schema="ops")


def downgrade() -> None:
    op.drop_column("feed_delivery", "channel", schema="ops")
    rename_mart_column("enterprise", "registered_name", "name")
'''


def forget_what_was_loaded() -> None:
    for load in (load_table, access.load_access, access.load_extra_view, views.load_view):
        load.cache_clear()


@contextmanager
def database(postgres_server: str, name: str, like: str = "template1") -> Iterator[sa.Engine]:
    server = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as conn:
        conn.exec_driver_sql(f"create database {name} template {like}")
    yield sa.create_engine(sa.make_url(postgres_server).set(database=name), poolclass=sa.NullPool)
    with server.connect() as conn:
        conn.exec_driver_sql(f"drop database {name} with (force)")


@pytest.fixture
def empty(postgres_server: str) -> Iterator[sa.Engine]:
    """A database without anything."""
    with database(postgres_server, "empty") as engine:
        yield engine


@pytest.fixture(scope="module")
def original(postgres_server: str) -> Iterator[str]:
    """Name of a warehouse of today's version, a row in each table."""
    with database(postgres_server, "original") as engine:
        create_all(engine)
        fill(engine)
        yield "original"


@pytest.fixture
def engine(postgres_server: str, original: str) -> Iterator[sa.Engine]:
    """A warehouse of today's version, a row in each table, of each test its own."""
    with database(postgres_server, "migrated", original) as engine:
        yield engine


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A later version of the project; ``newer("renamed")`` makes it the installed one, ``newer("")`` today's again."""
    shutil.copytree(migrate.FOLDER, tmp_path / "migrations")
    (tmp_path / "migrations" / "versions" / "r9999_renamed.py").write_text(RENAMED.format(before=head()))
    shutil.copytree(settings.project_root() / "include", tmp_path / "include")

    def become(what: str) -> None:
        forget_what_was_loaded()
        if not what:
            monkeypatch.undo()
            return
        contract, rules = tmp_path / "include/sql/marts/enterprise.yaml", tmp_path / "include/access/roles.yaml"
        text = contract.read_text(encoding="utf-8")
        if what == "renamed":
            contract.write_text(text.replace("- name: name\n", "- name: registered_name\n"), encoding="utf-8")
            shown = "  enterprise:\n    registered_name: {shown_as: name}\n"
            rules.write_text(rules.read_text(encoding="utf-8").replace("masks:\n", f"masks:\n{shown}"), "utf-8")
            monkeypatch.setattr(migrate, "FOLDER", tmp_path / "migrations")
        else:
            parts = text.split("      - name: ")
            contract.write_text("      - name: ".join(p for p in parts if not p.startswith(f"{what}\n")), "utf-8")
        monkeypatch.setenv("RESUMPTION_PROJECT", str(tmp_path))

    yield become
    forget_what_was_loaded()


def revisions() -> ScriptDirectory:
    return ScriptDirectory(str(migrate.FOLDER))


def head() -> str:
    return revisions().get_current_head() or ""


def fill(engine: sa.Engine) -> None:
    """A row in each table of ``mart``, ``ops`` and ``access``."""
    filler = {bool: False, int: 0, float: 0.0, Decimal: 0, dt.date: DAY, list: []}
    known = {"outcome": "landed", "action": "replay", "state": "open", "stage": "conform", "status": "ok",
             "severity": "warning"}  # fmt: skip
    with engine.begin() as conn:
        found = sa.MetaData()
        for name in ("mart", "ops"):
            found.reflect(conn, schema=name)
        for table in found.tables.values():
            if table.name == migrate.VERSION_TABLE:
                continue
            row: dict[str, Any] = {}
            for c in table.columns:
                kind = dict if isinstance(c.type, sa.JSON) else c.type.python_type
                text = allowed(conn, table, c.name) or known.get(c.name, "-")
                row[c.name] = {str: text, dict: {}}.get(kind, filler.get(kind, NOW))
            conn.execute(table.insert().values({**row, **({"uscc": FIRM} if "uscc" in row else {})}))
        conn.exec_driver_sql("insert into access.member values ('zhang', 'analyst', null, null)")


def allowed(conn: sa.Connection, table: sa.Table, column: str) -> str | None:
    """The first value that a column's check constraint names."""
    query = sa.text(
        "select substring(pg_get_constraintdef(oid) from '''([^'']+)''') from pg_constraint"
        " where contype = 'c' and conrelid = cast(:table as regclass) and conname = :name"
    )
    found: str | None = conn.execute(query, {"table": table.fullname, "name": f"{column}_known"}).scalar()
    return found


def rows(engine: sa.Engine) -> Rows:
    """Every row of every table and view of ours, by name."""
    query = (
        "select table_schema, table_name from information_schema.tables"
        " where table_schema in ('mart', 'ops', 'access', 'published', 'mart_v1')"
    )
    with engine.connect() as conn:
        names = [f"{s}.{n}" for s, n in conn.exec_driver_sql(query) if n != migrate.VERSION_TABLE]
        return {n: [tuple(row) for row in conn.exec_driver_sql(f"select * from {n}")] for n in sorted(names)}


def ddl(engine: sa.Engine) -> list[str]:
    """Everything but rows: tables, constraints, indexes, views, functions, triggers, grants, policies, descriptions."""
    target = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = [postgres.binary("pg_dump"), "--schema-only", "-d", target]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in dumped if line and not line.startswith(("\\", "--", "COMMENT ON SCHEMA mart_v1"))]


def columns(engine: sa.Engine, table: str) -> dict[str, str]:
    where, name = table.split(".")
    return {c["name"]: str(c["type"]) for c in sa.inspect(engine).get_columns(name, schema=where)}


def test_declarations_and_revisions_agree(engine: sa.Engine) -> None:
    mart = sa.MetaData()
    for contract in schema.contracts():
        schema.mart_table(contract, mart)
    options = migrate.comparison(mart)
    with engine.connect() as conn:
        differences = compare_metadata(MigrationContext.configure(conn, opts=options), options["target_metadata"])
    assert differences == []


def test_constraints_and_descriptions_are_those_declared(empty: sa.Engine) -> None:
    def found() -> set[tuple[str, ...]]:
        query = (
            "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
            " where connamespace in ('ops'::regnamespace, 'access'::regnamespace) union all"
            " select c.oid::regclass::text, coalesce(a.attname, '-'), d.description from pg_description as d"
            " join pg_class as c on c.oid = d.objoid and c.relkind = 'r'"
            " left join pg_attribute as a on a.attrelid = c.oid and a.attnum = d.objsubid and a.attnum > 0"
            " where c.relnamespace in ('ops'::regnamespace, 'access'::regnamespace)"
        )
        with empty.connect() as conn:
            return {tuple(row) for row in conn.exec_driver_sql(query) if migrate.VERSION_TABLE not in row[0]}

    create_all(empty, [])
    migrated = found()
    with empty.begin() as conn:
        for name in ("ops", "access"):
            conn.exec_driver_sql(f"drop schema {name} cascade")
            conn.exec_driver_sql(f"create schema {name}")
        ops.metadata.create_all(conn)
        roles.metadata.create_all(conn)
    assert migrated == found()


def test_what_is_appended_only_is_kept_so_by_the_database(empty: sa.Engine) -> None:
    create_all(empty, [])
    said = {t.name for t in ops.metadata.sorted_tables if "appended only" in (t.comment or "")}
    with empty.connect() as conn:
        query = "select tgrelid::regclass::text from pg_trigger where tgname = 'append_only'"
        assert {f"ops.{name}" for name in said} == set(conn.exec_driver_sql(query).scalars())
    assert len(said) >= 2


def test_each_revision_goes_back_and_forth_on_filled_tables(engine: sa.Engine) -> None:
    shape, filled = ddl(engine), rows(engine)
    for revision in [r for r in revisions().walk_revisions() if r.down_revision]:
        migrate.downgrade(engine, str(revision.down_revision))
        before = rows(engine)
        assert {name: before[name] for name in before if name in filled} == {n: filled[n] for n in before}
        create_all(engine)
        assert ddl(engine) == shape
        after = rows(engine)
        assert {name: after[name] for name in before} == before
    create_all(engine)
    assert ddl(engine) == shape


def test_a_renamed_column_is_the_same_downstream_and_comes_back(
    engine: sa.Engine, newer: Callable[[str], None]
) -> None:
    with engine.begin() as conn:
        conn.exec_driver_sql("create schema downstream")
        conn.exec_driver_sql("create view downstream.firms as select uscc, name from mart_v1.enterprise")
    shape, filled, promised = ddl(engine), rows(engine), columns(engine, "mart_v1.enterprise")

    newer("renamed")
    create_all(engine)
    assert "name" not in columns(engine, "mart.enterprise")
    assert columns(engine, "mart_v1.enterprise") == promised
    with engine.connect() as conn:
        assert conn.exec_driver_sql("select * from downstream.firms").all() == [(FIRM, "-")]
        may = "select has_column_privilege('resumption_{}', 'mart_v1.enterprise', 'name', 'select')"
        assert conn.exec_driver_sql(may.format("economy_bureau")).scalar_one()
        assert not conn.exec_driver_sql(may.format("analyst")).scalar_one()
        assert conn.exec_driver_sql("select channel from ops.feed_delivery").scalar_one() == "file"
    now = rows(engine)
    del now["ops.feed_delivery"]
    assert now == {name: filled[name] for name in now}  # the log of accesses and all other rows are as they were
    with pytest.raises(sa.exc.DBAPIError, match="is only appended to"), engine.begin() as conn:
        conn.exec_driver_sql("delete from ops.access_log")

    migrate.downgrade(engine, revisions().get_revision("9999").down_revision)  # type: ignore[arg-type]
    newer("")
    create_all(engine)
    assert (ddl(engine), rows(engine)) == (shape, filled)


def test_in_a_new_warehouse_a_renaming_finds_nothing_to_do(empty: sa.Engine, newer: Callable[[str], None]) -> None:
    newer("renamed")
    create_all(empty)
    assert {"name", "registered_name"} & columns(empty, "mart.enterprise").keys() == {"registered_name"}


def test_a_column_taken_out_is_null_downstream_and_nobody_reads_it(
    engine: sa.Engine, newer: Callable[[str], None]
) -> None:
    shape, filled, promised = ddl(engine), rows(engine), columns(engine, "mart_v1.enterprise")
    newer("valid_to")
    create_all(engine)
    assert columns(engine, "mart_v1.enterprise") == promised
    with engine.connect() as conn:
        assert conn.exec_driver_sql("select valid_to from mart_v1.enterprise").all() == [(None,)]
        query = "select has_column_privilege('resumption_economy_bureau', 'mart_v1.enterprise', 'valid_to', 'select')"
        assert not conn.exec_driver_sql(query).scalar_one()
    newer("")
    create_all(engine)
    assert (ddl(engine), rows(engine)) == (shape, filled)


def test_a_warehouse_made_before_there_were_revisions_keeps_its_rows(empty: sa.Engine) -> None:
    with migrate._changing(empty) as conn:
        migrate._revise(conn, "upgrade", "0001")
    fill(empty)
    filled = rows(empty)
    with empty.begin() as conn:
        conn.exec_driver_sql(f"drop table ops.{migrate.VERSION_TABLE}")
    create_all(empty)
    with empty.connect() as conn:
        assert migrate.version(conn) == head()
    now = rows(empty)
    assert {name: now[name] for name in filled} == filled


def test_one_older_than_the_first_revision_is_refused_and_left_alone(empty: sa.Engine) -> None:
    with migrate._changing(empty) as conn:
        migrate._revise(conn, "upgrade", "0001")
        conn.exec_driver_sql(f"drop table ops.{migrate.VERSION_TABLE}")
        conn.exec_driver_sql("alter table ops.feed_delivery drop column resolved_on")
    shape = ddl(empty)
    with pytest.raises(SchemaError, match=r"ops\.feed_delivery lacks resolved_on"):
        create_all(empty)
    assert ddl(empty) == shape


def test_a_newer_warehouse_is_refused_and_nothing_lies_before_the_first(empty: sa.Engine) -> None:
    create_all(empty, [])
    with pytest.raises(SchemaError, match="before the first revision there is nothing"):
        migrate.downgrade(empty, "base")
    with empty.begin() as conn:
        conn.exec_driver_sql(f"update ops.{migrate.VERSION_TABLE} set version_num = '8888'")
    with pytest.raises(SchemaError, match=r"at revision 8888.*make migrate TO="):
        create_all(empty)


def test_a_migration_does_not_wait_for_a_reader_for_ever(
    engine: sa.Engine, newer: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = ddl(engine)
    newer("renamed")
    monkeypatch.setattr(migrate, "PATIENCE", "100ms")
    with engine.connect() as reader:
        reader.exec_driver_sql("select * from mart.enterprise")
        with pytest.raises(SchemaError, match="was not changed: somebody has been reading"):
            create_all(engine)
    assert ddl(engine) == shape


def test_a_revision_is_written_from_what_is_declared(
    empty: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_all(empty, [])
    shutil.copytree(migrate.FOLDER, tmp_path / "migrations")
    monkeypatch.setattr(migrate, "FOLDER", tmp_path / "migrations")
    added = sa.Table("ward", ops.metadata, sa.Column("ward_id", sa.Text, primary_key=True, comment="Ward."))
    try:
        written = migrate.write_revision(empty, "Wards are listed")
        with pytest.raises(SchemaError, match="make migrate"):
            migrate.write_revision(empty, "Another")
        create_all(empty, [])
    finally:
        ops.metadata.remove(added)
    assert written.name == f"r{int(head()):04}_wards_are_listed.py"
    assert columns(empty, "ops.ward") == {"ward_id": "TEXT"}
