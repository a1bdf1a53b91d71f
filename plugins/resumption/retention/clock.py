"""As of which business date it is judged what has passed its time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import SHANGHAI

LIVED_WITHIN = timedelta(days=31)
"""What came later after its business date than this was not lived through: the past was loaded."""


def clock(live_from: date | None) -> date | None:
    """Return today, Shanghai time, of days that are lived through; else the latest business date loaded.

    Where past days are loaded, today lies years after them, and everything would be deleted at once. So today counts
    only if the latest delivery came when its day was lived, also where the scheduler catches up from a past date.

    Args:
        live_from: the first business date that was lived through by the clock; None: there is none.

    Returns:
        None where nothing was loaded yet.
    """
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    columns = ops.feed_delivery.c
    query = (
        sa.select(columns.business_date, columns.received_at)
        .where(columns.outcome == "accepted")
        .order_by(columns.business_date.desc(), columns.received_at)
        .limit(1)
    )
    with ops.engine().connect() as conn:
        latest = conn.execute(query).one_or_none()
    if latest is None:
        return None
    day, received_at = latest
    lived = received_at is not None and received_at.astimezone(SHANGHAI).date() - day <= LIVED_WITHIN
    return today if live_from and live_from <= today and lived else min(day, today)
