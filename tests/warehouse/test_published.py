"""What is published hides what speaks of a few, and what is hidden cannot be worked out from what is not.

The audit does what a reader could do: every published figure is known, parts add up to totals, and a hidden figure that
these equations determine is a leak.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from resumption import ops
from resumption.contracts import load_table
from resumption.warehouse import create_all, mart_table
from resumption.warehouse.views import ViewError, create_views, load_view, parse_view, view_names

DAY = dt.date(2020, 2, 25)
SECTORS = ("industry", "services", "wholesale_retail", "hotel_catering", "construction", "real_estate")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def engine(warehouse_url: str) -> sa.Engine:
    engine = ops.engine(warehouse_url)
    create_all(engine)
    return engine


def put(engine: sa.Engine, name: str, rows: list[Row]) -> None:
    """Make rows the whole of a mart table; columns not given get any value of their type."""
    table = mart_table(load_table(name))
    filler: dict[type, Any] = {bool: False, int: 0, float: 0.0, str: "-", dt.date: DAY, list: []}
    now = dt.datetime(2020, 2, 26, tzinfo=dt.UTC)
    blank = {c.name: filler.get(c.type.python_type, now) for c in table.columns if not c.nullable}
    with engine.begin() as conn:
        conn.execute(table.delete())
        if rows:
            conn.execute(table.insert(), [blank | row for row in rows])


def published(engine: sa.Engine, name: str) -> list[Row]:
    with engine.connect() as conn:
        return [dict(row) for row in conn.execute(sa.text(f"select * from published.{name}")).mappings()]


Cell = tuple[Any, ...]
Sum = tuple[list[Cell], Cell]
"""Parts, and what they add up to."""


def worked_out(sums: list[Sum], hidden: set[Cell]) -> set[Cell]:
    """Hidden cells that the sums leave only one value: those to which no solution of the equations adds anything."""
    number = {cell: place for place, cell in enumerate(sorted(hidden))}
    matrix = np.zeros((len(sums), len(number)))
    for place, (parts, total) in enumerate(sums):
        for cell, sign in [*((part, 1) for part in parts), (total, -1)]:
            if cell in number:
                matrix[place, number[cell]] = sign
    _, sizes, basis = np.linalg.svd(matrix)
    null_space = basis[(sizes > 1e-9).sum() :]
    return {cell for cell, place in number.items() if np.abs(null_space[:, place]).max(initial=0.0) < 1e-9}


def summary_row(scope: str, level: str, unit: str, denominator: int, resumed: int) -> Row:
    reporting = denominator
    small = denominator < 20 or 1 <= resumed <= 4 or 1 <= reporting <= 4
    return {
        "business_date": DAY, "scope": scope, "level": level, "unit": unit, "denominator": denominator,
        "resumed": resumed, "official_rate": resumed / denominator, "corroborated_rate": resumed / denominator,
        "reporting": reporting, "coverage": 1.0, "suppressed": small,
    }  # fmt: skip


def district(seed: int, units: int, size: float) -> list[Row]:
    """A summary of one level whose sectors add up to all, as `mart` has it."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for prefix, total, share in (("", "statistical", 1.0), ("above_scale_", "above_scale", 0.4)):
        counts = rng.poisson(size * share * rng.random((units, len(SECTORS))) ** 3)
        resumed = rng.binomial(counts, rng.choice([0.05, 0.5, 0.95], counts.shape))
        named = [(f"{prefix}{sector}", counts[:, n], resumed[:, n]) for n, sector in enumerate(SECTORS)]
        for scope, many, back in [*named, (total, counts.sum(axis=1), resumed.sum(axis=1))]:
            cells = [("park", f"P{unit}", many[unit], back[unit]) for unit in range(units)]
            cells.append(("district", "330108", many.sum(), back.sum()))
            rows += [summary_row(scope, level, unit, int(n), int(r)) for level, unit, n, r in cells if n]
    return rows


def summary_sums(rows: list[Row]) -> list[Sum]:
    """What adds up: the units of a scope to the district, the sectors of a family to the family."""
    found: dict[Cell, list[Cell]] = defaultdict(list)
    for row in rows:
        scope, level, unit = cell = (row["scope"], row["level"], row["unit"])
        if level != "district":
            found[scope, "district", "330108"].append(cell)
        if scope not in ("statistical", "above_scale"):
            found["above_scale" if scope.startswith("above_scale") else "statistical", level, unit].append(cell)
    by_scope = [([c for c in parts if c[1] != "district"], total) for total, parts in found.items()]
    by_family = [([c for c in parts if c[1:] == total[1:]], total) for total, parts in found.items()]
    return [each for each in by_scope + by_family if each[0]]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("units", [2, 5, 12])
@pytest.mark.parametrize("size", [40.0, 150.0])
def test_no_hidden_rate_can_be_worked_out(engine: sa.Engine, seed: int, units: int, size: float) -> None:
    rows = district(seed, units, size)
    put(engine, "resumption_summary", rows)
    shown = published(engine, "resumption_summary")
    assert len(shown) == len(rows)
    hidden = {(r["scope"], r["level"], r["unit"]) for r in shown if r["suppressed"]}
    small = {(r["scope"], r["level"], r["unit"]) for r in rows if r["suppressed"]}
    assert small <= hidden
    assert not worked_out(summary_sums(rows), hidden) & small
    figures = ("denominator", "resumed", "official_rate", "corroborated_rate", "staff_rate", "reporting", "coverage")
    assert all(r[name] is None for r in shown if r["suppressed"] for name in figures)


def power_row(level: str, unit: str, n: int, resumed: int, kwh: float, largest: float) -> Row:
    return {
        "business_date": DAY, "level": level, "unit": unit, "index": 50.0, "n": n, "n_resumed": resumed,
        "kwh_resumed": kwh, "baseline_kwh": kwh * 2, "largest_share": largest, "dominated": largest > 0.5,
        "coverage": 0.5,
    }  # fmt: skip


def power_levels(parks: dict[str, tuple[int, int, float, float]]) -> list[Row]:
    whole = power_row(
        "district", "330108", sum(p[0] for p in parks.values()), 90, sum(p[2] for p in parks.values()), 0.1
    )
    return [whole, *(power_row("park", unit, *park) for unit, park in parks.items())]


@pytest.mark.parametrize(
    ("parks", "hidden"),
    [
        ({"A": (20, 18, 100.0, 0.2), "B": (30, 20, 200.0, 0.85)}, set()),
        ({"A": (4, 0, 10.0, 0.4), "B": (30, 20, 200.0, 0.2), "C": (40, 20, 90.0, 0.2)}, {"A", "C"}),
        ({"A": (40, 4, 10.0, 0.4), "B": (30, 20, 200.0, 0.2), "C": (40, 20, 90.0, 0.2)}, {"A", "C"}),
        # Dominated by one: what is hidden with it must be no smaller, or the rest of the level would tell it closely.
        (
            {"A": (30, 20, 100.0, 0.86), "B": (30, 20, 200.0, 0.2), "C": (30, 20, 9.0, 0.2), "D": (30, 20, 120.0, 0.2)},
            {"A", "D"},
        ),
        ({"A": (30, 20, 100.0, 0.86), "B": (30, 20, 20.0, 0.2), "C": (30, 20, 9.0, 0.2)}, {"A", "B"}),
    ],
    ids=["open", "few accounts", "few resumed", "dominated", "dominated, all others smaller"],
)
def test_power_cells(engine: sa.Engine, parks: dict[str, Any], hidden: set[str]) -> None:
    rows = power_levels(parks)
    put(engine, "power_index_summary", rows)
    shown = published(engine, "power_index_summary")
    assert {row["unit"] for row in shown if row["suppressed"]} == hidden
    cells = {(row["level"], row["unit"]) for row in shown if row["suppressed"]}
    parts = [("park", unit) for unit in parks]
    assert not worked_out([(parts, ("district", "330108"))], cells)
    assert all(row["kwh_resumed"] is None and row["n"] is None for row in shown if row["suppressed"])


def test_a_small_group_has_no_index(engine: sa.Engine) -> None:
    put(engine, "power_index_summary", power_levels({"A": (19, 15, 50.0, 0.2), "B": (20, 15, 50.0, 0.2)}))
    indices = {row["unit"]: row["index"] for row in published(engine, "power_index_summary")}
    assert (indices["A"], indices["B"]) == (None, 50.0)


def episodes(counts: dict[str, int]) -> list[Row]:
    """So many open episodes with a last exposure on each date."""
    return [
        {
            "person_token": f"{day}:{n}", "episode_no": 1, "business_date": DAY, "key_level": "high", "state": "open",
            "last_exposure_on": dt.date.fromisoformat(day), "window_end": DAY,
        }
        for day, count in counts.items() for n in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ({"2020-02-10": 5, "2020-02-16": 1, "2020-02-17": 9}, set()),
        ({"2020-02-10": 4, "2020-02-17": 9, "2020-02-24": 7}, {"2020-02-10", "2020-02-24"}),
        ({"2020-02-10": 4, "2020-02-17": 1, "2020-02-24": 7}, {"2020-02-10", "2020-02-17"}),
    ],
    ids=["a week is counted together", "complementary", "two small ones hide each other"],
)
def test_returnees(engine: sa.Engine, counts: dict[str, int], hidden: set[str]) -> None:
    put(engine, "returnee_screening", episodes(counts))
    shown = published(engine, "returnees")
    assert {str(row["week"]) for row in shown if row["episodes"] is None} == hidden
    assert not {"person_token", "uscc"} & shown[0].keys()


@pytest.mark.parametrize("seed", range(5))
def test_no_hidden_count_of_homes_can_be_worked_out(engine: sa.Engine, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenarios, communities = ("STAYED", "RETURNED", "VACANT", "INTERMITTENT"), ("C1", "C2", "C3", "C4", "C5")
    counts = {(c, s): int(rng.poisson(9 * rng.random())) for c in communities for s in scenarios}
    rows = [
        {"meter_token": f"{c}:{s}:{n}", "business_date": DAY, "community_code": c, "scenario": s}
        for (c, s), count in counts.items()
        for n in range(count)
    ]
    put(engine, "household_power_screening", rows)
    shown = {(r["community_code"], r["scenario"]): r for r in published(engine, "household_scenarios")}
    hidden = {cell for cell, row in shown.items() if row["homes"] is None}
    assert {cell for cell, count in counts.items() if 0 < count < 5} <= hidden
    assert all(shown[cell]["homes"] == counts[cell] for cell in shown.keys() - hidden)
    # A reader may know how many homes a community has, or the district in a scenario.
    by_community = [([(c, s) for s in scenarios], (c, "all")) for c in communities]
    by_scenario = [([(c, s) for c in communities], ("all", s)) for s in scenarios]
    for known in (by_community, by_scenario):
        assert not worked_out(known, hidden) & {cell for cell, count in counts.items() if 0 < count < 5}


def test_nothing_about_one_person_or_firm_is_published() -> None:
    for name in view_names():
        columns = load_view(name).columns
        assert not [c for c in columns if c.endswith(("_token", "_no")) or c in ("uscc", "name", "run_id")]


def test_an_unchanged_view_stays_and_a_changed_one_is_made_anew(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def number(name: str) -> int:
        with engine.connect() as conn:
            return int(conn.execute(sa.text(f"select 'published.{name}'::regclass::oid::bigint")).scalar_one())

    before = {name: number(name) for name in view_names()}
    create_all(engine)
    assert {name: number(name) for name in view_names()} == before
    changed = parse_view("returnees", load_view("returnees").sql + "\nwhere episodes >= 0")
    monkeypatch.setattr("resumption.warehouse.views.load_view", lambda n: changed if n == "returnees" else load_view(n))
    with engine.begin() as conn:
        create_views(conn)
    after = {name: number(name) for name in view_names()}
    assert {name for name in before if before[name] != after[name]} == {"returnees"}


def test_a_view_that_others_stand_on_is_not_torn_away(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = parse_view("returnees", load_view("returnees").sql + "\nwhere episodes >= 1")
    monkeypatch.setattr("resumption.warehouse.views.load_view", lambda n: changed if n == "returnees" else load_view(n))
    with engine.begin() as conn:
        conn.exec_driver_sql("create view public.mine as select * from published.returnees")
    with (
        pytest.raises(ViewError, match=r"published\.returnees has changed, and other views stand on it"),
        engine.begin() as conn,
    ):
        create_views(conn)
    with engine.begin() as conn:
        conn.exec_driver_sql("drop view public.mine")


@pytest.mark.parametrize("text", ["select 1 as n", "-- What it shows.\nselect 1 as n"], ids=["nothing", "no columns"])
def test_a_view_says_what_it_shows(text: str) -> None:
    with pytest.raises(ViewError, match=r"include/views/odd\.sql: expected comment lines"):
        parse_view("odd", text)


def test_a_column_that_is_not_described_is_refused(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = parse_view("odd", "-- One.\n--\n-- n: A number.\nselect 1 as n, 2 as m")
    monkeypatch.setattr("resumption.warehouse.views.view_names", lambda: ["odd"])
    monkeypatch.setattr("resumption.warehouse.views.load_view", lambda _: odd)
    with (
        pytest.raises(ViewError, match="it gives the columns n, m; described, in this order, are n"),
        engine.begin() as conn,
    ):
        create_views(conn)
