"""Unpacks a binary format in a process of its own: ``child.py xls|xlsx|parquet``; deliveries on stdin, rows on stdout.

A sender's bytes decide how much memory a decoder asks for, and a hostile length ends the whole process. So it is this
one, which has a limit, no settings and no secrets. It imports nothing of the project: it starts in isolated mode. It
imports the decoder once and forks for each delivery, so that none sees what another left.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import resource
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import pyarrow as pa

UNPACKED, REFUSED = b"+", b"-"
"""Verdicts on a delivery; of a refused one ``REASON detail`` is said."""
LENGTH_BYTES = 8
_MEMORY_BYTES = 4 << 30
_CPU_SECONDS = 300
_MAX_ROWS = 50_000_000
_MAX_TEXT_BYTES = 1 << 30
_EXACT_INTEGERS = 10**15
"""Excel keeps 15 digits; a longer number has lost its last ones."""


class Refused(Exception):  # noqa: N818 - it is a verdict
    """The delivery cannot be unpacked: a reason code and what was expected."""


def as_text(value: object) -> str:
    """Return a cell as a person sees it; an empty cell is an empty string."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | int):
        return _number(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(timespec="seconds")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return "" if value is None else str(value)


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if value == int(value):
        return str(int(value)) if abs(value) < _EXACT_INTEGERS else f"{value:.14E}"
    return repr(value)


def workbook(data: bytes) -> bytes:
    """Return the sheets of a workbook, old or new, as JSON: ``[[rows of texts, merged ranges], …]``."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(data))
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
        found = [
            ([[as_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)], _merged(sheet))
            for sheet in sheets
        ]
    except (CalamineError, ValueError, OSError) as error:
        raise Refused("UNREADABLE", f"its sheets cannot be read: {type(error).__name__}") from error
    said = json.dumps(found, ensure_ascii=True).encode()
    if len(said) > _MAX_TEXT_BYTES:
        raise Refused("UNREADABLE", f"its cells hold more than {_MAX_TEXT_BYTES >> 20} MB of text")
    return said


def _merged(sheet: Any) -> list[Any]:
    return list(sheet.merged_cell_ranges or [])


def parquet(data: bytes) -> bytes:
    """Return the columns as an Arrow stream of ``dictionary<string>``, a batch a row group.

    Numbers, dates and times become the texts that other senders write; a nested column comes without its values.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    limits: dict[str, Any] = {"thrift_string_size_limit": 1 << 24, "thrift_container_size_limit": 1 << 20}
    try:
        flat = [field.name for field in pq.read_schema(pa.BufferReader(data)) if _is_text(field.type)]
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=flat, page_checksum_verification=True, **limits)
        if file.metadata.num_rows > _MAX_ROWS:
            raise Refused("UNREADABLE", f"it states {file.metadata.num_rows} rows, more than {_MAX_ROWS}")
        groups = (file.read_row_group(number, use_threads=False) for number in range(file.num_row_groups))
        return _stream(file.schema_arrow.names, groups)
    except UnicodeDecodeError as error:
        raise Refused("WRONG_ENCODING", "expected UTF-8 texts") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Refused("UNREADABLE", f"it cannot be decoded: {type(error).__name__}") from error


def _is_text(of: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(of) or pa.types.is_large_string(of) or pa.types.is_binary(of))


def _stream(names: list[str], groups: Iterable[pa.Table]) -> bytes:
    import pyarrow as pa

    kind = pa.dictionary(pa.int32(), pa.string())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([(name, kind) for name in names])) as writer:
        for table in groups:
            columns = [_texts(column) for column in table.itercolumns()]
            writer.write_batch(pa.record_batch(columns, names))
    return bytes(sink.getvalue())


def _texts(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column as one dictionary of texts, ``""`` being null; only its distinct values are converted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(column.type):
        return pa.nulls(len(column), pa.dictionary(pa.int32(), pa.string()))
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    encoded = column.unify_dictionaries().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    encoded.validate(full=True)
    values = _plain(encoded.dictionary)
    if pc.any(pc.match_substring(values, "\0")).as_py():
        raise Refused("WRONG_ENCODING", "a text holds NUL characters: damage")
    indices = encoded.indices.cast(pa.int32())
    empty = pc.index(values, "").as_py()
    if empty >= 0:
        indices = pc.if_else(pc.equal(indices, empty), pa.scalar(None, pa.int32()), indices)
    return pa.DictionaryArray.from_arrays(indices, values)


def _plain(values: pa.Array) -> pa.Array:
    """Return distinct values as text: days and times without what is zero in all of them, in Shanghai's clock."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(values.type):
        if values.type.tz is not None:
            values = pc.add(values.cast(pa.timestamp(values.type.unit)), pa.scalar(dt.timedelta(hours=8)))
        return pc.strftime(values.cast(pa.timestamp("s"), safe=False), "%Y-%m-%dT%H:%M:%S")
    texts = values.cast(pa.string())
    texts.validate(full=True)
    return texts


def main() -> int:
    """Answer the deliveries on stdin, each behind its length, until there are no more; return the exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unpack = {"xls": workbook, "xlsx": workbook, "parquet": parquet}[sys.argv[1]]
    importlib.import_module("pyarrow.parquet" if unpack is parquet else "python_calamine")
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        data = sys.stdin.buffer.read(int.from_bytes(length, "big"))
        if not (fork := os.fork()):
            _answer(unpack, data)
        del data
        _, status = os.waitpid(fork, 0)
        if status:
            # What it may have begun to write is no answer, and there is no telling where the next one would begin.
            return 1
    return 0


def _answer(unpack: Callable[[bytes], bytes], data: bytes) -> NoReturn:
    """Write what a delivery unpacks to, or why it does not, behind the verdict and the length; end the process."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        try:
            verdict, said = UNPACKED, unpack(data)
        except Refused as refusal:
            verdict, said = REFUSED, " ".join(refusal.args).encode()
        sys.stdout.buffer.write(verdict + len(said).to_bytes(LENGTH_BYTES, "big") + said)
        sys.stdout.buffer.flush()
        os._exit(0)
    finally:
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
