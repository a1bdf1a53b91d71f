"""Strict decoding of text deliveries: a byte that does not belong is a verdict, never a replacement character."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from resumption.contracts.reasons import FileReason
from resumption.readers.result import FileRejected

UTF8 = "utf-8"
_BOMS = {codecs.BOM_UTF8: UTF8, codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_WIDE_BLANK = "\u3000".encode()
_NEWLINE = re.compile(rb"\r\n|\n|\r")


@dataclass(frozen=True)
class Body:
    """Text in UTF-8 without its blank last lines.

    Attributes:
        data: the bytes, never empty, not ending in a newline.
        ends_in_newline: whether the last line was finished.
        blank_tail: blank lines that stood after the last line; a sender may or may not have counted them.
    """

    data: bytes
    ends_in_newline: bool
    blank_tail: int


def decode(data: bytes, encoding: str) -> bytes:
    """Return ``data`` as UTF-8 without a byte order mark.

    Raises:
        FileRejected: EMPTY; WRONG_ENCODING with the place of the first byte that does not fit; TRUNCATED when the file
            breaks off within a character.
    """
    if not data.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise FileRejected(FileReason.EMPTY, f"expected rows, got {len(data)} bytes without content")
    wanted = codecs.lookup(encoding).name
    for mark, marked in _BOMS.items():
        if data.startswith(mark) and not wanted.startswith(marked.removesuffix("-le").removesuffix("-be")):
            raise FileRejected(FileReason.WRONG_ENCODING, f"expected {encoding}, the byte order mark says {marked}")
    if b"\x00" in data and not wanted.startswith("utf-16"):
        raise FileRejected(FileReason.WRONG_ENCODING, f"expected {encoding}, got NUL bytes (UTF-16, or damage)")
    if b"\x00" not in data and wanted.startswith("utf-16"):
        # Delimiters and digits have a NUL byte each in UTF-16.
        raise FileRejected(FileReason.WRONG_ENCODING, f"expected {encoding}, got an encoding without NUL bytes")
    text = _strictly(data, wanted)
    # Text that came as UTF-8 need not be encoded again.
    return data.removeprefix(codecs.BOM_UTF8) if wanted == UTF8 else text.removeprefix("\ufeff").encode()


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, errors="strict")
    except UnicodeDecodeError as error:
        reason, detail = FileReason.WRONG_ENCODING, f"expected {encoding}, it fails at byte {error.start}"
        if _breaks_off(data, encoding):
            reason, detail = FileReason.TRUNCATED, f"the file breaks off within a character at byte {error.start}"
        raise FileRejected(reason, f"{detail} of {len(data)}") from None


def _breaks_off(data: bytes, encoding: str) -> bool:
    """Whether all of ``data`` is right but for an unfinished last character."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(data, False)
    except UnicodeDecodeError:
        return False
    return True


def body(data: bytes) -> Body:
    """Split the blank lines off the end of UTF-8 ``data``; a line of delimiters is not blank here."""
    start = _content_end(data)
    tail = data[start:]
    newlines = len(_NEWLINE.findall(tail))
    if not newlines:
        return Body(data, False, 0)
    # Blanks before the first newline belong to the last cell.
    first = _NEWLINE.search(tail)
    assert first is not None
    unfinished = 0 if tail.endswith((b"\n", b"\r")) else 1
    return Body(data[: start + first.start()], True, newlines - 1 + unfinished)


def _content_end(data: bytes) -> int:
    """Return where the blanks and newlines at the end begin."""
    end = len(data)
    while end:
        if data[end - 1] in b" \r\n":
            end -= 1
        elif data.endswith(_WIDE_BLANK, 0, end):
            end -= len(_WIDE_BLANK)
        else:
            break
    return end
