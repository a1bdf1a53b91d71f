"""docs/privacy.md answers for each of the sixteen requirements, and the tests it names are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8").partition("## Which requirement has which test")[2]
ROWS = re.findall(r"^\| (\d+) .*\|$", TABLE, re.M)
NAMED = re.findall(r"`(tests/[\w/]+\.py)`(?: `(\w+)`)?", TABLE)


def test_each_requirement_has_a_row() -> None:
    assert [int(number) for number in ROWS] == list(range(1, 17))


def test_each_named_test_exists() -> None:
    assert len(NAMED) > 15
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file, _ in NAMED}
    assert [(file, test) for file, test in NAMED if test and f"def {test}(" not in texts[file]] == []
