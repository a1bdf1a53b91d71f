"""Every line of the simulator's catalogue of defects, by feed: the pipeline gives the verdict that stands there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from resumption import ops, pipeline
from resumption.sources import SourceError
from simulator.calendar import number
from simulator.catalogue import DAY, Defect, Delivery, catalogue, clean_district, single
from simulator.feeds import FEEDS
from simulator.feeds.health_declarations import PARK
from simulator.plan import base_version, rows_of
from simulator.store import render
from tests.defects import walk as walking
from tests.defects.walk import REGISTRY, Outcome, Walk, alone, mark_base
from tests.pipeline.sender import Sender
from tests.sources.senders import Answer, http_sender, sftp_sender


@pytest.fixture(scope="module")
def module_walk(warehouse: sa.Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with http_sender() as http, sftp_sender(tmp_path_factory.mktemp("drop")) as sftp:
        yield Walk(warehouse, http, sftp)


@pytest.fixture
def walk(module_walk: Walk, home: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setattr("resumption.sources.http_client.time.sleep", lambda _: None)
    module_walk.connect(monkeypatch)
    return module_walk


@pytest.mark.parametrize("line", catalogue(), ids=lambda line: f"{line.feed}-{line.name}")
def test_every_line_of_the_catalogue_ends_as_it_says(walk: Walk, line: Defect) -> None:
    if line.kind == "transport":
        assert_transport(walk, line)
    elif line.name in walking.PULLS:
        assert_pull(walk, line)
    elif line.at_registry:
        assert_resolved(walk.resolved[line.feed, line.name], single(line.feed, line.name))
    elif alone(line):
        assert_judged(walk.outcome(line), single(line.feed, line.name))
    else:
        assert_course(walk, single(line.feed, line.name))


def assert_adds_up(outcome: Outcome, sent: Delivery) -> None:
    assert sum(outcome.counts) == outcome.delivery.rows_received == sent.rows
    assert len(outcome.marks) == outcome.counts[0]
    assert len(outcome.reasons) == outcome.counts[1]


def assert_judged(outcome: Outcome, sent: Delivery) -> None:
    """The whole file's verdict, then the rows', then what the damaged row bears."""
    assert outcome.delivery.outcome == sent.outcome, outcome.delivery.reason
    if sent.outcome == "rejected":
        assert (outcome.delivery.reason or "").startswith(sent.defect.reason)
        assert (outcome.marks, outcome.reasons) == ({}, {})
        return
    assert_adds_up(outcome, sent)
    assert outcome.counts == (sent.accepted, sum(sent.quarantined.values()), sent.ignored)
    assert Counter(reason for row in outcome.reasons.values() for reason in row) == sent.quarantined
    assert ("unknown columns" in (outcome.delivery.reason or "")) == (sent.defect.name == "extra_column")
    if sent.defect.kind == "row":
        assert_damaged_row(outcome, sent)


def assert_damaged_row(outcome: Outcome, sent: Delivery) -> None:
    line = sent.defect
    if line.verdict == "quarantined":
        assert outcome.reasons == {sent.row: [line.reason]}
    elif line.verdict == "ignored":
        assert sent.row not in outcome.marks
    elif line.column:
        base = mark_base(line)
        marks = [mark for mark in outcome.marks[sent.row] if mark.startswith(f"{base}_")]
        assert marks == ([f"{base}_{line.mark}"] if line.mark else [])


def assert_resolved(outcome: Outcome, sent: Delivery) -> None:
    line = sent.defect
    refused = {sent.row: [line.reason]} if line.verdict == "quarantined" else {}
    assert outcome.reasons == refused
    assert outcome.counts == (sent.accepted - len(refused), len(refused), sent.ignored)


def assert_course(walk: Walk, sent: Delivery) -> None:
    walk.begin()
    found = walk.receive(*sent.earlier, sent)
    name, verdict = sent.defect.name, sent.defect.verdict
    if verdict == "waits":
        assert found == []
        (last,) = walk.receive(replace(sent, control=f"{sent.sha256} {sent.declared}\n"))
        assert_judged(last, replace(sent, outcome="accepted"))
        return
    assert len(found) == 1 + len(sent.earlier)
    first, last = found[0], found[-1]
    assert (last.delivery.name, last.delivery.business_date) == (sent.name, sent.business_date)
    if verdict == "repeat":
        assert (last.delivery.outcome, last.marks) == ("repeat", {})
        assert_judged(first, sent.earlier[0])
        return
    assert_judged(last, sent)
    counting = {version.delivery_id for version in ops.latest_versions(outcome.delivery for outcome in found)}
    if name == "corrected":
        assert counting == {last.delivery.delivery_id}
    elif name in ("sequel", "undo"):
        assert counting == {first.delivery.delivery_id, last.delivery.delivery_id}
    if name == "undo":
        assert last.counts[0] == 2
        assert walking.counting_stays(sent.feed, sent.business_date) == first.counts[0] - 2
    failed = walking.failed_checks(sent.feed, sent.business_date)
    assert ("UNCHANGED_CONTENT" in failed) == (name == "unchanged")


def assert_pull(walk: Walk, line: Defect) -> None:
    """An answer that lacks items is landed as incomplete, and pulled again; a day without changes is a delivery."""
    walk.begin()
    sent = single(REGISTRY, line.name)
    if line.name == "nothing":
        before = single(REGISTRY, row_line(REGISTRY).name, sent.business_date - timedelta(days=1))
        walk.pull(before)
        pipeline.land(REGISTRY, before.business_date, "test")
        walking.publish(REGISTRY, before.business_date)
    address = walk.pull(sent)
    if line.name == "incomplete":
        with pytest.raises(SourceError):
            pipeline.land(REGISTRY, sent.business_date, "test")
    else:
        pipeline.land(REGISTRY, sent.business_date, "test")
    with walking.unchecked():
        walking.publish(REGISTRY, sent.business_date)
    last = walking.outcomes(REGISTRY)[-1]
    assert walk.http.asked[address] == 1
    assert (last.delivery.outcome, last.marks) == (sent.outcome, {})


def row_line(feed: str) -> Defect:
    return next(line for line in catalogue() if line.feed == feed and line.kind == "row" and alone(line))


ANSWERS = {
    "unauthorised": Answer(status=401),
    "too_many_requests": Answer(status=429, headers={"Retry-After": "1"}),
    "unavailable": Answer(status=503),
    "timed_out": Answer(status=504),
}


def assert_transport(walk: Walk, line: Defect) -> None:
    walk.begin()
    sent = single(line.feed, row_line(line.feed).name)
    if line.feed == REGISTRY:
        address = walk.pull(sent)
    else:
        walk.send([sent], sent)
        address = f"/exports/{sent.feed}/{sent.business_date}/{sent.name}"
    if line.verdict == "refused":
        # What is asked first: the list, or the registry's page.
        address = address if line.feed == REGISTRY else f"/exports/{sent.feed}"
        walk.http.fail_first(address, ANSWERS[line.name])
        with pytest.raises(SourceError, match=r"module_api|registry_api"):
            pipeline.land(line.feed, DAY, "test")
        assert walk.http.asked[address] == 1
        assert walking.outcomes(line.feed) == []
        return
    walk.http.fail_first(address, ANSWERS[line.name])
    pipeline.land(line.feed, DAY, "test")
    assert walk.http.asked[address] == 2
    assert [outcome.delivery.outcome for outcome in walking.outcomes(line.feed)] == ["landed"]


def test_the_template_of_a_park_says_what_its_codes_mean(walk: Walk) -> None:
    feed = FEEDS["health_declarations"]
    version = base_version(feed, feed.slots[PARK], number(DAY))
    rows = rows_of(version, feed.build(clean_district(), number(DAY)))
    walk.begin()
    sender = Sender(feed.name).has(version.name, render(feed, rows, version), rows.rows, day=DAY)
    sender.deliver(DAY)
    assert set(rows.columns["是否接触"].to_pylist()) <= {"0", "1"}
    assert [row["had_contact"] for row in sender.rows(DAY)] == (rows.facts["contact"] > 0).tolist()
