from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from resumption import progress, readers
from resumption.contracts import load_feed
from resumption.ops import DeliveryOutcome, DeliveryRow
from resumption.sources import IncompletePullError, Offer, Source, SourceError, open_source
from resumption.sources.http_api import pulls_needed
from tests.sources.senders import TOKEN, HttpSender, Kept

SUNDAY = date(2020, 2, 23)


@pytest.fixture
def source(http: HttpSender, connect: Callable[..., str]) -> Source:
    connect("registry_api", conn_type="http", host=http.url, password=TOKEN)
    return open_source(load_feed("market_registry"))


def pulled(name: str, day: date, outcome: DeliveryOutcome = "accepted", reason: str | None = None) -> DeliveryRow:
    return DeliveryRow(
        delivery_id=f"{name}{day}", feed="market_registry", business_date=day, name=name, outcome=outcome, reason=reason
    )


def days(count: int) -> date:
    return SUNDAY + timedelta(days=count)


@pytest.mark.parametrize(
    ("through", "known", "expected"),
    [
        (days(1), [], [("entities", 1)]),
        (days(0), [pulled("entities", days(-7))], [("entities", 0)]),
        (days(1), [pulled("entities", days(0))], [("changes", 1)]),
        (days(3), [pulled("entities", days(0)), pulled("changes", days(2))], [("changes", 1), ("changes", 3)]),
        (
            days(2),
            [pulled("entities", days(0)), pulled("changes", days(1)), pulled("changes", days(2))],
            [("changes", 2)],
        ),
        # Run again, the first day is pulled again.
        (days(1), [pulled("entities", days(1))], [("entities", 1)]),
        # A snapshot of a later day does not serve.
        (days(1), [pulled("entities", days(2))], [("entities", 1)]),
        (days(1), [pulled("entities", days(0), "incomplete")], [("entities", 1)]),
        (days(1), [pulled("entities", days(0), "rejected", "TRUNCATED: …")], [("entities", 1)]),
        (days(1), [pulled("entities", days(0), "rejected", "CHECK_FAILED: …")], [("changes", 1)]),
        (days(7), [pulled("entities", days(0))], [("entities", 7)]),
    ],
)
def test_which_pulls_a_day_needs(through: date, known: list[DeliveryRow], expected: list[tuple[str, int]]) -> None:
    assert pulls_needed(through, known) == [(name, days(day)) for name, day in expected]


def page(day: date, items: list[Any], total: int, cursor: str | None = None) -> dict[str, Any]:
    return {"business_date": day.isoformat(), "total": total, "items": items, "next_cursor": cursor}


ENTITIES = "/v1/entities|as_of=2020-02-23"


def offered(source: Source) -> Offer:
    [offer] = source.offers(SUNDAY, [])
    return offer


def test_lands_every_page_byte_for_byte(source: Source, http: HttpSender, kept: Kept) -> None:
    firms = [{"uscc": f"9133{n}", "name": f"企业{n}", "status": "存续"} for n in range(3)]
    first = http.serve_json(ENTITIES, page(SUNDAY, firms[:2], 3, "c 1&"))
    second = http.serve_json(f"{ENTITIES}|cursor=c 1&", page(SUNDAY, firms[2:], 3))
    fetched = source.fetch(offered(source), kept)
    assert kept == b"[" + first + b",\n" + second + b"]"
    assert fetched.rows == 3
    assert [p["total"] for p in json.loads(kept)] == [3, 3]


def test_a_long_pull_tells_how_many_items_of_how_many(
    source: Source, http: HttpSender, kept: Kept, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    caplog.set_level(logging.INFO, logger="resumption")
    http.serve_json(ENTITIES, page(SUNDAY, [{}, {}], 3, "c"))
    http.serve_json(f"{ENTITIES}|cursor=c", page(SUNDAY, [{}], 3))
    source.fetch(offered(source), kept)
    what = "market_registry entities 2020-02-23"
    assert [line for line in caplog.messages if "items" in line] == [
        f"{what}: 2 of 3 items on 1 pages so far",
        f"{what}: 3 of 3 items on 2 pages so far",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (page(SUNDAY, [{}, {}], 4, "c"), page(SUNDAY, [{}], 4)),
        (page(SUNDAY, [{}, {}], 3, "c"), page(SUNDAY, [{}], 4)),
        (page(SUNDAY, [{}, {}], 2, "c"), page(SUNDAY, [{}], 2)),
        (page(SUNDAY, [], 0, "c"), page(SUNDAY, [], 0)),
        (page(SUNDAY, [{}], 3, "c"), page(SUNDAY, [{}], 3, "c")),
    ],
    ids=["items missing", "total changes", "items too many", "empty snapshot", "cursor comes back"],
)
def test_pages_that_do_not_add_up_are_incomplete(
    source: Source, http: HttpSender, kept: Kept, first: dict[str, Any], second: dict[str, Any]
) -> None:
    http.serve_json(ENTITIES, first)
    http.serve_json(f"{ENTITIES}|cursor=c", second)
    with pytest.raises(IncompletePullError, match="market_registry: entities of 2020-02-23"):
        source.fetch(offered(source), kept)


def test_a_day_without_changes_is_complete(source: Source, http: HttpSender, kept: Kept) -> None:
    monday = days(1)
    http.serve_json("/v1/changes|business_date=2020-02-24", page(monday, [], 0))
    [offer] = source.offers(monday, [pulled("entities", SUNDAY)])
    assert source.fetch(offer, kept).rows == 0
    assert readers.read(bytes(kept), load_feed("market_registry"), 0).rows_received == 0


@pytest.mark.parametrize("answer", [[], {"items": []}, page(days(-1), [], 0)], ids=["list", "no total", "other day"])
def test_an_answer_that_is_no_page_of_the_day_is_an_error(
    source: Source, http: HttpSender, kept: Kept, answer: Any
) -> None:
    http.serve_json(ENTITIES, answer)
    with pytest.raises(SourceError, match="expected a page with items and total of 2020-02-23"):
        source.fetch(offered(source), kept)


def test_a_pull_counts_as_published_at_the_end_of_its_day(source: Source) -> None:
    assert offered(source).published_at.isoformat() == "2020-02-24T00:00:00+08:00"
