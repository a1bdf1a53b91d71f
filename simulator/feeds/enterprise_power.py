"""Daily meter readings of enterprise accounts, and the history files from December 2019 on."""

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.calendar import date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.meters import load_kwh
from simulator.rng import Bools, Floats, Ints, uniform
from simulator.rowdefects import (
    REFORMATTED,
    RowDefect,
    blank,
    broken_row,
    compact,
    constant,
    far_away,
    full_width,
    month_day,
    serial,
)
from simulator.text import blank_where, pick

STATUSES = ("正常", "缺失", "补采")
OK, MISSING, CATCH_UP = range(3)
HISTORY = {-1: (-31, "201912"), 30: (0, "202001"), 39: (31, "202002")}
"""Last day of each history file: (first day, month in its name)."""


def _missing(district: District, day: int) -> Bools:
    """Tell which accounts could not be read on that day."""
    accounts = np.arange(district.meters.count)
    return uniform(district.seed, "unread", accounts, day) < 0.012 * district.rates


def _readings(district: District, day: int) -> dict[str, Ints]:
    """Return one reading a point: energy in hundredths of a kWh before the multiplier, multiplier in hundredths."""
    meters, seed = district.meters, district.seed
    account = meters.point_account
    points = np.arange(len(account))
    missing = _missing(district, day)
    caught_up = _missing(district, day - 1) & ~missing & (uniform(seed, "catch-up", np.arange(meters.count), day) < 0.8)
    kwh = load_kwh(seed, meters, district.lives, day)
    kwh = np.where(caught_up, kwh + load_kwh(seed, meters, district.lives, day - 1), kwh)
    energy = np.maximum(1, np.round(kwh[account] * meters.point_share / meters.multiplier * 100)).astype(np.int64)
    luck = uniform(seed, "reading", points, day) / max(district.rates, 1e-9)
    multiplier = meters.multiplier * 100
    multiplier = np.where(luck < 0.003, multiplier * 100, np.where(luck < 0.004, meters.multiplier, multiplier))
    energy = np.where((luck >= 0.004) & (luck < 0.006), -energy, energy)
    energy = np.where((luck >= 0.006) & (luck < 0.010), 0, energy)
    status = np.where(missing, MISSING, np.where(caught_up, CATCH_UP, OK))[account]
    return {
        "account": account,
        "point": points,
        "day": np.full(len(points), day),
        "energy": np.where(status == MISSING, 0, energy),
        "advance": energy,
        "multiplier": multiplier,
        "status": status,
        "slot": np.zeros(len(points), dtype=np.int64),
        "id": (day + 1_000) * 10_000_000 + points,
    }


def read_again(frame: Frame) -> Frame:
    """Return the rows that could not be read, as a later file gives them: read after all."""
    rows = np.flatnonzero((frame.facts["status"] == MISSING) & (frame.reason == 0) & (frame.facts["advance"] > 0))
    late = frame.take(rows)
    facts = {**late.facts, "status": np.zeros(len(rows), dtype=np.int64), "energy": late.facts["advance"]}
    columns = {**late.columns, "电量": decimals(facts["energy"]), "采集状态": pick(STATUSES, facts["status"])}
    return Frame(columns, facts, late.reason)


def decimals(hundredths: Ints) -> pa.Array:
    """Return hundredths as decimal text (12.3, 40.0)."""
    values: Floats = np.asarray(hundredths) / 100.0
    return pa.array(values).cast(pa.string())


def to_frame(district: District, facts: dict[str, Ints]) -> Frame:
    """Return the rows as they are sent."""
    meters, firms = district.meters, district.firms
    account = pa.array(facts["account"])
    holder = meters.firm[facts["account"]]
    point = pa.array(facts["point"])
    columns = {
        "户号": meters.account_no.take(account),
        "计量点": meters.point_no.take(point),
        "户名": firms.name.take(pa.array(holder)),
        "用电地址": firms.address.take(pa.array(holder)),
        "行业": pick(reference.POWER_INDUSTRIES, firms.sector[holder]),
        "电压等级": pick(reference.VOLTAGES, meters.voltage[facts["account"]]),
        "日期": date_texts(facts["day"]),
        "电量": blank_where(facts["status"] == MISSING, decimals(facts["energy"])),
        "倍率": _multipliers(facts["multiplier"]),
        "采集状态": pick(STATUSES, facts["status"]),
    }
    return clean(columns, facts)


def _multipliers(hundredths: Ints) -> pa.Array:
    """Return multipliers as text: 40, or 0.4 where a hundredth was written."""
    values = np.asarray(hundredths)
    known = np.unique(values)
    texts = [str(value // 100) if value % 100 == 0 else str(value / 100) for value in known.tolist()]
    return pick(texts, np.searchsorted(known, values))


def build(district: District, day: int) -> Frame:
    """Return the readings of that day, or of the whole file if a history file ends on it."""
    first = HISTORY[day][0] if day in HISTORY else day
    parts = [_readings(district, each) for each in range(first, day + 1)]
    return to_frame(district, {name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def days(district: District, through: int) -> list[int]:
    """Return the last days of the history files, then every day from the start."""
    return [*(day for day in HISTORY if day < district.first_day), *range(district.first_day, through + 1)]


FEED = Feed(
    name="enterprise_power",
    sender="grid",
    layout=Layout(
        "csv", ("户号", "计量点", "户名", "用电地址", "行业", "电压等级", "日期", "电量", "倍率", "采集状态")
    ),
    slots=(Slot(0, "enterprise_power_{day}.csv", 1_440 + 8 * 60 + 30),),
    days=days,
    build=build,
    defects=(
        RowDefect("date_serial", "日期", 0.002, serial, mark=REFORMATTED),
        RowDefect("date_compact", "日期", 0.002, compact, mark=REFORMATTED),
        RowDefect("date_month_day", "日期", 0.0, month_day, mark=REFORMATTED),
        RowDefect("date_far", "日期", 0.0005, far_away, "DATE_OUT_OF_RANGE"),
        RowDefect("date_text", "日期", 0.0005, constant("昨日", "2020-02-30"), "DATE_INVALID"),
        RowDefect("date_ambiguous", "日期", 0.0003, constant("2.1", "2.2"), "DATE_AMBIGUOUS"),
        RowDefect("energy_negative", "电量", 0.0, constant("-12.5")),
        RowDefect("energy_zero", "电量", 0.0, constant("0.0")),
        RowDefect("energy_full_width", "电量", 0.0005, full_width, mark=REFORMATTED),
        RowDefect("multiplier_text", "倍率", 0.0003, constant("无", "×40"), "NUMBER_INVALID"),
        RowDefect("multiplier_missing", "倍率", 0.0003, blank, "REQUIRED_MISSING"),
        RowDefect("multiplier_hundredfold", "倍率", 0.0, constant("4000")),
        RowDefect("reading_missing", "采集状态", 0.0, constant("缺失"), blanked="电量"),
        RowDefect("reading_late", "采集状态", 0.0, constant("补采")),
        RowDefect("status_missing", "采集状态", 0.0003, blank, "REQUIRED_MISSING"),
        RowDefect("energy_text", "电量", 0.0008, constant("ERR", "--", "#N/A"), "NUMBER_INVALID"),
        RowDefect("status_unknown", "采集状态", 0.0005, constant("异常", "未知"), "VALUE_NOT_ALLOWED"),
        RowDefect("account_missing", "户号", 0.0003, blank, "REQUIRED_MISSING"),
        RowDefect("point_missing", "计量点", 0.0003, blank, "REQUIRED_MISSING"),
        broken_row("行业", 0.0002),
    ),
    key_column="电量",
    alias=("电量", "电量kWh"),
    duplicates=0.001,
    history=HISTORY,
)
