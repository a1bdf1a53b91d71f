"""Daily meter readings of homes, and the history files from October 2019 on: Parquet, under the grid's pseudonyms.

The history comes out of a database, so its dates and energies are typed; in the daily files all columns are texts.
"""

from functools import cache

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.calendar import date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot
from simulator.frame import Frame, clean
from simulator.households import HISTORY_FROM
from simulator.layout import Layout
from simulator.rng import Ints, uniform
from simulator.rowdefects import REFORMATTED, RowDefect, blank, compact, constant, far_away, full_width, serial
from simulator.text import blank_where, join, pick, whole

QUALITIES = ("ok", "missing", "estimated", "swap")
OK, MISSING, ESTIMATED, SWAP = range(4)
HISTORY = {
    -62: (HISTORY_FROM, "201910"),
    -32: (-61, "201911"),
    -1: (-31, "201912"),
    30: (0, "202001"),
    39: (31, "202002"),
}
"""Last day of each history file: (first day, month in its name)."""
_LOWEST, _HIGHEST = -2_000, 20_000


def _marks(district: District, day: int) -> Ints:
    """Return how each reading was got; meters that can seldom be read lack seven readings of ten."""
    homes = district.households
    luck = uniform(district.seed, "meter quality", np.arange(homes.count), day)
    edges = np.array([0.012, 0.022, 0.0225]) * district.rates
    mark = np.array([MISSING, ESTIMATED, SWAP, OK])[np.searchsorted(edges, luck, side="right")]
    return np.where(homes.dark & (luck < 0.7), MISSING, mark)


def facts_of(district: District, day: int) -> dict[str, Ints]:
    """Return the readings of a day, energy in hundredths of a kWh; a few are negative."""
    homes, seed = district.households, district.seed
    mark = _marks(district, day)
    kwh = np.select([mark == ESTIMATED, mark == SWAP], [homes.usual, homes.usual * 0.1], homes.load_kwh(day))
    energy = np.round(kwh * 100).astype(np.int64)
    negative = uniform(seed, "negative reading", np.arange(homes.count), day) < 0.001 * district.rates
    energy = np.clip(np.where(negative, -energy, energy), _LOWEST, _HIGHEST - 1)
    there = np.flatnonzero(homes.installed <= day)
    return {
        "household": there,
        "energy": np.where(mark == MISSING, 0, energy)[there],
        "quality": mark[there],
        "day": np.full(len(there), day),
        "slot": np.zeros(len(there), dtype=np.int64),
        "id": (day + 1_000) * 10_000_000 + there,
    }


@cache
def _kwh_texts() -> pa.Array:
    return pa.array([f"{hundredths / 100:.2f}" for hundredths in range(_LOWEST, _HIGHEST)])


def build(district: District, day: int) -> Frame:
    """Return the readings of one day; a history file has those of its days one after the other."""
    homes, facts = district.households, facts_of(district, day)
    home = facts["household"]
    columns = {
        "meter_token": homes.token.take(pa.array(home)),
        "community_code": pick(reference.COMMUNITY_CODES, homes.community[home]),
        "building": join(whole(homes.building[home]), pa.scalar("幢")),
        "date": date_texts(facts["day"]),
        "kwh": blank_where(facts["quality"] == MISSING, pick(_kwh_texts(), facts["energy"] - _LOWEST)),
        "quality": pick(QUALITIES, facts["quality"]),
    }
    return clean(columns, facts)


def days(district: District, through: int) -> list[int]:
    """Return the last days of the history files, then every day from the start."""
    return [*(day for day in HISTORY if day < district.first_day), *range(district.first_day, through + 1)]


FEED = Feed(
    name="household_power",
    sender="grid",
    layout=Layout("parquet", ("meter_token", "community_code", "building", "date", "kwh", "quality")),
    slots=(Slot(0, "household_power_{day}.parquet", 1_440 + 8 * 60 + 40),),
    days=days,
    build=build,
    history=HISTORY,
    history_types={"date": pa.date32(), "kwh": pa.float64()},
    defects=(
        RowDefect("token_missing", "meter_token", 0.0003, blank, "REQUIRED_MISSING"),
        RowDefect("energy_text", "kwh", 0.0004, constant("ERR", "--", "#N/A"), "NUMBER_INVALID"),
        RowDefect("energy_missing", "kwh", 0.0002, blank, sets=(("quality", MISSING),)),
        RowDefect("energy_negative", "kwh", 0.0, constant("-3.10")),
        RowDefect("energy_full_width", "kwh", 0.0001, full_width, mark=REFORMATTED),
        RowDefect("quality_unknown", "quality", 0.0004, constant("bad", "正常"), "VALUE_NOT_ALLOWED"),
        RowDefect("quality_missing", "quality", 0.0001, blank, "REQUIRED_MISSING"),
        RowDefect("date_serial", "date", 0.0005, serial, mark=REFORMATTED),
        RowDefect("date_compact", "date", 0.0005, compact, mark=REFORMATTED),
        RowDefect("date_ambiguous", "date", 0.0001, constant("2.1", "2.2"), "DATE_AMBIGUOUS"),
        RowDefect("date_missing", "date", 0.0001, blank, "REQUIRED_MISSING"),
        RowDefect("date_text", "date", 0.0002, constant("昨日", "2020-02-30"), "DATE_INVALID"),
        RowDefect("date_far", "date", 0.0003, far_away, "DATE_OUT_OF_RANGE"),
    ),
    key_column="kwh",
    duplicates=0.001,
)
