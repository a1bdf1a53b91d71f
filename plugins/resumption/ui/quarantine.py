"""Refused rows, and decisions about them: each starts the DAG `quarantine` in the name of whoever decides."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from resumption import ops
from resumption.contracts import FeedColumn, feed_names, load_feed
from resumption.contracts.reasons import RowReason
from resumption.ui import access, guard, runs
from resumption.ui.errors import PageError
from resumption.ui.pages import address, base, language, page
from resumption.ui.queries import quarantine as rows
from resumption.ui.words import Words

router = APIRouter()

DAG = "quarantine"
ACTIONS = ("release", "correct", "discard", "replay")
STATES = ("open", "released", "discarded")
CORRECTIONS = 3
"""Cells that the form offers to correct at once."""


@router.get("/quarantine")
def refused(
    request: Request,
    visitor: guard.Quarantine,
    feed: str | None = None,
    day: str | None = None,
    reason: str | None = None,
    delivery: str | None = None,
    state: str = "open",
    number: Annotated[int, Query(alias="page", ge=1)] = 1,
) -> Response:
    """Show refused rows; of one delivery also what can be decided, and what was."""
    wanted = rows.Filter(feed or None, _day(day), reason or None, delivery or None, state if state in STATES else None)
    seat = access.seats(visitor)[0]
    with access.connection(visitor, purpose="quarantine page", seat=seat) as conn:
        found = rows.refused(conn, wanted, number)
        one = rows.delivery(conn, delivery) if delivery and access.reads(seat, "feed_delivery") else None
        open_reasons = rows.open_reasons(conn, delivery) if delivery else []
        told = access.reads(seat, "quarantine_action")
        decisions = rows.decisions(conn, delivery_id=delivery or None) if told else []
        shown = len(found.rows)
        ops.record_access(
            conn, "mart_v1.quarantine_row", by=visitor.login, purpose="quarantine page", asked=shown, found=shown
        )
    if delivery and access.reads(seat, "feed_delivery") and one is None:
        raise PageError(404, "quarantine.no_delivery", delivery=delivery)
    return page(
        request, "quarantine.html", wanted=wanted, number_of=number, found=found, delivery=one, feeds=feed_names(),
        open_reasons=open_reasons, decisions=decisions, reasons=list(RowReason), states=STATES, actions=ACTIONS,
        pages=-(-found.total // rows.PAGE_ROWS), counted=rows.COUNTED, say=Words(language(request)), told=told,
        correctable=_correctable(one["feed"]) if one else [], corrections=range(CORRECTIONS),
        nonce=secrets.token_hex(8), run=lambda run_id: runs.run_address(request, DAG, run_id),
    )  # fmt: skip


def _day(given: str | None) -> dt.date | None:
    """Return the date of a field that may be blank."""
    if not given:
        return None
    try:
        return dt.date.fromisoformat(given)
    except ValueError:
        raise PageError(422, "frame.not_understood", fields="day") from None


def _correctable(feed: str) -> list[FeedColumn]:
    """Columns whose cells may be corrected: personal ones are the sender's to mend."""
    return [column for column in load_feed(feed).columns if column.classification in ("public", "internal")]


@router.post("/quarantine/decisions")
def decide(request: Request, visitor: guard.DecideQuarantine, form: guard.Form) -> Response:
    """Start the DAG `quarantine` with what the form says; pressed twice, it starts once."""
    conf = decision(form)
    run_id = f"manual__page_{_nonce(form)}"
    runs.start(DAG, run_id, conf, visitor.login)
    there = f"/quarantine/decisions/{run_id}"
    return RedirectResponse(
        address(base(request), there, feed=conf["feed"], delivery=conf["delivery_id"]), status_code=303
    )


def _nonce(form: FormData) -> str:
    given = str(form.get("nonce", ""))
    if not re.fullmatch(r"[0-9a-f]{16}", given):
        raise PageError(403, "frame.stale_form")
    return given


def decision(form: FormData) -> dict[str, Any]:
    """Return the values of the DAG's form.

    Raises:
        PageError: 422, something is missing or does not go together; the text says what to do.
    """
    from resumption.conform.masking import mask_text

    action, note = str(form.get("action", "")), str(form.get("note", "")).strip()
    numbers = [int(str(number)) for number in form.getlist("row") if str(number).isdecimal()]
    reason = str(form.get("reason", "")) or None
    corrections = _corrections(form)
    if action not in ACTIONS or form.get("feed") not in feed_names() or not form.get("delivery"):
        raise PageError(422, "quarantine.incomplete")
    if not note:
        raise PageError(422, "quarantine.note_missing")
    if any(mask_text(text) != text for text in (note, *corrections.values()) if text):
        raise PageError(422, "quarantine.personal")
    if action != "replay" and bool(numbers) == bool(reason):
        raise PageError(422, "quarantine.rows_or_reason")
    if (action == "correct") != bool(corrections):
        raise PageError(422, "quarantine.corrections")
    if action == "replay":
        numbers, reason = [], None
    return {
        "action": action, "feed": str(form["feed"]), "delivery_id": str(form["delivery"]), "row_numbers": numbers,
        "reason": reason, "corrections": corrections, "note": note,
    }  # fmt: skip


def _corrections(form: FormData) -> dict[str, str | None]:
    """Cells by column; a blank cell of a chosen column makes it blank."""
    pairs = ((str(form.get(f"column{n}", "")), str(form.get(f"cell{n}", ""))) for n in range(CORRECTIONS))
    return {column: cell.strip() or None for column, cell in pairs if column}


@router.get("/quarantine/decisions/{run_id}")
def decided(
    request: Request, visitor: guard.Quarantine, run_id: str, feed: str | None = None, delivery: str | None = None
) -> Response:
    """Show how far the run of a decision is, and what it left on record."""
    state = runs.state(DAG, run_id)
    seat = access.seats(visitor)[0]
    with access.connection(visitor, purpose="decision", seat=seat) as conn:
        told = rows.decisions(conn, run_id=run_id) if access.reads(seat, "quarantine_action") else []
        now = rows.delivery(conn, delivery) if delivery and access.reads(seat, "feed_delivery") else None
    if state is None and not told:
        raise PageError(404, "quarantine.no_run")
    answer = page(
        request, "decision.html", state=state, decisions=told, delivery=now, feed=feed, delivery_id=delivery,
        run_id=run_id, link=runs.run_address(request, DAG, run_id), say=Words(language(request)), look=_LOOKS,
        run=lambda other: runs.run_address(request, DAG, other),
    )  # fmt: skip
    if state and not state.ended:
        answer.headers["Refresh"] = "3"
    return answer


_LOOKS: Mapping[str, str] = {"success": "good", "failed": "bad"}
