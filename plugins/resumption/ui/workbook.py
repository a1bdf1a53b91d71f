"""Excel workbooks for people: heads that stay in sight, and text that no program takes for a formula."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Sequence
from typing import Any

WIDEST = 60


def workbook(sheet: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return an .xlsx file of one sheet: a row of heads, frozen and filtered, then ``rows``.

    Text is written as text whatever it begins with, and stays text when somebody edits the cell: a name such as
    ``=HYPERLINK(…)`` is shown, never carried out. Lists are joined; times are those of the district, without zone.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    page = book.create_sheet(sheet[:31])
    page.freeze_panes = "A2"
    widths = [min(WIDEST, 2 * len(head) + 2) for head in heads]
    for place, width in enumerate(widths, start=1):
        page.column_dimensions[get_column_letter(place)].width = max(width, 12)
    title_row = []
    for head in heads:
        cell = WriteOnlyCell(page, head)
        cell.font = Font(bold=True)
        title_row.append(cell)
    page.append(title_row)
    count = 1
    for row in rows:
        page.append([_cell(page, value, WriteOnlyCell) for value in row])
        count += 1
    page.auto_filter.ref = f"A1:{get_column_letter(len(heads))}{count}"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cell(page: Any, value: Any, make: Any) -> Any:
    if isinstance(value, dt.datetime):
        from resumption.ui.pages import DISTRICT_TIME

        return value.astimezone(DISTRICT_TIME).replace(tzinfo=None)
    if not isinstance(value, str):
        return value
    if not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    cell = make(page)
    cell.value = value
    cell.data_type = "s"
    cell.quotePrefix = True
    return cell
