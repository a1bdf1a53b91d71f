"""Synthetic identities: codes that are right in every check digit and that nobody can own.

- Unified social credit code, GB 32100-2015 (18 characters, the last by mod 31); characters 9–17 are an
  organisation code, GB 11714-1997 (last character by mod 11). All organisation codes here begin with Y, a range that
  is not given out.
- Registration number, GS 15-2006 (15 digits, the last by ISO 7064 mod 11,10).
- Phones 1540xxxxxxx: a segment without subscribers.
- Identity number, GB 11643-1999 (18 characters, the last by mod 11-2); areas 99xxxx, which do not exist.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.rng import Ints
from simulator.text import digits, join, pick

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PHONE_PREFIX = "1540"
ID_CHECKS = "10X98765432"
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_SEVEN_DIGITS = 10_000_000
_ORG_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_USCC_WEIGHTS = np.array([pow(3, place, 31) for place in range(17)])
_ORG_VALUE = np.zeros(128, dtype=np.int64)
_ORG_VALUE[[ord(c) for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"]] = np.arange(36)
_USCC_VALUE = np.zeros(128, dtype=np.int64)
_USCC_VALUE[[ord(c) for c in ALPHABET]] = np.arange(31)
_ALPHABET_BYTES = np.frombuffer(ALPHABET.encode(), dtype=np.uint8)
_ORG_CHECK = np.frombuffer(b"0123456789X0", dtype=np.uint8)


def shuffled_digits(index: Ints, offset: int) -> Ints:
    """Return seven-digit numbers, one for each index, without repeats (an affine permutation)."""
    index = np.asarray(index, dtype=np.int64)
    if len(index) and int(index.max()) >= _SEVEN_DIGITS:
        raise ValueError(
            f"at most {_SEVEN_DIGITS} synthetic identities exist, asked for {int(index.max())}: use a smaller scale"
        )
    return (index * 3_781_017 + offset) % _SEVEN_DIGITS


def phones(index: Ints) -> pa.Array:
    """Return 11-digit synthetic mobile numbers, one for each index."""
    return join(pa.scalar(PHONE_PREFIX), digits(shuffled_digits(index, 2_718_281), 7))


def _ascii(column: Sequence[str] | NDArray[np.str_], width: int) -> NDArray[np.uint8]:
    return np.array(column, dtype=f"S{width}").view(np.uint8).reshape(-1, width)


def usccs(index: Ints, prefixes: Sequence[str], prefix_of: Ints) -> pa.Array:
    """Return unified social credit codes; `prefixes` are authority, category and region (8 characters)."""
    n = len(index)
    code = np.zeros((n, 18), dtype=np.uint8)
    code[:, :8] = _ascii(list(prefixes), 8)[np.asarray(prefix_of)]
    code[:, 8] = ord("Y")
    numbers = shuffled_digits(index, 3_141_592)
    for place in range(7):
        code[:, 15 - place] = ord("0") + numbers // 10**place % 10
    total = (_ORG_VALUE[code[:, 8:16]] * _ORG_WEIGHTS).sum(axis=1)
    code[:, 16] = _ORG_CHECK[11 - total % 11]
    total = (_USCC_VALUE[code[:, :17]] * _USCC_WEIGHTS).sum(axis=1)
    code[:, 17] = _ALPHABET_BYTES[(31 - total % 31) % 31]
    packed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(18), n, [None, pa.py_buffer(code.tobytes())])
    return packed.cast(pa.binary()).cast(pa.string())


def identity_numbers(index: Ints, born: Ints) -> pa.Array:
    """Return identity numbers, one for each index; `born` are day numbers."""
    n = len(index)
    numbers = shuffled_digits(index, 1_618_033)
    dates = np.datetime64("2020-01-01") + np.asarray(born)
    month = dates.astype("datetime64[M]")
    parts = [
        (990_000 + numbers % 10_000, 6),
        (1970 + dates.astype("datetime64[Y]").astype(np.int64), 4),
        (month.astype(np.int64) % 12 + 1, 2),
        ((dates - month).astype(np.int64) + 1, 2),
        (numbers // 10_000, 3),
    ]
    body = [part // 10**place % 10 for part, width in parts for place in range(width - 1, -1, -1)]
    total = sum((digit * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True)), np.zeros(n, dtype=np.int64))
    return join(*(digits(part, width) for part, width in parts), pick(list(ID_CHECKS), total % 11))


def identity_check(body: str) -> str:
    """Return the check character of the first 17 digits of an identity number."""
    return ID_CHECKS[sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True)) % 11]


def broadband_accounts(index: Ints) -> pa.Array:
    """Return a cable company's account numbers, one for each index."""
    return join(pa.scalar("HZ"), digits(shuffled_digits(index, 1_202_056), 9))


def registration_numbers(index: Ints) -> pa.Array:
    """Return 15-digit registration numbers of the time before the unified code."""
    numbers = 330_108_000_000_00 + shuffled_digits(index, 1_414_213)
    body = np.stack([numbers // 10**place % 10 for place in range(13, -1, -1)], axis=1)
    product = np.full(len(body), 10)
    for place in range(14):
        total = (body[:, place] + product) % 10
        product = np.where(total == 0, 10, total) * 2 % 11
    check = (11 - product) % 10
    return digits(numbers * 10 + check, 15)
