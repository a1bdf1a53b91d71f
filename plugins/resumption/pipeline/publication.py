"""The stage that turns a feed's landed deliveries into lake partitions: write, audit, publish."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from resumption import checks, lake, metrics, ops, vault
from resumption.contracts import FeedContract, load_feed
from resumption.contracts.reasons import FileReason
from resumption.pipeline.judging import Judged, judge_delivery
from resumption.pipeline.own_checks import own_checks
from resumption.progress import Progress

if TYPE_CHECKING:
    from resumption.ops import DeliveryRow

log = logging.getLogger(__name__)


class CriticalCheckError(RuntimeError):
    """A critical expectation failed: the partition was kept back and the last good one stays."""


@dataclass(frozen=True)
class Publication:
    """What one publication did: counts of deliveries and rows, and the business dates that were committed."""

    counts: dict[str, int]
    committed: tuple[date, ...]


def publish(feed: str, day: date, run_id: str) -> Publication:
    """Read, conform, check and commit the feed's waiting deliveries up to ``day``.

    One business date after the other, so that a date whose check fails keeps no other back. Operators' decisions on
    the rows hold: corrected cells are corrected again, discarded rows stay out.

    Raises:
        CriticalCheckError: after all dates were tried, naming those kept back.
    """
    contract = load_feed(feed)
    with ops.engine().connect() as conn:
        deliveries = ops.deliveries_to_publish(conn, feed, day)
    kept_back: list[str] = []
    committed: list[date] = []
    totals = {"deliveries": len(deliveries), "accepted": 0, "quarantined": 0, "rejected": 0}
    progress, done = Progress(log), 0
    for delivered_for, batch in groupby(deliveries, key=lambda d: d.business_date):
        judged = list(batch)
        progress.tell("%s: %d of %d deliveries done, now %s", feed, done, len(deliveries), delivered_for)
        done += len(judged)
        try:
            counts = publish_date(contract, delivered_for, judged, run_id)
        except CriticalCheckError as error:
            kept_back.append(str(error))
            continue
        if counts["rejected"] < len(judged):
            committed.append(delivered_for)
        totals = {name: totals[name] + counts.get(name, 0) for name in totals}
    if kept_back:
        raise CriticalCheckError("; ".join(kept_back))
    return Publication(totals, tuple(committed))


def one_at_a_time(contract: FeedContract, delivered_for: date) -> AbstractContextManager[sa.Connection]:
    """Hold a feed's business date, so that two who change it follow each other."""
    return ops.holding(f"publish:{contract.name}:{delivered_for}")


def publish_date(
    contract: FeedContract, delivered_for: date, deliveries: Sequence[DeliveryRow], run_id: str
) -> dict[str, int]:
    """Publish deliveries of one business date beside those of the date that were accepted before.

    Raises:
        CriticalCheckError: they were kept back; the last good partition stays.
    """
    started = time.monotonic()
    with one_at_a_time(contract, delivered_for) as reading:
        decided = ops.standings(reading, [delivery.delivery_id for delivery in deliveries])
        with metrics.timed("conform", contract.name):
            judged = [judge_delivery(contract, delivery, decided.get(delivery.delivery_id)) for delivery in deliveries]
        taken = [j for j in judged if j.outcome == "accepted"]
        rows = _batch(contract, delivered_for, taken)
        with metrics.timed("check", contract.name):
            report = audit(reading, contract, delivered_for, rows, taken) if taken else None
        failed = bool(report and report.critical_failures)
        if taken and not failed:
            with metrics.timed("commit", contract.name):
                for j in taken:
                    vault.keep(contract, j.delivery, j.identities)
                lake.replace_batch(contract, delivered_for, rows, {"run_id": run_id})
        with ops.engine().begin() as conn:
            for j in taken:
                if j.delivery.delivery_id in decided and not failed:
                    ops.keep_out(conn, j.delivery.delivery_id, j.discarded)
            if taken and not failed:
                ops.replace_quarantines(conn, "conform", {j.delivery.delivery_id: j.quarantined for j in taken})
            verdicts = [_verdict(contract, j, run_id, failed) for j in judged]
            ops.finish_deliveries(conn, [verdict for verdict in verdicts if verdict])
            ops.reject_repeats(conn, [j.delivery.delivery_id for j in judged if j.outcome == "rejected"])
            if report and not failed:
                ops.record_contents(conn, contract.name, delivered_for, lake.contents(rows))
            if report:
                record_checks(conn, contract, report, taken, run_id)
            run = _run_row(contract, delivered_for, judged, failed, time.monotonic() - started, run_id)
            ops.record_run(conn, run)
    outcomes = {"accepted": run.rows_accepted, "quarantined": run.rows_quarantined, "ignored": run.rows_ignored}
    received = sum(delivery.size_bytes or 0 for delivery in deliveries)
    metrics.emit("publish", contract.name, run.status, run.seconds or 0, rows=outcomes, size=received)
    if report:
        stop_at_failure(report)
    return {"accepted": run.rows_accepted, "quarantined": run.rows_quarantined, "rejected": len(judged) - len(taken)}


def _batch(contract: FeedContract, delivered_for: date, taken: Sequence[Judged]) -> pa.Table:
    """Return all rows of the date: those judged now, and those of its earlier accepted deliveries."""
    kept = lake.read_batch(contract, delivered_for, [j.delivery.delivery_id for j in taken])
    return pa.concat_tables([kept, *(j.accepted for j in taken)])


def audit(
    conn: sa.Connection, contract: FeedContract, delivered_for: date, rows: pa.Table, taken: Sequence[Judged]
) -> checks.CheckReport:
    """Check the rows that are about to become the date's partition, as the tables will read them."""
    received = {j.delivery.delivery_id: j.received for j in taken}
    known = ops.known_deliveries(conn, contract.name)
    usual = ops.usual_rows(conn, contract.name, delivered_for)
    of_date = [d for d in known if d.business_date == delivered_for]
    effective = ops.latest_versions([d for d in of_date if d.outcome == "accepted" or d.delivery_id in received])
    if len(effective) < len({*rows["delivery_id"].unique().to_pylist()} | received.keys()):
        rows = rows.filter(pc.is_in(rows["delivery_id"], pa.array([d.delivery_id for d in effective], pa.string())))
    arrived = sum(received.get(d.delivery_id, d.rows_received or 0) for d in effective)
    return checks.check_partition(contract.name, rows, delivered_for, {"rows_received": arrived, **usual})


def stop_at_failure(report: checks.CheckReport) -> None:
    """Raise CriticalCheckError where the report holds a critical failure."""
    if report.critical_failures:
        found = "; ".join(result.message for result in report.critical_failures)
        raise CriticalCheckError(f"{report.subject} {report.day}: kept back, the last good partition stays: {found}")


def record_checks(
    conn: sa.Connection, contract: FeedContract, report: checks.CheckReport, taken: Sequence[Judged], run_id: str
) -> None:
    """Write what the suite and the checks on the feed's deliveries found for a date; verdicts must be written first."""
    unknown = {j.fingerprint: j.unknown_columns for j in taken}
    own = own_checks(conn, contract.name, report.day, unknown, run_id)
    ops.replace_checks(conn, contract.name, report.day, [*checks.result_rows(report, run_id), *own])


def _verdict(contract: FeedContract, j: Judged, run_id: str, failed: bool) -> ops.Verdict | None:
    """Return the verdict on one delivery of a date whose check ``failed``; None: the one it has holds."""
    delivery_id = j.delivery.delivery_id
    if j.outcome != "accepted":
        return ops.Verdict(delivery_id=delivery_id, outcome=j.outcome, reason=j.reason, run_id=run_id)
    if failed and j.delivery.outcome == "accepted":
        return None
    if failed:
        return ops.Verdict(delivery_id=delivery_id, outcome="rejected", reason=FileReason.CHECK_FAILED, run_id=run_id)
    return ops.Verdict(
        delivery_id=delivery_id, outcome="accepted", reason=j.reason, rows_received=j.received,
        rows_accepted=j.accepted.num_rows, rows_quarantined=j.refused, rows_ignored=j.ignored,
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
        rows_quarantined=sum(j.refused for j in taken), rows_ignored=sum(j.ignored for j in taken),
        seconds=seconds, schema_fingerprint=taken[-1].fingerprint if taken else None,
        contract_version=contract.version, run_id=run_id,
    )  # fmt: skip
