"""What the pages tell people to type and to open exists."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from resumption import checks, settings
from resumption.contracts.reasons import FileReason, RowReason

ROOT = settings.project_root()
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
CHINESE = [page for page in PAGES if page.name.endswith(".zh.md")]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def _pages() -> list[object]:
    return [pytest.param(path.read_text(encoding="utf-8"), path, id=path.stem) for path in PAGES]


@pytest.mark.parametrize(("text", "path"), _pages())
def test_make_targets_exist(text: str, path: Path) -> None:
    assert set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text, re.MULTILINE)) <= TARGETS


@pytest.mark.parametrize(("text", "path"), _pages())
def test_modules_to_run_exist(text: str, path: Path) -> None:
    for module in re.findall(r"python -m ([\w.]+)", text):
        assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize(("text", "path"), _pages())
def test_links_lead_somewhere(text: str, path: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize(("text", "path"), _pages())
def test_named_files_and_folders_exist(text: str, path: Path) -> None:
    named = re.findall(r"`((?:plugins|include|expectations|dags|tests|docs|simulator|runtime)/[^`\s]*)`", text)
    plain = [name for name in named if not set(name) & set("<>{}*")]
    assert [name for name in plain if not (ROOT / name).exists()] == []


def _outline(text: str) -> tuple[list[int], list[str], list[int], set[str]]:
    """Levels of the headings in their order, the code blocks, the lines of each table, and what stands as code."""
    blocks = re.findall(r"^```.*?^```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = [len(mark) for mark in re.findall(r"^(#+) ", prose, re.MULTILINE)]
    tables = [table.count("\n") for table in re.findall(r"(?:^\|.*\n)+", prose, re.MULTILINE)]
    return headings, blocks, tables, set(re.findall(r"`([^`]+)`", re.sub(r"\s+", " ", prose)))


@pytest.mark.parametrize("chinese", CHINESE, ids=lambda page: page.name)
def test_both_languages_of_a_page_are_in_step(chinese: Path) -> None:
    english = chinese.with_name(chinese.name.replace(".zh.md", ".md"))
    here, there = (page.read_text(encoding="utf-8") for page in (chinese, english))
    assert _outline(here) == _outline(there)
    assert f"[English]({english.name})" in here
    assert f"[中文]({chinese.name})" in there


def test_what_operators_read_is_there_in_chinese() -> None:
    assert {page.name for page in CHINESE} >= {
        f"{name}.zh.md" for name in ("README", "operating", "alerts", "deployment")
    }


def test_pages_that_are_out_of_step_are_noticed() -> None:
    page = "# A\n\n```sh\nmake run\n```\n\n## B\n\n| a |\n| - |\n"
    assert _outline(page) == ([1, 2], ["```sh\nmake run\n```"], [2], set())
    for other in (
        page.replace("## B", "### B"),
        page.replace("make run", "make ui"),
        page + "| b |\n",
        page + "## C\n",
    ):
        assert _outline(other) != _outline(page)


@pytest.mark.parametrize("name", ["operating.md", "operating.zh.md"])
def test_every_reason_is_explained_to_operators(name: str) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert [reason for reason in [*RowReason, *FileReason] if f"`{reason}`" not in page] == []


def test_every_connection_is_explained_to_operators() -> None:
    from resumption.contracts import feed_names, load_feed

    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    for feed in feed_names():
        row = next(
            (line for line in page.splitlines() if line.startswith(f"| `{load_feed(feed).source.connection}`")), ""
        )
        assert feed in row, feed


def test_every_conform_rule_is_explained() -> None:
    from resumption.contracts.lake_schema import RULE_TYPES

    page = (ROOT / "docs" / "adding-a-feed.md").read_text(encoding="utf-8")
    rules = {*RULE_TYPES, "name", "uscc_or_name", "address"}
    assert [rule for rule in sorted(rules) if f"`{rule}`" not in page] == []


def test_every_setting_is_explained_to_operators() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "plugins" / "resumption").rglob("*.py")]
    names = {name for text in code for name in re.findall(r"environ(?:\.get)?[\[(]\s*\"([A-Z_]+)\"", text)}
    assert names
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_the_queries_can_be_run(warehouse: sa.Engine) -> None:
    from resumption.warehouse import create_all

    create_all(warehouse)
    blocks = [block for path in PAGES for block in re.findall(r"```sql\n(.*?)```", path.read_text("utf-8"), re.DOTALL)]
    inline = [query for path in PAGES for query in re.findall(r'SQL="(select [^"]+)"', path.read_text("utf-8"))]
    queries = [query for text in [*blocks, *inline] for query in text.split(";") if query.strip()]
    assert len(queries) >= 6
    with warehouse.connect() as conn:
        for query in queries:
            conn.exec_driver_sql(query.replace("%", "%%")).all()


def test_the_example_suites_and_expectations_can_be_loaded(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "quality-checks.md").read_text(encoding="utf-8")
    examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert len(examples) > 1
    for example in examples:
        suite = example if "expectations" in example else {"expectations": [example]}
        (tmp_path / "checkins.json").write_text(json.dumps(suite), encoding="utf-8")
        assert len(checks.load_suite("checkins", tmp_path).checks) == len(suite["expectations"])
