"""Schema ``published``: aggregates without personal data, one plain select a view in ``include/views``.

A view's file begins with comment lines: what it shows, an empty one, and a line ``-- column: meaning`` for each column.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from resumption import settings

SCHEMA = "published"


class ViewError(ValueError):
    """A view's file that does not say what it must, or a view that cannot be replaced; the message says what to do."""


@dataclass(frozen=True)
class View:
    """A published view; ``columns``: column → meaning."""

    name: str
    description: str
    columns: Mapping[str, str]
    sql: str

    @property
    def comment(self) -> str:
        """What the database shows, and by which a changed file is known."""
        return f"{self.description} [{hashlib.sha256(self.sql.encode()).hexdigest()[:16]}]"


def views_path() -> Path:
    """Return the folder of the published views."""
    return settings.project_root() / "include" / "views"


def view_names() -> list[str]:
    """Return the names of the published views, sorted."""
    return sorted(path.stem for path in views_path().glob("*.sql"))


@cache
def load_view(name: str) -> View:
    """Return a view.

    Raises:
        ViewError: its file does not begin with a description and a line for each column.
    """
    return parse_view(name, (views_path() / f"{name}.sql").read_text(encoding="utf-8"))


def parse_view(name: str, sql: str) -> View:
    """Read the text of a view's file; raises ViewError like ``load_view``."""
    head = [line[2:].strip() for line in sql.splitlines()[: _head_lines(sql)]]
    about, _, listed = "\n".join(head).partition("\n\n")
    columns = dict(line.split(": ", 1) for line in listed.splitlines() if ": " in line)
    if not about or not columns:
        raise ViewError(
            f"include/views/{name}.sql: expected comment lines that say what it shows, an empty one, and a line "
            "`-- column: meaning` for each column"
        )
    return View(name, " ".join(about.split()), columns, sql)


def _head_lines(sql: str) -> int:
    lines = sql.splitlines()
    return next((place for place, line in enumerate(lines) if not line.startswith("--")), len(lines))


def create_views(conn: sa.Connection) -> None:
    """Create the views that are missing or whose file has changed; the tables they read must be there.

    Raises:
        ViewError: columns differ from those described, or another view stands on one that must be replaced.
    """
    conn.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
    there = set(sa.inspect(conn).get_view_names(schema=SCHEMA))
    for view in map(load_view, view_names()):
        known = sa.inspect(conn).get_table_comment(view.name, schema=SCHEMA)["text"] if view.name in there else None
        if known != view.comment:
            _replace(conn, view)


def _replace(conn: sa.Connection, view: View) -> None:
    preparer = conn.dialect.identifier_preparer
    name = f"{SCHEMA}.{preparer.quote(view.name)}"
    try:
        with conn.begin_nested():
            conn.exec_driver_sql(f"drop view if exists {name}")
    except sa.exc.DBAPIError:
        raise ViewError(
            f"view {name} has changed, and other views stand on it: drop those, and create them again afterwards"
        ) from None
    conn.exec_driver_sql(f"create view {name} as\n{view.sql}".replace("%", "%%"))
    found = [column["name"] for column in sa.inspect(conn).get_columns(view.name, schema=SCHEMA)]
    if found != list(view.columns):
        raise ViewError(
            f"include/views/{view.name}.sql: it gives the columns {', '.join(found)}; described, in this order, are "
            f"{', '.join(view.columns)}"
        )
    for column, meaning in view.columns.items():
        _comment(conn, f"column {name}.{preparer.quote(column)}", meaning)
    _comment(conn, f"view {name}", view.comment)


def _comment(conn: sa.Connection, what: str, text: str) -> None:
    literal = sa.literal(text).compile(dialect=conn.dialect, compile_kwargs={"literal_binds": True})
    conn.exec_driver_sql(f"comment on {what} is {literal}")
