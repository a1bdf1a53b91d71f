"""The object store, started once, and settings that put lake, landing zone and vault into it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proofs.conftest import mart  # noqa: F401 - a fixture
from tests.s3.server import BUCKET, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("store"))
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def in_store(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the settings into the store, at a prefix of the test's own; return its URL."""
    root = f"s3://{BUCKET}/{request.node.name}"
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    for zone in ("lake", "landing", "vault"):
        monkeypatch.setenv(f"{zone.upper()}_URL", f"{root}/{zone}")
    return root
