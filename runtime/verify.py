"""Compare what a run built with what the simulator says must come of what it sent: `make verify`.

The simulator evaluates the rules on its own numbers and shares no code with the pipeline. `python -m runtime.verify
tables` prints a fingerprint of every table instead: two runs over the same dates must print the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime import postgres, senders
from runtime.backfill import Days
from runtime.home import Home, RunError, say
from runtime.run import SIMULATOR, last_source, loaded_days, simulator_version

if TYPE_CHECKING:
    import psycopg

RELATIVE = 1e-6
VOLATILE = ("run_id", "built_at")  # the only columns in which two builds of a day may differ
PULLS = ("entities", "changes")  # asked again by every run, and a repeat then; files are listed once
POWER = ("n", "n_resumed", "kwh_resumed", "baseline_kwh", "index")


@dataclass(frozen=True)
class Figure:
    """A figure as it must be and as it is."""

    name: str
    expected: Any
    actual: Any

    @property
    def agrees(self) -> bool:
        """Whether both are the same; fractions up to one in a million, as they are summed in another order."""
        if isinstance(self.expected, float) and self.actual is not None:
            return abs(float(self.actual) - self.expected) <= RELATIVE * max(1.0, abs(self.expected))
        return bool(self.expected == self.actual)


def expectation(home: Home) -> dict[str, Any]:
    """What the simulator of the run folder's district expects; raises RunError when there is none."""
    source, days = last_source(home), loaded_days(home)
    if source is None or days is None or source.senders != SIMULATOR:
        raise RunError(f"{home.path} holds no finished run from the simulator: run `make run` first")
    if source.simulator != simulator_version():
        raise RunError("the simulator's code is another one than in the run: compare after `make run`")
    folder = senders.simulator_folder(home)
    out = folder / "expectations.json"
    command = [sys.executable, "-m", "simulator", "expect", "--home", str(folder), "--out", str(out)]
    command += [*source.arguments(), "--registry-first", str(days.first)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RunError(f"`python -m simulator expect` failed:\n{done.stderr[-2000:]}")
    return dict(json.loads(out.read_text(encoding="utf-8")))


def _rows(connection: psycopg.Connection[Any], query: str, *values: Any) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    from psycopg.rows import dict_row

    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, values).fetchall()


def scope_figures(connection: psycopg.Connection[Any], day: str, expected: dict[str, Any]) -> Iterator[Figure]:
    """Denominator and resumed firms of every scope, and the reports of the statistical one."""
    query = (
        "select scope, denominator, resumed, reporting from mart.resumption_summary"
        " where level = 'district' and business_date = %s"
    )
    actual = {row["scope"]: row for row in _rows(connection, query, day)}
    wanted = {scope: each for scope, each in expected["scopes"].items() if each["denominator"]}
    for scope in sorted(wanted.keys() | actual.keys()):
        for name in ("denominator", "resumed"):
            expect, got = wanted.get(scope, {}).get(name), actual.get(scope, {}).get(name)
            yield Figure(f"{day} {scope}: {name}", expect, got)
    yield Figure(f"{day} statistical: reporting", expected["reporting"], actual.get("statistical", {}).get("reporting"))


def power_figures(connection: psycopg.Connection[Any], day: str, expected: dict[str, Any]) -> Iterator[Figure]:
    """The district's power index and what it is made of."""
    query = "select * from mart.power_index_summary where level = 'district' and business_date = %s"
    actual = next(iter(_rows(connection, query, day)), {})
    for name in POWER:
        yield Figure(f"{day} power index: {name}", (expected["power"] or {}).get(name), actual.get(name))


def episode_figure(connection: psycopg.Connection[Any], day: str, expected: dict[str, Any]) -> Figure:
    """The returnees' episodes, which stand as of the latest built day."""
    found = _rows(connection, "select count(*) as n from mart.returnee_screening")
    return Figure(f"{day} returnees' episodes", expected["returnee_episodes"][_episodes_read()], found[0]["n"])


def _episodes_read() -> str:
    """Which of the expected numbers the table must show: it depends on the feeds that its SQL reads."""
    from resumption.models.loader import load_models
    from resumption.models.reach import feeds_read

    feeds = feeds_read(load_models(), "returnee_screening")
    carriers = "all" if "carrier_wasu" in feeds else "mobile"
    return f"{carriers}, key regions" if "city_cases" in feeds else carriers


def _homes(connection: psycopg.Connection[Any], day: str) -> dict[str, int] | None:
    """The number of homes in each scenario on a day; None without such a table."""
    if not _rows(connection, "select to_regclass('mart.household_power_screening') as found")[0]["found"]:
        return None
    query = "select scenario, count(*) as n from mart.household_power_screening where business_date = %s group by 1"
    return {row["scenario"]: row["n"] for row in _rows(connection, query, day)}


def household_figures(connection: psycopg.Connection[Any], day: str, expected: dict[str, Any]) -> Iterator[Figure]:
    """The number of homes in each scenario, once there is such a table."""
    if (actual := _homes(connection, day)) is None:
        return
    for scenario in sorted(expected["households"].keys() | actual.keys()):
        yield Figure(f"{day} homes: {scenario}", expected["households"].get(scenario, 0), actual.get(scenario, 0))


Delivery = tuple[str, str, str, str, int | None, int | None, int | None]


def _delivery(row: dict[str, Any]) -> Delivery:
    """A delivery and its verdict; only accepted rows are counted."""
    names = ("rows_accepted", "rows_quarantined", "rows_ignored")
    counts = [row[name] if row["outcome"] == "accepted" else None for name in names]
    return (row["feed"], str(row["business_date"]), row["name"], row["outcome"], counts[0], counts[1], counts[2])


def delivery_figures(
    connection: psycopg.Connection[Any], expected: list[dict[str, Any]], last: str
) -> Iterator[Figure]:
    """Every delivery of a business date up to the last: its verdict, and its rows accepted, quarantined and ignored."""
    columns = "feed, business_date, name, outcome, rows_accepted, rows_quarantined, rows_ignored"
    actual = Counter(_delivery(row) for row in _rows(connection, f"select {columns} from ops.feed_delivery"))  # noqa: S608
    wanted = Counter(_delivery(row) for row in expected if row["business_date"] <= last)
    missing, surplus = wanted - actual, actual - wanted
    for delivery in [d for d in surplus if d[2] in PULLS and d[3] == "repeat"]:
        del surplus[delivery]
    agreeing = wanted & actual
    yield Figure("deliveries that came to what they must", wanted.total(), agreeing.total())
    for delivery in sorted(missing, key=str):
        yield Figure(f"delivery {' '.join(delivery[:3])}", delivery[3:], _like(delivery, surplus))
    for delivery in sorted(surplus, key=str):
        if not _like(delivery, missing):
            yield Figure(f"delivery {' '.join(delivery[:3])}", None, delivery[3:])


def _like(delivery: Delivery, others: Counter[Delivery]) -> list[Any]:
    return [other[3:] for other in others if other[:3] == delivery[:3]]


def accounting_figures(connection: psycopg.Connection[Any]) -> Iterator[Figure]:
    """Accepted + quarantined + ignored = received, for every accepted delivery, and what is quarantined lies there."""
    wrong = (
        "select count(*) as n from ops.feed_delivery where outcome = 'accepted'"
        " and rows_accepted + rows_quarantined + rows_ignored <> rows_received"
    )
    yield Figure("deliveries whose rows do not add up", 0, _rows(connection, wrong)[0]["n"])
    lost = (
        "select count(*) as n from ops.feed_delivery d where outcome = 'accepted' and rows_quarantined <>"
        " (select count(*) from ops.quarantine_row q where q.delivery_id = d.delivery_id and q.state <> 'released')"
    )
    yield Figure("deliveries whose quarantined rows are not all kept", 0, _rows(connection, lost)[0]["n"])


def figures(connection: psycopg.Connection[Any], expected: dict[str, Any], days: Days) -> Iterator[Figure]:
    """Everything that can be compared after a run over some business dates."""
    for day in days.each():
        of_day = expected["days"][day]["expected"]
        yield from scope_figures(connection, day, of_day)
        yield from power_figures(connection, day, of_day)
    last = str(days.last)
    yield episode_figure(connection, last, expected["days"][last]["expected"])
    yield from household_figures(connection, last, expected["days"][last]["expected"])
    yield from delivery_figures(connection, expected["deliveries"], last)
    yield from accounting_figures(connection)


def table_fingerprints(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """`table rows md5` of every mart table, over all columns but those that name the build."""
    from psycopg import sql

    tables = connection.execute("select tablename from pg_tables where schemaname = 'mart' order by 1").fetchall()
    for (table,) in tables:
        columns = connection.execute(
            "select column_name from information_schema.columns where table_schema = 'mart' and table_name = %s"
            " and column_name <> all(%s) order by column_name",
            (table, list(VOLATILE)),
        ).fetchall()
        query = sql.SQL(
            'select count(*), md5(string_agg(line, chr(10) order by line collate "C"))'
            " from (select row({})::text as line from {}) as lines"
        ).format(sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns), sql.Identifier("mart", table))
        rows, digest = connection.execute(query).fetchone() or (0, None)
        yield f"mart.{table} {rows} {digest}"


@contextmanager
def warehouse(home: Home) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the run folder's warehouse, which is started for it if need be."""
    import psycopg

    with (
        postgres.warehouse_up(home) as url,
        psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection,
    ):
        yield connection


def truth_lines(connection: psycopg.Connection[Any], day: str, truth: dict[str, Any]) -> Iterator[str]:
    """What was true on a day, which the pipeline never sees, beside what its tables say.

    The two differ by what senders got wrong: late files, reports that had to be quarantined, firms without a code.
    """
    query = (
        "select scope, denominator, resumed from mart.resumption_summary"
        " where level = 'district' and business_date = %s"
    )
    found = {row["scope"]: row for row in _rows(connection, query, day)}
    yield f"  {day:<32} {'firms':>8} {'table':>8} {'resumed':>9} {'table':>8}"
    for scope, true in truth["scopes"].items():
        row = found.get(scope, {"denominator": 0, "resumed": 0})
        yield (
            f"  {scope:<32} {true['denominator']:>8,} {row['denominator']:>8,}"
            f" {true['resumed']:>9,} {row['resumed']:>8,}"
        )
    if (homes := _homes(connection, day)) is not None:
        yield f"  {'homes':<32} {'truth':>8} {'table':>8}"
        for scenario in sorted(truth["homes"].keys() | homes.keys()):
            yield f"  {scenario:<32} {truth['homes'].get(scenario, 0):>8,} {homes.get(scenario, 0):>8,}"


def compare(home: Home) -> int:
    """Print every figure that differs and how many agree; the exit code."""
    expected, days = expectation(home), loaded_days(home)
    if days is None:
        raise RunError(f"{home.path} holds no finished run: run `make run` first")
    with warehouse(home) as connection:
        compared = list(figures(connection, expected, days))
        print("The district's true state beside the tables")
        print(*truth_lines(connection, str(days.last), expected["days"][str(days.last)]["truth"]), sep="\n")
    wrong = [figure for figure in compared if not figure.agrees]
    for figure in wrong:
        print(f"  {figure.name}: expected {figure.expected}, got {figure.actual}")
    print(f"against the simulator's expectation: {len(compared) - len(wrong)} figures agree, {len(wrong)} differ")
    return 1 if wrong else 0


def main() -> int:
    """Compare, or print the tables' fingerprints; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runtime.verify", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("figures", "tables"), default="figures")
    what = parser.parse_args().what
    home = Home.from_environment()
    try:
        if what == "figures":
            return compare(home)
        with warehouse(home) as connection:
            print(*table_fingerprints(connection), sep="\n")
    except RunError as problem:
        say(f"verify: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
