"""Codes that identify enterprises and persons: checked, repaired only where nothing is guessed."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from resumption.conform.text import squeeze
from resumption.conform.values import Answer, Conformed, Refused
from resumption.contracts.reasons import RowReason

_PLAIN_MOBILE = r"^1[3-9]\d{9}$"
_MOBILE = re.compile(_PLAIN_MOBILE)
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_SHAPE = rf"^[{_USCC_ALPHABET}]{{2}}[0-9]{{6}}[{_USCC_ALPHABET}]{{10}}$"
_SHAPE = re.compile(_USCC_SHAPE)
_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
_SCIENTIFIC = re.compile(r"(\d)\.?(\d*)E\+?10", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s\-()]+")
_LOOKALIKES = str.maketrans("OI", "01")


def valid_uscc(code: str) -> bool:
    """Whether ``code`` is 18 characters of the code's alphabet with a right check character (GB 32100-2015)."""
    if not _SHAPE.fullmatch(code):
        return False
    total = sum(_USCC_ALPHABET.index(char) * weight for char, weight in zip(code, _WEIGHTS.tolist(), strict=False))
    return code[17] == _USCC_ALPHABET[-total % 31]


def valid_usccs(codes: pa.StringArray) -> pa.BooleanArray:
    """Whether each code is valid as it stands, for all codes at once.

    Registration authority, kind of entity, six digits of region, nine characters of organisation code, and a check
    character with the powers of 3 modulo 31 as weights (GB 32100-2015).
    """
    shaped = pc.fill_null(pc.match_substring_regex(codes, _USCC_SHAPE), False)
    letters = np.frombuffer("".join(codes.filter(shaped).to_pylist()).encode(), np.uint8).reshape(-1, 18)
    values = np.zeros(128, np.int64)
    values[list(_USCC_ALPHABET.encode())] = range(31)
    check = -(values[letters[:, :17]] @ _WEIGHTS) % 31
    valid = np.zeros(len(codes), bool)
    valid[shaped.to_numpy(zero_copy_only=False)] = check == values[letters[:, 17]]
    return pa.array(valid)


def plainly_mobile(numbers: pa.StringArray) -> pa.BooleanArray:
    """Whether each number is a mobile number in its plain form, 11 digits; segments are not looked up (decision 58)."""
    return pc.fill_null(pc.match_substring_regex(numbers, _PLAIN_MOBILE), False)


def uscc(text: str) -> Answer:
    """A credit code that stands alone: folded to upper case, never guessed.

    Where the organisation code inside fails its own check too, its digits are wrong, not only the check character.
    """
    code = squeeze(text).upper()
    if valid_uscc(code):
        return Conformed(code, None if code == text else "folded")
    body_wrong = _SHAPE.fullmatch(code) and not organisation_digit_agrees(code)
    return Refused(RowReason.USCC_BODY_INVALID if body_wrong else RowReason.USCC_INVALID)


def uscc_or_candidate(text: str) -> Conformed:
    """A credit code beside a name, as (code, candidate).

    The candidate is the code with O read as 0 and I as 1 (GB 32100 uses neither letter). It counts only once the
    registry knows it and the name agrees. Anything else that fails is dropped: then the name alone decides.
    """
    code = squeeze(text).upper()
    if valid_uscc(code):
        return Conformed((code, None), None if code == text else "folded")
    candidate = code.translate(_LOOKALIKES)
    return Conformed((None, candidate if valid_uscc(candidate) else None), "invalid")


def organisation_digit_agrees(code: str) -> bool:
    """Whether the ninth character of the organisation code inside ``code`` is right (GB 11714-1997).

    It tells a mistyped body from a mistyped check character; it refuses no code whose own check character is right.
    """
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(char, 36) for weight, char in zip(weights, code[8:16], strict=True))
    return code[16] == "0123456789X0"[11 - total % 11]


def mobile_number(text: str, *, allow_masked: bool = False) -> Answer:
    """A mobile phone number as 11 digits (segments are not looked up).

    A masked number is never repaired; where the contract allows for it, it is null with the mark ``masked``.
    """
    if _MOBILE.fullmatch(text):
        return Conformed(text)
    number = _SEPARATORS.sub("", squeeze(text))
    if "*" in number:
        return Conformed(None, "masked") if allow_masked else Refused(RowReason.PHONE_MASKED)
    if number.endswith(".0"):
        number = number[:-2]
    scientific = _SCIENTIFIC.fullmatch(number)
    if scientific:
        number = scientific[1] + scientific[2]
    number = re.sub(r"^(\+86|0086|86)(?=1\d{10}$)", "", number)
    if not _MOBILE.fullmatch(number):
        return Refused(RowReason.PHONE_INVALID)
    return Conformed(number, "reformatted")


def account_number(text: str) -> Answer:
    """The number of an account: letters and digits as one string in upper case."""
    number = squeeze(text).upper()
    return Conformed(number, None if number == text else "folded")
