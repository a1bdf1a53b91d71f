"""Cumulative cases by city and day, as bulletins give them: a row a city and a total row a province.

Counts follow published ones between 10 and 25 February. Now and then a count is lower than the day before, a total is
not the sum of its parts, or a count belongs to no place.
"""

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.calendar import date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import REASONS, Frame, clean
from simulator.layout import Layout
from simulator.rng import Ints, uniform
from simulator.rowdefects import (
    INVALID,
    REFORMATTED,
    RowDefect,
    blank,
    compact,
    constant,
    far_away,
    full_width,
    serial,
)
from simulator.text import blank_where, whole

_FROM, _TO = 40, 55  # 10 and 25 February
_CITY, _TOTAL, _PLACELESS = range(3)
_DIFFERS_FROM, _DIFFERENCE = 52, 12
"""From 22 February Zhejiang's total was 12 above the sum of its parts (1,217 and 1,205)."""


def _counts(anchors: list[tuple[int, int]], day: int) -> Ints:
    """Return cumulative counts that pass through the published ones and level off."""
    first, second = np.array(anchors, dtype=np.float64).reshape(-1, 2).T
    share = (1 - np.exp(-(day - _FROM) / 8)) / (1 - np.exp(-(_TO - _FROM) / 8))
    return np.asarray(np.round(first + (second - first) * share), dtype=np.int64)


def _revised(counts: Ints, seed: int, day: int, rates: float) -> Ints:
    """Lower a few counts for a day."""
    luck = uniform(seed, "revised", np.arange(len(counts)), day)
    return np.maximum(0, counts - np.where(luck < 0.01 * rates, 1 + (luck * 300).astype(np.int64), 0))


def _rows(district: District, day: int) -> list[tuple[str, str, str, str, int, int]]:
    """Return (province, code, city, code, confirmed, kind) in the order of the codes, totals first."""
    seed, rates = district.seed, district.rates
    cities = _revised(_counts([row[4:] for row in reference.CITY_CASES], day), seed, day, rates)
    placeless = _counts([row[3:] for row in reference.PLACELESS_CASES], day)
    rows = [(*row[:4], int(count), _CITY) for row, count in zip(reference.CITY_CASES, cities, strict=True)]
    if rates > 0:
        rows += [
            (*row[:3], "", int(count), _PLACELESS)
            for row, count in zip(reference.PLACELESS_CASES, placeless, strict=True)
            if count
        ]
    totals = _totals(rows, seed, day, rates)
    return sorted(totals + rows, key=lambda row: (row[1], row[5] != _TOTAL, row[3]))


def _totals(
    rows: list[tuple[str, str, str, str, int, int]], seed: int, day: int, rates: float
) -> list[tuple[str, str, str, str, int, int]]:
    provinces = dict.fromkeys((row[0], row[1]) for row in rows)
    result = []
    for (name, code), luck in zip(
        provinces, uniform(seed, "total differs", np.arange(len(provinces)), day), strict=True
    ):
        extra = (1 + int(luck * 40)) if luck < 0.05 * rates else 0
        if code == "330000" and day >= _DIFFERS_FROM and rates > 0:
            extra = _DIFFERENCE
        result.append((name, code, "", "", sum(row[4] for row in rows if row[1] == code) + extra, _TOTAL))
    return result


def _share(day: int, start: float, end: float) -> float:
    return float(np.interp(day, (_FROM, _TO, 90), (start, end, min(1.0, end + 0.2))))


def build(district: District, day: int) -> Frame:
    """Return the bulletin of a day; the facts are counts, `city` (code as a number, 0 for none) and `kind`."""
    province, province_code, city, city_code, confirmed, kind = zip(*_rows(district, day), strict=True)
    count, of_kind = np.array(confirmed, dtype=np.int64), np.array(kind, dtype=np.int64)
    hubei = np.array([code == "420000" for code in province_code])
    cured = np.floor(count * np.where(hubei, _share(day, 0.07, 0.3), _share(day, 0.15, 0.7))).astype(np.int64)
    dead = np.floor(count * np.where(hubei, 0.035, 0.004)).astype(np.int64)
    facts = {
        "city": np.array([int(code or 0) for code in city_code], dtype=np.int64),
        "province": np.array(list(map(int, province_code)), dtype=np.int64),
        "confirmed": count,
        "kind": of_kind,
        "day": np.full(len(count), day),
        "slot": np.zeros(len(count), dtype=np.int64),
        "id": np.arange(len(count)),
    }
    columns = {
        "date": date_texts(facts["day"]),
        "province": pa.array(province),
        "province_code": pa.array(province_code),
        "city": blank_where(of_kind == _TOTAL, pa.array(city)),
        "city_code": blank_where(of_kind != _CITY, pa.array(city_code)),
        "confirmed": whole(count),
        "suspected": whole(np.zeros(len(count), dtype=np.int64)),
        "cured": whole(cured),
        "dead": whole(dead),
    }
    return clean(columns, facts).with_reason(np.flatnonzero(of_kind == _PLACELESS), REASONS.index("REGION_UNRESOLVED"))


def _is_city(frame: Frame) -> np.ndarray:
    return np.asarray(frame.facts["kind"] == _CITY)


FEED = Feed(
    name="city_cases",
    sender="module",
    layout=Layout(
        "csv",
        ("date", "province", "province_code", "city", "city_code", "confirmed", "suspected", "cured", "dead"),
    ),
    slots=(Slot(0, "city_cases_{day}.csv", 11 * 60 + 30),),
    days=daily,
    build=build,
    defects=(
        RowDefect("code_missing", "city_code", 0.004, blank, "REGION_UNRESOLVED", _is_city),
        RowDefect("code_unknown", "city_code", 0.002, constant("999900", "429999"), "REGION_UNRESOLVED", _is_city),
        RowDefect("confirmed_text", "confirmed", 0.004, constant("约20", "—", "#REF!"), "NUMBER_INVALID"),
        RowDefect("confirmed_missing", "confirmed", 0.002, blank, "REQUIRED_MISSING"),
        RowDefect("confirmed_negative", "confirmed", 0.0, constant("-3"), "NUMBER_INVALID"),
        RowDefect("confirmed_full_width", "confirmed", 0.003, full_width, mark=REFORMATTED),
        RowDefect("cured_text", "cured", 0.004, constant("不详", "—"), mark=INVALID),
        RowDefect("date_serial", "date", 0.004, serial, mark=REFORMATTED),
        RowDefect("date_compact", "date", 0.004, compact, mark=REFORMATTED),
        RowDefect("date_ambiguous", "date", 0.001, constant("2.1", "2.2"), "DATE_AMBIGUOUS"),
        RowDefect("date_missing", "date", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("date_text", "date", 0.002, constant("昨日", "2020-02-30"), "DATE_INVALID"),
        RowDefect("date_far", "date", 0.002, far_away, "DATE_OUT_OF_RANGE"),
    ),
    key_column="confirmed",
    duplicates=0.004,
)
