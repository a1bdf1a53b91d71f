"""Days as numbers (days since 2020-01-01), working days, and texts of dates and times.

The simulator's clock is Asia/Shanghai throughout; it has had no daylight saving since 1991.
"""

from datetime import date, datetime, timedelta, timezone
from functools import cache

import numpy as np
import pyarrow as pa

from simulator.rng import Bools, Ints

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
EPOCH = date(2020, 1, 1)
NEVER = 30_000
"""A day number that no run reaches: what has not happened."""

_FIRST_TEXT_DAY = -30_000
_HOLIDAYS = frozenset(
    [date(2019, 10, day) for day in range(1, 8)]
    + [date(2020, 1, 1)]
    + [date(2020, 1, 24) + timedelta(days=n) for n in range(10)]
    + [date(2020, 4, day) for day in (4, 5, 6)]
    + [date(2020, 5, day) for day in range(1, 6)]
)
_MADE_UP = frozenset([date(2019, 9, 29), date(2019, 10, 12), date(2020, 1, 19), date(2020, 4, 26), date(2020, 5, 9)])
"""Weekend days worked instead of a holiday. 24 and 25 January 2020 … 2 February: State Council
国办发明电〔2020〕1号.
"""


def number(day: date) -> int:
    """Return the day's number; 2020-01-01 is 0."""
    return (day - EPOCH).days


def as_date(day: int) -> date:
    """Return the date of a day number."""
    return EPOCH + timedelta(days=int(day))


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return a moment of that day, Shanghai time; the hour may be 24 or more."""
    return datetime.combine(as_date(day), datetime.min.time(), SHANGHAI) + timedelta(hours=hour, minutes=minute)


def is_working_day(day: int) -> bool:
    """Tell whether offices work on that day (public holidays and made-up weekend days included)."""
    when = as_date(day)
    return when in _MADE_UP or (when.weekday() < 5 and when not in _HOLIDAYS)


def working_days(first: int, last: int) -> Bools:
    """Return `is_working_day` for each day of first..last."""
    return np.array([is_working_day(day) for day in range(first, last + 1)])


@cache
def _date_texts() -> pa.Array:
    days = np.datetime64("2020-01-01") + np.arange(_FIRST_TEXT_DAY, NEVER)
    return pa.array(days.astype("datetime64[D]")).cast(pa.string())


def date_texts(days: Ints, null_from: int = NEVER) -> pa.Array:
    """Return ISO texts of day numbers; days from `null_from` on become null."""
    days = np.asarray(days)
    index = pa.array(days - _FIRST_TEXT_DAY, mask=days >= null_from)
    return _date_texts().take(index)


@cache
def _clock_texts() -> pa.Array:
    seconds = np.arange(86_400)
    return pa.array([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in seconds.tolist()])


def clock_texts(seconds: Ints) -> pa.Array:
    """Return HH:MM:SS of seconds since midnight (0..86399)."""
    return _clock_texts().take(pa.array(np.asarray(seconds)))
