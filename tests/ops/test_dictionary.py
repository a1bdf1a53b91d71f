from __future__ import annotations

import sys
from pathlib import Path

import pytest

from resumption import dictionary, ops
from resumption.contracts import feed_names, load_feed, load_table, table_names


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of the test's own in place of the project's."""
    copy = tmp_path / "docs" / "dictionary.md"
    monkeypatch.setattr(dictionary, "path", lambda: copy)
    return copy


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["dictionary", *arguments])
    dictionary.main()


@pytest.fixture(scope="module")
def text() -> str:
    return dictionary.page()


def test_the_projects_page_is_up_to_date(text: str) -> None:
    assert dictionary.path().read_text(encoding="utf-8") == text, f"run `{dictionary.COMMAND}` and commit it"


def test_every_feed_and_table_is_described(text: str) -> None:
    for feed in map(load_feed, feed_names()):
        assert f"### {feed.name}\n" in text
        assert feed.owner in text
    for table in map(load_table, table_names()):
        assert f"### {table.name}\n" in text
        assert all(f"`{column.name}`" in text for column in table.columns)
    for outcome in ops.metadata.tables.values():
        assert f"### {outcome.name}\n" in text


def test_a_table_names_the_feeds_and_tables_it_rests_on(text: str) -> None:
    section = text.split("### resumption_summary\n")[1].split("### ")[0]
    assert "[self_reports](#self_reports)" in section
    assert "[approvals](#approvals)" in section


def test_no_table_row_is_broken_by_its_content(text: str) -> None:
    """Every row of a Markdown table has as many cells as its header."""
    width = 0
    for line in text.splitlines():
        cells = line.replace("\\|", "").count("|")
        if not line.startswith("|"):
            width = 0
        else:
            width = width or cells
            assert cells == width, line


def test_check_says_what_to_run_when_the_page_is_stale(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"run `python -m resumption\.dictionary` and commit it"):
        run(monkeypatch, "--check")
    run(monkeypatch)
    run(monkeypatch, "--check")
    target.write_text(target.read_text(encoding="utf-8") + "by hand\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"dictionary\.md is not what the contracts say now"):
        run(monkeypatch, "--check")
