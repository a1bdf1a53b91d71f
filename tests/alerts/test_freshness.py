"""Freshness by the clock: what is overdue is late, then stale; what comes is told apart from what came in time."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from resumption import alerts, consolidate, ops
from resumption.contracts import SHANGHAI, load_feed

DAY = dt.date(2020, 2, 25)
FEED = "checkins"


@pytest.fixture(autouse=True)
def _empty(warehouse: sa.Engine) -> None:
    with warehouse.begin() as conn:
        conn.execute(sa.text("truncate ops.freshness, ops.freshness_change, ops.feed_delivery, ops.alert"))


def at(day: dt.date, hours_after_due: float) -> dt.datetime:
    """A moment counted from the deadline of the feed's delivery for ``day``."""
    return consolidate.expected_at(load_feed(FEED), day) + dt.timedelta(hours=hours_after_due)


def arrives(warehouse: sa.Engine, day: dt.date, published_at: dt.datetime) -> None:
    with warehouse.begin() as conn:
        delivery_id = f"{FEED}-{day}"
        ops.record_delivery(
            conn, ops.DeliveryRow(delivery_id=delivery_id, feed=FEED, business_date=day, name="am.csv",
                                  published_at=published_at, received_at=published_at)
        )  # fmt: skip
        counts = {"rows_received": 1, "rows_accepted": 1, "rows_quarantined": 0, "rows_ignored": 0}
        accepted = ops.Verdict(delivery_id=delivery_id, outcome="accepted", reason=None, run_id="r", **counts)
        ops.finish_deliveries(conn, [accepted])


def judged(now: dt.datetime, live_from: dt.date | None = DAY - dt.timedelta(days=60)) -> str | None:
    return consolidate.judge_now(now, live_from).get(FEED)


def test_late_stale_recovered_fresh_and_every_change_once(warehouse: sa.Engine) -> None:
    next_day = DAY + dt.timedelta(days=1)
    arrives(warehouse, DAY - dt.timedelta(days=1), at(DAY - dt.timedelta(days=1), -1))
    assert judged(at(DAY, -1)) == "fresh"
    assert judged(at(DAY, 1)) == "late"
    assert judged(at(DAY, 2)) == "late"
    assert judged(at(DAY, 5)) == "stale"
    arrives(warehouse, DAY, at(DAY, 6))
    assert judged(at(DAY, 6.5)) == "late"
    arrives(warehouse, next_day, at(next_day, -1))
    assert judged(at(next_day, 0.5)) == "recovered"
    assert judged(at(next_day, 1)) == "recovered"
    with warehouse.connect() as conn:
        changes = conn.execute(sa.text("select state from ops.freshness_change where feed = :f order by change_id"),
                               {"f": FEED}).scalars().all()  # fmt: skip
    assert list(changes) == ["fresh", "late", "stale", "late", "recovered"]


def test_nothing_is_judged_before_the_district_went_live() -> None:
    assert consolidate.judge_now(at(DAY, 1), None) == {}
    assert judged(at(DAY, 1), DAY + dt.timedelta(days=1)) is None
    assert judged(at(DAY, 1), DAY) == "late"


def test_a_stale_feed_is_told_and_its_lateness_ends_silently_in_it(warehouse: sa.Engine) -> None:
    routes = alerts.load_routes()

    def tell(now: dt.datetime) -> dict[str, int]:
        consolidate.judge_now(now, DAY)
        return alerts.tell(alerts.NoAirflow(), routes, (), now)

    tell(at(DAY, 1))
    later = tell(at(DAY, 5))
    assert later["news"] > 0
    assert later["recovered"] == 0
    with warehouse.connect() as conn:
        query = sa.text("select kind, state from ops.alert where subject = :f order by kind")
        kinds = [tuple(row) for row in conn.execute(query, {"f": FEED})]
    assert kinds == [("feed_late", "recovered"), ("feed_stale", "open")]
    assert at(DAY, 1).tzinfo is SHANGHAI


def test_the_day_that_was_due_is_the_districts_whatever_zone_the_warehouse_answers_in(
    warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGTZ", "UTC")  # at 07:00 in the district it is still the day before there
    contract = load_feed("carrier_mobile")
    expected_by = consolidate.expected_at(contract, DAY)
    assert expected_by.astimezone(dt.UTC).date() != expected_by.date()
    consolidate.judge_now(expected_by + dt.timedelta(hours=1), DAY)
    alerts.tell(alerts.NoAirflow(), alerts.load_routes(), (), expected_by + dt.timedelta(hours=1))
    with warehouse.connect() as conn:
        query = sa.text("select business_date, details ->> 'said' from ops.alert where subject = 'carrier_mobile'")
        [(day, said)] = conn.execute(query).tuples()
    assert day == DAY
    assert said.startswith("due 2020-02-26 07:00")
