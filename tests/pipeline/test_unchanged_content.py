"""The same bytes for another business date are a new delivery, and a warning (decision 62)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from resumption import ops
from resumption.pipeline.own_checks import own_checks

FIRST, SECOND = date(2020, 2, 24), date(2020, 2, 25)


def accept(conn: sa.Connection, day: date, sha256: str) -> None:
    row = ops.DeliveryRow(
        delivery_id=f"{day}", feed="approvals", business_date=day, name=f"approvals_{day:%Y%m%d}.jsonl", sha256=sha256,
        published_at=datetime(2020, 2, 26, tzinfo=UTC), received_at=datetime(2020, 2, 26, tzinfo=UTC),
    )  # fmt: skip
    ops.record_delivery(conn, row)
    counts = {"rows_received": 0, "rows_accepted": 0, "rows_quarantined": 0, "rows_ignored": 0}
    ops.finish_delivery(conn, row.delivery_id, "accepted", **counts)


def verdict(conn: sa.Connection, day: date) -> tuple[str, str, str]:
    check = own_checks(conn, "approvals", day, {}, "test")[0]
    return check["check_id"], check["severity"], check["outcome"]


@pytest.mark.parametrize(("sha256", "outcome"), [("same", "fail"), ("other", "pass")])
@pytest.mark.parametrize("order", [(FIRST, SECOND), (SECOND, FIRST)])
def test_bytes_of_another_date_warn(warehouse: sa.Engine, sha256: str, outcome: str, order: tuple[date, date]) -> None:
    with warehouse.begin() as conn:
        for day in order:
            accept(conn, day, sha256 if day == SECOND else "same")
        found = [verdict(conn, day) for day in (FIRST, SECOND)]
        conn.rollback()
    assert found == [("UNCHANGED_CONTENT", "warning", "pass"), ("UNCHANGED_CONTENT", "warning", outcome)]
