"""Look at the models: ``python -m resumption.models order`` and ``… render enterprise --day 2020-02-25``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date

from resumption.contracts import table_names
from resumption.models.loader import load_models
from resumption.models.order import order
from resumption.models.render import render
from resumption.models.rules import RuleBook


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the order of evaluation, or a model with its parameters filled in."""
    parser = argparse.ArgumentParser(prog="python -m resumption.models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    ordering = commands.add_parser("order", help="models in the order in which they are evaluated")
    ordering.add_argument("tables", nargs="*", help="default: every table with a contract")
    rendering = commands.add_parser("render", help="a model's SQL as the engine runs it")
    rendering.add_argument("model")
    rendering.add_argument("--day", type=date.fromisoformat, required=True, help="business date, YYYY-MM-DD")
    rendering.add_argument("--dialect", choices=("duckdb", "spark"), default="duckdb")
    given = parser.parse_args(arguments)
    models = load_models()
    if given.command == "order":
        print("\n".join(order(models, given.tables or table_names())))
        return
    order(models, [given.model])  # an unknown name is an error that lists the known ones
    values = {**RuleBook.load().values(given.day), "business_date": given.day}
    print(render(models[given.model], values, given.dialect, pretty=True))


if __name__ == "__main__":
    main()
