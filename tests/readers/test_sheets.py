from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumption import readers
from resumption.contracts import load_feed
from resumption.contracts.reasons import FileReason
from resumption.readers import FileRejected, ReadResult, sheets
from tests.readers.contracts import feed

HEADER = ["代码", "手机号", "读数"]
SCOPE_HEADER = ["单位名称", "统一社会信用代码", "专业", "是否规上", "在库年月", "园区"]


def workbook(rows: Sequence[Sequence[Any]], merged: Sequence[str] = ()) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    for cells in merged:
        sheet.merge_cells(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def read(rows: Sequence[Sequence[Any]], declared: int | None = None, **reader: object) -> ReadResult:
    return readers.read(workbook(rows), feed("xlsx", **reader), declared)


def rejected(data: bytes, declared: int | None = None) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        readers.read(data, feed("xlsx"), declared)
    return caught.value


def values(result: ReadResult, *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[column] for column in columns) for row in result.table.to_pylist()]


def test_a_scope_list_with_title_merged_header_and_subtotals() -> None:
    rows = [
        ["2020年2月在库单位名录", *[None] * 5],
        SCOPE_HEADER,
        [None] * 6,
        ["甲有限公司", "91330108MA27000000", "工业", "是", dt.date(2020, 2, 1), "园"],
        ["小计", None, 1, None, None, None],
        [None] * 6,
        ["乙有限公司", None, "服务业", "否", "2020-02", None],
        ["合 计", None, 2, None, None, None],
    ]
    merged = ["A1:F1", *(f"{column}2:{column}3" for column in "ABCDEF")]
    result = readers.read(workbook(rows, merged), load_feed("statistical_scope"), 5)
    assert values(result, "name", "uscc", "listed_month", "row_number") == [
        ("甲有限公司", "91330108MA27000000", "2020-02-01", 1),
        ("乙有限公司", None, "2020-02", 4),
    ]
    assert [(row.row_number, row.detail) for row in result.ignored] == [(2, "subtotal"), (3, "blank"), (5, "subtotal")]


def test_a_header_in_two_rows_where_the_lower_names_the_columns() -> None:
    rows = [["名录"], ["代码", "采集", None], [None, "手机号", "读数"], ["a", "b", "c"]]
    result = readers.read(workbook(rows, ["B2:C2", "A2:A3"]), feed("xlsx"), 1)
    assert values(result, "code", "phone", "reading", "row_number") == [("a", "b", "c", 1)]


def test_the_lower_header_row_that_lost_its_merged_cells() -> None:
    rows = [HEADER, [None] * 3, ["a", "b", "c"]]
    assert values(read(rows, 1), "row_number") == [(1,)]
    assert values(read(rows, 2), "row_number") == [(2,)]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (13588888888.0, "13588888888"),
        (330108199607232345, "3.30108199607232E+17"),
        (999999999999999, "999999999999999"),
        (36.5, "36.5"),
        (-2, "-2"),
        (0.1, "0.1"),
        (True, "true"),
        (False, "false"),
        (dt.date(2020, 2, 3), "2020-02-03"),
        (dt.datetime.fromisoformat("2020-02-03T08:30"), "2020-02-03T08:30:00"),
        (dt.time(8, 30), "08:30:00"),
        ("００９１", "００９１"),
        (" 1 ", " 1 "),
        (None, None),
    ],
)
def test_cells_become_what_a_person_sees(cell: object, expected: str | None) -> None:
    assert values(read([HEADER, ["a", cell, "c"]], 1), "phone") == [(expected,)]


def test_the_sheet_that_bears_the_header_is_read() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["说明"])
    second = book.create_sheet("数据")
    second.append(HEADER)
    second.append(["a", "b", "c"])
    out = io.BytesIO()
    book.save(out)
    assert readers.read(out.getvalue(), feed("xlsx"), 1).table.num_rows == 1


def test_blank_last_rows_count_only_if_declared() -> None:
    rows = [HEADER, ["a", "b", "c"], [" ", None, None], [None, " ", None]]
    assert read(rows, 1).rows_received == 1
    assert read(rows, 3).rows_received == 3


def bomb() -> bytes:
    out = io.BytesIO(workbook([HEADER, ["a", "b", "c"]]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", bytes(20_000_000))
    return out.getvalue()


def test_an_archive_that_unpacks_to_too_much_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_UNPACKED_BYTES", 10_000_000)
    assert rejected(bomb()).reason is FileReason.UNREADABLE


def test_an_archive_that_understates_its_size_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_UNPACKED_BYTES", 10_000_000)
    size = (20_000_000).to_bytes(4, "little")
    error = rejected(bomb().replace(size, (1000).to_bytes(4, "little")))
    assert (error.reason, "unpacks to more" in error.detail) == (FileReason.UNREADABLE, True)


def test_a_stray_cell_in_the_last_corner_is_unreadable() -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(HEADER)
    book.active["XFD1048576"] = "x"
    out = io.BytesIO()
    book.save(out)
    error = rejected(out.getvalue())
    assert (error.reason, "row 1048576, column 16384" in error.detail) == (FileReason.UNREADABLE, True)


def without_part(data: bytes, name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as whole, zipfile.ZipFile(out, "w") as less:
        for member in whole.infolist():
            if member.filename != name:
                less.writestr(member, whole.read(member))
    return out.getvalue()


def with_flipped_bits(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        middle = archive.getinfo(name).header_offset + 30 + len(name) + archive.getinfo(name).compress_size // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


GOOD = workbook([HEADER, ["a", "b", "c"]])


@pytest.mark.parametrize(
    "data",
    [
        GOOD[: len(GOOD) // 2],
        GOOD[:-5],
        b"PK" + bytes(100),
        "代码,手机号,读数\n".encode(),
        without_part(GOOD, "xl/worksheets/sheet1.xml"),
        without_part(GOOD, "xl/workbook.xml"),
        with_flipped_bits(GOOD, "xl/worksheets/sheet1.xml"),
    ],
    ids=["half", "end cut", "no archive", "text", "no sheet", "no workbook", "flipped bits"],
)
def test_a_damaged_workbook_is_unreadable(data: bytes) -> None:
    assert rejected(data).reason is FileReason.UNREADABLE


@pytest.mark.parametrize(
    ("data", "declared", "reason"),
    [
        (b"", None, FileReason.EMPTY),
        (workbook([]), None, FileReason.EMPTY),
        (workbook([["名录"], HEADER]), None, FileReason.HEADER_ONLY),
        (workbook([["名录"], ["代码", "读数"], ["a", "b"]]), None, FileReason.MISSING_COLUMN),
        (workbook([["a", "b", "c"]]), None, FileReason.MISSING_COLUMN),
        (GOOD, 2, FileReason.TRUNCATED),
    ],
)
def test_whole_file_verdicts(data: bytes, declared: int | None, reason: FileReason) -> None:
    assert rejected(data, declared).reason is reason


texts = st.text(st.characters(categories=["L", "Nd", "P", "Zs"], exclude_characters="="), max_size=8)


@settings(max_examples=40)
@given(st.lists(st.tuples(texts.map("x".__add__), texts, texts), min_size=1, max_size=8))
def test_what_was_written_is_read(table: list[tuple[str, str, str]]) -> None:
    result = read([["名录"], HEADER, *table], len(table))
    assert values(result, "code", "phone", "reading") == [tuple(cell or None for cell in row) for row in table]
