"""Suites stop what is wrong, let through what is merely poor, and never tell a row's value."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from resumption import checks
from resumption.contracts import feed_names, load_feed, load_table, table_names
from tests.checks.partitions import DAY, partition


def _set(table: pa.Table, column: str, values: list[object]) -> pa.Table:
    index = table.schema.get_field_index(column)
    kept = table.column(column).to_pylist()[len(values) :]
    return table.set_column(index, table.field(index), pa.array(values + kept, table.field(index).type))


def _suite(tmp_path: Path, *expectations: dict[str, object]) -> checks.Suite:
    text = json.dumps({"name": "trial", "expectations": list(expectations)})
    (tmp_path / "trial.json").write_text(text, encoding="utf-8")
    return checks.load_suite("trial", tmp_path)


def _judge(
    tmp_path: Path, table: pa.Table, *expectations: dict[str, object], **parameters: object
) -> checks.CheckReport:
    return checks.evaluate(_suite(tmp_path, *expectations), "trial", table, DAY, parameters)


def _expect(kind: str, severity: str = "critical", **kwargs: object) -> dict[str, object]:
    return {"type": f"expect_{kind}", "severity": severity, "kwargs": kwargs}


def _volumes(feed: str, table: pa.Table, **parameters: object) -> checks.CheckReport:
    """Evaluate only the rules about the whole partition: counts and uniqueness."""
    suite = checks.load_suite(feed)
    whole = [check for check in suite.checks if "table_row_count" in check.expectation or "list" in str(check.kwargs)]
    return checks.evaluate(replace(suite, checks=tuple(whole)), feed, table, DAY, parameters)


# What the shipped suites must do


@pytest.mark.parametrize("feed", feed_names())
@pytest.mark.parametrize("rows", [60, 1])
def test_a_usual_partition_of_any_size_passes_its_critical_checks(feed: str, rows: int) -> None:
    report = checks.check_partition(feed, partition(feed, rows), DAY, {"rows_received": rows + 3})
    assert [r.message for r in report.critical_failures] == []
    assert rows < 60 or [r.message for r in report.warnings] == []


@pytest.mark.parametrize("feed", feed_names())
def test_suites_evaluate_every_check_of_a_feed_without_error(feed: str) -> None:
    table = partition(feed)
    for part in (table, table.slice(0, 0)):
        report = checks.check_partition(feed, part, DAY, {"rows_received": part.num_rows})
        assert [r.message for r in report.results if r.outcome == "error"] == []
        assert len(report.results) == len(checks.load_suite(feed).checks)


NEVER_EMPTY = {"statistical_scope", "checkins", "enterprise_power", "meter_accounts", "household_power", "city_cases"}


@pytest.mark.parametrize("feed", sorted(NEVER_EMPTY))
def test_a_feed_that_is_never_empty_is_not_published_empty(feed: str) -> None:
    assert _volumes(feed, partition(feed).slice(0, 0)).critical_failures


@pytest.mark.parametrize("feed", sorted(set(feed_names()) - NEVER_EMPTY))
def test_a_quiet_day_of_events_is_a_warning(feed: str) -> None:
    report = checks.check_partition(feed, partition(feed).slice(0, 0), DAY)
    assert not report.critical_failures
    assert [r.expectation for r in report.warnings] == ["expect_table_row_count_to_be_between"]


@pytest.mark.parametrize("feed", feed_names())
def test_a_partition_most_of_which_was_quarantined_is_published_with_a_warning(feed: str) -> None:
    table = partition(feed)
    report = _volumes(feed, table, rows_received=3 * table.num_rows)
    assert not report.critical_failures
    assert "expect_table_row_count_to_be_between" in {r.expectation for r in report.warnings}


@pytest.mark.parametrize("feed", feed_names())
def test_rows_taken_twice_stop_the_publication(feed: str) -> None:
    table = partition(feed)
    doubled = _volumes(feed, pa.concat_tables([table, table]))
    assert "delivery_id, row_number" in {r.column for r in doubled.critical_failures}


@pytest.mark.parametrize("feed", feed_names())
def test_volume_is_judged_by_the_feeds_own_history_where_there_is_one(feed: str) -> None:
    few, many = 600_000.0, 0.0
    table = pa.concat_tables([partition(feed)] * 20)
    assert _too(few, feed, table) > _too(None, feed, table)
    assert _too(many, feed, table) > _too(None, feed, table)
    assert _too(float(table.num_rows), feed, table) == _too(None, feed, table)


def _too(usual: float | None, feed: str, table: pa.Table) -> set[str]:
    """Checks of volume that warn; none of them is critical."""
    report = _volumes(feed, table, **({} if usual is None else {"usual_rows": usual}))
    counts = [r for r in report.results if "row_count" in r.expectation and r.outcome == "fail"]
    assert {r.severity for r in counts} <= {"warning"}
    return {r.check_id for r in counts}


def _tokens() -> list[tuple[str, str]]:
    """Columns that hold tokens, but for the meters' that the grid company makes itself."""
    names = [(feed, column.name) for feed in feed_names() for column in load_feed(feed).columns]
    return [(feed, name) for feed, name in names if name.endswith("_token") and name != "meter_token"]


@pytest.mark.parametrize(("feed", "column"), _tokens())
def test_a_phone_in_place_of_a_token_stops_the_publication_and_is_not_told(feed: str, column: str) -> None:
    report = checks.check_partition(feed, _set(partition(feed), column, ["15400001234"]), DAY)
    assert {r.column for r in report.critical_failures} == {column}
    assert "15400001234" not in repr(checks.result_rows(report, "run"))


def test_a_shifted_thermometer_is_a_warning() -> None:
    table = partition("checkins")
    warmer = _set(table, "temperature_c", [38.2] * table.num_rows)
    report = checks.check_partition("checkins", warmer, DAY)
    assert not report.critical_failures
    assert {r.column for r in report.warnings} == {"temperature_c"}


def test_every_suite_speaks_only_of_columns_its_subject_has() -> None:
    derived = {"repaired_any", "repaired_invalid"}
    for feed in feed_names():
        known = set(partition(feed, 1).column_names) | derived
        assert {c for check in checks.load_suite(feed).checks for c in check.columns} <= known, feed
    for table in table_names():
        known = {column.name for column in load_table(table).columns}
        assert {c for check in checks.load_suite(table).checks for c in check.columns} <= known, table


def test_every_feed_and_table_has_a_suite_with_an_owner_and_a_critical_row_rule() -> None:
    for subject in [*feed_names(), *table_names()]:
        suite = checks.load_suite(subject)
        assert suite.name == subject
        contract = load_feed(subject) if subject in feed_names() else load_table(subject)
        assert suite.meta["owner"] == contract.owner, subject
        assert any(check.severity == "critical" for check in suite.checks), subject


def test_every_check_of_a_feed_says_why() -> None:
    silent = [c.check_id for feed in feed_names() for c in checks.load_suite(feed).checks if not c.meta.get("why")]
    assert silent == []


SHIFTED: list[tuple[str, str, object]] = [
    ("checkins", "code_colour", "red"),
    ("checkins", "symptomatic", True),
    ("checkins", "place", "其他"),
    ("self_reports", "staff_total", 50_000),
    ("approvals", "event", "退回"),
    ("approvals", "white_list", True),
    ("enterprise_power", "read_status", "补采"),
    ("enterprise_power", "energy", Decimal("0.0000")),
    ("carrier_unicom", "dwell_hours", 3.0),
    ("health_declarations", "had_contact", True),
    ("health_declarations", "id_type", "护照"),
    ("health_codes", "colour", "red"),
    ("household_power", "energy", Decimal("4200.0000")),
    ("household_power", "quality", "estimated"),
    ("quarantine_register", "valid_from", DAY + dt.timedelta(days=90)),
    ("city_cases", "city_code", None),
    ("city_cases", "dead", 60_000),
]


@pytest.mark.parametrize(("feed", "column", "value"), SHIFTED, ids=lambda value: str(value)[:30])
def test_a_shift_of_what_decisions_rest_on_is_a_warning(feed: str, column: str, value: object) -> None:
    table = partition(feed)
    report = checks.check_partition(feed, _set(table, column, [value] * table.num_rows), DAY)
    assert [r.message for r in report.critical_failures] == []
    assert any(column in str(r.column) for r in report.warnings)


FORBIDDEN: list[tuple[str, str, object]] = [
    ("health_declarations", "uscc", None),
    ("health_declarations", "id_type", "军官证"),
    ("health_codes", "colour", "blue"),
    ("health_codes", "updated_at", None),
    ("carrier_telecom", "region_code", "武汉"),
    ("carrier_wasu", "account_token", None),
    ("household_power", "meter_token", None),
    ("household_power", "quality", "fine"),
    ("quarantine_register", "valid_from", None),
    ("city_cases", "confirmed", -1),
    ("city_cases", "city_code", "4201"),
]


@pytest.mark.parametrize(("feed", "column", "value"), FORBIDDEN, ids=lambda value: str(value)[:30])
def test_a_single_value_that_no_table_may_read_stops_the_publication(feed: str, column: str, value: object) -> None:
    report = checks.check_partition(feed, _set(partition(feed), column, [value]), DAY)
    assert {r.column for r in report.critical_failures} == {column}


# What the module does with any suite


def test_an_absent_column_is_an_error_and_stops_unless_optional(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2]})
    rule = _expect("column_values_to_not_be_null", "info", column="b")
    report = _judge(tmp_path, table, rule)
    assert [r.outcome for r in report.critical_failures] == ["error"]
    assert report.results[0].observed_value == "column missing: b"
    assert not _judge(tmp_path, table, rule | {"meta": {"optional": True}}).critical_failures


def test_an_expectation_that_cannot_be_evaluated_is_an_error_not_a_data_failure(tmp_path: Path) -> None:
    names = pa.table({"a": ["secret one", "secret two"]})
    report = _judge(tmp_path, names, _expect("column_values_to_be_between", "warning", column="a", min_value=3))
    assert [r.outcome for r in report.critical_failures] == ["error"]
    assert "secret" not in repr(report)


def test_values_never_stand_in_a_result(tmp_path: Path) -> None:
    table = pa.table({"name": ["Zhang", "Zhang", "Li"], "n": ["a", "a", "b"]})
    report = _judge(
        tmp_path, table,
        _expect("column_values_to_be_unique", column="name"),
        _expect("column_values_to_be_in_set", column="name", value_set=["x"]),
        _expect("column_distinct_values_to_equal_set", column="name", value_set=["x"]),
        _expect("column_most_common_value_to_be_in_set", column="name", value_set=["x"]),
        _expect("column_values_to_match_regex", column="name", regex="^x"),
        _expect("compound_columns_to_be_unique", column_list=["name", "n"]),
    )  # fmt: skip
    assert [r.outcome for r in report.results] == ["fail"] * 6
    assert not re.search("Zhang|Li", repr(checks.result_rows(report, "run")))


def test_counts_and_observed_values_are_kept(tmp_path: Path) -> None:
    table = pa.table({"t": [36.0, 36.5, 41.0, None]})
    report = _judge(
        tmp_path, table,
        _expect("column_values_to_be_between", "warning", column="t", max_value=37.3),
        _expect("column_max_to_be_between", "info", column="t", max_value=42),
    )  # fmt: skip
    first, second = report.results
    assert (first.outcome, first.unexpected_count, first.element_count) == ("fail", 1, 4)
    assert first.observed_value == "33.33 % unexpected"
    assert (second.outcome, second.observed_value) == ("pass", "41")
    assert [r.column for r in report.warnings] == ["t"]


KNOWN = {"issue": "grid/17", "until": "2020-02-25", "why": "the sender mends it in March"}


def test_a_suppressed_check_is_told_but_does_not_bite_until_its_date(tmp_path: Path) -> None:
    rule = _expect("column_values_to_not_be_null", column="a") | {"suppressed": KNOWN}
    suite, table = _suite(tmp_path, rule), pa.table({"a": [1, None]})
    on_its_date, day_after = (checks.evaluate(suite, "trial", table, DAY + dt.timedelta(days=days)) for days in (0, 1))
    assert [(r.severity, r.outcome, r.unexpected_count) for r in on_its_date.results] == [("info", "fail", 1)]
    assert not on_its_date.critical_failures
    assert [r.severity for r in day_after.critical_failures] == ["critical"]
    assert on_its_date.results[0].check_id == day_after.results[0].check_id


def test_a_lapsed_suppression_is_told_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rule = _expect("column_values_to_not_be_null", column="a") | {"suppressed": KNOWN}
    suite, table = _suite(tmp_path, rule), pa.table({"a": [1]})
    checks.evaluate(suite, "trial", table, DAY)
    assert "lapsed" not in caplog.text
    checks.evaluate(suite, "trial", table, DAY + dt.timedelta(days=1))
    assert re.search(r"column_values_to_not_be_null:a:\w+ \(grid/17\) lapsed on 2020-02-25", caplog.text)


def test_a_suppressed_check_that_cannot_be_evaluated_still_stops(tmp_path: Path) -> None:
    rule = _expect("column_values_to_not_be_null", column="b") | {"suppressed": KNOWN}
    report = checks.evaluate(_suite(tmp_path, rule), "trial", pa.table({"a": [1]}), DAY)
    assert [r.outcome for r in report.critical_failures] == ["error"]


@pytest.mark.parametrize(
    "suppressed",
    [
        None,
        {},
        "grid/17",
        {"issue": "grid/17", "until": "2020-03-15"},
        KNOWN | {"why": ""},
        KNOWN | {"issue": 17},
        KNOWN | {"by": "somebody"},
        KNOWN | {"until": "soon"},
        KNOWN | {"until": None},
    ],
)
def test_a_suppression_needs_an_issue_an_end_and_a_reason(tmp_path: Path, suppressed: object) -> None:
    rule = _expect("column_values_to_not_be_null", column="a") | {"suppressed": suppressed}
    with pytest.raises(checks.SuiteError, match=r"expectation 1: .*(suppressed|until)"):
        _suite(tmp_path, rule)


def test_parameters_are_filled_in_scaled_and_shifted(tmp_path: Path) -> None:
    table = pa.table({"on": pa.array([DAY, DAY + dt.timedelta(days=1)])})
    half = {"$PARAMETER": "received", "times": 0.5, "plus": 1}
    rules = [
        _expect("column_max_to_be_between", column="on", max_value={"$PARAMETER": "day", "plus": 1}),
        _expect("column_min_to_be_between", column="on", min_value={"$PARAMETER": "day", "plus": 1}),
        _expect("table_row_count_to_be_between", min_value=half),
    ]
    assert [r.outcome for r in _judge(tmp_path, table, *rules, received=2).results] == ["pass", "fail", "pass"]
    assert [r.outcome for r in _judge(tmp_path, table, *rules, received=4).results] == ["pass", "fail", "fail"]
    missing = _judge(tmp_path, table, *rules).results[2]
    assert (missing.outcome, missing.observed_value) == ("error", "parameter missing: received")


def test_times_are_compared_as_shanghai_local_time(tmp_path: Path) -> None:
    late = dt.datetime(2020, 2, 25, 15, 59, tzinfo=dt.UTC)  # 23:59 in Shanghai
    rule = _expect("column_max_to_be_between", column="at", max_value={"$PARAMETER": "day", "plus": 1})
    fields = pa.timestamp("us", tz="UTC")
    assert not _judge(tmp_path, pa.table({"at": pa.array([late], fields)}), rule).critical_failures
    after = pa.table({"at": pa.array([late + dt.timedelta(minutes=2)], fields)})
    assert _judge(tmp_path, after, rule).critical_failures


def test_booleans_with_nulls_and_row_conditions(tmp_path: Path) -> None:
    table = pa.table({"a": [True, False, None], "b": [True, True, False]})
    report = _judge(
        tmp_path, table,
        _expect("column_values_to_be_in_set", column="b", value_set=[True], row_condition='a == "true"'),
        _expect("column_values_to_be_in_set", column="b", value_set=[True]),
    )  # fmt: skip
    assert [r.outcome for r in report.results] == ["pass", "fail"]


def test_repair_marks_are_offered_as_columns(tmp_path: Path) -> None:
    marks = pa.array([["phone_reformatted"], [], ["t_invalid", "phone_reformatted"], None], pa.list_(pa.string()))
    padded = pa.table({"repaired": pa.concat_arrays([pa.array([["x_invalid"]], marks.type), marks, marks])})
    chunked = pa.table({"repaired": pa.chunked_array([marks[:2], marks[2:]])})
    for table in (pa.table({"repaired": marks}), chunked, padded.slice(1, 4)):
        report = _judge(
            tmp_path, table,
            _expect("column_values_to_be_in_set", column="repaired_any", value_set=[False]),
            _expect("column_values_to_be_in_set", column="repaired_invalid", value_set=[False]),
        )  # fmt: skip
        assert [r.unexpected_count for r in report.results] == [2, 1]


def test_a_check_without_a_result_and_an_engine_that_breaks_stop_the_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from great_expectations.validator.metrics_calculator import MetricsCalculator

    rules = [_expect("column_values_to_not_be_null", "info", column="a"), _expect("table_row_count_to_equal", value=1)]
    whole = MetricsCalculator.resolve_validation_graph

    def without_nulls(*args: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
        metrics, aborted = whole(*args)
        return {key: value for key, value in metrics.items() if "nonnull" not in key.metric_name}, aborted

    monkeypatch.setattr(MetricsCalculator, "resolve_validation_graph", without_nulls)
    report = _judge(tmp_path, pa.table({"a": [1]}), *rules)
    assert [(r.outcome, r.observed_value) for r in report.critical_failures] == [("error", "not evaluated: no result")]

    def break_down(*_: object) -> None:
        raise RuntimeError("15400001234")

    monkeypatch.setattr(MetricsCalculator, "resolve_validation_graph", break_down)
    report = _judge(tmp_path, pa.table({"a": [1]}), *rules)
    assert [r.outcome for r in report.critical_failures] == ["error", "error"]
    assert "15400001234" not in repr(report)


def test_an_aggregate_over_no_values_is_no_finding(tmp_path: Path) -> None:
    table = pa.table({"t": pa.array([None, None], pa.float64())})
    report = _judge(tmp_path, table, _expect("column_mean_to_be_between", column="t", min_value=35))
    assert [(r.outcome, r.observed_value) for r in report.results] == [("pass", "no values to judge")]


def test_check_ids_are_stable_and_follow_the_kwargs(tmp_path: Path) -> None:
    rule = _expect("column_values_to_not_be_null", column="a")
    (check,) = _suite(tmp_path, rule).checks
    assert check.check_id == "column_values_to_not_be_null:a:59c3df68"
    (warned,) = _suite(tmp_path, rule | {"severity": "warning", "meta": {"why": "x"}}).checks
    assert warned.check_id == check.check_id
    with pytest.raises(checks.SuiteError, match="stands there twice"):
        _suite(tmp_path, rule, rule)


def test_result_rows_are_what_ops_takes(tmp_path: Path) -> None:
    report = _judge(tmp_path, pa.table({"a": [1]}), _expect("column_values_to_not_be_null", column="a"))
    (row,) = checks.result_rows(report, "run-1")
    assert row["run_id"] == "run-1"
    assert (row["suite"], row["column_name"], row["outcome"]) == ("trial", "a", "pass")
    assert row["checked_at"] is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ('{"name": "x", "expectations": []}', "at least one expectation"),
        ('{"name": "x", "expectations": [{"type": "expect_a", "severity": "fatal"}]}', "severity must be one of"),
        ('{"name": "x", "expectations": [{"type": "expect_a", "kwarg": {}}]}', "unknown keys"),
        ('{"name": "x", "expectation": [1], "expectations": [1]}', "unknown keys"),
    ],
)
def test_a_faulty_suite_file_is_named_with_its_fault(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text, encoding="utf-8")
    with pytest.raises(checks.SuiteError, match=message) as error:
        checks.load_suite("x", tmp_path)
    assert "x.json" in str(error.value)


def test_an_unknown_expectation_or_argument_is_named(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    with pytest.raises(checks.SuiteError, match="no expectation type 'expect_miracles'"):
        _judge(tmp_path, table, _expect("miracles"))
    with pytest.raises(checks.SuiteError, match="not a valid expect_column_values_to_be_in_set"):
        _judge(tmp_path, table, _expect("column_values_to_be_in_set", column="a", value_sett=[1]))


def test_a_missing_suite_says_what_to_do() -> None:
    with pytest.raises(checks.SuiteError, match=r"No expectation suite for 'nowhere'.*resumption\.scaffold"):
        checks.check_partition("nowhere", pa.table({"a": [1]}), DAY)


def test_importing_the_module_imports_nothing_heavy() -> None:
    code = "import sys, resumption.checks; print({'great_expectations', 'pandas', 'pyarrow'} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_table_is_left_as_it_was() -> None:
    table = partition("checkins")
    before = table.slice(0)
    checks.check_partition("checkins", table, DAY)
    assert table.equals(before)
    assert pc.sum(pc.cast(table.column("symptomatic"), pa.int64())).as_py() == 3
