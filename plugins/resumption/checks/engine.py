"""Great Expectations at work. The only module that knows it.

Each expectation names the metrics it needs, the library computes them all in one graph, and each expectation then
judges its own: what ``Validator.graph_validate`` does. It is not used itself, since it builds each expectation anew
for each of its metrics, collects unexpected values that we throw away, and wants a data context: three quarters of the
time over a small partition.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resumption.checks.frame import frame_of, known_columns
from resumption.checks.suite import Check, Parameters, Suite, SuiteError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.validator.metric_configuration import MetricConfiguration

# Counts only: no list of values, no row positions, no query. A result must be safe to show to anybody.
_ASKED = {"result_format": {"result_format": "BOOLEAN_ONLY"}}
_TOLD = {"result_format": {"result_format": "BASIC", "exclude_unexpected_values": True, "partial_unexpected_count": 0}}


@dataclass(frozen=True)
class Finding:
    """What the engine found for one check; ``error`` is the class of the exception that prevented a verdict."""

    success: bool = False
    found: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass
class _Question:
    """An expectation with the metrics it needs, by name."""

    check_id: str
    expectation: Expectation
    metrics: Mapping[str, MetricConfiguration]


def judge(suite: Suite, checks: Sequence[Check], table: pa.Table, values: Parameters) -> dict[str, Finding]:
    """Evaluate checks over a partition; return the finding of each by its ``check_id``.

    Checks of the same columns share a frame and its metrics. One frame after the other, each without a column too
    many: the engine copies all columns whenever it drops a row, and keeps a series for each metric.

    Raises:
        SuiteError: an expectation type or an argument that the library does not know.
    """
    expectations = {check.check_id: _expectation(check, suite, values) for check in checks}
    alike: dict[tuple[str, ...], list[Check]] = defaultdict(list)
    for check in checks:
        alike[_looked_at(check, table)].append(check)
    findings: dict[str, Finding] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own deprecations
        for columns, group in alike.items():
            asked = {check.check_id: expectations[check.check_id] for check in group}
            findings |= _judge_frame(frame_of(table, columns), asked)
    return findings


def _looked_at(check: Check, table: pa.Table) -> tuple[str, ...]:
    return tuple(sorted({*check.columns, *(check.condition_words & known_columns(table))}))


def _judge_frame(frame: pd.DataFrame, asked: Mapping[str, Expectation]) -> dict[str, Finding]:
    from great_expectations.execution_engine import PandasExecutionEngine

    # A data source's batch would first hash the whole frame.
    engine = PandasExecutionEngine(batch_data_dict={"frame": frame})
    findings: dict[str, Finding] = {}
    questions = []
    for check_id, expectation in asked.items():
        try:
            needed = expectation.get_validation_dependencies(engine, dict(_ASKED))
            questions.append(_Question(check_id, expectation, needed.metric_configurations))
        except Exception as error:  # noqa: BLE001 - no verdict must stop the publication, whatever the reason
            findings[check_id] = Finding(error=type(error).__name__)
    return findings | _answers(engine, questions)


def _expectation(check: Check, suite: Suite, values: Parameters) -> Expectation:
    import great_expectations.expectations  # noqa: F401 - fills the registry
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    kwargs = check.arguments(values)
    if "row_condition" in kwargs:
        kwargs.setdefault("condition_parser", "pandas")
    try:
        return get_expectation_impl(check.expectation)(**kwargs)
    except ExpectationNotFoundError:
        raise SuiteError(f"{suite.path}: there is no expectation type {check.expectation!r}.") from None
    except (TypeError, ValueError) as error:
        raise SuiteError(f"{suite.path}: {check.check_id} is not a valid {check.expectation}: {error}") from None


def _answers(engine: PandasExecutionEngine, questions: Sequence[_Question]) -> dict[str, Finding]:
    """Compute the metrics of all questions of a frame, each once, and let each expectation judge its own."""
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    calculator = MetricsCalculator(engine, show_progress_bars=False)
    needed = {metric.id: metric for question in questions for metric in question.metrics.values()}
    try:
        graph = calculator.build_metric_dependency_graph(list(needed.values()), dict(_ASKED))
        metrics, aborted = calculator.resolve_validation_graph(graph, dict(_ASKED))
    except Exception as error:  # noqa: BLE001 - as above
        return {q.check_id: Finding(error=type(error).__name__) for q in questions}
    causes = {metric: _cause(info["exception_info"].exception_traceback) for metric, info in aborted.items()}
    return {q.check_id: _answer(engine, q, needed, metrics, causes) for q in questions}


def _answer(
    engine: PandasExecutionEngine,
    question: _Question,
    needed: Mapping[Any, MetricConfiguration],
    metrics: Mapping[Any, Any],
    causes: Mapping[Any, str],
) -> Finding:
    own = [needed[metric.id] for metric in question.metrics.values()]
    if any(metric.id not in metrics for metric in own):
        failed = [causes[metric.id] for metric in _with_dependencies(own) if metric.id in causes]
        return Finding(error=failed[0] if failed else "no result")
    given = {name: metrics[metric.id] for name, metric in question.metrics.items()}
    try:
        # the method an expectation implements to judge its metrics
        verdict: Any = question.expectation._validate(given, dict(_TOLD), engine)
    except Exception as error:  # noqa: BLE001 - as above
        return Finding(error=type(error).__name__)
    verdict = verdict if isinstance(verdict, Mapping) else verdict.to_json_dict()
    return Finding(success=bool(verdict["success"]), found=verdict.get("result") or {})


def _with_dependencies(metrics: Sequence[MetricConfiguration]) -> Iterator[MetricConfiguration]:
    for metric in metrics:
        yield metric
        yield from _with_dependencies(list(metric.metric_dependencies.values()))


def _cause(trace: str | None) -> str:
    """Class of the exception at the end of a traceback. Its message is dropped: it may quote values."""
    last = (str(trace or "").strip().splitlines() or ["exception"])[-1]
    name = last.split(":")[0].rsplit(".", 1)[-1]
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else "exception"
