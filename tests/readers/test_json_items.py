from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumption import readers
from resumption.contracts.reasons import FileReason
from resumption.readers import FileRejected
from tests.readers.contracts import feed

ROW = '{"代码": "9133", "手机号": "15400000000", "读数": 36.50}\n'


def rejected(data: bytes, declared: int | None = None, layout: str = "jsonl") -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        readers.read(data, feed(layout), declared)
    return caught.value


def test_values_are_strings_as_they_were_written() -> None:
    lines = [
        '{"代码": true, "手机号": 15400000000, "读数": 36.50, "备注": null}',
        '{"读数": 330108199607232345678, "代码": false, "手机号": "", "备注": {"a": [1]}}',
    ]
    result = readers.read("\n".join(lines).encode(), feed("jsonl"), 2)
    assert result.table.to_pylist() == [
        {"code": "true", "phone": "15400000000", "reading": "36.50", "note": None, "row_number": 1},
        {"code": "false", "phone": None, "reading": "330108199607232345678", "note": '{"a": [1]}', "row_number": 2},
    ]


def test_line_separators_within_a_text_do_not_end_a_row() -> None:
    data = '{"代码": "a\u2028b\x85c", "手机号": "1", "读数": "2"}\r\n'.encode()
    assert readers.read(data, feed("jsonl"), 1).table["code"].to_pylist() == ["a\u2028b\x85c"]


def test_a_key_may_be_absent_from_a_row_but_not_from_all() -> None:
    other = '{"代码": "9134", "手机号": "15400000001"}\n'
    assert readers.read((ROW + other).encode(), feed("jsonl"), 2).table["reading"].to_pylist() == ["36.50", None]
    assert rejected(other.encode(), 1).reason is FileReason.MISSING_COLUMN


def test_lines_that_are_no_objects_are_malformed() -> None:
    text = ROW + "not json\n" + "[1]\n" + "\n" + '"text"\n' + ROW + '{"代码": "nul \\u0000", "手机号": "1"}\n' + ROW
    result = readers.read(text.encode(), feed("jsonl"), 8)
    assert result.table["row_number"].to_pylist() == [1, 6, 8]
    assert [row.row_number for row in result.malformed] == [2, 3, 5, 7]
    assert [row.row_number for row in result.ignored] == [4]


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_broken_last_line_is_truncated(end: str) -> None:
    assert rejected((ROW + ROW[:-9] + end).encode(), 2).reason is FileReason.TRUNCATED


@pytest.mark.parametrize(
    ("data", "declared", "reason"),
    [
        (b"", None, FileReason.EMPTY),
        (b"\n\n", 0, FileReason.EMPTY),
        (ROW.encode(), 2, FileReason.TRUNCATED),
        (ROW.encode("gb18030"), 1, FileReason.WRONG_ENCODING),
        ((ROW + ROW).encode("utf-16"), 2, FileReason.WRONG_ENCODING),
    ],
)
def test_whole_file_verdicts(data: bytes, declared: int | None, reason: FileReason) -> None:
    assert rejected(data, declared).reason is reason


def test_unknown_keys_are_dropped_and_told() -> None:
    data = ROW.replace("}", ', "new": 1, "15400000009": 2}').encode()
    result = readers.read(data, feed("jsonl"), 1)
    assert "new" not in result.table.column_names
    assert result.unknown_columns == ("new", "#")


values = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20))
records = st.lists(st.fixed_dictionaries({"代码": st.just("x"), "手机号": values, "读数": values}), min_size=1)


@given(records)
def test_what_was_written_is_read(written: list[dict[str, Any]]) -> None:
    data = "\n".join(json.dumps(row, ensure_ascii=False) for row in written).encode()
    table = readers.read(data, feed("jsonl"), len(written)).table
    for name, key in {"code": "代码", "phone": "手机号", "reading": "读数"}.items():
        assert table[name].to_pylist() == [row[key] or None for row in written]


@given(st.lists(st.sampled_from([ROW, "broken\n", "[]\n", "\n", "{}\n"]), max_size=20), st.binary(max_size=20))
def test_every_line_is_accounted_for(body: list[str], tail: bytes) -> None:
    try:
        result = readers.read("".join(body).encode() + tail, feed("jsonl"))
    except FileRejected:
        return
    assert result.table.num_rows + len(result.ignored) + len(result.malformed) == result.rows_received


def pull(*pages: Any) -> bytes:
    return json.dumps(list(pages), ensure_ascii=False).encode()


ITEM = {"代码": "9133", "手机号": "1", "读数": 2}


def test_the_items_of_all_pages_are_the_rows() -> None:
    result = readers.read(pull({"total": 3, "items": [ITEM, ITEM]}, {"total": 3, "items": [ITEM]}), feed("api"), 3)
    assert result.table["row_number"].to_pylist() == [1, 2, 3]
    assert result.table["reading"].to_pylist() == ["2", "2", "2"]


def test_a_pull_without_items_is_good_if_the_sender_said_so() -> None:
    result = readers.read(pull({"total": 0, "items": []}), feed("api"), 0)
    assert (result.table.num_rows, result.rows_received) == (0, 0)
    assert result.table.column_names == ["code", "phone", "reading", "note", "row_number"]


def test_an_item_that_is_no_object_is_malformed() -> None:
    result = readers.read(pull({"total": 3, "items": [ITEM, None, 7]}), feed("api"), 3)
    assert [row.row_number for row in result.malformed] == [2, 3]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pull({"total": 2, "items": [ITEM]}), FileReason.TRUNCATED),
        (pull({"total": 1, "items": [ITEM]}, {"total": 2, "items": []}), FileReason.TRUNCATED),
        (pull({"total": 1, "items": [ITEM]})[:-3], FileReason.UNREADABLE),
        (pull(7), FileReason.UNREADABLE),
        (b"", FileReason.EMPTY),
    ],
)
def test_pages_that_cannot_be_taken(data: bytes, reason: FileReason) -> None:
    assert rejected(data, None, "api").reason is reason
