"""Files that a sender lists and serves over HTTP."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from resumption.contracts import SHANGHAI
from resumption.contracts.reasons import FileReason
from resumption.sources.base import (
    FetchedFile,
    Offer,
    Sink,
    SourceError,
    in_delivery_order,
    names_a_person,
    safe_name,
)
from resumption.sources.http_client import HttpClient

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract
    from resumption.ops import DeliveryRow

_SHA256 = re.compile(r"[0-9a-f]{64}")


class HttpExport:
    """``GET /exports/{feed}`` lists, ``GET /exports/{feed}/{business_date}/{name}`` serves.

    The whole listing is asked for each time: ``since`` would hide a file that was listed before but could not be
    fetched, or whose business date was still ahead.
    """

    def __init__(self, contract: FeedContract, client: HttpClient | None = None) -> None:
        self._feed = contract.name
        self._client = client or HttpClient(contract.source.connection)
        self.problems: list[str] = []

    def offers(self, through: date, known: Sequence[DeliveryRow]) -> list[Offer]:
        """Return the listed files with a business date up to ``through``; an unusable entry becomes a problem."""
        path = f"/exports/{quote(self._feed, safe='')}"
        _, listing = self._client.get_json(path)
        if not isinstance(listing, list):
            raise SourceError(f"connection {self._client.connection_id}: GET {path}: expected a JSON array of files")
        self.problems = []
        found = []
        for index, entry in enumerate(listing):
            try:
                found.append(self._offer(entry))
            except (KeyError, TypeError, ValueError) as error:
                self.problems.append(f"{self._feed}: entry {index} of the sender's listing is unusable: {error}")
        return in_delivery_order(offer for offer in found if offer.business_date <= through)

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        """Download a listed file."""
        return self._client.download(offer.locator, into, offer.declared_size)

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()

    def _offer(self, entry: dict[str, Any]) -> Offer:
        name, day = str(entry["name"]), date.fromisoformat(entry["business_date"])
        if not safe_name(name):
            raise ValueError("its name is not a plain file name")
        if names_a_person(name):
            raise ValueError("its name holds what looks like a phone or identity number; the sender must rename it")
        if entry.get("feed", self._feed) != self._feed:
            raise ValueError("it belongs to another feed")
        sha256 = str(entry.get("sha256")).lower()
        has_hash = _SHA256.fullmatch(sha256) is not None
        published = datetime.fromisoformat(entry["published_at"])
        return Offer(
            feed=self._feed,
            sender=self._client.connection_id,
            business_date=day,
            name=name,
            published_at=published if published.tzinfo else published.replace(tzinfo=SHANGHAI),
            locator=f"/exports/{quote(self._feed, safe='')}/{day.isoformat()}/{quote(name, safe='')}",
            declared_sha256=sha256 if has_hash else None,
            declared_rows=None if entry.get("rows") is None else int(entry["rows"]),
            declared_size=None if entry.get("size") is None else int(entry["size"]),
            problem=None if has_hash else FileReason.CONTROL_FILE_INVALID.value,
        )
