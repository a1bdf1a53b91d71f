"""Messages go to firms' contacts only, unless they opted out, and say nothing of anybody's health."""

from __future__ import annotations

from resumption.contracts import load_table
from resumption.models.loader import load_models
from resumption.models.order import closure


def test_the_receivers_are_contacts_that_firms_themselves_named() -> None:
    models = load_models()
    guarded = [
        c.name for c in load_table("messaging_audience").columns if c.classification in ("personal", "sensitive")
    ]
    assert guarded == ["contact_phone_token"]
    feeds = {feed for name in closure(models, ["int_contact"]) for feed in models[name].reads("feed")}
    assert "self_reports" in feeds
    assert feeds <= {"market_registry", "self_reports", "statistical_scope", "meter_accounts"}


def test_nothing_of_health_is_in_what_an_audience_is_drawn_from() -> None:
    models = load_models()
    below = closure(models, ["messaging_audience"])
    assert not below & {"employee_screening", "returnee_screening", "household_power_screening"}
    of_health = {"health_declarations", "health_codes", "carrier_mobile", "quarantine_register", "household_power"}
    assert not {feed for name in below for feed in models[name].reads("feed")} & of_health


def test_who_opted_out_is_asked_in_every_campaign() -> None:
    assert "message_opt_out" in load_models()["messaging_audience"].reads("reference")
