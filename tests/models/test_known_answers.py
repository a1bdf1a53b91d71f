"""Published figures and calendar facts that the tables must give."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from resumption.contracts import load_feed
from resumption.models import LocalInputs, run_models
from resumption.models.reference import read_reference
from tests.models.given import DELIVERY, SHANGHAI, inputs

DAY = date(2020, 2, 25)
WORKING_DAYS = [date(2019, 12, 2) + timedelta(days=n) for n in range(19) if n % 7 < 5]
BASELINE_KWH = 100


def _district(accounts: int, resumed: int, kwh_resumed: int) -> LocalInputs:
    """Accounts with a baseline of 100 kWh; ``resumed`` of them use ``kwh_resumed`` together, the others 1 each."""
    each, rest = divmod(kwh_resumed, resumed)
    today = [each + (i < rest) if i < resumed else 1 for i in range(accounts)]
    days = [*WORKING_DAYS, DAY - timedelta(days=1), DAY]
    energy = [v for day in days for v in (today if day > date(2020, 1, 1) else [BASELINE_KWH] * accounts)]
    n = len(energy)
    published = datetime(2020, 2, 26, 9, tzinfo=SHANGHAI)
    columns = {
        "account_no": [f"h{i}" for _ in days for i in range(accounts)],
        "point_no": ["1"] * n,
        "reading_on": [day for day in days for _ in range(accounts)],
        "energy": [Decimal(v) for v in energy],
        "multiplier": [Decimal(1)] * n,
        "read_status": ["正常"] * n,
        "business_date": [day for day in days for _ in range(accounts)],
        "delivered_for": [DAY] * n,
        "delivery_id": ["d"] * n,
        "delivery_name": ["history"] * n,
        "published_at": [published] * n,
        "received_at": [published] * n,
        "row_number": range(1, n + 1),
        "repaired": [[]] * n,
    }
    schema = load_feed("enterprise_power").lake_schema()
    table = pa.table({f.name: pa.array(columns.get(f.name, [None] * n), f.type) for f in schema}, schema=schema)
    delivery = {
        "feed": "enterprise_power",
        "delivery_id": "d",
        "business_date": DAY,
        "name": "history",
        "outcome": "accepted",
        "published_at": published,
        "received_at": published,
    }
    return LocalInputs({"enterprise_power": table}, pa.Table.from_pylist([delivery], schema=DELIVERY))


@pytest.mark.parametrize(
    ("users_percent", "kwh_percent", "published_index"),
    [("19.37", "31.47", 25.42), ("60.15", "47.27", 53.71)],
    ids=["2020-02-10", "2020-02-20"],
)
def test_published_index(users_percent: str, kwh_percent: str, published_index: float) -> None:
    accounts = 10_000
    resumed = int(Decimal(users_percent) * accounts / 100)
    kwh = int(Decimal(kwh_percent) * accounts * BASELINE_KWH / 100)
    tables = run_models(_district(accounts, resumed, kwh), DAY, ["power_index_summary"])
    row = next(r for r in tables["power_index_summary"].to_pylist() if r["level"] == "district")
    assert (row["n"], row["n_resumed"], row["kwh_resumed"]) == (accounts, resumed, kwh)
    assert row["index"] == pytest.approx(published_index, abs=0.005)


@pytest.mark.parametrize("in_scope", [1_019, 1_029])
def test_above_scale_services_of_25_february(in_scope: int) -> None:
    """993 resumed are 97 % of any total from 1,019 to 1,029, whatever other entities there are."""
    resumed, entities = 993, 1_500
    codes = [f"{i:018d}" for i in range(entities)]
    listed = [{"uscc": c, "sector": "服务业", "above_scale": True} for c in codes[:in_scope]]
    given = [
        {"feed": "market_registry", "for": DAY, "name": "entities", "rows": [{"uscc": c} for c in codes]},
        {"feed": "statistical_scope", "for": date(2020, 2, 1), "rows": listed},
        {"feed": "approvals", "for": DAY, "rows": [{"uscc": c, "application_id": c} for c in codes]},
        {"feed": "self_reports", "for": DAY, "rows": [{"uscc": c, "report_id": c} for c in codes[:resumed]]},
    ]
    rows = run_models(inputs(given), DAY, ["resumption_summary"])["resumption_summary"].to_pylist()
    district = next(r for r in rows if (r["scope"], r["level"]) == ("above_scale_services", "district"))
    assert (district["denominator"], district["resumed"], district["reporting"]) == (in_scope, resumed, resumed)
    assert round(100 * district["official_rate"]) == 97


def test_calendar() -> None:
    table = read_reference("calendar", DAY).to_pylist()
    working = {row["day"]: row["is_working_day"] for row in table}
    assert working[date(2020, 1, 19)]
    holidays = [date(2020, 1, 24) + timedelta(days=n) for n in range(10)]
    assert not any(working[day] for day in holidays)
    assert working[date(2020, 2, 3)]
    assert sum(working[date(2019, 12, d)] for d in range(1, 32)) == 22
