"""A sender that has what a test gives it; its deliveries go through the real landing zone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from resumption import lake, landing, ops, pipeline
from resumption.contracts import SHANGHAI, load_feed
from resumption.ops import DeliveryRow
from resumption.sources import FetchedFile, Offer, Sink

DAY = date(2020, 2, 25)
SYSTEM = ("delivery_id", "received_at")


class Sender:
    """One feed's sender."""

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.problems: list[str] = []
        self._files: dict[str, tuple[Offer, bytes]] = {}

    def has(self, name: str, data: bytes, rows: int | None, *, day: date = DAY, at: int = 0, **changed: Any) -> Sender:
        """Put a file on offer, published ``at`` hours after the start of 26 February."""
        sha256 = hashlib.sha256(data).hexdigest()
        fields = {
            "feed": self.feed, "sender": "module_api", "business_date": day, "name": name,
            "published_at": datetime(2020, 2, 26, tzinfo=SHANGHAI) + timedelta(hours=at),
            "locator": f"{day} {name} {at}", "declared_sha256": sha256, "declared_rows": rows,
        }  # fmt: skip
        offer = Offer(**(fields | changed))
        self._files[offer.locator] = offer, data
        return self

    def offers(self, through: date, known: Sequence[DeliveryRow]) -> list[Offer]:
        """Return what is due, in delivery order."""
        due = [offer for offer, _ in self._files.values() if offer.business_date <= through]
        return sorted(due, key=lambda offer: (offer.published_at, offer.name))

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        """Write the bytes of an offer."""
        data = self._files[offer.locator][1]
        into.restart()
        into.write(data)
        return FetchedFile(hashlib.sha256(data).hexdigest(), len(data))

    def close(self) -> None:
        """Nothing is open."""

    def land(self, day: date = DAY) -> None:
        """Land what is due."""
        landing.land(load_feed(self.feed), self, day, "test")

    def deliver(self, day: date = DAY) -> None:
        """Land and publish what is due."""
        self.land(day)
        pipeline.publish(self.feed, day, "test")

    def delivery(self, name: str, day: date = DAY) -> DeliveryRow:
        """Return the latest recorded version of a file."""
        with ops.engine().connect() as conn:
            known = ops.known_deliveries(conn, self.feed)
        return [d for d in known if (d.name, d.business_date) == (name, day)][-1]

    def rows(self, day: date = DAY) -> list[dict[str, Any]]:
        """Return the lake's rows of a date without what tells one landing from another."""
        found = lake.read_batch(load_feed(self.feed), day).drop_columns(SYSTEM).to_pylist()
        return sorted(found, key=lambda row: (row["delivery_name"], row["row_number"]))


def jsonl(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as lines of JSON."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def forget(engine: sa.Engine) -> None:
    """Empty the outcome tables, the audit with them, as only a test may."""
    tables = [str(table) for table in ops.metadata.sorted_tables]
    with engine.begin() as conn:
        for table in tables:
            conn.execute(sa.text(f"alter table {table} disable trigger user"))
        conn.execute(sa.text(f"truncate {', '.join(tables)}"))
        for table in tables:
            conn.execute(sa.text(f"alter table {table} enable trigger user"))
