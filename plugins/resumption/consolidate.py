"""From the lake to the warehouse: which feeds are there, which rows find no enterprise, and the day's tables."""

from __future__ import annotations

import json
import logging
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from resumption import checks, lake, ops
from resumption.conform.dates import SHANGHAI
from resumption.contracts import FeedContract, TableContract, feed_names, load_feed, load_table, table_names
from resumption.models import run_models
from resumption.models.loader import load_models
from resumption.models.order import closure
from resumption.pipeline import CriticalCheckError, is_due
from resumption.warehouse import latest_built_day, publish

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

UNRESOLVED = "unresolved_row"
"""The model that lists the rows whose enterprise the registry does not know."""

ABSENT = "absent_entity"
"""The model that lists the active entities that the registry's latest full snapshot leaves out."""


class LakeInputs:
    """What the models read: the lake's files and the accepted deliveries up to a day."""

    def __init__(self, day: date) -> None:
        with ops.engine().connect() as conn:
            self._deliveries = ops.accepted_deliveries(conn)
        self._day = day

    def files(self, feed: str) -> list[str]:
        """Return the Parquet files of the feed's current snapshot."""
        through = None if load_feed(feed).delivery.first_snapshot_before else self._day
        return lake.files(feed, through)

    def deliveries(self) -> pa.Table:
        """Return the accepted deliveries."""
        return self._deliveries


# Readiness


def last_due(contract: FeedContract, day: date) -> date:
    """Return the latest business date up to ``day`` for which the feed owed a delivery."""
    while not is_due(contract, day):
        day -= timedelta(days=1)
    return day


def expected_at(contract: FeedContract, day: date) -> datetime:
    """Return when the delivery for ``day`` is due."""
    due_on = day + timedelta(days=contract.delivery.days_after)
    return datetime.combine(due_on, contract.delivery.expected_by, SHANGHAI)


def judge_freshness(day: date) -> dict[str, str]:
    """Record for every feed whether it is fresh, late, stale or recovered at ``day``; return feed → state.

    Stale: no accepted delivery for the last date that was due. Late: it was published after its time. Recovered:
    fresh again after a day that was late or stale.
    """
    with ops.engine().begin() as conn:
        accepted = ops.accepted_deliveries(conn, day).to_pylist()
        before = ops.freshness_states(conn, day - timedelta(days=1))
        rows = [_freshness(load_feed(feed), day, accepted, before.get(feed)) for feed in feed_names()]
        ops.replace_freshness(conn, day, rows)
    return {row["feed"]: row["state"] for row in rows}


def _freshness(
    contract: FeedContract, day: date, accepted: Iterable[dict[str, Any]], before: str | None
) -> ops.FreshnessRow:
    mine = [d for d in accepted if d["feed"] == contract.name]
    last = max(mine, key=lambda d: (d["business_date"], d["published_at"]), default=None)
    due = last_due(contract, day)
    expected_by = expected_at(contract, due)
    state: ops.FreshnessState
    if last is None or last["business_date"] < due:
        state = "stale"
    elif min(d["published_at"] for d in mine if d["business_date"] >= due) > expected_by:
        state = "late"
    else:
        state = "recovered" if before in ("late", "stale") else "fresh"
    return {
        "feed": contract.name,
        "expected_by": expected_by,
        "last_good_on": last["business_date"] if last else None,
        "last_good_at": last["published_at"] if last else None,
        "state": state,
    }


# Resolution


def resolve(day: date) -> int:
    """Put rows whose enterprise the registry at ``day`` does not know into quarantine; return their number.

    Every delivery shows its state at the latest built day: a row is released by itself once the registry knows the
    enterprise, since it then stands in the tables too.
    """
    results = run_models(LakeInputs(day), day, [UNRESOLVED, ABSENT])
    found, absent = results[UNRESOLVED], results[ABSENT]
    payload = [
        json.dumps({"uscc": row["uscc"], "name": row["name"]}, ensure_ascii=False)
        for row in found.select(["uscc", "name"]).to_pylist()
    ]
    unresolved = found.select(["delivery_id", "row_number", "reasons"]).append_column(
        "payload", pa.array(payload, pa.string())
    )
    with ops.engine().begin() as conn:
        ops.resolve_counts(conn, day, unresolved)
        # They keep their last state (decision 42); somebody should ask the registry.
        checked = ops.own_check("ABSENT_FROM_SNAPSHOT", absent.num_rows, absent.num_rows, None)
        ops.replace_checks(conn, "resolve", day, [checked])
    return int(unresolved.num_rows)


# Build


def build(day: date, run_id: str) -> dict[str, int]:
    """Build, check and publish the tables of ``day``; return rows by table.

    Tables of a day are built for ``day``. Tables that show one state are built for the latest day ever built, so that
    rebuilding an earlier day never turns them back.

    Raises:
        CriticalCheckError: after all tables were tried, naming those kept back with what rests on them.
    """
    with ops.engine().connect() as conn:
        state_day = max(filter(None, (day, latest_built_day(conn))))
    contracts = [load_table(name) for name in table_names()]
    kept_back: dict[str, str] = {}
    published: dict[str, int] = {}
    by_day = {
        day: [c for c in contracts if c.replace == "day" or state_day == day],
        state_day: [c for c in contracts if c.replace == "table" or state_day == day],
    }
    for built_for, tables in by_day.items():
        published |= _build_day(built_for, tables, run_id, kept_back)
    if kept_back:
        raise CriticalCheckError("; ".join(f"{table} {day}: {why}" for table, why in kept_back.items()))
    return published


def _build_day(day: date, tables: list[TableContract], run_id: str, kept_back: dict[str, str]) -> dict[str, int]:
    """Build and publish some tables for one day; what may not be published goes into ``kept_back``."""
    built_at = datetime.now(UTC)
    results = run_models(LakeInputs(day), day, [t.name for t in tables])
    models = load_models()
    published = {}
    for table in sorted(tables, key=lambda t: len(closure(models, [t.name]))):
        rows = results[table.name]
        report = checks.check_partition(table.name, rows, day)
        with ops.engine().begin() as conn:
            ops.replace_checks(conn, table.name, day, checks.result_rows(report, run_id))
        blockers = sorted((closure(models, [table.name]) - {table.name}) & kept_back.keys())
        if report.critical_failures:
            kept_back[table.name] = "; ".join(result.message for result in report.critical_failures)
        elif blockers:
            kept_back[table.name] = f"rests on {', '.join(blockers)}"
        else:
            published[table.name] = publish(table, rows, day, run_id, built_at)
            log.info("published %s for %s: %d rows", table.name, day, published[table.name])
    return published
