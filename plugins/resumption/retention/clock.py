"""As of which business date it is judged what has passed its time."""

from __future__ import annotations

from datetime import UTC, date, datetime

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import SHANGHAI


def clock(live_from: date | None) -> date | None:
    """Return today, Shanghai time, of days that are lived through; else the latest business date loaded.

    Where past days are loaded, today lies years after them, and everything would be deleted at once.

    Args:
        live_from: the first business date that was lived through by the clock; None: there is none.

    Returns:
        None where nothing was loaded yet.
    """
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    if live_from and live_from <= today:
        return today
    columns = ops.feed_delivery.c
    with ops.engine().connect() as conn:
        query = sa.select(sa.func.max(columns.business_date)).where(columns.outcome == "accepted")
        latest: date | None = conn.execute(query).scalar_one()
    return min(latest, today) if latest else None
