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
from simulator.rowdefects import RowDefect, blank, constant, phone_defects
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


def wrong_year(text: str, luck: float) -> str:
    """Write a moment of another year."""
    return ("2004" if luck < 0.5 else "2024") + text[4:]


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
        RowDefect("date_far", "到访开始", 0.004, wrong_year, "DATE_OUT_OF_RANGE"),
        RowDefect("date_text", "到访结束", 0.004, constant("不详", "2020-02-31 10:00:00"), "DATE_INVALID"),
        RowDefect("dwell_missing", "停留小时", 0.004, blank),
    ),
    key_column="到访省市",
    alias=("手机号", "手机号码"),
    duplicates=0.01,
    retracts=True,
)
