"""Absences as the cable company sees them: by broadband account and address, in days, the phone often masked."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.calendar import date_texts
from simulator.carriers import DAY, stays
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.feeds.carrier_mobile import place_texts
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import home_addresses
from simulator.rng import Bools, Ints, uniform
from simulator.rowdefects import (
    MASKED,
    REFORMATTED,
    RowDefect,
    blank,
    constant,
    date_defects,
    phone_float,
    phone_masked,
    phone_plus86,
    phone_short,
)
from simulator.text import choose, join
from simulator.workbook import DATE_MARK

PLAIN, HIDDEN, ABSENT = range(3)


def _facts(district: District, day: int) -> dict[str, Ints]:
    """Return the stays in whole days: from 00:00 of the day of leaving to 00:00 of the day of return; none is short."""
    facts = stays(district, day, "wasu")
    begin, end = facts["begin"] // DAY * DAY, facts["end"] // DAY * DAY
    luck = uniform(district.seed, "phone shown", facts["person"])
    shown = np.searchsorted([0.6, 0.97], luck, side="right")
    dwell = np.maximum(end - begin, 240)
    return facts | {"begin": begin, "end": end, "left": begin // DAY, "dwell_minutes": dwell, "phone_shown": shown}


def build(district: District, day: int) -> Frame:
    """Return the absences that the company lists for that day.

    The fact `phone_shown` is PLAIN, HIDDEN (masked) or ABSENT; `left` is the day of leaving.
    """
    facts = _facts(district, day)
    person, seed = facts["person"], district.seed
    phone = district.returnees.phone.take(pa.array(person))
    masked = join(pc.utf8_slice_codeunits(phone, 0, 3), pa.scalar("****"), pc.utf8_slice_codeunits(phone, 7, 11))
    returned = date_texts(facts["end"] // DAY)
    real = uniform(seed, "real date", facts["id"]) < 0.3
    columns = {
        "宽带账号": district.returnees.account.take(pa.array(person)),
        "联系电话": choose(facts["phone_shown"] == PLAIN, phone, choose(facts["phone_shown"] == HIDDEN, masked, "")),
        "装机地址": home_addresses(seed, person),
        "到访省市": place_texts(facts["place"], facts["id"], seed),
        "离开日期": date_texts(facts["begin"] // DAY),
        "返回日期": choose(real, join(pa.scalar(DATE_MARK), returned), returned),
    }
    return clean(columns, facts)


def _plain(frame: Frame) -> Bools:
    return np.asarray(frame.facts["phone_shown"] == PLAIN)


FEED = Feed(
    name="carrier_wasu",
    sender="carrier_wasu",
    layout=Layout("xls", ("宽带账号", "联系电话", "装机地址", "到访省市", "离开日期", "返回日期")),
    slots=(Slot(0, "carrier_wasu_{day}.xls", DAY + 7 * 60 + 40),),
    days=daily,
    build=build,
    defects=(
        RowDefect("account_missing", "宽带账号", 0.004, blank, "REQUIRED_MISSING"),
        RowDefect("place_unknown", "到访省市", 0.008, constant("外地", "湖北省某地"), "PLACE_UNKNOWN"),
        RowDefect("place_missing", "到访省市", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("phone_masked", "联系电话", 0.0, phone_masked, mark=MASKED, where=_plain),
        RowDefect("phone_missing", "联系电话", 0.0, blank, where=_plain),
        RowDefect("phone_plus86", "联系电话", 0.004, phone_plus86, where=_plain, mark=REFORMATTED),
        RowDefect("phone_float", "联系电话", 0.004, phone_float, where=_plain, mark=REFORMATTED),
        RowDefect("phone_short", "联系电话", 0.004, phone_short, "PHONE_INVALID", where=_plain),
        *date_defects("离开日期", "left", prefix="left"),
        RowDefect("left_missing", "离开日期", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("back_text", "返回日期", 0.004, constant("不详", "2020-02-31"), "DATE_INVALID"),
        RowDefect("back_missing", "返回日期", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("address_missing", "装机地址", 0.001, blank),
    ),
    key_column="宽带账号",
    alias=("联系电话", "手机号码"),
    duplicates=0.01,
    retracts=True,
)
