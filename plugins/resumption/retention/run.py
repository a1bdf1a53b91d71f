"""One run of retention: plan, delete, prove."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from resumption import lake, ops
from resumption.contracts import FeedContract, feed_names, load_feed, load_table, table_names
from resumption.ops import DeliveryRow, ExpiryRow, ProofRow
from resumption.retention import lakes, marts, zones
from resumption.retention.holds import Held, Hold, load_holds

_log = logging.getLogger(__name__)


class RetentionError(RuntimeError):
    """Something that must be gone is still there; the proofs are written and say where and how much."""


@dataclass(frozen=True)
class _Feed:
    """What of one feed has passed its time as of a day."""

    contract: FeedContract
    as_of: date
    held: Held
    deliveries: Sequence[DeliveryRow]

    @property
    def landed(self) -> zones.Landed:
        return zones.Landed.of(self.contract.name, self.deliveries, self.as_of, self.held)

    @property
    def past(self) -> lakes.Past | None:
        kept_from = self.contract.purpose.kept_from(self.as_of)
        held = self.held.and_excepted(self.contract, self.as_of)
        return lakes.Past(self.contract, kept_from, held) if kept_from else None

    def plan(self) -> list[ExpiryRow]:
        """Return what is to be deleted, delivery by delivery."""
        rows = [self._row("landing", d.business_date, d.delivery_id, 1) for d in self.landed.expired()]
        gone = lakes.expired(self.past)[0] if self.past else {}
        rows += [self._row("lake", day, delivery_id, count) for (day, delivery_id), count in gone.items()]
        by_day: Counter[date] = Counter()
        for (day, _), count in gone.items():
            by_day[day] += count
        emptied = {day for day, count in by_day.items() if count == lake.rows_delivered(self.contract.name, day)}
        known = zones.Known.of(self.contract.name, self.deliveries, emptied)
        return rows + [self._row("vault", d.business_date, d.delivery_id, 1) for d in known.expired()]

    def _row(self, place: ops.Place, day: date, delivery_id: str, items: int) -> ExpiryRow:
        return ExpiryRow(
            as_of=self.as_of, place=place, delivery_id=delivery_id, feed=self.contract.name, business_date=day,
            kept_from=_kept_from(self, place) or self.as_of, items=items,
        )  # fmt: skip

    def delete(self, run_id: str) -> None:
        """Delete it; the vault last, which is asked what the lake still holds."""
        if self.past:
            lakes.delete(self.past, run_id)
        self.landed.delete()
        zones.Known.of(self.contract.name, self.deliveries).delete()


def retain(
    as_of: date, *, by: str, run_id: str, dry_run: bool = False, holds: Sequence[Hold] | None = None
) -> list[ProofRow]:
    """Delete what has passed its time as of a business date and prove that it is gone; return the proofs.

    Safe beside everything else: it waits until nobody reads or writes the lake, and the others wait for it.

    Args:
        as_of: see ``clock``.
        by: who asks for it.
        run_id: run that it belongs to.
        dry_run: delete and write nothing; each row's ``deleted`` is then what would go.
        holds: legal holds, by default those declared.

    Raises:
        HoldError: the legal holds cannot be read. Nothing was deleted.
        RetentionError: something is still there; the proofs are written.
    """
    declared = load_holds() if holds is None else holds
    for hold in declared:
        if hold.until < as_of:
            _log.warning("the hold %s on %s has lapsed on %s", hold.reference, hold.subject, hold.until)
    with ops.holding_alone():
        feeds = list(_feeds(as_of, declared))
        plans = {feed.contract.name: feed.plan() for feed in feeds}
        made_by = _Maker(as_of, by, run_id)
        if dry_run:
            return _foreseen(feeds, plans, declared, made_by)
        for feed in feeds:
            with ops.engine().begin() as conn:
                ops.plan_expiry(conn, plans[feed.contract.name])
            feed.delete(run_id)
        with ops.engine().begin() as conn:
            proofs = [*_in_warehouse(conn, declared, made_by), *_in_feeds(conn, _feeds(as_of, declared), made_by)]
            for proof in proofs:
                ops.record_proof(conn, proof)
    _make_room([proof.subject for proof in proofs if proof.place == "mart" and proof.deleted])
    remaining = [f"{proof.place} {proof.subject} {proof.remaining}" for proof in proofs if proof.remaining]
    if remaining:
        raise RetentionError(
            f"retention as of {as_of}: still there after deleting: {', '.join(remaining)}. See ops.retention_proof and "
            "docs/privacy.md, then run it again"
        )
    return proofs


def _feeds(as_of: date, holds: Sequence[Hold]) -> Iterator[_Feed]:
    for name in feed_names():
        with ops.engine().connect() as conn:
            deliveries = ops.known_deliveries(conn, name)
        yield _Feed(load_feed(name), as_of, Held.of(name, holds, as_of), deliveries)


@dataclass(frozen=True)
class _Maker:
    """Makes proofs that say who made them."""

    as_of: date
    by: str
    run_id: str

    def proof(self, place: str, subject: str, kept_from: date | None, deleted: Mapping[str, int]) -> ProofRow:
        return ProofRow(
            as_of=self.as_of, place=place, subject=subject, kept_from=kept_from, deleted=sum(deleted.values()),
            partitions=dict(deleted), made_by=self.by, run_id=self.run_id,
        )  # fmt: skip


def _foreseen(
    feeds: Sequence[_Feed], plans: Mapping[str, Sequence[ExpiryRow]], holds: Sequence[Hold], maker: _Maker
) -> list[ProofRow]:
    """Return what a run would delete, and what is held."""
    found = []
    for feed in feeds:
        for place in ("lake", "landing", "vault"):
            parts: Counter[str] = Counter()
            for row in plans[feed.contract.name]:
                parts.update({row.business_date.isoformat(): row.items} if row.place == place else {})
            proof = maker.proof(place, feed.contract.name, _kept_from(feed, place), parts)
            found.append(replace(proof, held=_held(feed, place)))
    with ops.engine().connect() as conn:
        for place, subject, rows in _tables(maker.as_of, holds):
            proof = maker.proof(place, subject, rows.kept_from, rows.expired(conn))
            found.append(replace(proof, held=rows.held.told(rows.kept(conn)), looked_at=rows.count(conn)))
    return found


def _kept_from(feed: _Feed, place: str) -> date | None:
    if place == "landing":
        return zones.landing_kept_from(feed.as_of)
    return feed.past.kept_from if feed.past else None


def _held(feed: _Feed, place: str) -> dict[str, int | None]:
    """Return hold → rows or files that it keeps in a place."""
    if place == "landing":
        return feed.held.told(feed.landed.held)
    return feed.past.held.told(lakes.expired(feed.past)[1]) if place == "lake" and feed.past else {}


def _in_feeds(conn: sa.Connection, feeds: Iterator[_Feed], maker: _Maker) -> Iterator[ProofRow]:
    """Look for it in lake, landing zone and vault."""
    for feed in feeds:
        name = feed.contract.name

        def proof(place: str, feed: _Feed = feed) -> ProofRow:
            made = maker.proof(
                place, feed.contract.name, _kept_from(feed, place), ops.unproven(conn, place, feed.contract.name)
            )
            return replace(made, held=_held(feed, place))

        if feed.past:
            seen = lakes.look(feed.past)
            yield replace(
                proof("lake"), looked_at=seen.files, versions=seen.versions, remaining=seen.remaining,
                files_hash=seen.files_hash,
            )  # fmt: skip
        for place, zone in (("landing", feed.landed), ("vault", zones.Known.of(name, feed.deliveries))):
            files = zone.files()
            yield replace(
                proof(place), looked_at=len(files), remaining=len(zone.surplus()), files_hash=zones.files_hash(files)
            )


def _tables(as_of: date, holds: Sequence[Hold]) -> Iterator[tuple[str, str, marts.Rows | marts.Payloads]]:
    for name in table_names():
        table = load_table(name)
        if table.retention:
            kept_from = table.retention.kept_from(as_of)
            yield "mart", name, marts.Rows(table, kept_from, Held.of(name, holds, as_of))
    for name in feed_names():
        feed = load_feed(name)
        kept_until = feed.purpose.kept_from(as_of)
        if kept_until:
            yield "ops", name, marts.Payloads(feed, kept_until, Held.of(name, holds, as_of))


def _in_warehouse(conn: sa.Connection, holds: Sequence[Hold], maker: _Maker) -> Iterator[ProofRow]:
    """Delete it from the warehouse, in one transaction with the proofs, and look for it."""
    for place, subject, rows in _tables(maker.as_of, holds):
        proof = maker.proof(place, subject, rows.kept_from, rows.delete(conn))
        remaining = sum(rows.expired(conn).values())
        yield replace(proof, held=rows.held.told(rows.kept(conn)), looked_at=rows.count(conn), remaining=remaining)


def _make_room(tables: Sequence[str]) -> None:
    """Let the server write over deleted rows, which until then lie in the tables' files."""
    with ops.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        prepare = conn.dialect.identifier_preparer
        for name in tables:
            conn.exec_driver_sql(f"vacuum mart.{prepare.quote(name)}")
