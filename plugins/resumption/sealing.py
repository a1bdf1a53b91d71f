"""Authenticated encryption at rest, for the two zones that hold identities: landing and vault.

A sealed file is a header (mark, number of the key, salt) and frames of AES-256-GCM, as in the STREAM construction: the
nonce of a frame is a prefix, its number and whether it is the last one. A frame that is missing, added, changed or in
another place fails to open, a truncated file too. The key of a file is derived from the master key by HKDF-SHA-256 with
the zone as label and a salt of its own, so no nonce is ever used twice.

References: Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance" (2015), section 7; RFC 5869; NIST SP 800-38D.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from resumption import storage

if TYPE_CHECKING:
    from resumption.storage import Place

MARK = b"RSEAL\x01"
_ID_BYTES, _SALT_BYTES, _KEY_BYTES, _PREFIX_BYTES, _TAG_BYTES = 8, 16, 32, 7, 16
HEADER_BYTES = len(MARK) + _ID_BYTES + _SALT_BYTES
FRAME_BYTES = 1 << 20
"""Plain bytes of a frame; only the last one is shorter."""


class SealError(RuntimeError):
    """A sealed file cannot be opened: another key, or not the bytes that were sealed. Nothing of it is shown."""


def _derive(master: bytes, salt: bytes | None, label: str, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, f"resumption/{label}".encode()).derive(master)


@dataclass(frozen=True)
class ZoneKey:
    """The sealing key of a zone (`landing`, `vault`), from the master key; two zones share nothing."""

    master: bytes
    zone: str

    def __repr__(self) -> str:
        return f"ZoneKey(zone={self.zone!r})"

    @property
    def number(self) -> bytes:
        """What a file says of the key it is sealed with; it tells nothing of the key itself."""
        return _derive(self.master, None, f"{self.zone}/number", _ID_BYTES)


class _Frames:
    """The cipher of one file: numbers the frames."""

    def __init__(self, key: ZoneKey, header: bytes, context: str) -> None:
        salt = header[-_SALT_BYTES:]
        derived = _derive(key.master, salt, f"{key.zone}/file", _KEY_BYTES + _PREFIX_BYTES)
        self._cipher = AESGCM(derived[:_KEY_BYTES])
        self._prefix = derived[_KEY_BYTES:]
        self._bound = header + context.encode()
        self._number = 0

    def _nonce(self, last: bool) -> bytes:
        nonce = self._prefix + self._number.to_bytes(4, "big") + bytes([last])
        self._number += 1
        return nonce

    def seal(self, plain: bytes | bytearray | memoryview, last: bool) -> bytes:
        return self._cipher.encrypt(self._nonce(last), plain, self._bound)

    def open(self, frame: bytes, last: bool) -> bytes:
        return self._cipher.decrypt(self._nonce(last), frame, self._bound)


class Sealer:
    """Seals what is written to it, frame by frame; without `finish` the file never opens.

    Args:
        into: where the sealed bytes go, from its present position on.
        key: the zone's key.
        context: what the content belongs to; it must be named again to open it.
    """

    def __init__(self, into: BinaryIO, key: ZoneKey, context: str = "") -> None:
        header = MARK + key.number + os.urandom(_SALT_BYTES)
        into.write(header)
        self._into = into
        self._frames = _Frames(key, header, context)
        self._held = bytearray()

    def write(self, plain: bytes) -> None:
        """Append plain bytes."""
        self._held += plain
        # A whole frame is held back until more comes: it may be the last.
        if len(self._held) > FRAME_BYTES:
            whole = (len(self._held) - 1) // FRAME_BYTES * FRAME_BYTES
            with memoryview(self._held) as held:
                for start in range(0, whole, FRAME_BYTES):
                    self._into.write(self._frames.seal(held[start : start + FRAME_BYTES], last=False))
            del self._held[:whole]

    def finish(self) -> None:
        """Write the last frame."""
        self._into.write(self._frames.seal(self._held, last=True))


def open_frames(file: BinaryIO, key: ZoneKey, context: str = "") -> Iterator[bytes]:
    """Yield the plain bytes of a sealed file in frames; each is whole and in its place, the last is known as such.

    Raises:
        SealError: it is no sealed file, sealed with another key or for another context, damaged or truncated.
    """
    header = file.read(HEADER_BYTES)
    place = Path(getattr(file, "name", "a sealed file")).name
    if len(header) < HEADER_BYTES or not header.startswith(MARK):
        raise SealError(f"{place}: expected a sealed file, it is none")
    if number_in(header) != key.number:
        raise SealError(
            f"{place}: sealed with key {number_in(header).hex()}, opened with {key.number.hex()}. Set "
            "RESUMPTION_TOKEN_KEY to the key it was sealed with, or let `make rekey` finish"
        )
    frames = _Frames(key, header, context)
    frame = file.read(FRAME_BYTES + _TAG_BYTES)
    while True:
        following = file.read(FRAME_BYTES + _TAG_BYTES)
        try:
            yield frames.open(frame, last=not following)
        except InvalidTag:
            raise SealError(f"{place}: not what was sealed: damaged, truncated or in another's place") from None
        if not following:
            return
        frame = following


def number_in(header: bytes) -> bytes:
    """Return the number of the key that a sealed file's header names."""
    return header[len(MARK) : len(MARK) + _ID_BYTES]


def read(path: Place, key: ZoneKey, context: str = "") -> bytes:
    """Return the plain bytes of a sealed file.

    Raises:
        SealError: see ``open_frames``.
    """
    with storage.opened(path) as file:
        return b"".join(open_frames(file, key, context))


def is_sealed_with(path: Place, key: ZoneKey) -> bool:
    """Whether a file is sealed with this key; only its header is looked at."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    return header.startswith(MARK) and number_in(header) == key.number
