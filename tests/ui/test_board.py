"""The feed board: given outcome rows, what the page shows and where it leads."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import ops, warehouse
from resumption.contracts.reasons import FileReason, RowReason
from resumption.ui import texts
from resumption.ui.queries import board

DAY = dt.date(2020, 2, 25)
BEFORE = DAY - dt.timedelta(days=1)
NOON = dt.datetime(2020, 2, 25, 4, tzinfo=dt.UTC)


def delivered(conn: sa.Connection, delivery_id: str, day: dt.date = DAY, **changes: Any) -> None:
    row = {"feed": "checkins", "name": f"{delivery_id}.csv", "published_at": NOON, "run_id": "manual__publish"}
    ops.record_delivery(conn, ops.DeliveryRow(delivery_id=delivery_id, business_date=day, **(row | changes)))


def accepted(conn: sa.Connection, delivery_id: str, received: int, reasons: list[list[str]]) -> None:
    refused = pa.table(
        {
            "row_number": pa.array(range(1, len(reasons) + 1), pa.int32()),
            "reasons": pa.array(reasons, pa.list_(pa.string())),
            "payload": pa.array(['{"手机号": "154****6825"}'] * len(reasons), pa.string()),
        }
    )
    ops.replace_quarantine(conn, delivery_id, "conform", refused)
    good = received - len(reasons) - 1
    ops.finish_delivery(
        conn, delivery_id, "accepted", rows_received=received, rows_accepted=good, rows_quarantined=len(reasons),
        rows_ignored=1,
    )  # fmt: skip


def check(check_id: str, severity: str, outcome: str, **changes: Any) -> Any:
    row = {
        "check_id": check_id, "suite": "checkins", "expectation": "expect_table_row_count_to_be_between",
        "column_name": None, "severity": severity, "outcome": outcome, "observed_value": "37", "unexpected_count": None,
        "element_count": None, "run_id": "manual__publish", "checked_at": NOON,
    }  # fmt: skip
    return row | changes


def judged(conn: sa.Connection, day: dt.date, **states: str) -> None:
    rows = [
        {"feed": feed, "expected_by": NOON, "last_good_on": day, "last_good_at": NOON, "state": state}
        for feed, state in states.items()
    ]
    ops.replace_freshness(conn, day, rows)  # type: ignore[arg-type]


@pytest.fixture(scope="module", autouse=True)
def days(warehouse_url: str) -> sa.Engine:
    """Two days: check-ins that came well, late approvals with a rejected file, a feed that stayed away."""
    engine = ops.engine(warehouse_url)
    warehouse.create_all(engine)
    with engine.begin() as conn:
        for stage in ("land", "publish"):
            run = ops.RunRow(feed="checkins", business_date=DAY, stage=stage, status="ok", seconds=1.5, run_id="r+1")
            ops.record_run(conn, run)
        ops.record_run(conn, ops.RunRow(feed="city_cases", business_date=DAY, stage="land", status="failed"))
        delivered(conn, "am")
        accepted(conn, "am", 100, [["PHONE_INVALID"], ["PHONE_INVALID"], ["DATE_INVALID", "PHONE_INVALID"]])
        delivered(conn, "pm")
        accepted(conn, "pm", 50, [])
        delivered(conn, "broken", feed="approvals", name="approvals_20200225.jsonl")
        ops.finish_delivery(conn, "broken", "rejected", reason="WRONG_ENCODING: expected utf-8, it fails at byte 73")
        delivered(conn, "older", BEFORE, feed="approvals")
        accepted(conn, "older", 10, [])
        warned = check("rows", "warning", "fail"), check("null", "critical", "pass"), check("length", "info", "fail")
        ops.replace_checks(conn, "checkins", DAY, [*warned])
        judged(conn, DAY, checkins="fresh", approvals="late", carrier_wasu="stale")
    return engine


def test_a_cell_holds_the_accounts_of_all_accepted_deliveries(days: sa.Engine) -> None:
    with days.connect() as conn:
        cells = board.board(conn, [DAY, BEFORE])
    assert cells["checkins"][DAY] == board.Cell(
        freshness="fresh", deliveries=2, rows_accepted=145, rows_quarantined=3, rows_ignored=2, warnings=1
    )
    assert cells["approvals"][BEFORE].rows_accepted == 9
    assert cells["checkins"][BEFORE].empty


def test_the_worst_of_a_day_gives_its_colour(days: sa.Engine) -> None:
    with days.connect() as conn:
        cells = board.board(conn, [DAY])
    looks = {feed: cells[feed][DAY].look for feed in ("checkins", "approvals", "carrier_wasu", "city_cases")}
    assert looks == {"checkins": "good", "approvals": "warn", "carrier_wasu": "bad", "city_cases": "bad"}
    assert board.Cell(freshness="fresh", critical=1).look == "bad"
    assert board.Cell(freshness="fresh", rejected=1).look == "warn"


def test_a_feeds_day_tells_its_reasons_and_what_failed(days: sa.Engine) -> None:
    with days.connect() as conn:
        found = board.feed_day(conn, "checkins", DAY)
    assert found.reasons == [("PHONE_INVALID", 3), ("DATE_INVALID", 1)]
    assert [(c["check_id"], c["severity"]) for c in found.checks] == [("rows", "warning"), ("length", "info")]
    assert found.checks_passed == 1
    assert [stage["stage"] for stage in found.stages] == ["land", "publish"]


def test_the_board_begins_with_the_latest_day_that_ran(client: Any) -> None:
    shown = client().get("/resumption/board").text
    assert shown.index("02-25") < shown.index("02-24")
    assert "/resumption/board/checkins/2020-02-25" in shown
    assert "员工打卡" in shown
    assert "隔离 3" in shown


def test_a_feeds_day_says_in_words_why_and_leads_on(client: Any) -> None:
    shown = client(lang="en").get("/resumption/board/approvals/2020-02-25").text
    assert FileReason.WRONG_ENCODING.en in shown
    assert "it fails at byte 73" in shown
    assert "/resumption/quarantine?feed=approvals&amp;delivery=broken" in shown
    assert 'href="/dags/approvals/runs/manual__publish" target="_top"' in shown
    shown = client().get("/resumption/board/checkins/2020-02-25").text
    assert RowReason.PHONE_INVALID.zh in shown
    assert "/resumption/quarantine?feed=checkins&amp;day=2020-02-25&amp;reason=PHONE_INVALID" in shown
    assert "/dags/checkins/runs/r%2B1" in shown
    assert "行数在范围内" in shown


def test_a_run_of_a_decision_is_looked_for_under_its_own_dag(days: sa.Engine) -> None:
    action = ops.ActionRow(
        action="replay", feed="statistical_scope", delivery_id="s", note="n", acted_by="li", acted_at=NOON, run_id="m1"
    )
    with days.connect() as conn:
        ops.record_action(conn, action)
        found = board.runs_of(conn, "statistical_scope", ["m1", "b1", None])
        conn.rollback()
    assert found == [board.Run("statistical_scope", "b1"), board.Run("quarantine", "m1")]


def test_an_analyst_sees_counts_and_no_way_to_the_rows(client: Any) -> None:
    assert "02-25" in client("viewer").get("/resumption/board").text
    shown = client("viewer").get("/resumption/board/checkins/2020-02-25").text
    assert RowReason.PHONE_INVALID.zh in shown
    assert "/resumption/quarantine?" not in shown
    assert "/runs/" not in shown
    assert client("viewer").get("/resumption/quarantine").status_code == 403


def test_what_is_not_there_is_said(client: Any) -> None:
    assert client().get("/resumption/board/nonsense/2020-02-25").status_code == 404
    assert client().get("/resumption/board/checkins/yesterday").status_code == 422
    assert "没有收到交付" in client().get("/resumption/board/checkins/2019-12-31").text


@pytest.mark.parametrize("lang", texts.LANGS)
def test_every_reason_has_a_meaning(lang: texts.Lang) -> None:
    assert all(code.meaning(lang).strip() for code in [*RowReason, *FileReason])
