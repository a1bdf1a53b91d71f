"""The district on a business date for publication: what the terminal, pages, files and workbooks of the briefing show.

Everything is read from schema ``published`` and the accounts of schema ``ops``: no persons, and what is hidden there is
None here. Nothing is added up over hidden cells.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from resumption import ops
from resumption.briefing.figures import CheckLine, FeedLine, check_lines, feed_lines

TREND_DAYS = 28
HEADLINE = "statistical"
SCOPES = (
    HEADLINE,
    "above_scale",
    "industry",
    "services",
    "wholesale_retail",
    "hotel_catering",
    "construction",
    "real_estate",
)
ORDER = (*SCOPES, *(f"above_scale_{scope}" for scope in SCOPES[2:]))


@dataclass(frozen=True)
class Unit:
    """A subdistrict or park: resumption in the statistical scope, power index, accounts behind it. Hidden is None."""

    level: str
    unit: str
    denominator: int | None
    resumed: int | None
    official_rate: float | None
    index: float | None
    accounts: int | None


@dataclass(frozen=True)
class Scenario:
    """Homes of a scenario in the communities whose figure is published; ``hidden``: communities whose is not."""

    scenario: str
    homes: int | None
    hidden: int


@dataclass(frozen=True)
class Returnees:
    """Episodes of a state and level in the weeks whose figure is published; ``hidden``: weeks whose is not."""

    state: str
    key_level: str
    episodes: int | None
    hidden: int


@dataclass(frozen=True)
class Employees:
    """Employees of a screening decision, one for each employer of a person. Hidden is None."""

    decision: str
    employees: int | None


@dataclass(frozen=True)
class Picture:
    """All that a briefing shows.

    Attributes:
        scopes: rows of ``published.resumption_summary`` for the whole district.
        power: rows of ``published.power_index_summary``: the district, its subdistricts, what could not be placed.
        rates, indexes: scope or unit → day → its figure, for the trend.
    """

    day: dt.date
    built_at: dt.datetime | None
    rule_versions: str | None
    scopes: tuple[dict[str, Any], ...]
    rates: dict[str, dict[dt.date, float | None]]
    indexes: dict[str, dict[dt.date, float | None]]
    power: tuple[dict[str, Any], ...]
    units: tuple[Unit, ...]
    employees: tuple[Employees, ...]
    scenarios: tuple[Scenario, ...]
    returnees: tuple[Returnees, ...]
    returnees_on: dt.date | None
    feeds: tuple[FeedLine, ...]
    checks_run: int
    checks: tuple[CheckLine, ...]

    @property
    def headline(self) -> dict[str, Any] | None:
        """The district in the statistical scope."""
        return next((row for row in self.scopes if row["scope"] == HEADLINE), None)


def latest_day(conn: sa.Connection) -> dt.date | None:
    """Return the latest business date whose summary was published."""
    builds = ops.table_build.c
    published = sa.and_(builds.table_name == "resumption_summary", builds.outcome == "published")
    latest: dt.date | None = conn.execute(sa.select(sa.func.max(builds.business_date)).where(published)).scalar_one()
    return latest


def picture(conn: sa.Connection, day: dt.date) -> Picture:
    """Read the picture of a business date; what was not built is empty."""
    checks_run, checks = check_lines(conn, day)
    feeds = tuple(feed_lines(conn, day))
    return Picture(day=day, feeds=feeds, checks_run=checks_run, checks=checks, **_published(conn, day))


_KEPT: dict[tuple[Any, ...], dict[str, Any]] = {}
_KEPT_DAYS = 64


def _published(conn: sa.Connection, day: dt.date) -> dict[str, Any]:
    """Return what schema ``published`` says of a day; read again only after a table was built.

    Counting the homes of the whole district takes a quarter of a second, and they change with a build only.
    """
    builds = ops.table_build.c
    stamp = tuple(conn.execute(sa.select(sa.func.max(builds.built_at), sa.func.count())).one())
    key = (conn.engine.url, day, *stamp)
    if key not in _KEPT:
        if len(_KEPT) >= _KEPT_DAYS:
            _KEPT.clear()
        _KEPT[key] = _read(conn, day)
    return _KEPT[key]


def _read(conn: sa.Connection, day: dt.date) -> dict[str, Any]:
    builds = ops.table_build.c
    district, powers = _ask(conn, _DISTRICT, day), _ask(conn, _POWER, day)
    returnees = _ask(conn, _RETURNEES, day)
    of_day = builds.business_date == day
    summary = sa.func.max(builds.rule_versions).filter(builds.table_name == "resumption_summary")
    built_at, rule_versions = conn.execute(sa.select(sa.func.max(builds.built_at), summary).where(of_day)).one()
    return {
        "built_at": built_at,
        "rule_versions": rule_versions,
        "scopes": tuple(sorted((row for row in district if row["business_date"] == day), key=_place)),
        "rates": _series(district, "scope", "official_rate", (HEADLINE, "above_scale_industry", "services")),
        "indexes": _series([row for row in powers if row["unit"] != "unallocated"], "unit", "index"),
        "power": tuple(row for row in powers if row["business_date"] == day),
        "units": tuple(Unit(**row) for row in _ask(conn, _UNITS, day)),
        "employees": tuple(Employees(**row) for row in _ask(conn, _EMPLOYEES, day)),
        "scenarios": tuple(
            Scenario(row["scenario"], _whole(row["homes"]), row["hidden"]) for row in _ask(conn, _HOMES, day)
        ),
        "returnees": tuple(
            Returnees(row["state"], row["key_level"], _whole(row["episodes"]), row["hidden"]) for row in returnees
        ),
        "returnees_on": max((row["business_date"] for row in returnees), default=None),
    }


def _place(row: dict[str, Any]) -> tuple[int, str]:
    scope = row["scope"]
    return (ORDER.index(scope) if scope in ORDER else len(ORDER), scope)


def _series(
    rows: list[dict[str, Any]], key: str, value: str, wanted: tuple[str, ...] | None = None
) -> dict[str, dict[dt.date, float | None]]:
    found: dict[str, dict[dt.date, float | None]] = {name: {} for name in wanted or ()}
    for row in rows:
        if wanted is None or row[key] in wanted:
            found.setdefault(row[key], {})[row["business_date"]] = row[value]
    return {name: days for name, days in found.items() if days}


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _ask(conn: sa.Connection, query: sa.TextClause, day: dt.date) -> list[dict[str, Any]]:
    values = {"day": day, "first": day - dt.timedelta(days=TREND_DAYS - 1)}
    given = {name: value for name, value in values.items() if f":{name}" in query.text}
    return [dict(row) for row in conn.execute(query, given).mappings()]


_DISTRICT = sa.text("""
    select business_date, scope, denominator, resumed, official_rate, corroborated_rate, staff_rate, delta_1d,
        reporting, suppressed
    from published.resumption_summary
    where level = 'district' and business_date between :first and :day
    order by business_date
""")
_POWER = sa.text("""
    select business_date, level, unit, index, n, n_resumed, kwh_resumed, baseline_kwh, coverage
    from published.power_index_summary
    where level in ('district', 'subdistrict') and business_date between :first and :day
    order by level, unit = 'unallocated', unit, business_date
""")
_UNITS = sa.text("""
    select level, unit, denominator, resumed, official_rate, index, power.n as accounts
    from (
        select * from published.resumption_summary
        where scope = 'statistical' and level in ('subdistrict', 'park') and business_date = :day
    ) as firms
    full join (
        select * from published.power_index_summary where level in ('subdistrict', 'park') and business_date = :day
    ) as power using (level, unit)
    order by level desc, unit = 'unallocated', unit
""")
_EMPLOYEES = sa.text("""
    select decision, employees
    from published.employees
    where business_date = :day
    order by array_position(array['do_not_admit', 'check', 'missing_data', 'ok'], decision)
""")
_HOMES = sa.text("""
    select scenario, sum(homes) as homes, count(*) filter (where suppressed) as hidden
    from published.household_scenarios
    where business_date = :day
    group by scenario
    order by 2 desc nulls last, 1
""")
_RETURNEES = sa.text("""
    select max(business_date) as business_date, state, key_level, sum(episodes) as episodes,
        count(*) filter (where suppressed) as hidden
    from published.returnees
    group by state, key_level
    order by state desc, key_level
""")
