from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import ops
from resumption.briefing import Picture, picture, render
from resumption.briefing.figures import main_reasons, stale_tables
from resumption.briefing.text import width
from resumption.contracts import load_table
from resumption.warehouse import create_all, schema

DAY = dt.date(2020, 2, 25)
BEFORE = DAY - dt.timedelta(1)
BUILT = dt.datetime(2020, 2, 26, 2, 3, tzinfo=dt.UTC)

# What a required column holds in a row that does not speak of it.
FILLER = {"text": "x", "text[]": [], "bigint": 0, "double precision": 0.0, "boolean": False, "numeric(18,4)": 0}
FILLER |= {"date": DAY, "timestamptz": BUILT}


@pytest.fixture(scope="module", autouse=True)
def tables(warehouse: sa.Engine) -> sa.Engine:
    """The tables and views that a briefing reads, empty."""
    create_all(warehouse)
    return warehouse


@pytest.fixture
def conn(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Connection]:
    """Rows that are rolled back leave no trace of a build, by which what was read is kept."""
    monkeypatch.setattr(sys.modules[picture.__module__], "_KEPT", {})
    with warehouse.connect() as connection:
        yield connection
        connection.rollback()


def fill(conn: sa.Connection, name: str, *rows: dict[str, Any]) -> None:
    contract = load_table(name)
    blank = {column.name: FILLER[column.type] if column.required else None for column in contract.columns}
    conn.execute(schema.mart_table(contract).insert(), [blank | row for row in rows])


def scope(name: str, denominator: int, resumed: int, **changes: Any) -> dict[str, Any]:
    rates = {"official_rate": resumed / denominator, "corroborated_rate": 0.5, "reporting": denominator}
    place = {"business_date": DAY, "scope": name, "level": "district", "unit": "330108"}
    built = {"rule_version": "1.0.0", "built_at": BUILT}
    return {**place, "denominator": denominator, "resumed": resumed, **rates, **built, **changes}


def power(level: str, unit: str, **changes: Any) -> dict[str, Any]:
    figures = {"index": 53.71, "n": 1000, "n_resumed": 602, "kwh_resumed": 4727, "baseline_kwh": 10000}
    return {"business_date": DAY, "level": level, "unit": unit, "coverage": 0.4, "dominated": False} | figures | changes


def deliver(conn: sa.Connection, feed: str, name: str, received: int, *bad: tuple[int, str], **changes: Any) -> None:
    """Record an accepted delivery of the day with rows refused for a reason."""
    delivery_id = f"{feed}/{name}"
    values: dict[str, Any] = {"business_date": DAY} | changes
    ops.record_delivery(conn, ops.DeliveryRow(delivery_id=delivery_id, feed=feed, name=name, **values))
    reasons = pa.array([[reason] for _, reason in bad], pa.list_(pa.string()))
    numbers = pa.array([number for number, _ in bad], pa.int64())
    rows = pa.table({"row_number": numbers, "reasons": reasons, "payload": pa.nulls(len(bad), pa.string())})
    ops.replace_quarantine(conn, delivery_id, "conform", rows)
    counts = {"rows_received": received, "rows_accepted": received - len(bad), "rows_quarantined": len(bad)}
    ops.finish_delivery(conn, delivery_id, "accepted", rows_ignored=0, **counts)


def reject(conn: sa.Connection, feed: str, name: str, reason: str) -> None:
    row = ops.DeliveryRow(delivery_id=f"{feed}/{name}", feed=feed, business_date=DAY, name=name)
    ops.record_delivery(conn, row)
    ops.finish_delivery(conn, row.delivery_id, "rejected", reason)


def check(check_id: str, severity: ops.CheckSeverity, outcome: ops.CheckVerdict = "fail") -> ops.CheckRow:
    return {
        "check_id": check_id, "suite": "s", "expectation": "expect_x", "column_name": None, "severity": severity,
        "outcome": outcome, "observed_value": "0.3", "unexpected_count": 1200, "element_count": 4000, "run_id": "r",
        "checked_at": BUILT,
    }  # fmt: skip


def built(conn: sa.Connection, day: dt.date) -> None:
    build = {
        "inputs": {},
        "outcome": "published",
        "rule_versions": "resumption_summary@1.0.0",
        "rows": 1,
        "run_id": "r",
    }
    row = {"table_name": "resumption_summary", "business_date": day, "built_at": BUILT}
    conn.execute(ops.table_build.insert(), [row | build])


@pytest.fixture
def day(conn: sa.Connection) -> Picture:
    """A day on which one feed was rejected, one partly refused, most did not come, and a check kept a table back."""
    fill(
        conn,
        "resumption_summary",
        scope("services", 1024, 993, delta_1d=0.0123),
        scope("statistical", 23000, 21137, delta_1d=-0.004),
        scope("above_scale_real_estate", 3, 1, suppressed=True),
        scope("statistical", 22, 22, level="subdistrict", unit="330108001"),
        scope("statistical", 23000, 20000, business_date=BEFORE),
    )
    fill(
        conn,
        "power_index_summary",
        power("subdistrict", "unallocated", index=12.5, coverage=None),
        power("subdistrict", "330108999", dominated=True, index=25.42),
        power("district", "330108"),
    )
    stays = [("high", "open")] * 7 + [("high", "closed")] * 6 + [("medium", "open")] * 2
    rows = [{"episode_no": n, "key_level": level, "state": state} for n, (level, state) in enumerate(stays)]
    fill(conn, "returnee_screening", *rows)
    decisions = ["ok"] * 9 + ["check"] * 6 + ["do_not_admit"] * 5
    fill(conn, "employee_screening", *({"person_token": str(n), "decision": d} for n, d in enumerate(decisions)))
    homes = ["STAYED"] * 8 + ["RETURNED"] * 5 + ["VACANT"] * 2
    of_one = {"community_code": "c"}
    fill(
        conn,
        "household_power_screening",
        *(of_one | {"meter_token": str(n), "scenario": h} for n, h in enumerate(homes)),
    )
    built(conn, DAY)
    deliver(conn, "checkins", "am.csv", 100, (1, "PHONE_INVALID"), (2, "PHONE_INVALID"), (3, "USCC_INVALID"))
    deliver(conn, "checkins", "pm.csv", 50, (7, "USCC_INVALID"), (8, "PHONE_INVALID"))
    deliver(conn, "self_reports", "09.jsonl", 10, business_date=BEFORE)
    reject(conn, "approvals", "approvals_20200225.jsonl", "TRUNCATED: 10 rows declared, 8 found")
    ops.replace_checks(conn, "checkins", DAY, [check("rows:1", "warning"), check("rows:2", "critical", "pass")])
    ops.replace_checks(conn, "enterprise", DAY, [check("unique:uscc", "critical")])
    fresh: ops.FreshnessRow = {
        "feed": "self_reports", "expected_by": BUILT, "last_good_on": BEFORE, "last_good_at": BUILT, "state": "stale",
    }  # fmt: skip
    ops.replace_freshness(conn, DAY, [fresh])
    return picture(conn, DAY)


def cells(text: str, start: str) -> list[str]:
    """Cells of the one line of a text that starts so."""
    (found,) = [one for one in text.splitlines() if one.strip().startswith(start)]
    return [cell.strip() for cell in found.split("  ") if cell.strip()]


def told(conn: sa.Connection, shown: Picture) -> str:
    return render(shown, main_reasons(conn, shown.day), stale_tables(conn, shown.day))


def test_resumption_by_scope(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day)
    assert cells(text, "statistical  ") == ["statistical", "23,000", "21,137", "91.9 %", "50.0 %", "23,000", "-0.4 pp"]
    assert cells(text, "services") == ["services", "1,024", "993", "97.0 %", "50.0 %", "1,024", "+1.2 pp"]
    assert [s["scope"] for s in day.scopes] == ["statistical", "services", "above_scale_real_estate"]


def test_what_the_published_view_hides_the_terminal_hides(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day)
    assert cells(text, "above scale real estate") == ["above scale real estate", *["hidden"] * 5, "-"]
    assert cells(text, "open, from a medium region") == ["open, from a medium region", "hidden", "1"]


def test_power_index_of_district_and_subdistricts(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day)
    assert cells(text, "district") == ["district", "53.71", "1,000", "60.2 %", "47.3 %", "40.0 %"]
    assert cells(text, "330108999")[:2] == ["330108999", "25.42"]
    assert cells(text, "unallocated") == ["unallocated", "12.50", "1,000", "60.2 %", "47.3 %", "-"]
    assert [row["unit"] for row in day.power] == ["330108", "330108999", "unallocated"]


def test_counts_of_people_and_homes(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day)
    assert cells(text, "open, from a high region") == ["open, from a high region", "7", "0"]
    assert cells(text, "closed, from a high region") == ["closed, from a high region", "6", "0"]
    assert [cells(text, f"{d}  ")[1] for d in ("do_not_admit", "check", "ok")] == ["5", "6", "9"]
    assert [cells(text, h)[1:] for h in ("STAYED", "VACANT")] == [["8", "0"], ["hidden", "1"]]


@pytest.mark.parametrize(
    ("counts", "published"),
    [
        ({"ok": 30, "check": 9, "do_not_admit": 5}, {"ok", "check", "do_not_admit"}),
        ({"ok": 30, "check": 9, "do_not_admit": 4}, {"ok"}),
        ({"ok": 30, "check": 1, "do_not_admit": 4}, {"ok"}),
        ({"ok": 30, "missing_data": 2}, set()),
    ],
)
def test_a_few_employees_are_hidden_and_never_one_decision_alone(
    conn: sa.Connection, counts: dict[str, int], published: set[str]
) -> None:
    decisions = [decision for decision, n in counts.items() for _ in range(n)]
    fill(conn, "employee_screening", *({"person_token": str(n), "decision": d} for n, d in enumerate(decisions)))
    shown = {row.decision for row in picture(conn, DAY).employees if row.employees is not None}
    assert shown == published


def test_a_feed_that_came_shows_rows_and_the_main_reasons(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day)
    assert cells(text, "checkins  ") == ["checkins", "received", "2", "145", "5", "0", "0", "-"]
    assert "  checkins: quarantined PHONE_INVALID 3, USCC_INVALID 2" in text.splitlines()


def test_a_feed_that_did_not_come_is_missing_never_zero(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day)
    assert cells(text, "self_reports  ") == ["self_reports", "MISSING", "-", "-", "-", "-", "-", "stale"]
    assert "  self_reports: nothing came for this day; the last good day is 2020-02-24" in text.splitlines()
    assert cells(text, "statistical_scope  ")[:3] == ["statistical_scope", "not due", "-"]


def test_a_rejected_delivery_says_why(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day)
    assert cells(text, "approvals  ") == ["approvals", "REJECTED", "1", "-", "-", "-", "1", "-"]
    assert "  approvals: rejected approvals_20200225.jsonl: TRUNCATED: 10 rows declared, 8 found" in text.splitlines()


def test_checks_say_what_was_kept_back_and_what_warns(conn: sa.Connection, day: Picture) -> None:
    text = told(conn, day).splitlines()
    assert "Checks: 3 run, 1 stopped a publication, 1 warn" in text
    kept = "  KEPT BACK enterprise 2020-02-25: unique:uscc (observed 0.3, 1,200 rows); the last good partition stays"
    assert kept in text
    assert "  warning checkins: rows:1 (observed 0.3, 1,200 rows)" in text


def test_tables_without_rows_for_the_day_are_named(conn: sa.Connection, day: Picture) -> None:
    stale = {line.table: line.latest for line in stale_tables(conn, DAY + dt.timedelta(1))}
    assert stale["power_index_summary"] == DAY
    assert stale["approval_reference"] is None
    assert not {"power_index_summary", "resumption_summary"} & {line.table for line in stale_tables(conn, DAY)}


def test_a_day_that_was_not_built_says_so(conn: sa.Connection, day: Picture) -> None:
    later = picture(conn, DAY + dt.timedelta(1))
    text = told(conn, later)
    assert "not built yet" in text
    assert later.scopes == ()
    assert "  no figures for this day" in text.splitlines()
    assert "  power_index_summary: shows 2020-02-25" in text.splitlines()
    assert {feed.status for feed in later.feeds} == {"missing", "not due"}


def test_an_empty_warehouse_has_no_zeros(conn: sa.Connection) -> None:
    lines = told(conn, picture(conn, DAY)).splitlines()
    for title in ("Returnees' episodes", "Resumption by scope", "Employees by screening decision"):
        assert lines[lines.index(title) + 1] == "  no figures for this day"
    assert "  returnee_screening: empty" in lines


def test_an_earlier_day_says_that_screening_shows_the_latest_state(conn: sa.Connection, day: Picture) -> None:
    assert "Returnees' episodes (state at 2020-02-25, the latest built day)" in told(conn, picture(conn, BEFORE))


def test_the_text_fits_a_terminal_and_its_columns_line_up_with_chinese_names(conn: sa.Connection, day: Picture) -> None:
    placed = tuple(row | ({"unit": "330108002"} if row["unit"] == "330108999" else {}) for row in day.power)
    lines = told(conn, dataclasses.replace(day, power=placed)).splitlines()
    assert any("长河街道" in line for line in lines)
    start = lines.index(next(one for one in lines if one.startswith("  unit")))
    assert {width(one) for one in lines[start : start + 4]} == {width(lines[start])}
    assert max(width(one) for one in lines) <= 110
    assert "Tuesday, 25 February 2020" in lines[0]
