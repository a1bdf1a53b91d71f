"""What every source of deliveries offers, and the errors that say whether another attempt can help."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from resumption.contracts import SHANGHAI
from resumption.progress import Progress

if TYPE_CHECKING:
    from resumption.ops import DeliveryRow

_log = logging.getLogger(__name__)
_MAX_NAME = 200
_PERSONAL_NUMBER = re.compile(r"(?<![0-9])(?:1[3-9]\d{9}|\d{17}[0-9Xx])(?![0-9])")


class SourceError(RuntimeError):
    """Something did not arrive; another attempt may help. The message names connection, feed and place."""


class SourceRefusedError(SourceError):
    """The sender refuses us or the connection is not fit for use: no attempt helps until a person mends it."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One delivery that a sender says it has.

    Attributes:
        sender: the Airflow connection.
        published_at: aware; the listing's time, or midnight of the drop folder's date.
        locator: where it is fetched: a path on the sender's HTTP or SFTP server.
        declared_sha256: hex; None where the sender declares none (API pulls).
        declared_rows: None where the sender declares none before the fetch.
        declared_size: bytes.
        problem: reason code if what the sender declares of it cannot be used; it is landed and rejected.
    """

    feed: str
    sender: str
    business_date: date
    name: str
    published_at: datetime
    locator: str
    declared_sha256: str | None = None
    declared_rows: int | None = None
    declared_size: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class FetchedFile:
    """What was fetched: SHA-256 in hex, size in bytes, and what only the fetch could tell.

    Attributes:
        rows: rows declared within the delivery itself.
        last_day: business date that the content shows, where the name only bounds it (a month of history).
    """

    sha256: str
    size: int
    rows: int | None = None
    last_day: date | None = None


class IncompletePullError(SourceError):
    """The pages of an API pull do not add up; ``fetched`` is what came, to be kept as evidence only."""

    def __init__(self, message: str, fetched: FetchedFile) -> None:
        super().__init__(message)
        self.fetched = fetched


class Sink(Protocol):
    """Where a source writes what it fetches, byte for byte. The landing zone's seals it before it touches the disk."""

    def restart(self) -> None:
        """Forget what was written: an attempt begins, the first one too."""
        ...

    def write(self, chunk: bytes) -> None:
        """Append ``chunk``."""
        ...


class Source(Protocol):
    """A sender's deliveries of one feed."""

    problems: list[str]
    """What was wrong with single entries of the last listing; the others are offered all the same."""

    def offers(self, through: date, known: Sequence[DeliveryRow]) -> list[Offer]:
        """Return what the sender has with a business date up to ``through``, in delivery order.

        Deliveries in ``known`` may be left out, or offered again.
        """
        ...

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        """Write the bytes of ``offer`` to ``into``.

        Raises:
            SourceError: it did not arrive whole.
        """
        ...

    def close(self) -> None:
        """End the connection; the next call opens it again."""
        ...


def in_delivery_order(offers: Iterable[Offer]) -> list[Offer]:
    """Sort by when it was published, then name (decision 36), never by when it was received."""
    return sorted(offers, key=lambda offer: (offer.published_at, offer.name, offer.business_date))


def safe_name(name: str) -> bool:
    """Whether a sender's file name is one plain path segment."""
    return 0 < len(name) <= _MAX_NAME and name.isprintable() and not set(name) & set("/\\") and name.strip(".") != ""


def names_a_person(name: str) -> bool:
    """Whether a file name holds what looks like a mobile or an identity number; names stand in logs and tables."""
    return _PERSONAL_NUMBER.search(name) is not None


def end_of_day(day: date) -> datetime:
    """Return 24:00 of a business date, Shanghai time."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(days=1)


def now() -> datetime:
    """Return the present instant, aware."""
    return datetime.now(UTC)


class Download:
    """One attempt at fetching: hashes what it hands to the sink and says how far it is."""

    def __init__(self, into: Sink, label: str, expected_size: int | None = None) -> None:
        into.restart()
        self._into = into
        self._hash = hashlib.sha256()
        self._label = label
        self._expected = expected_size
        self._progress = Progress(_log)
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Append ``chunk``."""
        self._into.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)
        whole = f" of {self._expected / 1e6:.1f}" if self._expected else ""
        self._progress.tell("%s: %.1f%s MB so far", self._label, self.size / 1e6, whole)

    def fetched(self, rows: int | None = None) -> FetchedFile:
        """Return what was written."""
        return FetchedFile(self._hash.hexdigest(), self.size, rows)
