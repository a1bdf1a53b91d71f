"""The access rules as PostgreSQL holds them: roles, grants, row policies, and the masked views of schema ``mart_v1``.

Readers have no right on ``mart`` itself. They read its views in ``mart_v1``, which belong to ``resumption_views``; for
that role each table has one row policy, which asks who is calling. What nobody granted is denied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from resumption.contracts import load_table, table_names
from resumption.warehouse import roles
from resumption.warehouse.access import access_path, extra_views, load_access, load_extra_view
from resumption.warehouse.roles import LOADER, PAGES, VIEWS, RoleError, database_role
from resumption.warehouse.schema import SchemaError, column_comment
from resumption.warehouse.views import load_view, view_names

SCHEMA = "mart_v1"
_GROUPS = tuple(map(database_role, roles.READERS))
_READERS = ", ".join(_GROUPS)
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_quote = _DIALECT.identifier_preparer.quote


def apply(conn: sa.Connection, *, anew: bool = False) -> None:
    """Make the database's roles, grants, policies and views what the access rules say; tables must be there.

    Nothing is touched, and so nobody waits, where they are applied already, unless they are to be applied anew.

    Raises:
        RoleError: roles are missing and this login may not create them; the message says who can, and how.
    """
    create_roles(conn)
    conn.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
    before, as_views, after = [*_foundation(conn), *_policies()], list(_view_grants()), list(_reader_grants())
    bodies = {name: _body(name) for name in [*table_names(), *extra_views()]}
    # A published view that was replaced has lost its grants.
    told = repr((before, as_views, after, bodies, [load_view(name).comment for name in view_names()]))
    mark = f"Masked views for readers, stable for those downstream. {hashlib.sha256(told.encode()).hexdigest()[:16]}"
    if _mark(conn) == mark and not anew:
        return
    _run(conn, before)
    with _acting_as_views(conn):
        for name, columns in bodies.items():
            _replace_view(conn, name, columns)
        _run(conn, as_views)
    _run(conn, [*after, f"comment on schema {SCHEMA} is {_literal(mark)}"])


def forget(conn: sa.Connection) -> None:
    """Take away the mark by which it is known that the access rules are applied."""
    if sa.inspect(conn).has_schema(SCHEMA):
        _run(conn, [f"comment on schema {SCHEMA} is null"])


def create_roles(conn: sa.Connection) -> None:
    """Create the roles that are missing in the server; raises RoleError where this login may not."""
    missing = [role for role in (*_GROUPS, LOADER, PAGES, VIEWS) if role not in _roles_there(conn)]
    try:
        with conn.begin_nested():
            # Another database of the same server may be doing the same.
            conn.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("resumption roles"))))
            for role in missing:
                conn.exec_driver_sql(_CREATE_ROLE.format(role=role))
            _run(conn, _memberships(conn))
    except sa.exc.ProgrammingError as error:
        raise RoleError(
            f"the warehouse lacks {', '.join(missing) or 'memberships of its roles'}, and its login may not make them "
            f"({type(error.orig).__name__}): expected the right CREATEROLE, or that an administrator of the server "
            "runs once, in this database, what `python -m resumption.warehouse roles` prints"
        ) from None


def roles_sql(login: str) -> str:
    """Return the statements by which an administrator makes the roles for ``login``, the warehouse's owner."""
    made = [f"create role {role} nologin;" for role in (*_GROUPS, LOADER, PAGES, VIEWS)]
    granted = [f"grant {group} to {PAGES} with inherit false, set true;" for group in _GROUPS]
    return "\n".join([*made, *granted, f"grant {VIEWS} to {_quote(login)} with inherit true, set true;"])


_CREATE_ROLE = """
    do $$ begin create role {role} nologin; exception when duplicate_object or unique_violation then null; end $$
"""


def _roles_there(conn: sa.Connection) -> set[str]:
    return set(conn.execute(sa.text("select rolname from pg_roles where rolname like 'resumption\\_%'")).scalars())


def _memberships(conn: sa.Connection) -> list[str]:
    """Return the grants of roles to roles that are not there: the pages take readers on; the owner, the views."""
    query = sa.text(
        "select granted.rolname, taker.rolname from pg_auth_members as held "
        "join pg_roles as granted on granted.oid = held.roleid join pg_roles as taker on taker.oid = held.member "
        "where held.set_option"
    )
    there = {(granted, taker) for granted, taker in conn.execute(query)}
    wanted = [f"grant {group} to {PAGES} with inherit false" for group in _GROUPS if (group, PAGES) not in there]
    able = conn.execute(sa.select(sa.func.pg_has_role(sa.func.current_user(), VIEWS, "SET"))).scalar_one()
    return wanted if able else [*wanted, f"grant {VIEWS} to current_user with inherit true, set true"]


def _run(conn: sa.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        conn.exec_driver_sql(statement.replace("%", "%%"))


def _literal(value: str) -> str:
    return str(sa.literal(value).compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_quote, names))


def _mark(conn: sa.Connection) -> str | None:
    query = sa.text("select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = :schema")
    return conn.execute(query, {"schema": SCHEMA}).scalar()


def _database(conn: sa.Connection) -> str:
    return _quote(conn.execute(sa.select(sa.func.current_database())).scalar_one())


@contextmanager
def _acting_as_views(conn: sa.Connection) -> Iterator[None]:
    """What is created meanwhile belongs to the views' role."""
    conn.exec_driver_sql(f"set local role {VIEWS}")
    yield
    conn.exec_driver_sql("reset role")


def _foundation(conn: sa.Connection) -> Iterator[str]:
    """Nobody may come in or make anything but those named; the loader writes, the views read."""
    database = _database(conn)
    yield f"revoke all on database {database} from public"
    yield f"grant connect on database {database} to {_READERS}, {LOADER}, {PAGES}"
    yield f"grant temporary on database {database} to {LOADER}"
    yield "revoke all on schema public from public"
    yield from (access_path() / "functions.sql").read_text(encoding="utf-8").split("\n\n")[1:]
    yield "revoke all on all functions in schema access from public"
    yield f"grant execute on all functions in schema access to {_READERS}, {VIEWS}, {LOADER}"
    yield f"grant usage on schema access to {_READERS}, {VIEWS}, {LOADER}, {PAGES}"
    yield f"grant select on access.member to {PAGES}"
    yield f"grant usage on schema mart, ops to {LOADER}, {VIEWS}"
    yield f"grant select, insert, update, delete on all tables in schema mart, ops to {LOADER}"
    yield f"grant usage on all sequences in schema ops to {LOADER}"
    yield f"grant select on all tables in schema mart to {VIEWS}"
    yield f"grant select on ops.quarantine_row, ops.feed_delivery to {VIEWS}"
    yield f"grant usage, create on schema {SCHEMA} to {VIEWS}"


def _policy(table: str, name: str, command: str, role: str, using: str, check: str | None = None) -> Iterator[str]:
    yield f"drop policy if exists {name} on {table}"
    clauses = f"using ({using})" if check is None else f"with check ({check})"
    yield f"create policy {name} on {table} for {command} to {role} {clauses}"


def _policies() -> Iterator[str]:
    """Row level security of every table of ``mart``, and of the access log."""
    for name in table_names():
        table = f"mart.{_quote(name)}"
        yield f"alter table {table} enable row level security"
        yield from _policy(table, "loader", "all", LOADER, "true")
        yield from _policy(table, "readers", "select", VIEWS, _own_rows(name))
    log = "ops.access_log"
    yield f"alter table {log} enable row level security"
    yield from _policy(log, "loader", "all", LOADER, "true")
    yield from _policy(log, "own_name", "insert", _READERS, "", "accessed_by = access.login()")
    yield from _policy(log, "auditor", "select", database_role("protection_officer"), "true")


def _own_rows(view: str) -> str:
    """Condition under which the caller may see a row; sub-selects, so that it is asked once a query and not a row."""
    conditions = []
    for name, role in load_access().roles.items():
        reads = role.mart_v1.get(view)
        if reads is None:
            continue
        acts = f"(select access.acts_as({_literal(name)}))"
        own = "" if reads.rows == "all" else f" and {reads.rows} = any ((select access.own('{reads.rows}'))::text[])"
        conditions.append(f"({acts}{own})")
    return " or ".join(conditions) or "false"


def _body(view: str) -> dict[str, str]:
    """Return the columns of a view of ``mart_v1`` in order: name → expression on what it stands on."""
    if view in extra_views():
        return {name: _quote(name) for name in load_extra_view(view).columns}
    rules, contract = load_access(), load_table(view)
    masks = rules.masks.get(view, {})
    shown = rules.shown(contract).items()
    masked = {column: how.mask for column, how in masks.items() if how.mask}
    return {
        name: f"access.{masked[c.name]}({_quote(c.name)})" if c.name in masked else _quote(c.name) for name, c in shown
    }


def _replace_view(conn: sa.Connection, name: str, columns: dict[str, str]) -> None:
    """Create a view or give it its new columns, behind those it has: who stands on it downstream is not disturbed.

    A column it once had stays for them too: where the rules show it no more, it is null, and nobody may read it.
    """
    view = f"{SCHEMA}.{_quote(name)}"
    there = sa.inspect(conn).get_columns(name, schema=SCHEMA) if sa.inspect(conn).has_table(name, SCHEMA) else []
    kept = {c["name"]: f"null::{c['type'].compile(dialect=_DIALECT)}" for c in there}
    listed = ", ".join(f"{body} as {_quote(column)}" for column, body in (kept | columns).items())
    source = f"mart.{_quote(name)}"
    if name in extra_views():
        source = f"({load_extra_view(name).sql}) as rows where {_own_rows(name)}"
    try:
        _run(conn, [f"create or replace view {view} with (security_barrier) as select {listed} from {source}"])  # noqa: S608
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != "42P16":
            raise
        raise SchemaError(
            f"{view}: a column would have another type, which those downstream were promised it has not: show the new "
            "column under a name of its own (shown_as in include/access/roles.yaml), beside the old one"
        ) from None
    for column, comment in _comments(name).items():
        _run(conn, [f"comment on column {view}.{_quote(column)} is {_literal(comment)}"])


def _comments(view: str) -> dict[str, str]:
    if view in extra_views():
        return dict(load_extra_view(view).columns)
    return {name: column_comment(column) for name, column in load_access().shown(load_table(view)).items()}


def _view_grants() -> Iterator[str]:
    yield f"revoke all on all tables in schema {SCHEMA} from {_READERS}, public"
    rules = load_access()
    for role, reads in rules.roles.items():
        for view in reads.mart_v1:
            granted = _names(rules.columns(role, view))
            yield f"grant select ({granted}) on {SCHEMA}.{_quote(view)} to {database_role(role)}"


def _reader_grants() -> Iterator[str]:
    """What readers have elsewhere: published views, tables of ``ops``, and their own name in the access log."""
    yield f"revoke all on all tables in schema mart, ops, published, access from {_READERS}, public"
    yield f"grant usage on schema {SCHEMA}, published, ops to {_READERS}"
    for name, role in load_access().roles.items():
        tables = [f"ops.{_quote(table)}" for table in role.ops]
        if role.published:
            tables += [f"published.{_quote(view)}" for view in view_names()]
        if tables:
            yield f"grant select on {', '.join(tables)} to {database_role(name)}"
    columns = "what, accessed_by, purpose, asked, found, accessed_at"
    yield f"grant insert ({columns}) on ops.access_log to {_READERS}"
    yield f"grant usage on sequence ops.access_log_access_id_seq to {_READERS}"
