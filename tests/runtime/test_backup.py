"""`make backup` and `make restore`: what comes back is what was there, and what is not whole is refused."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from resumption import lake, landing, ops
from resumption.contracts import load_feed, load_table
from resumption.ops import DeliveryRow
from resumption.warehouse import create_all, publish
from runtime import backup, postgres, processes, verify
from runtime.home import Home, RunError

DAY = dt.date(2020, 2, 25)
NOW = dt.datetime(2020, 2, 26, tzinfo=dt.UTC)
KEY = "a1" * 32
SECRET = b"15400001234"
SHA256 = hashlib.sha256(SECRET).hexdigest()


def command(home: Home, *arguments: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it as `make` does."""
    outside = ("WAREHOUSE_URL", "LAKE_URL", "LANDING_URL", "VAULT_URL", "RESUMPTION_TOKEN_KEY")
    given = {name: value for name, value in os.environ.items() if name not in outside}
    given |= {"RESUMPTION_HOME": str(home.path)} | ({"RESUMPTION_TOKEN_KEY": key} if key else {})
    line = [sys.executable, "-m", "runtime.backup", *arguments]
    return subprocess.run(line, env=given, capture_output=True, text=True, check=False)


def contents(home: Home) -> dict[str, object]:
    """Everything of a run folder that a backup must bring back."""
    with verify.warehouse(home) as conn:
        tables = list(verify.table_fingerprints(conn))
        ops_rows = {
            name: conn.execute(f"select * from ops.{name} order by 1").fetchall()  # type: ignore[call-overload]
            for name in ("access_log", "warehouse_version")
        }
        query = "select feed, sha256, replace(landing_uri, %s, '-') from ops.feed_delivery"
        ops_rows["feed_delivery"] = conn.execute(query, [home.path.as_uri()]).fetchall()
        query = "select has_database_privilege('public', 'warehouse', 'connect')"
        public = conn.execute(query).fetchone()
        member = conn.execute("select pg_has_role('zhang', 'resumption_analyst', 'member')").fetchone()
        airflow = postgres.query(home, "select * from kept", "airflow")
    batch = lake.read_batch(load_feed("city_cases"), DAY).sort_by("delivery_id")
    files = {
        str(path.relative_to(home.path)): path.read_bytes()
        for name in ("lake", "landing", "vault", "airflow")
        for path in (home.path / name).rglob("*")
        if path.is_file()
    }
    return {"tables": tables, "ops": ops_rows, "lake": batch.to_pylist(), "files": files, "airflow": airflow,
            "public may enter": public, "zhang": member}  # fmt: skip


def load(home: Home) -> None:
    """A little of everything, by the pipeline's own means."""
    server = postgres.start(home)
    url = server.url("warehouse")
    os.environ["WAREHOUSE_URL"] = url
    create_all(ops.engine(url))
    store = landing.LandingStore(home.path / "landing", "checkins")
    part = store.part()
    part.write(SECRET)
    place = store.keep(part, SHA256)
    delivery = DeliveryRow(delivery_id="d1", feed="checkins", business_date=DAY, name="am.csv", sha256=SHA256,
                           landing_uri=place.as_uri())  # fmt: skip
    with ops.engine(url).begin() as conn:
        ops.record_delivery(conn, delivery)
        ops.record_access(conn, "vault", by="somebody", purpose="test", asked=1, found=1)
        conn.exec_driver_sql("create role zhang login password 'of-this-test-only' in role resumption_analyst")
    schema = load_feed("city_cases").lake_schema()
    is_a = pa.types
    filler: list[tuple[Any, Any]] = [
        (is_a.is_date, DAY), (is_a.is_timestamp, NOW), (is_a.is_list, []), (is_a.is_integer, 3),
        (is_a.is_floating, 0.5), (is_a.is_boolean, True),
    ]  # fmt: skip
    row = {f.name: next((value for fits, value in filler if fits(f.type)), "d1") for f in schema}
    batch = pa.Table.from_pylist([row], schema=schema)
    lake.replace_batch(load_feed("city_cases"), DAY, batch, {})
    region = dict.fromkeys(("region_code", "province", "name", "level", "basis", "rule_version"), "x")
    contract = load_table("key_region")
    data = pa.Table.from_pylist([{**region, "business_date": DAY, "valid_from": DAY, "valid_to": None}])
    names = [c.name for c in contract.columns if c.name not in ("run_id", "built_at")]
    publish(contract, data.select(names), DAY, "run", NOW, url)
    postgres.query(home, "create table kept as select 'a connection' as conn_id", "airflow")
    (home.path / "vault").mkdir()
    (home.path / "vault" / "block").write_bytes(b"sealed already")
    (home.path / "airflow").mkdir()
    (home.path / "airflow" / "fernet.key").write_text("the key of connections\n")
    (home.path / "source.json").write_text("{}")
    postgres.stop(home)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, dict[str, object], Path]]:
    """A loaded run folder at rest, what is in it, and a backup of it."""
    folder = tmp_path_factory.mktemp("backup")
    home = Home(folder / "run folder")
    home.path.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESUMPTION_HOME", str(home.path))
        patch.setenv("RESUMPTION_TOKEN_KEY", KEY)
        patch.setenv("WAREHOUSE_URL", "")
        for name in ("LAKE_URL", "LANDING_URL", "VAULT_URL"):
            patch.delenv(name, raising=False)
        load(home)
        patch.setenv("WAREHOUSE_URL", "")
        before = contents(home)
        (home.path / "token.key").write_text(KEY + "\n")
        done = command(home, "backup", "--out", str(folder / "kept"))
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(folder / "kept")
        assert "delete it by" in done.stderr
        assert "keep token.key in another place" in done.stderr
        yield home, before, folder / "kept"
    postgres.stop(home)


def test_what_is_restored_is_what_was_there(
    world: tuple[Home, dict[str, object], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, before, kept = world
    home = Home(tmp_path / "restored")
    home.path.mkdir()
    done = command(home, "restore", "--from", str(kept), key=KEY)
    assert done.returncode == 0, done.stderr
    assert "without a password until you set one: zhang" in done.stderr
    monkeypatch.setenv("RESUMPTION_HOME", str(home.path))
    after = contents(home)
    assert after == before
    assert after["public may enter"] == (False,)
    with ops.engine(postgres.start(home).url("warehouse")).connect() as conn:
        (delivery,) = ops.known_deliveries(conn, "checkins")
    assert landing.read(delivery) == SECRET
    postgres.stop(home)
    again = command(home, "restore", "--from", str(kept), key=KEY)
    assert again.returncode == 1
    assert "is not empty" in again.stderr
    assert contents(home) == before


def copied(kept: Path, to: Path) -> Path:
    shutil.copytree(kept, to)
    return to


def refused(folder: Path, tmp_path: Path) -> str:
    """What is said; the run folder must not have been touched."""
    home = Home(tmp_path / "untouched")
    home.path.mkdir()
    with pytest.raises(RunError) as caught:
        backup.restore(home, folder)
    assert list(home.path.rglob("*")) == []
    return str(caught.value)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
@pytest.mark.parametrize("name", ["warehouse.dump", "landing"])
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(
    world: tuple[Home, dict[str, object], Path], tmp_path: Path, damage: str, name: str
) -> None:
    folder = copied(world[2], tmp_path / "copy")
    path = folder / name if name.endswith(".dump") else next(p for p in (folder / name).rglob("*") if p.is_file())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if damage == "truncated" else content)
    if damage == "missing":
        path.unlink()
    assert f"the first is {path.relative_to(folder)}; nothing was restored" in refused(folder, tmp_path)


def test_a_manifest_that_was_changed_or_is_none_is_refused(
    world: tuple[Home, dict[str, object], Path], tmp_path: Path
) -> None:
    folder = copied(world[2], tmp_path / "copy")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "delete_by": "2099-01-01"}))
    with pytest.raises(RunError, match="its manifest is not the one that was written"):
        backup.checked(folder, world[0])
    (folder / "manifest.json").write_text("{")
    assert "expected a backup, with a manifest.json" in refused(folder, tmp_path)


def test_another_key_or_none_is_said(world: tuple[Home, dict[str, object], Path], tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESUMPTION_TOKEN_KEY", "another")
        with pytest.raises(RunError, match="is sealed with key"):
            backup.checked(world[2], world[0])
        patch.delenv("RESUMPTION_TOKEN_KEY")
        assert "the master key is missing" in refused(world[2], tmp_path)


def test_a_newer_versions_backup_is_left_to_it(world: tuple[Home, dict[str, object], Path], tmp_path: Path) -> None:
    folder = copied(world[2], tmp_path / "copy")
    manifest = json.loads((folder / "manifest.json").read_text()) | {"revision": "8888"}
    signed = manifest | {"signature": backup._signature(KEY.encode(), manifest)}
    (folder / "manifest.json").write_text(json.dumps(signed))
    with pytest.raises(RunError, match="made by a newer version"):
        backup.checked(folder, world[0])


def test_nothing_of_a_backup_can_be_read_without_the_key(world: tuple[Home, dict[str, object], Path]) -> None:
    files = [path for path in world[2].rglob("*") if path.is_file()]
    told = b"".join(path.read_bytes() for path in files)
    for secret in (KEY.encode(), SECRET, b"the key of connections", b"a connection", b"PGDMP", b"PAR1"):
        assert secret not in told
    assert not (world[2] / "token.key").exists()
    assert world[2].stat().st_mode & 0o077 == 0


def test_with_the_key_it_opens_by_itself(
    world: tuple[Home, dict[str, object], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = backup.backup(world[0], tmp_path / "kept", with_key=True)
    monkeypatch.delenv("RESUMPTION_TOKEN_KEY")
    empty = Home(tmp_path / "empty")
    assert backup.checked(made, empty)[1] == KEY.encode()
    with pytest.raises(RunError, match="is there already"):
        backup.backup(world[0], made)


def test_not_while_airflow_runs_nor_of_what_lies_elsewhere(
    world: tuple[Home, dict[str, object], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_URL", "s3://somewhere/else")
    with pytest.raises(RunError, match="LAKE_URL set: a backup is of a run folder"):
        backup.backup(world[0], tmp_path / "out")
    monkeypatch.delenv("LAKE_URL")
    monkeypatch.setattr(processes, "running", lambda *_: True)
    with pytest.raises(RunError, match="make stop"):
        backup.backup(world[0], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tables_that_are_not_the_same_are_taken_away_again(
    world: tuple[Home, dict[str, object], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "empty")
    home.path.mkdir()
    monkeypatch.setenv("RESUMPTION_HOME", str(home.path))
    monkeypatch.setattr(backup, "_fingerprints", lambda _: ["mart.key_region 2 otherwise"])
    with pytest.raises(RunError, match="are not what was backed up"):
        backup.restore(home, world[2])
    assert not postgres.is_running(home)
    assert [name for name in (*backup.ZONES, "postgres/data") if (home.path / name).exists()] == []
