"""Takes the simulator's damaged deliveries through landing, readers, conform, checks, lake and outcome tables.

Deliveries of a feed that are judged each for itself go in together, as versions of one file; a course of several
deliveries goes in by itself, through real HTTP and SFTP.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Any

import pytest
import sqlalchemy as sa

from resumption import checks, consolidate, lake, ops, pipeline
from resumption.checks import CheckReport
from resumption.consolidate.inputs import LakeInputs
from resumption.contracts import load_feed
from resumption.models import run_models
from resumption.ops import DeliveryRow
from simulator.calendar import number
from simulator.catalogue import DAY, Defect, Delivery, catalogue, clean_district, single
from simulator.feeds import market_registry
from simulator.plan import sequel_name
from tests.pipeline.sender import Sender, forget
from tests.sources.senders import TOKEN, Answer, HttpSender, SftpSender

REGISTRY = "market_registry"
COURSES = frozenset((
    "repeat", "renamed_repeat", "corrected", "sequel", "late", "unchanged", "undo", "missing_ok", "wrong_sha256",
    "bad_control",
))  # fmt: skip
"""What takes several deliveries, or a sender who declares something wrong."""
PULLS = frozenset(("incomplete", "nothing"))


@dataclass(frozen=True)
class Outcome:
    """What became of one delivery: its row in ops, its refused rows' reasons and its lake rows' marks by number."""

    delivery: DeliveryRow
    reasons: dict[int, list[str]]
    marks: dict[int, list[str]]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Accepted, quarantined, ignored."""
        row = self.delivery
        return row.rows_accepted or 0, row.rows_quarantined or 0, row.rows_ignored or 0


def mark_base(line: Defect) -> str:
    """Return how the marks of the damaged column begin."""
    columns = {column.source_name: column.name for column in load_feed(line.feed).columns}
    name = columns[line.column]
    return name.removesuffix("_token").removesuffix("_c").removesuffix("_on").removesuffix("_at")


def outcomes(feed: str) -> list[Outcome]:
    """Return what became of every delivery of a feed, in the order in which they were published."""
    with ops.engine().connect() as conn:
        known = sorted(ops.known_deliveries(conn, feed), key=attrgetter("published_at"))
        refused = conn.execute(sa.text("select delivery_id, row_number, reasons from ops.quarantine_row")).all()
    marks: dict[str, dict[int, list[str]]] = {}
    for day in {row.business_date for row in known}:
        rows = lake.read_batch(load_feed(feed), day).select(["delivery_id", "row_number", "repaired"])
        for row in rows.to_pylist():
            marks.setdefault(row["delivery_id"], {})[row["row_number"]] = row["repaired"] or []
    return [
        Outcome(
            row,
            {number: reasons for delivery_id, number, reasons in refused if delivery_id == row.delivery_id},
            marks.get(row.delivery_id, {}),
        )
        for row in known
    ]


def publish(feed: str, day: date) -> None:
    """Publish what was landed."""
    pipeline.publish(feed, day, "test")


@contextmanager
def unchecked() -> Iterator[None]:
    """Leave the suite out: it is met by the deliveries that go in together."""

    def nothing(subject: str, table: Any, day: date, *_: Any) -> CheckReport:
        return CheckReport(subject, day, "none", table.num_rows, (), datetime.now(UTC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "check_partition", nothing)
        yield


class Walk:
    """The pipeline, and what it made of the lines that were taken through it."""

    def __init__(self, warehouse: sa.Engine, http: HttpSender, sftp: SftpSender) -> None:
        self._warehouse, self.http, self.sftp = warehouse, http, sftp
        self._versions: dict[str, dict[str, Outcome]] = {}

    # Each for itself

    def outcome(self, line: Defect) -> Outcome:
        """Return what became of a line's delivery that is judged for itself."""
        if line.feed not in self._versions:
            self._versions[line.feed] = self._load(line.feed)
        return self._versions[line.feed][line.name]

    def _load(self, feed: str) -> dict[str, Outcome]:
        lines = [line for line in catalogue() if line.feed == feed and alone(line)]
        # The last version is the one that the suite judges: a good one.
        lines.sort(key=lambda line: line.verdict in ("harmless", "accepted"))
        sent = [single(feed, line.name) for line in lines]
        self.begin()
        sender = _offered(feed, sent)
        sender.land(max(delivery.business_date for delivery in sent))
        publish(feed, max(delivery.business_date for delivery in sent))
        return dict(zip((line.name for line in lines), _taken(outcomes(feed)), strict=True))

    def begin(self) -> None:
        """Start from nothing."""
        forget(self._warehouse)
        self.http.pages.clear()
        self.http.first.clear()
        self.http.asked.clear()
        for folder in (self.sftp.root / "outbox").iterdir():
            shutil.rmtree(folder)

    # With the registry

    @cached_property
    def resolved(self) -> dict[tuple[str, str], Outcome]:
        """What became of the lines that only a look into the registry can judge, by feed and name."""
        lines = [line for line in catalogue() if line.at_registry]
        self.begin()
        with unchecked():
            self._land_registry()
            for feed in {line.feed: None for line in lines}:
                sent = [single(feed, line.name) for line in lines if line.feed == feed]
                _offered(feed, sent, own_names=True).land(DAY)
                publish(feed, DAY)
            consolidate.resolve(DAY)
        found: dict[tuple[str, str], Outcome] = {}
        for feed in {line.feed: None for line in lines}:
            keys = [(feed, line.name) for line in lines if line.feed == feed]
            found |= zip(keys, _taken(outcomes(feed)), strict=True)
        return found

    def _land_registry(self) -> None:
        items = market_registry.texts(market_registry.snapshot(clean_district(), number(DAY)), market_registry.SNAPSHOT)
        page = f'[{{"total": {len(items)}, "items": [{", ".join(items.to_pylist())}], "next_cursor": null}}]'
        Sender(REGISTRY).has("entities", page.encode(), len(items), day=DAY).land(DAY)
        publish(REGISTRY, DAY)

    # Through the senders

    def receive(self, *sent: Delivery) -> list[Outcome]:
        """Have deliveries sent one after the other and take each in; return what became of them."""
        day = max(delivery.business_date for delivery in sent)
        with unchecked():
            for place, delivery in enumerate(sent):
                self.send(sent[: place + 1], delivery)
                pipeline.land(delivery.feed, day, "test")
                publish(delivery.feed, day)
        return outcomes(sent[0].feed)

    def send(self, so_far: Sequence[Delivery], new: Delivery) -> None:
        if load_feed(new.feed).source.kind == "sftp":
            folder = new.business_date + timedelta(days=len(so_far))
            control = "" if new.control is None else new.control
            self.sftp.drop(f"{folder:%Y%m%d}", new.name, new.content, control=control)
            return
        # One address shows its newest version only.
        entries = {(each.business_date, each.name): _entry(each, place) for place, each in enumerate(so_far)}
        self.http.serve_json(f"/exports/{new.feed}", list(entries.values()))
        self.http.pages[f"/exports/{new.feed}/{new.business_date}/{new.name}"] = Answer(new.content)

    def pull(self, delivery: Delivery) -> str:
        """Have the registry answer with a delivery's page; return its address."""
        address = "/v1/entities|as_of=" if delivery.name == "entities" else "/v1/changes|business_date="
        self.http.pages[f"{address}{delivery.business_date}"] = Answer(
            json.dumps(json.loads(delivery.content)[0]).encode()
        )
        return f"{address}{delivery.business_date}"

    def connect(self, patch: pytest.MonkeyPatch) -> None:
        """Make both senders known as the connections of all feeds."""
        http = {"conn_type": "http", "host": self.http.url, "password": TOKEN}
        sftp = {
            "conn_type": "sftp", "host": "127.0.0.1", "port": self.sftp.port, "login": "district",
            "password": "a-password", "extra": {"host_key": self.sftp.host_key},
        }  # fmt: skip
        for feed in {line.feed for line in catalogue()}:
            source = load_feed(feed).source
            fields = sftp if source.kind == "sftp" else http
            patch.setenv(f"AIRFLOW_CONN_{source.connection.upper()}", json.dumps(fields))


def alone(line: Defect) -> bool:
    """Whether a line's delivery is judged for itself."""
    return line.kind != "transport" and not line.at_registry and line.name not in COURSES | PULLS


def counting_stays(feed: str, day: date) -> int:
    """Return the stays of a carrier that count."""
    rows = run_models(LakeInputs(day), day, ["stg_carrier_stay"])["stg_carrier_stay"]
    return sum(carrier == feed.removeprefix("carrier_") for carrier in rows["carrier"].to_pylist())


def failed_checks(feed: str, day: date) -> set[str]:
    """Return the checks on a feed's business date that failed."""
    query = (
        "select expectation from ops.check_result where subject = :feed and business_date = :day and outcome = 'fail'"
    )
    with ops.engine().connect() as conn:
        return set(conn.execute(sa.text(query), {"feed": feed, "day": day}).scalars())


def _taken(found: Sequence[Outcome]) -> list[Outcome]:
    """Put what became of the first in the place of each repeat: two defects may come to the same bytes."""
    first = {outcome.delivery.sha256: outcome for outcome in reversed(found) if outcome.delivery.outcome != "repeat"}
    return [first[each.delivery.sha256] if each.delivery.outcome == "repeat" else each for each in found]


def _published(place: int) -> datetime:
    return datetime(2020, 3, 1, tzinfo=UTC) + timedelta(minutes=place)


def _offered(feed: str, sent: Iterable[Delivery], *, own_names: bool = False) -> Sender:
    sender = Sender(feed)
    for place, delivery in enumerate(sent):
        name = delivery.name
        for _ in range(place if own_names else 0):
            name = sequel_name(name)
        sender.has(
            name, delivery.content, delivery.declared, day=delivery.business_date, at=place,
            declared_sha256=delivery.sha256, published_at=_published(place),
        )  # fmt: skip
    return sender


def _entry(delivery: Delivery, place: int) -> dict[str, Any]:
    published = datetime.combine(delivery.business_date, datetime.min.time(), UTC) + timedelta(hours=12 + place)
    return {
        "feed": delivery.feed, "business_date": delivery.business_date.isoformat(), "name": delivery.name,
        "size": len(delivery.content), "sha256": delivery.sha256, "rows": delivery.declared,
        "published_at": published.isoformat(),
    }  # fmt: skip
