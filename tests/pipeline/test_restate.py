"""Late data rebuilds exactly the days whose tables read it, and brings them to what one build at the end would give."""

from __future__ import annotations

import itertools
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa
import yaml

from resumption import checks, consolidate, lake, ops
from resumption.briefing.hindsight import known_then
from resumption.contracts import load_feed, table_names
from resumption.warehouse import create_all
from tests.models.given import inputs
from tests.pipeline.sender import forget

FIRST, LAST = date(2020, 2, 23), date(2020, 2, 26)
DAYS = [FIRST + timedelta(days=n) for n in range(4)]
RUNS = itertools.count(1)
LATE = {
    "feed": "checkins", "for": date(2020, 2, 24), "name": "am.csv", "published": "2020-02-26T09:00",
    "rows": [{"uscc": "A", "phone_token": "p1"}, {"uscc": "C", "phone_token": "p2"}],
}  # fmt: skip


def scenario() -> list[dict[str, Any]]:
    """A few firms through four days; without what arrives late."""
    given = yaml.safe_load((Path(__file__).parents[1] / "models" / "cases" / "summary.yaml").read_text("utf-8"))[
        "given"
    ]
    early = {"feed": "checkins", "for": FIRST, "name": "am.csv", "rows": [{"uscc": "B", "phone_token": "p3"}]}
    return [*given, early]


def arrive(*sent: dict[str, Any]) -> None:
    """Put deliveries into lake and warehouse as `publish` does."""
    made = inputs(sent)
    for row in made.deliveries().to_pylist():
        contract, day = load_feed(row["feed"]), row["business_date"]
        own = made.tables[row["feed"]].filter(pc.equal(made.tables[row["feed"]]["delivery_id"], row["delivery_id"]))
        there = lake.read_batch(contract, day)
        kept = there.filter(pc.not_equal(there["delivery_id"], row["delivery_id"]))
        rows = pa.concat_tables([kept, own])
        lake.replace_batch(contract, day, rows, {})
        fields = {name: row[name] for name in row if name != "outcome"}
        with ops.engine().begin() as conn:
            ops.record_delivery(conn, ops.DeliveryRow(**fields))
            counts = {"rows_received": own.num_rows, "rows_accepted": own.num_rows}
            ops.finish_delivery(conn, row["delivery_id"], "accepted", **counts, rows_quarantined=0, rows_ignored=0)
            ops.record_contents(conn, contract.name, day, lake.contents(rows))


def build(day: date) -> str:
    run = f"run {next(RUNS)}"
    consolidate.build(day, run)
    return run


def restate() -> str:
    run = f"run {next(RUNS)}"
    consolidate.restate(run)
    return run


def tables() -> dict[str, list[Any]]:
    """Every row of every table without what tells one build from another."""
    with ops.engine().connect() as conn:
        query = "select to_jsonb(t) - 'run_id' - 'built_at' as row from mart.{} as t order by 1"
        return {name: list(conn.execute(sa.text(query.format(name))).scalars()) for name in table_names()}


def runs() -> dict[tuple[str, date], str]:
    """Table and day → the run that its build row names; the rows in the table must name the same."""
    with ops.engine().connect() as conn:
        found = {(b.table_name, b.business_date): b.run_id for b in ops.table_builds(conn)}
        for (name, day), run in found.items():
            query = sa.text(f"select distinct run_id from mart.{name} where business_date = :day")
            assert set(conn.execute(query, {"day": day}).scalars()) <= {run}
    return found


@pytest.fixture(autouse=True)
def empty(warehouse: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No deliveries, no tables, and suites that a handful of firms would fail."""
    create_all(warehouse)
    forget(warehouse)
    with warehouse.begin() as conn:
        conn.execute(sa.text(f"truncate {', '.join(f'mart.{name}' for name in table_names())}"))
    real = checks.load_suite
    monkeypatch.setattr(checks, "load_suite", lambda name: checks.Suite(name, (), {}, real(name).path))


def test_a_late_delivery_rebuilds_the_days_and_tables_it_reaches_and_no_other() -> None:
    arrive(*scenario())
    for day in DAYS:
        build(day)
    before = runs()
    assert consolidate.outdated() == []
    arrive(LATE)
    reached = {(table, day) for day, names in consolidate.outdated() for table in names}
    assert {day for table, day in reached if table == "resumption_summary"} == set(DAYS[1:])
    assert {day for table, day in reached if table == "enterprise_resumption"} == set(DAYS[1:])
    assert not {table for table, _ in reached} & {"enterprise", "enterprise_power_index", "power_index_summary"}
    run = restate()
    after = runs()
    assert {key for key in after if after[key] == run} == reached
    assert {key: before[key] for key in before if key not in reached} == {
        key: after[key] for key in after if key not in reached
    }
    assert consolidate.outdated() == []


def test_what_rests_on_a_table_kept_back_by_an_earlier_build_is_not_published_by_a_restatement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrive(*scenario())
    day, passing = LATE["for"], checks.load_suite
    too_many = checks.Check("expect_table_row_count_to_be_between", {"min_value": 10**9}, "critical", {})

    def failing(name: str) -> checks.Suite:
        suite = passing(name)
        return checks.Suite(name, (too_many,), {}, suite.path) if name == "employee_screening" else suite

    monkeypatch.setattr(checks, "load_suite", failing)
    with pytest.raises(consolidate.KeptBackError):
        build(day)
    monkeypatch.setattr(checks, "load_suite", passing)
    late = {**LATE, "feed": "approvals", "name": "approvals_20200224.jsonl"}
    arrive({**late, "rows": [{"uscc": "A", "application_id": "late"}]})
    assert "employee_screening" not in dict(consolidate.outdated())[day]
    with pytest.raises(consolidate.KeptBackError, match=f"approval_reference {day}: rests on employee_screening"):
        restate()
    build(day)
    with ops.engine().connect() as conn:
        assert {b.outcome for b in ops.table_builds(conn)} == {"published"}


def test_what_is_corrected_judged_otherwise_or_rejected_afterwards_outdates_its_days_too() -> None:
    arrive(*scenario(), LATE)
    build(LAST)
    changed = {**LATE, "rows": LATE["rows"][:1]}
    arrive(changed)
    assert consolidate.outdated()
    restate()
    arrive(changed)
    assert consolidate.outdated() == [], "the same rows again change nothing"
    with ops.engine().begin() as conn:
        delivery = next(d for d in ops.known_deliveries(conn, "checkins") if d.business_date == LATE["for"])
        ops.finish_delivery(conn, delivery.delivery_id, "rejected", "CHECK_FAILED")
    assert consolidate.outdated()
    restate()
    assert consolidate.outdated() == []


@pytest.mark.parametrize("seed", [2])
def test_in_whatever_order_deliveries_arrive_the_tables_come_out_the_same(seed: int, warehouse: sa.Engine) -> None:
    sent = [*scenario(), LATE]
    chance = random.Random(seed)
    chance.shuffle(sent)
    cut = len(sent) // 2
    arrive(*sent[:cut])
    for day in chance.sample(DAYS, len(DAYS)):
        build(day)
    arrive(*sent[cut:])
    restate()
    found = tables()
    for day in DAYS:
        build(day)
    again = tables()
    for name in again:
        assert again[name] == found[name], name


def test_a_table_as_known_at_a_moment_leaves_the_warehouse_alone() -> None:
    report = {"feed": "self_reports", "for": LATE["for"], "name": "10.jsonl", "published": LATE["published"]}
    arrive(*scenario(), LATE, {**report, "rows": [{"uscc": "B", "report_id": "late"}]})
    build(LATE["for"])
    with ops.engine().connect() as conn:
        published = next(
            d.published_at for d in ops.known_deliveries(conn, "checkins") if d.business_date == LATE["for"]
        )
    assert published is not None
    before, there = runs(), tables()

    def people(moment: Any) -> dict[str, Any]:
        rows = consolidate.as_known("enterprise_resumption", LATE["for"], moment, "published").to_pylist()
        return {row["uscc"]: row["people_onsite"] for row in rows}

    assert people(published)["A"] == 1
    assert people(published - timedelta(seconds=1))["A"] is None
    then = known_then(LATE["for"])
    assert then is not None
    assert (then["resumed"], then["denominator"]) == (1, 3), "the late report makes it two"
    assert (runs(), tables()) == (before, there)
