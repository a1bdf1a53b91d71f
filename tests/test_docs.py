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
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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


def test_every_reason_is_explained_to_operators() -> None:
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
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
