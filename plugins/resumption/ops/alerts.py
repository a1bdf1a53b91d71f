"""What somebody is to be told, and whether they were: ``ops.alert``, ``ops.alert_message``, ``ops.run_failure``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from resumption.ops.tables import alert, alert_message, run_failure


def record_failure(
    conn: sa.Connection, dag_id: str, run_id: str, day: dt.date | None, tasks: Sequence[str], at: dt.datetime
) -> None:
    """Note that a run of Airflow failed; repeating it replaces the note."""
    values = {"business_date": day, "tasks": list(tasks), "failed_at": at}
    statement = insert(run_failure).values(dag_id=dag_id, run_id=run_id, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["dag_id", "run_id"], set_=values))


def failures(conn: sa.Connection) -> list[dict[str, Any]]:
    """Return the noted failures, the earliest first."""
    return [dict(row) for row in conn.execute(sa.select(run_failure).order_by(run_failure.c.failed_at)).mappings()]


def forget_failure(conn: sa.Connection, dag_id: str, run_id: str) -> None:
    """Take back a note: the run, or a later one of its DAG, has ended well."""
    columns = run_failure.c
    conn.execute(run_failure.delete().where(columns.dag_id == dag_id, columns.run_id == run_id))


def alerts_not_recovered(conn: sa.Connection) -> dict[str, dict[str, Any]]:
    """Return the alerts that are open or silenced, by key."""
    query = sa.select(alert).where(alert.c.state != "recovered")
    return {row["alert_key"]: dict(row) for row in conn.execute(query).mappings()}


def save_alerts(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write alerts as they are now, in place of what was noted under their keys."""
    if not rows:
        return
    statement = insert(alert)
    changes = {c.name: statement.excluded[c.name] for c in alert.c if c.name != "alert_key"}
    conn.execute(statement.on_conflict_do_update(index_elements=["alert_key"], set_=changes), [dict(r) for r in rows])


def queue_messages(conn: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put messages into the outbox."""
    if rows:
        conn.execute(alert_message.insert(), [dict(row) for row in rows])


def due_messages(conn: sa.Connection, now: dt.datetime) -> list[dict[str, Any]]:
    """Return the messages that are to be tried now, the oldest first."""
    columns = alert_message.c
    query = sa.select(alert_message).where(columns.state == "pending", columns.next_try_at <= now)
    return [dict(row) for row in conn.execute(query.order_by(columns.queued_at, columns.message_id)).mappings()]


def note_attempt(conn: sa.Connection, message_id: str, channel: str, values: Mapping[str, Any]) -> None:
    """Write what an attempt came to; a message that is not pending any more stays as it is."""
    columns = alert_message.c
    which = (columns.message_id == message_id, columns.channel == channel, columns.state == "pending")
    conn.execute(alert_message.update().where(*which).values(attempts=columns.attempts + 1, **values))


def message_states(conn: sa.Connection) -> dict[str, int]:
    """Return how many messages there are in each state."""
    query = sa.select(alert_message.c.state, sa.func.count()).group_by(alert_message.c.state)
    return dict(conn.execute(query).tuples().all())


def open_alerts(conn: sa.Connection) -> dict[str, int]:
    """Return how many alerts are open, by severity."""
    query = sa.select(alert.c.severity, sa.func.count()).where(alert.c.state == "open").group_by(alert.c.severity)
    return dict(conn.execute(query).tuples().all())
