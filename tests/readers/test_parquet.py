from __future__ import annotations

import datetime as dt
import io
import os
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resumption import readers
from resumption.contracts.reasons import FileReason
from resumption.readers import FileRejected, confined
from tests.readers.contracts import feed

ROWS = {"代码": ["a", "b", ""], "手机号": ["1", None, "3"], "读数": ["36.50", "x", "y"]}


def written(columns: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


GOOD = written(ROWS)


def rejected(data: bytes, declared: int | None = None) -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        readers.read(data, feed("parquet"), declared)
    return caught.value


def test_texts_stay_dictionaries_and_empty_ones_are_null() -> None:
    table = readers.read(written(ROWS, row_group_size=2), feed("parquet"), 3).table
    assert table["code"].type == pa.dictionary(pa.int32(), pa.string())
    assert table["code"].num_chunks == 2
    assert table["code"].to_pylist() == ["a", "b", None]
    assert table["row_number"].to_pylist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([13588888888]), "13588888888"),
        (pa.array([36.5]), "36.5"),
        (pa.array([Decimal("36.50")], pa.decimal128(10, 2)), "36.50"),
        (pa.array([dt.date(2020, 2, 25)]), "2020-02-25"),
        (pa.array([dt.datetime(2020, 2, 25, 8, 30)], pa.timestamp("us")), "2020-02-25T08:30:00"),  # noqa: DTZ001
        (pa.array([dt.datetime(2020, 2, 25, 0, 30, tzinfo=dt.UTC)]), "2020-02-25T08:30:00"),
        (pa.array([True]), "true"),
        (pa.array([[1]]), None),
    ],
)
def test_typed_values_become_the_texts_that_other_senders_write(values: pa.Array, expected: str | None) -> None:
    data = written({"代码": ["a"], "手机号": values, "读数": ["c"]})
    assert readers.read(data, feed("parquet"), 1).table["phone"].to_pylist() == [expected]


def test_blank_rows_are_ignored() -> None:
    result = readers.read(written({"代码": ["a", " "], "手机号": ["1", None], "读数": ["2", ""]}), feed("parquet"), 2)
    assert ([row.row_number for row in result.ignored], result.table.num_rows) == ([2], 1)


def with_absurd_pages() -> bytes:
    """The first page states that it unpacks to 2 GB: a varint of five bytes in the place of another."""
    data = written(ROWS, compression="zstd", use_dictionary=False)
    return data[:4] + b"\x15\x00\x15\xfe\xff\xff\xff\x0f" + data[12:]


@pytest.mark.parametrize(
    ("data", "declared", "reason"),
    [
        (b"", None, FileReason.EMPTY),
        (written({name: pa.array([], pa.string()) for name in ROWS}), None, FileReason.HEADER_ONLY),
        (written({"代码": ["a"], "读数": ["b"]}), None, FileReason.MISSING_COLUMN),
        (GOOD, 2, FileReason.TRUNCATED),
        (GOOD[: len(GOOD) // 2], 3, FileReason.TRUNCATED),
        (GOOD[:-1], 3, FileReason.TRUNCATED),
        ("代码,手机号,读数\n".encode(), None, FileReason.UNREADABLE),
        (GOOD[:20] + GOOD[60:], 3, FileReason.UNREADABLE),
        (b"PAR1" + b"\xff\xff\xff\x7f" + b"PAR1", 3, FileReason.UNREADABLE),
        (written(ROWS | {"代码": pa.array([b"\xff", b"b", b"c"]).view(pa.string())}), 3, FileReason.UNREADABLE),
        (written(ROWS | {"代码": ["a\0", "b", "c"]}), 3, FileReason.WRONG_ENCODING),
        (with_absurd_pages(), 3, FileReason.UNREADABLE),
    ],
    ids=["empty", "no rows", "column", "count", "half", "end", "text", "rows cut", "footer", "utf8", "nul", "absurd"],
)
def test_whole_file_verdicts(data: bytes, declared: int | None, reason: FileReason) -> None:
    assert rejected(data, declared).reason is reason


def test_a_decoder_that_gave_up_leaves_nothing_to_the_next_delivery() -> None:
    first = confined.unpack("parquet", GOOD)
    with pytest.raises(FileRejected, match="UNREADABLE"):
        confined.unpack("parquet", with_absurd_pages())
    assert confined.unpack("parquet", GOOD) == first


def test_a_delivery_is_not_judged_by_the_end_of_a_decoder_that_served_others() -> None:
    first = confined.unpack("parquet", GOOD)
    os.kill(confined._running[os.getpid(), "parquet"]._process.pid, signal.SIGKILL)
    assert confined.unpack("parquet", GOOD) == first


def test_a_refused_delivery_keeps_its_decoder_which_serves_the_next() -> None:
    first = confined.unpack("parquet", GOOD)
    running = dict(confined._running)
    with pytest.raises(FileRejected, match="UNREADABLE"):
        confined.unpack("parquet", b"PAR1" + bytes(20) + b"PAR1")
    assert confined.unpack("parquet", GOOD) == first
    assert confined._running == running


def test_a_decoder_knows_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", "k" * 32)
    confined.unpack("parquet", GOOD)
    decoder = confined._running[os.getpid(), "parquet"]
    assert b"RESUMPTION" not in Path(f"/proc/{decoder._process.pid}/environ").read_bytes()
