"""A briefing as plain text for a terminal, at most 100 columns wide."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from resumption.briefing.figures import Briefing, CheckLine, FeedLine, PowerLine, ScopeLine, ScreeningLine

DISTRICT_TIME = ZoneInfo("Asia/Shanghai")
NONE = "-"
MAX_WARNINGS = 12


def render(briefing: Briefing) -> str:
    """Text of a briefing; a missing figure is ``-``, a missing feed says so."""
    sections = [
        _head(briefing),
        _scopes(briefing),
        _power(briefing),
        _screening(briefing),
        _feeds(briefing),
        _checks(briefing),
        _stale(briefing),
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


def _head(briefing: Briefing) -> Iterator[str]:
    yield f"Briefing of {briefing.day:%A, %d %B %Y}"
    if briefing.built_at is None:
        yield "  not built yet: run the consolidated DAG for this business date"
        return
    rules = ", ".join(briefing.rule_versions) or "unknown"
    yield f"  built {briefing.built_at.astimezone(DISTRICT_TIME):%Y-%m-%d %H:%M} Shanghai time, rules {rules}"


def _scopes(briefing: Briefing) -> Iterator[str]:
    yield "Resumption by scope"
    if not briefing.scopes:
        yield "  no figures for this day"
        return
    headers = ("scope", "firms", "resumed", "official", "corroborated", "reporting", "1 day")
    yield from table(headers, [_scope(line) for line in briefing.scopes])
    if any(line.suppressed for line in briefing.scopes):
        yield "  * too few firms: not for publication"


def _scope(line: ScopeLine) -> tuple[str, ...]:
    return (
        line.scope.replace("_", " ") + (" *" if line.suppressed else ""),
        count(line.denominator),
        count(line.resumed),
        percent(line.official_rate),
        percent(line.corroborated_rate),
        count(line.reporting),
        _points(line.delta_1d),
    )


def _power(briefing: Briefing) -> Iterator[str]:
    yield "Power index (100 x (half the share of accounts resumed + half their share of baseline energy))"
    if not briefing.power:
        yield "  no figures for this day"
        return
    headers = ("unit", "index", "accounts", "resumed", "energy", "firms covered")
    yield from table(headers, [_unit(line) for line in briefing.power])
    if any(line.dominated for line in briefing.power):
        yield "  * one account has more than half of the energy"


def _unit(line: PowerLine) -> tuple[str, ...]:
    name = "district" if line.level == "district" else line.name or line.unit
    return (
        name + (" *" if line.dominated else ""),
        NONE if line.index is None else f"{line.index:.2f}",
        count(line.n),
        percent(_share(line.n_resumed, line.n)),
        percent(_share(line.kwh_resumed, line.baseline_kwh)),
        percent(line.coverage),
    )


def _screening(briefing: Briefing) -> Iterator[str]:
    other = briefing.screening_on not in (None, briefing.day)
    yield "Returnees' episodes" + (f" (state at {briefing.screening_on}, the latest built day)" if other else "")
    if not briefing.screening:
        yield "  none" if briefing.built_at else "  no figures for this day"
        return
    rows = list(briefing.screening)
    rows.append(ScreeningLine("all", sum(line.open for line in rows), sum(line.closed for line in rows)))
    lines = [(line.key_level, count(line.open), count(line.closed)) for line in rows]
    yield from table(("level of origin", "open", "closed"), lines)


def _feeds(briefing: Briefing) -> Iterator[str]:
    yield "Feeds"
    headers = ("feed", "status", "deliveries", "accepted", "quarantined", "ignored", "rejected", "freshness")
    yield from table(headers, [_feed(line) for line in briefing.feeds])
    for line in briefing.feeds:
        yield from _feed_notes(line)


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


def _feed_notes(line: FeedLine) -> Iterator[str]:
    if line.status == "missing":
        last = f"the last good day is {line.last_good_on}" if line.last_good_on else "no good day yet"
        yield f"  {line.feed}: nothing came for this day; {last}"
    if line.reasons:
        yield f"  {line.feed}: quarantined " + ", ".join(f"{reason} {n:,}" for reason, n in line.reasons)
    if line.repeats:
        yield f"  {line.feed}: {line.repeats} repeated, nothing done"
    for name, reason in line.rejected:
        yield f"  {line.feed}: rejected {name}: {reason}"


def _checks(briefing: Briefing) -> Iterator[str]:
    kept_back = [line for line in briefing.checks if line.kept_back]
    others = [line for line in briefing.checks if not line.kept_back]
    yield f"Checks: {briefing.checks_run:,} run, {len(kept_back)} stopped a publication, {len(others)} warn"
    for line in kept_back:
        yield f"  KEPT BACK {line.subject} {briefing.day}: {_check(line)}; the last good partition stays"
    for line in others[:MAX_WARNINGS]:
        yield f"  {line.severity} {line.subject}: {_check(line)}"
    if len(others) > MAX_WARNINGS:
        yield f"  and {len(others) - MAX_WARNINGS} more in ops.check_result"


def _check(line: CheckLine) -> str:
    what = line.check_id if line.outcome == "fail" else f"{line.check_id} could not run"
    rows = f", {line.unexpected_count:,} rows" if line.unexpected_count else ""
    observed = f" (observed {line.observed_value}{rows})" if line.observed_value else ""
    return what + observed


def _stale(briefing: Briefing) -> Iterator[str]:
    if not briefing.stale:
        return
    yield "Tables without rows for this day"
    for line in briefing.stale:
        yield f"  {line.table}: " + (f"shows {line.latest}" if line.latest else "empty")
