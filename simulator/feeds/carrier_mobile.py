"""Stays of phones outside the city before their return, as one carrier sees them; and the stays it takes back later."""

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.calendar import clock_texts, date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import PLACES
from simulator.rng import Bools, Ints, uniform
from simulator.rowdefects import RowDefect, blank, constant, phone_defects
from simulator.text import choose, join, pick

_DAY = 1_440


def _moments(minutes: Ints) -> pa.Array:
    return join(date_texts(minutes // _DAY), clock_texts(minutes % _DAY * 60), sep=" ")


def _stays(district: District, day: int) -> Ints:
    """Return (person·4 + stay) of those who came back on that day, and again of a tenth of the day before."""
    people = district.returnees
    came = people.returned // _DAY
    everybody = np.arange(len(came))
    again = (came == day - 1) & (uniform(district.seed, "listed again", everybody) < 0.1) & (day > district.first_day)
    listed = np.flatnonzero((came == day) | again)
    pairs = [listed[people.stays[listed] > stay] * 4 + stay for stay in range(3)]
    return np.sort(np.concatenate(pairs))


def retracted(district: District, ids: Ints) -> Bools:
    """Tell which stays the carrier takes back later."""
    if district.rates <= 0:
        return np.zeros(len(ids), dtype=bool)
    return uniform(district.seed, "undo", ids) < 0.03


def _place_texts(place: Ints, style: Ints) -> pa.Array:
    """Return 湖北省武汉市, 湖北武汉 or 湖北省武汉 by style; a municipality stands alone."""
    full = [province + city for province, city, _ in PLACES]
    bare = [province[:-1] + city.removesuffix("市") for province, city, _ in PLACES]
    mixed = [province + city.removesuffix("市") for province, city, _ in PLACES]
    return pick(full + bare + mixed, place + style * len(PLACES))


def build(district: District, day: int) -> Frame:
    """Return the stays that the carrier lists for that day."""
    people, seed = district.returnees, district.seed
    ids = _stays(district, day)
    person, stay = ids // 4, ids % 4
    begin, end, place = people.begin[person, stay], people.end[person, stay], people.place[person, stay]
    tenths = np.round((end - begin) / 6.0).astype(np.int64)
    no_dwell = uniform(seed, "no dwell", ids) < 0.02
    facts = {
        "person": person,
        "place": place,
        "begin": begin,
        "end": end,
        "dwell_minutes": np.where(no_dwell, end - begin, tenths * 6),
        "retracted": retracted(district, ids).astype(np.int64),
        "slot": np.zeros(len(ids), dtype=np.int64),
        "id": ids,
    }
    style = np.searchsorted([0.8, 0.93], uniform(seed, "place style", ids), side="right")
    columns = {
        "手机号": people.phone.take(pa.array(person)),
        "归属地": pick(reference.HOME_PLACES, people.home[person]),
        "到访省市": _place_texts(place, style),
        "到访开始": _moments(begin),
        "到访结束": _moments(end),
        "返杭时间": _moments(people.returned[person]),
        "停留小时": choose(no_dwell, "", pa.array(tenths / 10.0).cast(pa.string())),
    }
    return clean(columns, facts)


def _wrong_year(text: str, luck: float) -> str:
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
    slots=(Slot(0, "carrier_mobile_{day}.txt", _DAY + 6 * 60 + 40),),
    days=daily,
    build=build,
    defects=(
        *phone_defects("手机号", key=True),
        RowDefect("place_unknown", "到访省市", 0.008, constant("外地", "湖北省某地", "亚特兰蒂斯市"), "PLACE_UNKNOWN"),
        RowDefect("date_far", "到访开始", 0.004, _wrong_year, "DATE_OUT_OF_RANGE"),
        RowDefect("date_text", "到访结束", 0.004, constant("不详", "2020-02-31 10:00:00"), "DATE_INVALID"),
        RowDefect("dwell_missing", "停留小时", 0.004, blank),
    ),
    key_column="到访省市",
    alias=("手机号", "手机号码"),
    duplicates=0.01,
)
