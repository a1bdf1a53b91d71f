"""Deliveries and the verdicts on them: ``ops.feed_delivery``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from resumption.contracts.reasons import FileReason
from resumption.ops.tables import DeliveryOutcome, DeliveryRow, feed_delivery, quarantine_row

if TYPE_CHECKING:
    import pyarrow as pa


class AccountingError(ValueError):
    """Counts of a delivery that do not add up, or a verdict on a delivery that was never recorded."""


def hold_deliveries(conn: sa.Connection, *, alone: bool = False) -> None:
    """Let feeds write verdicts side by side, but resolution, which touches all feeds, alone: else they deadlock."""
    lock = sa.func.pg_advisory_xact_lock if alone else sa.func.pg_advisory_xact_lock_shared
    conn.execute(sa.select(lock(sa.func.hashtextextended("ops.feed_delivery", 0))))


def record_delivery(conn: sa.Connection, delivery: DeliveryRow) -> None:
    """Write a delivery as it was received, before it is read.

    Recording the same ``delivery_id`` again never takes back a verdict: an accepted or repeated delivery stays as it
    is, a rejected or incomplete one is replaced by what came now and so judged afresh (decision 56).
    """
    hold_deliveries(conn)
    values = asdict(delivery)
    statement = insert(feed_delivery).values(values)
    changes = {name: statement.excluded[name] for name in values if name != "delivery_id"}
    open_outcomes = ("landed", "rejected", "incomplete")
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["delivery_id"], set_=changes, where=feed_delivery.c.outcome.in_(open_outcomes)
        )
    )


def reopen_repeat(conn: sa.Connection, delivery_id: str) -> None:
    """Let a delivery that was taken for a repeat wait to be published, now that it repeats nothing any more."""
    hold_deliveries(conn)
    columns = feed_delivery.c
    repeat = (columns.delivery_id == delivery_id, columns.outcome == "repeat")
    conn.execute(feed_delivery.update().where(*repeat).values(outcome="landed"))


def _delivery_rows(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> list[DeliveryRow]:
    """Deliveries in delivery order: published at, then name (decision 36), never the time we received them."""
    columns = feed_delivery.c
    query = (
        sa.select(feed_delivery)
        .where(condition)
        .order_by(columns.business_date, columns.published_at, columns.name, columns.delivery_id)
    )
    return [DeliveryRow(**row) for row in conn.execute(query).mappings()]


def known_deliveries(conn: sa.Connection, feed: str) -> list[DeliveryRow]:
    """Every delivery of a feed that was ever recorded, in delivery order."""
    return _delivery_rows(conn, feed_delivery.c.feed == feed)


class Version(Protocol):
    """What tells the versions of a delivery apart."""

    @property
    def feed(self) -> str: ...  # noqa: D102
    @property
    def business_date(self) -> dt.date: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def published_at(self) -> dt.datetime | None: ...  # noqa: D102
    @property
    def delivery_id(self) -> str: ...  # noqa: D102


V = TypeVar("V", bound=Version)


def latest_versions(accepted: Iterable[V]) -> list[V]:
    """Return the deliveries that count: of one feed, business date and name only the latest version (decision 35).

    "Latest" is the sender's time of publication, never our time of receipt, so that the order of arrival does not
    matter.
    """
    latest: dict[tuple[str, dt.date, str], V] = {}
    for delivery in sorted(
        accepted, key=lambda d: (d.published_at or dt.datetime.min.replace(tzinfo=dt.UTC), d.delivery_id)
    ):
        latest[delivery.feed, delivery.business_date, delivery.name] = delivery
    return [latest[key] for key in sorted(latest)]


def deliveries_to_publish(conn: sa.Connection, feed: str, day: dt.date) -> list[DeliveryRow]:
    """Deliveries that publishing ``day`` has to conform, in delivery order.

    Those landed and not judged yet with a business date up to ``day``, and again those of ``day`` itself that were
    accepted or kept back by a failed check, so that a repeated run judges the same partition. What was kept back for
    another date is judged again with what has joined it there: half a date may fail where all of it does not.
    """
    columns = feed_delivery.c
    waiting = sa.and_(columns.outcome == "landed", columns.business_date <= day)
    check_failed = columns.reason.startswith(FileReason.CHECK_FAILED.value, autoescape=True)
    kept_back = sa.and_(columns.outcome == "rejected", check_failed)
    added_to = sa.select(columns.business_date).where(columns.feed == feed, waiting).correlate(None)
    of_day, joined = columns.business_date == day, columns.business_date.in_(added_to)
    again = sa.or_(sa.and_(of_day, columns.outcome == "accepted"), sa.and_(sa.or_(of_day, joined), kept_back))
    # What retention has deleted can be judged no more: what was made of it stays.
    there = columns.landing_uri.is_not(None)
    return _delivery_rows(conn, sa.and_(columns.feed == feed, sa.or_(waiting, sa.and_(again, there))))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a recorded delivery; counts are rows as conform saw them. What is not known stays as recorded."""

    delivery_id: str
    outcome: DeliveryOutcome
    reason: str | None = None
    rows_received: int | None = None
    rows_accepted: int | None = None
    rows_quarantined: int | None = None
    rows_ignored: int | None = None
    schema_fingerprint: str | None = None
    contract_version: str | None = None
    run_id: str | None = None

    def add_up(self) -> None:
        """Raise AccountingError where the counts of an accepted delivery do not."""
        rows = (self.rows_received, self.rows_accepted, self.rows_quarantined, self.rows_ignored)
        if self.outcome == "accepted" and (None in rows or sum(n or 0 for n in rows[1:]) != self.rows_received):
            raise AccountingError(
                f"delivery {self.delivery_id}: expected accepted + quarantined + ignored = received, got "
                f"{self.rows_accepted} + {self.rows_quarantined} + {self.rows_ignored} and {self.rows_received}"
            )

    def values(self, refused: int) -> dict[str, Any]:
        """Return the parameters that write it, ``refused`` rows of an accepted delivery having been refused since."""
        values = asdict(self) | {"which": self.delivery_id}
        if self.outcome == "accepted":
            values["rows_accepted"] -= refused
            values["rows_quarantined"] += refused
        return values


def _refused_at_resolution(conn: sa.Connection, delivery_ids: Sequence[str]) -> dict[str, int]:
    """Return for each recorded delivery how many rows resolution refused."""
    deliveries, rows = feed_delivery.c, quarantine_row.c
    refused = sa.and_(rows.delivery_id == deliveries.delivery_id, rows.stage == "resolve", rows.state == "open")
    query = (
        sa.select(deliveries.delivery_id, sa.func.count(rows.delivery_id))
        .select_from(feed_delivery.outerjoin(quarantine_row, refused))
        .where(deliveries.delivery_id.in_(delivery_ids))
        .group_by(deliveries.delivery_id)
    )
    return dict(conn.execute(query).tuples().all())


_ALWAYS = ("outcome", "reason", "rows_received", "rows_accepted", "rows_quarantined", "rows_ignored")
_WHERE_KNOWN = ("schema_fingerprint", "contract_version", "run_id")
_FINISH = (
    feed_delivery.update()
    .where(feed_delivery.c.delivery_id == sa.bindparam("which"))
    .values(
        {name: sa.bindparam(name) for name in _ALWAYS}
        | {name: sa.func.coalesce(sa.bindparam(name, type_=sa.Text), feed_delivery.c[name]) for name in _WHERE_KNOWN}
    )
)


def finish_deliveries(conn: sa.Connection, verdicts: Sequence[Verdict]) -> None:
    """Write the verdicts on recorded deliveries.

    Rows that resolution refused earlier stay refused: they are moved from accepted to quarantined again. Replace the
    refused rows first.

    Raises:
        AccountingError: an accepted delivery whose counts do not add up, or a delivery that was not recorded.
    """
    hold_deliveries(conn)
    refused = _refused_at_resolution(conn, [verdict.delivery_id for verdict in verdicts])
    for verdict in verdicts:
        verdict.add_up()
        if verdict.delivery_id not in refused:
            raise AccountingError(
                f"delivery {verdict.delivery_id}: a verdict came before it was recorded; record it first"
            )
    if verdicts:
        conn.execute(_FINISH, [verdict.values(refused[verdict.delivery_id]) for verdict in verdicts])


def finish_delivery(
    conn: sa.Connection, delivery_id: str, outcome: DeliveryOutcome, reason: str | None = None, **known: Any
) -> None:
    """Write the verdict on one delivery; ``known`` are other fields of ``Verdict``."""
    finish_deliveries(conn, [Verdict(delivery_id=delivery_id, outcome=outcome, reason=reason, **known)])


def reject_repeats(conn: sa.Connection, rejected: Sequence[str]) -> None:
    """Reject what looked like a repeat of ``rejected`` deliveries, unless another of the same bytes was taken.

    Landing told it from deliveries that were not judged yet.
    """
    first, again, taken = (feed_delivery.alias(name).c for name in ("first", "again", "taken"))

    def same(one: Any, other: Any) -> sa.ColumnElement[bool]:
        return sa.and_(*(one[name] == other[name] for name in ("feed", "business_date", "sha256")))

    like = sa.exists().where(same(taken, again), taken.outcome.in_(("landed", "accepted")))
    conn.execute(
        sa.update(again.delivery_id.table)
        .where(first.delivery_id.in_(rejected), same(first, again), again.outcome == "repeat", ~like)
        .values(outcome="rejected", reason=first.reason, run_id=first.run_id)
    )


def record_contents(conn: sa.Connection, feed: str, day: dt.date, hashes: Mapping[str, str]) -> None:
    """Write what the lake now holds of a feed's business date: delivery → hash of its rows; others have none there.

    Another hash, and the tables that were built from the delivery are out of date.
    """
    columns = feed_delivery.c
    hashed = sa.case(hashes, value=columns.delivery_id) if hashes else sa.null()
    of_date = (columns.feed == feed, columns.business_date == day, columns.rows_hash.is_distinct_from(hashed))
    hold_deliveries(conn)
    conn.execute(feed_delivery.update().where(*of_date).values(rows_hash=hashed))


def accepted_deliveries(conn: sa.Connection, through: dt.date | None = None) -> pa.Table:
    """Accepted deliveries with a business date up to ``through`` (all without it), in delivery order.

    Returns:
        An Arrow table with feed, delivery_id, business_date, name, outcome, published_at, received_at, rows_hash.
    """
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    fields = {"feed": pa.string(), "delivery_id": pa.string(), "business_date": pa.date32(), "name": pa.string()}
    fields |= {"outcome": pa.string(), "published_at": moment, "received_at": moment, "rows_hash": pa.string()}
    condition: sa.ColumnElement[bool] = feed_delivery.c.outcome == "accepted"
    if through is not None:
        condition = sa.and_(condition, feed_delivery.c.business_date <= through)
    rows = _delivery_rows(conn, condition)
    return pa.table({name: pa.array([getattr(row, name) for row in rows], kind) for name, kind in fields.items()})
