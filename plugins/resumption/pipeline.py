"""The stages that DAG tasks run. Each may be repeated at any time, in any order, and leaves the same state."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from resumption import checks, lake, landing, ops, readers, settings
from resumption.conform import QUARANTINE_SCHEMA, Origin, conform
from resumption.contracts import FeedContract, load_feed
from resumption.contracts.reasons import FileReason, RowReason
from resumption.sources import SourceError, open_source

if TYPE_CHECKING:
    from resumption.ops import DeliveryRow

log = logging.getLogger(__name__)


class CriticalCheckError(RuntimeError):
    """A critical expectation failed: the partition was kept back and the last good one stays."""


def is_due(contract: FeedContract, day: date) -> bool:
    """Whether the feed owes a delivery for ``day``: weekly lists on Mondays, monthly ones on the first."""
    due = {"daily": True, "weekly": day.weekday() == 0, "monthly": day.day == 1}
    return due[contract.delivery.cadence]


# Land


def land(feed: str, day: date, run_id: str) -> dict[str, int]:
    """Land every delivery of ``feed`` up to ``day`` that is not landed yet.

    Returns:
        Counts: ``landed`` now, ``waiting`` to be published, ``missing`` 1 when ``day`` is due and has no delivery.

    Raises:
        SourceRefusedError: the sender refuses us (token, host key, no such connection); trying again is no use.
        SourceError: the sender did not answer, or some deliveries could not be fetched; the others are landed.
    """
    contract = load_feed(feed)
    started = time.monotonic()
    try:
        report = landing.land(contract, open_source(contract), day, run_id)
    except SourceError as error:
        report = getattr(error, "report", None) or landing.LandingReport(feed, day, errors=[str(error)])
        _record_landing(contract, day, report, run_id, time.monotonic() - started)
        raise
    return _record_landing(contract, day, report, run_id, time.monotonic() - started)


def _record_landing(
    contract: FeedContract, day: date, report: landing.LandingReport, run_id: str, seconds: float
) -> dict[str, int]:
    with ops.engine().begin() as conn:
        there = any(d.business_date == day for d in ops.known_deliveries(conn, contract.name))
        missing = is_due(contract, day) and not there
        status: ops.RunStatus = "failed" if report.errors else "missing" if missing else "ok"
        run = ops.RunRow(
            feed=contract.name, business_date=day, stage="land", status=status, run_id=run_id,
            deliveries=report.landed, seconds=seconds, contract_version=contract.version,
        )  # fmt: skip
        ops.record_run(conn, run)
    return {"landed": report.landed, "waiting": waiting(contract.name, day), "missing": int(missing)}


def waiting(feed: str, day: date) -> int:
    """Return how many deliveries wait to be published by a run for ``day``."""
    with ops.engine().connect() as conn:
        return len(ops.deliveries_to_publish(conn, feed, day))


# Publish


@dataclass(frozen=True)
class Judged:
    """What reading and conforming one delivery gave; ``reason`` is set where the whole delivery is out."""

    delivery: DeliveryRow
    accepted: pa.Table
    quarantined: pa.Table
    received: int = 0
    ignored: int = 0
    fingerprint: str = ""
    outcome: ops.DeliveryOutcome = "accepted"
    reason: str | None = None


def publish(feed: str, day: date, run_id: str) -> dict[str, int]:
    """Read, conform, check and commit the feed's waiting deliveries up to ``day``.

    One business date after the other, so that a date whose check fails keeps no other back.

    Raises:
        CriticalCheckError: after all dates were tried, naming those kept back.
    """
    contract = load_feed(feed)
    with ops.engine().connect() as conn:
        deliveries = ops.deliveries_to_publish(conn, feed, day)
    kept_back: list[str] = []
    totals = {"deliveries": len(deliveries), "accepted": 0, "quarantined": 0, "rejected": 0}
    for delivered_for, batch in groupby(deliveries, key=lambda d: d.business_date):
        try:
            counts = _publish_date(contract, delivered_for, list(batch), run_id)
        except CriticalCheckError as error:
            kept_back.append(str(error))
            continue
        totals = {name: totals[name] + counts.get(name, 0) for name in totals}
    if kept_back:
        raise CriticalCheckError("; ".join(kept_back))
    return totals


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    """Hold a warehouse lock, so that two runs of the same partition follow each other."""
    with ops.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        key = sa.func.hashtextextended(name, 0)
        conn.execute(sa.select(sa.func.pg_advisory_lock(key)))
        try:
            yield
        finally:
            conn.execute(sa.select(sa.func.pg_advisory_unlock(key)))


def _publish_date(
    contract: FeedContract, delivered_for: date, deliveries: Sequence[DeliveryRow], run_id: str
) -> dict[str, int]:
    """Publish one business date's deliveries: write, audit, publish."""
    started = time.monotonic()
    with _one_at_a_time(f"publish:{contract.name}:{delivered_for}"):
        judged = [judge_delivery(contract, delivery) for delivery in deliveries]
        taken = [j for j in judged if j.outcome == "accepted"]
        rows = _batch(contract, delivered_for, taken)
        received = {"rows_received": sum(j.received for j in taken)}
        report = checks.check_partition(contract.name, _effective(rows), delivered_for, received) if taken else None
        failed = bool(report and report.critical_failures)
        if taken and not failed:
            lake.replace_batch(contract, delivered_for, rows, {"run_id": run_id})
        with ops.engine().begin() as conn:
            if report:
                results = [*checks.result_rows(report, run_id), _unchanged_content(conn, contract, taken, run_id)]
                ops.replace_checks(conn, contract.name, delivered_for, results)
            for j in judged:
                _finish(conn, contract, j, run_id, failed)
            run = _run_row(contract, delivered_for, judged, failed, time.monotonic() - started, run_id)
            ops.record_run(conn, run)
    if report and failed:
        found = "; ".join(result.message for result in report.critical_failures)
        raise CriticalCheckError(f"{contract.name} {delivered_for}: kept back, the last good partition stays: {found}")
    return {"accepted": run.rows_accepted, "quarantined": run.rows_quarantined, "rejected": len(judged) - len(taken)}


def _unchanged_content(
    conn: sa.Connection, contract: FeedContract, taken: Sequence[Judged], run_id: str
) -> ops.CheckRow:
    """Return the check that no delivery repeats the bytes of another date's (decision 62).

    A register may well not change overnight, so it only warns; a sender that sends yesterday's file again looks alike.
    """
    others = {
        d.sha256
        for d in ops.known_deliveries(conn, contract.name)
        if d.outcome == "accepted" and d.business_date != taken[0].delivery.business_date
    }
    return ops.own_check("UNCHANGED_CONTENT", sum(j.delivery.sha256 in others for j in taken), len(taken), run_id)


def _empty(contract: FeedContract) -> tuple[pa.Table, pa.Table]:
    return contract.lake_schema().empty_table(), QUARANTINE_SCHEMA.empty_table()


def judge_delivery(contract: FeedContract, delivery: DeliveryRow) -> Judged:
    """Read and conform one landed delivery: accepted with its rows, or rejected with the reason."""
    if not delivery.published_at or not delivery.received_at:
        raise ValueError(f"{contract.name}: delivery {delivery.delivery_id} was recorded without its times")
    try:
        read = readers.read(landing.landed_path(delivery), contract, delivery.rows_declared)
    except readers.FileRejected as verdict:
        reason = f"{verdict.reason}: {verdict.detail}"
        log.warning("%s %s %s rejected: %s", contract.name, delivery.business_date, delivery.name, reason)
        return Judged(delivery, *_empty(contract), outcome="rejected", reason=reason)
    origin = Origin(
        delivery.delivery_id, delivery.business_date, delivery.name, delivery.published_at, delivery.received_at
    )
    conformed = conform(contract, read.table, origin, settings.token_key())
    malformed = pa.table(
        {
            "row_number": [row.row_number for row in read.malformed],
            "reasons": [[RowReason.ROW_MALFORMED.value] for _ in read.malformed],
            "payload": [json.dumps({"row": row.detail}, ensure_ascii=False) for row in read.malformed],
        },
        schema=QUARANTINE_SCHEMA,
    )
    if read.unknown_columns:
        log.warning("%s %s: unknown columns dropped: %s", contract.name, delivery.name, ", ".join(read.unknown_columns))
    return Judged(
        delivery, conformed.accepted, pa.concat_tables([conformed.quarantined, malformed]),
        received=read.rows_received, ignored=read.rows_ignored, fingerprint=read.schema_fingerprint,
        reason=f"unknown columns dropped: {', '.join(read.unknown_columns)}" if read.unknown_columns else None,
    )  # fmt: skip


def _batch(contract: FeedContract, delivered_for: date, taken: Sequence[Judged]) -> pa.Table:
    """Return all rows of the date: those judged now, and those of its earlier accepted deliveries."""
    kept = lake.read_batch(contract, delivered_for)
    now = pa.array([j.delivery.delivery_id for j in taken], pa.string())
    kept = kept.filter(pc.invert(pc.is_in(kept["delivery_id"], now)))
    return pa.concat_tables([kept, *(j.accepted for j in taken)])


def _effective(rows: pa.Table) -> pa.Table:
    """Return the rows of each name's latest version: what the tables will read."""
    versions = rows.group_by(["delivery_name", "published_at", "delivery_id"]).aggregate([]).sort_by("published_at")
    latest = {v["delivery_name"]: v["delivery_id"] for v in versions.to_pylist()}
    if len(latest) == versions.num_rows:
        return rows
    return rows.filter(pc.is_in(rows["delivery_id"], pa.array(latest.values(), pa.string())))


def _finish(conn: sa.Connection, contract: FeedContract, j: Judged, run_id: str, failed: bool) -> None:
    """Write the verdict on one delivery and its refused rows."""
    if failed and j.outcome == "accepted":
        if j.delivery.outcome != "accepted":
            ops.finish_delivery(conn, j.delivery.delivery_id, "rejected", FileReason.CHECK_FAILED, run_id=run_id)
        return
    if j.outcome != "accepted":
        ops.finish_delivery(conn, j.delivery.delivery_id, j.outcome, j.reason, run_id=run_id)
        return
    ops.replace_quarantine(conn, j.delivery.delivery_id, "conform", j.quarantined)
    ops.finish_delivery(
        conn, j.delivery.delivery_id, "accepted", j.reason, rows_received=j.received,
        rows_accepted=j.accepted.num_rows, rows_quarantined=j.quarantined.num_rows, rows_ignored=j.ignored,
        schema_fingerprint=j.fingerprint, contract_version=contract.version, run_id=run_id,
    )  # fmt: skip


def _run_row(
    contract: FeedContract, day: date, judged: Sequence[Judged], failed: bool, seconds: float, run_id: str
) -> ops.RunRow:
    """Return the outcome row of the publish stage of one business date."""
    taken = [j for j in judged if j.outcome == "accepted"]
    return ops.RunRow(
        feed=contract.name, business_date=day, stage="publish", status="failed" if failed else "ok",
        deliveries=len(judged), rows_in=sum(j.received for j in taken),
        rows_accepted=sum(j.accepted.num_rows for j in taken),
        rows_quarantined=sum(j.quarantined.num_rows for j in taken), rows_ignored=sum(j.ignored for j in taken),
        seconds=seconds, schema_fingerprint=taken[-1].fingerprint if taken else None,
        contract_version=contract.version, run_id=run_id,
    )  # fmt: skip
