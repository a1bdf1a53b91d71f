"""Published figures and calendar facts that the tables must give."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from resumption.contracts import load_feed
from resumption.models import LocalInputs, RuleBook, run_models
from resumption.models.reference import read_reference
from resumption.settings import project_root
from tests.models.given import DELIVERY, SHANGHAI, changed, inputs

DAY = date(2020, 2, 25)
WORKING_DAYS = [date(2019, 12, 2) + timedelta(days=n) for n in range(19) if n % 7 < 5]
BASELINE_KWH = 100
POWER = {"account_no": "h"}


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
    [("19.37", "31.47", 25.42), ("37.93", "43.66", 40.80), ("57.60", "45.28", 51.44), ("60.15", "47.27", 53.71)],
    ids=["2020-02-10", "2020-02-18", "2020-02-19", "2020-02-20"],
)
def test_published_index(users_percent: str, kwh_percent: str, published_index: float) -> None:
    accounts = 10_000
    resumed = int(Decimal(users_percent) * accounts / 100)
    kwh = int(Decimal(kwh_percent) * accounts * BASELINE_KWH / 100)
    tables = run_models(_district(accounts, resumed, kwh), DAY, ["power_index_summary"])
    row = next(r for r in tables["power_index_summary"].to_pylist() if r["level"] == "district")
    assert (row["n"], row["n_resumed"], row["kwh_resumed"]) == (accounts, resumed, kwh)
    assert row["index"] == pytest.approx(published_index, abs=0.005)


def test_the_levels_add_up_to_the_district() -> None:
    """23,000 in scope, 91.9 % resumed are 21,137; every level of every scope holds each of them once."""
    in_scope, resumed = 23_000, 21_137
    codes = [f"{i:018d}" for i in range(in_scope)]
    sectors = ["工业", "服务业", "批发零售", "住宿餐饮", "建筑业", "房地产", "其他"]
    places = ["长河街道", "西兴街道", "浦沿街道", None]
    entities = [
        {"uscc": c, "subdistrict": places[i % 4], "park_code": f"P{i % 5}" if i % 3 else None,
         "industry_code": f"{'CFI'[i % 3]}6510" if i % 7 else None}
        for i, c in enumerate(codes)
    ]  # fmt: skip
    listed = [{"uscc": c, "sector": sectors[i % 7], "above_scale": i % 10 == 0} for i, c in enumerate(codes)]
    reports = [{"uscc": c, "report_id": c, "staff_total": 60 + i % 400} for i, c in enumerate(codes[:resumed])]
    given = [
        {"feed": "market_registry", "for": DAY, "name": "entities", "rows": entities},
        {"feed": "statistical_scope", "for": date(2020, 2, 1), "rows": listed},
        {"feed": "approvals", "for": DAY, "rows": [{"uscc": c, "application_id": c} for c in codes]},
        {"feed": "self_reports", "for": DAY, "rows": reports},
    ]
    rows = run_models(inputs(given), DAY, ["resumption_summary"])["resumption_summary"].to_pylist()
    district = {row["scope"]: row for row in rows if row["level"] == "district"}
    assert district["statistical"]["resumed"] == resumed
    assert round(100 * district["statistical"]["official_rate"], 1) == 91.9
    assert len(district) == 2 + 2 * (len(sectors) - 1)
    for scope, total in district.items():
        for level in ("subdistrict", "park", "industry_section", "size"):
            units = [row for row in rows if (row["scope"], row["level"]) == (scope, level)]
            assert scope != "statistical" or "unallocated" in {row["unit"] for row in units}, level
            for column in ("denominator", "resumed", "reporting"):
                assert sum(row[column] for row in units) == total[column], (scope, level, column)


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


@pytest.mark.parametrize(
    ("day", "pair"),
    [
        (date(2020, 2, 10), date(2019, 2, 21)),
        (date(2020, 2, 17), date(2019, 2, 28)),
        (date(2020, 2, 25), date(2019, 3, 8)),
    ],
)
def test_days_as_far_from_new_year(day: date, pair: date) -> None:
    rules = changed(RuleBook.load(), {"baseline_method": "lunar_prev_year", "lunar_days_around": 0})
    rows = run_models(inputs([]), day, ["int_baseline_day"], rules)["int_baseline_day"].to_pylist()
    assert [row["day"] for row in rows] == [pair]


def test_a_threshold_changed_from_a_day_on_leaves_the_days_before_alone() -> None:
    given = [
        {
            "feed": "enterprise_power",
            "days": [date(2019, 12, 1), date(2019, 12, 31)],
            "rows": [POWER | {"energy": 100}],
        },
        {"feed": "enterprise_power", "days": [DAY - timedelta(days=2), DAY], "rows": [POWER | {"energy": 30}]},
    ]
    stricter = changed(RuleBook.load(), {"resumed_ratio": Decimal("0.31")}, since=DAY)

    def resumed(day: date, rules: RuleBook) -> list[bool]:
        table = run_models(inputs(given), day, ["enterprise_power_index"], rules)["enterprise_power_index"]
        return [bool(value) for value in table["resumed_raw"].to_pylist()]

    before = DAY - timedelta(days=1)
    assert resumed(before, stricter) == resumed(before, RuleBook.load()) == [True]
    assert resumed(DAY, RuleBook.load()) == [True]
    assert resumed(DAY, stricter) == [False]


def test_every_reference_names_its_source_and_its_day() -> None:
    paths = sorted((project_root() / "include" / "reference").glob("*.csv"))
    assert len(paths) >= 8
    for path in paths:
        head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
        assert any(line.startswith("# Source: ") for line in head), path.name
        assert any(line.startswith("# As of: ") for line in head), path.name


def test_sections_and_divisions_of_industries() -> None:
    rows = read_reference("industries", DAY).to_pylist()
    assert len({row["section"] for row in rows}) == 20
    assert [row["division"] for row in rows] == [f"{n:02d}" for n in range(1, 98)]


def test_calendar() -> None:
    table = read_reference("calendar", DAY).to_pylist()
    working = {row["day"]: row["is_working_day"] for row in table}
    assert working[date(2020, 1, 19)]
    holidays = [date(2020, 1, 24) + timedelta(days=n) for n in range(10)]
    assert not any(working[day] for day in holidays)
    assert working[date(2020, 2, 3)]
    assert sum(working[date(2019, 12, d)] for d in range(1, 32)) == 22
