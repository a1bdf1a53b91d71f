"""The stage that lands a feed's deliveries."""

from __future__ import annotations

import time
from datetime import date

from resumption import landing, metrics, ops
from resumption.contracts import FeedContract, load_feed
from resumption.sources import SourceError, open_source


def is_due(contract: FeedContract, day: date) -> bool:
    """Whether the feed owes a delivery for ``day``: weekly lists on Mondays, monthly ones on the first."""
    due = {"daily": True, "weekly": day.weekday() == 0, "monthly": day.day == 1}
    return due[contract.delivery.cadence]


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
    metrics.emit("land", contract.name, status, seconds, size=report.bytes_received)
    return {"landed": report.landed, "waiting": waiting(contract.name, day), "missing": int(missing)}


def waiting(feed: str, day: date) -> int:
    """Return how many deliveries wait to be published by a run for ``day``."""
    with ops.engine().connect() as conn:
        return len(ops.deliveries_to_publish(conn, feed, day))
