"""The measures, and the truth they are measured by."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from runtime import score
from runtime.score import Measure, agreement, f1, macro_f1, overlap, page, plain
from runtime.truth import Truth, _decide, _episodes
from simulator.calendar import number
from simulator.district import District

DAY = date(2020, 2, 22)
MEASURES = (
    "household scenario, macro-F1", "household presence, F1", "enterprise status, accuracy", "xref, precision",
    "xref, recall", "returnee episodes, precision", "returnee episodes, recall", "employee decision, agreement",
    "decisions resting on an unresolved identity",
)  # fmt: skip


def test_what_only_one_side_knows_counts_against_agreement() -> None:
    assert agreement({"a": 1, "b": 2}, {"a": 1, "b": 3}) == 0.5
    assert agreement({"a": 1}, {"a": 1, "b": 2}) == 0.5
    assert agreement({"a": 1, "b": None}, {"a": 1}) == 0.5


def test_each_class_counts_the_same() -> None:
    wanted = dict.fromkeys(range(98), "often") | {98: "seldom", 99: "seldom"}
    found = dict.fromkeys(range(100), "often")
    assert f1({1, 2}, {2, 3}) == 0.5
    assert macro_f1(wanted, wanted) == 1.0
    assert macro_f1(found, wanted) == pytest.approx((2 * 98 / 198 + 0) / 2)


def test_precision_and_recall_of_a_multiset() -> None:
    assert overlap(Counter("aab"), Counter("abcd")) == (2 / 3, 0.5)


def test_a_code_is_the_same_however_it_is_written() -> None:
    assert plain("９１３３０１０８Ｍ A2") == plain("913301O8MA2") == "91330108MA2"


@pytest.mark.parametrize(
    ("figures", "reached"),
    [
        ((0.99, None, None), True), ((0.98, None, None), False), ((0.98, 0.985, 0.99), True),
        ((0.98, 0.985, 0.98), False), ((0.98, 0.995, 1.0), False),
    ],
)  # fmt: skip
def test_a_goal_counts_against_the_rules_only_below_the_ceiling(
    figures: tuple[float, float | None, float | None], reached: bool
) -> None:
    assert Measure("x", 0.99, *figures, of=1, why="").reached is reached


def test_nothing_at_all_may_rest_on_an_unresolved_identity() -> None:
    assert Measure("x", 0, 0.0, None, None, 9, "").reached
    assert not Measure("x", 0, 1.0, None, None, 9, "").reached


def test_stays_belong_together_up_to_48_hours() -> None:
    day = 1_440
    stays = {"phone:1": {(0, day, 0, "mobile"), (3 * day, 4 * day, 1, "unicom"), (6 * day + 1, 7 * day, 0, "mobile")}}
    found = _episodes(stays)
    assert [(e.last, len(e.origins), e.carriers) for e in found] == [
        (4, 2, ("mobile", "unicom")), (7, 1, ("mobile",)),
    ]  # fmt: skip


def written() -> str:
    return score.PAGE.read_text(encoding="utf-8")


def test_the_page_says_every_measure_and_from_which_run() -> None:
    rows = re.findall(r"^\| ([a-z].*?) \| (≥ [0-9.]+|0) \| (.*) \| (yes|no) \|$", written(), re.MULTILINE)
    assert tuple(name for name, *_ in rows) == MEASURES
    assert all(re.fullmatch(r"(?:(?:[01]\.\d{4}|–|\d+) \| ){3}[\d,]+", figures) for _, _, figures, _ in rows)
    assert re.search(r"seed \d+, scale [0-9.]+, days 2020-\d\d-\d\d to 2020-\d\d-\d\d", written())
    assert [name for name in MEASURES if f"- {name}: " not in written()] == []


def test_the_page_is_what_a_run_writes() -> None:
    measures = [Measure(name, 0.9, 0.95, 0.96, 1.0, 1_000, "why") for name in MEASURES]
    made = page(measures, "seed 7, scale 1, days 2020-02-10 to 2020-02-25")
    head = made.splitlines()[4:11]
    assert written().splitlines()[4:11] == head


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    district = District(seed=11, scale=0.004, start=date(2020, 2, 20), end=DAY)
    home: Path = tmp_path_factory.mktemp("truth")
    return Truth(district, home, registry_first=DAY)


def test_row_by_row_adds_up_to_what_is_expected(truth: Truth) -> None:
    expected, day = truth.expectation(DAY), number(DAY)
    homes = Counter(home.due for home in truth.homes(day).values() if home.due)
    assert homes == {name: count for name, count in expected["households"].items() if count}
    assert len(truth.due_episodes(day)) == expected["returnee_episodes"]["all, key regions"]
    statuses = truth.due_statuses(day)
    members = {code for code, inside in zip(truth.codes, truth._scope(day), strict=True) if inside}
    resumed = sum(statuses[code] in ("resumed", "resumed_partial") for code in members)
    assert resumed == expected["scopes"]["statistical"]["resumed"]


def test_the_gravest_reason_decides() -> None:
    import numpy as np

    facts = {
        "colour": np.array([0, 2, 1, 0, 0, -1, 0, 0]),
        "highest": np.array([373, 360, 374, 374, 373, 360, 360, 360]),
        "age": np.array([86_400, 0, 0, 0, 86_401, 0, 0, 0]),
        "on_site": np.array([1, 0, 0, 0, 0, 0, 1, 0]),
        "readings": np.array([2, 0, 0, 0, 0, 0, 1, 0]),
        "symptom": np.array([0, 1, 0, 0, 0, 0, 0, 0]),
    }
    facts |= {name: np.zeros(8, dtype=np.int64) for name in ("transit", "contact")}
    facts["episode"] = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    assert _decide(facts).tolist() == [
        "ok", "do_not_admit", "do_not_admit", "do_not_admit", "missing_data", "missing_data", "missing_data", "check",
    ]  # fmt: skip
