"""Workbooks. XLSX: openpyxl makes the frame (titles, header, styles), the rows are put in as XML at one go. XLS (BIFF8)
by xlwt, cell by cell.
"""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.text import join, lines, whole

DATE_MARK = "date:"
"""A text that begins so becomes a real Excel date or, with a time of day behind it, a real Excel moment."""
_FIXED_TIME = (2020, 2, 1, 8, 0, 0)
_EXCEL_DAY_ZERO = date(1899, 12, 30)
_FORMATS = ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss")
_NUMBER = r"^-?\d+(\.\d+)?$"


@dataclass(frozen=True)
class Heading:
    """What stands above the rows: title rows and the header, of two rows merged downwards if `merged`."""

    titles: tuple[str, ...]
    headers: tuple[str, ...]
    merged: bool = False

    @property
    def rows(self) -> int:
        """Number of rows above the data."""
        return len(self.titles) + (2 if self.merged else 1)


@cache
def _frame_of(heading: Heading) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the parts of a workbook with its heading and one row that holds a date and a moment, and their styles."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "名录"
    width, top = len(heading.headers), len(heading.titles)
    for row, title in enumerate(heading.titles, 1):
        sheet.append([title])
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=width)
    sheet.append(list(heading.headers))
    for column in range(1, width + 1) if heading.merged else ():
        sheet.merge_cells(start_row=top + 1, end_row=top + 2, start_column=column, end_column=column)
    for column, number_format in enumerate(_FORMATS, 1):
        sheet.cell(heading.rows + 1, column, date(2020, 2, 1)).number_format = number_format
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as archive:
        parts = {name: archive.read(name) for name in sorted(archive.namelist())}
    styles = re.findall(rb'<c r="[AB]%d" s="(\d+)"' % (heading.rows + 1), parts["xl/worksheets/sheet1.xml"])
    return parts, tuple(style.decode() for style in styles)


def _where(mask: pa.Array, yes: pa.Array, no: pa.Array) -> pa.Array:
    return pc.if_else(pc.fill_null(mask, False), yes, no)


def _cells(values: pa.Array, column: str, rows: pa.Array, styles: tuple[str, ...], *, numeric: bool) -> pa.Array:
    """Return the XML of one column's cells; an empty cell is left out."""
    at = join(pa.scalar(f'<c r="{column}'), rows)
    text = join(at, pa.scalar('" t="inlineStr"><is><t>'), values, pa.scalar("</t></is></c>"))
    if numeric:
        number = join(at, pa.scalar('"><v>'), values, pa.scalar("</v></c>"))
        text = _where(pc.match_substring_regex(values, _NUMBER), number, text)
    dated = pc.starts_with(values, DATE_MARK)
    if pc.any(dated).as_py():
        real = pc.if_else(dated, pc.utf8_slice_codeunits(values, len(DATE_MARK)), None)
        style = pc.if_else(pc.greater(pc.utf8_length(real), 10), styles[1], styles[0])
        serial = _serials(real)
        text = _where(
            dated, join(at, pa.scalar('" s="'), style, pa.scalar('"><v>'), serial, pa.scalar("</v></c>")), text
        )
    return pc.fill_null(pc.if_else(pc.fill_null(pc.equal(values, ""), True), "", text), "")


def _serials(moments: pa.Array) -> pa.Array:
    """Return Excel's serial numbers of ISO dates or moments, as text: days since 1899-12-30, the time as a fraction."""
    seconds = pc.cast(pc.cast(moments, pa.timestamp("s")), pa.int64())
    days = pc.divide(seconds, 86_400)
    rest = pc.subtract(seconds, pc.multiply(days, 86_400))
    whole_days = pc.add(days, (date(1970, 1, 1) - _EXCEL_DAY_ZERO).days)
    exact = pc.add(pc.cast(whole_days, pa.float64()), pc.divide(pc.cast(rest, pa.float64()), 86_400.0))
    return pc.if_else(pc.equal(rest, 0), pc.cast(whole_days, pa.string()), pc.cast(exact, pa.string()))


def write_xlsx(heading: Heading, columns: Sequence[pa.Array], numeric: Sequence[bool]) -> bytes:
    """Return a workbook with its heading and the rows; cells of `numeric` columns are numbers where they look so.

    The moment of its making is left out, so that equal rows give equal bytes.
    """
    parts, styles = _frame_of(heading)
    count, first = len(columns[0]), heading.rows + 1
    rows = whole(np.arange(first, first + count))
    cells = [
        _cells(values, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[place], rows, styles, numeric=numeric[place])
        for place, values in enumerate(columns)
    ]
    body = lines(join(pa.scalar('<row r="'), rows, pa.scalar('">'), *cells, pa.scalar("</row>"))) if count else b""
    sheet = re.sub(rb'<row r="%d".*?</row>' % first, lambda _: body, parts["xl/worksheets/sheet1.xml"])
    sheet = re.sub(rb'<dimension ref="[^"]*" ?/>', b"", sheet)
    core = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2020-02-01T00:00:00Z", parts["docProps/core.xml"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (parts | {"xl/worksheets/sheet1.xml": sheet, "docProps/core.xml": core}).items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write_xls(heading: Heading, columns: Sequence[pa.Array], numeric: Sequence[bool]) -> bytes:
    """Return the same as BIFF8 (Excel 97–2003), which holds at most 65,536 rows.

    Raises ValueError for more rows.
    """
    import xlwt  # type: ignore[import-untyped]

    if heading.rows + len(columns[0]) > 65_536:
        raise ValueError(f"an XLS sheet holds 65,536 rows, got {heading.rows + len(columns[0])}: use a smaller scale")
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Sheet1")
    styles = [xlwt.easyxf(num_format_str=number_format) for number_format in _FORMATS]
    for row, title in enumerate(heading.titles):
        sheet.write(row, 0, title)
    for column, header in enumerate(heading.headers):
        sheet.write(heading.rows - 1, column, header)
        for row, text in enumerate(columns[column].to_pylist(), heading.rows):
            if text and text.startswith(DATE_MARK):
                moment = datetime.fromisoformat(text.removeprefix(DATE_MARK))
                sheet.write(row, column, moment, styles[len(text) > len(DATE_MARK) + 10])
            elif text:
                number = numeric[column] and re.fullmatch(_NUMBER[1:-1], text)
                sheet.write(row, column, float(text) if number else text)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
