"""Messages reach real receivers: nothing is lost while one is down, nothing is told twice."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from resumption import alerts, ops
from resumption.alerts import channels
from tests.alerts.receivers import Mailbox, Receiver

DAY = dt.date(2020, 2, 25)
NOW = dt.datetime(2020, 2, 26, 3, 0, tzinfo=dt.UTC)
LATER = dt.timedelta(hours=2)
ROUTES = alerts.load_routes()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _empty(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    for channel in ROUTES.channels:
        monkeypatch.delenv(f"AIRFLOW_CONN_{channel.upper()}", raising=False)
    monkeypatch.setenv("RESUMPTION_UI_URL", "http://ui.test")
    with warehouse.begin() as conn:
        conn.execute(sa.text("truncate ops.alert, ops.alert_message, ops.feed_delivery, ops.run_failure"))


def connect(patch: pytest.MonkeyPatch, channel: str, **fields: object) -> None:
    """Set up a channel as an operator does: by its Airflow connection."""
    patch.setenv(f"AIRFLOW_CONN_{channel.upper()}", json.dumps({"conn_type": "http", **fields}))


def reject(warehouse: sa.Engine, name: str, run_id: str = "run-1") -> None:
    """Have a delivery rejected."""
    with warehouse.begin() as conn:
        ops.record_delivery(
            conn,
            ops.DeliveryRow(
                delivery_id=f"id-{name}", feed="checkins", business_date=DAY, name=name, outcome="rejected",
                reason="EMPTY: expected rows", run_id=run_id, published_at=NOW, received_at=NOW,
            ),
        )  # fmt: skip


def tell(now: dt.datetime = NOW) -> dict[str, int]:
    return alerts.tell(alerts.NoAirflow(), ROUTES, (), now)


def outbox(warehouse: sa.Engine) -> list[tuple[str, int]]:
    with warehouse.connect() as conn:
        rows = conn.execute(sa.text("select state, attempts from ops.alert_message order by queued_at, channel"))
        return [(row.state, row.attempts) for row in rows]


def test_a_mail_says_what_failed_and_the_next_step(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    box = Mailbox()
    extra = {"to": ["duty@district.test"], "from_email": "data@district.test", "disable_ssl": True, "disable_tls": True}
    connect(monkeypatch, "alerts_mail", conn_type="smtp", host="127.0.0.1", port=box.port, extra=extra)
    try:
        reject(warehouse, "am.csv")
        assert tell()["messages"] == 1
        assert alerts.send_pending(ROUTES, NOW).sent == 1
        assert alerts.send_pending(ROUTES, NOW + LATER).sent == 0
    finally:
        box.stop()
    [mail] = box.mails
    body = mail.get_payload(0).get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert mail["To"] == "duty@district.test"
    assert "am.csv: EMPTY" in body
    assert "http://ui.test/dags/checkins/runs/run-1" in body
    assert "http://ui.test/resumption/runbooks/delivery_rejected" in body
    assert "make psql SQL=" in body
    assert "epidemic-office-data" in body


@pytest.mark.parametrize("channel", ["alerts_dingtalk", "alerts_wecom", "alerts_slack", "alerts_webhook"])
def test_each_webhook_takes_the_message_once(
    channel: str, warehouse: sa.Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(
        monkeypatch, channel, host=f"http://127.0.0.1:{receiver.port}/hook", password="t0ken", extra={"secret": "s"}
    )
    reject(warehouse, "am.csv")
    tell()
    alerts.send_pending(ROUTES, NOW)
    alerts.send_pending(ROUTES, NOW + LATER)
    [(path, headers, said)] = receiver.took
    assert "am.csv" in json.dumps(said, ensure_ascii=False)
    assert headers["Idempotency-Key"].endswith(f".{channel}@resumption")
    assert path.startswith("/hook")
    assert ("t0ken" in path) == (channel in ("alerts_dingtalk", "alerts_wecom"))
    assert ("sign=" in path) == (channel == "alerts_dingtalk")


def test_nothing_is_lost_while_the_receiver_is_down(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Receiver()
    gone.stop()
    connect(monkeypatch, "alerts_webhook", host=f"http://127.0.0.1:{gone.port}")
    reject(warehouse, "am.csv")
    tell()
    assert alerts.send_pending(ROUTES, NOW).waiting == 1
    assert alerts.send_pending(ROUTES, NOW).sent == 0  # it backs off
    assert outbox(warehouse) == [("pending", 1)]
    back = Receiver(gone.port)
    try:
        assert alerts.send_pending(ROUTES, NOW + LATER).sent == 1
    finally:
        back.stop()
    assert len(back.took) == 1
    assert outbox(warehouse) == [("sent", 2)]


def test_what_stays_undeliverable_is_given_up_loudly(
    warehouse: sa.Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "alerts_webhook", host=f"http://127.0.0.1:{receiver.port}")
    receiver.status = 500
    reject(warehouse, "am.csv")
    tell()
    assert alerts.send_pending(ROUTES, NOW).dead == []
    with pytest.raises(alerts.UndeliveredError, match="status 2xx, got 500"):
        alerts.work(alerts.NoAirflow(), NOW + dt.timedelta(hours=ROUTES.give_up_after_hours))
    assert ("dead", 2) in outbox(warehouse)


def test_a_slow_receiver_is_not_waited_for_and_not_forgotten(
    warehouse: sa.Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "READ_SECONDS", 0.2)
    connect(monkeypatch, "alerts_webhook", host=f"http://127.0.0.1:{receiver.port}")
    receiver.seconds = 1.0
    reject(warehouse, "am.csv")
    tell()
    assert alerts.send_pending(ROUTES, NOW).waiting == 1
    receiver.seconds = 0.0
    assert alerts.send_pending(ROUTES, NOW + LATER).sent == 1
    assert len({headers["Idempotency-Key"] for _, headers, _ in receiver.took}) == 1


def test_two_senders_at_once_send_once(
    warehouse: sa.Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "alerts_webhook", host=f"http://127.0.0.1:{receiver.port}")
    receiver.seconds = 0.3
    reject(warehouse, "am.csv")
    tellers = [threading.Thread(target=tell) for _ in range(2)]
    senders = [threading.Thread(target=alerts.send_pending, args=(ROUTES, NOW)) for _ in range(3)]
    for threads in (tellers, senders):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(receiver.took) == 1
    assert outbox(warehouse) == [("sent", 1)]


def test_a_sender_killed_before_it_records_sends_again_under_the_same_identifier(
    warehouse: sa.Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, "alerts_webhook", host=f"http://127.0.0.1:{receiver.port}")
    reject(warehouse, "am.csv")
    tell()
    script = Path(__file__).with_name("send_and_die.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    assert outbox(warehouse) == [("pending", 0)]
    assert alerts.send_pending(ROUTES, NOW).sent == 1
    keys = [headers["Idempotency-Key"] for _, headers, _ in receiver.took]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_without_a_channel_messages_are_kept(warehouse: sa.Engine) -> None:
    reject(warehouse, "am.csv")
    assert tell()["messages"] == 1
    assert alerts.send_pending(ROUTES, NOW).sent == 0
    assert outbox(warehouse) == [("kept", 0)]


def test_one_message_a_run_and_owner_repeats_folded_recovery_told_once(warehouse: sa.Engine) -> None:
    reject(warehouse, "am.csv")
    reject(warehouse, "pm.csv")
    assert tell() == {"open": 2, "news": 2, "reminders": 0, "recovered": 0, "messages": 1}
    assert tell()["messages"] == 0
    day = dt.timedelta(hours=24)
    assert tell(NOW + day)["reminders"] == 2
    assert tell(NOW + day + LATER)["messages"] == 0
    with warehouse.begin() as conn:
        conn.execute(sa.text("delete from ops.feed_delivery where name = 'am.csv'"))
    assert tell(NOW + day + LATER)["recovered"] == 1
    assert tell(NOW + day + LATER)["recovered"] == 0


def test_a_silence_holds_until_it_lapses_and_that_is_told(warehouse: sa.Engine) -> None:
    silence = alerts.Silence(subject="checkins", reference="OPS-1", until=DAY + dt.timedelta(days=1), why="agreed")
    reject(warehouse, "am.csv")
    during = alerts.tell(alerts.NoAirflow(), ROUTES, (silence,), NOW)
    assert (during["open"], during["messages"]) == (0, 0)
    after = alerts.tell(alerts.NoAirflow(), ROUTES, (silence,), NOW + dt.timedelta(days=1))
    assert after["news"] == 2  # the rejection, and that the silence has lapsed


def test_a_failed_run_without_any_other_row_is_told(warehouse: sa.Engine) -> None:
    with warehouse.begin() as conn:
        ops.record_failure(conn, "maintenance", "run-9", None, ["lake"], NOW)
    assert tell()["news"] == 1

    class EndedWell:
        def state(self, dag_id: str, run_id: str) -> str | None:
            return "success"

    assert alerts.tell(EndedWell(), ROUTES, (), NOW)["recovered"] == 1


def test_the_files_are_read_strictly(tmp_path: Path) -> None:
    (tmp_path / "silences.yaml").write_text("silences: [{subject: checkins, until: 2020-03-01, why: because}]")
    with pytest.raises(alerts.AlertConfigError, match="reference"):
        alerts.load_silences(tmp_path)
    (tmp_path / "routes.yaml").write_text("channels: {}\nroutes: [{channels: [nowhere]}]")
    with pytest.raises(alerts.AlertConfigError, match="nowhere"):
        alerts.load_routes(tmp_path)
