"""What retention has deleted, and the proofs of it: ``ops.expiry``, ``ops.retention_proof``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from resumption.ops.tables import expiry, feed_delivery, quarantine_row, retention_proof

Place = Literal["lake", "landing", "vault"]


@dataclass(frozen=True, kw_only=True)
class ExpiryRow:
    """What of one delivery has passed its time in one place; ``items`` are rows of the lake, else files."""

    as_of: dt.date
    place: Place
    delivery_id: str
    feed: str
    business_date: dt.date
    kept_from: dt.date
    items: int


@dataclass(frozen=True, kw_only=True)
class ProofRow:
    """One row of ``ops.retention_proof`` but for its number and time; the fields are its columns."""

    act: Literal["retention", "shutdown"] = "retention"
    as_of: dt.date
    place: str
    subject: str
    kept_from: dt.date | None = None
    deleted: int = 0
    partitions: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int | None] = field(default_factory=dict)
    looked_at: int = 0
    versions: int | None = None
    remaining: int = 0
    files_hash: str | None = None
    made_by: str
    run_id: str


def plan_expiry(conn: sa.Connection, rows: Sequence[ExpiryRow]) -> None:
    """Write what is about to be deleted. A run that was killed has written more of it than the next one finds."""
    if not rows:
        return
    statement = insert(expiry).values([asdict(row) for row in rows])
    given, there = statement.excluded, expiry.c
    most = sa.case((there.proof_id.is_(None), sa.func.greatest(there["items"], given["items"])), else_=given["items"])
    changes = {"items": most, "kept_from": sa.func.greatest(there.kept_from, given.kept_from), "proof_id": None}
    conn.execute(statement.on_conflict_do_update(index_elements=expiry.primary_key.columns, set_=changes))


def unproven(conn: sa.Connection, place: str, feed: str) -> dict[str, int]:
    """Return business date → items that were deleted in a place and that no proof counts yet."""
    columns = expiry.c
    query = (
        sa.select(columns.business_date, sa.func.sum(columns["items"]))
        .where(columns.place == place, columns.feed == feed, columns.proof_id.is_(None))
        .group_by(columns.business_date)
        .order_by(columns.business_date)
    )
    return {day.isoformat(): int(items) for day, items in conn.execute(query)}


def record_proof(conn: sa.Connection, proof: ProofRow) -> int:
    """Append a proof and let it count what was deleted in its place; return its number."""
    statement = retention_proof.insert().values(**asdict(proof), made_at=sa.func.now())
    number: int = conn.execute(statement.returning(retention_proof.c.proof_id)).scalar_one()
    columns = expiry.c
    counted = (columns.place == proof.place, columns.feed == proof.subject, columns.proof_id.is_(None))
    if not proof.remaining:
        conn.execute(expiry.update().where(*counted).values(proof_id=number))
    return number


def purposes_ended(conn: sa.Connection) -> bool:
    """Whether a shutdown was begun: then nothing is taken in any more."""
    ended: bool = conn.execute(sa.select(sa.exists().where(retention_proof.c.act == "shutdown"))).scalar_one()
    return ended


def expired_before(conn: sa.Connection) -> dict[str, dt.date]:
    """Return feed → date before which its rows in the lake are deleted, of feeds that have lost any."""
    query = (
        sa.select(expiry.c.feed, sa.func.max(expiry.c.kept_from))
        .where(expiry.c.place == "lake")
        .group_by(expiry.c.feed)
    )
    return dict(conn.execute(query).tuples().all())


def has_expired(delivery_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Hold where rows of the delivery were deleted from the lake: its accounts stay as they were."""
    return sa.exists().where(expiry.c.delivery_id == delivery_id, expiry.c.place == "lake")


def forget_landed(conn: sa.Connection, delivery_ids: Sequence[str]) -> None:
    """Note that the bytes of deliveries are gone: they can be judged no more."""
    gone = feed_delivery.c.delivery_id.in_(delivery_ids)
    conn.execute(feed_delivery.update().where(gone).values(landing_uri=None))


def blank_payloads(conn: sa.Connection, feed: str, condition: sa.ColumnElement[bool]) -> dict[str, int]:
    """Empty the payloads of a feed's refused rows; return business date → rows. The accounts rest on the rows."""
    columns = quarantine_row.c
    which = (columns.feed == feed, columns.payload.is_not(None), condition)
    query = sa.select(columns.business_date, sa.func.count()).where(*which).group_by(columns.business_date)
    found = {day.isoformat(): rows for day, rows in conn.execute(query.order_by(columns.business_date)).tuples()}
    # An SQL null, not the JSON one.
    conn.execute(quarantine_row.update().where(*which).values(payload=sa.null()))
    return found
