"""What every test may ask for: a real PostgreSQL, started once, and settings that point at it.

Each test module that asks for the warehouse gets a fresh database.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from runtime import postgres
from runtime.home import Home

_NUMBERS = itertools.count(1)

settings.register_profile("any machine", deadline=None)  # no test is a matter of time
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real PostgreSQL, started as `make run` starts it, in a run folder of its own; its maintenance URL."""
    home = Home(tmp_path_factory.mktemp("postgres"))
    server = postgres.start(home)
    try:
        yield server.url("postgres")
    finally:
        postgres.stop(home)


@pytest.fixture(scope="module")
def warehouse_url(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SQLAlchemy URL of a fresh database; the settings of the module's tests point at it."""
    name = f"module_{next(_NUMBERS)}"
    server = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as conn:
        conn.execute(sa.text(f"create database {name}"))
    url = sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_URL", url)
        patch.setenv("RESUMPTION_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("LAKE_URL", raising=False)
        patch.delenv("LANDING_URL", raising=False)
        patch.setenv("RESUMPTION_TOKEN_KEY", secrets.token_hex(16))
        yield url
    with server.connect() as conn:
        conn.execute(sa.text(f"drop database {name} with (force)"))


@pytest.fixture(scope="module")
def warehouse(warehouse_url: str) -> sa.Engine:
    """Engine of the module's database, with schema ``ops``."""
    from resumption import ops
    from resumption.warehouse import create_all

    engine = ops.engine(warehouse_url)
    create_all(engine, [])
    return engine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder of the test's own, with a token key; lake and landing zone lie below it."""
    monkeypatch.setenv("RESUMPTION_HOME", str(tmp_path))
    monkeypatch.delenv("LAKE_URL", raising=False)
    monkeypatch.delenv("LANDING_URL", raising=False)
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", secrets.token_hex(16))
    return tmp_path
