"""What the runner promises: order from the SQL, no dependence on arrival, bound parameters, clear errors."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resumption.contracts import load_table, table_names
from resumption.models import Model, ModelError, RuleBook, RuleError, load_models, run_models
from resumption.models.order import order, previous_day_models
from resumption.models.render import render
from resumption.models.runner import placeholders
from tests.models.given import SHANGHAI, inputs

DAY = date(2020, 2, 25)
MODELS = load_models()
RULES = RuleBook.load()
TABLES = table_names()


def _scenario() -> list[dict[str, Any]]:
    """The deliveries of some cases, put together into one small district that fills every table."""
    cases = Path(__file__).parent / "cases"
    chosen = {"summary": 3, "returnees": 2, "household": 1, "employees": 0, "officials": 0, "followup": 1}
    found = {name: yaml.safe_load((cases / f"{name}.yaml").read_text("utf-8")) for name in chosen}
    given = [found[name].get("given", []) + found[name]["cases"][case]["given"] for name, case in chosen.items()]
    return [_apart(sent, i) for i, deliveries in enumerate(given) for sent in deliveries]


def _apart(sent: dict[str, Any], case: int) -> dict[str, Any]:
    """Give a case's delivery a name, or a day of the registry, of its own: else it would replace another case's."""
    if sent["feed"] != "market_registry":
        return {**sent, "name": f"{case}-{sent.get('name', sent['feed'])}"}
    return {**sent, "name": "changes", "for": sent["for"] + timedelta(days=case)} if case else sent


@pytest.fixture(scope="module")
def expected() -> dict[str, list[dict[str, Any]]]:
    tables = run_models(inputs(_scenario()), DAY, TABLES, RULES, models=MODELS)
    assert all(table.num_rows for table in tables.values())
    return {name: table.to_pylist() for name, table in tables.items()}


@settings(max_examples=2, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1000))
def test_order_of_arrival_does_not_matter(seed: int, expected: dict[str, list[dict[str, Any]]]) -> None:
    deliveries = _scenario()
    shuffled = random.Random(seed).sample(deliveries, len(deliveries))
    late = [{**d, "received": datetime(2020, 3, 1 + i % 20, tzinfo=SHANGHAI)} for i, d in enumerate(shuffled)]
    got = run_models(inputs(late), DAY, TABLES, RULES, models=MODELS)
    assert {name: table.to_pylist() for name, table in got.items()} == expected


def test_known_at_leaves_out_what_arrived_later() -> None:
    deliveries = [
        {
            "feed": "market_registry",
            "for": date(2020, 2, 24),
            "name": "entities",
            "rows": [{"uscc": "A", "name": "甲"}],
        },
        {
            "feed": "market_registry",
            "for": DAY,
            "received": datetime(2020, 2, 28, tzinfo=SHANGHAI),
            "rows": [{"uscc": "A", "name": "乙"}],
        },
    ]
    then = run_models(inputs(deliveries), DAY, ["enterprise"], known_at=datetime(2020, 2, 27, tzinfo=SHANGHAI))
    now = run_models(inputs(deliveries), DAY, ["enterprise"])
    assert then["enterprise"]["name"].to_pylist() == ["甲"]
    assert now["enterprise"]["name"].to_pylist() == ["甲", "乙"]


def test_an_empty_lake_gives_empty_tables_of_the_contract() -> None:
    tables = run_models(inputs([]), DAY, TABLES, RULES, models=MODELS)
    for name in TABLES:
        expected = [c.name for c in load_table(name).columns if c.name not in ("run_id", "built_at")]
        assert tables[name].column_names == expected
        # Key regions are told from the divisions: Hubei is one before any bulletin.
        assert (tables[name].num_rows > 0) == (name == "key_region"), name


def test_tables_name_the_rules_that_shape_them() -> None:
    for name in TABLES:
        assert list(load_table(name).rules) == RULES.rules_of(placeholders(MODELS, name)), name
    rows = run_models(inputs(_scenario()), DAY, ["enterprise"], RULES, models=MODELS)["enterprise"]
    assert set(rows["rule_version"].to_pylist()) == {"registry@1.0.0"}


def test_rules_and_models_fit() -> None:
    RULES.check_used(MODELS)


def _models(**sql: str) -> dict[str, Model]:
    return {name: Model(name, "marts", text) for name, text in sql.items()}


def test_order_follows_the_sql() -> None:
    models = _models(
        a="select * from b join c using (k)", b="with d as (select * from c) select * from d", c="select 1 as k"
    )
    assert order(models, ["a"]) == ["c", "b", "a"]
    assert order(models, ["b"]) == ["c", "b"]


def test_circles_are_errors() -> None:
    with pytest.raises(ModelError, match="in a circle"):
        order(_models(a="select * from b", b="select * from a"), ["a"])


def test_looking_back_from_a_model_that_looks_back_is_an_error() -> None:
    models = _models(a="select * from previous_day.a")
    with pytest.raises(ModelError, match="split the model"):
        previous_day_models(models, ["a"])


@pytest.mark.parametrize(
    "sql",
    [
        "select * from a asof join b on a.t >= b.t",
        "select * exclude (k) from a",
        "select 1 as k union by name select 2 as k",
        "select quantile_cont(x, 0.5) from a",
        "select extract(dow from d) from a",
    ],
)
def test_what_spark_reads_otherwise_is_refused(sql: str) -> None:
    with pytest.raises(ModelError, match="DuckDB and Spark do not agree"):
        _ = Model("m", "marts", sql).tree


def test_two_statements_are_refused() -> None:
    with pytest.raises(ModelError, match="exactly one select"):
        _ = Model("m", "marts", "select 1; select 2").tree


def test_parameters_become_typed_literals() -> None:
    model = Model("m", "marts", "select :day as d, x > :ratio as r, :word as w, 0 - :n as n from t where y = :flag")
    values = {"day": DAY, "ratio": Decimal("0.30"), "word": "'; drop table t; --", "n": -3, "flag": True}
    assert render(model, values) == (
        "SELECT CAST('2020-02-25' AS DATE) AS d, x > 0.30 AS r, '''; drop table t; --' AS w, 0 - (-3) AS n FROM t"
        " WHERE y = TRUE"
    )


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(RuleError, match="nothing sets :ratio"):
        render(Model("m", "marts", "select :ratio as r"), {"day": DAY})


def _rule_file(folder: Path, name: str = "a", **parameters: list[tuple[str, Any]]) -> None:
    content = {
        "rule": name,
        "version": "2.1.0",
        "owner": "o",
        "description": "d",
        "parameters": {
            key: {
                "description": "d",
                "source": "s",
                "values": [{"since": date.fromisoformat(d), "value": v} for d, v in values],
            }
            for key, values in parameters.items()
        },
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def test_a_value_holds_from_its_date(tmp_path: Path) -> None:
    _rule_file(tmp_path, ratio=[("2020-01-01", 0.3), ("2020-02-20", 0.2)])
    book = RuleBook.load(tmp_path)
    version = {"a_version": "a@2.1.0"}
    assert book.values(date(2020, 2, 19)) == {"ratio": Decimal("0.3")} | version
    assert book.values(date(2020, 2, 20)) == {"ratio": Decimal("0.2")} | version
    assert book.values(date(2019, 12, 31)) == version
    assert book.version(["ratio", "business_date"]) == book.version(["a_version"]) == "a@2.1.0"
    assert book.version(["business_date"]) == ""


def test_unused_unknown_and_double_parameters_are_errors(tmp_path: Path) -> None:
    _rule_file(tmp_path, ratio=[("2020-01-01", 1)])
    book = RuleBook.load(tmp_path)
    with pytest.raises(RuleError, match=r"no model takes \['ratio'\]"):
        book.check_used(_models(m="select 1"))
    with pytest.raises(RuleError, match=r"no file sets \['other'\]"):
        book.check_used(_models(m="select :ratio, :other, :business_date"))
    _rule_file(tmp_path, "b", ratio=[("2020-01-01", 1)])
    with pytest.raises(RuleError, match="set twice or built in: ratio"):
        RuleBook.load(tmp_path)


def test_a_mistyped_key_in_a_rule_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "rule: a\nversion: '1'\nowner: o\ndescription: d\nparametres: {}\n", encoding="utf-8"
    )
    with pytest.raises(RuleError, match=r"a\.yaml: not a readable rule file"):
        RuleBook.load(tmp_path)


def test_every_model_can_be_written_for_spark() -> None:
    values = {**RULES.values(DAY), "business_date": DAY}
    for model in MODELS.values():
        assert render(model, values, "spark").startswith(("SELECT", "WITH")), model.name
