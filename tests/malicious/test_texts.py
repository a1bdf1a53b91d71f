"""Texts that mean something to a program, in every text column of every feed: they stay texts, wherever they go."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pytest

from resumption import known, readers, settings
from resumption.alerts import channels
from resumption.conform import conform
from resumption.contracts import FeedContract, feed_names, load_feed
from resumption.sources.base import safe_name
from resumption.ui.pages import environment
from tests.conform.rows import KEY, origin

ATTACKS = [
    "'; drop table ops.feed_delivery; --",
    "%s %(name)s {0} {name} $1 :name \\",
    "{{ 7 * 7 }} {% raw %} ${7*7} #{7*7}",
    '<script>alert("x")</script>',
    "=cmd|' /C calc'!A0",
    "../../etc/passwd\r\nBcc: everyone@district.test",
]
FIXTURES = settings.project_root() / "tests" / "fixtures" / "feeds"


def attacked(contract: FeedContract, attack: str) -> pa.Table:
    """The rows of a feed's fixture as read, again and again, another column attacked in each."""
    (path,) = (FIXTURES / contract.name).iterdir()
    table = readers.read(path.read_bytes(), contract).table
    names = [c.name for c in contract.columns if c.name in table.column_names]
    rows = table.to_pylist()
    changed = [rows[n % len(rows)] | {name: attack, "row_number": n + 1} for n, name in enumerate(names)]
    return pa.Table.from_pylist(changed, pa.schema([*((n, pa.string()) for n in names), ("row_number", pa.int32())]))


@pytest.mark.parametrize("feed", feed_names())
def test_every_column_takes_it_as_a_text_or_refuses_the_row(feed: str) -> None:
    contract = load_feed(feed)
    for attack in ATTACKS:
        rows = attacked(contract, attack)
        conformed = conform(contract, rows, origin(), KEY, {}, None)
        assert conformed.accepted.num_rows + conformed.quarantined.num_rows == rows.num_rows
        assert "49" not in [value for row in conformed.accepted.to_pylist() for value in row.values()]
        for payload in conformed.quarantined["payload"].to_pylist():
            assert isinstance(json.loads(payload), dict)


def test_a_formula_in_a_table_as_known_is_a_text_in_its_csv(tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "甲有限公司", None]
    rows = pa.table({"name": names, "delta_kwh": [-1.5] * len(names)})
    known._write(rows, tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["name"] for row in read] == [*(f"'{name}" for name in names[:6] if name), "甲有限公司", ""]
    assert {row["delta_kwh"] for row in read} == {"-1.5"}, "a number stays one"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_page_and_a_mail_show_it_and_do_nothing(attack: str) -> None:
    page = environment().from_string("<p>{{ value }}</p>").render(value=attack)
    mail = channels.as_html(attack)
    for shown in (page, mail):
        assert "<script" not in shown
        assert "49" not in shown


def test_an_address_in_a_mail_cannot_leave_its_attribute() -> None:
    shown = channels.as_html('see https://x.test/"onmouseover="alert(1) and https://x.test/\'><script>')
    assert "<script" not in shown
    assert 'onmouseover="' not in shown


@pytest.mark.parametrize(
    "name",
    [
        "../x.csv", "..", ".", "/etc/passwd", "a/b", "a\\b", "C:\\x", "a\0b.csv", "a\nb.csv", "a\r\nBcc: x", "",
        "x" * 201, "\u202egpj.csv", "a\u200b.csv", "\ufeffa.csv", "a\x7f.csv", "a\u2028b.csv",
    ],
)  # fmt: skip
def test_a_file_name_that_is_no_plain_name_is_not_taken(name: str) -> None:
    assert not safe_name(name)
