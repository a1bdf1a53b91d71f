"""What the simulator expects of a pipeline: every delivery has an outcome, its rows add up, figures follow from
them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from simulator.__main__ import main
from simulator.defects import FILE_DEFECTS, REJECTED_AS
from simulator.district import District
from simulator.episodes import count_episodes
from simulator.expectation import Expectation
from simulator.feeds import FEEDS
from simulator.frame import REASONS
from simulator.plan import rows_of
from simulator.regions import in_hubei

DAYS = [date(2020, 2, 10) + timedelta(days=n) for n in range(16)]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Expectation:
    return Expectation(District(seed=7, scale=0.02, end=DAYS[-1]), tmp_path_factory.mktemp("expected"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Expectation:
    return Expectation(District(seed=7, scale=0.02, end=DAYS[-1], rates=0), tmp_path_factory.mktemp("clean"))


def test_rows_of_every_delivery_add_up(expected: Expectation) -> None:
    records = expected.records()
    assert {record["feed"] for record in records} == {*FEEDS, "market_registry"}
    for record in records:
        if record["outcome"] == "accepted":
            parts = record["rows_accepted"] + record["rows_quarantined"] + record["rows_ignored"]
            assert parts == record["rows"], record
            assert sum(record["quarantined"].values()) == record["rows_quarantined"]
            assert set(record["quarantined"]) <= set(REASONS)
        elif record["outcome"] == "rejected":
            assert record["reason"] in REJECTED_AS.values()
        else:
            assert record["outcome"] in ("repeat", "incomplete")


def test_records_speak_of_the_bytes_that_are_served(expected: Expectation) -> None:
    for feed in FEEDS:
        for delivery in expected.deliveries(feed):
            content = Path(delivery.entry.path).read_bytes()
            assert hashlib.sha256(content).hexdigest() == delivery.entry.sha256
            assert (delivery.entry.declared_sha256 == delivery.entry.sha256) == (
                delivery.entry.reason != "WRONG_SHA256"
            )


def test_every_three_days_hold_a_rejected_delivery(expected: Expectation) -> None:
    rejected = {record["business_date"] for record in expected.records() if record["outcome"] == "rejected"}
    for first in range(len(DAYS) - 2):
        assert {day.isoformat() for day in DAYS[first : first + 3]} & rejected


def test_a_rejected_file_is_followed_by_a_good_one(expected: Expectation) -> None:
    lost = kept = 0
    for feed in FEEDS:
        deliveries = expected.deliveries(feed)
        for delivery in (d for d in deliveries if d.outcome == "rejected"):
            version = delivery.entry.version
            accepted = (d.entry.version for d in deliveries if d.outcome == "accepted")
            good = [other for other in accepted if (other.day, other.slot) == (version.day, version.slot)]
            kept += any(other.ready > version.ready for other in good)
            lost += not good
    assert kept > 3 * lost


def test_all_kinds_of_file_defects_and_reasons_occur_within_a_month(tmp_path: Path) -> None:
    expectation = Expectation(District(seed=7, scale=0.02, end=date(2020, 3, 3), rates=4), tmp_path)
    faults, reasons = set(), Counter[str]()
    for feed in FEEDS:
        for delivery in expectation.deliveries(feed):
            faults.add(delivery.entry.version.fault)
            reasons.update(delivery.entry.quarantined)
            reasons.update([delivery.outcome, delivery.entry.reason])
    visible = {d.name for d in FILE_DEFECTS if d.rate} - {
        "repeat", "renamed_repeat", "corrected", "sequel", "late", "missing_ok",
    }  # fmt: skip
    assert visible <= faults
    assert set(REASONS[1:]) <= set(reasons)
    assert set(REJECTED_AS.values()) <= set(reasons)
    assert reasons["repeat"] > 0


def test_without_defects_everything_is_accepted(clean: Expectation) -> None:
    for record in clean.records():
        assert record["outcome"] == "accepted"
        if record["feed"] not in ("market_registry", "statistical_scope"):
            assert record["rows_accepted"] == record["rows"]


def test_without_defects_the_tables_show_the_truth_of_the_calibration_day(clean: Expectation) -> None:
    figures = clean.expectation(DAYS[-1])
    assert figures["scopes"] == clean.district.truth(DAYS[-1])["scopes"]
    assert figures["scopes"]["statistical"] == {"denominator": 460, "resumed": 423}


def test_defects_do_not_destroy_the_figures(expected: Expectation) -> None:
    for day in DAYS[3:]:
        truth = expected.district.truth(day)["scopes"]["statistical"]
        figures = expected.expectation(day)["scopes"]["statistical"]
        assert abs(figures["denominator"] - truth["denominator"]) <= 0.02 * truth["denominator"]
        assert abs(figures["resumed"] - truth["resumed"]) <= max(8, 0.08 * truth["resumed"])


def test_the_power_index_follows_the_return_to_work(clean: Expectation) -> None:
    indices = [clean.expectation(day)["power"]["index"] for day in (DAYS[0], DAYS[7], DAYS[15])]
    assert indices == sorted(indices)
    assert indices[0] < 15
    assert indices[2] > 70
    power = clean.expectation(DAYS[15])["power"]
    halves = power["n_resumed"] / power["n"] + power["kwh_resumed"] / power["baseline_kwh"]
    assert power["index"] == pytest.approx(50 * halves)


def _stays(*stays: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Rows of one person: (place, begin hour, end hour)."""
    rows = {
        "id": range(len(stays)),
        "person": [1] * len(stays),
        "who": [1] * len(stays),
        "place": [place for place, _, _ in stays],
        "begin": [begin * 60 for _, begin, _ in stays],
        "end": [end * 60 for _, _, end in stays],
        "dwell_minutes": [(end - begin) * 60 for _, begin, end in stays],
        "undo": [0] * len(stays),
    }
    return {name: np.array(list(values)) for name, values in rows.items()}


@pytest.mark.parametrize(
    ("stays", "episodes"),
    [
        ([(0, 0, 4)], 1),
        ([(0, 0, 3)], 0),
        ([(20, 0, 90)], 0),
        ([(0, 0, 10), (0, 58, 70)], 1),
        ([(0, 0, 10), (0, 59, 70)], 2),
        ([(0, 0, 100), (0, 5, 10), (0, 140, 150)], 1),
        ([(0, 0, 10), (20, 11, 57), (0, 59, 70)], 2),
    ],
)
def test_episodes(stays: list[tuple[int, int, int]], episodes: int) -> None:
    assert count_episodes([_stays(*stays)], in_hubei) == episodes


def test_a_retracted_stay_makes_no_episode() -> None:
    rows = _stays((0, 0, 10))
    both = {name: np.concatenate([values, values]) for name, values in rows.items()}
    both["undo"] = np.array([0, 1])
    assert count_episodes([both], in_hubei) == 0


def test_retractions_repeat_rows_that_were_sent(expected: Expectation) -> None:
    undone = [d.entry.version for d in expected.deliveries("carrier_mobile") if d.entry.version.undo]
    assert undone
    for version in undone:
        frame = expected.store.frame("carrier_mobile", version.day)
        sent = set(frame.facts["id"].tolist())
        assert set(rows_of(version, frame).facts["id"].tolist()) <= sent
        assert version.name == f"carrier_mobile_{DAYS[0] + timedelta(days=version.day - 40):%Y%m%d}_undo.txt"


def test_the_command_writes_the_report(tmp_path: Path) -> None:
    arguments = ["--scale", "0.01", "--through", "2020-02-12", "--registry-first", "2020-02-11"]
    assert main(["expect", "--home", str(tmp_path), *arguments]) == 0
    report = json.loads((tmp_path / "expectations.json").read_text())
    assert list(report["days"]) == ["2020-02-11", "2020-02-12"]
    pulls = [(r["business_date"], r["name"]) for r in report["deliveries"] if r["feed"] == "market_registry"]
    assert pulls[0] == ("2020-02-11", "entities")
    assert pulls[-1] == ("2020-02-12", "changes")
