"""Places as carriers and registries write them, brought to division codes of February 2020."""

from __future__ import annotations

import csv
import re
from functools import cache

from resumption import settings
from resumption.conform.text import simplified, squeeze
from resumption.conform.values import Answer, Conformed, Refused
from resumption.contracts.reasons import RowReason

_PROVINCE_SUFFIX = re.compile(r"(省|市|特别行政区|(?:回族|壮族|维吾尔)?自治区)$")
_CITY_SUFFIX = re.compile(r"(市|地区|盟|林区|自治州|自治县|县)$")
_PEOPLES = re.compile(
    "(蒙古族?|藏族|回族|维吾尔|哈萨克|柯尔克孜|朝鲜族|土家族|苗族|侗族|布依族|壮族|彝族|羌族|白族|傣族|景颇族|傈僳族|哈尼族|黎族)+$"
)
_SEPARATORS = re.compile(r"[-,，/|·>]+")
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
def _subdistricts() -> tuple[str, ...]:
    names = (row["name"] for row in reference_rows("subdistricts"))
    return tuple(name for name in names if name.endswith(("街道", "镇", "乡")))


def split_address(text: str) -> tuple[str | None, str | None]:
    """Return the subdistrict of the district and the community that an address names; the address itself is not kept.

    Only a full name (长河街道) counts: roads and hills bear the same words.
    """
    address = simplified(squeeze(text))
    subdistrict = next((name for name in _subdistricts() if name in address), None)
    community = _COMMUNITY.match(address)
    return subdistrict, community[1] if community else None
