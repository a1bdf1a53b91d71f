from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from resumption.contracts import SHANGHAI, load_feed
from resumption.sources import SourceError, open_source
from tests.sources.senders import TOKEN, Answer, HttpSender, Kept


@pytest.fixture(autouse=True)
def _connection(http: HttpSender, connect: Callable[..., str]) -> None:
    connect("module_api", conn_type="http", host=http.url, password=TOKEN)


def entry(day: str, name: str, published: str, body: bytes = b"x", **changed: Any) -> dict[str, Any]:
    return {
        "feed": "checkins",
        "business_date": day,
        "name": name,
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "rows": 1,
        "published_at": published,
        **changed,
    }


def test_offers_what_is_due_in_the_order_it_was_published(http: HttpSender) -> None:
    listing = [
        entry("2020-02-25", "am.csv", "2020-02-25T10:30:00+08:00"),
        entry("2020-02-23", "am.csv", "2020-02-26T09:00:00+08:00"),  # late
        entry("2020-02-24", "pm.csv", "2020-02-24T16:30:00"),  # without offset: Shanghai
        entry("2020-02-24", "am.csv", "2020-02-24T02:30:00Z"),
    ]
    http.serve_json("/exports/checkins", listing)
    offers = open_source(load_feed("checkins")).offers(date(2020, 2, 24), [])
    assert [(o.business_date.day, o.name) for o in offers] == [(24, "am.csv"), (24, "pm.csv"), (23, "am.csv")]
    assert offers[1].published_at == datetime(2020, 2, 24, 16, 30, tzinfo=SHANGHAI)
    assert (offers[0].sender, offers[0].declared_rows, offers[0].declared_size) == ("module_api", 1, 1)


def test_fetches_by_feed_day_and_name(http: HttpSender, kept: Kept) -> None:
    http.serve_json("/exports/checkins", [entry("2020-02-24", "早 上.csv", "2020-02-24T10:30:00+08:00", b"body")])
    http.pages["/exports/checkins/2020-02-24/早 上.csv"] = Answer(b"body")
    source = open_source(load_feed("checkins"))
    [offer] = source.offers(date(2020, 2, 24), [])
    assert source.fetch(offer, kept).sha256 == offer.declared_sha256


@pytest.mark.parametrize(
    "unusable",
    [
        {"name": "../../etc/passwd"},
        {"name": ".."},
        {"name": ""},
        {"name": "am_15400001234.csv"},
        {"feed": "approvals"},
        {"business_date": "25.02.2020"},
        {"published_at": None},
    ],
    ids=str,
)
def test_an_unusable_entry_does_not_hide_the_others(http: HttpSender, unusable: dict[str, Any]) -> None:
    good = entry("2020-02-24", "am.csv", "2020-02-24T10:30:00+08:00")
    http.serve_json("/exports/checkins", [{**good, **unusable}, good])
    source = open_source(load_feed("checkins"))
    assert [offer.name for offer in source.offers(date(2020, 2, 24), [])] == ["am.csv"]
    assert len(source.problems) == 1
    assert source.problems[0].startswith("checkins: entry 0 of the sender's listing is unusable")


@pytest.mark.parametrize("name", ["am_15400001234.csv", "99010819800101001X.csv"])
def test_a_name_that_names_a_person_is_refused_and_not_repeated(http: HttpSender, name: str) -> None:
    http.serve_json("/exports/checkins", [entry("2020-02-24", name, "2020-02-24T10:30:00+08:00")])
    source = open_source(load_feed("checkins"))
    assert source.offers(date(2020, 2, 24), []) == []
    assert "the sender must rename it" in source.problems[0]
    assert name not in source.problems[0]


@pytest.mark.parametrize("sha256", ["none", None, 7])
def test_an_entry_without_a_usable_hash_is_offered_to_be_rejected(http: HttpSender, sha256: object) -> None:
    http.serve_json("/exports/checkins", [entry("2020-02-24", "am.csv", "2020-02-24T10:30:00+08:00", sha256=sha256)])
    [offer] = open_source(load_feed("checkins")).offers(date(2020, 2, 24), [])
    assert (offer.declared_sha256, offer.problem) == (None, "CONTROL_FILE_INVALID")


def test_a_listing_must_be_a_list(http: HttpSender) -> None:
    http.serve_json("/exports/checkins", {"files": []})
    with pytest.raises(SourceError, match="expected a JSON array"):
        open_source(load_feed("checkins")).offers(date(2020, 2, 24), [])
