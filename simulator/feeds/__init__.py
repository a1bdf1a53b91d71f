"""The feeds, one module each."""

from simulator.feeds import (
    approvals,
    carrier_mobile,
    carrier_telecom,
    carrier_unicom,
    carrier_wasu,
    checkins,
    city_cases,
    enterprise_power,
    health_codes,
    health_declarations,
    household_power,
    meter_accounts,
    quarantine_register,
    self_reports,
    statistical_scope,
)
from simulator.feeds.base import Feed, Slot

FEEDS: dict[str, Feed] = {
    module.FEED.name: module.FEED
    for module in (
        statistical_scope,
        self_reports,
        approvals,
        health_declarations,
        checkins,
        health_codes,
        carrier_mobile,
        carrier_unicom,
        carrier_telecom,
        carrier_wasu,
        enterprise_power,
        household_power,
        meter_accounts,
        quarantine_register,
        city_cases,
    )
}
"""Feeds that come as files; the market registry is an interface, see `feeds.market_registry`."""

DROP_SENDERS = sorted({feed.sender for feed in FEEDS.values() if feed.dropped})
"""Senders that put files into a drop folder: a login each."""

__all__ = ["DROP_SENDERS", "FEEDS", "Feed", "Slot"]
