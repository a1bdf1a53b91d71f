"""Dates and times in the notations that senders use. All times are Asia/Shanghai unless they carry an offset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from resumption.conform.text import fold
from resumption.conform.values import Answer, Conformed, Refused
from resumption.contracts import SHANGHAI
from resumption.contracts.reasons import RowReason

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(\+08:00)?")
_WRITTEN = {"iso": _ISO_TIME, "date": _ISO_DATE, "compact": re.compile(r"\d{14}")}
_YEAR_MONTH_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_COMPACT_TIME = re.compile(r"(\d{8})(\d{2})(\d{2})(\d{2})?")
_MONTH_DAY = re.compile(r"(\d{1,2})\s*月\s*(\d{1,2})\s*日?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})")
_SERIAL = re.compile(r"([34]\d{4})(\.\d+)?")
_CLOCK = re.compile(r"(\d{1,2})[:：时](\d{1,2})(?:[:：分](\d{1,2})(?:\.\d+)?秒?|分?)")
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=SHANGHAI)


class _AmbiguousError(ValueError):
    """2.1 may be the 1st, or the 10th with its zero dropped by a spreadsheet."""


def _nearest_year(month: int, day: int, around: date) -> date:
    """Return month and day in the year that brings them closest to ``around``."""
    days = []
    for year in (around.year - 1, around.year, around.year + 1):
        try:
            days.append(date(year, month, day))
        except ValueError:
            continue
    if not days:
        raise ValueError("no such day")
    return min(days, key=lambda d: abs(d - around))


def _parse_date(text: str, around: date) -> date:
    """Return the date in ``text``; raises ValueError when there is none."""
    if match := _YEAR_MONTH_DAY.fullmatch(text) or _COMPACT.fullmatch(text):
        return date(int(match[1]), int(match[2]), int(match[3]))
    if match := _MONTH_DAY.fullmatch(text):
        return _nearest_year(int(match[1]), int(match[2]), around)
    if match := _SERIAL.fullmatch(text):
        return (_EXCEL_EPOCH + timedelta(days=int(match[1]))).date()
    if match := _DOTTED.fullmatch(text):
        if match[2] in ("1", "2", "3"):
            raise _AmbiguousError
        return _nearest_year(int(match[1]), int(match[2]), around)
    raise ValueError("not a date")


def _parse_time(text: str, around: date) -> datetime:
    """Return the instant in ``text``; a date alone is its midnight."""
    if match := _COMPACT_TIME.fullmatch(text):
        return datetime.strptime(f"{match[1]}{match[2]}{match[3]}{match[4] or '00'}+0800", "%Y%m%d%H%M%S%z")
    if (match := _SERIAL.fullmatch(text)) and match[2]:
        seconds = round(float(match[0]) % 1 * 86400)
        return _EXCEL_EPOCH + timedelta(days=int(match[1]), seconds=seconds)
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
    except ValueError:
        pass
    day, _, clock = text.replace("日", "日 ", 1).partition(" ")
    parsed = datetime.combine(_parse_date(day, around), datetime.min.time(), SHANGHAI)
    if not clock.strip():
        return parsed
    match = _CLOCK.fullmatch(clock.strip())
    if not match:
        raise ValueError("not a time")
    return parsed.replace(hour=int(match[1]), minute=int(match[2]), second=int(match[3] or 0))


def _outside(day: date, around: date, window_days: int | None) -> bool:
    return window_days is not None and abs((day - around).days) > window_days


def to_date(text: str, around: date, window_days: int | None) -> Answer:
    """A day; a time of day behind it is dropped. ``around`` is the business date, which settles missing years."""
    folded = fold(text)
    try:
        try:
            day = _parse_date(folded, around)
        except _AmbiguousError:
            return Refused(RowReason.DATE_AMBIGUOUS)
        except ValueError:
            day = _parse_time(folded, around).astimezone(SHANGHAI).date()
    except (ValueError, OverflowError):
        return Refused(RowReason.DATE_INVALID)
    if _outside(day, around, window_days):
        return Refused(RowReason.DATE_OUT_OF_RANGE)
    return Conformed(day, None if _ISO_DATE.fullmatch(text) else "reformatted")


def to_month(text: str, around: date) -> Answer:
    """A month as its first day: ``2020-02``, ``2020年2月``, ``202002``, or any date in it."""
    folded = fold(text)
    match = re.fullmatch(r"(\d{4})\s*[-/.年]?\s*(\d{1,2})\s*月?", folded)
    if match and 1 <= int(match[2]) <= 12 and not _SERIAL.fullmatch(folded):
        return Conformed(
            date(int(match[1]), int(match[2]), 1), None if folded == f"{match[1]}-{match[2]:0>2}" else "reformatted"
        )
    answer = to_date(text, around, None)
    return answer if isinstance(answer, Refused) else Conformed(answer.value.replace(day=1), "reformatted")


def to_timestamp(text: str, around: date, window_days: int | None, written: str = "iso") -> Answer:
    """An instant in UTC; ``written`` says in which of the ways the sender writes it when nothing is wrong."""
    folded = fold(text)
    try:
        moment = _parse_time(folded, around)
    except _AmbiguousError:
        return Refused(RowReason.DATE_AMBIGUOUS)
    except (ValueError, OverflowError):
        return Refused(RowReason.DATE_INVALID)
    if _outside(moment.astimezone(SHANGHAI).date(), around, window_days):
        return Refused(RowReason.DATE_OUT_OF_RANGE)
    return Conformed(moment.astimezone(UTC), None if _WRITTEN[written].fullmatch(text) else "reformatted")
