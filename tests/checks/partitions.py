"""Small partitions of each feed and table, shaped by their contracts, with the defects the senders are known for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from resumption.contracts import load_feed

DAY = dt.date(2020, 2, 25)
AT = dt.datetime(2020, 2, 25, 8, 30, tzinfo=dt.UTC)

_STAY: dict[str, list[Any]] = {
    "region_code": ["420100", "330100", "310000"],
    "visit_begin_at": [AT - dt.timedelta(days=9)],
    "visit_end_at": [AT - dt.timedelta(days=5)],
    "returned_at": [AT - dt.timedelta(days=4), None],
    "dwell_hours": [96.0, 5.5, None, 90.0, 8.0],
}
_ID_TYPES = ["身份证"] * 9 + ["护照", "港澳台"]
_VALUES: dict[str, dict[str, list[Any]]] = {
    "market_registry": {
        "status": ["存续", "存续", "存续", "注销"],
        "industry_code": ["I6510", "C3911", "H6210", "F5211", "L7212", None],
        "subdistrict": ["长河街道", None],
        "delivery_name": ["entities"],
    },
    "statistical_scope": {
        "sector": ["工业", "服务业", "批发零售", "住宿餐饮", "建筑业", "房地产", "其他"],
        "above_scale": [True, False, False],
        "listed_month": [dt.date(2020, 2, 1)],
    },
    "self_reports": {
        "staff_total": [10, 50, 200, 12, 8, 9, 60, 80, 3, 1],
        "staff_onsite": [5, 5, 100, 12, 0, 7, 30, 40, 1, 2],
        "staff_in_key_region": [0, 1, 0],
        "prevention_plan": [True, True, False],
        "planned_resume_on": [dt.date(2020, 2, 20)],
        "actual_resume_on": [dt.date(2020, 2, 20), None],
    },
    "approvals": {
        "level": ["市", "区", "街道"],
        "event": ["申请", "通过", "通过", "申请", "通过", "退回", "申请", "通过", "通过", "撤销"],
        "white_list": [False, False, True],
        "applied_at": [AT - dt.timedelta(days=3)],
    },
    "checkins": {
        "code_colour": ["green"] * 55 + ["yellow", "red", None],
        "temperature_c": [36.4, 36.6, 36.5] * 20 + [37.4, None],
        "place": ["厂区", "居家", "厂区", "其他"],
        "delivery_name": ["am.csv", "pm.csv"],
    },
    "carrier_mobile": _STAY,
    "carrier_unicom": _STAY,
    "carrier_telecom": _STAY,
    "carrier_wasu": _STAY | {"phone_token": ["a" * 64, "b" * 64, None], "address_subdistrict": ["长河街道", None]},
    "enterprise_power": {
        "reading_on": [DAY, DAY - dt.timedelta(days=1)],
        "read_status": ["正常"] * 18 + ["缺失", "补采"],
        "energy": [12.5, 8.25, 0.0, 400.25, 31.0] * 6 + [-3.0, None],
        "multiplier": [1.0, 10.0, 100.0],
    },
    "health_declarations": {
        "id_type": _ID_TYPES,
        "address_subdistrict": ["长河街道", "西兴街道", None],
        "returned_on": [None, None, None, DAY - dt.timedelta(days=3)],
        "had_contact": [False] * 30 + [True],
        "symptomatic": [False] * 30 + [True],
    },
    "health_codes": {
        "id_type": _ID_TYPES,
        "phone_token": ["a" * 64] * 9 + [None],
        "colour": ["green", "yellow", "green", "red"],
        "since_at": [AT - dt.timedelta(hours=1)] * 9 + [None],
    },
    "household_power": {
        "community_code": ["330108001001", "330108001002"],
        "energy": [6.25, 4.5, 9.75, 0.0, 8.0] * 8 + [None],
        "quality": ["ok"] * 30 + ["missing", "estimated", "swap"],
    },
    "quarantine_register": {
        "delivery_name": ["330108001001.xlsx", "330108001002.xlsx"],
        "valid_from": [DAY - dt.timedelta(days=6)],
        "valid_to": [DAY + dt.timedelta(days=8), None],
    },
    "city_cases": {
        "province_code": ["420000", "330000"],
        "city_code": ["420100", "330100", "330300", "420600", None],
        "confirmed": [48_000, 169, 504, 1_175, 0],
        "suspected": [0],
        "cured": [160, 90, 300, None, 0],
        "dead": [100, 0, 1, None, 0],
    },
    "meter_accounts": {
        "relation": ["exclusive", "exclusive", "exclusive", "shared", "resale"],
        "valid_from": [dt.date(2018, 1, 1)],
        "valid_to": [None, None, dt.date(2020, 6, 30)],
    },
}
_OPTIONAL_CODE = {"statistical_scope", "self_reports", "meter_accounts"}


def partition(feed: str, rows: int = 60) -> pa.Table:
    """Return ``rows`` accepted rows of ``feed`` in its lake schema, the last two an exact duplicate."""
    schema = load_feed(feed).lake_schema()
    columns = [_column(feed, field, rows) for field in schema]
    return pa.table(columns, schema=schema)


def _column(feed: str, field: pa.Field, rows: int) -> pa.Array:
    cycle = _VALUES[feed].get(field.name)
    # the last row repeats the one before it, as re-sent rows do
    keys = [min(i, rows - 2) if rows > 1 else i for i in range(rows)]
    if field.name == "row_number":
        return pa.array(range(1, rows + 1), field.type)
    if cycle is not None:
        return pa.array([cycle[i % len(cycle)] for i in keys]).cast(field.type)
    return pa.array([_plain(feed, field, i) for i in keys], field.type)


def _plain(feed: str, field: pa.Field, i: int) -> Any:
    """A value for a column no rule looks at closely, by its name or its type."""
    named = {
        "uscc": None if feed in _OPTIONAL_CODE and i % 10 == 3 else f"9133010800{i:07d}X",
        "uscc_candidate": None,
        "business_date": DAY,
        "delivered_for": DAY,
        "delivery_id": "d-1",
        "repaired": [["temperature_invalid"], ["contact_phone_reformatted"], [], [], [], [], [], [], [], []][i % 10],
    }
    if field.name in named:
        return named[field.name]
    if field.name.endswith("_token"):
        return f"{i:064x}"
    return _by_type(field, i)


def _by_type(field: pa.Field, i: int) -> Any:
    if pa.types.is_timestamp(field.type):
        return AT + dt.timedelta(minutes=i)
    if pa.types.is_date(field.type):
        return DAY
    if pa.types.is_boolean(field.type):
        return i % 20 == 0
    if pa.types.is_integer(field.type):
        return i
    return f"{field.name} {i}"
