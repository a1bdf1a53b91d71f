"""Delimited text: comma, pipe or any other delimiter, quoted or not, in any encoding Python knows."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv

from resumption.contracts.reasons import FileReason
from resumption.readers import text
from resumption.readers.header import match_header
from resumption.readers.result import FileRejected, ReadResult, SkippedRow
from resumption.readers.rows import RawRows, finish, strings

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

_NEWLINE = re.compile(rb"\r\n|\n|\r")
_RECORD_LINES = 50
"""A quoted cell that goes on for more lines than this is taken for a stray quote."""


def read_csv(data: bytes, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    """Read delimited text.

    A last line that has too few fields and no newline means that the file broke off; any other line with the wrong
    number of fields is malformed.

    Raises:
        FileRejected: see ``resumption.readers.read``.
    """
    spec = contract.reader
    found = text.body(text.decode(data, spec.encoding))
    header, start = _header(found.data, spec.delimiter)
    _refuse_other_encoding(data, header, contract)
    rows = found.data[start:]
    try:
        raw = _fast(rows, header, spec.delimiter)
    except pa.ArrowInvalid:
        raw = _careful(rows, header, spec.delimiter)
    received = len(raw.numbers) + len(raw.malformed)
    last = raw.malformed[-1] if raw.malformed else None
    if last and last.row_number == received and not found.ends_in_newline and last.detail.startswith("too few"):
        raise FileRejected(FileReason.TRUNCATED, f"row {received}, the last, breaks off: {last.detail}")
    raw = RawRows(raw.header, raw.columns, raw.numbers, raw.malformed, found.blank_tail)
    return finish(raw, contract, rows_declared)


def _header(data: bytes, delimiter: str) -> tuple[tuple[str, ...], int]:
    """Return the header cells and where the rows begin; blank lines above the header do not count."""
    lines = io.TextIOWrapper(io.BytesIO(data), encoding=text.UTF8, newline="")
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        cells = next(row for row in reader if any(cell.strip() for cell in row))
    except (StopIteration, csv.Error):
        raise FileRejected(FileReason.EMPTY, "expected a header, got only blank lines") from None
    ends = (found.end() for _, found in zip(range(reader.line_num), _NEWLINE.finditer(data), strict=False))
    start = [*ends]
    return tuple(cells), start[-1] if len(start) == reader.line_num else len(data)


def _refuse_other_encoding(data: bytes, header: tuple[str, ...], contract: FeedContract) -> None:
    """Refuse UTF-8 that came where a Chinese encoding was due: most of it decodes there, into nonsense."""
    missing = match_header(header, contract).missing
    if not missing or contract.reader.encoding.lower().replace("-", "") == "utf8":
        return
    try:
        other, _ = _header(data.removeprefix(b"\xef\xbb\xbf").decode(text.UTF8).encode(), contract.reader.delimiter)
    except (UnicodeDecodeError, FileRejected):
        return
    if len(match_header(other, contract).missing) < len(missing):
        raise FileRejected(FileReason.WRONG_ENCODING, f"expected {contract.reader.encoding}, the header is UTF-8")


def _wrong_fields(count: int, expected: int) -> str:
    return f"too {'few' if count < expected else 'many'} fields: expected {expected}, got {count}"


def _fast(rows: bytes, header: tuple[str, ...], delimiter: str) -> RawRows:
    """Parse with Arrow, which also tells which records have the wrong number of fields."""
    names = [str(i) for i in range(len(header))]
    if not rows or len(header) == 1:
        return _careful(rows, header, delimiter)
    malformed: list[SkippedRow] = []
    blank: list[int] = []

    def note(row: pyarrow.csv.InvalidRow) -> Literal["skip", "error"]:
        if row.number is None or "\n" in row.text or "\r" in row.text:
            # A stray quote may have swallowed lines: Arrow gives up, and the file is read line by line.
            return "error"
        if row.text.strip():
            malformed.append(SkippedRow(row.number, _wrong_fields(row.actual_columns, row.expected_columns)))
        else:
            blank.append(row.number)
        return "skip"

    table = pyarrow.csv.read_csv(
        cast(Any, pa.BufferReader(rows)),
        # One thread: only then do refused rows come with their numbers.
        pyarrow.csv.ReadOptions(column_names=names, use_threads=False),
        pyarrow.csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True, check_utf8=False
        ),
    )
    raw = _numbered(table, header, malformed, blank)
    if b'"' in rows and len(_NEWLINE.findall(rows)) + 1 != len(raw.numbers) + len(malformed):
        # A cell goes over several lines: meant so, or is its quote a stray one?
        return _careful(rows, header, delimiter)
    return raw


def _numbered(table: pa.Table, header: tuple[str, ...], malformed: list[SkippedRow], blank: list[int]) -> RawRows:
    """Give the parsed rows their numbers: those that the skipped rows left. Blank lines come back as empty rows."""
    count = table.num_rows + len(malformed) + len(blank)
    numbers = np.arange(1, count + 1, dtype=np.int32)
    skipped = [row.row_number for row in malformed] + blank
    kept = np.delete(numbers, np.array(skipped, dtype=np.int64) - 1)
    columns = tuple(table.columns)
    if blank:
        nothing = pa.nulls(len(blank), pa.string())
        columns = tuple(pa.chunked_array([*column.chunks, nothing], pa.string()) for column in columns)
        kept = np.concatenate([kept, np.array(blank, dtype=np.int32)])
    return RawRows(header, columns, kept, tuple(malformed))


def _careful(rows: bytes, header: tuple[str, ...], delimiter: str) -> RawRows:
    """Parse line by line, so that a stray quote costs its own line and no other."""
    lines = [line.decode() for line in _NEWLINE.split(rows)] if rows else []
    good: list[list[str]] = []
    numbers: list[int] = []
    malformed: list[SkippedRow] = []
    position = number = 0
    while position < len(lines):
        cells, used = _record(lines, position, len(header), delimiter)
        position, number = position + used, number + 1
        if len(cells) <= 1 and not "".join(cells).strip():
            cells = [""] * len(header)
        if len(cells) == len(header):
            good.append(cells)
            numbers.append(number)
        else:
            malformed.append(SkippedRow(number, _wrong_fields(len(cells), len(header))))
    columns = tuple(strings(column) for column in zip(*good, strict=True)) if good else (strings([]),) * len(header)
    return RawRows(header, columns, np.array(numbers, dtype=np.int32), tuple(malformed))


def _record(lines: list[str], position: int, width: int, delimiter: str) -> tuple[list[str], int]:
    """Return the cells of the record that begins at a line, and how many lines it takes."""
    line = lines[position]
    if '"' not in line:
        return line.split(delimiter), 1
    record = line
    for used in range(1, min(_RECORD_LINES, len(lines) - position) + 1):
        try:
            cells = next(csv.reader([record], delimiter=delimiter, strict=True))
        except csv.Error:
            if position + used < len(lines):
                record += "\n" + lines[position + used]
            continue
        if used == 1 or len(cells) == width:
            return cells, used
        break
    return line.split(delimiter), 1
