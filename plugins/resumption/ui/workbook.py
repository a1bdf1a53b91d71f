"""Excel workbooks for people: heads that stay in sight, and text that no program takes for a formula."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from resumption.ui.pages import DISTRICT_TIME

NARROWEST, WIDEST, NAMES = 12, 60, 36
"""Widths of columns in characters; ``NAMES``: of those that stay in sight."""


@dataclass(frozen=True)
class Sheet:
    """A sheet: rows of heads, one above the other, then ``rows``; the first ``names`` columns stay in sight too."""

    title: str
    heads: Sequence[Sequence[str]]
    rows: Iterable[Sequence[Any]]
    names: int = 0


def workbook(*sheets: Sheet) -> bytes:
    """Return an .xlsx file; heads are frozen and filtered.

    Text is written as text whatever it begins with, and stays text when somebody edits the cell: a name such as
    ``=HYPERLINK(…)`` is shown, never carried out. Times are those of the district, without zone.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for sheet in sheets:
        _write(book.create_sheet(sheet.title[:31]), sheet)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _write(page: Any, sheet: Sheet) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    page.freeze_panes = f"{get_column_letter(sheet.names + 1)}{len(sheet.heads) + 1}"
    columns = list(zip(*sheet.heads, strict=True))
    for place, heads in enumerate(columns, start=1):
        width = NAMES if place <= sheet.names else min(WIDEST, 2 * max(map(len, heads)) + 2)
        page.column_dimensions[get_column_letter(place)].width = max(width, NARROWEST)
    for line in sheet.heads:
        cells = [WriteOnlyCell(page, head) for head in line]
        for cell in cells:
            cell.font = Font(bold=True)
        page.append(cells)
    rows = [[_cell(page, value, WriteOnlyCell) for value in row] for row in sheet.rows]
    for row in rows:
        page.append(row)
    last = len(sheet.heads) + len(rows)
    page.auto_filter.ref = f"A{len(sheet.heads)}:{get_column_letter(len(columns))}{last}"


def _cell(page: Any, value: Any, make: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(DISTRICT_TIME).replace(tzinfo=None)
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    cell = make(page)
    cell.value, cell.data_type, cell.quotePrefix = value, "s", True
    return cell
