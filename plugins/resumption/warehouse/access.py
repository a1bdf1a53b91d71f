"""Who reads what: ``include/access/roles.yaml``, read and held against the tables' contracts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from resumption import settings
from resumption.contracts import TableColumn, TableContract, load_table, table_names
from resumption.warehouse.views import View, parse_view

Classification = Literal["public", "internal", "personal", "sensitive"]
Rows = Literal["all", "community_code", "uscc"]


class AccessError(ValueError):
    """Access rules that cannot be used; the message names the role and the table."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reads(_Strict):
    """What a role reads of one view."""

    rows: Rows = "all"
    """``all``, or the column that must hold the caller's own community or enterprise."""
    classes: tuple[Classification, ...] = ("public", "internal")
    without: tuple[str, ...] = ()


class Role(_Strict):
    """What a role reads."""

    description: str
    published: bool = False
    mart_v1: Mapping[str, Reads] = {}
    ops: tuple[str, ...] = ()


class Mask(_Strict):
    """How a view shows a column: by a function of schema ``access`` if there is a mask, under another name."""

    mask: Literal["masked", "masked_name", "temperature_band"] | None = None
    shown_as: str


class AccessRules(_Strict):
    """All of ``roles.yaml``."""

    roles: Mapping[str, Role]
    masks: Mapping[str, Mapping[str, Mask]] = {}

    def shown(self, table: TableContract) -> dict[str, TableColumn]:
        """Return the columns that the view of ``table`` shows, by the name it gives them."""
        masks = self.masks.get(table.name, {})
        return {masks[c.name].shown_as if c.name in masks else c.name: c for c in table.columns}

    def columns(self, role: str, view: str) -> list[str]:
        """Return the columns of a view of schema ``mart_v1`` that ``role`` may read; none where it may not."""
        reads = self.roles[role].mart_v1.get(view)
        if reads is None:
            return []
        if view in extra_views():
            return [name for name in load_extra_view(view).columns if name not in reads.without]
        shown = self.shown(load_table(view))
        return [name for name, c in shown.items() if c.classification in reads.classes and c.name not in reads.without]


def access_path() -> Path:
    """Return the folder of the access rules."""
    return settings.project_root() / "include" / "access"


def extra_views() -> list[str]:
    """Return the names of the views of ``mart_v1`` that are not one table's, sorted."""
    return sorted(path.stem for path in access_path().glob("*.sql") if path.stem != "functions")


@cache
def load_extra_view(name: str) -> View:
    """Return such a view; its file is laid out like a published view's."""
    return parse_view(name, (access_path() / f"{name}.sql").read_text(encoding="utf-8"))


@cache
def load_access() -> AccessRules:
    """Return the access rules.

    Raises:
        AccessError: a table, column or mask that does not exist, or two roles between which rows could leak.
    """
    path = access_path() / "roles.yaml"
    try:
        rules = AccessRules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise AccessError(f"{path.name}: {error}") from None
    for name, role in rules.roles.items():
        for view, reads in role.mart_v1.items():
            _check_reads(rules, name, view, reads)
    return rules


def _check_reads(rules: AccessRules, role: str, view: str, reads: Reads) -> None:
    if view not in (*table_names(), *extra_views()):
        raise AccessError(f"roles.yaml: {role} reads {view}: expected a table of include/sql or a view beside it")
    known = load_extra_view(view).columns if view in extra_views() else {c.name for c in load_table(view).columns}
    missing = {*reads.without, *(() if reads.rows == "all" else (reads.rows,))} - set(known)
    if missing:
        raise AccessError(f"roles.yaml: {role} reads {view}: it has no column {', '.join(sorted(missing))}")
    for other, theirs in rules.roles.items():
        wider = theirs.mart_v1.get(view)
        if wider and wider.rows != reads.rows and rules.columns(other, view) != rules.columns(role, view):
            raise AccessError(
                f"roles.yaml: {role} and {other} see different rows of {view} and different columns: who had both "
                "roles would see all columns of all rows. Give them the same columns, or two views"
            )
