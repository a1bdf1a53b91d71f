"""JSON lines, and the pages of an HTTP API."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from resumption.contracts.reasons import FileReason
from resumption.readers import text
from resumption.readers.result import FileRejected, ReadResult, SkippedRow
from resumption.readers.rows import Column, RawRows, finish, strings

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

# Numbers stay as they were written: 36.50 and an 18-digit number must not pass through a float.
_DECODER = msgspec.json.Decoder(float_hook=str)
_LENIENT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_BROKEN = object()
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
# Strict UTF-8 and JSON let such characters in only as escapes, and few deliveries have any.
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Look for no cycles meanwhile: parsed JSON has none, and the search takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_undisturbed()
def read_jsonl(data: bytes, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    """Read JSON lines: one object a line.

    Raises:
        FileRejected: see ``resumption.readers.read``; TRUNCATED when the last line is not JSON.
    """
    found = text.body(text.decode(data, contract.reader.encoding))
    lines = found.data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    items = [_parse(line) if line.strip() else None for line in lines]
    if items[-1] is _BROKEN:
        raise FileRejected(FileReason.TRUNCATED, f"row {len(items)}, the last, is not JSON: it breaks off")
    return finish(_raw(items, contract, suspect=_suspect(data), blank_tail=found.blank_tail), contract, rows_declared)


@_undisturbed()
def read_api(data: bytes, contract: FeedContract, rows_declared: int | None) -> ReadResult:
    """Read the pages of one API pull: a JSON array of page bodies, each with ``items`` and ``total``.

    No items at all is a good pull if the sender said so (a day without changes).

    Raises:
        FileRejected: see ``resumption.readers.read``; TRUNCATED when the items do not add up to ``total``.
    """
    pages = _parse(text.decode(data, contract.reader.encoding))
    if not isinstance(pages, list) or not all(isinstance(page, dict) for page in pages):
        raise FileRejected(FileReason.UNREADABLE, "expected a JSON array of pages")
    items = [item for page in pages for item in page.get("items") or ()]
    totals = {int(page["total"]) for page in pages if str(page.get("total", "")).isdigit()}
    if totals != {len(items)}:
        raise FileRejected(FileReason.TRUNCATED, f"expected {sorted(totals)} items as declared, got {len(items)}")
    if not items and not rows_declared:
        return _nothing(contract)
    blank_is_malformed = [item if item is not None else _BROKEN for item in items]
    return finish(_raw(blank_is_malformed, contract, suspect=_suspect(data)), contract, rows_declared)


def _parse(line: bytes) -> Any:
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return _leniently(line)


def _leniently(line: bytes) -> Any:
    """Parse what the fast parser refuses: NaN, half a surrogate pair; what is no JSON at all is broken."""
    try:
        return _LENIENT.decode(line.decode())
    except (json.JSONDecodeError, RecursionError):
        return _BROKEN


def _nothing(contract: FeedContract) -> ReadResult:
    """Return the result of a delivery that rightly holds no rows."""
    schema = pa.schema([(c.name, pa.string()) for c in contract.columns] + [("row_number", pa.int32())])
    return ReadResult(table=schema.empty_table(), rows_received=0)


def _raw(items: Sequence[Any], contract: FeedContract, *, suspect: bool, blank_tail: int = 0) -> RawRows:
    """Put objects side by side; ``None`` stands for a blank line. ``suspect``: some text may be unusable."""
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    malformed: list[SkippedRow] = []
    for number, item in enumerate(items, start=1):
        row = {} if item is None else item
        if isinstance(row, dict) and not (suspect and not _storable(row)):
            rows.append(row)
            numbers.append(number)
        else:
            malformed.append(SkippedRow(number, "unusable text" if isinstance(row, dict) else "not a JSON object"))
    shapes = dict.fromkeys(map(tuple, rows))
    # With no row to name the keys, the contract does: then every row is malformed, not the file.
    keys = list(dict.fromkeys(chain.from_iterable(shapes))) or [c.source_name for c in contract.columns]
    if len(shapes) == 1 and rows[0]:
        # Nearly always, and several times quicker than to look up every key of every row.
        columns = tuple(map(_column, zip(*map(dict.values, rows), strict=True)))
    else:
        columns = tuple(_column([row.get(key) for row in rows]) for key in keys)
    return RawRows(tuple(keys), columns, np.array(numbers, dtype=np.int32), tuple(malformed), blank_tail)


def _suspect(data: bytes) -> bool:
    return _SUSPECT.search(data) is not None


def _storable(item: dict[str, Any]) -> bool:
    """Whether no text has a NUL or half a surrogate pair: neither Arrow nor PostgreSQL takes them."""
    return not any(isinstance(text, str) and _UNUSABLE.search(text) for text in (*item, *item.values()))


def _column(values: Sequence[Any]) -> Column:
    """Return values as strings; most columns hold one type, which Arrow turns into text at one go."""
    try:
        return strings(values)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        pass
    try:
        typed = pa.array(values)
    except (pa.ArrowException, OverflowError):
        typed = pa.nulls(0)
    if pa.types.is_integer(typed.type) or pa.types.is_boolean(typed.type):
        return typed.cast(pa.string())
    return strings([value if value is None or isinstance(value, str) else json.dumps(value) for value in values])
