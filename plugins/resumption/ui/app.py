"""The app that Airflow mounts under ``/resumption``: its routers, its headers and its pages for what goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from importlib import import_module

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from resumption.settings import SettingError
from resumption.ui.errors import PageError
from resumption.ui.guard import login_address
from resumption.ui.pages import STATIC, base, page

# Each module holds a `router`.
ROUTERS = (
    "resumption.ui.briefing",
    "resumption.ui.board",
    "resumption.ui.quarantine",
    "resumption.ui.lists",
    "resumption.ui.runbooks",
    "resumption.ui.reports",
)

# Nothing from outside, no inline script or style; the only frame is Airflow's own.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
log = logging.getLogger(__name__)


def create_app() -> FastAPI:
    """Return the app; it reads no setting and opens no connection before the first request."""
    app = FastAPI(title="Resumption", docs_url=None, redoc_url=None, openapi_url=None)
    for module in ROUTERS:
        app.include_router(import_module(module).router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.middleware("http")(_headers)
    app.add_exception_handler(PageError, _page_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(SettingError, _no_warehouse)
    app.add_exception_handler(sa.exc.OperationalError, _no_warehouse)
    app.add_exception_handler(sa.exc.ProgrammingError, _not_answered)
    app.add_exception_handler(Exception, _broken)
    return app


async def _headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    request.state.base = request.scope.get("root_path", "").rstrip("/")
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code == 200 and request.url.path.startswith(f"{base(request)}/static/"):
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def _failed(request: Request, status: int, key: str, **values: object) -> Response:
    login = login_address(request) if status == 401 else None
    return page(request, "error.html", status=status, code=status, key=key, values=values, login=login)


def _page_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    return _failed(request, error.status, error.key, **error.values)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    keys = {401: "frame.not_logged_in", 403: "frame.forbidden_login", 404: "frame.not_found"}
    return _failed(request, error.status_code, keys.get(error.status_code, "frame.refused"))


def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = sorted({str(problem["loc"][-1]) for problem in error.errors()})
    return _failed(request, 422, "frame.not_understood", fields=", ".join(fields))


def _no_warehouse(request: Request, error: Exception) -> Response:
    log.error("the warehouse could not be asked: %s", type(error).__name__)
    return _failed(request, 503, "frame.no_warehouse")


def _not_answered(request: Request, error: Exception) -> Response:
    """What the role may not read, and what was not built yet."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    if state == "42501":
        return _failed(request, 403, "frame.not_for_role")
    if state in ("42P01", "3F000"):
        return _failed(request, 503, "frame.not_built")
    return _broken(request, error)


def _broken(request: Request, error: Exception) -> Response:
    # Airflow logs the traceback; parameters of statements are hidden in it.
    return _failed(request, 500, "frame.broken", kind=type(error).__name__)
