"""Tables in, tables out: every YAML file in ``cases`` holds deliveries and the rows they must give. No code per case.

A file: ``given`` (deliveries of all its cases) and ``cases``, each with ``about``, ``day``, its own ``given``, and
``expect``: table → rows. A row names the columns it speaks of; all rows of the table must be there, in the order of the
grain. ``where`` narrows a table to the rows with these values first.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from resumption.models import RuleBook, load_models, run_models
from tests.models.given import inputs

MODELS = load_models()
RULES = RuleBook.load()


def _cases() -> list[Any]:
    found = []
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for case in content["cases"]:
            given = [*content.get("given", []), *case.get("given", [])]
            found.append(pytest.param({**case, "given": given}, id=f"{path.stem}: {case['about']}"))
    return found


@pytest.mark.parametrize("case", _cases())
def test_case(case: dict[str, Any]) -> None:
    tables = run_models(inputs(case["given"]), case["day"], list(case["expect"]), RULES, models=MODELS)
    for name, expected in case["expect"].items():
        rows = [row for row in tables[name].to_pylist() if _in_question(row, case.get("where", {}).get(name, {}))]
        columns = list(dict.fromkeys(column for row in expected for column in row))
        assert [
            {c: _plain(row[c]) for c in columns if c in want} for row, want in zip(rows, expected, strict=False)
        ] == [{c: _approximate(value) for c, value in row.items()} for row in expected], name
        assert len(rows) == len(expected), [{c: row[c] for c in columns} for row in rows]


def _in_question(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(row[column] == value for column, value in wanted.items())


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _approximate(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return pytest.approx(value, rel=1e-9, abs=1e-12) if is_number else value
