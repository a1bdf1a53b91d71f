"""Rule parameters: versioned files whose values may change from a date on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from resumption import settings
from resumption.models.loader import Model

Value = bool | int | Decimal | date | str
"""What a parameter may be; a decimal is written with a point and never goes through a binary float."""

BUILT_IN = frozenset({"business_date"})
"""Placeholders that the runner gives itself."""


class RuleError(ValueError):
    """Rule files that cannot be used; the message names the file and the parameter."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dated(_Strict):
    """A value and the first business date on which it holds."""

    since: date
    value: bool | int | Decimal | date | str


class Parameter(_Strict):
    """One parameter of a rule."""

    description: str
    source: str
    unit: str | None = None
    values: tuple[Dated, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Parameter:
        days = [dated.since for dated in self.values]
        if days != sorted(set(days)):
            raise ValueError("values must be in the order of their dates, each date once")
        return self

    def at(self, day: date) -> Value | None:
        """Return the value that holds on ``day``; None before the first."""
        return next((dated.value for dated in reversed(self.values) if dated.since <= day), None)


class RuleFile(_Strict):
    """One file of ``include/rules``. ``version`` changes with every change of a value."""

    rule: str
    version: str
    owner: str
    description: str
    parameters: dict[str, Parameter]

    @property
    def placeholders(self) -> set[str]:
        """What a model may take from the file: its parameters, and ``:<rule>_version``."""
        return {*self.parameters, f"{self.rule}_version"}

    @property
    def named_version(self) -> str:
        """``<rule>@<version>``."""
        return f"{self.rule}@{self.version}"


class _Loader(yaml.SafeLoader):
    """Plain YAML whose numbers with a point become decimals."""


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(str(loader.construct_scalar(node)))


_Loader.add_constructor("tag:yaml.org,2002:float", _decimal)


@dataclass(frozen=True)
class RuleBook:
    """All rule files. A parameter's name is unique over all of them."""

    files: tuple[RuleFile, ...]

    @classmethod
    def load(cls, folder: Path | None = None) -> RuleBook:
        """Return the rules in ``folder`` (default ``include/rules``).

        Raises:
            RuleError: an unreadable file, an unknown key, or a parameter that two files set.
        """
        folder = folder or settings.project_root() / "include" / "rules"
        book = cls(tuple(_read(path) for path in sorted(folder.glob("*.yaml"))))
        names = [name for file in book.files for name in file.placeholders]
        double = sorted({name for name in names if names.count(name) > 1} | (BUILT_IN & set(names)))
        if double:
            raise RuleError(f"parameters set twice or built in: {', '.join(double)}: a name may stand in one file only")
        return book

    def values(self, day: date) -> dict[str, Value]:
        """Return every parameter that holds on ``day``, and every file's ``<rule>_version``."""
        pairs = ((name, p.at(day)) for file in self.files for name, p in file.parameters.items())
        versions = {f"{file.rule}_version": file.named_version for file in self.files}
        return {name: value for name, value in pairs if value is not None} | versions

    def version(self, placeholders: Iterable[str]) -> str:
        """Return ``<rule>@<version>`` of every file that sets one of ``placeholders``, joined by ``;``."""
        wanted = set(placeholders)
        return ";".join(sorted(file.named_version for file in self.files if wanted & file.placeholders))

    def rules_of(self, placeholders: Iterable[str]) -> list[str]:
        """Return the names of the files that set one of ``placeholders``, sorted."""
        wanted = set(placeholders)
        return sorted(file.rule for file in self.files if wanted & file.placeholders)

    def check_used(self, models: Mapping[str, Model]) -> None:
        """Check placeholders against parameters.

        Raises:
            RuleError: a placeholder that no file sets, or a parameter that no model takes.
        """
        taken = {name for model in models.values() for name in model.placeholders} - BUILT_IN
        unset = taken - {name for file in self.files for name in file.placeholders}
        unused = {name for file in self.files for name in file.parameters} - taken
        if unset or unused:
            raise RuleError(
                f"rule files and models do not fit: no file sets {sorted(unset)}, no model takes {sorted(unused)}"
            )


def _read(path: Path) -> RuleFile:
    try:
        raw: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe loader
        file = RuleFile.model_validate(raw)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise RuleError(f"{path.name}: not a readable rule file: {error}") from error
    if file.rule != path.stem:
        raise RuleError(f"{path.name}: rule must equal the file's name, got {file.rule!r}")
    return file
