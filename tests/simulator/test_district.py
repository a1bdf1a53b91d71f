"""The synthetic district: calibration, identities, determinism."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from stdnum.cn import uscc as stdnum_uscc

from simulator import codes
from simulator.calendar import is_working_day, number
from simulator.district import District
from simulator.feeds import FEEDS, market_registry
from simulator.frame import Frame
from simulator.store import Store

DAY = date(2020, 2, 25)


@pytest.fixture(scope="module")
def district() -> District:
    return District(seed=7, scale=0.02, end=DAY)


@pytest.fixture(scope="module")
def whole() -> District:
    return District(seed=7, scale=1, end=DAY)


def test_whole_district_reproduces_the_published_figures(whole: District) -> None:
    scopes = whole.truth(DAY)["scopes"]
    assert scopes["statistical"] == {"denominator": 23_000, "resumed": 21_137}
    assert scopes["above_scale_industry"]["resumed"] == scopes["above_scale_industry"]["denominator"]
    services = scopes["above_scale_services"]
    assert services["resumed"] == 993
    assert 1_019 <= services["denominator"] <= 1_029


@pytest.mark.parametrize("seed", [1, 7, 2020])
@pytest.mark.parametrize("scale", [0.01, 0.1])
def test_other_scales_are_proportional(seed: int, scale: float) -> None:
    scopes = District(seed, scale).truth(DAY)["scopes"]
    assert scopes["statistical"] == {"denominator": round(23_000 * scale), "resumed": round(21_137 * scale)}
    assert scopes["above_scale_industry"]["resumed"] == scopes["above_scale_industry"]["denominator"]


def test_whole_district_has_the_published_populations(whole: District) -> None:
    at_start = whole.firms.born <= number(date(2020, 1, 31))
    assert int(at_start.sum()) == 60_000
    assert int(whole.lives.tracked.sum()) == 14_474
    assert whole.staff.count == 305_000
    unknown = whole.firms.subdistrict[at_start] < 0
    assert unknown.mean() == pytest.approx(0.35, abs=0.01)


def test_resumption_only_grows_until_calibration_and_starts_with_the_white_list(whole: District) -> None:
    days = [date(2020, 2, day) for day in (7, 10, 14, 17, 20, 25)]
    resumed = [whole.truth(day)["scopes"]["statistical"]["resumed"] for day in days]
    assert resumed == sorted(resumed)
    early = whole.official(number(days[0]))
    assert early.any()
    assert whole.lives.white[early].all()


def test_codes_are_valid_in_both_check_digits(district: District) -> None:
    for code in district.firms.uscc.to_pylist():
        assert stdnum_uscc.is_valid(code)
        assert _organisation_check(code[8:16]) == code[16]


def _organisation_check(body: str) -> str:
    """GB 11714: 11 − Σ value·weight mod 11, with X for 10 and 0 for 11."""
    total = sum(int(c, 36) * weight for c, weight in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
    return "0123456789X0"[11 - total % 11]


def test_flagged_names_and_no_others_are_borne_twice_while_the_district_runs(district: District) -> None:
    firms = district.firms
    for day in (number(date(2020, 2, 10)), number(DAY)):
        active = firms.active(day) & ~firms.codeless
        names = Counter(name for name, there in zip(firms.name_at(day).to_pylist(), active, strict=True) if there)
        assert {name for name, times in names.items() if times > 1} == set(
            firms.name.filter(pa.array(firms.ambiguous)).to_pylist()
        )


def test_codes_and_numbers_are_unique(district: District) -> None:
    for values in (district.firms.uscc, district.firms.reg_no, district.people.id_no, district.meters.account_no):
        assert len(set(values.to_pylist())) == len(values)


def test_few_people_share_a_phone(whole: District) -> None:
    shared = whole.staff.count - len(set(whole.staff.phone.to_pylist()))
    assert 0.0005 < shared / whole.staff.count < 0.002


def test_no_living_person_can_own_a_phone(district: District) -> None:
    phones = district.phones()
    assert len(phones) > 7_000
    assert all(phone.startswith("1540") and len(phone) == 11 and phone.isdigit() for phone in phones)


def test_personal_names_do_not_occur_in_firm_names(district: District) -> None:
    firm_names = "\n".join(district.firms.name.to_pylist() + district.firms.address.to_pylist())
    names = district.personal_names()
    assert len(names) > 100
    assert not [name for name in names if name in firm_names]


def test_more_identities_than_there_are_is_an_error() -> None:
    import numpy as np

    with pytest.raises(ValueError, match="smaller scale"):
        codes.phones(np.array([10_000_000]))


@pytest.mark.parametrize("bad", [{"scale": 0}, {"scale": 50}, {"start": date(2020, 3, 1), "end": date(2020, 2, 1)}])
def test_impossible_districts_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="got"):
        District(**bad)  # type: ignore[arg-type]


def _bytes(store: Store, day: int) -> dict[tuple[str, str, int], bytes]:
    found = {}
    for name, feed in FEEDS.items():
        if day in feed.days(store.district, day):
            for place, entry in enumerate(store.entries(name, day)):
                found[name, entry.version.name, place] = Path(entry.path).read_bytes()
    return found


def test_a_day_alone_gives_the_same_bytes_as_in_sequence(tmp_path: Path) -> None:
    alone = Store(tmp_path / "alone", District(seed=3, scale=0.01, end=DAY))
    sequence = Store(tmp_path / "sequence", District(seed=3, scale=0.01, end=date(2020, 3, 2)))
    for day in range(number(date(2020, 2, 20)), number(DAY)):
        _bytes(sequence, day)
    assert _bytes(alone, number(DAY)) == _bytes(sequence, number(DAY))
    assert _bytes(alone, number(date(2020, 2, 1)))


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    one = _bytes(Store(tmp_path / "one", District(seed=3, scale=0.01)), number(DAY))
    other = _bytes(Store(tmp_path / "other", District(seed=4, scale=0.01)), number(DAY))
    assert one != other


def test_files_that_are_there_are_read_again_unchanged(tmp_path: Path) -> None:
    first = Store(tmp_path, District(seed=3, scale=0.01)).entries("approvals", number(DAY))
    written = [Path(entry.path).stat().st_mtime_ns for entry in first]
    again = Store(tmp_path, District(seed=3, scale=0.01)).entries("approvals", number(DAY))
    assert again == first
    assert [Path(entry.path).stat().st_mtime_ns for entry in again] == written


def _texts(frame: Frame, column: str) -> list[str | None]:
    values: list[str | None] = frame.columns[column].to_pylist()
    return values


def test_the_registry_moves_from_snapshot_to_snapshot_by_its_changes(district: District) -> None:
    before, day = number(date(2020, 2, 23)), number(date(2020, 2, 24))
    old = dict(zip(*(_texts(market_registry.snapshot(district, before), c) for c in ("reg_no", "status")), strict=True))
    new = dict(zip(*(_texts(market_registry.snapshot(district, day), c) for c in ("reg_no", "status")), strict=True))
    changes = market_registry.changes(district, day)
    for number_, status in zip(*(_texts(changes, c) for c in ("reg_no", "status")), strict=True):
        old[number_] = status
    assert old == new
    assert set(_texts(changes, "change_type")) <= {"新设", "变更", "注销"}
    assert set(_texts(changes, "changed_on")) <= {"2020-02-24"}


def test_working_days_follow_the_calendar_of_2020() -> None:
    assert is_working_day(number(date(2020, 1, 19)))
    assert not is_working_day(number(date(2020, 1, 24)))
    assert not is_working_day(number(date(2020, 2, 2)))
    assert is_working_day(number(date(2020, 2, 3)))


def test_the_load_dips_at_new_year_and_comes_back(district: District) -> None:
    from simulator.meters import load_kwh

    december, holiday, later = (
        float(load_kwh(7, district.meters, district.lives, number(day)).sum())
        for day in (date(2019, 12, 11), date(2020, 1, 29), date(2020, 2, 26))
    )
    assert holiday < 0.2 * december
    assert 0.5 * december < later < 1.1 * december
