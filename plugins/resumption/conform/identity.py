"""Codes that identify enterprises and persons: checked, repaired only where nothing is guessed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from stdnum.cn import uscc as gb32100

from resumption.conform.text import squeeze
from resumption.conform.values import Answer, Conformed, Refused
from resumption.contracts.reasons import RowReason

MOBILE = r"^1[3-9]\d{9}$"
"""A mobile number in its plain form; segments are not looked up (decision 58)."""

_MOBILE = re.compile(MOBILE)
_SCIENTIFIC = re.compile(r"(\d)\.?(\d*)E\+?10", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s\-()]+")
_LOOKALIKES = str.maketrans("OI", "01")


def valid_uscc(code: str) -> bool:
    """Whether ``code`` is 18 characters with a right check character (GB 32100-2015)."""
    return len(code) == 18 and bool(gb32100.is_valid(code))


def uscc(text: str) -> Answer:
    """A credit code that stands alone: folded to upper case, never guessed."""
    code = squeeze(text).upper()
    if not valid_uscc(code):
        return Refused(RowReason.USCC_INVALID)
    return Conformed(code, None if code == text else "folded")


def uscc_or_candidate(text: str) -> tuple[str | None, str | None, str | None]:
    """A credit code beside a name, as (code, candidate, mark).

    The candidate is the code with O read as 0 and I as 1 (GB 32100 uses neither letter). It counts only once the
    registry knows it and the name agrees. Anything else that fails is dropped: then the name alone decides.
    """
    code = squeeze(text).upper()
    if valid_uscc(code):
        return code, None, None if code == text else "folded"
    candidate = code.translate(_LOOKALIKES)
    return None, candidate if valid_uscc(candidate) else None, "invalid"


def organisation_digit_agrees(code: str) -> bool:
    """Whether the ninth character of the organisation code inside ``code`` is right (GB 11714-1997).

    It tells a mistyped body from a mistyped check character; alone it refuses no code, since the outer check decides.
    """
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(weight * int(char, 36) for weight, char in zip(weights, code[8:16], strict=True))
    return code[16] == "0123456789X0"[11 - total % 11]


def mobile_number(text: str) -> Answer:
    """A mobile phone number as 11 digits (see MOBILE)."""
    if _MOBILE.fullmatch(text):
        return Conformed(text)
    number = _SEPARATORS.sub("", squeeze(text))
    if "*" in number:
        return Refused(RowReason.PHONE_MASKED)
    if number.endswith(".0"):
        number = number[:-2]
    scientific = _SCIENTIFIC.fullmatch(number)
    if scientific:
        number = scientific[1] + scientific[2]
    number = re.sub(r"^(\+86|0086|86)(?=1\d{10}$)", "", number)
    if not _MOBILE.fullmatch(number):
        return Refused(RowReason.PHONE_INVALID)
    return Conformed(number, "reformatted")


def tokeniser(key: bytes, prefix: str) -> Callable[[str], str]:
    """Return the function that turns a normalised value into its token.

    The token is hex HMAC-SHA-256 over ``prefix + value``; both hash states of the key are made once, which is a
    third of the time of ``hmac.digest`` on short values.
    """
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner_start = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + prefix.encode())
    outer_start = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def token(value: str) -> str:
        inner, outer = inner_start.copy(), outer_start.copy()
        inner.update(value.encode())
        outer.update(inner.digest())
        return outer.hexdigest()

    return token
