"""The pages' only way to the warehouse: a read-only transaction in which a visitor sees what the role may see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa

from resumption import settings
from resumption.warehouse import roles
from resumption.warehouse.access import load_access


@dataclass(frozen=True)
class Visitor:
    """Who asks; ``may_decide``: Airflow lets them release and discard, which makes them an operator."""

    login: str
    name: str
    may_decide: bool


@lru_cache(maxsize=4)
def _engine(url: str) -> sa.Engine:
    # A pool, unlike the tasks' engine: pages are served by threads of one process that never forks.
    return sa.create_engine(url, pool_size=5, pool_pre_ping=True, hide_parameters=True)


def engine() -> sa.Engine:
    """Engine of the warehouse with connections kept open."""
    return _engine(settings.warehouse_url())


def seats(visitor: Visitor) -> list[roles.Member]:
    """Return the roles that a visitor reads in, as ``access.member`` says.

    Without a row there: operator, for whom Airflow lets decide on quarantined rows, and analyst for all others.
    """
    with engine().connect() as conn:
        found = roles.members(conn, visitor.login)
    return found or [roles.Member(visitor.login, "operator" if visitor.may_decide else "analyst")]


def counting(visitor: Visitor) -> roles.Member:
    """Return the role in which pages of counts are read, by whoever may open them: no row of a delivery, no person."""
    return roles.Member(visitor.login, "analyst")


@contextmanager
def connection(visitor: Visitor, *, purpose: str, seat: roles.Member | None = None) -> Iterator[sa.Connection]:
    """Yield a transaction to read in; ``purpose`` says what for, ``seat`` in which of several roles."""
    taken = seat or seats(visitor)[0]
    with roles.reading(
        engine(), taken.role, login=visitor.login, purpose=purpose, community=taken.community, uscc=taken.uscc
    ) as conn:
        yield conn


def reads(seat: roles.Member, table: str) -> bool:
    """Whether a role reads a table of schema ``ops``."""
    return table in load_access().roles[seat.role].ops
