"""`make rekey` carries the run folder over to another key and keeps that key."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import date

import pytest

from resumption import landing, ops, sealing
from resumption.ops import DeliveryRow
from resumption.warehouse import create_all
from runtime import airflow, postgres, rekey
from runtime.home import Home, RunError, token_key


def land(home: Home, key: str) -> DeliveryRow:
    """Land one delivery under a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESUMPTION_TOKEN_KEY", key)
        store, part = landing.LandingStore(home.path / "landing", "checkins"), None
        part = store.part()
        part.write(b"bytes")
        sha256 = hashlib.sha256(b"bytes").hexdigest()
        place = store.keep(part, sha256)
    return DeliveryRow(
        delivery_id="d1", feed="checkins", business_date=date(2020, 2, 25), name="am.csv", sha256=sha256,
        landing_uri=place.as_uri(),
    )  # fmt: skip


def test_the_new_key_takes_the_old_ones_place(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    old = token_key(home)
    delivery = land(home, old)
    server = postgres.start(home)
    create_all(ops.engine(server.url("warehouse")))
    command = [sys.executable, "-m", "runtime.rekey"]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stderr
    assert "1 deliveries" in done.stdout
    new = token_key(home)
    assert new != old
    assert not (home.path / rekey.NEXT).exists()
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", new)
    assert landing.read(delivery) == b"bytes"
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", old)
    with pytest.raises(sealing.SealError, match="sealed with key"):
        landing.read(delivery)


def test_a_second_attempt_goes_on_with_the_key_of_the_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESUMPTION_NEW_TOKEN_KEY", raising=False)
    assert rekey.new_key(home) == rekey.new_key(home)
    monkeypatch.setenv("RESUMPTION_NEW_TOKEN_KEY", "given")
    assert rekey.new_key(home) == "given"


def test_not_while_airflow_runs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow, "is_running", lambda _: True)
    with pytest.raises(RunError, match="make stop"):
        rekey.rekey(home, [])
