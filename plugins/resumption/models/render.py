"""From a model to the SQL an engine runs: placeholders become typed literals, then the dialect is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sqlglot import exp

from resumption.models.loader import Model
from resumption.models.rules import RuleError, Value


def bind(model: Model, values: Mapping[str, Value]) -> exp.Expr:
    """Return the model's tree with every placeholder replaced by the literal of its value.

    Raises:
        RuleError: a placeholder without a value.
    """
    unknown = sorted(model.placeholders - set(values))
    if unknown:
        raise RuleError(
            f"model {model.name}: nothing sets :{', :'.join(unknown)}; known are {', '.join(sorted(values))}"
        )
    tree = model.tree.copy()
    for placeholder in list(tree.find_all(exp.Placeholder)):
        placeholder.replace(literal(values[placeholder.name]))
    return tree


def literal(value: Value) -> exp.Expr:
    """Return ``value`` as a literal that keeps its type in every dialect."""
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "date")
    if isinstance(value, str):
        return exp.Literal.string(value)
    number = exp.Literal.number(format(abs(value), "f") if isinstance(value, Decimal) else str(abs(value)))
    return exp.Paren(this=exp.Neg(this=number)) if value < 0 else number


def render(model: Model, values: Mapping[str, Value], dialect: str = "duckdb", *, pretty: bool = False) -> str:
    """Return the model as SQL of ``dialect``.

    Raises:
        RuleError: a placeholder without a value.
    """
    return bind(model, values).sql(dialect=dialect, comments=pretty, pretty=pretty)
