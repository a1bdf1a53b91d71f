"""Bytes of a landed delivery → an Arrow table of strings, or a verdict on the whole file. Nothing is typed here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from resumption.readers.result import FileRejected, ReadResult, SkippedRow

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

__all__ = ["FileRejected", "ReadResult", "SkippedRow", "read", "read_bytes"]


def read(path: Path, contract: FeedContract, rows_declared: int | None = None) -> ReadResult:
    """Read one landed delivery as the contract says it is laid out.

    Args:
        path: the landed bytes.
        contract: the feed's contract.
        rows_declared: rows the sender announced (control file, listing, ``total``); None when it announced none.

    Raises:
        FileRejected: EMPTY, HEADER_ONLY, TRUNCATED (count differs from the declared one, broken last line),
            UNREADABLE (archive, sheet, pages), WRONG_ENCODING, MISSING_COLUMN.
    """
    return read_bytes(path.read_bytes(), contract, rows_declared)


def read_bytes(data: bytes, contract: FeedContract, rows_declared: int | None = None) -> ReadResult:
    """Read the bytes of one delivery; see ``read``."""
    return _reader(contract.reader.format)(data, contract, rows_declared)


def _reader(layout: str) -> Callable[[bytes, FeedContract, int | None], ReadResult]:
    if layout == "csv":
        from resumption.readers.delimited import read_csv

        return read_csv
    if layout == "xlsx":
        from resumption.readers.sheets import read_xlsx

        return read_xlsx
    from resumption.readers.json_items import read_api, read_jsonl

    return {"jsonl": read_jsonl, "api": read_api}[layout]
