"""From the outcome rows to the message: what each problem says, in both languages, and that it says nobody's name."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resumption import alerts, ops
from resumption import warehouse as marts
from runtime.leaks import is_identity_number, kinds
from runtime.sealed import Known
from tests.alerts.receivers import Receiver
from tests.pipeline.sender import Sender, forget

DAY = dt.date(2020, 2, 25)
NOW = dt.datetime(2020, 2, 26, 3, 0, tzinfo=dt.UTC)
FIXTURE = Path(__file__).parents[1] / "fixtures/feeds/health_declarations/health_declarations_20200225.csv"
CHECK = {
    "check_id": "table_row_count_to_be_between:0a1b2c3d", "suite": "checkins", "column_name": None,
    "expectation": "expect_table_row_count_to_be_between", "severity": "critical", "outcome": "fail",
    "observed_value": "3", "unexpected_count": 2, "element_count": 5, "run_id": "run-1", "checked_at": NOW,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def tables(warehouse: sa.Engine) -> None:
    marts.create_all(warehouse)


@pytest.fixture(autouse=True)
def empty(warehouse: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    forget(warehouse)
    for channel in alerts.load_routes().channels:
        monkeypatch.delenv(f"AIRFLOW_CONN_{channel.upper()}", raising=False)
    monkeypatch.setenv("RESUMPTION_UI_URL", "http://ui.test")
    yield
    forget(warehouse)


def ran(conn: sa.Connection, feed: str, stage: str, status: ops.RunStatus) -> None:
    ops.record_run(
        conn,
        ops.RunRow(feed=feed, business_date=DAY, stage=stage, status=status, run_id="run-1", finished_at=NOW),
    )


def delivered(conn: sa.Connection, feed: str, outcome: ops.DeliveryOutcome, reason: str | None = None) -> None:
    ops.record_delivery(
        conn,
        ops.DeliveryRow(delivery_id=f"id-{feed}", feed=feed, business_date=DAY, name=f"{feed}.csv", published_at=NOW,
                        received_at=NOW, schema_fingerprint="f1"),
    )  # fmt: skip
    counts: dict[str, Any] = {"rows_received": 5, "rows_accepted": 5, "rows_quarantined": 0, "rows_ignored": 0}
    counts = counts if outcome == "accepted" else {}
    ops.finish_delivery(conn, f"id-{feed}", outcome, reason, schema_fingerprint="f1", **counts)


def landing_failed(conn: sa.Connection) -> None:
    ran(conn, "enterprise_power", "land", "failed")


def feed_missing(conn: sa.Connection) -> None:
    ran(conn, "approvals", "land", "missing")


def table_kept_back(conn: sa.Connection) -> None:
    ops.replace_checks(conn, "enterprise", DAY, [CHECK])  # type: ignore[list-item]
    built = ops.BuildRow(
        table_name="enterprise", business_date=DAY, inputs={}, outcome="kept_back", rule_versions="", rows=5,
        content_hash=None, built_at=NOW, run_id=f"scheduled__{DAY}__x",
    )  # fmt: skip
    ops.record_build(conn, built)


def totals_differ(conn: sa.Connection) -> None:
    ops.replace_reconciliation(conn, DAY, [ops.Balance(subject="lake", item="checkins", total=9, parts=7)], "run-1")


def layout_changed(conn: sa.Connection) -> None:
    delivered(conn, "checkins", "accepted")
    ops.note_layout(conn, "checkins", "f1", ["体温计编号"])
    ops.replace_checks(conn, "checkins", DAY, [ops.own_check(ops.SCHEMA_CHANGED, 1, 1, "run-1", failed=True)])


def publication_stopped(conn: sa.Connection) -> None:
    delivered(conn, "checkins", "rejected", "CHECK_FAILED")
    ran(conn, "checkins", "publish", "failed")
    ops.replace_checks(conn, "checkins", DAY, [CHECK])  # type: ignore[list-item]


SAID = {
    landing_failed: ("enterprise_power", "接收失败", "Landing failed", ["/dags/enterprise_power/runs/run-1"]),
    feed_missing: ("approvals", "应到未到", "Nothing delivered", ["/resumption/board/approvals/2020-02-25"]),
    table_kept_back: (
        "enterprise", "表未更新", "Table kept back",
        ["table_row_count_to_be_between:0a1b2c3d: 3", "(2 of 5)|（2/5）",
            "/dags/consolidated/runs/scheduled__2020-02-25__x"],
    ),
    totals_differ: ("reconciliation", "合计不符", "Totals differ", ["TOTALS_DIFFER:lake", "checkins: 9 ≠ 7"]),
    layout_changed: ("checkins", "表头有变化", "Layout changed", ["SCHEMA_CHANGED", "体温计编号"]),
    publication_stopped: (
        "checkins", "发布被停止", "Publication stopped",
        ["table_row_count_to_be_between:0a1b2c3d: 3", "id-checkins", "/resumption/quarantine?feed=checkins",
         "and outcome in ('rejected', 'incomplete')"],
    ),
}  # fmt: skip


def told(warehouse: sa.Engine, language: str) -> list[dict[str, Any]]:
    """The messages that are written about what the rows say now."""
    with warehouse.begin() as conn:
        conn.execute(sa.text("truncate ops.alert, ops.alert_message"))
    routes = alerts.load_routes().model_copy(update={"language": language})
    alerts.tell(alerts.NoAirflow(), routes, (), NOW)
    with warehouse.connect() as conn:
        return [dict(row) for row in conn.execute(sa.select(ops.alert_message)).mappings()]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("problem", SAID, ids=lambda problem: problem.__name__)
def test_a_problem_is_told_with_its_next_step(warehouse: sa.Engine, problem: Any, language: str) -> None:
    subject, chinese, english, details = SAID[problem]
    with warehouse.begin() as conn:
        problem(conn)
    [message] = [
        m for m in told(warehouse, language) if any(a["kind"] == problem.__name__ for a in m["facts"]["alerts"])
    ]
    assert (chinese if language == "zh" else english) in message["title"]
    assert subject in message["title"]
    links = [f"/resumption/runbooks/{problem.__name__}?lang={language}", f"/resumption/reports/{DAY}/"]
    for said in [*details, *links]:
        assert any(form in message["body"] for form in said.split("|")), (said, message["body"])
    [fact] = [a for a in message["facts"]["alerts"] if a["kind"] == problem.__name__]
    assert (fact["subject"], fact["business_date"]) == (subject, str(DAY))


# Nobody's name


def people() -> tuple[list[str], Known, str, str]:
    """The fixture's lines, what it says of people, and a phone and an identity number of theirs."""
    text = FIXTURE.read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    known = Known(names=frozenset(row["姓名"] for row in rows if len(row["姓名"]) > 1))
    number = next(row["证件号"] for row in rows if len(row["证件号"]) == 18 and is_identity_number(row["证件号"]))
    return text.splitlines(keepends=True), known, "15400000101", number


def found_in(messages: list[dict[str, Any]], sent: list[Any], known: Known) -> Counter[str]:
    texts = [f"{m['title']}\n{m['body']}\n{json.dumps(m['facts'], ensure_ascii=False)}" for m in messages]
    texts += [json.dumps(payload, ensure_ascii=False) for payload in sent]
    return sum((kinds(text, known) for text in texts), Counter[str]())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_message_names_a_person(warehouse: sa.Engine, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, known, phone, number = people()
    header, first, *rest = lines
    sender = Sender("health_declarations")
    sender.has("headless.csv", "".join([first, *rest]).encode(), len(rest))  # a person's row stands for the header
    sender.has("cut.csv", "".join([header, first, *rest]).encode()[:-9], len(rest) + 1)
    columns = [
        f"{header.rstrip()},{phone},{number}\n",
        *(f"{line.rstrip()},{phone},{number}\n" for line in [first, *rest]),
    ]
    sender.has("wider.csv", "".join(columns).encode(), len(rest) + 1, at=1)
    sender.deliver()
    with warehouse.begin() as conn:
        for problem in SAID:
            problem(conn)
    receiver = Receiver()
    try:
        channels = alerts.load_routes().channels
        for channel in (name for name, kind in channels.items() if kind != "mail"):
            connection = {"conn_type": "http", "host": f"http://127.0.0.1:{receiver.port}/hook", "password": "t0ken"}
            monkeypatch.setenv(f"AIRFLOW_CONN_{channel.upper()}", json.dumps(connection))
        messages = told(warehouse, language)
        alerts.send_pending(alerts.load_routes(), NOW)
    finally:
        receiver.stop()
    reasons = {a["said"] for m in messages for a in m["facts"]["alerts"] if a["subject"] == "health_declarations"}
    assert any(said.startswith("MISSING_COLUMN") for said in reasons), reasons
    assert len(receiver.took) > 1
    assert found_in(messages, [payload for _, _, payload in receiver.took], known) == Counter()


@pytest.mark.parametrize("what", ["name", "phone", "identity number"])
def test_the_search_finds_whoever_is_named(warehouse: sa.Engine, what: str) -> None:
    _, known, phone, number = people()
    value = {"name": f"，{next(iter(known.names))}，", "phone": phone, "identity number": number}[what]
    with warehouse.begin() as conn:
        delivered(conn, "checkins", "rejected", f"EMPTY: {value}")
    assert found_in(told(warehouse, "zh"), [], known)[what] > 0
