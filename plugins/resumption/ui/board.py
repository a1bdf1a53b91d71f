"""The feed board, and what became of a feed on a day."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from resumption.contracts import feed_names
from resumption.ui import access, guard
from resumption.ui.errors import PageError
from resumption.ui.pages import language, page
from resumption.ui.queries import board as rows
from resumption.ui.runs import run_address
from resumption.ui.words import Words
from resumption.warehouse import roles

router = APIRouter()

ONE_DAY = dt.timedelta(days=1)


@router.get("/board")
def board(
    request: Request,
    visitor: guard.Feeds,
    until: dt.date | None = None,
    days: Annotated[int, Query(ge=1, le=62)] = 14,
) -> Response:
    """Show every feed's days, the latest first."""
    with access.connection(visitor, purpose="feed board", seat=access.counting(visitor)) as conn:
        last = until or rows.latest_day(conn)
        shown = [last - ONE_DAY * back for back in range(days)] if last else []
        cells = rows.board(conn, shown) if shown else {}
    return page(request, "board.html", until=last, days=days, shown=shown, cells=cells, say=Words(language(request)))


@router.get("/board/{feed}/{day}")
def feed_day(request: Request, visitor: guard.Feeds, feed: str, day: dt.date) -> Response:
    """Show a feed's day: its deliveries, checks, refused rows and runs."""
    if feed not in feed_names():
        raise PageError(404, "board.no_feed", feed=feed)
    held = access.seats(visitor)
    # Which run was a decision's only the record of decisions says: for who may not read that, no run is named.
    decides = next((seat for seat in held if access.reads(seat, "quarantine_action")), None)
    with access.connection(visitor, purpose="feed board", seat=access.counting(visitor)) as conn:
        found = rows.feed_day(conn, feed, day)
    runs = {}
    if decides:
        told = [row["run_id"] for row in (*found.stages, *found.deliveries, *found.checks)]
        with access.connection(visitor, purpose="feed board", seat=decides) as conn:
            runs = {run.run_id: run_address(request, run.dag, run.run_id) for run in rows.runs_of(conn, feed, told)}
    return page(
        request, "feed_day.html", feed=feed, day=day, before=day - ONE_DAY, after=day + ONE_DAY, found=found, runs=runs,
        sees_rows=any(roles.columns(seat.role, "quarantine_row") for seat in held),
        say=Words(language(request)),
    )  # fmt: skip
