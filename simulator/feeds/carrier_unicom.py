"""Stays as a second carrier lists them: a workbook with two title rows and places as numbers."""

import numpy as np
import pyarrow as pa

from simulator.carriers import DAY, moments, stays, with_dwell
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import PLACES
from simulator.rng import Ints, uniform
from simulator.rowdefects import INVALID, REFORMATTED, RowDefect, blank, constant, moment_defects, phone_defects
from simulator.text import choose, join, whole
from simulator.workbook import DATE_MARK

_CODES = np.array([int(code) for _, _, code in PLACES])


def _codes(place: Ints, ids: Ints, seed: int) -> pa.Array:
    """Return the prefecture's code or, in a tenth of the rows, that of a county in it."""
    prefecture = _CODES[place]
    county = prefecture + np.where(prefecture % 10_000 == 0, 102, 2)
    return whole(np.where(uniform(seed, "county", ids) < 0.1, county, prefecture))


def build(district: District, day: int) -> Frame:
    """Return the stays that the carrier lists for that day; a sixth of the returns are real Excel moments."""
    facts, no_dwell, hours = with_dwell(stays(district, day, "unicom"), district.seed)
    returned = moments(facts["returned"])
    real = uniform(district.seed, "real moment", facts["id"]) < 0.16
    columns = {
        "号码": district.returnees.phone.take(pa.array(facts["person"])),
        "到访城市代码": _codes(facts["place"], facts["id"], district.seed),
        "到访开始": moments(facts["begin"]),
        "到访结束": moments(facts["end"]),
        "返杭时间": choose(real, join(pa.scalar(DATE_MARK), returned), returned),
        "停留小时": choose(no_dwell, "", hours),
    }
    return clean(columns, facts)


def _as_text(text: str, _: float) -> str:
    """Write the number as text, 420100.0."""
    return f" {text}.0"


FEED = Feed(
    name="carrier_unicom",
    sender="carrier_unicom",
    layout=Layout(
        "xlsx",
        ("号码", "到访城市代码", "到访开始", "到访结束", "返杭时间", "停留小时"),
        titles=("来杭返杭人员漫游明细", "内部资料 注意保密"),
        literals=frozenset(("到访城市代码", "停留小时")),
    ),
    slots=(Slot(0, "carrier_unicom_{day}.xlsx", DAY + 6 * 60 + 45),),
    days=daily,
    build=build,
    defects=(
        *phone_defects("号码", key=True),
        RowDefect("place_unknown", "到访城市代码", 0.008, constant("999999", "0", "外地"), "PLACE_UNKNOWN"),
        RowDefect("place_float", "到访城市代码", 0.01, _as_text, mark=REFORMATTED),
        *moment_defects("到访开始", "begin"),
        *moment_defects("到访结束", "end"),
        *moment_defects("返杭时间", "returned", 0.5, required=False),
        RowDefect("place_missing", "到访城市代码", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("dwell_missing", "停留小时", 0.004, blank),
        RowDefect("dwell_text", "停留小时", 0.001, constant("半天", "不足一日"), mark=INVALID),
    ),
    key_column="到访城市代码",
    alias=("号码", "手机号码"),
    duplicates=0.01,
    retracts=True,
)
