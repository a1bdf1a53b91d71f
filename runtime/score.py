"""Score the tables of the last run against what is true about the simulated district: `make score`.

Every measure stands three times: the tables against the true state; the tables' rules, evaluated by the simulator on
the rows that must be accepted, against the true state (the ceiling: no pipeline that keeps to the rules can do better
on what was sent); and the tables against those rules. What is found is printed and kept in `docs/quality.md`.
"""

from __future__ import annotations

import argparse
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime import senders
from runtime.home import ROOT, Home, RunError, say, token_key
from runtime.run import SIMULATOR, last_source, loaded_days, simulator_version
from runtime.verify import warehouse

if TYPE_CHECKING:
    import psycopg

    from runtime.truth import Episode, Truth

PAGE = ROOT / "docs" / "quality.md"
COMMAND = "make score"
HOME_FROM = 0.35  # share of the baseline from which somebody is at home
LIVED_IN = frozenset(
    ("QUARANTINE_CHECK", "QUARANTINE_CONSISTENT", "RETURNED", "NOT_YET_BACK", "STAYED", "INTERMITTENT")
)


@dataclass(frozen=True)
class Measure:
    """One measure and its goal; `of` says of how many cases.

    `true` and `ceiling` compare with the true state, `due` with what the rules give; None where that means nothing.
    """

    name: str
    goal: float
    true: float
    ceiling: float | None
    due: float | None
    of: int
    why: str

    @property
    def reached(self) -> bool:
        """Whether the goal is reached: against the true state, or the rules where they cannot reach it either."""
        if self.goal == 0:
            return self.true == 0
        out_of_reach = self.ceiling is not None and self.ceiling < self.goal
        return self.true >= self.goal or (out_of_reach and self.due is not None and self.due >= self.goal)


Pairs = Mapping[Any, Any]


def agreement(found: Pairs, wanted: Pairs) -> float:
    """Share of all keys, of either side, that have the same value on both."""
    keys = found.keys() | wanted.keys()
    same = sum(1 for key in keys if key in found and key in wanted and found[key] == wanted[key])
    return same / max(1, len(keys))


def f1(found: Collection[Any], wanted: Collection[Any]) -> float:
    """F1 of a set against another: the harmonic mean of precision and recall."""
    both = len(set(found) & set(wanted))
    return 2.0 * both / max(1, len(found) + len(wanted))


def macro_f1(found: Pairs, wanted: Pairs) -> float:
    """Mean F1 of the classes that are truly there, each class counting the same."""
    classes = sorted(set(wanted.values()))
    scores = [
        f1(
            {key for key, value in found.items() if value == each},
            {key for key, value in wanted.items() if value == each},
        )
        for each in classes
    ]
    return sum(scores) / max(1, len(scores))


def overlap(found: Counter[Any], wanted: Counter[Any]) -> tuple[float, float]:
    """Precision and recall of a multiset."""
    both = (found & wanted).total()
    return both / max(1, found.total()), both / max(1, wanted.total())


def _rows(connection: psycopg.Connection[Any], query: str, *values: Any) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()


class Scoring:
    """The measures of one run's last day."""

    def __init__(self, truth: Truth, connection: psycopg.Connection[Any], day: date, key: bytes) -> None:
        from resumption.conform.tokens import tokeniser
        from simulator.calendar import number

        self._truth, self._connection, self._date, self._day = truth, connection, day, number(day)
        self._token: dict[str, Callable[[str], str]] = {
            kind: tokeniser(key, f"{kind}:") for kind in ("phone", "account", "id")
        }

    def measures(self) -> Iterator[Measure]:
        """All measures."""
        for part in (self.homes, self.statuses, self.references, self.episodes, self.decisions, self.unresolved):
            yield from part()

    def homes(self) -> Iterator[Measure]:
        """Scenario and presence of every home."""
        query = "select meter_token, scenario, ratio from mart.household_power_screening where business_date = %s"
        rows = _rows(self._connection, query, self._date)
        found = {token: scenario for token, scenario, _ in rows}
        homes = self._truth.homes(self._day)
        true = {token: home.scenario for token, home in homes.items()}
        due = {token: home.due for token, home in homes.items() if home.due}
        yield Measure(
            "household scenario, macro-F1", 0.95, macro_f1(found, true), macro_f1(due, true), macro_f1(found, due),
            len(true), "a home whose readings fail, or whose load at home is as low as away, is not seen as it is",
        )  # fmt: skip
        read = {
            token: ratio >= HOME_FROM for token, scenario, ratio in rows if ratio is not None and scenario in LIVED_IN
        }
        lived = {token for token in read if token in homes}
        yield Measure(
            "household presence, F1", 0.95,
            f1({token for token in lived if read[token]}, {token for token in lived if homes[token].at_home}),
            None, None, len(lived), "somebody at home on the day, of homes that are lived in and have a reading of it",
        )  # fmt: skip

    def statuses(self) -> Iterator[Measure]:
        """Status of every enterprise that has a row."""
        query = "select uscc, status from mart.enterprise_resumption where business_date = %s"
        found = dict(_rows(self._connection, query, self._date))
        true, due = (
            {code: status for code, status in every.items() if code in found}
            for every in (self._truth.true_statuses(self._day), self._truth.due_statuses(self._day))
        )
        yield Measure(
            "enterprise status, accuracy", 0.99, agreement(found, true), agreement(due, true), agreement(found, due),
            len(found),
            "reports are days old while staff return, and some never say that they began",
        )  # fmt: skip

    def references(self) -> Iterator[Measure]:
        """How rows find their enterprise."""
        from runtime.truth import CODED, NAMED

        rows = _rows(self._connection, "select feed, source_key, uscc from mart.enterprise_xref")
        found = {(feed, uscc) for feed, _, uscc in rows if feed in (*NAMED, *CODED)}
        means, sent = self._named()
        due = {(feed, code) for feed in (*NAMED, *CODED) for code in self._truth.pairs(feed, self._day)}
        keyed = [(feed, plain(key), uscc) for feed, key, uscc in rows if feed in NAMED]
        right = [means[feed, key] == {uscc} for feed, key, uscc in keyed]
        coded = [(feed, uscc) in due for feed, _, uscc in rows if feed in CODED]
        yield Measure(
            "xref, precision", 0.999, sum(right + coded) / max(1, len(right + coded)), None, None, len(right + coded),
            "a key is right when every row that bears it was sent for that enterprise and no other",
        )  # fmt: skip
        every = due | sent
        yield Measure(
            "xref, recall", 0.98, len(found & every) / max(1, len(every)), len(due) / max(1, len(every)),
            len(found & due) / max(1, len(due)), len(every),
            "rows with neither a right code nor a name that one active entity alone bears stay in quarantine",
        )  # fmt: skip

    def _named(self) -> tuple[dict[tuple[str, str], set[str]], set[tuple[str, str]]]:
        """(feed, key) → codes of the enterprises it was sent for; and all (feed, code) that were sent."""
        from runtime.truth import NAMED

        means: dict[tuple[str, str], set[str]] = defaultdict(set)
        sent: set[tuple[str, str]] = set()
        for feed in NAMED:
            for code, name, uscc, good in self._truth.named_rows(feed, self._day):
                if uscc:
                    sent.add((feed, uscc))
                if good:
                    means[feed, plain(code)].add(uscc)
                    means[feed, plain(name)].add(uscc)
        return means, sent

    def episodes(self) -> Iterator[Measure]:
        """Returnees' episodes."""
        query = "select person_token, last_exposure_on, origins, carriers from mart.returnee_screening"
        rows = _rows(self._connection, query)
        found = Counter((token, last, tuple(origins), tuple(carriers)) for token, last, origins, carriers in rows)
        due = self._truth.due_episodes(self._day)
        wanted = Counter((*self._who(each), each.origins, each.carriers) for each in due)
        true = Counter((*self._who(each), each.origins) for each in self._truth.true_episodes(self._day))
        seen, best = Counter(row[:3] for row in found.elements()), Counter(row[:3] for row in wanted.elements())
        for place, name in enumerate(("precision", "recall")):
            yield Measure(
                f"returnee episodes, {name}", 0.99, overlap(seen, true)[place], overlap(best, true)[place],
                overlap(found, wanted)[place], (found, true)[place].total(),
                "carriers take true stays back, mask phones, see stays minutes off or in whole days, and are late",
            )  # fmt: skip

    def _who(self, episode: Episode) -> tuple[str, date]:
        from simulator.calendar import as_date

        kind, _, value = episode.who.partition(":")
        return self._token[kind](value), as_date(episode.last)

    def decisions(self) -> Iterator[Measure]:
        """Decision on every person at every employer."""
        query = "select person_token, uscc, decision from mart.employee_screening where business_date = %s"
        found = {(token, uscc): decision for token, uscc, decision in _rows(self._connection, query, self._date)}
        people = self._truth.decisions(self._day)
        keys = [(self._token["id"](f"{each.id_type}:{each.id_no}"), each.uscc) for each in people]
        due = dict(zip(keys, (each.due for each in people), strict=True))
        true = dict(zip(keys, (each.true for each in people), strict=True))
        yield Measure(
            "employee decision, agreement", 0.999, agreement(found, true), agreement(due, true), agreement(found, due),
            len(due),
            "who lacks a code of the day or a second reading is missing_data, which nobody truly is",
        )  # fmt: skip

    def unresolved(self) -> Iterator[Measure]:
        """Decisions on an enterprise, a person or a home that is not who the row says."""
        known = set(self._truth.codes)
        count = 0
        for table in ("employee_screening", "enterprise_followup", "approval_reference", "enterprise_resumption"):
            rows = _rows(self._connection, f"select uscc, count(*) from mart.{table} group by uscc")  # noqa: S608
            count += sum(number for uscc, number in rows if uscc not in known)
        people = {self._token["id"](f"{each.id_type}:{each.id_no}") for each in self._truth.decisions(self._day)}
        rows = _rows(self._connection, "select person_token, count(*) from mart.employee_screening group by 1")
        count += sum(number for token, number in rows if token not in people)
        yield Measure(
            "decisions resting on an unresolved identity", 0, float(count), None, None, len(people),
            "rows about an enterprise or a person that no accepted row names",
        )  # fmt: skip


def plain(text: str) -> str:
    """A code or name without what senders vary: width, case, blanks, O for 0 and I for 1."""
    folded = unicodedata.normalize("NFKC", text).upper()
    return re.sub(r"\s", "", folded).replace("O", "0").replace("I", "1")


def score(home: Home) -> tuple[list[Measure], str]:
    """Score a run folder; the measures, and in words what was scored.

    Raises RunError when it holds no run of this version of the simulator.
    """
    from runtime.truth import Truth
    from simulator.district import District

    source, days = last_source(home), loaded_days(home)
    if source is None or days is None or source.senders != SIMULATOR:
        raise RunError(f"{home.path} holds no finished run from the simulator: run `make run` first")
    if source.simulator != simulator_version():
        raise RunError("the simulator's code is another one than in the run: score after `make run`")
    district = District(scale=source.scale, start=date.fromisoformat(source.start), end=days.last)
    truth = Truth(district, senders.simulator_folder(home), registry_first=days.first)
    with warehouse(home) as connection:
        found = list(Scoring(truth, connection, days.last, token_key(home).encode()).measures())
    about = (
        f"seed {district.seed}, scale {source.scale:g}, days {days.first} to {days.last}, all errors of the catalogue"
    )
    return found, about


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}" if value <= 1 and value else f"{value:,.0f}"


def page(measures: list[Measure], about: str) -> str:
    """The page `docs/quality.md`."""
    lines = [
        "# Quality against the simulated truth",
        "",
        f"Written by `{COMMAND}` from a run: {about}. Figures of the run's last day.",
        "",
        "*True*: the tables against what the district really did. *Ceiling*: what the tables' rules, evaluated by the",
        "simulator on the rows that must be accepted, reach against the same; what lies between it and 1 was not sent,",
        "was sent wrong, or is not asked for by the rules. *Rules*: the tables against those rules. A goal holds for",
        "*true*, or for *rules* where the ceiling is below it.",
        "",
        "| measure | goal | true | ceiling | rules | of | reached |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in measures:
        goal = "0" if not each.goal else f"≥ {each.goal:g}"
        figures = " | ".join(map(_number, (each.true, each.ceiling, each.due)))
        lines.append(f"| {each.name} | {goal} | {figures} | {each.of:,} | {'yes' if each.reached else 'no'} |")
    lines += ["", "What keeps the measures from 1, or what they count:", ""]
    lines += [f"- {each.name}: {each.why}." for each in measures]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Score the run folder, print and keep the page; the exit code tells whether every goal is reached."""
    parser = argparse.ArgumentParser(prog="python -m runtime.score", description=__doc__)
    parser.add_argument("--out", type=Path, default=PAGE, help="file to write")
    target = parser.parse_args().out
    try:
        measures, about = score(Home.from_environment())
    except RunError as problem:
        say(f"score: {problem}")
        return 2
    text = page(measures, about)
    print(text, end="")
    target.write_text(text, encoding="utf-8")
    return 0 if all(each.reached for each in measures) else 1


if __name__ == "__main__":
    sys.exit(main())
