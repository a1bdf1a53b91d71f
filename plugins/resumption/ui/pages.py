"""How a page is rendered: its template, its language, and the figures in it."""

from __future__ import annotations

import datetime as dt
import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from resumption.ui import texts
from resumption.ui.texts import Lang

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
LANG_COOKIE = "resumption_lang"
NONE = "–"


@cache
def environment() -> Environment:
    """The templates; an undefined name is an error, and everything is escaped."""
    loader = FileSystemLoader(FOLDER / "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.globals.update(number=number, percent=percent, moment=moment, points=points, none=NONE)
    return made


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page in the language of the request; ``values`` are the template's names."""
    lang = language(request)
    body = environment().get_template(template).render(**_frame(request, lang), **values)
    response = HTMLResponse(body, status_code=status)
    if request.query_params.get("lang") == lang:
        response.set_cookie(LANG_COOKIE, lang, max_age=365 * 86400, path=base(request) or "/", samesite="lax")
    return response


def language(request: Request) -> Lang:
    """Return the language asked for: of the address, else of the cookie, else of the browser."""
    asked = request.query_params.get("lang"), request.cookies.get(LANG_COOKIE)
    given = next((lang for lang in map(texts.as_lang, asked) if lang), None)
    return given or ("en" if request.headers.get("accept-language", "zh").lower().startswith("en") else "zh")


def base(request: Request) -> str:
    """Return the path under which the pages are mounted, as it was noted before a route below changed it."""
    return str(request.state.base)


def address(root: str, path: str, **query: object) -> str:
    """Return an address within the pages; a query value of None is left out."""
    given = {name: value for name, value in query.items() if value is not None}
    return f"{root}{path}" + (f"?{urlencode(given)}" if given else "")


def _frame(request: Request, lang: Lang) -> dict[str, Any]:
    visitor = getattr(request.state, "visitor", None)
    return {
        "lang": lang,
        "t": partial(texts.text, lang),
        "url": partial(address, base(request)),
        "switch": {other: _in_language(request, other) for other in texts.LANGS},
        "here": request.scope["path"].removeprefix(base(request)) or "/",
        "visitor": visitor,
        "csrf_field": partial(_csrf_field, visitor),
        "style": f"/static/site.css?v={_fingerprint()}",
    }


def _in_language(request: Request, lang: Lang) -> str:
    return "?" + urlencode([*((k, v) for k, v in request.query_params.multi_items() if k != "lang"), ("lang", lang)])


def _csrf_field(visitor: Any) -> Markup:
    from resumption.ui.guard import CSRF_FIELD, csrf_token

    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, csrf_token(visitor.login))


@cache
def _fingerprint() -> str:
    return hashlib.sha256((STATIC / "site.css").read_bytes()).hexdigest()[:12]


def number(value: float | None, digits: int = 0) -> str:
    """Number with thousands separated."""
    return NONE if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """Fraction as a percentage with one decimal."""
    return NONE if value is None else f"{100 * value:.1f}%"


def points(value: float | None) -> str:
    """Difference of fractions in percentage points, with its sign."""
    # + 0.0 turns a rounded -0.0 into 0.0
    return NONE if value is None else f"{round(100 * value, 1) + 0.0:+.1f}"


def moment(value: dt.datetime | None) -> str:
    """Date and minute in the district's time."""
    return NONE if value is None else f"{value.astimezone(DISTRICT_TIME):%Y-%m-%d %H:%M}"
