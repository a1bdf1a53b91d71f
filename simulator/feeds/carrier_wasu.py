"""Absences as the cable company sees them: by broadband account and address, in days, the phone often masked."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.calendar import date_texts
from simulator.carriers import DAY, stays
from simulator.district import District
from simulator.feeds.base import Feed, Slot, daily
from simulator.feeds.carrier_mobile import place_texts, wrong_year
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.people import home_addresses
from simulator.rng import Ints, uniform
from simulator.rowdefects import RowDefect, blank, constant
from simulator.text import choose, join
from simulator.workbook import DATE_MARK

PLAIN, MASKED, NONE = range(3)


def _facts(district: District, day: int) -> dict[str, Ints]:
    """Return the stays in whole days: from 00:00 of the day of leaving to 00:00 of the day of return; none is short."""
    facts = stays(district, day, "wasu")
    begin, end = facts["begin"] // DAY * DAY, facts["end"] // DAY * DAY
    luck = uniform(district.seed, "phone shown", facts["person"])
    shown = np.searchsorted([0.6, 0.97], luck, side="right")
    return facts | {"begin": begin, "end": end, "dwell_minutes": np.maximum(end - begin, 240), "phone_shown": shown}


def build(district: District, day: int) -> Frame:
    """Return the absences that the company lists for that day; the fact `phone_shown` is plain, masked or none."""
    facts = _facts(district, day)
    person, seed = facts["person"], district.seed
    phone = district.returnees.phone.take(pa.array(person))
    masked = join(pc.utf8_slice_codeunits(phone, 0, 3), pa.scalar("****"), pc.utf8_slice_codeunits(phone, 7, 11))
    returned = date_texts(facts["end"] // DAY)
    real = uniform(seed, "real date", facts["id"]) < 0.3
    columns = {
        "宽带账号": district.returnees.account.take(pa.array(person)),
        "联系电话": choose(facts["phone_shown"] == PLAIN, phone, choose(facts["phone_shown"] == MASKED, masked, "")),
        "装机地址": home_addresses(seed, person),
        "到访省市": place_texts(facts["place"], facts["id"], seed),
        "离开日期": date_texts(facts["begin"] // DAY),
        "返回日期": choose(real, join(pa.scalar(DATE_MARK), returned), returned),
    }
    return clean(columns, facts)


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
        RowDefect("date_far", "离开日期", 0.004, wrong_year, "DATE_OUT_OF_RANGE"),
        RowDefect("date_text", "返回日期", 0.004, constant("不详", "2020-02-31"), "DATE_INVALID"),
    ),
    key_column="宽带账号",
    alias=("联系电话", "手机号码"),
    duplicates=0.01,
    retracts=True,
)
