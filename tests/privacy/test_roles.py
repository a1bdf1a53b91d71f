"""Each role logs in and tries everything there is: relations, columns, rows, and ways around. 0 forbidden reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
import yaml
from psycopg import sql

from resumption import ops
from resumption.contracts import load_table, table_names
from resumption.warehouse import create_all, mart_table, publish
from resumption.warehouse.grants import roles_sql
from resumption.warehouse.roles import READERS, RoleError, columns, reading

MATRIX: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("matrix.yaml").read_text())
DAY = dt.date(2020, 2, 25)
OURS, THEIRS = "330108001001", "330108002002"
FIRM, OTHER_FIRM = "91330108MA27X00001", "91330108MA27X00002"
PASSWORD = "of-this-test-only"
NOW = dt.datetime(2020, 2, 26, tzinfo=dt.UTC)


def filler(column: sa.Column[Any]) -> Any:
    return {bool: False, int: 0, float: 0.0, Decimal: 0, str: "-", dt.date: DAY, list: ["-"], dict: {}}.get(
        column.type.python_type, NOW
    )


def fill(conn: sa.Connection, table: sa.Table, **values: Any) -> None:
    row = {c.name: filler(c) for c in table.columns if c.name != "access_id"}
    conn.execute(table.insert().inline().values({**row, **{k: v for k, v in values.items() if k in table.c}}))


@pytest.fixture(scope="module")
def filled(warehouse_url: str) -> Iterator[sa.Engine]:
    """Two rows in each table: of our community and firm, and of others; a login for each role."""
    engine = ops.engine(warehouse_url)
    create_all(engine)
    logins = [*READERS, "pages", "loader", "stranger"]
    with engine.begin() as conn:
        for community, firm in ((OURS, FIRM), (THEIRS, OTHER_FIRM)):
            for name in table_names():
                table = mart_table(load_table(name))
                keys = {c.name: firm for c in table.primary_key if c.type.python_type is str}
                temperature = 37.9 if firm == FIRM else 36.5
                fill(
                    conn, table, **{**keys, "community_code": community, "uscc": firm, "max_temperature_c": temperature}
                )
            fill(conn, ops.feed_delivery, delivery_id=firm, name=f"{community}.xlsx", feed="quarantine_register",
                 outcome="landed")  # fmt: skip
            fill(conn, ops.quarantine_row, delivery_id=firm, feed="quarantine_register", stage="conform", state="open",
                 payload={"手机号": "15400001234", "备注": "id 990108199001011234"})  # fmt: skip
        fill(conn, ops.access_log, what="vault", accessed_by="somebody", purpose="test")
        for name in logins:
            member_of = "" if name == "stranger" else f" in role resumption_{name}"
            conn.exec_driver_sql(f"create role t_{name} login password '{PASSWORD}'{member_of}")
        conn.exec_driver_sql(f"grant connect on database {engine.url.database} to t_stranger")
        conn.exec_driver_sql(
            "insert into access.member values"
            f" ('t_community_worker', 'community_worker', '{OURS}', null),"
            f" ('t_enterprise_officer', 'enterprise_officer', null, '{FIRM}')"
        )
    yield engine
    with engine.begin() as conn:
        for name in logins:
            conn.exec_driver_sql(f"drop owned by t_{name}")
            conn.exec_driver_sql(f"drop role t_{name}")


def log_in(engine: sa.Engine, name: str) -> psycopg.Connection[Any]:
    url = engine.url.set(drivername="postgresql", username=f"t_{name}", password=PASSWORD)
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def relations(engine: sa.Engine) -> dict[str, list[str]]:
    """Every table and view of every schema of ours → its columns."""
    query = (
        "select n.nspname || '.' || c.relname, array_agg(a.attname::text order by a.attnum) from pg_class as c"
        " join pg_namespace as n on n.oid = c.relnamespace join pg_attribute as a on a.attrelid = c.oid"
        " where c.relkind in ('r', 'v', 'm', 'p') and a.attnum > 0 and not a.attisdropped"
        " and n.nspname !~ '^(pg_|information_schema)' group by 1"
    )
    with engine.connect() as conn:
        return {row[0]: row[1] for row in conn.execute(sa.text(query))}


def allowed(role: str, relation: str, every: list[str]) -> list[str]:
    entry = MATRIX.get(role, {}).get(relation)
    if entry is None:
        return []
    listed = every if entry.get("columns", "all") == "all" else entry["columns"]
    return [column for column in listed if column not in entry.get("hidden", ())]


def attempt(conn: psycopg.Connection[Any], relation: str, what: sql.Composable) -> list[Any] | None:
    """Return the rows, None where the database refuses."""
    query = sql.SQL("select {} from {}").format(what, sql.Identifier(*relation.split(".")))
    try:
        return conn.execute(query).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return None


def test_the_matrix_names_what_exists_and_every_table_has_a_view(filled: sa.Engine) -> None:
    there = relations(filled)
    assert set(MATRIX) == set(READERS)
    assert {relation for role in MATRIX.values() for relation in role} <= set(there)
    assert {f"mart_v1.{name}" for name in table_names()} <= set(there)


@pytest.mark.parametrize("role", [*READERS, "pages", "stranger"])
def test_each_login_reads_what_it_may_and_nothing_else(filled: sa.Engine, role: str) -> None:
    forbidden, missing, walked = [], [], 0
    with log_in(filled, role) as conn:
        for relation, every in relations(filled).items():
            may = allowed(role, relation, every)
            for column in every:
                rows = attempt(conn, relation, sql.Identifier(column))
                walked += 1
                if rows is not None and column not in may and (role, relation) != ("pages", "access.member"):
                    forbidden.append(f"{relation}.{column}")
                if rows is None and column in may:
                    missing.append(f"{relation}.{column}")
            whole = attempt(conn, relation, sql.SQL("count(*)"))
            assert (whole is not None) == (bool(may) or (role, relation) == ("pages", "access.member")), relation
    assert (forbidden, missing) == ([], [])
    assert walked > 300


@pytest.mark.parametrize("role", READERS)
def test_each_login_sees_its_own_rows_only(filled: sa.Engine, role: str) -> None:
    for relation, entry in MATRIX[role].items():
        with filled.connect() as owner:
            total = owner.execute(sa.text(f"select count(*) from {_behind(relation)}")).scalar_one()
        with log_in(filled, role) as conn:
            column = sql.SQL("count(*)")
            rows = attempt(conn, relation, column)
        assert rows is not None
        expected = 1 if entry["rows"] == "own" else total
        assert rows[0][0] == expected, relation


def _behind(relation: str) -> str:
    """Return what a relation shows rows of."""
    of_rows = {"mart_v1.quarantine_row": "ops.quarantine_row", "mart_v1.quarantine_count": "(select 1) as one_count"}
    return of_rows.get(relation, relation.replace("mart_v1", "mart"))


def test_own_rows_are_really_ones_own_and_masked(filled: sa.Engine) -> None:
    with log_in(filled, "community_worker") as conn:
        assert conn.execute("select community_code from mart_v1.household_power_screening").fetchall() == [(OURS,)]
        ((community, payload),) = conn.execute("select community_code, payload from mart_v1.quarantine_row").fetchall()
    assert (community, payload["手机号"], payload["备注"]) == (OURS, "154****1234", "id 990108**********34")
    with log_in(filled, "enterprise_officer") as conn:
        found = conn.execute("select uscc, max_temperature_band from mart_v1.employee_screening").fetchall()
    assert found == [(FIRM, "37.3 to 38.0")]


ATTEMPTS = [
    "set role resumption",
    "set session authorization resumption",
    "set role resumption_views",
    "set role resumption_pages",
    "set role resumption_loader",
    "alter role t_analyst superuser",
    "alter role t_analyst bypassrls",
    "create schema mine",
    "create table public.mine (n int)",
    "create temporary table mine (n int)",
    "create function pg_temp.leak(text) returns boolean language plpgsql as 'begin raise notice ''leaked''; end'",
    "create view mart_v1.mine as select * from mart.employee_screening",
    "create or replace function access.own(kind text) returns text[] language sql as 'select null::text[]'",
    "alter table mart.employee_screening disable row level security",
    "drop policy readers on mart.employee_screening",
    "insert into access.member values (current_user, 'operator', null, null)",
    "update access.member set community_code = '330108002002'",
    "delete from mart_v1.household_power_screening",
    "insert into ops.access_log (what, accessed_by, purpose, asked, found, accessed_at)"
    " values ('x', 'somebody else', 'x', 1, 1, now())",
    "update ops.access_log set purpose = 'another'",
    "delete from ops.access_log",
    "grant resumption_loader to current_user",
    "copy mart.employee_screening to stdout",
    "copy (select 1) to program 'id'",
    "select pg_read_file('/etc/passwd')",
    "select * from pg_authid",
    "select query_to_xml('select * from mart.employee_screening', true, false, '')",
    "do $$ begin perform * from mart.household_power_screening; end $$",
    "create extension dblink schema mart_v1",
    "begin; lock table mart.employee_screening in access exclusive mode",
]


@pytest.mark.parametrize("role", READERS)
def test_nobody_gets_around_it(filled: sa.Engine, role: str) -> None:
    succeeded = []
    with log_in(filled, role) as conn:
        for attempted in ATTEMPTS:
            try:
                conn.execute(attempted)
                succeeded.append(attempted)
            except psycopg.errors.InsufficientPrivilege:
                conn.rollback()
    assert succeeded == []


def test_what_a_session_says_of_itself_counts_only_from_the_pages(filled: sa.Engine) -> None:
    with log_in(filled, "community_worker") as conn:
        conn.execute("select set_config('resumption.community_code', %s, false)", [THEIRS])
        conn.execute("select set_config('resumption.login', 'somebody', false)")
        assert conn.execute("select community_code from mart_v1.household_power_screening").fetchall() == [(OURS,)]
        assert conn.execute("select access.login()").fetchone() == ("t_community_worker",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("set row_security = off; select meter_token from mart_v1.household_power_screening")


def test_conditions_do_not_see_other_rows_before_the_policy(filled: sa.Engine) -> None:
    with log_in(filled, "community_worker") as conn:
        # Dividing by zero on the other community's row would tell that it exists.
        query = "select count(*) from mart_v1.household_power_screening where 1 / (community_code = %s)::int = 1"
        assert conn.execute(query, [OURS]).fetchone() == (1,)


def pages_engine(filled: sa.Engine) -> sa.Engine:
    return sa.create_engine(filled.url.set(username="t_pages", password=PASSWORD), poolclass=sa.NullPool)


@pytest.mark.parametrize("login", ["owner", "pages"])
def test_pages_read_as_their_user(filled: sa.Engine, login: str) -> None:
    engine = filled if login == "owner" else pages_engine(filled)
    what = "mart_v1.household_power_screening"
    for community in (OURS, THEIRS):
        with reading(engine, "community_worker", login="zhang", purpose="visits", community=community) as conn:
            seen = conn.execute(sa.text(f"select community_code from {what}")).scalars().all()
            assert seen == [community]
            ops.record_access(conn, what, by="zhang", purpose="visits", asked=1, found=len(seen))
    with reading(engine, "community_worker", login="zhang", purpose="visits") as conn:
        assert conn.execute(sa.text(f"select count(*) from {what}")).scalar_one() == 0
    with reading(engine, "protection_officer", login="wang", purpose="audit") as conn:
        rows = conn.execute(sa.select(ops.access_log.c.accessed_by, ops.access_log.c.what)).all()
    assert ("zhang", what) in rows


def test_pages_cannot_sign_with_another_name_nor_write(filled: sa.Engine) -> None:
    for statement in (
        "insert into ops.access_log (what, accessed_by, purpose, asked, found, accessed_at)"
        " values ('x', 'li', 'x', 1, 1, now())",
        "delete from mart.enterprise",
        "select meter_token from mart.household_power_screening",
    ):
        with (
            pytest.raises(sa.exc.ProgrammingError, match="InsufficientPrivilege"),
            reading(filled, "operator", login="zhang", purpose="test") as conn,
        ):
            conn.execute(sa.text(statement))


def test_a_role_that_is_none_or_cannot_be_taken_on_is_said(filled: sa.Engine) -> None:
    stranger = sa.create_engine(filled.url.set(username="t_stranger", password=PASSWORD), poolclass=sa.NullPool)
    with (
        pytest.raises(RoleError, match=r"cannot become resumption_analyst.*warehouse create"),
        reading(stranger, "analyst", login="x", purpose="x"),
    ):
        pass
    with (
        pytest.raises(RoleError, match="expected one of community_worker"),
        reading(
            filled,
            "boss",
            login="x",
            purpose="x",  # type: ignore[arg-type]
        ),
    ):
        pass
    with pytest.raises(ValueError, match="got a blank"), reading(filled, "analyst", login=" ", purpose="x"):
        pass


def test_columns_are_those_that_can_be_read(filled: sa.Engine) -> None:
    for role in READERS:
        for relation in [name for name in MATRIX[role] if name.startswith("mart_v1.")]:
            named = ", ".join(f'"{c}"' for c in columns(role, relation.split(".")[1]))
            with log_in(filled, role) as conn:
                conn.execute(f"select {named} from {relation}")


def test_the_loader_publishes_under_row_security(filled: sa.Engine) -> None:
    import pyarrow as pa

    contract = load_table("key_region")
    row = dict.fromkeys(("region_code", "province", "name", "level", "basis", "rule_version"), "x")
    data = pa.Table.from_pylist([{**row, "business_date": DAY, "valid_from": DAY, "valid_to": None}])
    data = data.select([c.name for c in contract.columns if c.name not in ("run_id", "built_at")])
    url = filled.url.set(username="t_loader", password=PASSWORD).render_as_string(hide_password=False)
    assert publish(contract, data, DAY + dt.timedelta(days=1), "run", NOW, url) in (0, 1)
    with log_in(filled, "loader") as conn:
        assert conn.execute("select count(*) from mart.key_region").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from access.member")


def test_an_owner_who_may_not_make_roles_is_told_what_an_administrator_runs(filled: sa.Engine) -> None:
    server = filled.execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as conn:
        conn.exec_driver_sql(f"create role t_owner login password '{PASSWORD}'")
        conn.exec_driver_sql("create database owned owner t_owner")
    owner = sa.create_engine(
        filled.url.set(username="t_owner", password=PASSWORD, database="owned"), poolclass=sa.NullPool
    )
    try:
        with pytest.raises(RoleError, match=r"python -m resumption\.warehouse roles"):
            create_all(owner)
        with server.connect() as conn:
            # The roles are there: other databases of this server have them.
            for statement in roles_sql("t_owner").splitlines():
                if not statement.startswith("create role"):
                    conn.exec_driver_sql(statement)
        create_all(owner)
        with owner.connect() as conn:
            query = sa.text("select has_table_privilege('resumption_analyst', 'published.returnees', 'select')")
            assert conn.execute(query).scalar_one()
    finally:
        with server.connect() as conn:
            conn.exec_driver_sql("drop database owned with (force)")
            conn.exec_driver_sql("drop owned by t_owner")
            conn.exec_driver_sql("drop role t_owner")
