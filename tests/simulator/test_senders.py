"""The senders' servers: who may read, paging, refusals, drop folders and their control files."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import paramiko
import pyarrow.parquet as pq
import pytest
import requests

from simulator.calendar import SHANGHAI
from simulator.district import District
from simulator.feeds import DROP_SENDERS, FEEDS
from simulator.senders.servers import SenderServers

DAY = date(2020, 2, 14)


@pytest.fixture(scope="module")
def senders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SenderServers]:
    with SenderServers(District(seed=7, scale=0.02, end=DAY), tmp_path_factory.mktemp("senders")) as servers:
        yield servers


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SenderServers]:
    """Senders without defects."""
    with SenderServers(District(seed=7, scale=0.02, end=DAY, rates=0), tmp_path_factory.mktemp("clean")) as servers:
        yield servers


def _ask(servers: SenderServers, path: str, **query: object) -> requests.Response:
    """Ask until the answer is no refusal."""
    connection = json.loads(servers.connections["AIRFLOW_CONN_MODULE_API"])
    for _ in range(20):
        answer = requests.get(
            f"http://{connection['host']}:{connection['port']}{path}",
            params={name: str(value) for name, value in query.items() if value is not None},
            headers={"Authorization": f"Bearer {connection['password']}"},
            timeout=30,
        )
        if answer.status_code not in (429, 503, 504):
            return answer
    raise AssertionError("refused twenty times")


def _pull(servers: SenderServers, path: str, **query: object) -> tuple[int, list[dict[str, Any]]]:
    """Fetch all pages; return the announced total and the items."""
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = _ask(servers, path, cursor=cursor, **query).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return page["total"], items


@contextmanager
def _sftp(servers: SenderServers, user: str) -> Iterator[paramiko.SFTPClient]:
    connection = json.loads(servers.connections[f"AIRFLOW_CONN_{user.upper()}_SFTP"])
    kind, key = connection["extra"]["host_key"].split()
    client = paramiko.SSHClient()
    known = paramiko.PKey.from_type_string(kind, base64.b64decode(key))
    client.get_host_keys().add(f"[{connection['host']}]:{connection['port']}", kind, known)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        connection["host"],
        connection["port"],
        connection["login"],
        connection["password"],
        allow_agent=False,
        look_for_keys=False,
    )
    try:
        yield client.open_sftp()
    finally:
        client.close()


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
def test_without_the_token_the_answer_is_401(senders: SenderServers, header: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{senders.http_port}/exports/checkins"
    assert requests.get(url, headers=header, timeout=10).status_code == 401


def test_pages_add_up_to_the_total(clean: SenderServers) -> None:
    total, items = _pull(clean, "/v1/entities", as_of="2020-02-13", limit=500)
    assert len(items) == total > 1_000
    assert len({item["reg_no"] for item in items}) == total
    assert "change_type" not in items[0]
    total, items = _pull(clean, "/v1/changes", business_date="2020-02-13", limit=2)
    assert len(items) == total > 0
    assert {item["changed_on"] for item in items} == {"2020-02-13"}


def test_the_registry_refuses_nonsense(clean: SenderServers) -> None:
    assert _ask(clean, "/v1/entities", as_of="2020-02-13", limit=5_001).status_code == 422
    assert _ask(clean, "/v1/entities", as_of="yesterday").status_code == 422
    assert _ask(clean, "/v1/entities", as_of="2020-02-13", cursor="abc").status_code == 400
    assert _ask(clean, "/v1/entities", as_of="2020-02-15").status_code == 404
    assert _ask(clean, "/exports/household_power").status_code == 404
    assert _ask(clean, "/exports/checkins", since="soon").status_code == 400


def test_an_incomplete_pull_is_whole_the_next_time(senders: SenderServers) -> None:
    total, items = _pull(senders, "/v1/entities", as_of="2020-02-12", limit=1_000)
    assert len(items) < total
    total, items = _pull(senders, "/v1/entities", as_of="2020-02-12", limit=1_000)
    assert len(items) == total


def test_refusals_come_with_retry_after_and_pass(senders: SenderServers) -> None:
    seen: dict[int, requests.Response] = {}
    url = f"http://127.0.0.1:{senders.http_port}/exports/approvals"
    previous = 200
    for _ in range(300):
        answer = requests.get(url, headers={"Authorization": f"Bearer {senders.token}"}, timeout=10)
        assert not (answer.status_code != 200 and previous != 200)
        previous = answer.status_code
        seen[answer.status_code] = answer
    assert {200, 429, 503} <= set(seen)
    assert int(seen[429].headers["Retry-After"]) >= 1


def test_the_listing_tells_the_truth_about_the_bytes(clean: SenderServers) -> None:
    for feed in ("statistical_scope", "self_reports", "quarantine_register", "city_cases", "checkins"):
        listing = _ask(clean, f"/exports/{feed}").json()
        assert listing
        for file in listing[:3]:
            content = _ask(clean, f"/exports/{feed}/{file['business_date']}/{file['name']}").content
            assert set(file) == {"feed", "business_date", "name", "size", "sha256", "rows", "published_at"}
            assert len(content) == file["size"]
            assert hashlib.sha256(content).hexdigest() == file["sha256"]


def test_the_listing_since_a_moment_begins_after_it(clean: SenderServers) -> None:
    everything = _ask(clean, "/exports/checkins").json()
    assert len({(file["business_date"], file["name"]) for file in everything}) == len(everything)
    moment = everything[4]["published_at"]
    later = _ask(clean, "/exports/checkins", since=moment).json()
    assert later == [file for file in everything if file["published_at"] > moment]
    assert everything[0]["published_at"] == "2020-02-10T10:30:00+08:00"


def test_the_clock_decides_what_is_out(tmp_path: Path) -> None:
    district = District(seed=7, scale=0.01, end=DAY, rates=0)
    with SenderServers(district, tmp_path, as_of=datetime(2020, 2, 12, 12, tzinfo=SHANGHAI)) as servers:
        assert [f["name"] for f in _ask(servers, "/exports/checkins").json()] == ["am.csv", "pm.csv"] * 2 + ["am.csv"]
        with _sftp(servers, "grid") as sftp:
            assert sorted(sftp.listdir("/outbox")) == ["20200210", "20200211", "20200212"]
            servers.set_time(datetime(2020, 2, 13, 8, 29, tzinfo=SHANGHAI))
            assert "20200213" not in sftp.listdir("/outbox")
            servers.set_time(datetime(2020, 2, 13, 8, 31, tzinfo=SHANGHAI))
            files = sftp.listdir("/outbox/20200213")
            assert sorted(files) == ["enterprise_power_20200212.csv", "enterprise_power_20200212.csv.ok"]


def test_drop_folders_hold_history_lists_and_control_files(clean: SenderServers) -> None:
    with _sftp(clean, "grid") as sftp:
        first = sorted(name for name in sftp.listdir("/outbox/20200210") if not name.endswith(".ok"))
        assert first == [
            "enterprise_power_history_201912.csv",
            "enterprise_power_history_202001.csv",
            "enterprise_power_history_202002.csv",
            "household_power_history_201910.parquet",
            "household_power_history_201911.parquet",
            "household_power_history_201912.parquet",
            "household_power_history_202001.parquet",
            "household_power_history_202002.parquet",
            "meter_accounts_20200210.csv",
        ]
        for name in first:
            content = sftp.open(f"/outbox/20200210/{name}").read()
            sha256, rows = sftp.open(f"/outbox/20200210/{name}.ok").read().decode().split()
            assert hashlib.sha256(content).hexdigest() == sha256
            if name.endswith(".parquet"):
                assert pq.ParquetFile(io.BytesIO(content)).metadata.num_rows == int(rows)
            else:
                assert content.decode().count("\n") == int(rows) + 1
    with _sftp(clean, "carrier_mobile") as sftp:
        content = sftp.open("/outbox/20200212/carrier_mobile_20200211.txt").read().decode("gb18030")
        assert content.startswith("手机号|归属地|到访省市|到访开始|到访结束|返杭时间|停留小时\r\n")


@pytest.mark.parametrize("sender", DROP_SENDERS)
def test_each_dropping_sender_has_a_folder_of_its_own(clean: SenderServers, sender: str) -> None:
    with _sftp(clean, sender) as sftp:
        names = {name for folder in sftp.listdir("/outbox") for name in sftp.listdir(f"/outbox/{folder}")}
    feeds = {feed.name for feed in FEEDS.values() if feed.sender == sender}
    assert {feed for feed in FEEDS if any(name.startswith(f"{feed}_2") for name in names)} == feeds


def test_a_control_file_may_come_late_or_never(senders: SenderServers) -> None:
    without: set[str] = set()
    with _sftp(senders, "grid") as sftp:
        for folder in sftp.listdir("/outbox"):
            names = set(sftp.listdir(f"/outbox/{folder}"))
            without |= {f"{folder}/{name}" for name in names if not name.endswith(".ok") and f"{name}.ok" not in names}
    expected = {
        f"{folder:%Y%m%d}/{entry.version.name}"
        for name in ("enterprise_power", "meter_accounts")
        for entry in senders.store.all_entries(name, senders.clock.day)
        for folder in [date.fromordinal(date(2020, 1, 1).toordinal() + entry.version.folder)]
        if entry.listed_at(senders.clock.minute) and not entry.complete_at(senders.clock.minute)
    }
    assert without == expected


def test_drop_folders_cannot_be_changed_or_left(clean: SenderServers) -> None:
    with _sftp(clean, "grid") as sftp:
        with pytest.raises(PermissionError):
            sftp.open("/outbox/20200210/new.csv", "w")
        with pytest.raises(PermissionError):
            sftp.remove("/outbox/20200210/meter_accounts_20200210.csv")
        with pytest.raises(PermissionError):
            sftp.mkdir("/outbox/x")
        with pytest.raises(FileNotFoundError):
            sftp.stat("/../../../etc/passwd")


def test_a_wrong_password_is_refused(clean: SenderServers) -> None:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.WarningPolicy())
    with pytest.raises(paramiko.AuthenticationException):
        client.connect("127.0.0.1", clean.sftp_port, "grid", "no", allow_agent=False, look_for_keys=False)


def test_an_rsa_host_key_is_served_too(tmp_path: Path) -> None:
    district = District(seed=7, scale=0.01, end=date(2020, 2, 11), rates=0)
    with SenderServers(district, tmp_path, key_algorithm="ssh-rsa") as servers:
        extra = json.loads(servers.connections["AIRFLOW_CONN_GRID_SFTP"])["extra"]
        assert extra["host_key"].startswith("ssh-rsa AAAA")
        with _sftp(servers, "grid") as sftp:
            assert sftp.listdir("/outbox")


def test_the_command_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulator", "serve", "--home", str(tmp_path), "--scale", "0.01"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen([*command, "--through", "2020-02-11"], cwd=root, stdout=subprocess.PIPE)
    try:
        for _ in range(300):
            if (tmp_path / "ready").exists():
                break
            time.sleep(0.1)
        lines = (tmp_path / "connections.env").read_text().splitlines()
        assert {line.partition("=")[0] for line in lines} == {
            "AIRFLOW_CONN_REGISTRY_API",
            "AIRFLOW_CONN_MODULE_API",
            "AIRFLOW_CONN_CARRIER_MOBILE_SFTP",
            "AIRFLOW_CONN_CARRIER_TELECOM_SFTP",
            "AIRFLOW_CONN_CARRIER_UNICOM_SFTP",
            "AIRFLOW_CONN_CARRIER_WASU_SFTP",
            "AIRFLOW_CONN_GRID_SFTP",
        }
        assert (tmp_path / "connections.env").stat().st_mode & 0o077 == 0
        connection = json.loads(lines[0].partition("=")[2].strip("'"))
        assert requests.get(f"http://127.0.0.1:{connection['port']}/", timeout=10).status_code == 401
    finally:
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    assert not (tmp_path / "ready").exists()
