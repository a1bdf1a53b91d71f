"""Retention in the sealed zones: landed bytes with their manifests, and blocks of the vault."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from resumption import lake, landing, ops, settings, storage, vault
from resumption.contracts import SHANGHAI
from resumption.retention.holds import Held

if TYPE_CHECKING:
    from resumption.ops import DeliveryRow
    from resumption.storage import Place

_STRAY_SECONDS = 86_400
"""A file of no recorded delivery may be one that is being landed; after a day it is what a killed process left."""


def files_hash(paths: Iterable[Place]) -> str:
    """Return a hash of the names of files."""
    return hashlib.sha256("\n".join(sorted(path.name for path in paths)).encode()).hexdigest()


# Landing zone


def landing_kept_from(as_of: date) -> date:
    """Return the first date whose bytes are still kept."""
    return as_of - timedelta(days=landing.KEPT_DAYS)


def _dated(delivery: DeliveryRow) -> date:
    """Return the date that a delivery's bytes are kept from, by the sender's clock, since ours may replay the past."""
    published = delivery.published_at.astimezone(SHANGHAI).date() if delivery.published_at else delivery.business_date
    return max(delivery.business_date, published)


@dataclass(frozen=True)
class Landed:
    """The landing zone of a feed: its files, and the recorded deliveries whose bytes must be gone or are kept."""

    feed: str
    gone: Sequence[DeliveryRow]
    kept: Sequence[DeliveryRow]
    held: Counter[str]

    @classmethod
    def of(cls, feed: str, deliveries: Sequence[DeliveryRow], as_of: date, held: Held) -> Landed:
        """Judge each delivery. What was not judged yet stays: nothing may be lost before it was read."""
        gone: list[DeliveryRow] = []
        kept: list[DeliveryRow] = []
        holding: Counter[str] = Counter()
        for delivery in deliveries:
            past = _dated(delivery) < landing_kept_from(as_of) and delivery.outcome != "landed"
            hold = held.by(delivery.business_date, delivery.delivery_id) if past and delivery.landing_uri else None
            holding.update([hold] if hold else [])
            (gone if past and not hold else kept).append(delivery)
        return cls(feed, gone, kept, holding)

    def expired(self) -> list[DeliveryRow]:
        """Return the deliveries whose bytes are still on record as kept, and must go."""
        return [delivery for delivery in self.gone if delivery.landing_uri]

    def files(self) -> list[Place]:
        """Return every file that is there, bytes and manifests."""
        return sorted(settings.landing_path().glob(f"{self.feed}/[0-9a-f][0-9a-f]/*"), key=str)

    def surplus(self) -> list[Place]:
        """Return the files that must not be there: of deliveries past their time, and what a killed process left.

        The same bytes may have come in several deliveries; they go with the last of them.
        """
        kept = {d.sha256 for d in self.kept}
        manifests = {f"{d.sha256}.{d.delivery_id}.json" for d in self.kept}
        known = {d.sha256 for d in self.gone}
        return [
            path
            for path in self.files()
            if path.name not in kept | manifests and (path.name.partition(".")[0] in known | kept or _is_stray(path))
        ]

    def delete(self) -> None:
        """Delete what must not be there, then note that it is gone."""
        for path in self.surplus():
            path.unlink(missing_ok=True)
        expired = [delivery.delivery_id for delivery in self.expired()]
        with ops.engine().begin() as conn:
            ops.forget_landed(conn, expired)


def _is_stray(path: Place) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _STRAY_SECONDS
    except FileNotFoundError:
        return False


# Vault


@dataclass(frozen=True)
class Known:
    """The blocks of the vault of a feed, and the deliveries of which the lake still holds rows."""

    feed: str
    deliveries: Mapping[str, DeliveryRow]
    needed: frozenset[date]

    @classmethod
    def of(cls, feed: str, deliveries: Sequence[DeliveryRow], emptied: Collection[date] = ()) -> Known:
        """Look into the lake for what is needed: a block goes with the last row of its delivered date.

        Args:
            emptied: delivered dates that are about to lose all their rows.
        """
        needed = frozenset(lake.delivered_dates(feed)) - frozenset(emptied)
        return cls(feed, {d.delivery_id: d for d in deliveries}, needed)

    def files(self) -> list[Place]:
        """Return every block."""
        return [path for path in vault.blocks() if path.parent.name == self.feed]

    def surplus(self) -> list[Place]:
        """Return the blocks that nobody needs any more."""
        return [path for path in self.files() if not self._is_needed(path)]

    def _is_needed(self, path: Place) -> bool:
        delivery = self.deliveries.get(path.name)
        # Identities are kept before their tokens are published.
        return delivery is not None and (delivery.outcome == "landed" or delivery.business_date in self.needed)

    def expired(self) -> list[DeliveryRow]:
        """Return the deliveries whose blocks must go."""
        return [self.deliveries[path.name] for path in self.surplus() if path.name in self.deliveries]

    def delete(self) -> None:
        """Delete the blocks that nobody needs."""
        for path in self.surplus():
            path.unlink(missing_ok=True)


def unfinished(feed: str) -> list[Place]:
    """Return downloads that were never finished."""
    root = settings.landing_path()
    beside = root if not storage.is_stored([str(root)]) else settings.home() / "landing"
    return sorted((beside / feed / ".parts").glob("*"), key=str)
