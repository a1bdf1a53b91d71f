"""Places as carriers and registries write them, brought to division codes of February 2020."""

from __future__ import annotations

import csv
import re
from functools import cache
from typing import TYPE_CHECKING

from resumption import settings
from resumption.conform.text import simplified, simplified_all, squeeze
from resumption.conform.values import BLANK, Answer, Conformed, Refused
from resumption.contracts.reasons import RowReason

if TYPE_CHECKING:
    import pyarrow as pa

_PROVINCE_SUFFIX = re.compile(r"(省|市|特别行政区|(?:回族|壮族|维吾尔)?自治区)$")
_CITY_SUFFIX = re.compile(r"(市|地区|盟|林区|自治州|自治县|县)$")
_PEOPLES = re.compile(
    "(蒙古族?|藏族|回族|维吾尔|哈萨克|柯尔克孜|朝鲜族|土家族|苗族|侗族|布依族|壮族|彝族|羌族|白族|傣族|景颇族|傈僳族|哈尼族|黎族)+$"
)
_SEPARATORS = re.compile(r"[-,，/|·>]+")
_STOPS = re.compile(r"[、/;；,，]")
_COMMUNITY = re.compile(r".*(?:街道|镇|(?<!社)区)([\u4e00-\u9fff]{2,6}?社区)")


def reference_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of ``include/reference/<name>.csv``; lines that begin with # say where the file is from."""
    path = settings.project_root() / "include" / "reference" / f"{name}.csv"
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _spellings(name: str, suffix: re.Pattern[str]) -> set[str]:
    """Return the full name, the name without its suffix, and that without the names of peoples (恩施, 恩施州)."""
    short = suffix.sub("", name)
    bare = _PEOPLES.sub("", short)
    prefecture = f"{bare}州" if name.endswith("自治州") else bare
    return {form for form in (name, short, bare, prefecture) if len(form) >= 2}


@cache
def _prefectures() -> dict[str, str]:
    """Return spelling → code for every spelling that only one prefecture has."""
    rows = reference_rows("prefectures")
    found: dict[str, set[str]] = {}
    for row in rows:
        # 吉林 and 海南 alone are provinces: their codes join the cities' of the same name, so neither is guessed.
        for spelling in _spellings(row["province"], _PROVINCE_SUFFIX):
            found.setdefault(spelling, set()).add(row["code"] if row["kind"] == "municipality" else row["province"])
        cities = _spellings(row["name"], _CITY_SUFFIX)
        provinces = _spellings(row["province"], _PROVINCE_SUFFIX) | {""}
        for spelling in {province + city for province in provinces for city in cities}:
            found.setdefault(spelling, set()).add(row["code"])
    return {spelling: min(codes) for spelling, codes in found.items() if len(codes) == 1 and min(codes).isdigit()}


def to_region_code(text: str) -> Answer:
    """The prefecture's GB/T 2260 code from 湖北省武汉市, 湖北武汉 or 武汉; a municipality's is its province code."""
    known = _prefectures()
    place = _SEPARATORS.sub("", squeeze(text))
    code = known.get(place) or known.get(simplified(place))
    if code is None:
        return Refused(RowReason.PLACE_UNKNOWN)
    return Conformed(code, None if place == text else "folded")


@cache
def _codes() -> dict[str, str]:
    """Return code → code for every prefecture, and its first four digits, which its counties share, → code."""
    own = {row["code"]: row["code"] for row in reference_rows("prefectures")}
    return own | {code[:4]: code for code in own if code.endswith("00")}


def prefecture_of(number: str) -> str | None:
    """Return the prefecture's code of a six-digit division code; a county's folds, a municipality's is its province's.

    A prefecture's own code and that of a county run by its province stand for themselves.
    """
    known = _codes()
    return known.get(number) or known.get(number[:4]) or known.get(f"{number[:2]}0000") if len(number) == 6 else None


@cache
def _subdistricts() -> tuple[str, ...]:
    names = (row["name"] for row in reference_rows("subdistricts"))
    return tuple(name for name in names if name.endswith(("街道", "镇", "乡")))


def region_number(text: str) -> Answer:
    """The prefecture's code from a six-digit number, which a spreadsheet may have written as 420100.0."""
    number = squeeze(text)
    code = prefecture_of(number.removesuffix(".0"))
    if code is None:
        return Refused(RowReason.PLACE_UNKNOWN)
    return Conformed(code, None if number.isdigit() and number == text else "reformatted")


def city_code(text: str, city: str | None) -> Answer:
    """The code beside a city's name; without a city the row is its province's total and has no code (decision 57).

    A municipality's districts count for the municipality; any other code must be a prefecture's own.
    """
    if not (city or "").strip():
        return BLANK
    number = squeeze(text).removesuffix(".0")
    code = prefecture_of(number)
    if code is None or code not in (number, f"{number[:2]}0000"):
        return Refused(RowReason.REGION_UNRESOLVED)
    return Conformed(code, None if number == text else "reformatted")


def route(text: str) -> Answer:
    """The prefectures that a journey names, sorted; places that none bears are left out, and the row says so."""
    places = [place for place in _STOPS.split(squeeze(text)) if place]
    codes = [to_region_code(place) for place in places]
    found = sorted({code.value for code in codes if isinstance(code, Conformed)})
    return Conformed(found, None if all(isinstance(code, Conformed) for code in codes) else "invalid")


def split_address(text: str) -> Conformed:
    """The subdistrict of the district and the community that an address names; the address itself is not kept.

    Only a full name (长河街道) counts: roads and hills bear the same words.
    """
    return Conformed(_named_in(simplified(squeeze(text))))


def split_addresses(addresses: pa.StringArray) -> tuple[pa.BooleanArray, list[pa.Array]]:
    """Return which addresses are given, and what ``split_address`` says of each."""
    import pyarrow as pa

    squeezed = [squeeze(address or "") for address in addresses.to_pylist()]
    named = [_named_in(address) for address in simplified_all(squeezed)]
    return pa.array(map(bool, squeezed), pa.bool_()), [
        pa.array([one for one, _ in named], pa.string()),
        pa.array([other for _, other in named], pa.string()),
    ]


def _named_in(address: str) -> tuple[str | None, str | None]:
    subdistrict = next((name for name in _subdistricts() if name in address), None)
    community = _COMMUNITY.match(address)
    return subdistrict, community[1] if community else None
