"""Suites of expectations, evaluated over one partition before it is published.

The only module that knows Great Expectations. A suite is plain data, ``expectations/<subject>.json``, where the
subject is a feed or a table. It judges the partition as a whole (volumes, uniqueness, completeness, value sets,
distributions); what a single row must look like stands in the feed's contract and is enforced by ``conform``.

A result carries counts, shares and numbers only, never a value of a row: results go to ``ops.check_result`` and to
pages that people without access to the rows may read.

Suite file::

    {"name": "checkins",
     "meta": {"owner": "health-office-data"},
     "expectations": [
       {"type": "expect_column_values_to_not_be_null", "severity": "critical", "kwargs": {"column": "uscc"},
        "meta": {"why": "a check-in of nobody's firm cannot be counted"}}]}

``{"$PARAMETER": "day"}`` as a value of ``kwargs`` stands for the business date; other names come from the caller's
``parameters``. Beside the name, ``"times": 0.5`` multiplies, ``"plus": 1`` adds (days to a date), ``"default": 1``
is taken when the caller gives none. Times are compared as Shanghai local time, booleans in a ``row_condition`` as
text (``in_scope == "true"``).
``"meta": {"optional": true}`` lets an expectation pass over a partition that has not got its column.

A feed's list column ``repaired`` is offered to suites as two columns: ``repaired_any`` (the row bears a mark) and
``repaired_invalid`` (some value of it was unusable and became null).
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from resumption.settings import project_root

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.validator.validator import Validator

    from resumption.ops import CheckRow

Severity = Literal["critical", "warning", "info"]
Outcome = Literal["pass", "fail", "error"]
Parameters = Mapping[str, Any]

SEVERITIES = ("critical", "warning", "info")
_SUITE_KEYS = {"name", "expectations", "meta"}
_EXPECTATION_KEYS = {"type", "kwargs", "severity", "meta"}
_COLUMN_KWARGS = ("column", "column_A", "column_B")
# No list of values, no row positions, no query: a result must be safe to show to anybody.
_RESULT_FORMAT = {
    "result_format": "SUMMARY",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}

log = logging.getLogger(__name__)


class SuiteError(ValueError):
    """A suite file that is missing or cannot be understood; the message names the file and what to do."""


@dataclass(frozen=True)
class Check:
    """One expectation of a suite as written in its file."""

    expectation: str
    kwargs: Mapping[str, Any]
    severity: Severity
    meta: Mapping[str, Any]

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
    def check_id(self) -> str:
        """Stable name of the check: the same type and kwargs give the same id in every run and release."""
        text = json.dumps({"type": self.expectation, "kwargs": self.kwargs}, sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return ":".join([self.expectation.removeprefix("expect_"), *self.columns, digest])


@dataclass(frozen=True)
class Suite:
    """The checks of one subject."""

    name: str
    checks: tuple[Check, ...]
    meta: Mapping[str, Any]
    path: Path


@dataclass(frozen=True)
class CheckResult:
    """What one check found. ``observed_value`` is a short text of numbers or dates, never a row's value."""

    check_id: str
    expectation: str
    column: str | None
    severity: Severity
    outcome: Outcome
    observed_value: str
    unexpected_count: int | None
    element_count: int | None

    @property
    def message(self) -> str:
        """One line for a briefing or a log."""
        return f"{self.severity} {self.outcome}: {self.check_id}, observed {self.observed_value}"


@dataclass(frozen=True)
class CheckReport:
    """All results of one partition; ``critical_failures`` non-empty means: do not publish."""

    subject: str
    day: date
    suite: str
    rows: int
    results: tuple[CheckResult, ...]
    checked_at: datetime

    @property
    def critical_failures(self) -> tuple[CheckResult, ...]:
        """Failed critical checks and every check that could not be evaluated: no verdict is no permission."""
        return tuple(r for r in self.results if r.outcome == "error" or _failed(r, "critical"))

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """Failed checks that let the partition through but are told to people."""
        return tuple(r for r in self.results if _failed(r, "warning"))


def check_partition(subject: str, table: pa.Table, day: date, parameters: Parameters | None = None) -> CheckReport:
    """Evaluate the suite of ``subject`` over ``table``, the rows that are about to become the partition of ``day``.

    ``parameters`` are values that suites may name (see the module's docstring). The table may be empty.
    Raises SuiteError when there is no readable suite for the subject.
    """
    return evaluate(load_suite(subject), subject, table, day, parameters)


def evaluate(
    suite: Suite, subject: str, table: pa.Table, day: date, parameters: Parameters | None = None
) -> CheckReport:
    """Evaluate a loaded suite; ``check_partition`` is the usual way in."""
    frame, known = _frame(table, suite), _known_columns(table)
    values = {"day": day, "rows": table.num_rows, **(parameters or {})}
    results, runnable = [], []
    for check in suite.checks:
        verdict = _verdict_without_data(check, known, values)
        if verdict is None:
            runnable.append(check)
        else:
            results.append(verdict)
    results += _run(suite, runnable, frame, values)
    order = {check.check_id: position for position, check in enumerate(suite.checks)}
    results.sort(key=lambda result: order[result.check_id])
    report = CheckReport(subject, day, suite.name, table.num_rows, tuple(results), datetime.now(UTC))
    log.info(
        "checked %s of %s: %d rows, %d checks, %d critical, %d warnings",
        subject, day, table.num_rows, len(results), len(report.critical_failures), len(report.warnings),
    )  # fmt: skip
    return report


def result_rows(report: CheckReport, run_id: str) -> list[CheckRow]:
    """Rows of ``ops.check_result`` for a report, as ``ops.replace_checks`` takes them."""
    return [
        {
            "check_id": result.check_id,
            "suite": report.suite,
            "expectation": result.expectation,
            "column_name": result.column,
            "severity": result.severity,
            "outcome": result.outcome,
            "observed_value": result.observed_value,
            "unexpected_count": result.unexpected_count,
            "element_count": result.element_count,
            "run_id": run_id,
            "checked_at": report.checked_at,
        }
        for result in report.results
    ]


# ---------------------------------------------------------------------------------------------------- suite files


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
    if unknown := set(data) - _SUITE_KEYS:
        raise SuiteError(f"{path}: unknown keys {sorted(unknown)}; allowed are {sorted(_SUITE_KEYS)}.")
    checks = tuple(_parse_check(item, position, path) for position, item in enumerate(data["expectations"], start=1))
    _refuse_twins(checks, path)
    return Suite(str(data.get("name", path.stem)), checks, data.get("meta", {}), path)


def _parse_check(item: Any, position: int, path: Path) -> Check:
    where = f"{path}, expectation {position}"
    if not isinstance(item, dict) or not isinstance(item.get("type"), str):
        raise SuiteError(f'{where}: expected an object with a "type" such as "expect_column_values_to_not_be_null".')
    if unknown := set(item) - _EXPECTATION_KEYS:
        raise SuiteError(f"{where}: unknown keys {sorted(unknown)}; allowed are {sorted(_EXPECTATION_KEYS)}.")
    if item.get("severity") not in SEVERITIES:
        raise SuiteError(f"{where}: severity must be one of {SEVERITIES}, not {item.get('severity')!r}.")
    return Check(item["type"], item.get("kwargs", {}), item["severity"], item.get("meta", {}))


def _refuse_twins(checks: Iterable[Check], path: Path) -> None:
    seen: set[str] = set()
    for check in checks:
        if check.check_id in seen:
            raise SuiteError(f"{path}: {check.check_id} stands there twice; remove one.")
        seen.add(check.check_id)


# ---------------------------------------------------------------------------------------------------- the frame

_DERIVED = {"repaired_any": "repaired", "repaired_invalid": "repaired"}


def _known_columns(table: pa.Table) -> set[str]:
    names = set(table.column_names)
    return names | {derived for derived, source in _DERIVED.items() if source in names}


def _frame(table: pa.Table, suite: Suite) -> pd.DataFrame:
    """Only the columns the suite names: the rest would cost memory and time for nothing."""
    import pandas as pd
    import pyarrow as pa

    wanted = _wanted_columns(suite, _known_columns(table))
    columns = {name: _column(table, name) for name in wanted}
    slim = pa.table(columns) if columns else pa.table({})
    frame = slim.to_pandas(date_as_object=False, deduplicate_objects=False)
    return frame if columns else pd.DataFrame(index=pd.RangeIndex(table.num_rows))


def _wanted_columns(suite: Suite, known: set[str]) -> list[str]:
    named = {column for check in suite.checks for column in check.columns}
    conditions = " ".join(str(check.kwargs.get("row_condition", "")) for check in suite.checks)
    return sorted((named | set(re.findall(r"\w+", conditions))) & known)


def _column(table: pa.Table, name: str) -> Any:
    """A column in a type that pandas handles as numbers or text, decimals as floats, times as local."""
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pa.compute  # its type stubs know no columns of unknown type
    if name in _DERIVED and name not in table.column_names:
        return _marked(table.column(_DERIVED[name]), only_invalid=name == "repaired_invalid")
    column = table.column(name)
    kind = column.type
    if pa.types.is_boolean(kind):
        # a nullable boolean would become Python objects; text keeps the three states and compares in C
        return compute.if_else(column, "true", "false")
    if pa.types.is_timestamp(kind) and kind.tz:
        return compute.local_timestamp(column.cast(pa.timestamp("us", "Asia/Shanghai")))
    if pa.types.is_decimal(kind) or (pa.types.is_integer(kind) and column.null_count):
        return column.cast(pa.float64(), safe=False)
    return column


def _marked(marks: Any, *, only_invalid: bool) -> Any:
    """Per row whether it bears a mark, as text like every boolean of the frame."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute

    compute: Any = pa.compute
    flat = marks.combine_chunks()
    parents = compute.list_parent_indices(flat).to_numpy(zero_copy_only=False)
    if only_invalid:
        invalid = compute.ends_with(compute.list_flatten(flat), "_invalid")
        parents = parents[invalid.to_numpy(zero_copy_only=False).astype(bool)]
    flags = np.zeros(len(flat), dtype=bool)
    flags[parents] = True
    return compute.if_else(pa.array(flags), "true", "false")


# ---------------------------------------------------------------------------------------------------- evaluation


def _verdict_without_data(check: Check, known: set[str], values: Parameters) -> CheckResult | None:
    """A verdict that needs no look at the rows: column or parameter not there. None = evaluate it."""
    absent = [column for column in check.columns if column not in known]
    if absent and check.meta.get("optional"):
        return _result(check, "pass", "column not in this partition")
    if absent:
        return _result(check, "error", f"column missing: {', '.join(absent)}")
    missing = [name for name in _parameters(check.kwargs) if name not in values]
    return _result(check, "error", f"parameter missing: {', '.join(missing)}") if missing else None


def _parameters(kwargs: Mapping[str, Any]) -> list[str]:
    """Names of the parameters that have no default."""
    references = [v for v in kwargs.values() if isinstance(v, dict) and "$PARAMETER" in v]
    return [ref["$PARAMETER"] for ref in references if "default" not in ref]


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


def _run(suite: Suite, checks: list[Check], frame: pd.DataFrame, values: Parameters) -> list[CheckResult]:
    """Evaluate the checks in one pass, so that metrics several of them need are computed once."""
    configurations = [_expectation(check, suite, values).configuration for check in checks]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own deprecations
            found = _validator(frame).graph_validate(configurations, {"result_format": _RESULT_FORMAT})
    except Exception as error:  # noqa: BLE001 - no verdict must stop the publication, whatever the reason
        return [_result(check, "error", f"not evaluated: {type(error).__name__}") for check in checks]
    # matched by the id carried in meta: neither the order nor the number of the results is promised
    by_id = {_carried_id(result): result for result in found}
    return [_read(check, by_id.get(check.check_id)) for check in checks]


def _carried_id(result: ExpectationValidationResult) -> str:
    config = result.expectation_config
    return str((config.meta or {}).get("check_id")) if config is not None else ""


def _expectation(check: Check, suite: Suite, values: Parameters) -> Expectation:
    import great_expectations.expectations  # noqa: F401 - fills the registry
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    kwargs = {key: _resolve(value, values) for key, value in check.kwargs.items()}
    if "row_condition" in kwargs:
        kwargs.setdefault("condition_parser", "pandas")
    try:
        impl = get_expectation_impl(check.expectation)
        return impl(**kwargs, severity=cast("Any", check.severity), meta={"check_id": check.check_id})
    except ExpectationNotFoundError:
        raise SuiteError(f"{suite.path}: there is no expectation type {check.expectation!r}.") from None
    except (TypeError, ValueError) as error:
        raise SuiteError(f"{suite.path}: {check.check_id} is not a valid {check.expectation}: {error}") from None


def _validator(frame: pd.DataFrame) -> Validator:
    """Return the engine room of a batch; a data source's batch would first hash the whole frame, half of the time."""
    import great_expectations as gx
    from great_expectations.core.batch import Batch
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.validator.validator import Validator

    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells of every context it makes
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return Validator(PandasExecutionEngine(), data_context=context, batches=[Batch(data=cast("Any", frame))])


def _read(check: Check, result: ExpectationValidationResult | None) -> CheckResult:
    if result is None:
        return _result(check, "error", "not evaluated: no result")
    error = _exception_name(result.exception_info)
    if error is not None:
        return _result(check, "error", f"not evaluated: {error}")
    found = result.result or {}
    if set(found) == {"observed_value"} and _nothing(found["observed_value"]):
        # a mean of no values is no finding; that there are none is what completeness checks are for
        return _result(check, "pass", "no values to judge")
    unexpected, elements = found.get("unexpected_count"), found.get("element_count")
    return _result(check, "pass" if result.success else "fail", _observed(found), unexpected, elements)


def _nothing(value: Any) -> bool:
    return value is None or value != value  # NaN and NaT differ from themselves


def _exception_name(info: Mapping[str, Any] | None) -> str | None:
    """Class of the exception behind a result, None when there was none.

    ``exception_info`` is flat, or a dict of such dicts by metric. Its message is dropped: it may quote values.
    """
    if not info:
        return None
    entries = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    raised = [entry for entry in entries if entry.get("raised_exception")]
    if not raised:
        return None
    trace = str(raised[0].get("exception_traceback") or "").strip().splitlines()
    name = trace[-1].split(":")[0].rsplit(".", 1)[-1] if trace else "exception"
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else "exception"


def _observed(found: Mapping[str, Any]) -> str:
    """Short text of what was seen. A list or a text could be the rows' own values: only its size is told."""
    if found.get("observed_value") is not None:
        return _short(found["observed_value"])
    if {"missing_count", "unexpected_count"} & set(found) and "element_count" not in found:
        return f"{found.get('unexpected_count', 0)} unexpected, {found.get('missing_count', 0)} missing values"
    if found.get("unexpected_percent") is not None:
        return f"{found['unexpected_percent']:.4g} % unexpected"
    return "no rows to judge" if not found.get("element_count") else "no values to judge"


def _short(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.6g}"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, dict) and {"quantiles", "values"} == set(value):
        return ", ".join(_short(number) for number in value["values"])
    if isinstance(value, list | tuple | set):
        return f"{len(value)} distinct"
    return _short(value.item()) if hasattr(value, "item") else type(value).__name__


def _result(
    check: Check, outcome: Outcome, observed: str, unexpected: int | None = None, elements: int | None = None
) -> CheckResult:
    return CheckResult(
        check.check_id, check.expectation, check.column, check.severity, outcome, observed,
        None if unexpected is None else int(unexpected), None if elements is None else int(elements),
    )  # fmt: skip


def _failed(result: CheckResult, severity: Severity) -> bool:
    return result.outcome == "fail" and result.severity == severity
