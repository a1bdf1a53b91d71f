"""What the checks of one partition found: counts, shares and numbers, never a value of a row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from resumption.checks.suite import Severity

if TYPE_CHECKING:
    from resumption.ops import CheckRow

Outcome = Literal["pass", "fail", "error"]


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


def _failed(result: CheckResult, severity: Severity) -> bool:
    return result.outcome == "fail" and result.severity == severity


def result_rows(report: CheckReport, run_id: str | None) -> list[CheckRow]:
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
