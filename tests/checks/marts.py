"""A small right partition of each mart table, as the models give it to the checks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from resumption.contracts import load_table

DAY = dt.date(2020, 2, 25)
CODES = [f"91330108MA27Q0{i}" for i in range(1000, 1004)]

ROWS: dict[str, list[dict[str, Any]]] = {
    "enterprise": [
        {"uscc": CODES[0], "valid_from": dt.date(2020, 2, 10), "valid_to": dt.date(2020, 2, 20)},
        {"uscc": CODES[0], "valid_from": dt.date(2020, 2, 20), "in_scope": True, "above_scale": True},
        {"uscc": CODES[1], "valid_from": dt.date(2020, 2, 10), "in_scope": True, "above_scale": False},
        {"uscc": CODES[2], "valid_from": dt.date(2020, 2, 10), "status": "注销", "location_method": "unallocated"},
    ],
    "enterprise_resumption": [
        {"uscc": CODES[0], "status": "resumed", "staff_total": 100, "staff_onsite": 80, "staff_rate": 0.8},
        {"uscc": CODES[1], "status": "resumed_partial", "staff_total": 9, "staff_onsite": 1, "staff_rate": 0.11},
        {
            "uscc": CODES[2], "status": "not_started", "self_reported": False, "official_resumed": False,
            "corroborated_resumed": False, "first_resumed_on": None, "power_index": None, "people_onsite": None,
        },
        {"uscc": CODES[3], "status": "closed", "self_reported": False, "official_resumed": False,
         "corroborated_resumed": False, "first_resumed_on": None},
    ],
    "resumption_summary": [
        {"scope": "statistical", "level": "district", "unit": "330108", "denominator": 230, "resumed": 211},
        {"scope": "above_scale_industry", "level": "size", "unit": "300+", "denominator": 1, "resumed": 1},
        {"scope": "services", "level": "park", "unit": "P01", "denominator": 30, "resumed": 11, "delta_1d": None},
    ],
    "enterprise_power_index": [
        {"account_no": "1", "kwh": 12.5, "baseline_kwh": 10.0, "ratio": 1.25, "index": 125.0, "relation": "exclusive",
         "uscc": CODES[0]},
        {"account_no": "2", "kwh": 900.0, "baseline_kwh": 10.0, "ratio": 90.0, "index": 150.0, "relation": "shared"},
        {"account_no": "3", "kwh": -2.0, "quality": "negative", "relation": None},
        {"account_no": "4", "kwh": 3.0, "quality": "no_baseline", "relation": "resale"},
        {"account_no": "5", "kwh": 5.0, "baseline_kwh": 10.0, "ratio": 0.5, "index": 50.0, "relation": "exclusive"},
    ],
    "power_index_summary": [
        {"level": "district", "unit": "330108", "index": 53.71, "n": 50, "n_resumed": 30, "coverage": 0.2},
        {"level": "park", "unit": "P01", "index": 400.0, "n": 1, "n_resumed": 1, "largest_share": 1.0,
         "dominated": True, "coverage": None},
        {"level": "subdistrict", "unit": "unallocated", "index": 0.0, "n": 2, "n_resumed": 0, "largest_share": None,
         "kwh_resumed": 0.0, "coverage": None},
    ],
    "returnee_screening": [
        {"person_token": "a" * 64, "episode_no": 1, "key_level": "high", "state": "closed"},
        {"person_token": "a" * 64, "episode_no": 2, "key_level": "high", "state": "open"},
        {"person_token": "b" * 64, "episode_no": 1, "key_level": "medium", "state": "open"},
    ],
    "key_region": [
        {"region_code": f"{code}00", "level": "high" if code < 1110 else "low"} for code in range(1101, 1451)
    ],
    "household_power_screening": [
        {"meter_token": "m1", "scenario": "STAYED"},
        {"meter_token": "m2", "scenario": "RETURNED", "days_away": 3, "return_date": dt.date(2020, 2, 20),
         "suggested_action": "check"},
        {"meter_token": "m3", "scenario": "VACANT", "baseline_kwh": 0.0},
        {"meter_token": "m4", "scenario": "INTERMITTENT", "community_code": None},
    ],
    "employee_screening": [
        {"person_token": "a" * 64, "uscc": CODES[0]},
        {"person_token": "a" * 64, "uscc": CODES[1], "on_site": False, "readings_valid": 0, "max_temperature_c": None},
        {"person_token": "b" * 64, "uscc": CODES[0], "decision": "check", "reasons": ["contact"], "had_contact": True},
    ],
    "approval_reference": [
        {"application_id": "a1", "uscc": CODES[0], "advice": "support"},
        {"application_id": "a2", "uscc": CODES[0], "advice": "clarify", "reasons": ["no_roster"], "roster_size": 0,
         "roster_ok_share": None},
    ],
    "enterprise_followup": [
        {"case_id": "c1", "uscc": CODES[0], "reason": "HIGH_INDEX"},
        {"case_id": "c2", "uscc": CODES[0], "reason": "LOW_INDEX", "last_seen_on": dt.date(2020, 2, 20),
         "closed_on": dt.date(2020, 2, 23)},
    ],
    "followup_condition": [
        {"uscc": CODES[0], "reason": "HIGH_INDEX"},
        {"uscc": CODES[0], "reason": "UNAPPROVED_RESUMPTION"},
    ],
    "messaging_audience": [
        {"campaign": "normal_operation", "uscc": CODES[0], "contact_phone_token": "a" * 64},
        {"campaign": "normal_operation", "uscc": CODES[1], "included": False, "reason": "closed"},
    ],
    "enterprise_xref": [
        {"feed": "approvals", "source_key": CODES[0], "uscc": CODES[0]},
        {"feed": "meter_accounts", "source_key": CODES[0], "uscc": CODES[0]},
        {"feed": "statistical_scope", "source_key": CODES[0], "uscc": CODES[0]},
        {"feed": "statistical_scope", "source_key": CODES[1], "uscc": CODES[1]},
        {"feed": "statistical_scope", "source_key": "示例科技", "uscc": CODES[2], "method": "unique_name",
         "score": 0.95},
    ],
}  # fmt: skip

_USUAL: dict[str, dict[str, Any]] = {
    "enterprise": {
        "name": "示例科技", "status": "存续", "industry_section": "I", "location_method": "feed", "in_scope": False,
    },
    "enterprise_resumption": {
        "self_reported": True, "report_stale": False, "approved": True, "white_listed": False, "official_resumed": True,
        "corroborated_resumed": True, "first_resumed_on": dt.date(2020, 2, 20), "power_index": 80.0, "people_onsite": 3,
        "conflict_codes": [],
    },
    "resumption_summary": {
        "official_rate": 0.9, "corroborated_rate": 0.7, "staff_rate": 0.6, "reporting": 1, "coverage": 0.9,
        "delta_1d": 0.01, "suppressed": False,
    },
    "enterprise_power_index": {"quality": "ok"},
    "power_index_summary": {"kwh_resumed": 10.0, "baseline_kwh": 20.0, "largest_share": 0.4, "dominated": False},
    "returnee_screening": {
        "origins": ["420100"], "carriers": ["mobile"], "n_sources": 1, "in_roster": False,
        "last_exposure_on": dt.date(2020, 2, 18), "window_end": dt.date(2020, 3, 3),
    },
    "key_region": {"valid_from": dt.date(2019, 12, 1), "province": "省", "name": "市", "basis": "cases"},
    "household_power_screening": {
        "confidence": 0.9, "baseline_kwh": 8.5, "ratio": 1.0, "community_code": "330108001001",
        "community_median_ratio": 1.0, "suggested_action": "none",
    },
    "employee_screening": {
        "phone_token": "c" * 64, "code_colour": "green", "code_age_hours": 10.0, "readings_valid": 2,
        "max_temperature_c": 36.6, "on_site": True, "key_region_transit": False, "symptoms": False,
        "had_contact": False, "open_returnee_episode": False, "decision": "ok", "reasons": [],
    },
    "approval_reference": {
        "self_reported": False, "approved": False, "white_listed": False, "roster_size": 10, "roster_ok_share": 0.9,
        "reasons": [],
    },
    "enterprise_followup": {
        "opened_on": dt.date(2020, 2, 19), "last_seen_on": DAY, "evidence": "power index 82", "owner_unit": "330108",
        "due_on": dt.date(2020, 2, 21),
    },
    "followup_condition": {
        "evidence": "power index 82", "evidence_zh": "用电指数 82", "rule": "enterprise_resumption@1.0.0", "inputs": [],
    },
    "messaging_audience": {"is_current": True, "included": True, "reason": "to_keep_protected"},
    "enterprise_xref": {"method": "uscc", "score": 1.0},
}  # fmt: skip


def mart(table: str, *changes: dict[str, Any]) -> pa.Table:
    """Return a right partition of ``table``; the i-th of ``changes`` is applied to its i-th row."""
    schema = pa.schema([f for f in load_table(table).arrow_schema() if f.name not in ("run_id", "built_at")])
    usual = {"business_date": DAY, "rule_version": "rule@1", **_USUAL[table]}
    rows = [
        {**usual, **row, **(changes[i] if i < len(changes) else {})}
        for i, row in enumerate(ROWS[table])
    ]  # fmt: skip
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows]).cast(
        pa.schema([f.with_nullable(True) for f in schema])
    )
