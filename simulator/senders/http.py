"""The HTTP senders: the registry's interface and the module's export, with the errors that such servers have."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from simulator import calendar, defects
from simulator.feeds import FEEDS
from simulator.rng import chance
from simulator.senders.clock import Clock, minute_of, moment_of
from simulator.senders.registry import MAX_LIMIT, Registry
from simulator.store import Entry, Store

_REGISTRY_READY = 5 * 60
"""The registry answers for a day from 05:00 of the next."""
Next = Callable[[Request], Awaitable[Response]]


@dataclass
class HttpSender:
    """What the HTTP senders share: the clock, the files, the token, and how often they refuse."""

    store: Store
    clock: Clock
    token: str
    retry_after_seconds: int = 1
    stall_seconds: float = 0.5
    _requests: "itertools.count[int]" = field(default_factory=itertools.count)
    _refused: set[str] = field(default_factory=set)

    def refusal(self, url: str) -> int:
        """Return 429, 503 or 504 for a request that is refused, else 0; never twice in a row for the same address."""
        luck = chance(self.store.district.seed, "request", next(self._requests))
        if self.store.district.rates <= 0 or url in self._refused:
            self._refused.discard(url)
            return 0
        for status, rate in ((429, defects.TOO_MANY_REQUESTS), (503, defects.UNAVAILABLE), (504, defects.TIMED_OUT)):
            if luck < rate * self.store.district.rates:
                self._refused.add(url)
                return status
            luck -= rate * self.store.district.rates
        return 0


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status_code=status, headers=headers)


def listing(entry: Entry) -> dict[str, object]:
    """Return the entry's line in the export's list."""
    return {
        "feed": entry.version.feed,
        "business_date": entry.business_date,
        "name": entry.version.name,
        "size": entry.size,
        "sha256": entry.declared_sha256,
        "rows": entry.declared_rows,
        "published_at": moment_of(entry.version.ready).isoformat(),
    }


def build_app(sender: HttpSender) -> FastAPI:
    """Return the application of both HTTP senders."""
    app = FastAPI(title="Feed senders", openapi_url=None)
    registry = Registry(sender.store.district)
    app.middleware("http")(_guard(sender))
    _add_registry(app, sender, registry)
    _add_exports(app, sender)
    return app


def _guard(sender: HttpSender) -> Callable[[Request, Next], Awaitable[Response]]:
    async def guard(request: Request, call_next: Next) -> Response:
        if request.headers.get("authorization") != f"Bearer {sender.token}":
            return _error(401, "a bearer token is required", {"WWW-Authenticate": "Bearer"})
        status = sender.refusal(str(request.url))
        if status == 504:
            await asyncio.sleep(sender.stall_seconds)
            return _error(504, "the page timed out")
        if status == 429:
            return _error(429, "too many requests", {"Retry-After": str(sender.retry_after_seconds)})
        return _error(status, "unavailable for the moment") if status else await call_next(request)

    return guard


def _add_registry(app: FastAPI, sender: HttpSender, registry: Registry) -> None:
    def answer(kind: str, day: date, limit: int, cursor: str | None) -> Response:
        number = calendar.number(day)
        if (number + 1) * 1_440 + _REGISTRY_READY > sender.clock.minute:
            return _error(404, f"{day.isoformat()} is not closed yet")
        try:
            body = registry.page(kind, number, limit, cursor)
        except ValueError as error:
            return _error(400, str(error))
        return Response(body, media_type="application/json")

    @app.get("/v1/entities")
    def entities(as_of: date, limit: int = Query(1_000, ge=1, le=MAX_LIMIT), cursor: str | None = None) -> Response:
        return answer("entities", as_of, limit, cursor)

    @app.get("/v1/changes")
    def changes(
        business_date: date, limit: int = Query(1_000, ge=1, le=MAX_LIMIT), cursor: str | None = None
    ) -> Response:
        return answer("changes", business_date, limit, cursor)


def _add_exports(app: FastAPI, sender: HttpSender) -> None:
    exported = {name for name, feed in FEEDS.items() if not feed.dropped}

    @app.get("/exports/{feed}")
    def files(feed: str, since: str | None = None) -> Response:
        if feed not in exported:
            return _error(404, f"no such feed; expected one of {', '.join(sorted(exported))}")
        try:
            after = minute_of(_moment(since)) if since else -calendar.NEVER * 1_440
        except ValueError:
            return _error(400, "since: expected a moment as in RFC 3339")
        shown = [
            entry for entry in sender.store.all_entries(feed, sender.clock.day) if _newer(entry, sender.clock, after)
        ]
        shown.sort(key=lambda entry: (entry.version.ready, entry.version.name))
        return Response(json.dumps([listing(entry) for entry in shown]), media_type="application/json")

    @app.get("/exports/{feed}/{business_date}/{name}")
    def content(feed: str, business_date: date, name: str) -> Response:
        day = calendar.number(business_date)
        if feed in exported and day in FEEDS[feed].days(sender.store.district, sender.clock.day):
            for entry in sender.store.entries(feed, day):
                if entry.version.name == name and entry.listed_at(sender.clock.minute):
                    return FileResponse(entry.path, media_type="application/octet-stream")
        return _error(404, "no such file")


def _moment(text: str) -> datetime:
    # A plus sign that a client did not escape arrives as a blank.
    moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    return moment if moment.tzinfo else moment.replace(tzinfo=calendar.SHANGHAI)


def _newer(entry: Entry, clock: Clock, after: int) -> bool:
    return entry.listed_at(clock.minute) and entry.version.ready > after
