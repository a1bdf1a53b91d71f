"""On ``s3://`` everything is as on disk; nothing but the URLs differs. Against a real S3 API, SeaweedFS."""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import obstore
import pytest
import sqlalchemy as sa

from resumption import lake, landing, ops, rekey, storage, vault
from resumption.sealing import SealError, ZoneKey, open_frames
from tests.lake.test_lake import CONTRACT, rows
from tests.proofs.district import DAYS, FIRST, LAST
from tests.proofs.outcome import differences, everything, nothing_yet
from tests.proofs.stages import start
from tests.s3.server import Server

pytestmark = pytest.mark.timeout(900)
DAY = date(2020, 2, 25)
PHONE = re.compile(rb"(?<![0-9A-Za-z])1540\d{7}(?![0-9A-Za-z])")


@pytest.fixture(scope="module")
def on_disk(mart: sa.Engine) -> dict[str, Any]:
    """All that two days leave where lake, landing zone and vault lie on disk."""
    with nothing_yet(mart):
        start("backfill", *DAYS).end()
        start("consolidate", *DAYS).end()
        return everything()


def objects(server: Server, prefix: str) -> dict[str, bytes]:
    """Return what the store holds below a prefix, by name."""
    store = server.bucket()
    names = [entry["path"] for entry in obstore.list(store, prefix).collect()]
    return {name: bytes(obstore.get(store, name).bytes()) for name in names}


def on_local_disk(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file()]


def test_days_loaded_in_the_store_are_those_loaded_on_disk(
    mart: sa.Engine, on_disk: dict[str, Any], in_store: str, server: Server, request: pytest.FixtureRequest
) -> None:
    with nothing_yet(mart) as home:
        start("backfill", *DAYS).end()
        start("consolidate", *DAYS).end()
        start("maintain", 1).end()
        assert differences(everything(), on_disk) == []
        assert on_local_disk(home) == []
        found = objects(server, request.node.name)
        assert {name.split("/")[1] for name in found} == {"lake", "landing", "vault"}
        assert [name for name, data in found.items() if PHONE.search(data)] == []
        for name, data in found.items():
            if "/landing/" in name and not name.endswith(".json"):
                assert not data.startswith(b"{"), name
                assert data.startswith(b"RSEAL"), name
        # The key is changed under everything that lies in the store.
        old, new = os.environ["RESUMPTION_TOKEN_KEY"].encode(), b"another master key"
        report = rekey.rekey(old, new)
        assert report.files["landing"] > 10
        assert report.files["vault"] > 5
        with pytest.raises(SealError, match="sealed with key"):
            vault.read_block(vault.blocks()[0], ZoneKey(old, "vault"))


def test_two_backfills_at_once_leave_what_one_leaves(mart: sa.Engine, on_disk: dict[str, Any], in_store: str) -> None:
    with nothing_yet(mart):
        running = [start("backfill", *DAYS), start("backfill", LAST, FIRST), start("maintain", 4)]
        for one in running:
            one.end()
        start("consolidate", *DAYS).end()
        assert differences(everything(), on_disk) == []


def test_writers_of_one_partition_do_not_double_its_rows(warehouse: sa.Engine, in_store: str) -> None:
    def replace(count: int) -> int:
        return lake.replace_batch(CONTRACT, DAY, rows(DAY, count), {})

    with ThreadPoolExecutor(6) as pool:
        versions = list(pool.map(replace, [3] * 6))
    assert counts_in_store() == {(DAY, DAY): 3}
    assert len(lake.files(CONTRACT.name)) == 1
    assert max(versions) >= 6  # every one of them wrote, none in another's stead


def counts_in_store() -> dict[tuple[date, date], int]:
    import duckdb

    with duckdb.connect() as connection:
        connection.register_filesystem(storage.filesystem())
        query = (
            "select business_date, delivered_for, count(*) from read_parquet($1, hive_partitioning=true) group by 1, 2"
        )
        return {(own, batch): n for own, batch, n in connection.execute(query, [lake.files(CONTRACT.name)]).fetchall()}


def test_bytes_that_are_kept_are_never_written_over(
    warehouse: sa.Engine, home: Path, in_store: str, server: Server, request: pytest.FixtureRequest
) -> None:
    data, found = b"bytes", []
    store = landing.LandingStore(storage.place(f"{in_store}/landing"), "checkins")
    parts = [store.part(), store.part()]
    for part in parts:
        part.write(data)
        part.finish()
    place = storage.place(f"{in_store}/landing") / "checkins" / hashlib.sha256(data).hexdigest()
    for part in parts:  # both saw that nothing was there
        storage.publish(part.path, place, 0o400, once=True)
        part.close()
        found.append(objects(server, request.node.name))
    assert found[0] == found[1]
    with storage.opened(place) as file:
        assert b"".join(open_frames(file, landing.zone_key())) == data
    assert on_local_disk(home) == []


def test_a_draft_that_fails_leaves_nothing(in_store: str) -> None:
    place = storage.place(f"{in_store}/vault/checkins/d1")
    with pytest.raises(TypeError), storage.drafted(place, 0o600) as file:
        file.writelines([b"half", None])  # type: ignore[list-item]
    assert not place.exists()
    with storage.drafted(place, 0o600) as file:
        file.write(b"whole")
    with storage.drafted(place, 0o600) as file:
        file.write(b"another")
    assert place.read_bytes() == b"another"


def test_the_store_may_go_and_come_back(
    mart: sa.Engine, on_disk: dict[str, Any], in_store: str, server: Server
) -> None:
    with nothing_yet(mart):
        start("backfill", FIRST).end()
        server.kill()
        with pytest.raises(AssertionError, match=r"backfill"):
            start("backfill", LAST).end()
        with ops.engine().connect() as conn:
            accepted = ops.known_deliveries(conn, "checkins")
        assert {d.business_date for d in accepted} == {FIRST}
        server.start()
        start("backfill", *DAYS).end()
        start("consolidate", *DAYS).end()
        assert differences(everything(), on_disk) == []
