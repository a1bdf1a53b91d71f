"""Tables in, tables out: every YAML file in ``cases`` holds deliveries and the rows they must give. No code per case.

A file: ``given`` (deliveries of all its cases) and ``cases``, each with ``about``, ``day``, its own ``given``, and
``expect``: table → rows. A row names the columns it speaks of; all rows of the table must be there, in the order of the
grain. ``where`` narrows a table to the rows with these values first. ``rules`` gives parameters other values,
``reference`` a reference file other rows. ``edges`` names the thresholds that the case sits on: the least change of
such a threshold must change the case's rows, and every threshold in ``include/rules`` must have such a case.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
import yaml

from resumption.models import RuleBook, load_models, run_models
from resumption.models.reference import read_reference
from resumption.models.rules import Parameter, Value
from tests.models.given import changed, inputs

MODELS = load_models()
RULES = RuleBook.load()
THRESHOLDS = {
    name: parameter
    for file in RULES.files
    for name, parameter in file.parameters.items()
    if not isinstance(parameter.values[0].value, str)
}


def _read() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for case in content["cases"]:
            given = [*content.get("given", []), *case.get("given", [])]
            yield f"{path.stem}: {case['about']}", {**case, "given": given}


CASES = dict(_read())
EDGES = [(name, about) for about, case in CASES.items() for name in case.get("edges", [])]


@pytest.mark.parametrize("case", [pytest.param(case, id=about) for about, case in CASES.items()])
def test_case(case: dict[str, Any]) -> None:
    tables = _run(case, changed(RULES, case.get("rules", {})))
    for name, expected in case["expect"].items():
        rows = [row for row in tables[name].to_pylist() if _in_question(row, case.get("where", {}).get(name, {}))]
        columns = list(dict.fromkeys(column for row in expected for column in row))
        assert [
            {c: _plain(row[c]) for c in columns if c in want} for row, want in zip(rows, expected, strict=False)
        ] == [{c: _approximate(value) for c, value in row.items()} for row in expected], name
        assert len(rows) == len(expected), [{c: row[c] for c in columns} for row in rows]


@pytest.mark.parametrize(("name", "about"), EDGES)
def test_the_least_change_of_a_threshold_changes_its_case(name: str, about: str) -> None:
    case = CASES[about]
    rules = changed(RULES, case.get("rules", {}))
    usual = _rows(_run(case, rules))
    others = (changed(rules, {name: value}) for value in _beside(THRESHOLDS[name]))
    assert any(_rows(_run(case, other)) != usual for other in others), name


def test_every_threshold_has_a_case_that_sits_on_it() -> None:
    assert sorted(set(THRESHOLDS) - {name for name, _ in EDGES}) == []


def _beside(parameter: Parameter) -> Iterator[Value]:
    """The values right beside it: a day, an hour, or a millionth."""
    value = parameter.values[-1].value
    for sign in (1, -1):
        if isinstance(value, date):
            yield value + timedelta(days=sign)
        elif parameter.unit in ("day", "hour"):
            yield int(str(value)) + sign
        else:
            yield Decimal(str(value)) + sign * Decimal("0.000001")


def _run(case: dict[str, Any], rules: RuleBook) -> dict[str, pa.Table]:
    with patch("resumption.models.runner.read_reference", lambda name, day: _reference(case, name, day)):
        return run_models(inputs(case["given"]), case["day"], list(case["expect"]), rules, models=MODELS)


def _rows(tables: dict[str, pa.Table]) -> list[dict[str, Any]]:
    """All rows, but for the column that tells a threshold itself."""
    return [{**row, "rule": None} for table in tables.values() for row in table.to_pylist()]


def _reference(case: dict[str, Any], name: str, day: date) -> pa.Table:
    usual = read_reference(name, day)
    rows = case.get("reference", {}).get(name)
    return usual if rows is None else pa.Table.from_pylist(rows, schema=usual.schema)


def _in_question(row: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(row[column] == value for column, value in wanted.items())


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _approximate(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return pytest.approx(value, rel=1e-9, abs=1e-12) if is_number else value
