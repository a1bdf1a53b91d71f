"""Common end of all readers: raw columns → the contract's columns, without blank rows and subtotals, and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from resumption.contracts.reasons import FileReason
from resumption.readers.header import HeaderMatch, match_header, refuse_unknown, require_columns
from resumption.readers.result import FileRejected, ReadResult, SkippedRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resumption.contracts.feed import FeedContract

_BLANKS = " \t\r\n\u3000\u00a0"
Column = Any
"""An array of strings or of a dictionary of strings, chunked or not."""
_compute: Any = pyarrow.compute


@dataclass(frozen=True)
class RawRows:
    """Rows as they stand in the delivery, before the contract is applied.

    Attributes:
        header: header cells as written.
        columns: one string array per header cell.
        numbers: row number of each row.
        malformed: rows that are in none of the columns.
        blank_tail: blank rows after the last one; they count if the sender counted them.
    """

    header: tuple[str, ...]
    columns: tuple[Column, ...]
    numbers: NDArray[np.int32]
    malformed: tuple[SkippedRow, ...] = ()
    blank_tail: int = 0


def finish(raw: RawRows, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    """Apply the contract's columns to raw rows and judge the file by its count.

    Raises:
        FileRejected: MISSING_COLUMN, SCHEMA_FROZEN, HEADER_ONLY, or TRUNCATED when the count is not the declared
            one.
    """
    match = require_columns(match_header(raw.header, contract))
    refuse_unknown(match, contract)
    received = _count(raw, rows_declared)
    blank = _blank_rows(raw.columns, len(raw.numbers))
    subtotal = _subtotal_rows(raw.columns, contract.reader.subtotals, len(raw.numbers)) & ~blank
    keep = ~(blank | subtotal)
    ignored = [SkippedRow(int(n), "blank") for n in raw.numbers[blank]]
    ignored += [SkippedRow(int(n), "subtotal") for n in raw.numbers[subtotal]]
    known = len(raw.numbers) + len(raw.malformed)
    ignored += [SkippedRow(n, "blank") for n in range(known + 1, received + 1)]
    return ReadResult(
        table=_select(raw, match, keep),
        rows_received=received,
        ignored=tuple(sorted(ignored, key=lambda row: row.row_number)),
        malformed=raw.malformed,
        unknown_columns=match.unknown,
        unknown=_unknown(raw, match, keep) if contract.drift.columns in ("evolve", "discard_row") else None,
        schema_fingerprint=match.fingerprint,
        headers={name: raw.header[position] for name, position in match.positions.items()},
    )


def _count(raw: RawRows, declared: int | None) -> int:
    """Return the rows received; blank last lines count only if the sender counted them."""
    found = len(raw.numbers) + len(raw.malformed)
    if not found:
        raise FileRejected(FileReason.HEADER_ONLY, "expected rows below the header, got none")
    if declared is None:
        return found
    if not found <= declared <= found + raw.blank_tail:
        raise FileRejected(FileReason.TRUNCATED, f"expected {declared} rows as declared, got {found}")
    return declared


def _blank_rows(columns: Sequence[Column], count: int) -> NDArray[np.bool_]:
    blank = np.ones(count, dtype=bool)
    for column in columns:
        # Nearly always the first column settles it.
        if not blank.any():
            break
        blank &= _judged(column, _is_blank)
    return blank


def _is_blank(values: Column) -> Column:
    return _compute.equal(
        _compute.utf8_length(_compute.utf8_trim(_compute.fill_null(values, ""), characters=_BLANKS)), 0
    )


def _judged(column: Column, verdict: Callable[[Column], Column]) -> NDArray[np.bool_]:
    """Return a verdict on each row; of a dictionary only the values are looked at."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return np.concatenate([np.zeros(0, dtype=bool), *(_judged_chunk(chunk, verdict) for chunk in chunks)])


def _judged_chunk(chunk: Column, verdict: Callable[[Column], Column]) -> NDArray[np.bool_]:
    if not pa.types.is_dictionary(chunk.type):
        return np.asarray(verdict(chunk).to_numpy(zero_copy_only=False), dtype=bool)
    # The last entry is the verdict on null.
    of_value = verdict(pa.concat_arrays([chunk.dictionary, pa.nulls(1, pa.string())])).to_numpy(zero_copy_only=False)
    return np.asarray(of_value[_compute.fill_null(chunk.indices, len(chunk.dictionary)).to_numpy()], dtype=bool)


def _subtotal_rows(columns: Sequence[Column], words: Sequence[str], count: int) -> NDArray[np.bool_]:
    """Find rows in which a cell ends in a subtotal word, perhaps with a colon, a note in brackets or its figure."""
    found = np.zeros(count, dtype=bool)
    if not words:
        return found
    spaced = "|".join(r"[\s\x{3000}]*".join(map(re.escape, word)) for word in words)
    pattern = rf"^[^0-9]{{0,30}}(?:{spaced})[\s\x{{3000}}]*(?:[:：].*|[(（].*[)）]|\d[\d,.]*[户家个]?)?[\s\x{{3000}}]*$"

    def is_subtotal(values: Column) -> Column:
        return _compute.fill_null(_compute.match_substring_regex(values, pattern), False)

    for column in columns:
        found |= _judged(column, is_subtotal)
    return found


def _select(raw: RawRows, match: HeaderMatch, keep: NDArray[np.bool_]) -> pa.Table:
    columns: dict[str, Any] = {name: raw.columns[position] for name, position in match.positions.items()}
    columns["row_number"] = pa.array(raw.numbers, pa.int32())
    table = pa.table(columns)
    return table if keep.all() else table.filter(pa.array(keep))


def _unknown(raw: RawRows, match: HeaderMatch, keep: NDArray[np.bool_]) -> pa.Table | None:
    """Return the columns that the contract does not name; of two with one name the second is numbered."""
    if not match.unknown:
        return None
    columns: dict[str, Any] = {}
    for name, position in zip(match.unknown, match.unknown_positions, strict=True):
        columns[f"{name} ({position + 1})" if name in columns else name] = raw.columns[position].cast(pa.string())
    return pa.table(columns).filter(pa.array(keep))


def strings(values: Sequence[str | None]) -> Column:
    """Return an Arrow string array in which an empty string is null."""
    array = pa.array(values, pa.string())
    empty = _compute.equal(array, "")
    return _compute.if_else(empty, pa.scalar(None, pa.string()), array) if _compute.any(empty).as_py() else array
