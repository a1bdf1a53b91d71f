"""The eight feeds, one module each."""

from simulator.feeds import (
    approvals,
    carrier_mobile,
    checkins,
    enterprise_power,
    meter_accounts,
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
        checkins,
        carrier_mobile,
        enterprise_power,
        meter_accounts,
    )
}
"""Feeds that come as files; the market registry is an interface, see `feeds.market_registry`."""

__all__ = ["FEEDS", "Feed", "Slot"]
