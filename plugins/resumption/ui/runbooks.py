"""Runbooks: what to do about an alert, from ``docs/runbooks`` of the project."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import mistune
from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from resumption import settings
from resumption.ui import guard
from resumption.ui.errors import PageError
from resumption.ui.pages import language, page

router = APIRouter()


def folder() -> Path:
    """Return where the runbooks lie; an installed deployment names the project by ``RESUMPTION_PROJECT``."""
    return settings.project_root() / "docs" / "runbooks"


@router.get("/runbooks/{kind}")
def runbook(request: Request, visitor: guard.Feeds, kind: str) -> Response:
    """Show the runbook of an alert kind in the visitor's language, else in English."""
    kinds = {path.name.split(".")[0] for path in folder().glob("*.md")}
    if kind not in kinds:  # a name from the folder, never a path from the address
        raise PageError(404, "runbook.unknown", kind=kind)
    chinese = folder() / f"{kind}.zh.md"
    path = chinese if language(request) == "zh" and chinese.is_file() else folder() / f"{kind}.md"
    title, body = _rendered(path, path.stat().st_mtime_ns)
    return page(request, "runbook.html", title=title, body=body)


@lru_cache(maxsize=64)
def _rendered(path: Path, _changed: int) -> tuple[str, Markup]:
    """Return the first heading and the rest as HTML; raw HTML in the text is escaped."""
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    render = mistune.create_markdown(escape=True, plugins=["table"])
    return first.removeprefix("# ").strip(), Markup(render(_links(rest)))


def _links(markdown: str) -> str:
    """Make links between files links between pages, or the name of a file that is no page."""
    switch = re.sub(r"^\[(?:中文|English)\]\(\S+\)$", "", markdown, count=1, flags=re.MULTILINE)
    files = re.sub(r"\[([^\]]+)\]\(\.\./(\S+?\.md)(?:#\S*)?\)", r"\1 (`docs/\2`)", switch)
    return re.sub(r"\]\((\w+)(?:\.zh)?\.md\)", r"](\1)", files)
