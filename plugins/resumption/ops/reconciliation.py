"""Totals against their parts: ``ops.reconciliation``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from resumption.ops.checks import own_check, replace_checks
from resumption.ops.database import replace_rows
from resumption.ops.expiry import has_expired
from resumption.ops.tables import feed_delivery, quarantine_row, reconciliation

TOTALS_DIFFER = "TOTALS_DIFFER"


@dataclass(frozen=True, kw_only=True)
class Balance:
    """A total and the sum of its parts; ``subject`` says of what, ``item`` of which."""

    subject: str
    item: str
    total: int
    parts: int


def replace_reconciliation(conn: sa.Connection, day: dt.date, found: Sequence[Balance], run_id: str | None) -> int:
    """Make ``found`` what was reconciled for a day, with a check for each subject; return how many differ."""
    rows = [{**asdict(each), "difference": each.total - each.parts} for each in found]
    replace_rows(conn, reconciliation, {"business_date": day}, rows)
    checks = []
    for subject in sorted({each.subject for each in found}):
        of_subject = [each for each in found if each.subject == subject]
        differing = sum(each.total != each.parts for each in of_subject)
        checks.append(own_check(f"{TOTALS_DIFFER}:{subject}", differing, len(of_subject), run_id))
    replace_checks(conn, "reconciliation", day, checks)
    return sum(each.total != each.parts for each in found)


def delivered(conn: sa.Connection, day: dt.date) -> list[Balance]:
    """Rows received of each feed's accepted deliveries of a day, against those accepted, quarantined and ignored."""
    columns = feed_delivery.c
    parts = columns.rows_accepted + columns.rows_quarantined + columns.rows_ignored
    query = (
        sa.select(columns.feed, sa.func.sum(columns.rows_received), sa.func.sum(parts))
        .where(columns.business_date == day, columns.outcome == "accepted")
        .group_by(columns.feed)
        .order_by(columns.feed)
    )
    return [
        Balance(subject="deliveries", item=feed, total=int(total), parts=int(sum_))
        for feed, total, sum_ in conn.execute(query)
    ]


def rows_kept(conn: sa.Connection, day: dt.date) -> dict[str, int]:
    """Feed → rows that the lake must hold of a day's accepted deliveries, of feeds of which retention took none.

    Those accepted, and those that only the registry does not know: they are quarantined, and stay in the lake.
    """
    columns, refused = feed_delivery.c, quarantine_row.c
    unresolved = (
        sa.select(sa.func.count())
        .where(refused.delivery_id == columns.delivery_id, refused.stage == "resolve", refused.state != "released")
        .scalar_subquery()
    )
    query = (
        sa.select(columns.feed, sa.func.sum(columns.rows_accepted + unresolved))
        .where(columns.business_date == day, columns.outcome == "accepted")
        .group_by(columns.feed)
        .having(sa.not_(sa.func.bool_or(has_expired(columns.delivery_id))))
    )
    return {feed: int(rows) for feed, rows in conn.execute(query)}
