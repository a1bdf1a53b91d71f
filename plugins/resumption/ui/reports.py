"""The nightly reports on checks, served as they were written by ``resumption.ui.report_files``."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from resumption import settings
from resumption.ui import guard
from resumption.ui.errors import PageError
from resumption.ui.report_files import INDEX

if TYPE_CHECKING:
    from resumption.storage import Place

router = APIRouter()

# A page brings its style along, and nothing may come from anywhere.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"


@router.get("/reports/")
@router.get(f"/reports/{INDEX}")
def days(visitor: guard.Feeds) -> Response:
    """Show which days there are reports of."""
    return _served(settings.reports_path() / INDEX)


@router.get("/reports/{day}/")
@router.get("/reports/{day}/{name}.html")
def report(visitor: guard.Feeds, day: dt.date, name: str = "index") -> Response:
    """Show what was checked on a day, or the checks of one feed or table."""
    if not re.fullmatch(r"\w+", name, re.ASCII):
        raise PageError(404, "reports.none_yet")
    return _served(settings.reports_path() / str(day) / f"{name}.html")


def _served(at: Place) -> Response:
    if not at.is_file():
        raise PageError(404, "reports.none_yet")
    return Response(at.read_bytes(), media_type="text/html", headers={"Content-Security-Policy": POLICY})
