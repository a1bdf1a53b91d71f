"""``python -m resumption.alerts`` tells what is wrong and says where; ``… test <channel>`` tries a channel."""

from __future__ import annotations

import argparse
import sys

from resumption import alerts, ops
from resumption.alerts.channels import ChannelError, send
from resumption.alerts.messages import test_message
from resumption.settings import SettingError

_SHOWN = "select severity, subject, business_date, kind from ops.alert where state = 'open' order by 1, 2, 3"


def main() -> None:
    """Tell, or try a channel."""
    parser = argparse.ArgumentParser(prog="python -m resumption.alerts", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    trying = commands.add_parser("test", help="send a test message over a channel of include/alerts/routes.yaml")
    trying.add_argument("channel")
    asked = parser.parse_args()
    try:
        print(_try(asked.channel) if asked.command else _tell())
    except (SettingError, alerts.AlertConfigError, alerts.UndeliveredError, ChannelError) as error:
        sys.exit(str(error))


def _try(channel: str) -> str:
    routes = alerts.load_routes()
    if channel not in routes.channels:
        raise ChannelError(f"expected one of {', '.join(routes.channels)}, got {channel!r}")
    send(channel, routes.channels[channel], test_message(routes.language))
    return f"{channel} took the test message"


def _tell() -> str:
    alerts.work(alerts.NoAirflow())
    with ops.engine().connect() as conn:
        severities, states = ops.open_alerts(conn), ops.message_states(conn)
    messages = ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    channel = "" if states.keys() - {"kept"} else "; no channel is set up, see docs/alerts.md"
    counts = f"{sum(severities.values())} open, {severities.get('critical', 0)} of them critical"
    return f'Alerts: {counts}; messages in ops.alert_message: {messages}{channel}\n  make psql SQL="{_SHOWN}"'


if __name__ == "__main__":
    main()
