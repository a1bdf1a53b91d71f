from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumption import readers
from resumption.contracts.reasons import FileReason
from resumption.readers import FileRejected, ReadResult, delimited
from resumption.readers.rows import finish
from tests.readers.contracts import COLUMNS, feed

HEADER = "代码,手机号,读数,备注\n"
ROW = "9133,15400000000,36.5,无\n"


def read(text: str, declared: int | None = None, **reader: object) -> ReadResult:
    encoding = str(reader.get("encoding", "utf-8"))
    return readers.read(text.encode(encoding), feed("csv", **reader), declared)


def rejected(data: bytes, declared: int | None = None, **reader: object) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        readers.read(data, feed("csv", **reader), declared)
    return caught.value


def rows(result: ReadResult) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in result.table.to_pylist()]


def numbers(skipped: tuple[object, ...]) -> list[int]:
    return [row.row_number for row in skipped]  # type: ignore[attr-defined]


def test_cells_are_strings_and_empty_ones_null() -> None:
    result = read(HEADER + "0091,15400000000,,\n" + '"a,b","say ""hi""","two\nlines",""\n', 2)
    assert result.table.column_names == [*COLUMNS, "row_number"]
    assert rows(result) == [("0091", "15400000000", None, None, 1), ("a,b", 'say "hi"', "two\nlines", None, 2)]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", ["", "newline"])
def test_any_newline_will_do(newline: str, end: str) -> None:
    text = (HEADER + ROW + ROW).replace("\n", newline)
    assert read(text if end else text.removesuffix(newline), 2).table.num_rows == 2


def test_newlines_may_be_mixed_after_a_byte_order_mark() -> None:
    result = readers.read(b"\xef\xbb\xbf" + (HEADER + ROW + ROW.replace("\n", "\r\n") + ROW).encode(), feed(), 3)
    assert result.table.num_rows == 3
    assert result.headers["code"] == "代码"


def test_pipes_in_gb18030_with_four_byte_characters() -> None:
    result = read("手机号|代码|读数\r\n15400000000|㐀𠀀号|1\r\n", 1, encoding="gb18030", delimiter="|")
    assert rows(result) == [("15400000000", "㐀𠀀号", "1", 1)]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b" \r\n \r\n"])
def test_nothing_is_empty(data: bytes) -> None:
    assert rejected(data).reason is FileReason.EMPTY


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_header_only(end: str) -> None:
    assert rejected((HEADER.strip() + end).encode(), 0).reason is FileReason.HEADER_ONLY


@pytest.mark.parametrize("declared", [1, 3])
def test_another_count_than_declared_is_truncated(declared: int) -> None:
    error = rejected((HEADER + ROW + ROW).encode(), declared)
    assert (error.reason, error.detail) == (FileReason.TRUNCATED, f"expected {declared} rows as declared, got 2")


@pytest.mark.parametrize("cut", range(4, 18))
def test_a_file_that_breaks_off_in_its_last_line_is_truncated(cut: int) -> None:
    data = (HEADER + ROW + "9133,15400000000,36.5,无").encode()
    assert rejected(data[:-cut], None).reason is FileReason.TRUNCATED


def test_a_file_that_breaks_off_within_a_character_is_truncated() -> None:
    assert rejected((HEADER + ROW.strip()).encode()[:-1], 1).reason is FileReason.TRUNCATED
    assert rejected("代码|手机号|读数\n1|2|停".encode("gb18030")[:-1], 1, encoding="gb18030", delimiter="|").reason is (
        FileReason.TRUNCATED
    )


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le"])
def test_another_encoding_than_utf8(encoding: str) -> None:
    assert rejected((HEADER + ROW).encode(encoding)).reason is FileReason.WRONG_ENCODING


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_another_encoding_than_gb18030(encoding: str) -> None:
    data = "代码|手机号|读数|备注甲\n1|2|3|4\n".encode(encoding)
    assert rejected(data, encoding="gb18030", delimiter="|").reason is FileReason.WRONG_ENCODING


def test_one_wrong_byte_in_the_middle_is_the_wrong_encoding() -> None:
    data = (HEADER + ROW).encode() + b"\xff,1,2,3\n" + ROW.encode()
    error = rejected(data, 3)
    assert (error.reason, error.detail) == (
        FileReason.WRONG_ENCODING,
        f"expected utf-8, it fails at byte {data.index(0xFF)} of {len(data)}",
    )


def test_columns_are_found_by_name_alias_width_and_without_hints() -> None:
    result = read("备注(选填), 统一代码 ,读 数，旧,ＸＹ,手机号(11位)\n".replace("，旧", "") + "n,c,r,x,p\n", 1)
    assert rows(result) == [("n", "c", "r", "p", 1)]
    assert result.table.column_names == ["note", "code", "reading", "phone", "row_number"]
    assert result.unknown_columns == ("ＸＹ",)
    assert result.headers["phone"] == "手机号(11位)"


def test_a_column_that_stands_there_twice_counts_once() -> None:
    result = read("代码,手机号,读数,统一代码\na,b,c,d\n", 1)
    assert rows(result) == [("a", "b", "c", 1)]
    assert result.unknown_columns == ("统一代码",)


def test_a_required_column_is_missing() -> None:
    error = rejected("代码,电话,读数\n1,2,3\n".encode())
    assert error.reason is FileReason.MISSING_COLUMN
    assert "手机号" in error.detail
    assert "电话" not in error.detail


def test_a_missing_header_is_a_missing_column_and_tells_nobodys_phone() -> None:
    error = rejected(ROW.encode())
    assert error.reason is FileReason.MISSING_COLUMN
    assert "15400000000" not in str(error)


def test_the_fingerprint_follows_names_not_places() -> None:
    first = read("代码,手机号,读数\n1,2,3\n").schema_fingerprint
    assert read("读数,代码,手机号\n1,2,3\n").schema_fingerprint == first
    assert read("统一代码,手机号,读数\n1,2,3\n").schema_fingerprint != first


def test_malformed_and_blank_rows_are_told_apart_and_counted() -> None:
    text = HEADER + ROW + "1,2\n" + "\n" + ROW + ",,,\n" + "1,2,3,4,5\n" + "   \n" + ROW
    result = read(text, 8)
    assert [row[-1] for row in rows(result)] == [1, 4, 8]
    assert numbers(result.malformed) == [2, 6]
    assert numbers(result.ignored) == [3, 5, 7]
    assert result.malformed[0].detail == "too few fields: expected 4, got 2"
    assert result.rows_received == 8


def test_a_finished_last_line_with_too_few_fields_is_malformed() -> None:
    result = read(HEADER + ROW + "1,2\n", 2)
    assert numbers(result.malformed) == [2]


@pytest.mark.parametrize("stray", ['"x,1,2,3\n', '1,"x,2,3\n', '1,2,3,"x\n', '"x"y,1,2\n'])
def test_a_stray_quote_costs_its_own_line_only(stray: str) -> None:
    result = read(HEADER + ROW * 3 + stray + ROW * 100, 104)
    assert result.rows_received == 104
    assert numbers(result.malformed) in ([4], [])
    assert result.table.num_rows == 104 - len(result.malformed)
    assert rows(result)[-1] == ("9133", "15400000000", "36.5", "无", 104)


def test_a_quote_within_a_cell_is_a_character() -> None:
    assert rows(read(HEADER + '9133,5" pipe,1,2\n', 1))[0][1] == '5" pipe'


def test_blank_last_lines_count_if_the_sender_counted_them() -> None:
    text = HEADER + ROW + "\n\n"
    assert read(text, 1).rows_received == 1
    assert read(text).rows_received == 1
    counted = read(text, 3)
    assert (counted.rows_received, numbers(counted.ignored)) == (3, [2, 3])


def test_subtotals_are_ignored_but_not_firms_that_are_called_so() -> None:
    text = HEADER + "小计,,3,\n" + "工业小计：,,3,\n" + "合 计,,3,\n" + "杭州合计科技有限公司,,3,\n"
    result = read(text, 4, subtotals=["小计", "合计"])
    assert [row[0] for row in rows(result)] == ["杭州合计科技有限公司"]
    assert [row.detail for row in result.ignored] == ["subtotal"] * 3


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=12)
tables = st.lists(st.tuples(st.just("x").flatmap(lambda x: cells.map(x.__add__)), cells, cells, cells), min_size=1)


@given(tables, st.sampled_from([("utf-8", ","), ("utf-8-sig", ","), ("gb18030", "|")]))
def test_what_was_written_is_read(table: list[tuple[str, str, str, str]], wire: tuple[str, str]) -> None:
    encoding, delimiter = wire
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows([["代码", "手机号", "读数", "备注"], *table])
    reader = feed("csv", encoding=encoding.removesuffix("-sig"), delimiter=delimiter)
    result = readers.read(out.getvalue().encode(encoding), reader, len(table))
    assert [row[:-1] for row in rows(result)] == [tuple(cell or None for cell in row) for row in table]
    assert [row[-1] for row in rows(result)] == list(range(1, len(table) + 1))


@given(tables, st.lists(st.sampled_from(["a,b", ",,,", "", "1,2,3,4,5"]), max_size=3))
def test_both_ways_of_parsing_agree(table: list[tuple[str, str, str, str]], others: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(table)
    rows_of_file = (out.getvalue() + "\n".join([*others, "z,1,2,3"])).encode()
    header = ("代码", "手机号", "读数", "备注")
    results = [
        finish(parse(rows_of_file, header, ","), feed(), None) for parse in (delimited._fast, delimited._careful)
    ]
    assert results[0].table.sort_by("row_number").equals(results[1].table.sort_by("row_number"))
    assert (results[0].ignored, results[0].malformed) == (results[1].ignored, results[1].malformed)


lines = st.sampled_from(["a,b,c,d", "a,b", "a,b,c,d,e", "", ",,,", '"q', 'a,"b""c",d,e', 'a,"x\ny",c,d', "小计,,1,"])


@given(st.lists(lines, min_size=1, max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_every_row_is_accounted_for(body: list[str], newline: str) -> None:
    text = HEADER + newline.join(body) + newline
    if not "".join(body).strip():
        assert rejected(text.encode()).reason is FileReason.HEADER_ONLY
        return
    result = read(text, subtotals=["小计"])
    assert result.table.num_rows + len(result.ignored) + len(result.malformed) == result.rows_received
    seen = [*result.table["row_number"].to_pylist(), *numbers(result.ignored), *numbers(result.malformed)]
    assert sorted(seen) == list(range(1, result.rows_received + 1))


@given(st.binary(max_size=200))
def test_any_bytes_end_in_rows_or_in_a_verdict(data: bytes) -> None:
    for prefix in (b"", HEADER.encode()):
        try:
            result = readers.read(prefix + data, feed())
        except FileRejected:
            continue
        assert result.table.num_rows + len(result.ignored) + len(result.malformed) == result.rows_received
