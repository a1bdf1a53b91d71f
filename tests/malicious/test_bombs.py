"""Deliveries made to exhaust whoever reads them: each ends in a verdict or in its rows, in bounded memory and time."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resumption import readers
from resumption.contracts.reasons import FileReason
from resumption.readers import FileRejected
from tests.malicious import bombs
from tests.readers.contracts import feed

LIMIT = 3 << 30
"""Bytes of address space that a reader of these tests may have; its decoders have their own, stated by ``child``."""

CHILD = """
import resource, sys
sys.path[:0] = [{plugins!r}, {root!r}]
from resumption import readers
from resumption.readers import FileRejected
from tests.readers.contracts import feed
data, layout = sys.stdin.buffer.read(), sys.argv[1]
readers.read({warm!r}, feed("csv"), None)
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
try:
    print(readers.read(data, feed(layout), None).rows_received)
except FileRejected as verdict:
    print(verdict.reason)
"""


def read_confined(layout: str, data: bytes) -> str:
    """Read a delivery in a process that may have no more than ``LIMIT``; return its rows, or the verdict's reason."""
    root = Path(__file__).parents[2]
    warm = "代码,手机号,读数\na,b,c\n".encode()
    code = CHILD.format(plugins=str(root / "plugins"), root=str(root), warm=warm, limit=LIMIT)
    done = subprocess.run(
        [sys.executable, "-c", code, layout], input=data, capture_output=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return done.stdout.decode().strip()


def verdict(data: bytes, layout: str = "xlsx") -> FileRejected:
    with pytest.raises(FileRejected) as caught:
        readers.read(data, feed(layout), None)
    return caught.value


def test_entities_are_not_expanded() -> None:
    assert verdict(bombs.laughs()).reason is FileReason.UNREADABLE


def test_a_file_of_this_machine_is_not_read_into_a_cell(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a secret of this machine")
    error = verdict(bombs.outsider(str(tmp_path / "secret")))
    assert error.reason is FileReason.UNREADABLE
    assert "secret" not in error.detail


def test_a_text_that_stands_in_many_cells_is_read_while_it_is_small() -> None:
    table = readers.read(bombs.repeated_text(10, 3), feed("xlsx"), None).table
    assert table["code"].to_pylist() == ["x" * 10] * 3


def test_a_long_text_that_stands_in_many_cells_does_not_end_the_worker() -> None:
    data = bombs.repeated_text(8_000_000, 2000)
    assert len(data) < 50_000
    assert read_confined("xlsx", data) == FileReason.UNREADABLE


def test_a_parquet_file_that_grows_a_thousandfold_does_not_end_the_worker() -> None:
    """One text, two million times: kilobytes as a dictionary, gigabytes as rows."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000_000, pa.int32()), pa.array(["x" * 4000]))
    out = io.BytesIO()
    pq.write_table(pa.table({"代码": text, "手机号": text, "读数": text}), out)
    assert len(out.getvalue()) * 1000 < 3 * 2_000_000 * 4000
    assert read_confined("parquet", out.getvalue()) in ("2000000", FileReason.UNREADABLE)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"代码":', "}")], ids=["arrays", "objects"])
def test_nesting_costs_its_row_only(opening: str, closing: str) -> None:
    deep = opening * 200_000 + "1" + closing * 200_000
    good = json.dumps(dict(zip(bombs.HEADER, "abc", strict=True)), ensure_ascii=False)
    result = readers.read(f"{deep}\n{good}\n".encode(), feed("jsonl"), 2)
    assert [row.row_number for row in result.malformed] == [1]
    assert result.table["code"].to_pylist() == ["a"]


def test_nesting_in_a_pull_is_a_verdict() -> None:
    assert verdict(b"[" * 200_000 + b"]" * 200_000, "api").reason is FileReason.UNREADABLE


LONG = ["x" * 60_000_000, "b", "c"]


def test_a_field_of_sixty_megabytes_in_json_is_a_cell_like_others() -> None:
    data = json.dumps(dict(zip(bombs.HEADER, LONG, strict=True)), ensure_ascii=False).encode()
    assert read_confined("jsonl", data + b"\n") == "1"


def test_a_field_of_sixty_megabytes_in_delimited_text_is_a_verdict() -> None:
    data = (",".join(bombs.HEADER) + "\n" + ",".join(LONG) + "\n").encode()
    assert read_confined("csv", data) == FileReason.UNREADABLE


def test_a_file_without_a_line_end_is_a_verdict() -> None:
    assert verdict(b"x" * 20_000_000, "csv").reason is FileReason.UNREADABLE


def test_the_limit_of_these_tests_ends_what_goes_beyond_it() -> None:
    code = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT})); bytearray({LIMIT})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode != 0
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != LIMIT
