"""The quarantine register's workbooks and the bulletins of cases, as they are sent, and the key regions they make."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from simulator import reference
from simulator.calendar import number
from simulator.district import District
from simulator.feeds import FEEDS, Feed
from simulator.frame import REASONS
from simulator.people import PLACES
from simulator.plan import Version, day_frame, versions
from simulator.regions import KeyRegions
from simulator.store import Store, shape

DAY = date(2020, 2, 25)
D = number(DAY)
CASES, REGISTER = FEEDS["city_cases"], FEEDS["quarantine_register"]


@pytest.fixture(scope="module")
def district() -> District:
    return District(seed=7, scale=0.05, end=DAY)


@pytest.fixture(scope="module")
def clean() -> District:
    return District(seed=7, scale=0.02, end=DAY, rates=0)


def test_a_workbook_a_community_named_by_its_code(district: District, tmp_path: Path) -> None:
    store = Store(tmp_path, district)
    entries = [entry for day in (D - 1, D) for entry in store.entries("quarantine_register", day)]
    assert {entry.version.name for entry in entries} == {f"{code}.xlsx" for code in reference.COMMUNITY_CODES}
    cells: list[object] = []
    for entry in entries:
        if not entry.reason:
            rows = list(openpyxl.load_workbook(io.BytesIO(Path(entry.path).read_bytes())).active.values)  # type: ignore[union-attr]
            if not entry.version.fault:
                assert rows[0] == REGISTER.layout.columns
            assert len(rows) - 1 == entry.declared_rows
            cells += [cell for row in rows[1:] for cell in row]
    assert any(isinstance(cell, datetime) for cell in cells)
    assert any(isinstance(cell, str) and cell.count("-") == 2 and cell[0] != "2" for cell in cells)


def test_one_cell_addresses_leave_staircase_and_room_blank_and_some_become_dates(district: District) -> None:
    frame = REGISTER.build(district, D)
    one = [value is None for value in frame.columns["室"].to_pylist()]
    buildings = frame.columns["幢"].to_pylist()
    assert 0.25 < np.mean(one) < 0.45
    for building, whole in zip(buildings, one, strict=True):
        assert (building.startswith("date:") or building.count("-") == 2) == whole
    assert any(building.startswith("date:") for building in buildings)


def test_the_register_is_the_full_list_and_lets_people_go(clean: District) -> None:
    homes = clean.households
    for day in (D - 5, D):
        listed = set(REGISTER.build(clean, day).facts["household"].tolist())
        assert set(np.flatnonzero(homes.watched(day)).tolist()) <= listed
        assert all(homes.watched_until[home] > day - 3 for home in listed)


def test_a_community_never_sends_a_second_file_under_another_name() -> None:
    district = District(seed=7, scale=0.02, end=date(2020, 3, 10), rates=3)
    for day in range(40, 70):
        names = {version.name for version in versions(district, REGISTER, day, day_frame(district, REGISTER, day))}
        assert all(name.count("_") == 0 for name in names)


def _bulletin(district: District, day: int, folder: Path) -> list[dict[str, str]]:
    entry = Store(folder, district).entries("city_cases", day)[-1]
    return list(csv.DictReader(io.StringIO(Path(entry.path).read_text(encoding="utf-8-sig"))))


def test_bulletins_pass_through_the_published_counts(clean: District, tmp_path: Path) -> None:
    for day, place in ((40, 4), (55, 5)):
        rows = _bulletin(clean, day, tmp_path)
        assert tuple(rows[0]) == CASES.layout.columns
        counts = {row["city_code"]: int(row["confirmed"]) for row in rows if row["city"]}
        assert counts == {city[3]: city[place] for city in reference.CITY_CASES}
        assert counts["330100"] in (155, 169)
        totals = {row["province_code"]: int(row["confirmed"]) for row in rows if not row["city"]}
        for code, total in totals.items():
            assert total == sum(int(row["confirmed"]) for row in rows if row["province_code"] == code and row["city"])


def test_bulletins_have_the_defects_of_real_ones(district: District) -> None:
    frames = {day: CASES.build(district, day) for day in range(40, 70)}
    confirmed = {
        day: dict(zip(frame.facts["city"].tolist(), frame.facts["confirmed"].tolist(), strict=True))
        for day, frame in frames.items()
    }
    lower = [
        city
        for day in range(41, 70)
        for city in confirmed[day]
        if city and city != 330800 and confirmed[day][city] < confirmed[day - 1][city]
    ]
    assert lower
    late = frames[56].facts
    total = late["confirmed"][(late["province"] == 330000) & (late["kind"] == 1)]
    parts = late["confirmed"][(late["province"] == 330000) & (late["kind"] != 1)]
    assert int(total[0]) - int(parts.sum()) == 12
    placeless = frames[56].reason == REASONS.index("REGION_UNRESOLVED")
    assert frames[56].columns["city"].filter(np.asarray(placeless)).to_pylist()[0] == "外地来京"
    assert set(frames[56].columns["city_code"].filter(np.asarray(placeless)).to_pylist()) == {None}


def test_a_province_total_is_no_city(clean: District) -> None:
    frame = CASES.build(clean, D)
    totals = [code for city, code in zip(*(frame.columns[c].to_pylist() for c in ("city", "city_code")), strict=True)
              if city is None]  # fmt: skip
    assert len(totals) == len({row[1] for row in reference.CITY_CASES})
    assert set(totals) == {None}


def _cases(*counts: tuple[int, int], city: int = 320100) -> dict[str, np.ndarray]:
    """Bulletins of Nanjing: (day, confirmed)."""
    return {
        "city": np.full(len(counts), city),
        "day": np.array([day for day, _ in counts]),
        "confirmed": np.array([count for _, count in counts]),
    }


NANJING = next(place for place, (_, _, code) in enumerate(PLACES) if code == "320100")


@pytest.mark.parametrize(
    ("counts", "day", "key"),
    [
        ([(40, 84)], 40, False),
        ([(40, 85)], 40, True),
        ([(40, 85)], 39, False),
        ([(40, 85)], 44, True),
        ([(40, 85), (41, 84)], 46, True),
        ([(40, 85), (41, 84)], 47, False),
        ([(40, 84), (45, 85)], 44, False),
    ],
)
def test_key_regions(counts: list[tuple[int, int]], day: int, key: bool) -> None:
    regions = KeyRegions(_cases(*counts), 55)
    assert bool(regions.exposed(np.array([NANJING]), np.array([day]))[0]) is key


def test_hubei_is_a_key_region_before_any_bulletin() -> None:
    assert KeyRegions({}, 55).exposed(np.array([0, NANJING]), np.array([20, 20])).tolist() == [True, False]


@pytest.mark.parametrize("feed", FEEDS.values(), ids=lambda feed: feed.name)
def test_an_added_column_has_a_name_of_its_own(feed: Feed, district: District) -> None:
    day = feed.days(district, D)[-1]
    rows = day_frame(district, feed, day).take(np.arange(0))
    _, layout = shape(Version(feed.name, day, "x", feed.slots[0].key, 0, fault="extra_column"), rows, feed)
    headers = [layout.header(column) for column in layout.columns]
    assert len(set(headers)) == len(headers) == len(feed.layout.columns) + 1
