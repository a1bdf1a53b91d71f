"""Daily readings of homes go after 60 days; the quarter each home is judged against stays until the purpose ends."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import lake
from resumption.contracts import load_feed
from resumption.retention import retain
from resumption.warehouse import create_all

HOMES = load_feed("household_power")
DAYS = [dt.date(2019, 10, 1), dt.date(2019, 12, 31), dt.date(2020, 1, 1), dt.date(2020, 1, 2)]


@pytest.fixture
def readings(warehouse: sa.Engine, home: Path) -> None:
    """One reading of a home on each of the days, delivered on the same day."""
    create_all(warehouse)
    times = dict.fromkeys(("published_at", "received_at"), dt.datetime(2020, 1, 2, tzinfo=dt.UTC))
    for day in DAYS:
        row = {"business_date": day, "delivered_for": day, "delivery_id": f"d{day}", "delivery_name": "x.parquet"}
        row |= {"row_number": 1, "repaired": [], "meter_token": "m", "reading_on": day, "quality": "ok", **times}
        lake.replace_batch(HOMES, day, pa.Table.from_pylist([row], schema=HOMES.lake_schema()), {})


def lost(as_of: dt.date) -> tuple[list[dt.date], dict[str, int | None]]:
    """Dates that are gone, and what the proof says is kept."""
    proofs = retain(as_of, by="test", run_id="test")
    [proof] = [p for p in proofs if (p.place, p.subject) == ("lake", "household_power")]
    return sorted(set(DAYS) - set(lake.delivered_dates("household_power"))), dict(proof.held)


def test_the_quarter_of_the_baseline_is_kept_and_told_in_every_proof(readings: None) -> None:
    assert lost(dt.date(2020, 3, 1)) == ([], {"contract": 2})
    assert lost(dt.date(2020, 3, 2)) == ([DAYS[2]], {"contract": 2})
    assert lost(dt.date(2020, 12, 31)) == ([DAYS[2], DAYS[3]], {"contract": 2})


def test_with_the_purpose_it_ends(readings: None) -> None:
    assert lost(dt.date(2021, 1, 1)) == (DAYS, {})
