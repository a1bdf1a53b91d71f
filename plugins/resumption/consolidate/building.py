"""The day's tables: built from the lake, checked, published."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime

from resumption import checks, ops
from resumption.consolidate.inputs import LakeInputs
from resumption.contracts import TableContract, load_table, table_names
from resumption.models import run_models
from resumption.models.loader import load_models
from resumption.models.order import closure
from resumption.pipeline import CriticalCheckError
from resumption.warehouse import latest_built_day, publish

log = logging.getLogger(__name__)


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
