"""What becomes of repeats, corrections, retractions and late files: one outcome row each, in any order of arrival."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from resumption import lake, ops
from resumption.contracts import load_feed
from resumption.models.inputs import effective
from resumption.pipeline import publication
from tests.pipeline.sender import DAY, Sender, forget, jsonl

CODE = "91330108MA27Q03750"
BEFORE = DAY - timedelta(days=1)
NAME = "approvals_20200225.jsonl"


def events(*numbers: int, **changed: Any) -> bytes:
    row = {
        "uscc": CODE, "level": "区", "white_list": False, "applied_at": "2020-02-24T10:00:00+08:00",
        "planned_resume_date": "2020-03-01", "event": "申请", "event_at": "2020-02-24T10:00:00+08:00",
    }  # fmt: skip
    return jsonl([{"application_id": f"A{n}"} | row | changed for n in numbers])


@pytest.fixture(autouse=True)
def empty(warehouse: sa.Engine, home: Path) -> Iterator[None]:
    forget(warehouse)
    yield
    forget(warehouse)


def counting(sender: Sender, day: date = DAY) -> list[str]:
    """Return the applications that the tables read, in order."""
    with ops.engine().connect() as conn:
        ids = {d.delivery_id for d in effective(ops.accepted_deliveries(conn))}
    rows = lake.read_batch(load_feed(sender.feed), day).to_pylist()
    return sorted(row["application_id"] for row in rows if row["delivery_id"] in ids)


def by_name(feed: str = "approvals") -> list[tuple[str, str]]:
    with ops.engine().connect() as conn:
        return [(d.name, d.outcome) for d in ops.known_deliveries(conn, feed)]


def test_what_looked_like_a_repeat_of_a_rejected_delivery_is_rejected_like_it() -> None:
    broken = events(1)[:-9]
    sender = Sender("approvals").has(NAME, broken, 1).has("approvals_20200225_2.jsonl", broken, 1, at=1)
    sender.deliver()
    assert [outcome for _, outcome in by_name()] == ["rejected", "rejected"]


def test_the_same_bytes_again_also_renamed_are_repeats_and_nothing_else_happens() -> None:
    sender = Sender("approvals").has(NAME, events(1, 2), 2)
    sender.deliver()
    before = lake.files("approvals")
    sender.has(NAME, events(1, 2), 2, at=1).has("approvals_20200225_2.jsonl", events(1, 2), 2, at=2)
    sender.deliver()
    assert [outcome for _, outcome in by_name()] == ["accepted", "repeat", "repeat"]
    assert counting(sender) == ["A1", "A2"]
    assert len(lake.files("approvals")) == len(before)


def test_a_corrected_file_of_the_same_name_replaces_the_first_wholly() -> None:
    sender = Sender("approvals").has(NAME, events(1, 2), 2).has(NAME, events(2, 3), 2, at=5)
    sender.deliver()
    assert [outcome for _, outcome in by_name()] == ["accepted", "accepted"]
    assert counting(sender) == ["A2", "A3"]


def test_a_corrected_file_that_is_rejected_leaves_the_first_in_place() -> None:
    sender = Sender("approvals").has(NAME, events(1, 2), 2).has(NAME, events(2, 3), 99, at=5)
    sender.deliver()
    assert [outcome for _, outcome in by_name()] == ["accepted", "rejected"]
    assert counting(sender) == ["A1", "A2"]


def test_a_further_file_of_the_day_adds_rows() -> None:
    sender = Sender("approvals").has(NAME, events(1, 2), 2).has("approvals_20200225_2.jsonl", events(3), 1, at=1)
    sender.deliver()
    assert counting(sender) == ["A1", "A2", "A3"]


def test_a_late_file_is_taken_into_its_own_date_and_leaves_other_dates_alone() -> None:
    sender = Sender("approvals").has(NAME, events(1), 1)
    sender.deliver()
    today = [name for name in lake.files("approvals") if f"delivered_for={DAY}" in name]
    sender.has("approvals_20200224.jsonl", events(7), 1, day=BEFORE, at=30)
    sender.deliver(DAY + timedelta(days=1))
    assert counting(sender, BEFORE) == ["A7"]
    assert [name for name in lake.files("approvals") if f"delivered_for={DAY}" in name] == today
    with ops.engine().connect() as conn:
        assert ops.run_statuses(conn, BEFORE, "publish") == {"approvals": "ok"}


FILES: list[tuple[str, bytes, int, dict[str, Any]]] = [
    (NAME, events(1, 2), 2, {"at": 0}),
    (NAME, events(2, 3), 2, {"at": 5}),
    ("approvals_20200225_2.jsonl", events(4), 1, {"at": 3}),
    ("approvals_20200224.jsonl", events(7), 1, {"day": BEFORE, "at": 8}),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(FILES))))[::5])
def test_files_in_any_order_give_the_same_rows_and_outcomes(order: tuple[int, ...]) -> None:
    sender = Sender("approvals")
    for position in order:
        name, data, rows, given = FILES[position]
        sender.has(name, data, rows, **given).deliver()
        sender.deliver()  # and once more for nothing
    assert (counting(sender), counting(sender, BEFORE)) == (["A2", "A3", "A4"], ["A7"])
    assert sorted(by_name()) == sorted((file[0], "accepted") for file in FILES)


SUFFIXES = {"carrier_mobile": "txt", "carrier_unicom": "xlsx", "carrier_telecom": "tsv", "carrier_wasu": "xls"}


@pytest.mark.parametrize(("carrier", "suffix"), SUFFIXES.items())
def test_a_retraction_with_the_bytes_of_its_file_is_a_delivery_of_its_own(carrier: str, suffix: str) -> None:
    sender = Sender(carrier)
    for name, hour in ((f"{carrier}_20200225.{suffix}", 0), (f"{carrier}_20200225_undo.{suffix}", 1)):
        sender.has(name, b"the same", 1, at=hour)
    sender.land()
    assert [outcome for _, outcome in by_name(carrier)] == ["landed", "landed"]
    sender.has(f"{carrier}_20200225_undo.{suffix}", b"the same", 1, at=2).land()
    assert len(by_name(carrier)) == 3


def check(day: date = DAY) -> tuple[str, str | None]:
    with ops.engine().connect() as conn:
        results = ops.check_result.c
        query = sa.select(results.outcome, results.observed_value)
        row = conn.execute(query.where(results.check_id == ops.SCHEMA_CHANGED, results.business_date == day)).one()
    return row.outcome, row.observed_value


def test_the_first_sight_of_an_unknown_column_warns_once_and_later_ones_count() -> None:
    sender = Sender("approvals").has("approvals_20200224.jsonl", events(1), 1, day=BEFORE)
    sender.deliver()
    assert check(BEFORE) == ("pass", "0")
    sender.has(NAME, events(1, remark="x"), 1, at=1).deliver()
    assert check() == ("fail", "1")
    sender.has("approvals_20200225_2.jsonl", events(2, remark="y"), 1, at=2).deliver()
    assert check() == ("fail", "2")
    after = DAY + timedelta(days=1)
    sender.has("approvals_20200226.jsonl", events(3, remark="z"), 1, day=after, at=24).deliver(after)
    assert check(after) == ("pass", "1")
    with ops.engine().connect() as conn:
        (row,) = conn.execute(sa.select(ops.schema_change)).mappings()
    assert (row["first_business_date"], row["unknown_columns"]) == (DAY, ["remark"])


def test_a_late_first_sight_takes_the_warning_over() -> None:
    sender = Sender("approvals").has(NAME, events(1, remark="x"), 1, at=5)
    sender.deliver()
    sender.has("approvals_20200224.jsonl", events(2, remark="y"), 1, day=BEFORE, at=1).deliver()
    assert (check(BEFORE)[0], check()[0]) == ("fail", "pass")


POLICIES = {"discard_value": ("accepted", 1, 0), "discard_row": ("accepted", 0, 1), "freeze": ("rejected", None, None)}


@pytest.mark.parametrize(("policy", "verdict"), POLICIES.items())
def test_the_contracts_policy_says_what_becomes_of_an_unknown_column(
    policy: str, verdict: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = load_feed("approvals")
    drift = contract.drift.model_copy(update={"columns": policy})
    monkeypatch.setattr(publication, "load_feed", lambda _: replace(contract, drift=drift))
    sender = Sender("approvals").has(NAME, events(1, remark="x"), 1)
    sender.deliver()
    found = sender.delivery(NAME)
    assert (found.outcome, found.rows_accepted, found.rows_quarantined) == verdict
    assert (found.reason or "").startswith("SCHEMA_FROZEN" if policy == "freeze" else f"unknown columns ({policy}):")
