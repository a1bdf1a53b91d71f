"""Suites of expectations, evaluated over one partition before it is published.

A suite is plain data, ``expectations/<subject>.json``, where the subject is a feed or a table. It judges the partition
as a whole (volumes, uniqueness, completeness, value sets, distributions); what a single row must look like stands in
the feed's contract and is enforced by ``conform``.

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
``"suppressed": {"issue": "...", "until": "2020-03-15", "why": "..."}`` makes a known failure information up to that
business date, inclusive; afterwards it bites again by itself.

A feed's list column ``repaired`` is offered to suites as two columns: ``repaired_any`` (the row bears a mark) and
``repaired_invalid`` (some value of it was unusable and became null).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from resumption.checks.report import CheckReport, CheckResult, Outcome, result_rows
from resumption.checks.suite import (
    Check,
    Parameters,
    Severity,
    Suite,
    SuiteError,
    Suppression,
    load_suite,
    suite_names,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from resumption.checks.engine import Finding

__all__ = [
    "Check",
    "CheckReport",
    "CheckResult",
    "Outcome",
    "Severity",
    "Suite",
    "SuiteError",
    "Suppression",
    "check_partition",
    "evaluate",
    "load_suite",
    "result_rows",
    "suite_names",
]

log = logging.getLogger(__name__)


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
    from resumption.checks.engine import judge
    from resumption.checks.frame import known_columns

    known, values = known_columns(table), {"day": day, "rows": table.num_rows, **(parameters or {})}
    verdicts = {check.check_id: _verdict_without_data(check, known, values) for check in suite.checks}
    findings = judge(suite, [c for c in suite.checks if verdicts[c.check_id] is None], table, values)
    results = [
        _result(check, day, *(verdicts[check.check_id] or _verdict(findings[check.check_id]))) for check in suite.checks
    ]
    report = CheckReport(subject, day, suite.name, table.num_rows, tuple(results), datetime.now(UTC))
    _tell(report, suite)
    return report


def _tell(report: CheckReport, suite: Suite) -> None:
    for check, suppression in suite.lapsed(report.day):
        log.warning(
            "%s: the suppression of %s (%s) lapsed on %s: it counts again; mend the cause, or remove the suppression",
            report.subject, check.check_id, suppression.issue, suppression.until,
        )  # fmt: skip
    log.info(
        "checked %s of %s: %d rows, %d checks, %d critical, %d warnings",
        report.subject, report.day, report.rows, len(report.results), len(report.critical_failures),
        len(report.warnings),
    )  # fmt: skip


# Outcome, what was observed, unexpected and all elements.
_Verdict = tuple[Outcome, str, int | None, int | None]


def _verdict_without_data(check: Check, known: frozenset[str], values: Parameters) -> _Verdict | None:
    """A verdict that needs no look at the rows: column or parameter not there. None = evaluate it."""
    absent = [column for column in check.columns if column not in known]
    if absent and check.meta.get("optional"):
        return "pass", "column not in this partition", None, None
    if absent:
        return "error", f"column missing: {', '.join(absent)}", None, None
    missing = check.missing_parameters(values)
    return ("error", f"parameter missing: {', '.join(missing)}", None, None) if missing else None


def _verdict(finding: Finding) -> _Verdict:
    if finding.error:
        return "error", f"not evaluated: {finding.error}", None, None
    found = finding.found or {}
    if set(found) == {"observed_value"} and _nothing(found["observed_value"]):
        # a mean of no values is no finding; that there are none is what completeness checks are for
        return "pass", "no values to judge", None, None
    outcome: Outcome = "pass" if finding.success else "fail"
    return outcome, _observed(found), found.get("unexpected_count"), found.get("element_count")


def _nothing(value: Any) -> bool:
    return value is None or value != value  # NaN and NaT differ from themselves


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
    check: Check, day: date, outcome: Outcome, observed: str, unexpected: int | None, elements: int | None
) -> CheckResult:
    return CheckResult(
        check.check_id, check.expectation, check.column, check.severity_on(day), outcome, observed,
        None if unexpected is None else int(unexpected), None if elements is None else int(elements),
    )  # fmt: skip
