"""Messages from alerts: one for each run and owner, with all that somebody needs for the next step."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlencode

import sqlalchemy as sa

from resumption import settings
from resumption.alerts.consequences import consequence
from resumption.alerts.folding import AlertRow, Folded
from resumption.alerts.kinds import Kind, Severity
from resumption.alerts.routing import Routes
from resumption.alerts.runs import minute
from resumption.alerts.texts import text
from resumption.contracts import feed_names

MOST_PROBLEMS, MOST_LINES = 20, 5
NOWHERE = "-"
"""The channel of a message for which none is set up."""

MessageRow = dict[str, Any]
"""A row of ``ops.alert_message``."""

_WHOLE = (Kind.PUBLICATION_STOPPED, Kind.DELIVERY_REJECTED)
_WITH_ROWS = (*_WHOLE, Kind.CHECK_FAILED)


def messages(
    conn: sa.Connection, folded: Folded, routes: Routes, set_up: Sequence[str], now: dt.datetime
) -> list[MessageRow]:
    """Return a message for each run and owner that has news, and one for each owner's reminders and recoveries.

    Args:
        set_up: the channels that have a connection; without any for a message it is kept, not sent.
    """
    rows: list[MessageRow] = []
    for what, alerts in (("news", folded.news), ("reminder", folded.reminders), ("recovery", folded.recovered)):

        def group(alert: AlertRow, by_run: bool = what == "news") -> tuple[str, str]:
            return alert["owner"], (alert["run_id"] or str(alert["business_date"] or "")) if by_run else ""

        for (owner, _), of_group in groupby(sorted(alerts, key=group), key=group):
            rows += _message(conn, what, owner, list(of_group), routes, set_up, now)
    return rows


def _message(
    conn: sa.Connection,
    what: str,
    owner: str,
    alerts: list[AlertRow],
    routes: Routes,
    set_up: Sequence[str],
    now: dt.datetime,
) -> Iterator[MessageRow]:
    number = uuid.uuid4().hex
    severity: Severity = "critical" if any(alert["severity"] == "critical" for alert in alerts) else "warning"
    wanted = routes.channels_for(owner, min(alert["tier"] for alert in alerts), severity)
    channels = [channel for channel in wanted if channel in set_up]
    alerts = sorted(alerts, key=_order)
    run_id = alerts[0]["run_id"] if what == "news" else None
    written = {
        "message_id": number, "owner": owner, "run_id": run_id, "severity": severity,
        "alerts": [alert["alert_key"] for alert in alerts], "title": _title(what, severity, alerts, routes.language),
        "body": "\n".join(_body(conn, what, number, owner, alerts, routes.language)),
        "facts": {"id": number, "what": what, "owner": owner, "severity": severity, "run_id": run_id,
                  "alerts": [_fact(alert) for alert in alerts]},
        "attempts": 0, "queued_at": now, "next_try_at": now,
    }  # fmt: skip
    for channel in channels or [NOWHERE]:
        yield {**written, "channel": channel, "state": "pending" if channels else "kept"}


def _order(alert: AlertRow) -> tuple[str, str, str, str, str]:
    return alert["severity"], alert["kind"], alert["subject"], str(alert["business_date"]), alert["alert_key"]


def _title(what: str, severity: str, alerts: Sequence[AlertRow], language: str) -> str:
    label = text(severity if what == "news" else what, language)
    kinds = list(dict.fromkeys(alert["kind"] for alert in alerts))
    subjects = list(dict.fromkeys(alert["subject"] for alert in alerts))
    first = f"{text(kinds[0], language)} {text('joined', language).join(subjects[:3])}"
    said = text("more_kinds", language, what=first) if len(kinds) > 1 or len(subjects) > 3 else first
    return text("title", language, label=label, what=said, count=len(alerts))


def _body(
    conn: sa.Connection, what: str, number: str, owner: str, alerts: Sequence[AlertRow], language: str
) -> Iterator[str]:
    groups = [list(group) for _, group in groupby(alerts, key=lambda a: _order(a)[:3])]
    for group in groups[:MOST_PROBLEMS]:
        yield from _problem(conn, group, language)
        if what != "recovery":
            yield from _next_steps(conn, group, language)
        yield ""
    if len(groups) > MOST_PROBLEMS:
        yield text("more", language, count=sum(len(group) for group in groups[MOST_PROBLEMS:]))
    if what == "news":
        yield from _of_the_run(alerts[0], language)
    if day := alerts[0]["business_date"]:
        yield text("report", language, link=settings.ui_url(f"/resumption/reports/{day}/"))
    yield text("owner", language, owner=owner)
    yield text("number", language, number=number[:12])


def _problem(conn: sa.Connection, group: Sequence[AlertRow], language: str) -> Iterator[str]:
    first = group[0]
    kind, severity = text(first["kind"], language), text(first["severity"], language)
    yield text("problem", language, kind=kind, severity=severity, subject=first["subject"], count=len(group))
    for alert in group[:MOST_LINES]:
        found = alert["details"]
        line = ": ".join(part for part in (found["item"], found["said"]) if part)
        where = " ".join(filter(None, (str(alert["business_date"] or ""), line)))
        yield f"- {where}{_counts(found, language)}{_again(alert, language)}"
    if len(group) > MOST_LINES:
        yield text("more", language, count=len(group) - MOST_LINES)
    samples = list(dict.fromkeys(sample for alert in group for sample in alert["details"]["samples"]))
    if samples:
        listed = text("joined", language).join(samples[:MOST_LINES])
        yield "  " + text("samples", language, samples=listed)


def _counts(found: dict[str, Any], language: str) -> str:
    if found["count"] is None:
        return ""
    if found["of"] is None:
        return text("count", language, count=found["count"])
    return text("counts", language, count=found["count"], of=found["of"])


def _again(alert: AlertRow, language: str) -> str:
    if alert["times"] < 2:
        return ""
    return text("again", language, times=alert["times"], since=minute(alert["first_seen_at"]))


def _next_steps(conn: sa.Connection, group: Sequence[AlertRow], language: str) -> Iterator[str]:
    first = group[0]
    yield "  " + text("consequence", language, text=consequence(conn, group, language))
    if Kind(first["kind"]) in _WITH_ROWS and first["subject"] in feed_names():
        yield "  " + text("quarantine", language, link=_quarantine(first))
        yield "  " + text("query", language, query=_query(group, language))
    link = settings.ui_url(f"/resumption/runbooks/{first['kind']}?lang={language}")
    yield "  " + text("runbook", language, link=link)


def _quarantine(alert: AlertRow) -> str:
    asked = {"feed": alert["subject"], "delivery": alert["details"]["delivery_id"]}
    return settings.ui_url("/resumption/quarantine?" + urlencode({k: v for k, v in asked.items() if v}))


def _query(group: Sequence[AlertRow], language: str) -> str:
    """Return a line to paste into a shell: what was refused on the dates, by delivery."""
    days = [alert["business_date"] for alert in group]
    name = "refused_deliveries" if group[0]["kind"] in _WHOLE else "refused_rows"
    return text(name, language, feed=group[0]["subject"], first=min(days), last=max(days))


def _of_the_run(first: AlertRow, language: str) -> Iterator[str]:
    dag, run, day = first["details"]["dag_id"], first["run_id"], first["business_date"]
    if dag and run:
        yield text("run", language, link=settings.ui_url(f"/dags/{dag}/runs/{quote(run, safe='')}"))
    if day:
        page = f"board/{first['subject']}/{day}" if first["subject"] in feed_names() else f"?date={day}"
        yield text("page", language, link=settings.ui_url(f"/resumption/{page}"))


def _fact(alert: AlertRow) -> dict[str, Any]:
    """Return an alert as a machine reads it."""
    names = ("alert_key", "kind", "subject", "severity", "state", "tier", "times")
    day = alert["business_date"]
    return {**{n: alert[n] for n in names}, "business_date": str(day) if day else None, **alert["details"]}


def test_message(language: str) -> MessageRow:
    """Return a message that says that it only tries a channel."""
    number = uuid.uuid4().hex
    body = text("test_body", language) + "\n" + text("number", language, number=number[:12])
    facts = {"id": number, "what": "test"}
    return {"message_id": number, "title": text("test_title", language), "body": body, "facts": facts}
