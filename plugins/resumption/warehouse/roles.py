"""Database roles, and reading the warehouse as one of them.

``include/access/roles.yaml`` says who reads what; ``resumption.warehouse.grants`` makes the database hold it. A person
may log in to the database directly (``grant resumption_analyst to zhang``) or come through the pages, whose login is a
member of ``resumption_pages``: that role has no rights but to take on a reader's. Either way the database decides what
is seen, not the caller::

    with reading(engine, "community_worker", login="zhang", purpose="visits of 25 February",
                 community="330108001001") as conn:
        rows = conn.execute(sa.text("select * from mart_v1.household_power_screening")).mappings().all()
        ops.record_access(conn, "mart_v1.household_power_screening", by="zhang", purpose="visits of 25 February",
                          asked=len(rows), found=len(rows))

Views of ``mart_v1`` (and ``published``, and for the operator tables of ``ops``) are read; ``mart`` itself is closed to
all readers. Only columns that the role may see can be named: ``select *`` needs all of a view's, so ask ``columns``.

``access.member`` says for a login its role, and whose rows are its own. The pages look a user up with ``member``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import sqlalchemy as sa

from resumption.warehouse.access import load_access

Reader = Literal[
    "community_worker", "enterprise_officer", "economy_bureau", "analyst", "protection_officer", "operator"
]
READERS: tuple[Reader, ...] = get_args(Reader)
LOADER = "resumption_loader"
PAGES = "resumption_pages"
VIEWS = "resumption_views"
"""Owns the views of ``mart_v1``, and has only the rights they need; nobody logs in as it."""
SCHEMA = "access"

metadata = sa.MetaData(schema=SCHEMA)

member_table = sa.Table(
    "member",
    metadata,
    sa.Column("login", sa.Text, nullable=False, comment="Login, of the database or of the pages."),
    sa.Column("role", sa.Text, nullable=False, comment="Role, without the prefix resumption_."),
    sa.Column("community_code", sa.Text, comment="Community whose rows are the login's own."),
    sa.Column("uscc", sa.Text, comment="Enterprise whose rows are the login's own."),
    sa.CheckConstraint(f"role in ({', '.join(repr(role) for role in READERS)})", name="role_known"),
    sa.CheckConstraint("(role = 'community_worker') = (community_code is not null)", name="community_of_a_worker"),
    sa.CheckConstraint("(role = 'enterprise_officer') = (uscc is not null)", name="enterprise_of_an_officer"),
    sa.UniqueConstraint(
        "login", "role", "community_code", "uscc", name="member_once", postgresql_nulls_not_distinct=True
    ),
    comment="Which role a login has, and whose rows are its own. Administrators write it; no reader sees it.",
)


class RoleError(RuntimeError):
    """A role that is not there or cannot be taken on; the message says what to do."""


@dataclass(frozen=True)
class Member:
    """A login's role, and whose rows are its own; ``community`` or ``uscc`` is set for the two roles bound to one."""

    login: str
    role: Reader
    community: str | None = None
    uscc: str | None = None


def database_role(role: str) -> str:
    """Return the name of a role in the database."""
    return f"resumption_{role}"


def members(conn: sa.Connection, login: str) -> list[Member]:
    """Return the rows of ``access.member`` of a login, for its owner or the pages' login to ask."""
    query = sa.select(member_table).where(member_table.c.login == login).order_by(*member_table.c)
    return [Member(*row) for row in conn.execute(query)]


def columns(role: Reader, view: str) -> list[str]:
    """Return the columns of a view of ``mart_v1`` that ``role`` may read, in the view's order; none where it may not.

    Raises:
        RoleError: no such role.
    """
    _known(role)
    return load_access().columns(role, view)


@contextmanager
def reading(
    engine: sa.Engine, role: Reader, *, login: str, purpose: str, community: str | None = None, uscc: str | None = None
) -> Iterator[sa.Connection]:
    """Give a transaction that sees what ``role`` sees, one state of the warehouse throughout.

    Nothing can be written in it but ``ops.access_log``, in the name of ``login`` only (``ops.record_access``); it is
    committed at the end, given up on an error.

    Args:
        engine: of a login that is a member of ``resumption_pages``, or owns the database.
        role: whose eyes.
        login: who is looking, as the auth manager knows them.
        purpose: what for; ``ops.record_access`` wants it again with what was found.
        community: of a community worker, whose rows are shown.
        uscc: of an enterprise officer, whose rows are shown.

    Raises:
        RoleError: no such role, or the engine's login may not take it on.
        ValueError: login or purpose is blank.
    """
    _known(role)
    if not login.strip() or not purpose.strip():
        raise ValueError(f"reading as {role}: expected who reads and for which purpose, got a blank")
    settings = {"login": login, "purpose": purpose, "community_code": community or "", "uscc": uscc or ""}
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
        for name, value in settings.items():
            conn.execute(sa.select(sa.func.set_config(f"resumption.{name}", value, True)))
        _take_on(conn, role)
        yield conn


def _known(role: str) -> None:
    if role not in READERS:
        raise RoleError(f"role {role!r}: expected one of {', '.join(READERS)}")


def _take_on(conn: sa.Connection, role: Reader) -> None:
    try:
        conn.exec_driver_sql(f"set local role {database_role(role)}")
    except sa.exc.DBAPIError as error:
        raise RoleError(
            f"the warehouse's login cannot become {database_role(role)} ({type(error.orig).__name__}): run `python -m "
            f"resumption.warehouse create` as its owner, and `grant {PAGES} to <login>` where the pages have their own"
        ) from None
