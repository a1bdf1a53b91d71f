"""The briefing of a business date."""

from __future__ import annotations

import datetime as dt

from fastapi import APIRouter, Request, Response

from resumption.briefing.picture import latest_day, picture
from resumption.ui import access, guard
from resumption.ui.errors import PageError
from resumption.ui.pages import language, page
from resumption.ui.showing import shown_in

router = APIRouter()


@router.get("/")
def briefing(request: Request, visitor: guard.Briefing, date: dt.date | None = None) -> Response:
    """Show the briefing of ``date``, else of the latest day that was built."""
    with access.connection(visitor, purpose="briefing", seat=access.counting(visitor)) as conn:
        day = date or latest_day(conn)
        if day is None:
            raise PageError(404, "briefing.nothing_built")
        shown = picture(conn, day)
    return page(request, "briefing.html", **shown_in(language(request), shown))
