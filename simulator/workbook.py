"""Workbooks: openpyxl makes the frame (title, merged header, styles), the rows are put in as XML at one go."""

import io
import re
import zipfile
from collections.abc import Sequence
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.text import join, lines, whole

DATE_MARK = "date:"
"""A text that begins so becomes a real Excel date."""
_FIRST_ROW = 4
_FIXED_TIME = (2020, 2, 1, 8, 0, 0)
_EXCEL_DAY_ZERO = date(1899, 12, 30)


@cache
def _frame_of(title: str, headers: tuple[str, ...]) -> tuple[dict[str, bytes], bytes]:
    """Return the parts of a workbook with title, header and one row that holds a date, and the date's style number."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "名录"
    sheet.append([title])
    sheet.append(list(headers))
    sheet.append([])
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=len(headers))
    for column in range(1, len(headers) + 1):
        sheet.merge_cells(start_row=2, end_row=3, start_column=column, end_column=column)
    sheet.cell(_FIRST_ROW, 1, date(2020, 2, 1)).number_format = "yyyy-mm-dd"
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as archive:
        parts = {name: archive.read(name) for name in sorted(archive.namelist())}
    style = re.search(rb'<c r="A4" s="(\d+)"', parts["xl/worksheets/sheet1.xml"])
    assert style is not None
    return parts, style.group(1)


def _cells(values: pa.Array, column: str, rows: pa.Array, style: str) -> pa.Array:
    """Return the XML of one column's cells; an empty cell is left out."""
    at = join(pa.scalar(f'<c r="{column}'), rows)
    text = join(at, pa.scalar('" t="inlineStr"><is><t>'), values, pa.scalar("</t></is></c>"))
    dated = pc.starts_with(values, DATE_MARK)
    if pc.any(dated).as_py():
        days = pc.cast(pc.if_else(dated, pc.utf8_slice_codeunits(values, len(DATE_MARK)), None), pa.date32())
        serial = pc.add(pc.cast(days, pa.int32()), (date(1970, 1, 1) - _EXCEL_DAY_ZERO).days).cast(pa.string())
        text = pc.if_else(dated, join(at, pa.scalar(f'" s="{style}"><v>'), serial, pa.scalar("</v></c>")), text)
    return pc.fill_null(pc.if_else(pc.fill_null(pc.equal(values, ""), True), "", text), "")


def write(title: str, headers: tuple[str, ...], columns: Sequence[pa.Array]) -> bytes:
    """Return a workbook with a title row, a header of two merged rows and the rows.

    The moment of its making is left out, so that equal rows give equal bytes.
    """
    parts, style = _frame_of(title, headers)
    count = len(columns[0])
    rows = whole(np.arange(_FIRST_ROW, _FIRST_ROW + count))
    cells = [_cells(values, "ABCDEFGHIJ"[place], rows, style.decode()) for place, values in enumerate(columns)]
    body = lines(join(pa.scalar('<row r="'), rows, pa.scalar('">'), *cells, pa.scalar("</row>"))) if count else b""
    sheet = re.sub(rb'<row r="4".*?</row>', lambda _: body, parts["xl/worksheets/sheet1.xml"])
    sheet = re.sub(rb'<dimension ref="[^"]*" ?/>', b"", sheet)
    core = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2020-02-01T00:00:00Z", parts["docProps/core.xml"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (parts | {"xl/worksheets/sheet1.xml": sheet, "docProps/core.xml": core}).items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
