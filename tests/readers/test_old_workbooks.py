from __future__ import annotations

import datetime as dt
import io
import struct
from collections.abc import Sequence
from typing import Any

import pytest
import xlwt  # type: ignore[import-untyped]

from resumption import readers
from resumption.contracts.reasons import FileReason
from resumption.readers import FileRejected
from tests.readers.contracts import feed
from tests.readers.test_sheets import GOOD as XLSX

HEADER = ["代码", "手机号", "读数"]


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Sheet1")
    day = xlwt.easyxf(num_format_str="m-d")
    for place, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write(place, column, cell, day if isinstance(cell, dt.date) else xlwt.Style.default_style)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


GOOD = workbook(
    [["名录"], HEADER, ["a", dt.date(2003, 1, 5), 13588888888.0], ["b", "15400000000", 3.30108199607232e17]]
)


def rejected(data: bytes, declared: int | None = None) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        readers.read(data, feed("xls"), declared)
    return caught.value


def test_cells_become_what_a_person_sees_and_an_address_that_became_a_date_stays_one() -> None:
    table = readers.read(GOOD, feed("xls"), 2).table
    assert table["phone"].to_pylist() == ["2003-01-05", "15400000000"]
    assert table["reading"].to_pylist() == ["13588888888", "3.30108199607232E+17"]


def of_absurd_size() -> bytes:
    """The sheet's DIMENSIONS record states four thousand million rows of 65,535 columns."""
    place = GOOD.index(struct.pack("<HH", 0x0200, 14)) + 4
    return GOOD[:place] + struct.pack("<IIHH", 0, 0xFFFFFFF0, 0, 0xFFFF) + GOOD[place + 12 :]


@pytest.mark.parametrize(
    ("data", "declared", "reason"),
    [
        (b"", None, FileReason.EMPTY),
        (workbook([]), None, FileReason.EMPTY),
        (workbook([HEADER]), None, FileReason.HEADER_ONLY),
        (workbook([["代码", "读数"], ["a", "b"]]), None, FileReason.MISSING_COLUMN),
        (workbook([HEADER, ["a", "b\0", "c"]]), None, FileReason.WRONG_ENCODING),
        (GOOD, 3, FileReason.TRUNCATED),
        (GOOD[: len(GOOD) // 2], None, FileReason.UNREADABLE),
        (GOOD[:8] + bytes(600), None, FileReason.UNREADABLE),
        (XLSX, None, FileReason.UNREADABLE),
        ("代码,手机号,读数\n".encode(), None, FileReason.UNREADABLE),
        (of_absurd_size(), None, FileReason.UNREADABLE),
    ],
    ids=["empty", "no cells", "header", "column", "nul", "count", "half", "zeros", "xlsx", "text", "absurd"],
)
def test_whole_file_verdicts(data: bytes, declared: int | None, reason: FileReason) -> None:
    assert rejected(data, declared).reason is reason
