"""Every kind of alert has its runbook in both languages, and what it tells people to do exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from resumption import alerts, settings
from resumption.alerts.routing import subjects
from resumption.alerts.texts import text

ROOT = settings.project_root()
RUNBOOKS = ROOT / "docs" / "runbooks"
PAGES = sorted(RUNBOOKS.glob("*.md"))


def test_every_kind_has_its_runbook_and_every_runbook_a_kind() -> None:
    assert {page.name for page in PAGES} == {f"{kind}{end}.md" for kind in alerts.Kind for end in ("", ".zh")}


@pytest.mark.parametrize("kind", list(alerts.Kind))
def test_both_languages_say_the_same_steps(kind: alerts.Kind) -> None:
    pages = [(RUNBOOKS / f"{kind}{end}.md").read_text(encoding="utf-8") for end in ("", ".zh")]
    assert [page.count("\n## ") for page in pages] == [6, 6]
    queries = [re.findall(r"```sql\n(.*?)```", page, re.DOTALL) for page in pages]
    assert queries[0] == queries[1] != []
    for language in ("zh", "en"):
        assert text(kind, language)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_runbook_names_exists(page: Path) -> None:
    said = page.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", said) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    paths = re.findall(r"`((?:include|expectations|dags|docs)/[^`]*)`", said)
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert set(re.findall(r"DAG `(\w+)`", said)) <= subjects()


def test_the_queries_of_the_runbooks_can_be_run(warehouse: sa.Engine) -> None:
    with warehouse.connect() as conn:
        for page in PAGES:
            for block in re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
                for query in filter(str.strip, block.split(";")):
                    conn.exec_driver_sql(query.replace("%", "%%")).all()
