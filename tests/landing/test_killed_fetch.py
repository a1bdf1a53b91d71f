"""A process killed in the middle of a delivery leaves nothing half visible, and a second run ends what it began."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import sqlalchemy as sa

from resumption import landing, ops
from runtime.home import wait_until

TASK = "import sys, datetime; from resumption import pipeline; " + (
    "print(pipeline.land('checkins', datetime.date(2020, 2, 25), sys.argv[1]))"
)
FILES = {f"{part}.csv": part.encode() + b"15400001234\n" * 400_000 for part in ("am", "pm")}


class SlowSender:
    """Serves two files, but stops in the middle of the second until it is told to go on."""

    def __init__(self) -> None:
        self.halfway, self.go_on = threading.Event(), threading.Event()
        sender = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[-1]
                body = FILES.get(name) or sender.listing()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2
                self.wfile.write(body[:half])
                if name == "pm.csv":
                    sender.halfway.set()
                    sender.go_on.wait(60)
                try:
                    self.wfile.write(body[half:])
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def listing(self) -> bytes:
        entries = [
            {
                "name": name,
                "business_date": "2020-02-25",
                "published_at": f"2020-02-25T1{number}:30:00+08:00",
                "sha256": hashlib.sha256(body).hexdigest(),
                "rows": 400_000,
                "size": len(body),
            }
            for number, (name, body) in enumerate(FILES.items())
        ]
        return json.dumps(entries).encode()


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowSender]:
    sender = SlowSender()
    monkeypatch.setenv("AIRFLOW_CONN_MODULE_API", f"http://:token@127.0.0.1:{sender.server.server_port}")
    try:
        yield sender
    finally:
        sender.go_on.set()
        sender.server.shutdown()
        sender.server.server_close()


def start(run: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", TASK, run], stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def visible(zone: Path) -> set[str]:
    return {path.name for path in zone.rglob("*") if path.is_file() and ".parts" not in path.parts}


def half_fetched(zone: Path) -> list[Path]:
    return list(zone.glob("checkins/.parts/*"))


def test_a_fetch_killed_in_the_middle_leaves_nothing_half_visible(
    warehouse: sa.Engine, home: Path, sender: SlowSender
) -> None:
    first = start("killed")
    assert sender.halfway.wait(60)
    zone = home / "landing"
    assert wait_until(lambda: any(path.stat().st_size > 1_000_000 for path in half_fetched(zone)), 20)
    first.send_signal(signal.SIGKILL)
    first.wait(20)
    with warehouse.connect() as conn:
        [before] = ops.known_deliveries(conn, "checkins")
    sha = {name: hashlib.sha256(body).hexdigest() for name, body in FILES.items()}
    assert visible(zone) == {sha["am.csv"], f"{sha['am.csv']}.{before.delivery_id}.json"}
    [left] = half_fetched(zone)
    assert b"1540000" not in left.read_bytes()

    sender.go_on.set()
    second = start("again")
    assert "{'landed': 1, 'waiting': 2" in second.communicate(timeout=60)[0]
    with warehouse.connect() as conn:
        rows = ops.known_deliveries(conn, "checkins")
    assert [(row.name, row.run_id, row.outcome) for row in rows] == [
        ("am.csv", "killed", "landed"),
        ("pm.csv", "again", "landed"),
    ]
    assert [landing.read(row) for row in rows] == list(FILES.values())
    assert len(visible(zone)) == 4
