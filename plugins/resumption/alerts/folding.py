"""What of the problems is news: repeats are folded, recovery is told once, silences hold until they lapse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from resumption.alerts.kinds import Kind, Problem, owner_of
from resumption.alerts.problems import follows
from resumption.alerts.routing import Silence
from resumption.alerts.runs import today

AlertRow = dict[str, Any]
"""A row of ``ops.alert``."""


@dataclass
class Folded:
    """What became of the alerts: all rows to write, and which of them are told as what."""

    rows: list[AlertRow] = field(default_factory=list)
    news: list[AlertRow] = field(default_factory=list)
    reminders: list[AlertRow] = field(default_factory=list)
    recovered: list[AlertRow] = field(default_factory=list)


def fold(
    known: Mapping[str, AlertRow],
    found: Sequence[Problem],
    silences: Sequence[Silence],
    now: dt.datetime,
    remind_after: dt.timedelta,
) -> Folded:
    """Compare the problems of now with the alerts that have not recovered.

    Told as news: a new problem, one whose silence has lapsed before it was ever told, and one that became critical. A
    critical one that was told ``remind_after`` ago is a reminder. All others are only counted.
    """
    folded = Folded()
    for problem in found:
        before = known.get(problem.key)
        row = _row(problem, before, now)
        row["state"] = "silenced" if _silenced(problem, silences, now) else "open"
        folded.rows.append(row)
        if row["state"] == "open":
            _tell(folded, row, before, now, remind_after)
    here = {problem.key for problem in found}
    for key, before in known.items():
        if key not in here:
            gone = {**before, "state": "recovered", "recovered_at": now}
            folded.rows.append(gone)
            if _worth_telling(before) and not follows(before["subject"], before["kind"], found):
                folded.recovered.append(gone)
    return folded


def _tell(folded: Folded, row: AlertRow, before: AlertRow | None, now: dt.datetime, remind_after: dt.timedelta) -> None:
    worse = before is not None and before["severity"] == "warning" and row["severity"] == "critical"
    if row["told_at"] is None or worse:
        folded.news.append(row)
    elif row["severity"] == "critical" and now - row["told_at"] >= remind_after:
        folded.reminders.append(row)
    else:
        return
    row["told_at"] = now


def _row(problem: Problem, before: AlertRow | None, now: dt.datetime) -> AlertRow:
    owner, tier = owner_of(problem.subject)
    said = {name: asdict(problem)[name] for name in ("item", "dag_id", "said", "count", "of", "samples", "delivery_id")}
    repeated = before is not None and (before["run_id"], before["found_at"]) != (problem.run_id, problem.found_at)
    return {
        "alert_key": problem.key, "kind": str(problem.kind), "subject": problem.subject,
        "business_date": problem.business_date, "owner": owner, "tier": tier, "severity": problem.severity,
        "details": said, "run_id": problem.run_id, "found_at": problem.found_at,
        "times": before["times"] + repeated if before else 1,
        "first_seen_at": before["first_seen_at"] if before else now, "last_seen_at": now,
        "told_at": before["told_at"] if before else None, "recovered_at": None,
    }  # fmt: skip


def _silenced(problem: Problem, silences: Sequence[Silence], now: dt.datetime) -> bool:
    return any(silence.covers(problem.subject, problem.kind, today(now)) for silence in silences)


def _worth_telling(before: AlertRow) -> bool:
    return before["told_at"] is not None and before["state"] == "open" and before["kind"] != Kind.SILENCE_LAPSED
