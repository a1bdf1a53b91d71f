"""What the checks saw: ``ops.check_result``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from resumption.ops.database import replace_rows
from resumption.ops.tables import CheckRow, check_result


def replace_checks(conn: sa.Connection, subject: str, day: dt.date, rows: Sequence[CheckRow]) -> None:
    """Make ``rows`` the check results of a feed's or a table's partition."""
    replace_rows(conn, check_result, {"subject": subject, "business_date": day}, rows)


def own_check(name: str, unexpected: int, of: int, run_id: str | None, *, failed: bool | None = None) -> CheckRow:
    """Return the result of a check that needs more than one partition, so that no suite can hold it; it warns.

    Args:
        failed: whether it failed; without it, whether anything was unexpected.
    """
    return {
        "check_id": name,
        "suite": None,
        "expectation": name,
        "column_name": None,
        "severity": "warning",
        "outcome": "fail" if (unexpected > 0 if failed is None else failed) else "pass",
        "observed_value": str(unexpected),
        "unexpected_count": unexpected,
        "element_count": of,
        "run_id": run_id,
        "checked_at": dt.datetime.now(dt.UTC),
    }
