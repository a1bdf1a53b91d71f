"""After a re-key, lake and warehouse are what a run under the new key would have made, even if it was killed midway."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from resumption import consolidate, lake, landing, ops, pipeline, settings, vault
from resumption.contracts import load_feed
from resumption.rekey.tokens import TokenMap
from resumption.warehouse import create_all
from runtime.verify import table_fingerprints
from simulator.district import District
from simulator.senders.servers import SenderServers

LAST = date(2020, 2, 25)
OLD, NEW = secrets.token_hex(16), secrets.token_hex(16)
FEEDS = [
    "market_registry", "statistical_scope", "checkins", "self_reports", "carrier_mobile", "carrier_wasu",
    "health_declarations",
]  # fmt: skip
TOKEN_FEEDS = [name for name in FEEDS if load_feed(name).token_columns()]


def load() -> None:
    create_all(ops.engine())
    for feed in FEEDS:
        pipeline.land(feed, LAST, "test")
        pipeline.publish(feed, LAST, "test")
    build()


def build() -> None:
    consolidate.judge_freshness(LAST)
    consolidate.resolve(LAST)
    consolidate.build(LAST, "test")


@pytest.fixture(scope="module")
def senders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    district = District(seed=5, scale=0.003, start=date(2020, 2, 24), end=LAST)
    with SenderServers(district, tmp_path_factory.mktemp("senders")) as servers, pytest.MonkeyPatch.context() as patch:
        for name, connection in servers.connections.items():
            patch.setenv(name, connection)
        yield


@pytest.fixture(scope="module")
def place(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, str]]:
    """Make a run folder and a database, and return the settings that point at them."""

    def make(key: str) -> dict[str, str]:
        name = f"rekey_{secrets.token_hex(4)}"
        server = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with server.connect() as conn:
            conn.execute(sa.text(f"create database {name}"))
        url = sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
        home = str(tmp_path_factory.mktemp("home"))
        return {"WAREHOUSE_URL": url, "RESUMPTION_HOME": home, "RESUMPTION_TOKEN_KEY": key}

    return make


def tables() -> list[Any]:
    with psycopg.connect(settings.warehouse_url().replace("+psycopg", "")) as conn:
        return list(table_fingerprints(conn))


def lake_rows() -> dict[str, list[dict[str, Any]]]:
    return {
        name: [
            row
            for day in lake.delivered_dates(name)
            for row in lake.read_batch(load_feed(name), day)
            .drop_columns(["received_at"])
            .sort_by([("delivery_id", "ascending"), ("row_number", "ascending")])
            .to_pylist()
        ]
        for name in TOKEN_FEEDS
    }


def use(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name in ("LAKE_URL", "LANDING_URL", "VAULT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


def rekey_until(line: str | None) -> tuple[int, str]:
    """Run the command; kill it as soon as it prints ``line``. Returns its exit code and what it printed."""
    command = [sys.executable, "-m", "resumption.rekey"]
    environment = {**os.environ, "RESUMPTION_NEW_TOKEN_KEY": NEW}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        said = []
        for printed in process.stdout:
            said.append(printed)
            if line and line in printed:
                process.send_signal(signal.SIGKILL)
    return process.returncode, "".join(said)


@pytest.mark.slow
def test_a_killed_and_repeated_rekey_gives_what_a_run_under_the_new_key_gives(
    senders: None, place: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, place(NEW))
    load()
    expected_tables, expected_rows = tables(), lake_rows()

    use(monkeypatch, place(OLD))
    load()
    before = tables()
    assert before != expected_tables
    assert vault.blocks()
    old = TokenMap.from_vault(OLD.encode(), NEW.encode()).before.to_pylist()
    for line in ("lake carrier_mobile:", "returnee_screening.person_token:", "landing:"):
        code, _ = rekey_until(line)
        assert code == -signal.SIGKILL
    code, said = rekey_until(None)
    assert code == 0, said
    assert "No old token is left" in said

    assert tables() == expected_tables
    assert lake_rows() == expected_rows
    held = b"".join(path.read_bytes() for path in (Path(os.environ["RESUMPTION_HOME"]) / "lake").rglob("*.json"))
    assert not [token for token in old if token.encode() in held]

    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", NEW)
    with ops.engine().connect() as conn:
        deliveries = [d for d in ops.known_deliveries(conn, "checkins") if d.outcome == "accepted"]
    assert landing.read(deliveries[0])
    token = lake_rows()["checkins"][0]["phone_token"]
    assert vault.identities([token], purpose="test", by="test").num_rows == 1
    build()  # the next run finds everything in its place
    assert tables() == expected_tables
