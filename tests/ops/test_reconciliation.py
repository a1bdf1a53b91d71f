"""Totals against their parts: what agrees is kept too, what differs is a warning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import lake, ops
from resumption.consolidate import reconciliation
from resumption.contracts import load_feed, load_table
from resumption.models import RuleBook, load_models, run_models
from resumption.ops import Balance
from resumption.warehouse import create_all, mart_table
from tests.models.given import inputs

DAY = date(2020, 2, 25)
MOMENT = datetime(2020, 2, 25, 12, tzinfo=UTC)


@pytest.fixture
def conn(warehouse: sa.Engine, home: Path) -> Iterator[sa.Connection]:
    create_all(warehouse)
    with warehouse.connect() as conn:
        yield conn  # never committed
        conn.rollback()


def balance(subject: str, total: int, parts: int, item: str = "x") -> Balance:
    return Balance(subject=subject, item=item, total=total, parts=parts)


def test_a_difference_is_a_warning_of_its_subject(conn: sa.Connection) -> None:
    found = [balance("lake", 7, 7), balance("city_cases", 1_217, 1_205), balance("city_cases", 5, 5, "y")]
    assert ops.replace_reconciliation(conn, DAY, found, "run") == 1
    assert ops.replace_reconciliation(conn, DAY, found, "run") == 1  # a repeat replaces
    kept = conn.execute(sa.select(ops.reconciliation).order_by("subject", "item")).all()
    assert [(row.subject, row.item, row.difference) for row in kept] == [
        ("city_cases", "x", 12), ("city_cases", "y", 0), ("lake", "x", 0),
    ]  # fmt: skip
    checks = ops.check_result.c
    seen = conn.execute(
        sa.select(checks.check_id, checks.severity, checks.outcome, checks.observed_value, checks.element_count)
        .where(checks.subject == "reconciliation", checks.business_date == DAY)
        .order_by(checks.check_id)
    ).all()
    assert [tuple(row) for row in seen] == [
        ("TOTALS_DIFFER:city_cases", "warning", "fail", "1", 2),
        ("TOTALS_DIFFER:lake", "warning", "pass", "0", 1),
    ]


def delivery(conn: sa.Connection, feed: str, name: str, accepted: int, quarantined: int) -> None:
    row = ops.DeliveryRow(
        delivery_id=f"{feed}/{DAY}/{name}", feed=feed, business_date=DAY, name=name, outcome="accepted",
        rows_received=accepted + quarantined, rows_accepted=accepted, rows_quarantined=quarantined, rows_ignored=0,
    )  # fmt: skip
    ops.record_delivery(conn, row)


def test_rows_that_only_the_registry_does_not_know_stay_in_the_lake(conn: sa.Connection) -> None:
    delivery(conn, "checkins", "am.csv", 10, 3)
    refused = {"feed": "checkins", "business_date": DAY, "reasons": ["X"], "payload": {}, "quarantined_at": "now"}
    rows = [("conform", "open"), ("resolve", "open"), ("resolve", "released")]
    conn.execute(
        ops.quarantine_row.insert(),
        [
            {**refused, "delivery_id": f"checkins/{DAY}/am.csv", "row_number": n, "stage": stage, "state": state}
            for n, (stage, state) in enumerate(rows)
        ],
    )
    assert ops.rows_kept(conn, DAY) == {"checkins": 11}
    assert ops.delivered(conn, DAY) == [balance("deliveries", 13, 13, "checkins")]


def test_rows_that_were_lost_in_the_lake_are_seen(conn: sa.Connection) -> None:
    contract = load_feed("city_cases")
    delivery(conn, "city_cases", "city_cases_20200225.csv", 2, 0)
    assert lake.rows_delivered("city_cases", DAY) == 0
    schema = contract.lake_schema()
    any_value = {pa.string(): "x", pa.int64(): 1, pa.date32(): DAY, pa.bool_(): False}
    row = {f.name: any_value.get(f.type, [] if pa.types.is_list(f.type) else MOMENT) for f in schema}
    lake.replace_batch(contract, DAY, pa.Table.from_pylist([row | {"row_number": 1}], schema), {})
    assert reconciliation._lake(conn, DAY) == [balance("lake", 2, 1, "city_cases")]


def test_levels_add_up_to_the_district(conn: sa.Connection) -> None:
    table = mart_table(load_table("resumption_summary"))
    common = {
        "business_date": DAY, "scope": "industry", "official_rate": 0, "corroborated_rate": 0, "reporting": 0,
        "coverage": 0, "suppressed": False, "rule_version": "", "run_id": "", "built_at": "now",
    }  # fmt: skip
    cells = [("district", "330108", 9, 4), ("park", "P001", 5, 3), ("park", "unallocated", 4, 0)]
    conn.execute(
        table.insert(),
        [common | {"level": level, "unit": unit, "denominator": n, "resumed": r} for level, unit, n, r in cells],
    )
    assert reconciliation._levels(conn, DAY) == [
        balance("resumption_summary", 9, 9, "industry, park: denominator"),
        balance("resumption_summary", 4, 3, "industry, park: resumed"),
    ]


def test_a_province_is_the_sum_of_its_places() -> None:
    places = [(None, 1_217), ("330100", 169), ("330300", 504)]
    rows = [
        {"reported_on": DAY, "province_code": "330000", "city_code": city, "confirmed": count} for city, count in places
    ]
    rows.append({"reported_on": DAY, "province_code": "420000", "city_code": "420100", "confirmed": 9})
    given = [
        {"feed": "city_cases", "for": DAY, "rows": rows},
        # Sent again: the later count of the same place holds, and adds nothing.
        {"feed": "city_cases", "for": DAY, "name": "z", "rows": [rows[2] | {"confirmed": 500}]},
        {"feed": "city_cases", "for": date(2020, 2, 24), "rows": [rows[1] | {"reported_on": date(2020, 2, 24)}]},
    ]
    found = run_models(inputs(given), DAY, ["bulletin_total"], RuleBook.load(), models=load_models())["bulletin_total"]
    assert found.to_pylist() == [{"province_code": "330000", "total": 1_217, "parts": 669}]
