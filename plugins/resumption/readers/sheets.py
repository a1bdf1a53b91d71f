"""Excel workbooks: a title above, a header of one or two merged rows, subtotals in between, cells of any type."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from resumption.contracts.reasons import FileReason
from resumption.readers.child import as_text
from resumption.readers.confined import unpack
from resumption.readers.header import HeaderMatch, match_header
from resumption.readers.result import FileRejected, ReadResult
from resumption.readers.rows import RawRows, finish, strings

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
"""A workbook that unpacks to more than this is refused: a province's list is a tenth of it."""
MAX_CELLS = 40_000_000
"""A sheet is a rectangle in memory: one stray cell in its last corner would take all of it."""
_HEADER_ROWS = 20
"""The header is looked for in this many first rows."""
_CHUNK = 1 << 20
_UNBOUNDED = 1 << 62

_DAMAGED_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError, struct.error,
)  # fmt: skip
"""What `zipfile` raises on flipped bytes: it checks some of them itself, and believes the rest."""

_OLE2 = bytes.fromhex("d0cf11e0a1b11ae1")
_Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]
_CELL = re.compile(rb'[ "\']r="([A-Z]{1,3})([0-9]{1,7})"')


@dataclass(frozen=True)
class _Header:
    cells: tuple[str, ...]
    last_row: int
    match: HeaderMatch


def read_xlsx(data: bytes, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    """Read the first sheet that bears the contract's header.

    Values become what a person sees: dates ISO, whole numbers without a point, and a number longer than the 15 digits
    that Excel keeps in scientific notation (``3.30108199607232E+17``), so that the loss stays visible.

    Raises:
        FileRejected: see ``resumption.readers.read``; UNREADABLE for a damaged, protected or bloated archive.
    """
    if not data:
        raise FileRejected(FileReason.EMPTY, "expected a workbook, got 0 bytes")
    _check_archive(data)
    # What is small in the archive may be large in memory: one long text, shown in many cells.
    sheets = json.loads(unpack("xlsx", data))
    if not sheets:
        raise FileRejected(FileReason.UNREADABLE, "expected a workbook, got an archive without sheets")
    return _first_with_header(sheets, contract, rows_declared)


def read_xls(data: bytes, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    """Read a workbook of Excel 97 to 2003 (BIFF8) like an XLSX one.

    Raises:
        FileRejected: see ``resumption.readers.read``; UNREADABLE for another format, or a damaged or bloated workbook.
    """
    if not data:
        raise FileRejected(FileReason.EMPTY, "expected a workbook, got 0 bytes")
    if not data.startswith(_OLE2):
        raise FileRejected(
            FileReason.UNREADABLE, "expected an XLS workbook, it is another format: check what was saved"
        )
    sheets = unpack("xls", data)
    if rb"\u0000" in sheets:
        raise FileRejected(FileReason.WRONG_ENCODING, "a cell holds NUL characters: damage")
    return _first_with_header(json.loads(sheets), contract, rows_declared)


def _first_with_header(
    sheets: Iterable[tuple[list[list[Any]], _Merged]], contract: FeedContract, rows_declared: int | None
) -> ReadResult:
    """Read the first sheet that has all required columns; else judge the one that comes closest."""
    best: _Header | None = None
    for rows, merged in sheets:
        header = _find_header(rows, merged, contract)
        if header is not None and not header.match.missing:
            return _read_rows(rows, header, contract, rows_declared)
        if header is not None and (best is None or len(header.match.missing) < len(best.match.missing)):
            best = header
    if best is None:
        raise FileRejected(FileReason.EMPTY, "expected a header and rows, got a workbook without cells")
    return finish(RawRows(best.cells, (), np.empty(0, np.int32)), contract, rows_declared)


def _check_archive(data: bytes) -> None:
    """Unpack the archive once without keeping it: the sizes it states of itself may lie."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            left = MAX_UNPACKED_BYTES
            for member in archive.infolist():
                left -= _measure(archive, member, left)
    except FileRejected:
        raise
    except _DAMAGED_ARCHIVE as error:
        raise FileRejected(
            FileReason.UNREADABLE, f"expected an XLSX archive, it cannot be unpacked: {type(error).__name__}"
        ) from error


def _measure(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: int) -> int:
    """Return the member's unpacked size in bytes, having looked at how far its cells reach."""
    # Read to the end of the stream, not to the size the archive states.
    member.file_size = _UNBOUNDED
    size, rest, is_sheet = 0, b"", member.filename.startswith("xl/worksheets/")
    extent = (0, 0)
    with archive.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > left:
                raise FileRejected(
                    FileReason.UNREADABLE, f"the workbook unpacks to more than {MAX_UNPACKED_BYTES >> 20} MB"
                )
            if is_sheet:
                extent = _reach(rest + chunk, extent)
                rest = chunk[-32:]
    if extent[0] * extent[1] > MAX_CELLS:
        raise FileRejected(
            FileReason.UNREADABLE, f"a sheet reaches to row {extent[0]}, column {extent[1]}: delete its stray cells"
        )
    return size


def _reach(xml: bytes, extent: tuple[int, int]) -> tuple[int, int]:
    """Return the last row and column of the cells in a piece of a sheet's XML."""
    cells = set(_CELL.findall(xml))
    rows = max((int(row) for _, row in cells), default=0)
    columns = max((_column_number(letters) for letters in {letters for letters, _ in cells}), default=0)
    return max(rows, extent[0]), max(columns, extent[1])


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _find_header(rows: list[list[Any]], merged: _Merged, contract: FeedContract) -> _Header | None:
    """Return the first row, or pair of rows, with all required columns; else the one that comes closest."""
    best: _Header | None = None
    for top in range(min(len(rows), _HEADER_ROWS)):
        for bottom in (top, top + 1):
            if bottom >= len(rows):
                continue
            cells = _header_cells(rows[top], rows[bottom])
            header = _Header(cells, bottom, match_header(cells, contract))
            if not header.match.missing:
                return replace(header, last_row=_below_merged(bottom, merged))
            if any(cells) and (best is None or len(header.match.missing) < len(best.match.missing)):
                best = header
    return best


def _header_cells(top: list[Any], bottom: list[Any]) -> tuple[str, ...]:
    """Return the header of two rows: the lower cell, or where it is blank (merged downwards) the upper one."""
    return tuple(as_text(low) or as_text(high) for high, low in zip(top, bottom, strict=True))


def _below_merged(row: int, merged: _Merged) -> int:
    """Return the last row of a header whose cells are merged downwards."""
    return max([row, *(end[0] for start, end in merged if start[0] <= row < end[0])])


def _read_rows(rows: list[list[Any]], header: _Header, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    texts = [[as_text(cell) for cell in row] for row in rows[header.last_row + 1 :]]
    total = len(texts)
    while texts and not any(cell.strip() for cell in texts[-1]):
        texts.pop()
    if texts and rows_declared == len(texts) - 1 and not any(cell.strip() for cell in texts[0]):
        # The lower row of a header that lost its merged cells.
        texts.pop(0)
        total -= 1
    columns = tuple(strings(column) for column in zip(*texts, strict=True)) if texts else ()
    numbers = np.arange(1, len(texts) + 1, dtype=np.int32)
    return finish(RawRows(header.cells, columns, numbers, (), total - len(texts)), contract, rows_declared)
