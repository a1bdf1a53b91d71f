"""Stays of phones outside the city before their return, as one carrier sees them; and the stays it takes back later."""

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.carriers import DAY, moments, stays, with_dwell
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import PLACES
from simulator.rng import Ints, uniform
from simulator.rowdefects import (
    FOLDED,
    INVALID,
    RowDefect,
    blank,
    broken_row,
    constant,
    moment_defects,
    phone_defects,
    with_tail,
)
from simulator.text import choose, pick


def place_texts(place: Ints, ids: Ints, seed: int) -> pa.Array:
    """Return 湖北省武汉市, now and then 湖北武汉 or 湖北省武汉; a municipality stands alone."""
    style = np.searchsorted([0.8, 0.93], uniform(seed, "place style", ids), side="right")
    full = [province + city for province, city, _ in PLACES]
    bare = [province[:-1] + city.removesuffix("市") for province, city, _ in PLACES]
    mixed = [province + city.removesuffix("市") for province, city, _ in PLACES]
    return pick(full + bare + mixed, place + style * len(PLACES))


def build(district: District, day: int) -> Frame:
    """Return the stays that the carrier lists for that day."""
    people, seed = district.returnees, district.seed
    facts, no_dwell, hours = with_dwell(stays(district, day, "mobile"), seed)
    person = facts["person"]
    columns = {
        "手机号": people.phone.take(pa.array(person)),
        "归属地": pick(reference.HOME_PLACES, people.home[person]),
        "到访省市": place_texts(facts["place"], facts["id"], seed),
        "到访开始": moments(facts["begin"]),
        "到访结束": moments(facts["end"]),
        "返杭时间": moments(facts["returned"]),
        "停留小时": choose(no_dwell, "", hours),
    }
    return clean(columns, facts)


FEED = Feed(
    name="carrier_mobile",
    sender="carrier_mobile",
    layout=Layout(
        "csv",
        ("手机号", "归属地", "到访省市", "到访开始", "到访结束", "返杭时间", "停留小时"),
        encoding="gb18030",
        newline="\r\n",
        delimiter="|",
    ),
    slots=(Slot(0, "carrier_mobile_{day}.txt", DAY + 6 * 60 + 40),),
    days=daily,
    build=build,
    defects=(
        *phone_defects("手机号", key=True),
        RowDefect("place_unknown", "到访省市", 0.008, constant("外地", "湖北省某地", "亚特兰蒂斯市"), "PLACE_UNKNOWN"),
        *moment_defects("到访开始", "begin"),
        *moment_defects("到访结束", "end"),
        *moment_defects("返杭时间", "returned", 0.5, required=False),
        RowDefect("place_full_width", "到访省市", 0.001, with_tail("　"), mark=FOLDED),
        RowDefect("place_missing", "到访省市", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("dwell_missing", "停留小时", 0.004, blank),
        RowDefect("dwell_text", "停留小时", 0.001, constant("半天", "不足一日"), mark=INVALID),
        broken_row("归属地", 0.001),
    ),
    key_column="到访省市",
    alias=("手机号", "手机号码"),
    duplicates=0.01,
    retracts=True,
)
