"""What operators decide about refused rows: release, correct, discard, replay. Every decision stays on record.

A decision is one row of ``ops.quarantine_action``. Whatever is judged afterwards, by this run or a later one, is
judged with it: corrected cells lie over what was received, discarded rows stay out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import pyarrow as pa
import pyarrow.compute as pc

from resumption import lake, landing, ops, vault
from resumption.conform.masking import mask_text
from resumption.contracts import load_feed
from resumption.contracts.reasons import FileReason
from resumption.pipeline.judging import Judged, among, judge_delivery
from resumption.pipeline.publication import (
    Publication,
    audit,
    one_at_a_time,
    publish_date,
    record_checks,
    stop_at_failure,
)

if TYPE_CHECKING:
    from resumption.contracts import FeedColumn, FeedContract
    from resumption.ops import Action, ActionRow, DeliveryRow

_BYTES_IN_DOUBT = (FileReason.WRONG_SHA256, FileReason.CONTROL_FILE_INVALID)
_PERSONAL = ("personal", "sensitive")
_SHOWN = 10


class DecisionError(ValueError):
    """The decision cannot be carried out and nothing was changed; the message says what to do."""


def decide(
    action: str,
    feed: str,
    delivery_id: str,
    rows: Iterable[int],
    corrections: Mapping[str, Any],
    note: str,
    by: str,
    run_id: str,
    *,
    reason: str | None = None,
) -> Publication:
    """Decide about refused rows of a delivery, record it and carry it out. Repeating it under one run changes nothing.

    ``release`` judges the rows again under the contract and the reference data of now; ``correct`` does so with
    ``corrections`` laid over the strings received; ``discard`` keeps the rows out whatever a contract says later;
    ``replay`` judges the whole delivery again, also a rejected one. Rows that are not named stay as they are. A row
    refused because the registry does not know its enterprise shows as released when the tables are built again.

    Args:
        action: release, correct, discard or replay.
        feed: the delivery's feed.
        delivery_id: as in ``ops.feed_delivery``.
        rows: row numbers as in ``ops.quarantine_row``; none for a replay.
        corrections: column, by the sender's or the lake's name → cell as the sender should have sent it, None for
            blank. Never a column that holds personal data: the sender corrects those.
        note: why.
        by: who decided.
        run_id: the run that carries it out.
        reason: instead of ``rows``, all rows of the delivery that are refused for this reason now.

    Returns:
        Counts: ``rows`` decided on, and the delivery's ``accepted`` and ``quarantined`` rows after it; and the business
        date, if its partition was committed anew.

    Raises:
        DecisionError: it cannot be carried out.
        CriticalCheckError: the partition would fail a critical check, so the last good one stays.
    """
    contract = load_feed(feed)
    with ops.engine().connect() as conn:
        delivery = _delivery(conn, feed, delivery_id)
        again = next((a for a in ops.actions_on(conn, delivery_id) if a.run_id == run_id), None)
        wanted = _Wanted(conn, contract, delivery)
        decision = again or wanted.decision(action, list(rows), corrections, note, by, run_id, reason)
    _require_bytes(decision, delivery)
    carry_out = _replay if decision.action == "replay" else _settle
    committed = carry_out(contract, delivery, decision)
    with ops.engine().connect() as conn:
        now = _delivery(conn, feed, delivery_id)
    counts = {
        "rows": len(decision.row_numbers) or now.rows_received or 0,
        "accepted": now.rows_accepted or 0,
        "quarantined": now.rows_quarantined or 0,
    }
    return Publication(counts, (delivery.business_date,) if committed else ())


def _delivery(conn: Any, feed: str, delivery_id: str) -> DeliveryRow:
    found = [d for d in ops.known_deliveries(conn, feed) if d.delivery_id == delivery_id]
    if not found:
        raise DecisionError(
            f"feed {feed} has no delivery {delivery_id!r}: expected the delivery_id of a row of ops.feed_delivery"
        )
    return found[0]


# Validation


class _Wanted:
    """A decision as it is asked for, held against the delivery and its contract."""

    def __init__(self, conn: Any, contract: FeedContract, delivery: DeliveryRow) -> None:
        self._conn, self._contract, self._delivery = conn, contract, delivery

    def decision(
        self,
        action: str,
        rows: Sequence[int],
        corrections: Mapping[str, Any],
        note: str,
        by: str,
        run_id: str,
        reason: str | None,
    ) -> ActionRow:
        """Return the decision to record.

        Raises:
            DecisionError: it is not one.
        """
        known: Action | None = next((name for name in get_args(ops.Action) if name == action), None)
        if known is None:
            raise DecisionError(f"action {action!r}: expected one of {', '.join(get_args(ops.Action))}")
        _require_text("note", note, "why the rows are treated so, for whoever asks later")
        _require_text("by", by, "who decides")
        if (known == "correct") != bool(corrections):
            raise DecisionError(f'{known}: corrections such as {{"column": "cell"}} belong to correct, and only there')
        return ops.ActionRow(
            action=known, feed=self._contract.name, delivery_id=self._delivery.delivery_id, note=note.strip(),
            acted_by=by.strip(), acted_at=datetime.now(UTC), run_id=run_id,
            row_numbers=self._whole(rows, reason) if known == "replay" else self._chosen(known, rows, reason),
            corrections=dict(self._cell(name, cell) for name, cell in corrections.items()),
        )  # fmt: skip

    def _where(self) -> str:
        return f"{self._contract.name}, delivery {self._delivery.delivery_id} of {self._delivery.business_date}"

    def _whole(self, rows: Sequence[int], reason: str | None) -> Sequence[int]:
        """Return no rows: a replay is about all of them."""
        refusal = self._delivery.reason or ""
        if rows or reason:
            raise DecisionError("replay judges a whole delivery: leave rows and reason out, or release the rows")
        if self._delivery.outcome in ("repeat", "incomplete"):
            raise DecisionError(
                f"{self._where()} is {self._delivery.outcome}: replay the delivery it repeats, or let land ask again"
            )
        if refusal.startswith(_BYTES_IN_DOUBT):
            raise DecisionError(
                f"{self._where()} was rejected for {refusal}: its bytes are in doubt, which no contract mends. Clear "
                "land of its day to have it fetched again, or ask the sender"
            )
        return ()

    def _chosen(self, action: Action, rows: Sequence[int], reason: str | None) -> Sequence[int]:
        """Return the rows in quarantine that are meant, ascending."""
        if self._delivery.outcome != "accepted":
            raise DecisionError(
                f"{self._where()} is {self._delivery.outcome}, none of its rows stands alone: replay it"
            )
        if bool(rows) == bool(reason):
            raise DecisionError(
                f"{action}: expected either row numbers or a reason, got {'both' if rows else 'neither'}"
            )
        if reason:
            rows = ops.quarantined_rows(self._conn, self._delivery.delivery_id, reason, open_only=True)
            if not rows:
                raise DecisionError(f"{self._where()}: no row is refused for {reason!r} now; see ops.quarantine_row")
        strangers = sorted(set(rows) - set(ops.quarantined_rows(self._conn, self._delivery.delivery_id)))
        if strangers:
            shown = ", ".join(map(str, strangers[:_SHOWN])) + (" …" if len(strangers) > _SHOWN else "")
            raise DecisionError(f"{self._where()}: not in quarantine are the rows {shown}; see ops.quarantine_row")
        return sorted(set(rows))

    def _cell(self, name: str, cell: Any) -> tuple[str, str | None]:
        """Return lake column and cell of a correction."""
        column = self._column(name)
        if column.classification in _PERSONAL:
            raise DecisionError(
                f"column {name!r} holds personal data, which must not pass through a form: let the sender correct the "
                "file; it replaces this one"
            )
        if not isinstance(cell, str | None):
            raise DecisionError(f"column {name!r}: expected text as the sender would write it, or null for blank")
        if not column.conform.rule.startswith("uscc") and mask_text(cell or "") != (cell or ""):
            raise DecisionError(f"column {name!r}: that looks like a phone or an identity number, which is not taken")
        return column.name, cell

    def _column(self, name: str) -> FeedColumn:
        for column in self._contract.columns:
            if name in (column.name, column.source_name, *column.conform.aliases):
                return column
        expected = ", ".join(
            c.source_name for c in self._contract.columns if c.classification in ("public", "internal")
        )
        raise DecisionError(f"{self._contract.name} has no column {name!r}; expected one of {expected}")


def _require_text(name: str, text: str, meaning: str) -> None:
    if not text.strip():
        raise DecisionError(f"{name} is empty: say {meaning}")
    if mask_text(text) != text:
        raise DecisionError(f"{name} holds what looks like a phone or an identity number: say it without")


def _require_bytes(decision: ActionRow, delivery: DeliveryRow) -> None:
    """Raise DecisionError where the delivery cannot be read again."""
    if decision.action == "discard":
        return
    try:
        landing.read(delivery)
    except FileNotFoundError as error:
        raise DecisionError(
            f"{error} Nothing was changed. What retention has deleted can be judged again only when the sender "
            "delivers it again; its rows can still be discarded"
        ) from error


# Effects


def _replay(contract: FeedContract, delivery: DeliveryRow, decision: ActionRow) -> bool:
    """Judge the whole delivery again; return whether its partition was committed."""
    _record(decision)
    publish_date(contract, delivery.business_date, [delivery], decision.run_id)
    with ops.engine().connect() as conn:
        now = _delivery(conn, contract.name, delivery.delivery_id)
    if now.outcome == "rejected":
        raise DecisionError(f"{contract.name}, delivery {delivery.delivery_id}: still rejected: {now.reason}")
    return True


def _settle(contract: FeedContract, delivery: DeliveryRow, decision: ActionRow) -> bool:
    """Judge the chosen rows again, or leave them out, and put the partition and the accounts right.

    Returns whether the partition was committed.
    """
    with one_at_a_time(contract, delivery.business_date) as reading:
        standing = _standing(decision)
        judged = _judged(contract, delivery, decision, standing)
        there = lake.read_batch(contract, delivery.business_date)
        rows = pa.concat_tables([there.filter(pc.invert(_meant(there, decision))), judged.accepted])
        report = None
        if rows.num_rows != there.num_rows or judged.accepted.num_rows:
            report = audit(reading, contract, delivery.business_date, rows, [])
            stop_at_failure(report)
        # On record before it takes effect: a run that dies in between is carried on by repeating it.
        _record(decision)
        if report:
            vault.keep(contract, delivery, judged.identities, add=True)
            lake.replace_batch(contract, delivery.business_date, rows, {"run_id": decision.run_id})
        with ops.engine().begin() as conn:
            ops.keep_out(conn, delivery.delivery_id, standing.discarded)
            if decision.action != "discard":
                refused, only = judged.quarantined, decision.row_numbers
                ops.replace_quarantine(conn, delivery.delivery_id, "conform", refused, only)
            ops.recount(conn, delivery.delivery_id)
            if report:
                ops.record_contents(conn, contract.name, delivery.business_date, lake.contents(rows))
                record_checks(conn, contract, report, [], decision.run_id)
    return report is not None


def _record(decision: ActionRow) -> None:
    if decision.action_id is None:
        with ops.engine().begin() as conn:
            ops.record_action(conn, decision)


def _standing(decision: ActionRow) -> ops.Standing:
    """Return what stands once the decision is taken."""
    with ops.engine().connect() as conn:
        before = [a for a in ops.actions_on(conn, decision.delivery_id) if a.action_id != decision.action_id]
    return ops.standing([*before, decision])


def _meant(rows: pa.Table, decision: ActionRow) -> pa.ChunkedArray:
    """Return for each row of a partition whether the decision is about it."""
    return pc.and_(pc.equal(rows["delivery_id"], decision.delivery_id), among(rows, decision.row_numbers))


def _judged(contract: FeedContract, delivery: DeliveryRow, decision: ActionRow, standing: ops.Standing) -> Judged:
    """Return the verdict on the chosen rows; of discarded ones nothing is accepted."""
    if decision.action == "discard":
        return Judged.nothing(contract, delivery)
    judged = judge_delivery(contract, delivery, standing, decision.row_numbers)
    if judged.outcome != "accepted":
        raise DecisionError(
            f"{contract.name}, delivery {delivery.delivery_id}: under the contract of now all of it is rejected: "
            f"{judged.reason}. Nothing was changed"
        )
    return judged
