from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import sqlalchemy as sa

from resumption import landing, ops
from resumption.contracts import SHANGHAI, FeedContract, load_feed
from resumption.landing import LandingError, LandingReport, PurposeEndedError, land
from resumption.ops import DeliveryRow
from resumption.sealing import SealError
from resumption.sources import FetchedFile, IncompletePullError, Offer, Sink, SourceError

DAY = date(2020, 2, 25)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Sender:
    """A sender that has what a test puts there; a string instead of bytes is an error."""

    def __init__(self, feed: str) -> None:
        self.feed = feed
        self.files: list[tuple[Offer, bytes | str | IncompletePullError]] = []
        self.fetched: list[str] = []
        self.problems: list[str] = []
        self.closed = 0

    def has(self, name: str, data: bytes | str, *, day: date = DAY, at: int = 0, **changed: object) -> Sender:
        content = data if isinstance(data, bytes) else b""
        fields = {
            "feed": self.feed,
            "sender": "module_api",
            "business_date": day,
            "name": name,
            "published_at": datetime(2020, 2, 25, tzinfo=SHANGHAI) + timedelta(hours=at),
            "locator": name,
            "declared_sha256": sha(content),
            "declared_rows": 1,
            **changed,
        }
        self.files.append((Offer(**fields), data))  # type: ignore[arg-type]
        return self

    def pull(self, name: str, data: bytes, *, day: date = DAY, whole: bool = True) -> Sender:
        self.has(name, data, day=day, declared_sha256=None, declared_rows=None)
        if not whole:
            self.files[-1] = (
                self.files[-1][0],
                IncompletePullError("does not add up", FetchedFile(sha(data), len(data))),
            )
        return self

    def offers(self, through: date, known: Sequence[DeliveryRow]) -> list[Offer]:
        due = [offer for offer, _ in self.files if offer.business_date <= through]
        return sorted(due, key=lambda offer: (offer.published_at, offer.name))

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        self.fetched.append(offer.name)
        content = next(content for known, content in self.files if known is offer)
        if isinstance(content, IncompletePullError):
            into.write(b"[]")
            raise content
        if isinstance(content, str):
            raise SourceError(content)
        into.restart()
        into.write(content)
        return FetchedFile(sha(content), len(content), None if offer.declared_sha256 else 5)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def contract(warehouse: sa.Engine, home: Path) -> FeedContract:
    with warehouse.begin() as conn:
        conn.execute(sa.text("truncate ops.feed_delivery cascade"))
    return load_feed("checkins")


def run(contract: FeedContract, sender: Sender, day: date = DAY) -> LandingReport:
    sender.fetched.clear()
    return land(contract, sender, day, "run-1")


def recorded(contract: FeedContract) -> list[DeliveryRow]:
    with ops.engine().connect() as conn:
        return ops.known_deliveries(conn, contract.name)


def place_of(row: DeliveryRow) -> Path:
    return Path(unquote(urlsplit(row.landing_uri).path))


def outcomes(contract: FeedContract) -> list[tuple[str, str]]:
    return [(row.name, row.outcome) for row in recorded(contract)]


def verdict(row: DeliveryRow, outcome: ops.DeliveryOutcome, reason: str | None = None) -> None:
    counts = {"rows_received": 1, "rows_accepted": 1, "rows_quarantined": 0, "rows_ignored": 0}
    with ops.engine().begin() as conn:
        ops.finish_delivery(conn, row.delivery_id, outcome, reason, **(counts if outcome == "accepted" else {}))


def test_lands_the_bytes_a_manifest_and_a_row(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", b"bytes")
    report = run(contract, sender)
    [row] = recorded(contract)
    assert (report.landed, report.bytes_received, sender.closed) == (1, 5, 1)
    assert (row.outcome, row.sha256, row.size_bytes, row.rows_declared) == ("landed", sha(b"bytes"), 5, 1)
    assert (row.sender, row.run_id, row.contract_version) == ("module_api", "run-1", contract.version)
    assert row.rows_received is None
    assert landing.read(row) == b"bytes"
    place = place_of(row)
    assert place.parts[-3:] == ("checkins", row.sha256[:2], row.sha256)
    manifest = json.loads(place.with_name(f"{row.sha256}.{row.delivery_id}.json").read_text())
    assert (manifest["name"], manifest["business_date"], manifest["outcome"]) == ("am.csv", "2020-02-25", "landed")
    assert place.stat().st_mode & 0o222 == 0


def test_a_known_delivery_is_not_fetched_again(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", b"bytes").has("later.csv", b"later", day=DAY + timedelta(days=1))
    run(contract, sender)
    assert sender.fetched == ["am.csv"]
    report = run(contract, sender, DAY + timedelta(days=1))
    assert sender.fetched == ["later.csv"]
    assert (report.known, report.landed) == (1, 1)


def test_a_wrong_hash_is_fetched_twice_landed_and_rejected(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", b"bytes", declared_sha256="a" * 64)
    run(contract, sender)
    [row] = recorded(contract)
    assert sender.fetched == ["am.csv", "am.csv"]
    assert (row.outcome, row.reason) == ("rejected", "WRONG_SHA256")
    assert landing.read(row) == b"bytes"
    # Another day's run leaves it, the same day's run looks again: the damage may have been on the way.
    assert run(contract, sender, DAY + timedelta(days=1)).known == 1
    assert run(contract, sender).rejected == 1
    assert len(recorded(contract)) == 1


def test_an_unusable_control_file_rejects_until_it_is_mended(contract: FeedContract) -> None:
    broken = Sender(contract.name).has(
        "a.csv", b"bytes", declared_sha256=None, declared_rows=None, problem="CONTROL_FILE_INVALID"
    )
    run(contract, broken)
    assert outcomes(contract) == [("a.csv", "rejected")]
    assert run(contract, broken).known == 1
    run(contract, Sender(contract.name).has("a.csv", b"bytes"))
    assert sorted(outcomes(contract)) == [("a.csv", "landed"), ("a.csv", "rejected")]


def test_the_same_bytes_for_the_same_day_are_a_repeat(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", b"bytes").has("am.csv", b"bytes", at=1).has("pm.csv", b"bytes", at=2)
    report = run(contract, sender)
    assert outcomes(contract) == [("am.csv", "landed"), ("am.csv", "repeat"), ("pm.csv", "repeat")]
    assert report.repeat == 2
    bytes_kept = [p for p in place_of(recorded(contract)[0]).parent.iterdir() if p.suffix != ".json"]
    assert len(bytes_kept) == 1


def test_the_same_bytes_are_no_repeat_for_another_day_or_as_a_retraction(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", b"x", day=DAY - timedelta(days=1)).has("am.csv", b"x", at=1)
    run(contract, sender.has("am_undo.csv", b"x", at=2))
    assert {outcome for _, outcome in outcomes(contract)} == {"landed"}


def test_the_same_bytes_after_a_rejection_are_judged_afresh(contract: FeedContract) -> None:
    run(contract, Sender(contract.name).has("am.csv", b"bytes", declared_rows=9))
    verdict(recorded(contract)[0], "rejected", "TRUNCATED")
    run(contract, Sender(contract.name).has("am.csv", b"bytes"))
    assert [outcome for _, outcome in outcomes(contract)].count("landed") == 1


def test_the_same_bytes_with_another_count_wait_for_the_judgement_of_the_first(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", b"bytes", declared_rows=9).has("am.csv", b"bytes", at=1)
    run(contract, sender)
    assert {outcome for _, outcome in outcomes(contract)} == {"landed"}


def test_going_back_to_an_older_version_is_no_repeat(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", b"old").has("am.csv", b"new", at=1).has("am.csv", b"old", at=2)
    run(contract, sender)
    assert outcomes(contract) == [("am.csv", "landed")] * 3


def test_history_is_landed_under_the_day_its_content_shows(
    contract: FeedContract, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(contract.name).has("history.csv", b"bytes")
    whole = sender.fetch
    shown = DAY - timedelta(days=9)
    monkeypatch.setattr(sender, "fetch", lambda offer, into: replace(whole(offer, into), last_day=shown))
    monkeypatch.setattr(sender, "offers", lambda *_: [sender.files[0][0]])
    assert run(contract, sender, shown - timedelta(days=1)).ahead == 1
    assert recorded(contract) == []
    assert run(contract, sender, shown).landed == 1
    assert [row.business_date for row in recorded(contract)] == [shown]
    assert run(contract, sender, DAY).known == 1


def test_one_file_that_fails_does_not_keep_the_others_back(contract: FeedContract) -> None:
    sender = Sender(contract.name).has("am.csv", "gone").has("pm.csv", b"bytes", at=1)
    sender.problems = ["entry 7 is unusable"]
    with pytest.raises(LandingError, match=r"checkins: 1 not landed: am\.csv of 2020-02-25: gone") as caught:
        run(contract, sender)
    assert outcomes(contract) == [("pm.csv", "landed")]
    assert (caught.value.report.landed, sender.closed) == (1, 1)
    assert caught.value.report.problems == ["entry 7 is unusable"]


def test_a_kill_leaves_nothing_half_visible(contract: FeedContract, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(contract.name).has("am.csv", b"bytes")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(landing.ops, "record_delivery", killed)
        with pytest.raises(KeyboardInterrupt):
            run(contract, sender)
    assert recorded(contract) == []
    assert run(contract, sender).landed == 1
    assert list((place_of(recorded(contract)[0]).parents[1] / ".parts").iterdir()) == []


def test_what_a_killed_process_left_is_swept_after_a_day(contract: FeedContract, home: Path) -> None:
    parts = home / "landing" / contract.name / ".parts"
    parts.mkdir(parents=True)
    for name, age in (("old", 90_000), ("new", 60)):
        (parts / name).write_bytes(b"half")
        os.utime(parts / name, (time.time() - age,) * 2)
    run(contract, Sender(contract.name))
    assert [part.name for part in parts.iterdir()] == ["new"]


def test_identifiers_are_the_same_in_any_order_and_zone() -> None:
    offer = Sender("checkins").has("am.csv", b"bytes").files[0][0]
    utc = Offer(**{**vars(offer), "published_at": offer.published_at.astimezone()})
    assert landing.delivery_id(offer) == landing.delivery_id(utc)
    assert len(landing.delivery_id(offer)) == 24


@pytest.fixture
def registry(contract: FeedContract) -> FeedContract:
    return load_feed("market_registry")


def test_a_pull_made_again_is_a_repeat_of_its_own(registry: FeedContract) -> None:
    sender = Sender(registry.name).pull("changes", b"[1]")
    run(registry, sender)
    run(registry, sender)
    run(registry, sender)
    rows = recorded(registry)
    assert sorted(row.outcome for row in rows) == ["landed", "repeat", "repeat"]
    assert len({row.delivery_id for row in rows}) == 3
    assert rows[0].rows_declared == 5


@pytest.mark.parametrize("judged", [True, False])
def test_a_pull_that_brings_other_rows_is_published_after_the_one_it_replaces(
    registry: FeedContract, judged: bool
) -> None:
    for content in (b"[1]", b"[2]", b"[1]"):
        run(registry, Sender(registry.name).pull("changes", content))
        for row in recorded(registry) if judged else []:
            verdict(row, "accepted")
    # Delivery order: the third pull went back to what the first brought, so that holds.
    assert [row.sha256 for row in recorded(registry)][-2:] == [sha(b"[2]"), sha(b"[1]")]
    assert len(recorded(registry)) == (3 if judged else 2)


def test_an_incomplete_pull_is_recorded_and_tried_again(registry: FeedContract) -> None:
    with pytest.raises(LandingError, match="does not add up"):
        run(registry, Sender(registry.name).pull("entities", b"[]", whole=False))
    assert outcomes(registry) == [("entities", "incomplete")]
    run(registry, Sender(registry.name).pull("entities", b"[1]"))
    assert sorted(outcomes(registry)) == [("entities", "incomplete"), ("entities", "landed")]


def test_bytes_that_are_gone_are_named(contract: FeedContract) -> None:
    run(contract, Sender(contract.name).has("am.csv", b"bytes"))
    [row] = recorded(contract)
    place_of(row).unlink()
    with pytest.raises(FileNotFoundError, match=f"delivery {row.delivery_id}"):
        landing.read(row)


def test_nothing_of_a_delivery_is_on_disk_in_the_clear(
    contract: FeedContract, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"phone\n" + b"15400001234\n" * 300_000
    sender = Sender(contract.name).has("am.csv", content)
    seen: list[int] = []
    finish = landing.Part.finish

    def look(part: landing.Part) -> None:
        part._file.flush()
        seen.append(sum(b"1540000" in path.read_bytes() for path in home.rglob("*") if path.is_file()))
        finish(part)

    monkeypatch.setattr(landing.Part, "finish", look)
    run(contract, sender)
    assert seen == [0]
    assert not any(b"1540000" in path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert landing.read(recorded(contract)[0]) == content


def test_bytes_that_were_changed_or_exchanged_are_not_read(contract: FeedContract) -> None:
    run(contract, Sender(contract.name).has("am.csv", b"bytes").has("pm.csv", b"others", at=1))
    first, second = recorded(contract)
    place_of(first).chmod(0o600)
    place_of(first).write_bytes(place_of(second).read_bytes())
    with pytest.raises(SealError, match=f"delivery {first.delivery_id} .* are not those received"):
        landing.read(first)
    damaged = bytearray(place_of(second).read_bytes())
    damaged[-1] ^= 1
    place_of(second).chmod(0o600)
    place_of(second).write_bytes(damaged)
    with pytest.raises(SealError, match="not what was sealed"):
        landing.read(second)


def test_nothing_is_fetched_after_the_purpose_has_ended(contract: FeedContract) -> None:
    end = contract.purpose.purpose_end
    assert isinstance(end, date)
    sender = Sender(contract.name).has("am.csv", b"bytes")
    with pytest.raises(PurposeEndedError, match=f"checkins: expected a business date up to {end}"):
        run(contract, sender, end + timedelta(days=1))
    assert sender.fetched == []
    assert recorded(contract) == []
    # Judged by the business date, not by today: the past may still be loaded.
    assert run(contract, sender, end).landed == 1
