"""Who looked behind a token, and why: ``ops.access_log``."""

from __future__ import annotations

import sqlalchemy as sa

from resumption.ops.tables import access_log


def record_access(conn: sa.Connection, what: str, *, by: str, purpose: str, asked: int, found: int) -> None:
    """Append one row: how much was asked for and found, never what.

    Raises:
        ValueError: it does not say who and what for.
    """
    if not by.strip() or not purpose.strip():
        raise ValueError(f"access to the {what}: expected who asks and for which purpose, got a blank")
    values = {"what": what, "accessed_by": by, "purpose": purpose, "asked": asked, "found": found}
    # inline: readers may append to the log but not look into it, not even for the number of their own row.
    conn.execute(access_log.insert().inline().values(**values, accessed_at=sa.func.now()))
