"""A briefing as plain text for a terminal, at most 100 columns wide."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from resumption import settings
from resumption.briefing.figures import CheckLine, FeedLine, StaleTable
from resumption.briefing.picture import Picture

DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
NONE = "-"
HIDDEN = "hidden"
MAX_WARNINGS = 12


def render(shown: Picture, reasons: Mapping[str, Sequence[tuple[str, int]]], stale: Iterable[StaleTable]) -> str:
    """Text of a briefing; a missing figure is ``-``, one that is not published ``hidden``, a missing feed says so.

    Args:
        shown: what is published of the day, and its feeds and checks.
        reasons: feed → why most of its refused rows were refused.
        stale: tables without rows for the day.
    """
    sections = [
        _head(shown),
        _scopes(shown),
        _power(shown),
        _people(shown),
        _feeds(shown, reasons),
        _checks(shown),
        _stale(stale),
    ]
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))


def width(text: str) -> int:
    """Columns a text takes in a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of an aligned table: the first column to the left, the others to the right."""
    lines = [headers, *rows]
    widths = [max(width(line[n]) for line in lines) for n in range(len(headers))]
    for line in lines:
        cells = [" " * (size - width(cell)) + cell for cell, size in zip(line, widths, strict=True)]
        cells[0] = line[0] + " " * (widths[0] - width(line[0]))
        yield ("  " + "  ".join(cells)).rstrip()


def hidden(value: Any, said: str) -> str:
    """Return what is said of a figure, or that it is hidden."""
    return HIDDEN if value is None else said


def count(value: int | None) -> str:
    """Number with thousands separated."""
    return NONE if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """Fraction as a percentage with one decimal."""
    return NONE if value is None else f"{100 * value:.1f} %"


def _points(value: float | None) -> str:
    # + 0.0 turns a rounded -0.0 into 0.0
    return NONE if value is None else f"{round(100 * value, 1) + 0.0:+.1f} pp"


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _head(shown: Picture) -> Iterator[str]:
    yield f"Briefing of {shown.day:%A, %d %B %Y}"
    if shown.built_at is None:
        yield "  not built yet: run the consolidated DAG for this business date"
        return
    rules = shown.rule_versions or "unknown"
    yield f"  built {shown.built_at.astimezone(DISTRICT_TIME):%Y-%m-%d %H:%M} Shanghai time, rules {rules}"


def _scopes(shown: Picture) -> Iterator[str]:
    yield "Resumption by scope"
    if not shown.scopes:
        yield "  no figures for this day"
        return
    headers = ("scope", "firms", "resumed", "official", "corroborated", "reporting", "1 day")
    yield from table(headers, [_scope(row) for row in shown.scopes])
    if any(row["suppressed"] for row in shown.scopes):
        yield "  hidden: of too few firms to be published, or others could be worked out from it"


def _scope(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = ((row[name], count(row[name])) for name in ("denominator", "resumed"))
    rates = ((row[name], percent(row[name])) for name in ("official_rate", "corroborated_rate"))
    said = [hidden(value, text) for value, text in (*figures, *rates, (row["reporting"], count(row["reporting"])))]
    return (row["scope"].replace("_", " "), *said, _points(row["delta_1d"]))


def _power(shown: Picture) -> Iterator[str]:
    yield "Power index (100 x (half the share of accounts resumed + half their share of baseline energy))"
    if not shown.power:
        yield "  no figures for this day"
        return
    headers = ("unit", "index", "accounts", "resumed", "energy", "firms covered")
    names = _subdistrict_names()
    yield from table(headers, [_unit(row, names) for row in shown.power])


def _subdistrict_names() -> dict[str, str]:
    path = settings.project_root() / "include" / "reference" / "subdistricts.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        # The first name of a code is the full one.
        return {row["subdistrict_code"]: row["name"] for row in reversed(list(rows))}


def _unit(row: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    energy = _share(*(None if row[name] is None else float(row[name]) for name in ("kwh_resumed", "baseline_kwh")))
    return (
        "district" if row["level"] == "district" else names.get(row["unit"], row["unit"]),
        hidden(row["index"], f"{row['index'] or 0:.2f}"),
        hidden(row["n"], count(row["n"])),
        percent(_share(row["n_resumed"], row["n"])),
        percent(energy),
        percent(row["coverage"]),
    )


def _people(shown: Picture) -> Iterator[str]:
    yield "Employees by screening decision"
    lines = [(row.decision, hidden(row.employees, count(row.employees))) for row in shown.employees]
    yield from table(("decision", "employees"), lines) if lines else ["  no figures for this day"]
    yield ""
    yield "Homes by scenario (published cells)"
    homes = [(row.scenario, hidden(row.homes, count(row.homes)), count(row.hidden)) for row in shown.scenarios]
    headers = ("scenario", "homes", "communities hidden")
    yield from table(headers, homes) if homes else ["  no figures for this day"]
    yield ""
    other = shown.returnees_on not in (None, shown.day)
    yield "Returnees' episodes" + (f" (state at {shown.returnees_on}, the latest built day)" if other else "")
    episodes = [
        (f"{row.state}, from a {row.key_level} region", hidden(row.episodes, count(row.episodes)), count(row.hidden))
        for row in shown.returnees
    ]
    none = "  none" if shown.built_at else "  no figures for this day"
    yield from table(("state", "episodes", "weeks hidden"), episodes) if episodes else [none]


def _feeds(shown: Picture, reasons: Mapping[str, Sequence[tuple[str, int]]]) -> Iterator[str]:
    yield "Feeds"
    headers = ("feed", "status", "deliveries", "accepted", "quarantined", "ignored", "rejected", "freshness")
    yield from table(headers, [_feed(line) for line in shown.feeds])
    for line in shown.feeds:
        yield from _feed_notes(line, reasons.get(line.feed, ()))


def _feed(line: FeedLine) -> tuple[str, ...]:
    loud = line.status.upper() if line.status in ("missing", "failed", "rejected") else line.status
    nothing = line.deliveries == 0
    return (
        line.feed,
        loud,
        NONE if nothing else count(line.deliveries),
        count(line.rows_accepted),
        count(line.rows_quarantined),
        count(line.rows_ignored),
        NONE if nothing else count(len(line.rejected)),
        line.freshness or NONE,
    )


def _feed_notes(line: FeedLine, reasons: Sequence[tuple[str, int]]) -> Iterator[str]:
    if line.status == "missing":
        last = f"the last good day is {line.last_good_on}" if line.last_good_on else "no good day yet"
        yield f"  {line.feed}: nothing came for this day; {last}"
    if reasons:
        yield f"  {line.feed}: quarantined " + ", ".join(f"{reason} {n:,}" for reason, n in reasons)
    if line.repeats:
        yield f"  {line.feed}: {line.repeats} repeated, nothing done"
    for name, reason in line.rejected:
        yield f"  {line.feed}: rejected {name}: {reason}"


def _checks(shown: Picture) -> Iterator[str]:
    kept_back = [line for line in shown.checks if line.kept_back]
    others = [line for line in shown.checks if not line.kept_back]
    yield f"Checks: {shown.checks_run:,} run, {len(kept_back)} stopped a publication, {len(others)} warn"
    for line in kept_back:
        yield f"  KEPT BACK {line.subject} {shown.day}: {_check(line)}; the last good partition stays"
    for line in others[:MAX_WARNINGS]:
        yield f"  {line.severity} {line.subject}: {_check(line)}"
    if len(others) > MAX_WARNINGS:
        yield f"  and {len(others) - MAX_WARNINGS} more in ops.check_result"


def _check(line: CheckLine) -> str:
    what = line.check_id if line.outcome == "fail" else f"{line.check_id} could not run"
    rows = f", {line.unexpected_count:,} rows" if line.unexpected_count else ""
    observed = f" (observed {line.observed_value}{rows})" if line.observed_value else ""
    return what + observed


def _stale(tables: Iterable[StaleTable]) -> Iterator[str]:
    for place, line in enumerate(tables):
        if place == 0:
            yield "Tables without rows for this day"
        yield f"  {line.table}: " + (f"shows {line.latest}" if line.latest else "empty")
