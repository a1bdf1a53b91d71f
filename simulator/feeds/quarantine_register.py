"""People under home observation: a workbook a community and day, kept by hand, always the full list."""

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.calendar import date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import doors_of
from simulator.rng import Bools, Floats, Ints, uniform
from simulator.rowdefects import RowDefect, blank, constant, date_repairs, far_away, phone_defects
from simulator.text import blank_where, choose, join, pick, whole
from simulator.workbook import DATE_MARK

_KEPT_DAYS = 2
_REMARKS = ("", "湖北返杭", "密切接触者", "已测温", "独居")
_ESTATES = ("花苑", "公寓", "佳苑", "小区")


def _facts(district: District, day: int) -> dict[str, Ints]:
    """Return who stands on the lists of a day: those under observation, and for two days those no longer."""
    homes = district.households
    end = homes.watched_until - 1
    listed = np.flatnonzero((homes.watched_from <= day) & (day <= end + _KEPT_DAYS))
    listed = listed[np.lexsort((listed, homes.watched_from[listed], homes.community[listed]))]
    community = homes.community[listed]
    return {
        "household": listed,
        "person": homes.person[listed],
        "begin": homes.watched_from[listed],
        "end": end[listed],
        "open": (uniform(district.seed, "open end", listed) < 0.08).astype(np.int64),
        "no_token": (uniform(district.seed, "no token", listed) < 0.03).astype(np.int64),
        "slot": community,
        "number": np.arange(len(listed)) - np.searchsorted(community, community),
        "id": listed,
    }


def _dates(days: Ints, luck: Floats) -> pa.Array:
    """Return dates as real Excel dates or, half of them, as text."""
    iso = date_texts(days)
    return choose(luck < 0.5, join(pa.scalar(DATE_MARK), iso), iso)


def _address(district: District, facts: dict[str, Ints]) -> dict[str, pa.Array]:
    """Return building, staircase and room: apart, or in one cell such as 3-1-501.

    A spreadsheet takes some of these for a date: of 3-1-5 it makes the 5th of January 2003.
    """
    building, staircase, room = doors_of(district.seed, facts["person"])
    luck = uniform(district.seed, "one cell", facts["household"])
    one: Bools = luck < 0.35
    low = luck < 0.06
    cell = join(whole(building), pa.scalar("-"), whole(staircase), pa.scalar("-"), whole(room))
    taken = date_texts((building - 20) * 365 + staircase * 28 + room % 28)
    cell = choose(low, join(pa.scalar(DATE_MARK), taken), cell)
    return {
        "幢": choose(one, cell, whole(building)),
        "单元": blank_where(one, whole(staircase)),
        "室": blank_where(one, whole(room)),
    }


def build(district: District, day: int) -> Frame:
    """Return the lists of all communities; the fact `slot` is the community."""
    facts, people, seed = _facts(district, day), district.people, district.seed
    home, person = facts["household"], facts["person"]
    names = [name.removesuffix("社区") for group in reference.COMMUNITIES for name in group]
    columns = {
        "序号": whole(facts["number"] + 1),
        "姓名": people.names(person),
        "手机号": people.phone.take(pa.array(person)),
        "小区": join(pick(names, facts["slot"]), pick(_ESTATES, home % len(_ESTATES))),
        **_address(district, facts),
        "meter_token": blank_where(facts["no_token"] > 0, district.households.token.take(pa.array(home))),
        "起": _dates(facts["begin"], uniform(seed, "begin written", home)),
        "止": blank_where(facts["open"] > 0, _dates(facts["end"], uniform(seed, "end written", home))),
        "备注": pick(_REMARKS, home % len(_REMARKS)),
    }
    return clean(columns, facts)


FEED = Feed(
    name="quarantine_register",
    sender="module",
    layout=Layout(
        "xlsx",
        ("序号", "姓名", "手机号", "小区", "幢", "单元", "室", "meter_token", "起", "止", "备注"),
        literals=frozenset(("序号", "起", "止")),
    ),
    slots=tuple(Slot(place, f"{code}.xlsx", 19 * 60 + place) for place, code in enumerate(reference.COMMUNITY_CODES)),
    days=daily,
    build=build,
    fixed_names=True,
    defects=(
        *phone_defects("手机号", key=False, rate=2.0),
        *date_repairs("起", "begin", rate=10.0, prefix="begin"),
        *date_repairs("止", "end", rate=10.0, prefix="end"),
        RowDefect("token_missing", "meter_token", 0.0, blank),
        RowDefect("begin_missing", "起", 0.004, blank, "REQUIRED_MISSING"),
        RowDefect("begin_ambiguous", "起", 0.006, constant("2.1", "2.2", "2.3"), "DATE_AMBIGUOUS"),
        RowDefect("begin_text", "起", 0.006, constant("待定", "2020-02-30"), "DATE_INVALID"),
        RowDefect("begin_far", "起", 0.004, far_away, "DATE_OUT_OF_RANGE"),
        RowDefect("end_missing", "止", 0.0, blank),
        RowDefect("end_ambiguous", "止", 0.004, constant("2.1", "2.2", "2.3"), "DATE_AMBIGUOUS"),
        RowDefect("end_text", "止", 0.006, constant("未定", "2020-02-30"), "DATE_INVALID"),
        RowDefect("end_far", "止", 0.004, far_away, "DATE_OUT_OF_RANGE"),
    ),
    key_column="起",
    alias=("手机号", "手机号码"),
    duplicates=0.003,
)
