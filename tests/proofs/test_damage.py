"""Whatever happens to a delivery's bytes, every row is accounted for and nobody's identity is told."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resumption import readers, settings
from resumption.contracts import load_feed
from resumption.contracts.feed import TOKEN_RULES
from resumption.contracts.reasons import FileReason, RowReason
from resumption.ops import DeliveryRow
from resumption.pipeline import judging
from tests.proofs.conftest import drawn

FIXTURES = settings.project_root() / "tests" / "fixtures" / "feeds"
PATHS = {path.parent.name: path for path in sorted(FIXTURES.glob("*/*"))}
TEXT = sorted(feed for feed in PATHS if load_feed(feed).reader.format in ("csv", "jsonl", "api"))
BINARY = sorted(PATHS.keys() - set(TEXT))
AT = datetime(2020, 2, 26, tzinfo=UTC)

CELLS = [
    "", " ", "NULL", "-", "0", "-1", "1e400", "nan", "9.90108E+17", "15400004321.0",
    "+86 154 0000 4321", "154****4321",
    "990108198802140075", "2.1", "2020-02-30", "43886.5", "99999999999", "0001-01-01", "1𠮷é￿", "\x00", "\x85",
    "\u2028", '"', '""', "'", "\\", ",", "|", "\t", "\n", "\r\n", "{", "]", "null", "true",
    "１２３", "小计", "甲" * 5000,
    "9" * 400,
]  # fmt: skip
"""What a cell may hold that nobody expects there."""

LIKE_A_PERSON = re.compile(r"(?<![0-9A-Za-z])(1[3-9]\d{9}|\d{17}[0-9Xx])(?![0-9A-Za-z])")


@cache
def rows_of(feed: str) -> int:
    return readers.read(PATHS[feed].read_bytes(), load_feed(feed)).rows_received


@cache
def identities(feed: str) -> frozenset[str]:
    """The personal values of a fixture, as sent."""
    contract = load_feed(feed)
    table = readers.read(PATHS[feed].read_bytes(), contract).table
    hidden = (*TOKEN_RULES, "drop", "address")
    personal = [c.name for c in contract.columns if c.conform.rule in hidden and c.classification == "personal"]
    found = {
        str(value).strip()
        for name in personal
        if name in table.column_names
        for value in table[name].to_pylist()
        if value
    }
    return frozenset(value for value in found if "*" not in value and (len(value) > 3 or not value.isascii()))


def judged(feed: str, data: bytes, rows: int | None) -> judging.Judged:
    """Judge bytes as if they had been landed."""
    row = DeliveryRow(
        delivery_id="d", feed=feed, business_date=date(2020, 2, 25), name=PATHS[feed].name, sha256="",
        rows_declared=rows, published_at=AT, received_at=AT,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging.landing, "read", lambda _: data)
        patch.setenv("RESUMPTION_TOKEN_KEY", "a key of this test")
        return judging.judge_delivery(load_feed(feed), row)


def require_account(feed: str, data: bytes, rows: int | None) -> None:
    """Judge and hold the verdict against what every verdict must be."""
    verdict = judged(feed, data, rows)
    told = [verdict.reason or "", *verdict.quarantined["payload"].to_pylist()]
    if verdict.outcome == "rejected":
        assert (verdict.reason or "").split(":")[0] in set(FileReason)
    assert verdict.accepted.num_rows + verdict.refused + verdict.ignored == verdict.received
    numbers = [*verdict.accepted["row_number"].to_pylist(), *verdict.quarantined["row_number"].to_pylist()]
    assert len(numbers) == len(set(numbers)), "a row has two verdicts"
    reasons = {reason for row in verdict.quarantined["reasons"].to_pylist() for reason in row or [None]}
    assert reasons <= set(RowReason)
    for text in told:
        assert not LIKE_A_PERSON.search(without_codes(text)), "a number of a person stands in a reason or a payload"
        shown = [value for value in identities(feed) if value in text]
        assert shown == [], "a personal value stands in a reason or a payload"


def without_codes(text: str) -> str:
    """Leave out credit codes, meters and reports, whose digits may look like a person's."""
    return re.sub(r'"(?:uscc|统一社会信用代码|report_id|application_id|户号|meter_token)": "[^"]*"', "", text)


def flipped(draw: Callable[..., Any], data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        damaged[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(damaged)


def cut(draw: Callable[..., Any], data: bytes) -> bytes:
    return data[: draw(st.integers(0, len(data)))]


def doubled(draw: Callable[..., Any], data: bytes) -> bytes:
    """Repeat, lose or move a stretch, as broken transfers do."""
    start, end = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    return data[:start] + draw(st.sampled_from([b"", data[start:end] * 2])) + data[end:]


def celled(draw: Callable[..., Any], feed: str, data: bytes) -> bytes:
    """Put something unexpected in the place of a cell, a name of a column or a delimiter."""
    reader = load_feed(feed).reader
    if reader.format == "xlsx":
        return _celled_xlsx(draw, data)
    if reader.format == "parquet":
        return _celled_parquet(draw, data)
    text = data.decode(reader.encoding)
    marks = r'"[^"\n]*"' if reader.format in ("jsonl", "api") else rf"[^{re.escape(reader.delimiter)}\r\n]+"
    for _ in range(draw(st.integers(1, 4))):
        spots = [match.span() for match in re.finditer(marks, text)]
        start, end = draw(st.sampled_from(spots)) if spots else (0, 0)
        value = draw(st.sampled_from(CELLS))
        text = text[:start] + (f'"{value}"' if draw(st.booleans()) else value) + text[end:]
    return text.encode(reader.encoding, errors="surrogatepass" if reader.encoding.startswith("utf") else "replace")


def _celled_xlsx(draw: Callable[..., Any], data: bytes) -> bytes:
    from openpyxl import load_workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, MergedCell

    book = load_workbook(io.BytesIO(data))
    sheet = book.worksheets[0]
    cells = [cell for row in sheet.iter_rows() for cell in row if not isinstance(cell, MergedCell)]
    for _ in range(draw(st.integers(1, 4))):
        value = draw(st.sampled_from([*CELLS, 0.1, -5, True, datetime(1900, 1, 1), "=1/0", "#N/A"]))  # noqa: DTZ001
        draw(st.sampled_from(cells)).value = (
            ILLEGAL_CHARACTERS_RE.sub("", value)[:30000] if isinstance(value, str) else value
        )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _celled_parquet(draw: Callable[..., Any], data: bytes) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    place = draw(st.integers(0, table.num_columns - 1))
    values = [None if value is None else str(value) for value in table.column(place).to_pylist()]
    values[draw(st.integers(0, len(values) - 1))] = draw(st.sampled_from([*CELLS, None]))
    table = table.set_column(place, table.column_names[place], pa.array(values, pa.string()))
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


@st.composite
def damaged(draw: Callable[..., Any], feed: str) -> tuple[bytes, int | None]:
    """Return the bytes of a feed's fixture after an accident, and what their sender declares, if anything."""
    data = PATHS[feed].read_bytes()
    kinds = (
        ["flip", "cut", "double"]
        if load_feed(feed).reader.format == "xls"
        else ["cell", "cell", "flip", "cut", "double"]
    )
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2)):
        if kind == "cell":
            try:
                data = celled(draw, feed, data)
            except Exception:  # noqa: BLE001 - it is damaged beyond what an editor opens: it stays as it is
                continue
        elif data:
            data = {"flip": flipped, "cut": cut, "double": doubled}[kind](draw, data)
    return data, draw(st.sampled_from([None, rows_of(feed)]))


@pytest.mark.parametrize("feed", TEXT)
def test_no_accident_loses_a_row_or_tells_an_identity(feed: str) -> None:
    @drawn(short=60, long=5000)
    @given(damaged(feed))
    def proof(delivery: tuple[bytes, int | None]) -> None:
        require_account(feed, *delivery)

    proof()


@pytest.mark.parametrize("feed", BINARY)
def test_no_accident_to_a_workbook_or_a_parquet_file_does_either(feed: str) -> None:
    @drawn(short=6, long=300)
    @given(damaged(feed))
    def proof(delivery: tuple[bytes, int | None]) -> None:
        require_account(feed, *delivery)

    proof()


def test_the_proof_tells_a_leak_when_there_is_one() -> None:
    assert LIKE_A_PERSON.search(without_codes('{"手机号": "15400001234"}'))
    assert identities("checkins") >= {"15400003001"}
    assert Path(PATHS["checkins"]).suffix == ".csv"
