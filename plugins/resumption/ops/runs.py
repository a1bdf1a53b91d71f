"""What each stage did for a business date (``ops.feed_run``), and how old each feed was (``ops.freshness``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from resumption.ops.database import replace_rows
from resumption.ops.tables import FreshnessRow, RunRow, feed_run, freshness, freshness_change


def record_run(conn: sa.Connection, run: RunRow) -> None:
    """Write the outcome of a stage of a feed for a business date, in place of an earlier one."""
    values = asdict(run)
    values["finished_at"] = run.finished_at or dt.datetime.now(dt.UTC)
    statement = insert(feed_run).values(values)
    keys = ["feed", "business_date", "stage"]
    changes = {name: statement.excluded[name] for name in values if name not in keys}
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes))


def run_statuses(conn: sa.Connection, day: dt.date, stage: str) -> dict[str, str]:
    """Status of a stage by feed for a business date; a feed without a row never ran."""
    query = sa.select(feed_run.c.feed, feed_run.c.status).where(
        feed_run.c.business_date == day, feed_run.c.stage == stage
    )
    return {row.feed: row.status for row in conn.execute(query)}


def freshness_states(conn: sa.Connection, day: dt.date) -> dict[str, str]:
    """State by feed as judged for a business date; empty where it was not judged."""
    query = sa.select(freshness.c.feed, freshness.c.state).where(freshness.c.business_date == day)
    return {row.feed: row.state for row in conn.execute(query)}


def replace_freshness(conn: sa.Connection, day: dt.date, rows: Sequence[FreshnessRow]) -> None:
    """Make ``rows`` the judgement of every feed's freshness for a business date."""
    replace_rows(conn, freshness, {"business_date": day}, rows)


def last_freshness(conn: sa.Connection) -> dict[str, tuple[str, dt.datetime]]:
    """Return, by feed, the state that it changed to last by the clock and the deadline it was judged by."""
    columns = freshness_change.c
    query = sa.select(columns.feed, columns.state, columns.expected_by).distinct(columns.feed)
    found = conn.execute(query.order_by(columns.feed, columns.change_id.desc()))
    return {row.feed: (row.state, row.expected_by) for row in found}


def record_freshness_changes(conn: sa.Connection, day: dt.date, before: Mapping[str, str], at: dt.datetime) -> None:
    """Append a row for each feed whose state for ``day`` is another than ``before``."""
    query = sa.select(freshness).where(freshness.c.business_date == day).order_by(freshness.c.feed)
    changes = [
        {"feed": row["feed"], "business_date": day, "state": row["state"], "state_before": before.get(row["feed"]),
         "expected_by": row["expected_by"], "changed_at": at}
        for row in conn.execute(query).mappings()
        if row["state"] != before.get(row["feed"])
    ]  # fmt: skip
    if changes:
        conn.execute(freshness_change.insert(), changes)
