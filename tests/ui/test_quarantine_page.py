"""The quarantine page: rows as the role sees them, and decisions that go through the DAG `quarantine`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from starlette.datastructures import FormData

from resumption import ops, warehouse
from resumption.contracts.reasons import RowReason
from resumption.ui import access, quarantine, runs
from resumption.ui.errors import PageError
from resumption.ui.guard import csrf_token
from resumption.warehouse import roles

DAY = dt.date(2020, 2, 25)
NOW = dt.datetime(2020, 2, 26, tzinfo=dt.UTC)
NONCE = "0123456789abcdef"
FORM = {"action": "release", "feed": "approvals", "delivery": "d1", "row": "2", "note": "by phone", "nonce": NONCE}


def refuse(conn: sa.Connection, delivery_id: str, feed: str, name: str, reasons: list[str], payload: str) -> None:
    ops.record_delivery(
        conn, ops.DeliveryRow(delivery_id=delivery_id, feed=feed, business_date=DAY, name=name, published_at=NOW)
    )
    refused = {
        "row_number": pa.array(range(2, 2 + len(reasons)), pa.int32()),
        "reasons": pa.array([[reason] for reason in reasons], pa.list_(pa.string())),
        "payload": pa.array([payload] * len(reasons), pa.string()),
    }
    ops.replace_quarantine(conn, delivery_id, "conform", pa.table(refused))
    ops.finish_delivery(
        conn, delivery_id, "accepted", rows_received=100, rows_accepted=100 - len(reasons),
        rows_quarantined=len(reasons), rows_ignored=0,
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def refused(warehouse_url: str) -> Iterator[sa.Engine]:
    engine = ops.engine(warehouse_url)
    warehouse.create_all(engine)
    with engine.begin() as conn:
        applied = '{"event": "通过?", "planned_resume_date": null}'
        refuse(conn, "d1", "approvals", "a.jsonl", ["VALUE_NOT_ALLOWED"] * 60 + ["DATE_INVALID"], applied)
        refuse(conn, "d2", "quarantine_register", "330108001001.xlsx", ["DATE_INVALID"], '{"手机号": "15400001111"}')
        refuse(conn, "d3", "quarantine_register", "330108002002.xlsx", ["DATE_INVALID"], '{"手机号": "154****2222"}')
        action = ops.ActionRow(
            action="correct", feed="approvals", delivery_id="d1", note="told on the phone", acted_by="li", acted_at=NOW,
            run_id="manual__page_1", row_numbers=[62], corrections={"event": None},
        )  # fmt: skip
        ops.record_action(conn, action)
        conn.execute(
            roles.member_table.insert().values(login="zhang", role="community_worker", community_code="330108001001")
        )
    yield engine
    access.engine().dispose()


def test_rows_are_found_by_feed_day_reason_and_delivery(client: Any) -> None:
    page = client(lang="en").get
    assert "63 rows" in page("/resumption/quarantine").text
    assert "1 row." in page("/resumption/quarantine?feed=approvals&reason=DATE_INVALID").text
    assert "2 rows" in page("/resumption/quarantine?feed=quarantine_register&day=2020-02-25").text
    assert "0 rows" in page("/resumption/quarantine?day=2020-02-24").text
    assert "0 rows" in page("/resumption/quarantine?state=released").text
    assert "61 rows" in page("/resumption/quarantine?delivery=d1").text
    assert RowReason.VALUE_NOT_ALLOWED.zh in client().get("/resumption/quarantine?delivery=d1").text


def test_pages_hold_fifty_rows(client: Any) -> None:
    first = client().get("/resumption/quarantine?feed=approvals").text
    assert first.count("<article") == 50
    assert "page=2" in first
    assert client().get("/resumption/quarantine?feed=approvals&page=2").text.count("<article") == 11


def test_a_number_is_masked_whatever_the_row_holds(client: Any) -> None:
    shown = client().get("/resumption/quarantine?delivery=d2").text
    assert "154****1111" in shown
    assert "15400001111" not in shown


def test_a_community_worker_sees_the_own_list_only_and_decides_nothing(client: Any, users: dict[str, Any]) -> None:
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    users["zhang"] = SimpleAuthManagerUser(username="zhang", role="viewer")
    shown = client("zhang").get("/resumption/quarantine").text
    assert "154****1111" in shown
    assert "154****2222" not in shown
    assert "told on the phone" not in shown
    assert '<form method="post"' not in client("zhang").get("/resumption/quarantine?delivery=d2").text
    assert client("viewer").get("/resumption/quarantine").status_code == 403, "an analyst"


def test_a_delivery_offers_decisions_and_tells_those_taken(client: Any) -> None:
    shown = client().get("/resumption/quarantine?delivery=d1&state=all").text
    assert shown.count('name="row"') == 50
    assert "told on the phone" in shown
    assert 'name="csrf_token"' in shown
    assert 'value="planned_resume_on"' in shown
    personal = client().get("/resumption/quarantine?delivery=d2").text
    assert 'value="phone_token"' not in personal, "personal columns are the sender's to correct"
    assert client().get("/resumption/quarantine?delivery=nothing").status_code == 404


# Decisions


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    asked: list[Any] = []
    monkeypatch.setattr(runs, "start", lambda *given: asked.append(given))
    return asked


def post(client: Any, role: str = "op", **fields: str) -> Any:
    form = FORM | {"csrf_token": csrf_token(f"{role}-1")} | fields
    return client(role).post("/resumption/quarantine/decisions", data=form)


def test_a_decision_starts_the_dag_in_the_name_of_who_decided(client: Any, started: list[Any]) -> None:
    answer = post(client)
    assert answer.status_code == 303
    where = f"/resumption/quarantine/decisions/manual__page_{NONCE}?feed=approvals&delivery=d1"
    assert answer.headers["location"] == where
    conf = {
        "action": "release", "feed": "approvals", "delivery_id": "d1", "row_numbers": [2], "reason": None,
        "corrections": {}, "note": "by phone",
    }  # fmt: skip
    assert started == [("quarantine", f"manual__page_{NONCE}", conf, "op-1")]


def test_who_may_not_start_the_dag_decides_nothing(client: Any, started: list[Any]) -> None:
    assert post(client, "viewer").status_code == 403
    assert post(client, csrf_token="forged").status_code == 403
    assert started == []


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"note": " "}, "note_missing"),
        ({"note": "call 15400001111"}, "personal"),
        ({"row": ""}, "rows_or_reason"),
        ({"reason": "DATE_INVALID"}, "rows_or_reason"),
        ({"action": "correct"}, "corrections"),
        ({"column0": "event", "cell0": "通过"}, "corrections"),
        ({"action": "correct", "column0": "event", "cell0": "15400001111"}, "personal"),
        ({"action": "delete"}, "incomplete"),
        ({"feed": "nonsense"}, "incomplete"),
    ],
)
def test_what_does_not_go_together_is_said(fields: dict[str, str], key: str) -> None:
    with pytest.raises(PageError) as refused:
        quarantine.decision(FormData(FORM | fields))
    assert (refused.value.status, refused.value.key) == (422, f"quarantine.{key}")


def test_a_form_becomes_what_the_dag_takes() -> None:
    corrected = quarantine.decision(
        FormData(FORM | {"action": "correct", "column0": "event", "cell0": " 通过 ", "column1": "level", "cell1": ""})
    )
    assert corrected["corrections"] == {"event": "通过", "level": None}
    replay = quarantine.decision(FormData(FORM | {"action": "replay", "reason": "DATE_INVALID"}))
    assert (replay["row_numbers"], replay["reason"]) == ([], None)
    by_reason = quarantine.decision(FormData(FORM | {"row": "", "reason": "DATE_INVALID", "action": "discard"}))
    assert (by_reason["row_numbers"], by_reason["reason"]) == ([], "DATE_INVALID")


def test_pressed_twice_it_starts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.api.common import trigger_dag as module
    from airflow.exceptions import DagRunAlreadyExists

    def taken(*_: Any, **__: Any) -> None:
        raise DagRunAlreadyExists(SimpleNamespace(dag_id="quarantine", run_id="r", logical_date=None))  # type: ignore[arg-type]

    monkeypatch.setattr(module, "trigger_dag", taken)
    runs.start("quarantine", "r", {}, "li")


@pytest.mark.parametrize(
    ("state", "word", "again"), [("queued", "排队中", True), ("success", "成功", False), ("failed", "失败", False)]
)
def test_the_runs_state_is_shown_until_it_ended(
    client: Any, monkeypatch: pytest.MonkeyPatch, state: str, word: str, again: bool
) -> None:
    monkeypatch.setattr(runs, "state", lambda *_: runs.RunState(state, {}))
    answer = client().get("/resumption/quarantine/decisions/manual__page_1?feed=approvals&delivery=d1")
    assert word in answer.text
    assert "told on the phone" in answer.text
    assert ("refresh" in answer.headers) is again
    assert re.search(r'href="/dags/quarantine/runs/manual__page_1" target="_top"', answer.text)


def test_a_decision_that_was_refused_says_why(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    why = "approvals, delivery d1: not in quarantine are the rows 7; see ops.quarantine_row"
    monkeypatch.setattr(runs, "state", lambda *_: runs.RunState("failed", {}, why))
    shown = client(lang="en").get("/resumption/quarantine/decisions/manual__page_1?feed=approvals&delivery=d1").text
    assert why in shown
    assert "the task decide&#39;s log" not in shown
    monkeypatch.setattr(runs, "state", lambda *_: runs.RunState("failed", {}))
    shown = client(lang="en").get("/resumption/quarantine/decisions/manual__page_1?feed=approvals&delivery=d1").text
    assert "the task decide&#39;s log" in shown


def test_a_run_that_airflow_forgot_is_told_from_the_record(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "state", lambda *_: None)
    assert "told on the phone" in client().get("/resumption/quarantine/decisions/manual__page_1").text
    assert client().get("/resumption/quarantine/decisions/nothing").status_code == 404
