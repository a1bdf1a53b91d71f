"""Alerts: what is wrong is read from the outcome rows, folded, written to one person, and sent from an outbox.

``tell`` writes alerts and messages in one transaction; ``send_pending`` sends them. Both may be repeated at any time.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from resumption import ops
from resumption.alerts.channels import is_set_up
from resumption.alerts.folding import fold
from resumption.alerts.kinds import Kind, Problem
from resumption.alerts.messages import messages
from resumption.alerts.outbox import Sent, UndeliveredError, send_pending
from resumption.alerts.problems import problems
from resumption.alerts.routing import AlertConfigError, Routes, Silence, load_routes, load_silences
from resumption.alerts.runs import AirflowRuns, NoAirflow, Runs

__all__ = [
    "AirflowRuns",
    "AlertConfigError",
    "Kind",
    "NoAirflow",
    "Problem",
    "Routes",
    "Runs",
    "Sent",
    "Silence",
    "UndeliveredError",
    "load_routes",
    "load_silences",
    "send_pending",
    "tell",
    "work",
]


def work(runs: Runs, now: dt.datetime | None = None) -> dict[str, int]:
    """Find what is wrong, write the messages, send what waits; return counts.

    Raises:
        UndeliveredError: after everything was tried, naming the messages that were given up.
    """
    routes = load_routes()
    counts = tell(runs, routes, load_silences(), now)
    sent = send_pending(routes, now)
    if sent.dead:
        raise UndeliveredError(
            f"{len(sent.dead)} messages could not be delivered for {routes.give_up_after_hours:g} hours and are given "
            f"up; they stand in ops.alert_message with the state dead: {'; '.join(sent.dead)}"
        )
    return {**counts, "sent": sent.sent, "waiting": sent.waiting}


def tell(
    runs: Runs, routes: Routes, silences: tuple[Silence, ...] = (), now: dt.datetime | None = None
) -> dict[str, int]:
    """Write alerts and the messages about them in one transaction; return counts of alerts and messages."""
    now = now or dt.datetime.now(dt.UTC)
    set_up = [channel for channel in routes.channels if is_set_up(channel)]
    with ops.holding("alerts:tell"), ops.engine().begin() as conn:
        found = problems(conn, runs, silences, now)
        remind_after = dt.timedelta(hours=routes.remind_after_hours)
        folded = fold(ops.alerts_not_recovered(conn), found, silences, now, remind_after)
        written: list[dict[str, Any]] = messages(conn, folded, routes, set_up, now)
        ops.save_alerts(conn, folded.rows)
        ops.queue_messages(conn, written)
    return {
        "open": sum(row["state"] == "open" for row in folded.rows),
        "news": len(folded.news),
        "reminders": len(folded.reminders),
        "recovered": len(folded.recovered),
        "messages": len({row["message_id"] for row in written}),
    }
