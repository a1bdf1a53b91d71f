"""Tokens: what stands in the lake in the place of an identity."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa

KINDS = {"phone": "phone", "id_number": "id", "account": "account"}
"""Conform rule → kind of identity, the prefix of the value whose HMAC the token is (decision 59)."""

_DIGITS = 64


@cache
def _digester(key: bytes, prefix: str) -> Callable[[bytes], bytes]:
    """Return HMAC-SHA-256 over ``prefix + value``.

    Both hash states of the key are made once, which is a third of the time of ``hmac.digest`` on short values. What
    was made is kept while the task lives: the morning's file and the afternoon's speak of the same people.
    """
    block = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner_start = hashlib.sha256(bytes(byte ^ 0x36 for byte in block) + prefix.encode()).copy
    outer_start = hashlib.sha256(bytes(byte ^ 0x5C for byte in block)).copy
    made: dict[bytes, bytes] = {}

    def digest(value: bytes) -> bytes:
        found = made.get(value)
        if found is None:
            inner, outer = inner_start(), outer_start()
            inner.update(value)
            outer.update(inner.digest())
            found = made[value] = outer.digest()
        return found

    return digest


def tokenise(values: pa.StringArray, key: bytes, kind: str) -> pa.StringArray:
    """Return the tokens of normalised values: hex HMAC-SHA-256 over ``kind:value``.

    Raises:
        ValueError: a value is null.
    """
    if values.null_count:
        raise ValueError("a null has no token")
    digest = _digester(key, f"{kind}:")
    digests = b"".join(map(digest, values.cast(pa.binary()).to_numpy(zero_copy_only=False)))
    offsets = np.arange(len(values) + 1, dtype=np.int32) * _DIGITS
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(digests.hex().encode()))


def tokeniser(key: bytes, prefix: str) -> Callable[[str], str]:
    """Return the function that turns one normalised value into its token."""
    digest = _digester(key, prefix)
    return lambda value: digest(value.encode()).hex()
