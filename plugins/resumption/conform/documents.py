"""Identity documents: resident identity cards (GB 11643-1999), passports, permits of Hong Kong, Macao and Taiwan."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from resumption.conform.text import squeeze
from resumption.conform.values import BLANK, Answer, Conformed, Distinct, Refused
from resumption.contracts.reasons import RowReason

RESIDENT, PASSPORT, PERMIT = "身份证", "护照", "港澳台"

_PLAIN_CARD = r"^[0-9]{17}[0-9X]$"
_CARD = re.compile(_PLAIN_CARD)
_WEIGHTS = np.array([2 ** (17 - place) % 11 for place in range(17)])
_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
_PASSPORT = re.compile(r"(?=(?:.*\d){4})[A-Z0-9]{6,9}")
"""A machine-readable document's number has at most nine letters and digits (ICAO 9303)."""
_HOME_RETURN = re.compile(r"[HM]\d{8}(\d{2})?")
_TAIWAN = re.compile(r"\d{8}|\d{10}([A-Z]|\([A-Z]\))?")
_RESIDENCE = ("810000", "820000", "830000")
"""Areas of the residence permit, which since 2018 bears a number of the identity card's form."""
_SPREADSHEET = re.compile(r"\d(?:\.\d+)?E\+?\d+|\d{15}000(?:\.0*)?", re.IGNORECASE)
"""A number that went through a spreadsheet: scientific notation, or 15 digits and noughts."""
_ADULT_YEARS = 14


def id_number(text: str, kind: str | None, day: date) -> Answer:
    """The number of a document as ``kind:number``, so that a card and a passport never share a token (decision 59).

    A number that a spreadsheet rounded is never repaired. A kind that is no kind gives no answer here: its own column
    says so. Children under 14 on ``day`` are blocked at the door.
    """
    number, kind = squeeze(text).upper(), squeeze(kind or "")
    if kind not in (RESIDENT, PASSPORT, PERMIT):
        return BLANK
    card = _CARD.fullmatch(number)
    if card and (kind == RESIDENT or number.startswith(_RESIDENCE)) and _valid(number):
        return Refused(RowReason.UNDER_14) if _under_age(number, day) else _identity(kind, number, text)
    if _SPREADSHEET.fullmatch(number):
        return Refused(RowReason.ID_ROUNDED)
    shaped = {
        PASSPORT: _PASSPORT.fullmatch(number),
        PERMIT: _HOME_RETURN.fullmatch(number) or _TAIWAN.fullmatch(number),
    }.get(kind)
    return _identity(kind, number, text) if shaped else Refused(RowReason.ID_INVALID)


def _identity(kind: str, number: str, text: str) -> Conformed:
    return Conformed(f"{kind}:{number}", None if number == text else "folded")


def _valid(number: str) -> bool:
    return bool(_judged(pa.array([number]))[0][0])


def _under_age(number: str, day: date) -> bool:
    return bool(_judged(pa.array([number]))[1][0] > _born_before(day))


def _born_before(day: date) -> int:
    """Return the last day of birth, as yyyymmdd, of who is 14 on ``day``."""
    return (day.year - _ADULT_YEARS) * 10_000 + day.month * 100 + day.day


def _judged(numbers: pa.StringArray) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return for numbers in the card's shape whether date of birth and check character are right, and the date."""
    letters = np.frombuffer("".join(numbers.to_pylist()).encode(), np.uint8).reshape(-1, 18)
    digits = letters[:, :17].astype(np.int64) - ord("0")
    born = digits[:, 6:14] @ 10 ** np.arange(7, -1, -1)
    checked = _CHECKS[digits @ _WEIGHTS % 11] == letters[:, 17]
    return checked & _real_day(born), born


def _real_day(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each yyyymmdd is a day of the calendar since 1800."""
    year, month, day = days // 10_000, days // 100 % 100, days % 100
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.where(month <= 12, month, 0)]
    real: NDArray[np.bool_] = (year >= 1800) & (day >= 1) & (day <= length + (leap & (month == 2)))
    return real


def plain_cards(distinct: Distinct, day: date) -> tuple[pa.BooleanArray, list[pa.Array]]:
    """Return which numbers are right identity cards of who is 14 or older, as they stand, and their identities."""
    shaped = pc.and_(
        pc.fill_null(pc.match_substring_regex(distinct.values, _PLAIN_CARD), False),
        pc.fill_null(pc.equal(distinct.companions, RESIDENT), False),
    )
    valid, born = _judged(distinct.values.filter(shaped))
    plain = shaped.to_numpy(zero_copy_only=False).copy()
    plain[plain] = valid & (born <= _born_before(day))
    return pa.array(plain), [pc.binary_join_element_wise(RESIDENT, distinct.values, ":")]
