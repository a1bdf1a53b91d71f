"""Reading the SQL models: what each one is called, reads and takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import SqlglotError
from sqlglot.parser import Parser
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.tokens import TokenType

from resumption import settings

SCHEMAS = ("feed", "ops", "reference", "previous_day", "built")
"""Schemas a model may read besides other models."""


class ModelError(ValueError):
    """A model that cannot be used; the message names the file, what was expected and what came."""


class _PlaceholderParser(DuckDBParser):
    """DuckDB's parser; alone it takes ``select :day`` for DuckDB's prefix alias ``select: day``."""

    def _parse_expression(self) -> exp.Expr | None:
        if self._curr and self._curr.token_type in (TokenType.SELECT, TokenType.DISTINCT):
            return Parser._parse_expression(self)
        return super()._parse_expression()


class Dialect(DuckDB):
    """DuckDB's SQL with ``:name`` placeholders also at the start of a select list."""

    Parser = _PlaceholderParser


@dataclass(frozen=True)
class Model:
    """One SQL model. ``layer`` is its folder: staging, intermediate or marts."""

    name: str
    layer: str
    sql: str

    @cached_property
    def tree(self) -> exp.Expr:
        """The parsed ``select``; callers copy it before they change it.

        Raises:
            ModelError: not exactly one ``select``, or a construct that Spark does not take.
        """
        try:
            statements = sqlglot.parse(self.sql, read=Dialect)
        except SqlglotError as error:
            raise ModelError(f"model {self.name}: not readable as SQL: {error}") from error
        if len(statements) != 1 or not isinstance(statements[0], exp.Query):
            raise ModelError(
                f"model {self.name}: expected exactly one select statement, got {len(statements)} statements"
            )
        _refuse_unportable(self.name, statements[0])
        return statements[0]

    @cached_property
    def placeholders(self) -> frozenset[str]:
        """Names of the ``:name`` placeholders."""
        return frozenset(p.name for p in self.tree.find_all(exp.Placeholder))

    @cached_property
    def relations(self) -> frozenset[tuple[str, str]]:
        """(schema, name) of every relation read; the schema of another model is empty."""
        ctes = {cte.alias for cte in self.tree.find_all(exp.CTE)}
        found = {(table.db, table.name) for table in self.tree.find_all(exp.Table)}
        return frozenset((schema, name) for schema, name in found if schema or name not in ctes)

    def reads(self, schema: str) -> frozenset[str]:
        """Return the names read in ``schema`` (empty: other models)."""
        return frozenset(name for where, name in self.relations if where == schema)


def _refuse_unportable(name: str, tree: exp.Expr) -> None:
    """Refuse what DuckDB takes and Spark does not, or answers differently; sqlglot passes all of it on in silence."""
    found = [node.key for node in tree.find_all(exp.Pivot, exp.PercentileCont)]
    found += ["asof join" for join in tree.find_all(exp.Join) if str(join.args.get("method")).upper() == "ASOF"]
    found += ["* exclude/replace" for s in tree.find_all(exp.Star) if s.args.get("except_") or s.args.get("replace")]
    found += ["union by name" for s in tree.find_all(exp.SetOperation) if s.args.get("by_name")]
    dow = [e for e in tree.find_all(exp.Extract) if e.name.upper() in ("DOW", "DAYOFWEEK", "ISODOW")]
    found += ["extract(dow)" for _ in dow]
    if found:
        raise ModelError(
            f"model {name}: DuckDB and Spark do not agree on {', '.join(sorted(set(found)))}: write it otherwise"
        )


def models_path() -> Path:
    """Return the folder of the models."""
    return settings.project_root() / "include" / "sql"


def load_models(root: Path | None = None) -> dict[str, Model]:
    """Return all models below ``root`` (default ``include/sql``) by name.

    Raises:
        ModelError: two files of one name, or a relation that is neither a model nor in a schema of ``SCHEMAS``.
    """
    return dict(_load(root or models_path()))


@cache
def _load(root: Path) -> dict[str, Model]:
    """Read and parse once a process: a task asks for the models several times."""
    paths = sorted(root.rglob("*.sql"))
    double = [name for name, count in Counter(p.stem for p in paths).items() if count > 1]
    if double:
        raise ModelError(f"model names must be unique below {root.name}: {', '.join(double)} stand twice")
    models = {p.stem: Model(p.stem, p.parent.name, p.read_text(encoding="utf-8")) for p in paths}
    for model in models.values():
        _check_relations(model, models)
    return models


def _check_relations(model: Model, models: dict[str, Model]) -> None:
    for schema, name in sorted(model.relations):
        known = name in models if schema in ("", "previous_day") else schema in SCHEMAS
        if not known:
            place = f"{schema}.{name}" if schema else name
            raise ModelError(
                f"model {model.name}: reads {place}, which is no model and in none of {', '.join(SCHEMAS)}"
            )
