"""Bytes of a landed delivery → an Arrow table of strings, or a verdict on the whole file. Nothing is typed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from resumption.readers.result import FileRejected, ReadResult, SkippedRow

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

__all__ = ["FileRejected", "ReadResult", "SkippedRow", "read"]


def read(data: bytes, contract: FeedContract, rows_declared: int | None = None) -> ReadResult:
    """Read one delivery as the contract says it is laid out.

    Args:
        data: the delivery's bytes.
        contract: the feed's contract.
        rows_declared: rows the sender announced (control file, listing, ``total``); None when it announced none.

    Raises:
        FileRejected: EMPTY, HEADER_ONLY, TRUNCATED (count differs from the declared one, broken last line),
            UNREADABLE (archive, sheet, pages), WRONG_ENCODING, MISSING_COLUMN, SCHEMA_FROZEN.
    """
    return _reader(contract.reader.format)(data, contract, rows_declared)


def _reader(layout: str) -> Callable[[bytes, FeedContract, int | None], ReadResult]:
    if layout == "csv":
        from resumption.readers.delimited import read_csv

        return read_csv
    if layout in ("xlsx", "xls"):
        from resumption.readers.sheets import read_xls, read_xlsx

        return {"xlsx": read_xlsx, "xls": read_xls}[layout]
    if layout == "parquet":
        from resumption.readers.parquet import read_parquet

        return read_parquet
    from resumption.readers.json_items import read_api, read_jsonl

    return {"jsonl": read_jsonl, "api": read_api}[layout]
