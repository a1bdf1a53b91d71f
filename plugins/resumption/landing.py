"""The landing zone: every delivery byte for byte, immutable and sealed, before anything reads it.

``<landing>/<feed>/<sha256[:2]>/<sha256>`` holds the bytes, ``<sha256>.<delivery_id>.json`` beside it says which
delivery they are, so the zone can be understood without the warehouse; the hash is that of the bytes as sent. They are
sealed as they arrive: nothing of them is ever on disk in the clear. Both files are written under another name, forced
to disk and renamed: a process that is killed leaves nothing half visible.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from resumption import ops, settings, storage
from resumption.contracts.reasons import FileReason
from resumption.ops import DeliveryRow
from resumption.progress import Progress
from resumption.sealing import Sealer, SealError, ZoneKey, open_frames
from resumption.sources.base import (
    FetchedFile,
    IncompletePullError,
    Offer,
    Source,
    SourceError,
    SourceRefusedError,
    now,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from resumption.contracts.feed import FeedContract
    from resumption.storage import Place

_log = logging.getLogger(__name__)
KEPT_DAYS = 7
"""How long bytes stay once they were judged, days from their business date or publication, the later of both."""

_STALE_PART_SECONDS = 86_400
_TAKEN = ("landed", "accepted")


class LandingError(SourceError):
    """Some deliveries did not arrive; the others are landed. ``report`` says what was done."""

    def __init__(self, message: str, report: LandingReport) -> None:
        super().__init__(message)
        self.report = report


class PurposeEndedError(SourceRefusedError):
    """The purpose for which a feed may be taken in has ended: nothing of it is fetched any more."""


@dataclass
class LandingReport:
    """What one landing did: counts of deliveries by outcome, those known before, those that turned out to
    speak of a later day, bytes received.

    ``errors`` are deliveries that did not arrive; ``problems`` are entries of the sender's listing that name none.
    """

    feed: str
    day: date
    landed: int = 0
    repeat: int = 0
    rejected: int = 0
    incomplete: int = 0
    known: int = 0
    ahead: int = 0
    bytes_received: int = 0
    errors: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def count(self, delivery: DeliveryRow) -> None:
        """Count one recorded delivery."""
        setattr(self, delivery.outcome, getattr(self, delivery.outcome) + 1)
        self.bytes_received += delivery.size_bytes or 0


def zone_key(master: bytes | None = None) -> ZoneKey:
    """Return the key that seals the landing zone, by default under the master key of the settings."""
    return ZoneKey(master or settings.token_key(), "landing")


class Part:
    """A delivery on its way in, sealed as it comes."""

    def __init__(self, path: Path, key: ZoneKey) -> None:
        self.path = path
        self._file = path.open("xb")
        self._key = key
        self.restart()

    def restart(self) -> None:
        """Forget what came so far."""
        self._file.seek(0)
        self._file.truncate()
        self._sealer = Sealer(self._file, self._key)

    def write(self, chunk: bytes) -> None:
        """Append bytes as sent."""
        self._sealer.write(chunk)

    def finish(self) -> None:
        """Seal the end and force it to disk."""
        self._sealer.finish()
        storage.flush(self._file)

    def close(self) -> None:
        """Let go of the file, and of what is left of it if it was not kept."""
        self._file.close()
        self.path.unlink(missing_ok=True)


class LandingStore:
    """The landing zone of one feed."""

    def __init__(self, root: Place, feed: str) -> None:
        self._folder = root / feed
        self._key = zone_key()
        # What is not finished lies on the zone's own disk, where a rename puts it in place.
        beside = self._folder if isinstance(self._folder, Path) else settings.home() / "landing" / feed
        self._parts = beside / ".parts"
        self._parts.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()

    def part(self) -> Part:
        """Return where the next delivery is fetched to."""
        return Part(self._parts / uuid.uuid4().hex, self._key)

    def keep(self, part: Part, sha256: str) -> Place:
        """Move a finished download to its place; the same bytes are kept once."""
        place = self._folder / sha256[:2] / sha256
        if not place.exists():
            part.finish()
            storage.publish(part.path, place, 0o400, once=True)
        return place

    def describe(self, place: Place, delivery: DeliveryRow) -> None:
        """Write the delivery's manifest beside its bytes."""
        manifest = json.dumps(asdict(delivery), ensure_ascii=False, indent=1, default=str)
        with storage.drafted(place.with_name(f"{place.name}.{delivery.delivery_id}.json"), 0o600) as draft:
            draft.write(manifest.encode())

    def _sweep(self) -> None:
        """Delete the downloads that killed processes left."""
        for part in self._parts.iterdir():
            try:
                if time.time() - part.stat().st_mtime > _STALE_PART_SECONDS:
                    part.unlink()
            except FileNotFoundError:
                continue


def read(delivery: DeliveryRow) -> bytes:
    """Return the bytes of a recorded delivery as the sender sent them.

    Raises:
        FileNotFoundError: the delivery has no bytes, or they are gone (retention, another machine's landing zone).
        SealError: they are sealed with another key, or were changed.
    """
    with storage.opened(_landed_path(delivery)) as file:
        data = b"".join(open_frames(file, zone_key()))
    if hashlib.sha256(data).hexdigest() != delivery.sha256:
        raise SealError(
            f"{delivery.feed}: delivery {delivery.delivery_id} ({delivery.business_date}): the bytes in its place are "
            "not those received. Fetch it again: delete its file in the landing zone and its row in ops.feed_delivery"
        )
    return data


def _landed_path(delivery: DeliveryRow) -> Place:
    if delivery.landing_uri is None:
        raise FileNotFoundError(
            f"{delivery.feed}: delivery {delivery.delivery_id} ({delivery.business_date}): its bytes are gone: "
            f"retention deletes them after {KEPT_DAYS} days."
        )
    path = storage.place(delivery.landing_uri)
    if not path.is_file():
        raise FileNotFoundError(
            f"{delivery.feed}: delivery {delivery.delivery_id} ({delivery.business_date}): expected its bytes at "
            f"{delivery.landing_uri}, there are none. Is LANDING_URL the landing zone it was received in?"
        )
    return path


def land(contract: FeedContract, source: Source, day: date, run_id: str) -> LandingReport:
    """Land every delivery with a business date up to ``day`` that is not landed yet.

    Each delivery stands for itself: one that fails does not keep the others back.

    Raises:
        PurposeEndedError: ``day`` lies after the end of the purpose for which the feed may be taken in.
        LandingError: at the end, if a delivery could not be fetched whole.
        SourceError: the sender could not be asked what it has.
    """
    _require_purpose(contract, day)
    with ops.engine().connect() as conn:
        if ops.purposes_ended(conn):
            raise PurposeEndedError(
                f"{contract.name}: all purposes have ended by a shutdown (ops.retention_proof): nothing is fetched"
            )
        known = ops.known_deliveries(conn, contract.name)
        conn.commit()
        landing = _Landing(contract, source, run_id, day, known, conn)
        try:
            offers, progress = source.offers(day, known), Progress(_log)
            for number, offer in enumerate(offers, start=1):
                progress.tell("%s: delivery %d of %d, %s", contract.name, number, len(offers), offer.business_date)
                landing.take(offer)
        finally:
            source.close()
    report = landing.report
    report.problems.extend(source.problems)
    for problem in report.problems:
        _log.warning("%s", problem)
    _log.info("%s", report)
    if report.errors:
        raise LandingError(f"{contract.name}: {len(report.errors)} not landed: {'; '.join(report.errors[:5])}", report)
    return report


def _require_purpose(contract: FeedContract, day: date) -> None:
    end = contract.purpose.purpose_end
    if end != "open" and day > end:
        raise PurposeEndedError(
            f"{contract.name}: expected a business date up to {end}, the end of its purpose, got {day}: nothing is "
            f"fetched. Pause the DAG, or move purpose_end in {contract.name}.odcs.yaml if the legal basis holds on"
        )


class _Landing:
    """One run over a feed's offers."""

    def __init__(
        self,
        contract: FeedContract,
        source: Source,
        run_id: str,
        day: date,
        known: Iterable[DeliveryRow],
        conn: sa.Connection,
    ) -> None:
        self._conn = conn
        self._contract, self._source, self._run_id, self._day = contract, source, run_id, day
        self._is_pull = contract.source.kind == "api"
        self._known = {row.delivery_id: row for row in known}
        self._store = LandingStore(settings.landing_path(), contract.name)
        self.report = LandingReport(contract.name, day)

    def take(self, offer: Offer) -> None:
        """Land one offer and record it; an error is noted, not raised."""
        if not self._is_pull and self._is_known(offer):
            self.report.known += 1
            return
        part = self._store.part()
        try:
            fetched, refused = self._fetch(offer, part)
            if (fetched.last_day or offer.business_date) > self._day:
                self.report.ahead += 1
            else:
                self._record(offer, part, fetched, refused)
        except IncompletePullError as error:
            self._record(offer, part, error.fetched, "incomplete")
            self.report.errors.append(str(error))
        except SourceError as error:
            self.report.errors.append(f"{offer.name} of {offer.business_date}: {error}")
        finally:
            part.close()

    def _is_known(self, offer: Offer) -> bool:
        row = self._known.get(delivery_id(offer))
        # Damage on the way looks like a wrong hash: whoever runs the day again has it fetched again.
        damaged = row is not None and (row.reason or "").startswith(FileReason.WRONG_SHA256)
        return row is not None and not (damaged and offer.business_date == self._day)

    def _fetch(self, offer: Offer, part: Part) -> tuple[FetchedFile, str | None]:
        """Return what was fetched and why it is refused; a wrong hash is fetched once more before it is believed."""
        fetched = self._source.fetch(offer, part)
        if offer.problem or offer.declared_sha256 in (None, fetched.sha256):
            return fetched, offer.problem
        fetched = self._source.fetch(offer, part)
        return fetched, None if fetched.sha256 == offer.declared_sha256 else FileReason.WRONG_SHA256.value

    def _record(self, offer: Offer, part: Part, fetched: FetchedFile, refused: str | None) -> None:
        """Keep the bytes, then the manifest, then the row: whatever is recorded is on disk."""
        place = self._store.keep(part, fetched.sha256)
        delivery = self._judged(offer, fetched, refused, place)
        self._store.describe(place, delivery)
        ops.record_delivery(self._conn, delivery)
        self._known[delivery.delivery_id] = delivery
        self._reopen_repeats(delivery)
        self._conn.commit()
        self.report.count(delivery)
        _log.info("%s: %s of %s: %s", offer.feed, offer.name, offer.business_date, delivery.outcome)

    def _reopen_repeats(self, new: DeliveryRow) -> None:
        """Take in what no longer repeats anything: ``new`` is older and shows that the sender went back to a version.

        Without it, which version counts would rest on the order in which we came to see them.
        """
        if self._is_pull:
            return
        same_file = [r for r in self._known.values() if (r.business_date, r.name) == (new.business_date, new.name)]
        for row in sorted(same_file, key=_published):
            if (
                row.outcome == "repeat"
                and row.landing_uri
                and _published(row) > _published(new)
                and not self._repeats(row)
            ):
                again = replace(row, outcome="landed")
                self._store.describe(_landed_path(row), again)
                ops.reopen_repeat(self._conn, row.delivery_id)
                self._known[row.delivery_id] = again

    def _judged(self, offer: Offer, fetched: FetchedFile, refused: str | None, place: Place) -> DeliveryRow:
        received = now()
        row = DeliveryRow(
            delivery_id=delivery_id(offer, fetched.sha256 if self._is_pull else None),
            feed=offer.feed,
            business_date=fetched.last_day or offer.business_date,
            name=offer.name,
            sender=offer.sender,
            sha256=fetched.sha256,
            size_bytes=fetched.size,
            rows_declared=offer.declared_rows if fetched.rows is None else fetched.rows,
            published_at=offer.published_at,
            received_at=received,
            landing_uri=place.as_uri(),
            contract_version=self._contract.version,
            run_id=self._run_id,
        )
        if refused == "incomplete":
            return replace(row, outcome="incomplete", reason="the pages do not add up to the declared total")
        if refused:
            return replace(row, outcome="rejected", reason=refused)
        if not self._is_pull:
            return replace(row, outcome="repeat") if self._repeats(row) else row
        own = _digest(row.delivery_id, received.isoformat())
        if self._repeats(row):
            return replace(row, outcome="repeat", delivery_id=own)
        # The sender went back to a version that has its verdict: that row stays, this is another delivery.
        earlier = self._known.get(row.delivery_id)
        judged = earlier is not None and earlier.outcome == "accepted"
        return replace(row, published_at=self._version_time(row), delivery_id=own if judged else row.delivery_id)

    def _repeats(self, new: DeliveryRow) -> bool:
        """Whether ``new`` brings the bytes of a delivery that was taken for the same day (decisions 56 and 62).

        Not so if another version of the same file lies between them: then the sender went back to the older one. A
        delivery that is not judged yet counts only if its declared rows agree, since it may be refused for them.
        """
        day = [row for row in self._known.values() if row.business_date == new.business_date]
        taken = [
            row
            for row in day
            if row.sha256 == new.sha256
            and row.outcome in _TAKEN
            and (self._is_pull or row.delivery_id != new.delivery_id)
            and _is_undo(row.name) == _is_undo(new.name)
            and (row.outcome == "accepted" or row.rows_declared == new.rows_declared)
        ]
        return any(not self._replaced_between(row, new, day) for row in taken)

    def _replaced_between(self, old: DeliveryRow, new: DeliveryRow, day: list[DeliveryRow]) -> bool:
        if self._is_pull:
            versions = [row for row in day if row.name == new.name and row.outcome in _TAKEN]
            return max(versions, key=_published, default=old).sha256 != new.sha256
        first, last = sorted((_published(old), _published(new)))
        return old.name == new.name and any(
            row.name == new.name
            and row.sha256 != new.sha256
            and row.outcome in _TAKEN
            and first < _published(row) < last
            for row in day
        )

    def _version_time(self, new: DeliveryRow) -> datetime | None:
        """Return when a pull counts as published: a second after the version of the same day that it replaces."""
        versions = [
            row for row in self._known.values() if (row.business_date, row.name) == (new.business_date, new.name)
        ]
        earlier = [_published(row) for row in versions if row.outcome in _TAKEN]
        return max(earlier) + timedelta(seconds=1) if earlier else new.published_at


def _published(row: DeliveryRow) -> datetime:
    return row.published_at or row.received_at or now()


def _is_undo(name: str) -> bool:
    return "_undo" in name


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def delivery_id(offer: Offer, sha256: str | None = None) -> str:
    """Return the identifier of a delivery: 24 hexadecimal digits, the same in every run and on every machine.

    Args:
        offer: what the sender says of it.
        sha256: for an API pull, which declares nothing before it is fetched, the hash of its bytes.
    """
    if sha256 is not None:
        return _digest(offer.feed, offer.business_date.isoformat(), offer.name, sha256)
    published = offer.published_at.timestamp()
    return _digest(
        offer.feed,
        offer.business_date.isoformat(),
        offer.name,
        f"{published:.6f}",
        offer.declared_sha256 or "",
        "" if offer.declared_rows is None else str(offer.declared_rows),
    )
