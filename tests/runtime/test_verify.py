"""What `make verify` compares: which of the expected numbers the tables must show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from resumption.models import reach
from runtime.verify import episode_figure, household_figures

DAY = "2020-02-25"
EPISODES = {"mobile": 1, "mobile, key regions": 2, "all": 3, "all, key regions": 4}


@pytest.fixture
def connection(warehouse_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection whose changes are taken back."""
    with psycopg.connect(warehouse_url.replace("postgresql+psycopg://", "postgresql://", 1)) as opened:
        opened.execute("create schema if not exists mart")
        yield opened
        opened.rollback()


@pytest.mark.parametrize(
    ("feeds", "expected"),
    [
        ({"carrier_mobile"}, 1),
        ({"carrier_mobile", "city_cases"}, 2),
        ({"carrier_mobile", "carrier_unicom", "carrier_telecom", "carrier_wasu"}, 3),
        ({"carrier_mobile", "carrier_unicom", "carrier_telecom", "carrier_wasu", "city_cases"}, 4),
    ],
)
def test_episodes_are_expected_of_the_feeds_that_the_table_reads(
    connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, feeds: set[str], expected: int
) -> None:
    monkeypatch.setattr(reach, "feeds_read", lambda models, table: feeds)
    connection.execute("create table if not exists mart.returnee_screening ()")
    assert episode_figure(connection, DAY, {"returnee_episodes": EPISODES}).expected == expected


def test_homes_are_compared_once_their_table_is_there(connection: psycopg.Connection[Any]) -> None:
    expected = {"households": {"STAYED": 2, "VACANT": 1}}
    connection.execute("drop table if exists mart.household_power_screening cascade")
    assert not list(household_figures(connection, DAY, expected))
    connection.execute("create table mart.household_power_screening (business_date date, scenario text)")
    rows = [(DAY, "STAYED"), (DAY, "STAYED"), (DAY, "RETURNED"), ("2020-02-24", "VACANT")]
    connection.cursor().executemany("insert into mart.household_power_screening values (%s, %s)", rows)
    figures = {figure.name: figure.agrees for figure in household_figures(connection, DAY, expected)}
    assert figures == {f"{DAY} homes: RETURNED": False, f"{DAY} homes: STAYED": True, f"{DAY} homes: VACANT": False}
