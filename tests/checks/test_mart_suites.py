"""What the tables' suites let through and what they stop."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from resumption import checks
from resumption.contracts import table_names
from tests.checks.marts import CODES, DAY, ROWS, mart


@pytest.mark.parametrize("table", sorted(ROWS))
def test_a_right_table_is_published_without_a_warning(table: str) -> None:
    report = checks.check_partition(table, mart(table), DAY)
    assert [r.message for r in report.critical_failures] == []
    assert [r.message for r in report.warnings if r.column != "location_method"] == []


NEVER_EMPTY = ("enterprise", "enterprise_resumption", "resumption_summary", "key_region")


@pytest.mark.parametrize("table", sorted(ROWS))
def test_no_check_of_an_empty_table_is_an_error(table: str) -> None:
    report = checks.check_partition(table, mart(table).slice(0, 0), DAY)
    assert [r.message for r in report.results if r.outcome == "error"] == []
    # without a day's readings, returnees, persons or cases the rest of the day is still published
    assert bool(report.critical_failures) == (table in NEVER_EMPTY)


def _judge_columns(table: str, rows: pa.Table, columns: set[str]) -> checks.CheckReport:
    """Evaluate the checks that look at any of ``columns``: the others cannot change their verdict."""
    suite = checks.load_suite(table)
    seen = [
        check
        for check in suite.checks
        if columns & {*check.columns, *re.findall(r"\w+", str(check.kwargs.get("row_condition")))}
    ]
    return checks.evaluate(replace(suite, checks=tuple(seen)), table, rows, DAY)


WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("enterprise", "uscc", {"valid_to": None}),
    ("enterprise", "status", {"status": "active"}),
    ("enterprise", "in_scope", {"in_scope": False, "above_scale": True}),
    ("enterprise", "valid_to, valid_from", {"valid_to": dt.date(2020, 2, 1)}),
    ("enterprise", "location_method", {"location_method": "code"}),
    ("enterprise_resumption", "uscc, business_date", {"uscc": CODES[1]}),
    ("enterprise_resumption", "business_date", {"business_date": DAY - dt.timedelta(days=1), "first_resumed_on": None}),
    ("enterprise_resumption", "status", {"status": "running"}),
    ("enterprise_resumption", "staff_rate", {"staff_rate": 1.2}),
    ("enterprise_resumption", "official_resumed", {"official_resumed": False, "corroborated_resumed": False}),
    ("enterprise_resumption", "self_reported", {"self_reported": False}),
    ("enterprise_resumption", "power_index", {"power_index": 151.0}),
    ("enterprise_resumption", "business_date, first_resumed_on", {"first_resumed_on": DAY + dt.timedelta(days=1)}),
    ("resumption_summary", "denominator", {"denominator": 0, "resumed": 0, "reporting": 0}),
    ("resumption_summary", "denominator, resumed", {"resumed": 231}),
    ("resumption_summary", "denominator, reporting", {"reporting": 231}),
    ("resumption_summary", "official_rate", {"official_rate": 91.9}),
    ("resumption_summary", "official_rate, corroborated_rate", {"corroborated_rate": 0.95}),
    ("resumption_summary", "scope", {"scope": "other"}),
    ("resumption_summary", "level", {"level": "city"}),
    ("resumption_summary", "unit", {"unit": None}),
    ("enterprise_power_index", "index", {"index": 151.0}),
    ("enterprise_power_index", "index", {"index": None}),
    ("enterprise_power_index", "uscc", {"relation": "shared"}),
    ("enterprise_power_index", "quality", {"quality": "fine", "index": None}),
    ("enterprise_power_index", "kwh", {"kwh": -1.0}),
    ("power_index_summary", "n", {"n": 0, "n_resumed": 0}),
    ("power_index_summary", "n, n_resumed", {"n_resumed": 51}),
    ("power_index_summary", "largest_share", {"largest_share": 1.1, "dominated": True}),
    ("power_index_summary", "dominated", {"largest_share": 0.6}),
    ("power_index_summary", "index", {"index": -1.0}),
    ("returnee_screening", "person_token", {"person_token": "15400001234"}),
    ("returnee_screening", "person_token, episode_no", {"episode_no": 2}),
    ("returnee_screening", "window_end, last_exposure_on", {"window_end": dt.date(2020, 2, 1)}),
    ("returnee_screening", "key_level", {"key_level": "low"}),
    ("returnee_screening", "state", {"state": "done"}),
    ("key_region", "region_code, valid_from", {"region_code": "110200"}),
    ("key_region", "level", {"level": "red"}),
    ("key_region", "valid_to, valid_from", {"valid_to": dt.date(2019, 11, 1)}),
    ("household_power_screening", "meter_token, business_date", {"meter_token": "m2"}),
    ("household_power_screening", "scenario", {"scenario": "AT_HOME"}),
    ("household_power_screening", "suggested_action", {"suggested_action": "fine"}),
    ("household_power_screening", "confidence", {"confidence": 1.1}),
    ("household_power_screening", "business_date, return_date", {"return_date": DAY + dt.timedelta(days=1)}),
    ("employee_screening", "person_token, uscc, business_date", {"uscc": CODES[1]}),
    ("employee_screening", "person_token", {"person_token": "330102199001011234"}),
    ("employee_screening", "max_temperature_c", {"max_temperature_c": 45.0}),
    ("employee_screening", "decision", {"code_colour": "red"}),
    ("employee_screening", "decision", {"readings_valid": 1}),
    ("approval_reference", "application_id, business_date", {"application_id": "a2"}),
    ("approval_reference", "advice", {"advice": "refuse"}),
    ("approval_reference", "roster_ok_share", {"roster_ok_share": 1.5}),
    ("enterprise_followup", "case_id", {"case_id": "c2"}),
    ("enterprise_followup", "reason", {"reason": "OTHER"}),
    ("enterprise_followup", "closed_on, last_seen_on", {"closed_on": dt.date(2020, 2, 1)}),
    ("enterprise_followup", "evidence", {"evidence": None}),
    ("messaging_audience", "campaign, uscc", {"uscc": CODES[1]}),
    ("messaging_audience", "contact_phone_token", {"contact_phone_token": "15400001234"}),
    ("messaging_audience", "reason", {"reason": "closed"}),
    ("enterprise_xref", "feed, source_key", {"feed": "statistical_scope"}),
    ("enterprise_xref", "uscc", {"uscc": None}),
    ("enterprise_xref", "method", {"method": "guess"}),
]


@pytest.mark.parametrize(("table", "column", "change"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_row_stops_the_publication_at_its_column(table: str, column: str, change: dict[str, Any]) -> None:
    report = _judge_columns(table, mart(table, change), set(change))
    assert {r.column for r in report.critical_failures} == {column}


WORTH_A_LOOK: list[tuple[str, str, list[dict[str, Any]]]] = [
    ("enterprise", "in_scope", [{}, {"in_scope": False, "above_scale": None}, {"in_scope": False}]),
    ("enterprise_resumption", "status", [{"status": "unknown"}] * 3),
    ("resumption_summary", "delta_1d", [{"delta_1d": -0.4}]),
    ("resumption_summary", "coverage", [{"coverage": 0.3}]),
    ("power_index_summary", "index", [{"index": 130.0}]),
]


@pytest.mark.parametrize(("table", "column", "changes"), WORTH_A_LOOK, ids=lambda value: str(value)[:40])
def test_an_unlikely_table_is_published_with_a_warning(table: str, column: str, changes: list[dict[str, Any]]) -> None:
    report = _judge_columns(table, mart(table, *changes), {name for change in changes for name in change})
    assert [r.message for r in report.critical_failures] == []
    assert column in {r.column for r in report.warnings}


def test_every_table_is_tested_here() -> None:
    assert set(table_names()) == set(ROWS)
