from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import postgres, processes
from runtime.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A run folder below a folder that is closed to other users, as a checkout below /root is."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = Home(closed / "run folder")  # a blank in the path must not matter
    home.path.mkdir()
    for name in ("WAREHOUSE_URL", "LAKE_URL", "LANDING_URL", "RESUMPTION_TOKEN_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RESUMPTION_HOME", str(home.path))
    yield home
    postgres.stop(home)
    processes.stop_all(home)
