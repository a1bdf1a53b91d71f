"""Whole arrays at once: values that stand in their plain form already, as Arrow and numpy convert them.

Each function returns which values are plain, and an array of answers that counts only there. It is a shortcut, never
another meaning: on a plain value the rule itself gives the same answer without a mark.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from resumption.contracts.lake_schema import INSTANT, QUANTITY

Plain = tuple[pa.BooleanArray, list[pa.Array]]

_DAY = (
    r"(?:[12]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|"
    r"02-(?:0[1-9]|1\d|2[0-8]))|20(?:16|20|24)-02-29)"
)
_ISO_DATE = rf"^{_DAY}$"
_ISO_TIME = rf"^{_DAY}[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:\+08:00)?$"
_COMPACT = r"^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})$"
_SHANGHAI = timedelta(hours=8)


def _matching(values: pa.StringArray, pattern: str) -> pa.BooleanArray:
    return pc.fill_null(pc.match_substring_regex(values, pattern), False)


def _cast(values: pa.StringArray, plain: pa.BooleanArray, kind: pa.DataType) -> pa.Array:
    """Cast what is plain; the rest is null."""
    return pc.if_else(plain, values, pa.scalar(None, pa.string())).cast(kind)


def _between(values: pa.Array, low: Any, high: Any) -> pa.BooleanArray:
    return pc.fill_null(pc.and_(pc.greater_equal(values, low), pc.less(values, high)), False)


def dates(values: pa.StringArray, around: date, window_days: int | None) -> Plain:
    """ISO dates inside the window."""
    plain = _matching(values, _ISO_DATE)
    days = _cast(values, plain, pa.date32())
    if window_days is not None:
        window = timedelta(days=window_days)
        plain = _between(days, pa.scalar(around - window), pa.scalar(around + window + timedelta(days=1)))
    return plain, [days]


def timestamps(values: pa.StringArray, around: date, window_days: int | None, written: str) -> Plain:
    """Moments as this sender writes them, of Shanghai by their offset or without one, inside the window."""
    if written == "compact":
        compact = pc.if_else(_matching(values, _COMPACT), values, pa.scalar(None, pa.string()))
        values = pc.replace_substring_regex(compact, _COMPACT, r"\1-\2-\3 \4:\5:\6")
    plain = _matching(values, _ISO_DATE if written == "date" else _ISO_TIME)
    local = _cast(pc.replace_substring_regex(values, r"\+08:00$", ""), plain, pa.timestamp("us"))
    if window_days is not None:
        window, kind = timedelta(days=window_days), pa.timestamp("us")
        first, end = (pa.scalar(d, pa.date32()).cast(kind) for d in (around - window, around + window + timedelta(1)))
        plain = _between(local, first, end)
    return plain, [pc.subtract(local, pa.scalar(_SHANGHAI)).cast(INSTANT)]


def _numbers(values: pa.StringArray, pattern: str, kind: pa.DataType, minimum: float | None) -> Plain:
    plain = _matching(values, pattern)
    numbers = _cast(values, plain, kind)
    if minimum is not None:
        plain = pc.and_(plain, pc.fill_null(pc.greater_equal(numbers.cast(pa.float64()), minimum), False))
    return plain, [numbers]


def integers(values: pa.StringArray, minimum: float | None) -> Plain:
    """Digits with at most a sign."""
    return _numbers(values, r"^-?\d{1,12}$", pa.int64(), minimum)


def quantities(values: pa.StringArray, minimum: float | None) -> Plain:
    """Decimals of at most four places."""
    return _numbers(values, r"^-?\d{1,14}(?:\.\d{1,4})?$", QUANTITY, minimum)


def numbers(values: pa.StringArray, minimum: float | None) -> Plain:
    """Decimals."""
    return _numbers(values, r"^-?\d{1,12}(?:\.\d{1,12})?$", pa.float64(), minimum)


def texts(values: pa.StringArray) -> Plain:
    """Any text that is not blank: folding needs no rule."""
    folded = pc.utf8_trim_whitespace(pc.utf8_normalize(values, "NFKC"))
    return pc.fill_null(pc.not_equal(folded, ""), False), [folded]


def accounts(values: pa.StringArray) -> Plain:
    """Numbers of accounts in ASCII without blanks."""
    return _matching(values, r"^[!-`{-~]+$"), [values]
