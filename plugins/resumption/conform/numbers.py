"""Counts, quantities, temperatures and flags."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from resumption.conform.text import squeeze
from resumption.conform.values import BLANK, Answer, Conformed, Refused
from resumption.contracts.reasons import RowReason

_TEMPERATURE = re.compile(r"(\d{2}(?:[.,]\d{1,2})?|\d{3})(?:℃|°C|度|C)?")
_TRUE = {"true", "1", "是", "y", "yes"}
_FALSE = {"false", "0", "否", "n", "no"}
_NO_SYMPTOMS = {"无", "无症状", "正常", "否"}
_FOUR_PLACES = Decimal("0.0001")
_QUANTITY_LIMIT = Decimal(10) ** 14


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(squeeze(text).replace(",", ""))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def to_integer(text: str, minimum: float | None) -> Answer:
    """A whole number; ``12.0`` is 12, ``12.5`` is invalid."""
    number = _decimal(text)
    below = number is not None and minimum is not None and number < Decimal(str(minimum))
    if number is None or number != number.to_integral_value() or abs(number) >= 10**12 or below:
        return Refused(RowReason.NUMBER_INVALID)
    return Conformed(int(number), None if text.lstrip("-").isascii() and text.lstrip("-").isdigit() else "reformatted")


def to_quantity(text: str, minimum: float | None) -> Answer:
    """An exact decimal with four places (kWh, factors), so that sums do not depend on their order."""
    number = _decimal(text)
    if number is None or abs(number) >= _QUANTITY_LIMIT or (minimum is not None and number < Decimal(str(minimum))):
        return Refused(RowReason.NUMBER_INVALID)
    return Conformed(number.quantize(_FOUR_PLACES), None if text.isascii() and "," not in text else "reformatted")


def to_number(text: str, minimum: float | None) -> Answer:
    """A number as floating point."""
    number = _decimal(text)
    if number is None or (minimum is not None and number < Decimal(str(minimum))):
        return Refused(RowReason.NUMBER_INVALID)
    return Conformed(float(number), None if text.isascii() and "," not in text else "reformatted")


def to_temperature(text: str) -> Answer:
    """A body temperature in °C from ``36.5``, ``36.5℃``, ``36,5`` or ``365``.

    Text and readings outside 34 to 43 °C are no readings: null with the mark ``invalid``, and the row stays
    (decision 21), since it still tells where the person was.
    """
    match = _TEMPERATURE.fullmatch(squeeze(text).upper())
    if not match:
        return Conformed(None, "invalid")
    digits = match[1].replace(",", ".")
    reading = int(digits) / 10 if len(digits) == 3 and digits.isdigit() else float(digits)
    if not 34 <= reading <= 43:
        return Conformed(None, "invalid")
    return Conformed(reading, None if text == digits and len(digits) != 3 else "reformatted")


def header_words(header: str | None) -> dict[str, bool]:
    """Return what a header in the manner of ``是否接触(0是1否)`` says of the words below it; without a hint nothing."""
    for hint in re.findall(r"\(([^()]*)\)", squeeze(header or "")):
        for shape in (
            r"([01])[=:]?([是否])[,;、/]?([01])[=:]?([是否])",
            r"([是否])[=:]?([01])[,;、/]?([是否])[=:]?([01])",
        ):
            if match := re.fullmatch(shape, hint):
                words = {frozenset(match.groups()[:2]), frozenset(match.groups()[2:])}
                told = {digit: word == "是" for pair in words for digit in pair & {"0", "1"} for word in pair - {digit}}
                return told if len(set(told.values())) == len(told) == 2 else {}
    return {}


def boolean(values: dict[str, Any] | None, header: str | None) -> Callable[[str], Answer]:
    """Return the rule of a flag.

    Args:
        values: a sender's own words; by default the usual ones in Chinese and English, 1 and 0.
        header: the header cell as sent, whose hint about 0 and 1 goes before them.
    """
    usual = dict.fromkeys(_TRUE, True) | dict.fromkeys(_FALSE, False)
    words = (usual if values is None else {word: bool(value) for word, value in values.items()}) | header_words(header)

    def to_boolean(text: str) -> Answer:
        word = squeeze(text).lower().removesuffix(".0")
        return Conformed(words[word]) if word in words else Refused(RowReason.VALUE_NOT_ALLOWED)

    return to_boolean


def to_choice(text: str, values: dict[str, Any]) -> Answer:
    """One of the contract's values."""
    word = squeeze(text)
    if word not in values:
        return Refused(RowReason.VALUE_NOT_ALLOWED)
    return Conformed(str(values[word]), None if word == text else "folded")


def to_symptomatic(text: str) -> Answer:
    """Whether symptoms were declared; blank, 无, 无症状, 正常 and 否 say none (decision 49)."""
    word = squeeze(text)
    return BLANK if not word else Conformed(word not in _NO_SYMPTOMS)
