"""The usual volume of a feed: the median of like deliveries of the days before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from resumption import ops
from resumption.ops.history import usual_rows

DAY = dt.date(2020, 2, 25)
FEED = "market_registry"


@pytest.fixture
def conn(warehouse: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose writes are taken back after the test."""
    with warehouse.connect() as connection:
        yield connection
        connection.rollback()


def _deliver(
    conn: sa.Connection, days_before: int, rows: int | None, name: str = "changes", hour: int = 12, feed: str = FEED
) -> None:
    """Record a delivery; without ``rows`` it waits for its verdict."""
    day = DAY - dt.timedelta(days=days_before)
    key = f"{feed}:{day}:{name}:{hour}"
    at = dt.datetime(day.year, day.month, day.day, hour, tzinfo=dt.UTC)
    ops.record_delivery(
        conn, ops.DeliveryRow(delivery_id=key, feed=feed, business_date=day, name=name, published_at=at)
    )
    if rows is not None:
        ops.finish_delivery(
            conn, key, "accepted", rows_received=rows, rows_accepted=rows, rows_quarantined=0, rows_ignored=0
        )


def test_the_usual_is_the_median_of_the_last_seven_delivered_dates(conn: sa.Connection) -> None:
    _deliver(conn, 0, None)
    for back, rows in enumerate([5, 1, 900, 3, 4, 2, 6, 5000, 5000, 5000], start=1):
        _deliver(conn, 2 * back, rows)
    assert usual_rows(conn, FEED, DAY) == {"usual_rows": 4.0}


def test_without_three_earlier_dates_nothing_is_usual(conn: sa.Connection) -> None:
    for back in (0, 1, 2):
        _deliver(conn, back, 10)
    _deliver(conn, 3, 10, feed="approvals")
    _deliver(conn, -1, 10)
    assert usual_rows(conn, FEED, DAY) == {}
    _deliver(conn, 4, 10)
    assert usual_rows(conn, FEED, DAY) == {"usual_rows": 10.0}


def test_snapshots_and_histories_do_not_count_among_daily_files(conn: sa.Connection) -> None:
    _deliver(conn, 0, None)
    for back in (1, 2, 3):
        _deliver(conn, back, 100)
    _deliver(conn, 1, 60_000, "entities")
    assert usual_rows(conn, FEED, DAY) == {"usual_rows": 100.0}
    _deliver(conn, 0, None, "enterprise_power_20200225.csv", feed="enterprise_power")
    for back in (1, 2, 3):
        _deliver(conn, back, 500, f"enterprise_power_202002{25 - back}.csv", feed="enterprise_power")
        _deliver(conn, 30 * back, 150_000, f"enterprise_power_history_20191{3 - back}.csv", feed="enterprise_power")
    assert usual_rows(conn, "enterprise_power", DAY) == {"usual_rows": 500.0}


def test_a_sequence_adds_and_a_corrected_file_replaces(conn: sa.Connection) -> None:
    _deliver(conn, 0, None, "a_20200225.csv")
    for back in (1, 2, 3):
        _deliver(conn, back, 10, f"a_202002{25 - back}.csv")
        _deliver(conn, back, 7, f"a_202002{25 - back}.csv", hour=13)
        _deliver(conn, back, 5, f"a_202002{25 - back}_2.csv")
    assert usual_rows(conn, FEED, DAY) == {"usual_rows": 12.0}
