"""Suite files: the expectations of a subject, strictly read."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from resumption.settings import project_root

Severity = Literal["critical", "warning", "info"]
Parameters = Mapping[str, Any]

SEVERITIES = ("critical", "warning", "info")
_SUITE_KEYS = {"name", "expectations", "meta"}
_EXPECTATION_KEYS = {"type", "kwargs", "severity", "meta", "suppressed"}
_SUPPRESSION_KEYS = {"issue", "until", "why"}
_COLUMN_KWARGS = ("column", "column_A", "column_B")


class SuiteError(ValueError):
    """A suite file that is missing or cannot be understood; the message names the file and what to do."""


@dataclass(frozen=True)
class Suppression:
    """A known failure that is tracked elsewhere: until a business date, inclusive, it is only information."""

    issue: str
    until: date
    why: str


@dataclass(frozen=True)
class Check:
    """One expectation of a suite as written in its file."""

    expectation: str
    kwargs: Mapping[str, Any]
    severity: Severity
    meta: Mapping[str, Any]
    suppressed: Suppression | None = None

    @property
    def column(self) -> str | None:
        """The column, ``a, b`` for several, None for an expectation about the whole table."""
        return ", ".join(self.columns) or None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the expectation speaks of, without those of a row condition."""
        single = [self.kwargs[key] for key in _COLUMN_KWARGS if key in self.kwargs]
        return tuple(single + list(self.kwargs.get("column_list", ())))

    @property
    def condition_words(self) -> frozenset[str]:
        """Words of the row condition: the columns it looks at are among them."""
        return frozenset(re.findall(r"\w+", str(self.kwargs.get("row_condition", ""))))

    @property
    def check_id(self) -> str:
        """Stable name of the check: the same type and kwargs give the same id in every run and release.

        ``meta.name`` stands in place of the columns where these do not tell what is judged.
        """
        text = json.dumps({"type": self.expectation, "kwargs": self.kwargs}, sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        named = [self.meta["name"]] if "name" in self.meta else self.columns
        return ":".join([self.expectation.removeprefix("expect_"), *named, digest])

    def severity_on(self, day: date) -> Severity:
        """The severity at a business date: ``info`` while a suppression holds."""
        return "info" if self.suppressed and day <= self.suppressed.until else self.severity

    def arguments(self, values: Parameters) -> dict[str, Any]:
        """The kwargs as the engine takes them; ``values`` fill the parameters in."""
        return {key: _resolve(value, values) for key, value in self.kwargs.items()}

    def missing_parameters(self, values: Parameters) -> list[str]:
        """Names of the parameters without a default that ``values`` does not give."""
        references = [v for v in self.kwargs.values() if isinstance(v, dict) and "$PARAMETER" in v]
        needed = [ref["$PARAMETER"] for ref in references if "default" not in ref]
        return [name for name in needed if name not in values]


@dataclass(frozen=True)
class Suite:
    """The checks of one subject."""

    name: str
    checks: tuple[Check, ...]
    meta: Mapping[str, Any]
    path: Path

    def lapsed(self, day: date) -> tuple[tuple[Check, Suppression], ...]:
        """Checks whose suppression no longer holds at a business date, with that suppression."""
        return tuple((c, c.suppressed) for c in self.checks if c.suppressed and day > c.suppressed.until)


def suite_names(folder: Path | None = None) -> tuple[str, ...]:
    """Subjects that have a suite file."""
    return tuple(sorted(path.stem for path in (folder or _folder()).glob("*.json")))


def load_suite(subject: str, folder: Path | None = None) -> Suite:
    """Read and validate ``expectations/<subject>.json``; raises SuiteError with the file and the remedy."""
    path = (folder or _folder()) / f"{subject}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SuiteError(
            f"No expectation suite for {subject!r}: {path} does not exist. Nothing is published unchecked; "
            "write one (docs/quality-checks.md) or scaffold it with `python -m resumption.scaffold`."
        ) from None
    except json.JSONDecodeError as error:
        raise SuiteError(f"{path} is not valid JSON: line {error.lineno}, {error.msg}.") from None
    return _parse_suite(data, path)


def _folder() -> Path:
    return project_root() / "expectations"


def _parse_suite(data: Any, path: Path) -> Suite:
    if not isinstance(data, dict) or not data.get("expectations"):
        raise SuiteError(f'{path}: expected {{"name", "meta", "expectations": [...]}} with at least one expectation.')
    _refuse_unknown(data, _SUITE_KEYS, str(path))
    checks = tuple(_parse_check(item, position, path) for position, item in enumerate(data["expectations"], start=1))
    _refuse_twins(checks, path)
    return Suite(str(data.get("name", path.stem)), checks, data.get("meta", {}), path)


def _parse_check(item: Any, position: int, path: Path) -> Check:
    where = f"{path}, expectation {position}"
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise SuiteError(f'{where}: expected an object with a "type" such as "expect_column_values_to_not_be_null".')
    _refuse_unknown(item, _EXPECTATION_KEYS, where)
    if item.get("severity") not in SEVERITIES:
        raise SuiteError(f"{where}: severity must be one of {SEVERITIES}, not {item.get('severity')!r}.")
    suppressed = _parse_suppression(item["suppressed"], where) if "suppressed" in item else None
    return Check(item["type"], item.get("kwargs", {}), item["severity"], item.get("meta", {}), suppressed)


def _parse_suppression(item: Any, where: str) -> Suppression:
    given = {key: value for key, value in item.items() if value} if isinstance(item, dict) else {}
    if set(given) != _SUPPRESSION_KEYS or not all(isinstance(value, str) for value in given.values()):
        raise SuiteError(
            f'{where}: "suppressed" needs an issue, a date "until" and a "why", all as text, and nothing else: '
            "a check may be silent only for a named reason and for a time."
        )
    try:
        until = date.fromisoformat(given["until"])
    except ValueError:
        raise SuiteError(f'{where}: "until" must be a date such as "2020-03-15", not {given["until"]!r}.') from None
    return Suppression(given["issue"], until, given["why"])


def _refuse_unknown(item: Mapping[str, Any], allowed: set[str], where: str) -> None:
    if unknown := set(item) - allowed:
        raise SuiteError(f"{where}: unknown keys {sorted(unknown)}; allowed are {sorted(allowed)}.")


def _refuse_twins(checks: Iterable[Check], path: Path) -> None:
    seen: set[str] = set()
    for check in checks:
        if check.check_id in seen:
            raise SuiteError(f"{path}: {check.check_id} stands there twice; remove one.")
        seen.add(check.check_id)


def _resolve(value: Any, values: Parameters) -> Any:
    """A kwarg as the engine takes it: parameters filled in, dates as timestamps, booleans as the frame's text."""
    if isinstance(value, list):
        return [str(item).lower() if isinstance(item, bool) else item for item in value]
    if not (isinstance(value, dict) and "$PARAMETER" in value):
        return value
    found = values.get(value["$PARAMETER"], value.get("default"))
    if isinstance(found, date) and not isinstance(found, datetime):
        return datetime(found.year, found.month, found.day) + timedelta(days=value.get("plus", 0))  # noqa: DTZ001
    if isinstance(found, int | float) and len(value) > 1:
        # whole, since what is scaled is a row count
        return math.floor(found * value.get("times", 1) + value.get("plus", 0))
    return found
