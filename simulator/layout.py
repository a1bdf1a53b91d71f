"""How a feed's rows become bytes: delimited text, JSON lines, a workbook, Parquet."""

import codecs
import io
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import workbook
from simulator.frame import IGNORED, Frame
from simulator.text import blank_where, choose, join, lines

STRAY = "\x1f"
"""Stands in a cell for a delimiter that is written without quotes."""
_BOMS = {"utf-8": codecs.BOM_UTF8, "utf-16-le": codecs.BOM_UTF16_LE}


@dataclass(frozen=True)
class Layout:
    """Layout of a file. `headers` maps a column to the header that is written for it; `literals` are JSON numbers
    and booleans, or numeric cells of a workbook, which may have `titles` above a header of one or two (`merged`) rows.
    """

    kind: str
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    newline: str = "\n"
    delimiter: str = ","
    bom: bool = False
    literals: frozenset[str] = frozenset()
    headers: tuple[tuple[str, str], ...] = ()
    titles: tuple[str, ...] = ()
    merged: bool = False
    mixed_newlines: bool = False

    def header(self, column: str) -> str:
        """Return the header text of a column."""
        return dict(self.headers).get(column, column)

    def without(self, column: str) -> "Layout":
        """Return the layout with one column left out."""
        return replace(self, columns=tuple(name for name in self.columns if name != column))


def _newlines(frame: Frame, layout: Layout) -> pa.Array | pa.Scalar:
    if not layout.mixed_newlines:
        return pa.scalar(layout.newline)
    other = "\n" if layout.newline == "\r\n" else "\r\n"
    return choose(np.arange(frame.rows) % 3 == 1, other, layout.newline)


def _cell(values: pa.Array, delimiter: str) -> pa.Array:
    values = pc.fill_null(values, "")
    needs_quotes = pc.match_substring(values, delimiter)
    return (
        pc.if_else(needs_quotes, join(pa.scalar('"'), values, pa.scalar('"')), values)
        if pc.any(needs_quotes).as_py()
        else values
    )


def _finish(body: bytes, header: str, layout: Layout) -> bytes:
    text = header.encode() + body
    if layout.encoding != "utf-8":
        text = text.decode().encode(layout.encoding)
    return (_BOMS[layout.encoding] if layout.bom else b"") + text


def _delimited(frame: Frame, layout: Layout) -> bytes:
    header = layout.delimiter.join(layout.header(name) for name in layout.columns) + layout.newline
    if not frame.rows:
        return _finish(b"", header, layout)
    row = join(*(_cell(frame.columns[name], layout.delimiter) for name in layout.columns), sep=layout.delimiter)
    row = pc.replace_substring(choose(frame.reason == IGNORED, "", row), STRAY, layout.delimiter)
    return _finish(lines(join(row, _newlines(frame, layout))), header, layout)


def json_texts(frame: Frame, layout: Layout) -> pa.Array:
    """Return one JSON object a row."""
    parts: list[pa.Array | pa.Scalar] = []
    for place, name in enumerate(layout.columns):
        parts.append(pa.scalar(f'{", " if place else "{"}"{layout.header(name)}": '))
        values = frame.columns[name]
        quoted = values if name in layout.literals else pc.binary_join_element_wise('"', values, '"', "")
        parts.append(pc.fill_null(quoted, "null"))
    return join(*parts, pa.scalar("}"))


def _json_lines(frame: Frame, layout: Layout) -> bytes:
    if not frame.rows:
        return _finish(b"", "", layout)
    row = choose(frame.reason == IGNORED, "", json_texts(frame, layout))
    row = pc.if_else(pc.match_substring(row, STRAY), "[]", row)
    return _finish(lines(join(row, _newlines(frame, layout))), "", layout)


def _workbook(frame: Frame, layout: Layout) -> bytes:
    heading = workbook.Heading(layout.titles, tuple(map(layout.header, layout.columns)), layout.merged)
    write = workbook.write_xls if layout.kind == "xls" else workbook.write_xlsx
    numeric = [name in layout.literals for name in layout.columns]
    return write(heading, [frame.columns[name] for name in layout.columns], numeric)


def table(frame: Frame, layout: Layout, types: Mapping[str, pa.DataType] = MappingProxyType({})) -> pa.Table:
    """Return the rows as a table; columns without a type are texts."""
    columns = {name: frame.columns[name].cast(types.get(name, pa.string())) for name in layout.columns}
    return pa.table({layout.header(name): values for name, values in columns.items()})


def write_tables(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write a Parquet file of at least one table, each a row group."""
    import pyarrow.parquet as pq

    rest = iter(tables)
    first = next(rest)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        for each in itertools.chain([first], rest):
            writer.write_table(each, row_group_size=max(1, each.num_rows))


def _parquet(frame: Frame, layout: Layout) -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table(frame, layout), buffer, compression="zstd")
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[Frame, Layout], bytes]] = {
    "csv": _delimited,
    "jsonl": _json_lines,
    "xlsx": _workbook,
    "xls": _workbook,
    "parquet": _parquet,
}


def encode(frame: Frame, layout: Layout) -> bytes:
    """Return the file's bytes."""
    return _WRITERS[layout.kind](frame, layout)


def with_extra_column(frame: Frame, layout: Layout, column: str, value: str) -> tuple[Frame, Layout]:
    """Return frame and layout with one more column, the same text in every row that is not blank."""
    filled = blank_where(frame.reason == IGNORED, pa.array([value] * frame.rows, pa.string()))
    return replace(frame, columns={**frame.columns, column: filled}), replace(layout, columns=(*layout.columns, column))


def reordered(layout: Layout, order: Sequence[int]) -> Layout:
    """Return the layout with its columns in another order."""
    return replace(layout, columns=tuple(layout.columns[place] for place in order))


__all__ = ["Layout", "blank_where", "encode", "json_texts", "reordered", "with_extra_column"]
