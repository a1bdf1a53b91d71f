"""Homes: who lives in them, what their meters show, and what a screening by the rules must find."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator import reference
from simulator.__main__ import main
from simulator.calendar import NEVER, as_date, number
from simulator.district import District
from simulator.feeds import FEEDS
from simulator.feeds.household_power import MISSING, OK
from simulator.households import HISTORY_FROM, SCENARIOS
from simulator.people import RED
from simulator.plan import day_frame, history_frames
from simulator.screening import (
    AWAY,
    CHECK,
    CONSISTENT,
    HOME,
    INSUFFICIENT,
    INTERMITTENT,
    INVALID,
    NOT_LISTED,
    NOT_YET_BACK,
    RETURNED,
    STAYED,
    UNCERTAIN,
    VACANT,
    Readings,
    scenarios,
)
from simulator.store import Store

DAY = date(2020, 2, 25)
D = number(DAY)
POWER, REGISTER = FEEDS["household_power"], FEEDS["quarantine_register"]


@pytest.fixture(scope="module")
def district() -> District:
    return District(seed=7, scale=0.05, end=DAY)


@pytest.fixture(scope="module")
def whole() -> District:
    return District(seed=7, scale=1, end=DAY)


def test_whole_district_has_its_homes(whole: District) -> None:
    homes = whole.households
    assert homes.count == 180_000
    assert homes.vacant.mean() == pytest.approx(0.1393, abs=0.01)
    lived_in = ~homes.vacant & (homes.installed <= 28)
    assert 0.25 <= 1 - homes.at_home(28)[lived_in].mean() <= 0.38
    back = homes.at_home(number(date(2020, 3, 10)))[lived_in].mean()
    assert back > 0.93


def test_a_whole_day_has_a_row_a_home(whole: District) -> None:
    frame = day_frame(whole, POWER, D)
    assert len(np.unique(frame.facts["household"])) == int((whole.households.installed <= D).sum())
    assert frame.rows == pytest.approx(180_000, rel=0.01)


def test_whoever_comes_back_to_an_empty_home_is_seen_there_from_that_day(district: District) -> None:
    homes, people = district.households, district.people
    empty = np.flatnonzero((homes.person >= 0) & (homes.left < NEVER) & (homes.watched_from == NEVER))
    assert len(empty) > 100
    back = people.returned[homes.person[empty]]
    assert (homes.back[empty] == back).all()
    for home, day in zip(empty[:40].tolist(), back[:40].tolist(), strict=True):
        assert not homes.at_home(day - 1)[home]
    there = np.mean([homes.at_home(day)[home] for home, day in zip(empty.tolist(), back.tolist(), strict=True)])
    assert there > 0.98


def test_every_returnee_and_everybody_under_observation_lives_in_one_home(district: District) -> None:
    homes, people = district.households, district.people
    named = homes.person[homes.person >= 0]
    assert len(np.unique(named)) == len(named)
    assert set(district.returnees.person.tolist()) <= set(named.tolist())
    assert set(np.flatnonzero(people.watched_as == RED).tolist()) <= set(named.tolist())


def test_the_register_speaks_of_meters_that_are_read(district: District) -> None:
    register, power = day_frame(district, REGISTER, D), day_frame(district, POWER, D)
    where = dict(zip(*(power.columns[name].to_pylist() for name in ("meter_token", "community_code")), strict=True))
    tokens = register.columns["meter_token"].to_pylist()
    for token, slot in zip(tokens, register.facts["slot"].tolist(), strict=True):
        assert token is None or where.get(token, reference.COMMUNITY_CODES[slot]) == reference.COMMUNITY_CODES[slot]
    known = [token for token in tokens if token]
    assert sum(token in where for token in known) > 0.98 * len(known)
    assert 0 < sum(token is None for token in tokens) < 0.1 * len(tokens)
    people = district.people
    phones = people.phone.take(pa.array(register.facts["person"])).to_pylist()
    same = [a == b for a, b in zip(register.columns["手机号"].to_pylist(), phones, strict=True)]
    assert np.mean(same) > 0.9
    assert (people.watched_as[register.facts["person"]] == RED).all()


def test_names_and_phones_of_the_register_are_known_to_a_search_for_them(district: District) -> None:
    frame = REGISTER.build(district, D)
    assert set(frame.columns["姓名"].to_pylist()) <= district.personal_names()
    assert set(frame.columns["手机号"].to_pylist()) <= district.phones()


def test_readings_tell_home_from_away(district: District) -> None:
    homes = district.households
    ratio = homes.load_kwh(D) / homes.usual
    lived_in = ~homes.vacant
    home = homes.at_home(D)
    assert (ratio[home & lived_in] >= 0.35).mean() > 0.99
    assert (ratio[~home & lived_in] < 0.20).mean() > 0.95
    cold, mild = (homes.load_kwh(day)[home & lived_in].mean() for day in (46, 50))
    assert cold > 1.1 * mild


def test_quality_marks_come_at_their_rates(district: District) -> None:
    quality = np.concatenate([day_frame(district, POWER, day).facts["quality"] for day in range(D - 9, D + 1)])
    assert (quality == MISSING).mean() == pytest.approx(0.016, abs=0.005)
    assert (quality == OK).mean() > 0.96


def test_a_history_file_is_typed_and_has_a_row_group_a_day(tmp_path: Path) -> None:
    district = District(seed=7, scale=0.01, end=DAY)
    store = Store(tmp_path, district)
    entries = [store.entries("household_power", day)[0] for day in POWER.history]
    names = [entry.version.name for entry in entries]
    assert names == [f"household_power_history_{month}.parquet" for _, month in POWER.history.values()]
    assert [entry.business_date for entry in entries] == [as_date(day).isoformat() for day in POWER.history]
    last = entries[-1]
    file = pq.ParquetFile(last.path)
    assert file.num_row_groups == 9
    assert file.metadata.num_rows == last.declared_rows == last.accepted + sum(last.quarantined.values())
    assert file.schema_arrow.field("date").type == pa.date32()
    assert file.schema_arrow.field("kwh").type == pa.float64()
    accepted = sum(frame.accepted().rows for frame in history_frames(district, POWER, 39))
    assert accepted == last.accepted
    daily = pq.read_schema(store.entries("household_power", D)[-1].path)
    assert set(daily.types) == {pa.string()}


def test_the_history_does_not_depend_on_where_the_run_ends(tmp_path: Path) -> None:
    written = [
        Path(Store(tmp_path / str(end), District(seed=7, scale=0.01, end=end)).entries("household_power", 39)[0].path)
        for end in (DAY, date(2020, 3, 1))
    ]
    assert written[0].read_bytes() == written[1].read_bytes()


# Letters: H at home, A away, U uncertain, - no reading. The last one is day D; the days before are H.
_LOADS = {"H": 8.0, "A": 1.0, "U": 2.5, "-": np.nan}


def _found(states: str, *, listed_since: int = NOT_LISTED, autumn: float = 8.0) -> str:
    readings = Readings.none(1, D)
    readings.kwh[:, 0] = autumn
    readings.kwh[len(readings.kwh) - len(states) :, 0] = [_LOADS[state] for state in states]
    return SCENARIOS[int(scenarios(readings, np.array([listed_since]), D)[0])]


@pytest.mark.parametrize(
    ("states", "scenario"),
    [
        ("AAAHH", RETURNED),
        ("AAHHH", INTERMITTENT),
        ("AAAH", INTERMITTENT),
        ("AAAHUHHHHHHHHH", INTERMITTENT),
        ("AA-AUU-H-H", RETURNED),
        ("AAUAHHHH", INTERMITTENT),
        ("AAAHHHHHHHHHHHHHH", RETURNED),
        ("AAAHHHHHHHHHHHHHHHH", STAYED),
        ("HHHAAA", NOT_YET_BACK),
        ("HHAAA--", NOT_YET_BACK),
        ("AAA---", INTERMITTENT),
        ("AAAUA", INTERMITTENT),
        ("HHHHHHHHHHHHHH", STAYED),
        ("HHHHHHHHHHHHAH", STAYED),
        ("HHHHHHHHHHUUHH", INTERMITTENT),
        ("----HHHHHHHHHH", STAYED),
        ("-----HHHHHHHHH", INSUFFICIENT),
    ],
)
def test_scenarios_by_the_rules(states: str, scenario: int) -> None:
    assert _found(states) == SCENARIOS[scenario]


def test_observation_and_vacancy_by_the_rules() -> None:
    assert _found("AAAHHHH", listed_since=D - 3) == SCENARIOS[CONSISTENT]
    assert _found("AAAHHUH", listed_since=D - 3) == SCENARIOS[CHECK]
    assert _found("AAAHH--", listed_since=D - 1) == SCENARIOS[RETURNED]
    assert _found("", autumn=0.05) == SCENARIOS[VACANT]
    assert _found("HHHHHHHHHHHHHH", autumn=0.0) == SCENARIOS[INSUFFICIENT]


def test_states_are_cut_at_the_thresholds() -> None:
    from simulator.screening import _states

    kwh = np.array([[np.nan], [1.99], [2.0], [3.49], [3.5]], dtype=np.float32)
    assert _states(kwh, np.array([10.0]))[:, 0].tolist() == [INVALID, AWAY, UNCERTAIN, UNCERTAIN, HOME]


def test_the_rules_find_the_truth_through_the_noise(district: District) -> None:
    homes = district.households
    readings = Readings.none(homes.count, D)
    for day in range(HISTORY_FROM, D + 1):
        facts = day_frame(district, POWER, day).accepted().facts
        readings.put(facts, (facts["quality"] == OK) & (facts["energy"] >= 0))
    watched = homes.watched(D)
    found = scenarios(readings, np.where(watched, homes.watched_from, NOT_LISTED), D)
    there = homes.installed <= D
    found, true = found[there], homes.scenario(D)[there]
    scores = []
    for scenario in range(len(SCENARIOS)):
        both = ((found == scenario) & (true == scenario)).sum()
        scores.append(2 * both / ((found == scenario).sum() + (true == scenario).sum()))
    assert np.mean(scores) > 0.94
    assert (found == true).mean() > 0.98


def test_the_truth_of_homes_is_there_for_scoring(district: District) -> None:
    truth = district.home_truth(DAY)
    assert truth.column_names == ["meter_token", "scenario", "at_home"]
    counts = district.truth(DAY)["homes"]
    assert set(counts) == set(SCENARIOS)
    assert sum(counts.values()) == truth.num_rows == int((district.households.installed <= D).sum())


def test_the_command_writes_the_truth(tmp_path: Path) -> None:
    assert main(["truth", "--home", str(tmp_path), "--scale", "0.01", "--through", "2020-02-20"]) == 0
    truth = pq.read_table(tmp_path / "homes.parquet")
    assert truth.equals(District(seed=7, scale=0.01, end=date(2020, 2, 20)).home_truth(date(2020, 2, 20)))
