"""Delimited text: comma, pipe or any other delimiter, quoted or not, in any encoding Python knows."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv

from resumption.contracts.reasons import FileReason
from resumption.readers import text
from resumption.readers.header import match_header
from resumption.readers.result import FileRejected, ReadResult, SkippedRow
from resumption.readers.rows import Column, RawRows, finish, strings

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
        raw = _or_refused(rows, header, spec.delimiter)
    received = len(raw.numbers) + len(raw.malformed)
    last = raw.malformed[-1] if raw.malformed else None
    if last and last.row_number == received and not found.ends_in_newline and last.detail.startswith("too few"):
        raise FileRejected(FileReason.TRUNCATED, f"row {received}, the last, breaks off: {last.detail}")
    raw = RawRows(raw.header, raw.columns, raw.numbers, raw.malformed, found.blank_tail)
    return finish(raw, contract, rows_declared)


def _or_refused(rows: bytes, header: tuple[str, ...], delimiter: str) -> RawRows:
    try:
        return _careful(rows, header, delimiter)
    except pa.ArrowInvalid:
        raise FileRejected(FileReason.UNREADABLE, "expected lines of less than a megabyte, one is longer") from None


def _header(data: bytes, delimiter: str) -> tuple[tuple[str, ...], int]:
    """Return the header cells and where the rows begin; blank lines above the header do not count."""
    lines = io.TextIOWrapper(io.BytesIO(data), encoding=text.UTF8, newline="")
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        cells = next(row for row in reader if any(cell.strip() for cell in row))
    except StopIteration:
        raise FileRejected(FileReason.EMPTY, "expected a header, got only blank lines") from None
    except csv.Error:
        raise FileRejected(FileReason.UNREADABLE, "expected a header, the first line is none") from None
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


def _fast(rows: bytes, header: tuple[str, ...], delimiter: str, *, quotes: bool = True) -> RawRows:
    """Parse with Arrow, which also tells which records have the wrong number of fields."""
    names = [str(i) for i in range(len(header))]
    if not rows:
        return RawRows(header, (strings([]),) * len(header), np.empty(0, np.int32))
    malformed: list[SkippedRow] = []
    blank: list[int] = []

    def note(row: pyarrow.csv.InvalidRow) -> Literal["skip", "error"]:
        if row.number is None or "\n" in row.text or "\r" in row.text:
            # A stray quote may have swallowed lines: Arrow gives up, and quotes are looked at line by line.
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
            delimiter=delimiter,
            quote_char='"' if quotes else False,
            newlines_in_values=quotes,
            ignore_empty_lines=False,
            invalid_row_handler=note,
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True, check_utf8=False
        ),
    )
    raw = _numbered(table, header, malformed, blank)
    if quotes and b'"' in rows and len(_NEWLINE.findall(rows)) + 1 != len(raw.numbers) + len(malformed):
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
    """Look at every line that has a quote by itself, so that a stray one costs its own line and no other."""
    lines = _NEWLINE.split(rows)
    records = _quoted_records(lines, len(header), delimiter)
    starts = np.ones(len(lines), dtype=bool)
    for first, (_, used) in records.items():
        starts[first + 1 : first + used] = False
    numbers = np.cumsum(starts, dtype=np.int32)
    starts[list(records)] = False
    plain = np.flatnonzero(starts)
    raw = _fast(b"".join(lines[i] + b"\n" for i in plain), header, delimiter, quotes=False)
    malformed = [replace(row, row_number=int(numbers[plain[row.row_number - 1]])) for row in raw.malformed]
    good = {first: cells for first, (cells, _) in records.items() if len(cells) == len(header)}
    malformed += [
        SkippedRow(int(numbers[first]), _wrong_fields(len(cells), len(header)))
        for first, (cells, _) in records.items()
        if first not in good
    ]
    found = np.concatenate([numbers[plain[raw.numbers - 1]], numbers[list(good)]])
    order = np.argsort(found, kind="stable")
    columns = tuple(
        pa.chunked_array([*_chunks(column), strings([cells[i] for cells in good.values()])], pa.string()).take(order)
        for i, column in enumerate(raw.columns)
    )
    return RawRows(header, columns, found[order], tuple(sorted(malformed, key=lambda row: row.row_number)))


def _chunks(column: Column) -> list[Column]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _quoted_records(lines: list[bytes], width: int, delimiter: str) -> dict[int, tuple[list[str], int]]:
    """Return cells and number of lines of each record that has a quote, by its first line."""
    records: dict[int, tuple[list[str], int]] = {}
    after = 0
    for position in (i for i, line in enumerate(lines) if b'"' in line):
        if position >= after:
            records[position] = _record(lines, position, width, delimiter)
            after = position + records[position][1]
    return records


def _record(lines: list[bytes], position: int, width: int, delimiter: str) -> tuple[list[str], int]:
    """Return the cells of the record that begins at a line, and how many lines it takes."""
    record = lines[position].decode()
    for used in range(1, min(_RECORD_LINES, len(lines) - position) + 1):
        try:
            cells = next(csv.reader([record], delimiter=delimiter, strict=True))
        except csv.Error:
            if position + used < len(lines):
                record += "\n" + lines[position + used].decode()
            continue
        if used == 1 or len(cells) == width:
            return cells, used
        break
    return lines[position].decode().split(delimiter), 1
