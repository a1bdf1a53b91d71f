"""The briefing of a business date."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from resumption.ui import guard
from resumption.ui.pages import page

router = APIRouter()


@router.get("/")
def briefing(request: Request, visitor: guard.Briefing) -> Response:
    """Show the briefing."""
    return page(request, "briefing.html")
