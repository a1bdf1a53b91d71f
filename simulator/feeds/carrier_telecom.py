"""Stays as a third carrier lists them: UTF-16 text with tabs, English headers and times without separators."""

import pyarrow as pa
import pyarrow.compute as pc

from simulator.carriers import DAY, moments, stays, with_dwell
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import PLACES
from simulator.rng import Ints, uniform
from simulator.rowdefects import INVALID, RowDefect, blank, broken_row, constant, moment_defects, phone_defects
from simulator.text import choose, pick


def _cities(place: Ints, ids: Ints, seed: int) -> pa.Array:
    """Return 武汉市 or, in a third of the rows, 武汉; a municipality's own name."""
    full = [city or province for province, city, _ in PLACES]
    bare = [name.removesuffix("市") for name in full]
    return pick(full + bare, place + (uniform(seed, "city style", ids) < 0.3) * len(PLACES))


def _compact(minutes: Ints) -> pa.Array:
    return pc.replace_substring_regex(moments(minutes), "[- :]", "")


def build(district: District, day: int) -> Frame:
    """Return the stays that the carrier lists for that day."""
    facts, no_dwell, hours = with_dwell(stays(district, day, "telecom"), district.seed)
    columns = {
        "PHONE": district.returnees.phone.take(pa.array(facts["person"])),
        "VISIT_CITY": _cities(facts["place"], facts["id"], district.seed),
        "VISIT_BEGIN": _compact(facts["begin"]),
        "VISIT_END": _compact(facts["end"]),
        "BACK_TIME": _compact(facts["returned"]),
        "DWELL_H": choose(no_dwell, "", hours),
    }
    return clean(columns, facts)


FEED = Feed(
    name="carrier_telecom",
    sender="carrier_telecom",
    layout=Layout(
        "csv",
        ("PHONE", "VISIT_CITY", "VISIT_BEGIN", "VISIT_END", "BACK_TIME", "DWELL_H"),
        encoding="utf-16-le",
        newline="\r\n",
        delimiter="\t",
        bom=True,
    ),
    slots=(Slot(0, "carrier_telecom_{day}.tsv", DAY + 6 * 60 + 50),),
    days=daily,
    build=build,
    defects=(
        *phone_defects("PHONE", key=True),
        RowDefect("place_unknown", "VISIT_CITY", 0.008, constant("外地", "某地", "亚特兰蒂斯市"), "PLACE_UNKNOWN"),
        *moment_defects("VISIT_BEGIN", "begin"),
        *moment_defects("VISIT_END", "end"),
        *moment_defects("BACK_TIME", "returned", 0.5, required=False),
        RowDefect("place_missing", "VISIT_CITY", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("dwell_missing", "DWELL_H", 0.004, blank),
        RowDefect("dwell_text", "DWELL_H", 0.001, constant("半天", "不足一日"), mark=INVALID),
        broken_row("VISIT_CITY", 0.001),
    ),
    key_column="VISIT_CITY",
    alias=("PHONE", "MOBILE"),
    duplicates=0.01,
    retracts=True,
)
