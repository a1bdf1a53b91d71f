"""The registry's paged API: full snapshots and the changes of a day, each pull one delivery."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from resumption.progress import Progress
from resumption.sources.base import (
    Download,
    FetchedFile,
    IncompletePullError,
    Offer,
    Sink,
    SourceError,
    end_of_day,
    in_delivery_order,
)
from resumption.sources.http_client import HttpClient

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract
    from resumption.ops import DeliveryRow

_log = logging.getLogger(__name__)

SNAPSHOT = "entities"
CHANGES = "changes"
PAGE_SIZE = 5000
_SUNDAY = 6
_MAX_PAGES = 10_000
_PARAMETER = {SNAPSHOT: "as_of", CHANGES: "business_date"}


class HttpApi:
    """Pulls ``/v1/entities`` and ``/v1/changes`` and lands the page bodies as they came, in one JSON array."""

    def __init__(self, contract: FeedContract, client: HttpClient | None = None) -> None:
        self._feed = contract.name
        self._client = client or HttpClient(contract.source.connection)
        self.problems: list[str] = []

    def offers(self, through: date, known: Sequence[DeliveryRow]) -> list[Offer]:
        """Return the pulls that ``through`` needs, whether or not they were made before.

        A snapshot on Sundays and when none is there yet; else the changes of ``through`` and of every day since the
        latest snapshot that was not pulled whole.
        """
        return in_delivery_order(self._offer(name, day) for name, day in pulls_needed(through, known))

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        """Write all pages of a pull as one JSON array, each page byte for byte; ``rows`` is the declared total.

        Raises:
            IncompletePullError: the items do not add up to ``total``, ``total`` changes between pages, a cursor comes
                back, or a snapshot is empty.
        """
        totals: list[int] = []
        items = 0
        what = f"{self._feed} {offer.name} {offer.business_date}"
        download, progress = Download(into, what), Progress(_log)
        for body, page in self._pages(offer):
            download.write(b",\n" if totals else b"[")
            download.write(body)
            totals.append(page["total"])
            items += len(page["items"])
            progress.tell("%s: %d of %d items on %d pages so far", what, items, totals[-1], len(totals))
        download.write(b"]")
        fetched = download.fetched(totals[-1])
        if set(totals) != {items} or len(totals) > _MAX_PAGES or (offer.name == SNAPSHOT and not items):
            raise IncompletePullError(
                f"{self._feed}: {offer.name} of {offer.business_date}: expected the items of all pages to add up to "
                f"total, got {items} items on {len(totals)} pages and total {sorted(set(totals))}",
                fetched,
            )
        return fetched

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()

    def _offer(self, name: str, day: date) -> Offer:
        return Offer(
            feed=self._feed,
            sender=self._client.connection_id,
            business_date=day,
            name=name,
            # The state as of the end of the day, whenever it is asked for.
            published_at=end_of_day(day),
            locator=f"/v1/{name}",
        )

    def _pages(self, offer: Offer) -> Iterator[tuple[bytes, dict[str, Any]]]:
        day = offer.business_date.isoformat()
        parameters = {_PARAMETER[offer.name]: day, "limit": str(PAGE_SIZE)}
        seen: set[str] = set()
        while len(seen) <= _MAX_PAGES:
            body, page = self._client.get_json(offer.locator, parameters)
            cursor = self._checked(page, offer, parameters)
            yield body, page
            if cursor is None or cursor in seen:
                return
            seen.add(cursor)
            parameters = {**parameters, "cursor": cursor}

    def _checked(self, page: Any, offer: Offer, parameters: dict[str, str]) -> str | None:
        """Return the cursor of the next page."""
        day = offer.business_date.isoformat()
        is_page = (
            isinstance(page, dict)
            and isinstance(page.get("items"), list)
            and isinstance(page.get("total"), int)
            and str(page.get("business_date", day)) == day
        )
        if not is_page:
            raise SourceError(
                f"connection {self._client.connection_id}: GET {offer.locator}?{urlencode(parameters)}: expected a "
                f"page with items and total of {day}, got {_outline(page)}"
            )
        cursor = page.get("next_cursor")
        return None if cursor is None or cursor == "" else str(cursor)


def _outline(page: Any) -> str:
    """Say what an answer is without repeating any item."""
    if not isinstance(page, dict):
        return f"a JSON {type(page).__name__}"
    shown = {key: page.get(key) for key in ("business_date", "total")}
    return f"{json.dumps(shown, default=str)[:120]} and items of type {type(page.get('items')).__name__}"


def pulls_needed(through: date, known: Sequence[DeliveryRow]) -> list[tuple[str, date]]:
    """Return (name, business date) of the pulls that a run for ``through`` makes, oldest first."""
    whole = [row for row in known if _is_whole(row) and row.business_date <= through]
    snapshots = [row.business_date for row in whole if row.name == SNAPSHOT and row.business_date < through]
    own_snapshot = any(row.name == SNAPSHOT and row.business_date == through for row in whole)
    if through.weekday() == _SUNDAY or own_snapshot or not snapshots:
        return [(SNAPSHOT, through)]
    covered = {row.business_date for row in whole if row.name == CHANGES}
    first = max(snapshots) + timedelta(days=1)
    days = [first + timedelta(days=n) for n in range((through - first).days + 1)]
    return [(CHANGES, day) for day in days if day == through or day not in covered]


def _is_whole(row: DeliveryRow) -> bool:
    """Whether the pull was landed and not refused as a file; a failed check keeps its bytes usable."""
    return row.outcome in ("landed", "accepted", "repeat") or (
        row.outcome == "rejected" and (row.reason or "").startswith("CHECK_FAILED")
    )
