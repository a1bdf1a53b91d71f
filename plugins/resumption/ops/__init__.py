"""Outcome rows: what arrived, what became of it, and what the checks saw. Schema ``ops`` of the warehouse.

Everything else (freshness, readiness, alerts, pages) is a query on these rows. Every function takes a SQLAlchemy
connection, runs inside the caller's transaction and may be repeated: it replaces, never appends.

The accounting of a delivery holds in the database itself: for an accepted delivery
``rows_accepted + rows_quarantined + rows_ignored = rows_received``, or the statement fails.
"""

from __future__ import annotations

from resumption.ops.access import record_access
from resumption.ops.actions import Standing, actions_on, record_action, standing, standings
from resumption.ops.builds import latest_built_day, record_build, table_builds
from resumption.ops.checks import own_check, replace_checks
from resumption.ops.database import create_all, engine, holding
from resumption.ops.deliveries import (
    AccountingError,
    Verdict,
    accepted_deliveries,
    deliveries_to_publish,
    finish_deliveries,
    finish_delivery,
    known_deliveries,
    latest_versions,
    record_contents,
    record_delivery,
    reject_repeats,
    reopen_repeat,
)
from resumption.ops.history import usual_rows
from resumption.ops.layouts import SCHEMA_CHANGED, changed_layouts, note_layout
from resumption.ops.quarantine import (
    keep_out,
    quarantined_rows,
    recount,
    replace_quarantine,
    replace_quarantines,
    resolve_counts,
)
from resumption.ops.reconciliation import TOTALS_DIFFER, Balance, delivered, replace_reconciliation, rows_kept
from resumption.ops.runs import freshness_states, record_run, replace_freshness, run_statuses
from resumption.ops.tables import (
    Action,
    ActionRow,
    BuildOutcome,
    BuildRow,
    CheckRow,
    CheckSeverity,
    CheckVerdict,
    DeliveryOutcome,
    DeliveryRow,
    FreshnessRow,
    FreshnessState,
    QuarantineStage,
    RunRow,
    RunStatus,
    access_log,
    check_result,
    feed_delivery,
    feed_run,
    freshness,
    metadata,
    quarantine_action,
    quarantine_row,
    reconciliation,
    schema_change,
    table_build,
)

__all__ = [
    "SCHEMA_CHANGED",
    "TOTALS_DIFFER",
    "AccountingError",
    "Action",
    "ActionRow",
    "Balance",
    "BuildOutcome",
    "BuildRow",
    "CheckRow",
    "CheckSeverity",
    "CheckVerdict",
    "DeliveryOutcome",
    "DeliveryRow",
    "FreshnessRow",
    "FreshnessState",
    "QuarantineStage",
    "RunRow",
    "RunStatus",
    "Standing",
    "Verdict",
    "accepted_deliveries",
    "access_log",
    "actions_on",
    "changed_layouts",
    "check_result",
    "create_all",
    "delivered",
    "deliveries_to_publish",
    "engine",
    "feed_delivery",
    "feed_run",
    "finish_deliveries",
    "finish_delivery",
    "freshness",
    "freshness_states",
    "holding",
    "keep_out",
    "known_deliveries",
    "latest_built_day",
    "latest_versions",
    "metadata",
    "note_layout",
    "own_check",
    "quarantine_action",
    "quarantine_row",
    "quarantined_rows",
    "reconciliation",
    "record_access",
    "record_action",
    "record_build",
    "record_contents",
    "record_delivery",
    "record_run",
    "recount",
    "reject_repeats",
    "reopen_repeat",
    "replace_checks",
    "replace_freshness",
    "replace_quarantine",
    "replace_quarantines",
    "replace_reconciliation",
    "resolve_counts",
    "rows_kept",
    "run_statuses",
    "schema_change",
    "standing",
    "standings",
    "table_build",
    "table_builds",
    "usual_rows",
]
