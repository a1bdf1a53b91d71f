"""The same bytes for another business date are a new delivery, and a warning (decision 62)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from resumption import ops, pipeline
from resumption.conform import QUARANTINE_SCHEMA
from resumption.contracts import load_feed

CONTRACT = load_feed("approvals")


def accept(conn: sa.Connection, day: date, sha256: str) -> ops.DeliveryRow:
    row = ops.DeliveryRow(
        delivery_id=f"{day}", feed="approvals", business_date=day, name=f"approvals_{day:%Y%m%d}.jsonl", sha256=sha256,
        published_at=datetime(2020, 2, 26, tzinfo=UTC), received_at=datetime(2020, 2, 26, tzinfo=UTC),
    )  # fmt: skip
    ops.record_delivery(conn, row)
    counts = {"rows_received": 0, "rows_accepted": 0, "rows_quarantined": 0, "rows_ignored": 0}
    ops.finish_delivery(conn, row.delivery_id, "accepted", **counts)
    return row


@pytest.mark.parametrize(("sha256", "outcome"), [("same", "fail"), ("other", "pass")])
def test_bytes_of_another_date_warn(warehouse: sa.Engine, sha256: str, outcome: str) -> None:
    with warehouse.begin() as conn:
        accept(conn, date(2020, 2, 24), "same")
        today = accept(conn, date(2020, 2, 25), sha256)
        taken = [pipeline.Judged(today, CONTRACT.lake_schema().empty_table(), QUARANTINE_SCHEMA.empty_table())]
        check = pipeline._unchanged_content(conn, CONTRACT, taken, "test")
        conn.rollback()
    assert (check["check_id"], check["severity"], check["outcome"]) == ("UNCHANGED_CONTENT", "warning", outcome)
