"""How many rows of a feed find what they refer to in another: the model, and the suite that judges it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from resumption import checks
from resumption.models import run_models
from tests.models.given import inputs

DAY = dt.date(2020, 2, 25)
A, B, NOBODY = "91330108MA27A00001", "91330108MA27A00002", "91330108MA27A00009"


def _deliver(feed: str, *rows: dict[str, Any], day: dt.date = DAY, name: str | None = None) -> dict[str, Any]:
    return {"feed": feed, "for": day, "rows": list(rows)} | ({"name": name} if name else {})


def _references(*deliveries: dict[str, Any]) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = run_models(inputs(deliveries), DAY, ["feed_reference"])["feed_reference"].to_pylist()
    return {(r["feed"], r["reference"]): (r["n_rows"], r["n_matched"], r["share"]) for r in rows}


REGISTRY = _deliver("market_registry", {"uscc": A, "name": "甲"}, {"uscc": B, "name": "乙"}, name="entities")


def test_rows_that_name_an_enterprise_are_looked_for_in_the_registry() -> None:
    found = _references(
        REGISTRY,
        _deliver("checkins", *({"uscc": u, "phone_token": f"p{n}"} for n, u in enumerate((A, A, B, NOBODY)))),
        _deliver("approvals", {"uscc": A, "application_id": "1"}, {"uscc": NOBODY, "application_id": "2"}),
        _deliver("health_declarations", {"uscc": A, "phone_token": "p0"}, {"uscc": NOBODY, "phone_token": "p1"}),
        _deliver(
            "self_reports",
            {"uscc": A, "name": "甲", "report_id": "1"},
            {"uscc": None, "name": "乙", "report_id": "2"},
            {"uscc": None, "name": "丙", "report_id": "3"},
        ),
        _deliver("meter_accounts", {"uscc": B, "account_no": "1"}, day=dt.date(2020, 2, 24)),
    )
    registry = {feed: counts for (feed, reference), counts in found.items() if reference == "market_registry"}
    assert registry == {
        "checkins": (4, 3, 0.75),
        "approvals": (2, 1, 0.5),
        "health_declarations": (2, 1, 0.5),
        # one by its code, one by its name
        "self_reports": (3, 2, pytest.approx(2 / 3)),
        # the latest list stands until the next
        "meter_accounts": (1, 1, 1.0),
    }


def test_people_are_looked_for_in_the_declarations_of_all_days_up_to_the_date() -> None:
    before, after = DAY - dt.timedelta(days=3), DAY + dt.timedelta(days=1)
    found = _references(
        REGISTRY,
        _deliver("health_declarations", {"uscc": A, "person_token": "i0", "phone_token": "p0"}, day=before),
        _deliver("health_declarations", {"uscc": A, "person_token": "i1", "phone_token": "p1"}, day=after),
        _deliver("checkins", {"uscc": A, "phone_token": "p0"}, {"uscc": A, "phone_token": "p1"}),
        _deliver("checkins", {"uscc": A, "phone_token": "p1"}, day=before),
        _deliver("health_codes", *({"person_token": t, "colour": "green"} for t in ("i0", "i0", "i1", "i2"))),
        *(
            _deliver(f"carrier_{c}", {"phone_token": "p0"}, {"phone_token": "p9"}, {"phone_token": None})
            for c in ("mobile", "unicom", "telecom", "wasu")
        ),
    )
    declared = {feed: counts for (feed, reference), counts in found.items() if reference == "health_declarations"}
    assert declared == {
        "checkins": (2, 1, 0.5),
        "health_codes": (4, 2, 0.5),
        "carrier_mobile": (2, 1, 0.5),
        "carrier_unicom": (2, 1, 0.5),
        "carrier_telecom": (2, 1, 0.5),
        # masked numbers are not asked
        "carrier_wasu": (2, 1, 0.5),
    }


def test_registered_meters_are_looked_for_among_those_read_last() -> None:
    before = DAY - dt.timedelta(days=1)
    found = _references(
        _deliver("household_power", {"meter_token": "m1"}, {"meter_token": "m2"}, day=before),
        _deliver("household_power", {"meter_token": "m3"}, day=before - dt.timedelta(days=1)),
        _deliver("quarantine_register", *({"meter_token": t} for t in ("m1", "m2", "m3", None))),
    )
    assert found == {("quarantine_register", "household_power"): (3, 2, pytest.approx(2 / 3))}


def test_without_any_rows_there_is_nothing_to_judge() -> None:
    assert _references() == {}
    report = checks.check_partition("feed_reference", _table(), DAY)
    assert {r.outcome for r in report.results} == {"pass"}


def _table(*rows: tuple[str, str, int, int]) -> pa.Table:
    names = ("feed", "reference", "n_rows", "n_matched", "share")
    schema = pa.schema(list(zip(names, (pa.string(), pa.string(), pa.int64(), pa.int64(), pa.float64()), strict=True)))
    full = [(*row, row[3] / row[2]) for row in rows]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in full], schema=schema)


def test_a_share_is_judged_for_its_own_feed_and_told() -> None:
    usual = [("checkins", "market_registry", 1000, 999), ("checkins", "health_declarations", 1000, 950)]
    report = checks.check_partition("feed_reference", _table(*usual, ("approvals", "market_registry", 50, 20)), DAY)
    assert [(r.observed_value, r.severity) for r in report.warnings] == [("0.4", "warning")]
    assert "approvals in market_registry" in report.warnings[0].check_id
    assert not report.critical_failures
    assert "0.999" in {r.observed_value for r in report.results}


def test_a_share_of_a_handful_of_rows_is_no_finding() -> None:
    report = checks.check_partition("feed_reference", _table(("checkins", "market_registry", 19, 0)), DAY)
    assert not report.warnings


def test_every_pair_of_the_model_is_judged() -> None:
    conditions = " ".join(str(c.kwargs.get("row_condition")) for c in checks.load_suite("feed_reference").checks)
    for feed in ("checkins", "health_declarations", "approvals", "self_reports", "meter_accounts", "health_codes"):
        assert f'feed == "{feed}"' in conditions
    for carrier in ("mobile", "unicom", "telecom", "wasu"):
        assert f'feed == "carrier_{carrier}"' in conditions
    assert 'feed == "quarantine_register" and reference == "household_power"' in conditions
