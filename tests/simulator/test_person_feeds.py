"""Feeds of people: wire formats to the byte, and one truth behind declarations, check-ins, codes and four carriers."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import time
from collections import defaultdict
from datetime import date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from python_calamine import CalamineWorkbook
from stdnum.iso7064 import mod_11_2

from simulator.calendar import NEVER, number
from simulator.catalogue import Delivery, catalogue, clean_district, single
from simulator.district import District
from simulator.feeds import FEEDS, carrier_wasu
from simulator.feeds.health_declarations import PARK
from simulator.frame import REASONS, Frame
from simulator.people import GREEN
from simulator.plan import Version, day_frame
from simulator.rowdefects import UNRESOLVED
from simulator.store import Store, render

FIRST, DAY = number(date(2020, 2, 10)), number(date(2020, 2, 17))
CARRIERS = ("carrier_mobile", "carrier_unicom", "carrier_telecom", "carrier_wasu")
PERSON_FEEDS = ("health_declarations", "health_codes", *CARRIERS)


@pytest.fixture(scope="module")
def clean() -> District:
    return District(seed=7, scale=0.1, rates=0.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, clean: District) -> Store:
    return Store(tmp_path_factory.mktemp("files"), clean)


def _file(store: Store, feed: str, place: int = 0) -> tuple[str, bytes]:
    entry = store.entries(feed, DAY)[place]
    return entry.version.name, Path(entry.path).read_bytes()


@cache
def _days(district: District, feed: str) -> list[Frame]:
    return [FEEDS[feed].build(district, day) for day in range(FIRST, DAY + 1)]


def _all(frames: list[Frame], fact: str) -> np.ndarray:
    return np.concatenate([frame.facts[fact] for frame in frames])


def test_declarations_are_utf8_with_a_byte_order_mark_and_the_agreed_header(store: Store) -> None:
    name, content = _file(store, "health_declarations")
    assert name == "health_declarations_20200217.csv"
    header = (
        "统一社会信用代码,姓名,证件类型,证件号,手机号,户籍地,现住址,来杭方式,车次,途径地址,返杭日期,"
        "是否接触,症状,申报时间\n"
    )
    assert content.startswith(b"\xef\xbb\xbf" + header.encode())
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert len(rows) > 100
    assert {row["是否接触"] for row in rows} <= {"是", "否"}
    assert {row["证件类型"] for row in rows} == {"身份证", "护照", "港澳台"}


def test_one_park_says_in_its_header_that_nought_is_yes(store: Store, clean: District) -> None:
    name, content = _file(store, "health_declarations", 1)
    assert name == "health_declarations_20200217_5.csv"
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    frame = FEEDS["health_declarations"].build(clean, DAY)
    truth = frame.facts["contact"][frame.facts["slot"] == PARK]
    assert [row["是否接触(0是1否)"] for row in rows] == ["0" if contact else "1" for contact in truth.tolist()]


def test_codes_come_four_times_a_day_in_no_order(store: Store) -> None:
    files = [_file(store, "health_codes", place) for place in range(4)]
    assert [name for name, _ in files] == [f"health_codes_20200217_{part}.jsonl" for part in (1, 2, 3, 4)]
    items = [json.loads(line) for _, content in files for line in content.decode().splitlines()]
    assert {tuple(item) for item in items} == {("id_type", "id_no", "phone", "colour", "reason", "since", "updated_at")}
    assert {item["colour"] for item in items} <= {"green", "yellow", "red"}
    moments = [item["updated_at"] for item in items]
    assert moments != sorted(moments)
    assert all(datetime.fromisoformat(moment).utcoffset() is not None for moment in moments)
    assert {moment[:10] for moment in moments} == {"2020-02-16", "2020-02-17"}


def test_unicom_has_two_title_rows_and_places_as_numbers(store: Store) -> None:
    name, content = _file(store, "carrier_unicom")
    assert name == "carrier_unicom_20200217.xlsx"
    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert [sum(cell is not None for cell in row) for row in rows[:2]] == [1, 1]
    assert rows[2] == ("号码", "到访城市代码", "到访开始", "到访结束", "返杭时间", "停留小时")
    assert all(isinstance(row[1], int) and 110_000 <= row[1] <= 999_999 for row in rows[3:])
    assert {row[1] % 100 for row in rows[3:]} - {0}, "some rows name a county"


def test_real_moments_in_a_workbook_are_the_moments_that_were_meant(store: Store, clean: District) -> None:
    _, content = _file(store, "carrier_unicom")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()[3:]
    returned = FEEDS["carrier_unicom"].build(clean, DAY).facts["returned"]
    found = [cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell)) for cell in (r[4] for r in rows)]
    assert any(isinstance(row[4], datetime) for row in rows)
    start = datetime.fromisoformat("2020-01-01")
    assert [round((moment - start).total_seconds() / 60) for moment in found] == returned.tolist()


def test_telecom_is_utf16_with_tabs_and_times_without_separators(store: Store) -> None:
    name, content = _file(store, "carrier_telecom")
    assert name == "carrier_telecom_20200217.tsv"
    assert content.startswith(b"\xff\xfeP\x00H\x00")
    lines = content[2:].decode("utf-16-le").split("\r\n")
    assert lines[0].split("\t") == ["PHONE", "VISIT_CITY", "VISIT_BEGIN", "VISIT_END", "BACK_TIME", "DWELL_H"]
    assert lines[-1] == ""
    for line in lines[1:-1]:
        cells = line.split("\t")
        assert all(len(cell) == 14 and datetime.fromisoformat(f"{cell[:8]}T{cell[8:]}") for cell in cells[2:5])


def test_wasu_is_biff8_by_account_and_hides_many_phones(store: Store) -> None:
    name, content = _file(store, "carrier_wasu")
    assert name == "carrier_wasu_20200217.xls"
    assert content.startswith(b"\xd0\xcf\x11\xe0")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert rows[0] == ["宽带账号", "联系电话", "装机地址", "到访省市", "离开日期", "返回日期"]
    phones = [str(row[1]) for row in rows[1:]]
    assert any("****" in phone for phone in phones)
    assert any(phone.isdigit() and len(phone) == 11 for phone in phones)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_carrier_takes_rows_back_the_next_day(carrier: str, tmp_path: Path) -> None:
    store = Store(tmp_path, District(seed=7, scale=0.2))
    entries = [entry for day in range(FIRST, DAY) for entry in store.entries(carrier, day)]
    undone = [entry.version for entry in entries if entry.version.undo]
    assert undone
    for version in undone:
        stem, _, _ = FEEDS[carrier].slots[0].name.partition("_{day}")
        assert version.name.startswith(f"{stem}_2020")
        assert "_undo." in version.name
        assert version.folder * 1_440 > version.day * 1_440 + 1_440


def test_identity_numbers_end_in_the_check_character_of_the_standard(clean: District) -> None:
    people = clean.people
    cards = [text for text, kind in zip(people.id_no.to_pylist(), people.id_type.tolist(), strict=True) if kind == 0]
    assert all(mod_11_2.is_valid(card) and card.startswith("99") for card in cards[:5_000])
    assert all(1960 <= int(card[6:10]) <= 2002 for card in cards)


def test_whoever_checks_in_has_declared_to_that_firm_with_the_same_phone(clean: District) -> None:
    declared = set()
    for day, frame in enumerate(_days(clean, "health_declarations"), FIRST):
        phones = frame.columns["手机号"].to_pylist()
        declared |= set(zip(frame.facts["firm"].tolist(), phones, strict=True))
        seen = FEEDS["checkins"].build(clean, day)
        here = set(zip(seen.facts["firm"].tolist(), seen.columns["手机号"].to_pylist(), strict=True))
        assert here <= declared


def test_some_people_work_for_two_firms_and_declare_to_both(clean: District) -> None:
    firms = defaultdict(set)
    for frame in _days(clean, "checkins"):
        for person, firm in zip(frame.facts["person"].tolist(), frame.facts["firm"].tolist(), strict=True):
            firms[person].add(firm)
    assert max(map(len, firms.values())) == 2


def test_codes_and_declarations_bear_the_same_person_under_the_same_number_and_phone(clean: District) -> None:
    def known(feed: str, columns: tuple[str, str]) -> dict[int, tuple[str, str]]:
        pairs = {}
        for frame in _days(clean, feed):
            values = zip(*(frame.columns[name].to_pylist() for name in columns), strict=True)
            pairs.update(zip(frame.facts["person"].tolist(), values, strict=True))
        return pairs

    declared = known("health_declarations", ("证件号", "手机号"))
    coded = known("health_codes", ("id_no", "phone"))
    common = declared.keys() & coded.keys()
    assert len(common) > 5_000
    assert all(declared[person] == coded[person] for person in common)


def test_the_colour_shown_at_the_gate_is_that_of_the_latest_code(clean: District) -> None:
    latest: dict[int, tuple[int, int]] = {}
    for frame in _days(clean, "health_codes"):
        rows = zip(*(frame.facts[name].tolist() for name in ("person", "updated", "colour")), strict=True)
        for person, updated, colour in rows:
            latest[person] = max(latest.get(person, (0, 0)), (updated, colour))
    seen = FEEDS["checkins"].build(clean, DAY)
    shown = zip(seen.facts["person"].tolist(), seen.facts["colour"].tolist(), strict=True)
    assert all(latest[person][1] == colour for person, colour in shown)
    assert len(set(seen.facts["colour"].tolist())) == 3


def test_nobody_who_is_well_has_a_fever_and_most_with_a_yellow_or_red_code_stay_away(clean: District) -> None:
    seen = FEEDS["checkins"].build(clean, DAY)
    fever = seen.facts["tenths"] > 373
    assert fever.any()
    assert clean.people.symptomatic(seen.facts["person"][fever], DAY).all()
    assert (seen.facts["symptom"][fever] >= 2).all()
    watched = seen.facts["colour"] != GREEN
    assert 0 < (seen.facts["place"][watched] == 0).mean() < 0.3


def test_nobody_checks_in_before_coming_back(clean: District) -> None:
    away = (clean.people.returned >= FIRST) & (clean.people.returned < NEVER)
    for day, frame in enumerate(_days(clean, "checkins"), FIRST):
        person = frame.facts["person"]
        assert (clean.people.returned[person][away[person]] <= day).all()


def test_carriers_see_the_same_journeys_at_slightly_different_times(clean: District) -> None:
    stays = defaultdict(dict)
    for carrier in CARRIERS[:3]:
        for frame in _days(clean, carrier):
            facts = (frame.facts[name].tolist() for name in ("person", "id", "place", "begin", "end"))
            for person, id_, place, begin, end in zip(*facts, strict=True):
                stays[person, id_ % 4][carrier] = (place, begin, end)
    twice = [list(seen.values()) for seen in stays.values() if len(seen) > 1]
    assert len(twice) > 10
    for (place, begin, end), (other, later, last) in (pair[:2] for pair in twice):
        assert place == other
        assert abs(begin - later) <= 50
        assert begin - later == end - last
    assert any(begin != later for (_, begin, _), (_, later, _) in (pair[:2] for pair in twice))


def test_returnees_among_the_staff_declare_where_they_were(clean: District) -> None:
    frames = _days(clean, "health_declarations")
    person, returned = _all(frames, "person"), _all(frames, "returned")
    places = np.stack([_all(frames, f"place_{place}") for place in (1, 2, 3)], axis=1)
    people = clean.returnees
    back = dict(zip(people.person.tolist(), range(len(people.person)), strict=True))
    told = [(back[who], row) for row, who in enumerate(person.tolist()) if who in back and returned[row] < DAY + 1]
    assert len(told) > 20
    for who, row in told:
        assert returned[row] == people.returned[who] // 1_440
        stays = people.place[who, : people.stays[who]].tolist()
        assert [place for place in places[row].tolist() if place >= 0] == stays


def test_wasu_counts_whole_days_and_never_less_than_four_hours(clean: District) -> None:
    facts = FEEDS["carrier_wasu"].build(clean, DAY).facts
    assert not (facts["begin"] % 1_440).any()
    assert not (facts["end"] % 1_440).any()
    assert (facts["dwell_minutes"] >= 240).all()
    assert set(facts["phone_shown"].tolist()) <= {carrier_wasu.PLAIN, carrier_wasu.HIDDEN, carrier_wasu.ABSENT}


def test_magnitudes_of_the_whole_district_and_the_time_to_make_a_day() -> None:
    whole = District(seed=7, scale=1)
    assert whole.people.staff_count == 305_000
    assert len(whole.returnees.person) == 10_000
    assert whole.returnees.seen.any(axis=1).all()
    begun = time.process_time()
    rows = {feed: day_frame(whole, FEEDS[feed], DAY).rows for feed in (*PERSON_FEEDS, "checkins")}
    assert time.process_time() - begun < 15
    assert 200 < rows["carrier_mobile"] < 700
    assert rows["health_declarations"] > 5_000


def test_equal_seeds_give_equal_people_and_others_do_not() -> None:
    one, same, other = (District(seed=seed, scale=0.02) for seed in (3, 3, 4))
    for feed in PERSON_FEEDS:
        columns = [FEEDS[feed].build(district, DAY).columns for district in (one, same, other)]
        name = next(iter(columns[0]))
        assert columns[0] == columns[1]
        assert columns[0][name] != columns[2][name]


def test_screening_that_knew_everything_would_find_some_of_each_kind(clean: District) -> None:
    person = np.arange(clean.people.staff_count)
    risk = clean.people.risk(person, DAY)
    counts = np.bincount(risk, minlength=3)
    assert counts[0] > 20 * counts[1:].sum()
    assert (counts > 0).all()
    assert (risk[clean.people.colour(person, DAY) == 2] == 2).all()


def test_the_catalogue_names_each_defect_of_a_feed_once_and_says_what_it_is() -> None:
    lines = catalogue()
    assert len({(line.feed, line.name) for line in lines}) == len(lines)
    assert {line.feed for line in lines} == {*FEEDS, "market_registry"}
    for line in lines:
        assert line.note.endswith("."), line
        assert (line.verdict in ("quarantined", "rejected", "incomplete")) == bool(line.reason), line
        assert line.reason in REASONS or line.kind == "file", line


def test_every_defect_can_be_delivered_alone_and_its_rows_add_up() -> None:
    for line in catalogue():
        if line.kind == "transport":
            continue
        made = single(line.feed, line.name)
        if made.outcome in ("accepted", "repeat", "waits"):
            assert made.accepted + made.ignored + sum(made.quarantined.values()) == made.rows, line
        if line.verdict == "quarantined":
            assert made.quarantined == ({} if line.reason in UNRESOLVED else {line.reason: 1}), line
        assert (made.row > 0) == (line.kind == "row"), line


def test_what_comes_before_and_after_tells_files_apart() -> None:
    def pair(name: str) -> tuple[Delivery, Delivery]:
        made = single("carrier_telecom", name)
        return made.earlier[0], made

    first, again = pair("repeat")
    assert (again.content, again.name, again.outcome) == (first.content, first.name, "repeat")
    first, again = pair("renamed_repeat")
    assert again.content == first.content
    assert again.name != first.name
    first, again = pair("corrected")
    assert again.name == first.name
    assert again.rows > first.rows
    first, again = pair("sequel")
    assert not set(_tab_lines(again)[1:]) & set(_tab_lines(first)[1:])
    first, again = pair("unchanged")
    assert again.content == first.content
    assert (again.business_date - first.business_date).days == 1
    first, again = pair("undo")
    assert again.name == "carrier_telecom_20200217_undo.tsv"
    assert set(_tab_lines(again)) < set(_tab_lines(first))


def _tab_lines(made: Delivery) -> list[str]:
    return made.content.decode("utf-16").splitlines()


@pytest.mark.parametrize(
    ("name", "control"),
    [("wrong_sha256", r"[0-9a-f]{64} \d+\n"), ("bad_control", r"\d+\n"), ("late", r"[0-9a-f]{64} \d+\n")],
)
def test_control_files_of_drops(name: str, control: str) -> None:
    made = single("carrier_wasu", name)
    assert made.control is not None
    assert re.fullmatch(control, made.control)
    honest = hashlib.sha256(made.content).hexdigest() in made.control
    assert honest == (name == "late")


def test_a_drop_without_a_control_file_waits_and_exports_have_none() -> None:
    assert single("carrier_unicom", "missing_ok").control is None
    assert single("carrier_unicom", "missing_ok").outcome == "waits"
    assert single("health_codes", "late").control is None


def test_a_delivery_with_one_defect_differs_from_the_good_one_in_that_row_alone() -> None:
    good = single("health_declarations", "late").content.decode("utf-8-sig").splitlines()
    for name in ("id_rounded", "phone_short", "date_ambiguous"):
        made = single("health_declarations", name)
        lines = made.content.decode("utf-8-sig").splitlines()
        fresh = [line for line in lines[1:] if line not in set(_clean_lines())]
        assert fresh == [lines[made.row]], name
    assert set(good[1:]) <= set(_clean_lines())


@cache
def _clean_lines() -> list[str]:
    feed, frame = FEEDS["health_declarations"], FEEDS["health_declarations"].build(clean_district(), DAY)
    lines = []
    for slot in feed.slots:
        rows = frame.take(np.flatnonzero(frame.facts["slot"] == slot.key))
        content = render(feed, rows, Version(feed.name, DAY, slot.name, slot.key, 0))
        lines += content.decode("utf-8-sig").splitlines()[1:]
    return lines


def test_an_unknown_defect_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"expected one of .*id_rounded"):
        single("health_declarations", "no_such")
    with pytest.raises(ValueError, match="no such feed"):
        single("no_such", "empty")


@pytest.mark.parametrize(
    ("name", "column", "holds"),
    [
        ("id_rounded", 3, lambda cell: cell.endswith("000") or "E+17" in cell),
        ("id_wrong_check", 3, lambda cell: len(cell) == 18 and not mod_11_2.is_valid(cell)),
        ("id_of_child", 3, lambda cell: mod_11_2.is_valid(cell) and cell[6:10] == "2009"),
        ("id_bad_birth", 3, lambda cell: mod_11_2.is_valid(cell) and cell[10:14] == "0231"),
        ("phone_masked", 4, lambda cell: cell[3:7] == "****" and len(cell) == 11),
        ("phone_short", 4, lambda cell: len(cell) == 10),
        ("phone_plus86", 4, lambda cell: cell.startswith("+861")),
        ("phone_float", 4, lambda cell: cell.endswith(".0")),
        ("date_serial", 10, lambda cell: cell.isdigit() and 43_800 < int(cell) < 44_000),
        ("date_month_day", 10, lambda cell: cell.endswith("日")),
        ("date_ambiguous", 10, lambda cell: cell in ("2.1", "2.2", "2.3")),
        ("contact_code", 11, lambda cell: cell in ("0", "1")),
        ("route_unknown", 9, lambda cell: cell.endswith("、某地")),
    ],
)
def test_what_a_declarations_damaged_cell_looks_like(name: str, column: int, holds: object) -> None:
    made = single("health_declarations", name)
    row = list(csv.reader(io.StringIO(made.content.decode("utf-8-sig"))))[made.row]
    assert callable(holds)
    assert holds(row[column]), row[column]


def test_temperatures_that_cannot_be_read_are_none_in_the_expectation() -> None:
    frame = day_frame(District(seed=7, scale=0.1, rates=5), FEEDS["checkins"], DAY)
    texts = frame.columns["体温"].to_pylist()
    none = [text for text, tenths in zip(texts, frame.facts["tenths"].tolist(), strict=True) if tenths < 0]
    assert set(none) == {"正常", "未测", "45.0", "25.3", None}
