"""Business dates loaded through Airflow's own backfill: every feed first, then the consolidated tables."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from runtime.api import Airflow, Run
from runtime.home import RunError, say, wait_until

CONSOLIDATED = "consolidated"
PAUSE = 1.0
QUIET = 10.0


@dataclass(frozen=True)
class Days:
    """Business dates, both ends included."""

    first: date
    last: date

    @classmethod
    def parse(cls, text: str) -> Days:
        """`2020-02-23..2020-02-25` or one date; raises RunError for anything else."""
        first, _, last = text.partition("..")
        try:
            days = cls(date.fromisoformat(first.strip()), date.fromisoformat((last or first).strip()))
        except ValueError:
            raise RunError(f"DAYS is a date or two, like 2020-02-23..2020-02-25; it was {text!r}") from None
        if days.first > days.last:
            raise RunError(f"DAYS must run forward: {days.first} lies after {days.last}")
        return days

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"

    def each(self) -> list[str]:
        """The dates as partition keys."""
        return [str(self.first + timedelta(days=n)) for n in range(len(self))]


def wait_for_dags(airflow: Airflow, wanted: Iterable[str], seconds: float = 90) -> None:
    """Wait until the dag-processor has read the DAG files; raises RunError naming what it could not read."""
    missing = set(wanted)

    def known() -> bool:
        missing.difference_update(airflow.dag_ids())
        return not missing or bool(airflow.import_errors())

    wait_until(known, seconds, pause=0.5)
    errors = "".join(f"\n  {file}: {why}" for file, why in airflow.import_errors().items())
    if missing:
        raise RunError(f"Airflow does not know the DAGs {', '.join(sorted(missing))}{errors}")
    if errors:
        say(f"  DAG files that could not be read:{errors}")


def backfill(airflow: Airflow, dags: list[str], days: Days, title: str, patience: float) -> list[Run]:
    """Run every business date of some DAGs, in date order within each, and wait.

    Returns the runs in their final states. Raises RunError when no run ends for `patience` seconds.
    """
    for dag in dags:
        airflow.unpause(dag)
        airflow.cancel_backfills(dag)
    for dag in dags:
        airflow.backfill(dag, days.first, days.last)
    return _watch(airflow, set(dags), len(dags) * len(days), title, patience)


def _watch(airflow: Airflow, dags: set[str], count: int, title: str, patience: float) -> list[Run]:
    progress = _Progress()
    before, moved = -1, time.monotonic()
    while True:
        runs = airflow.newest_runs(dags, count)
        ended, failed = sum(run.ended for run in runs), sum(run.state == "failed" for run in runs)
        line = f"  {title}: {ended}/{count} runs done" + (f", {failed} failed" if failed else "")
        if ended == count:
            progress.close(line)
            return runs
        if ended != before:
            before, moved = ended, time.monotonic()
        if time.monotonic() - moved > patience:
            raise RunError(f"no {title} run ended for {patience:.0f} s; see the task logs.{line}")
        progress.show(f"{line}; running: {', '.join(airflow.running_tasks()) or 'nothing yet'}")
        time.sleep(PAUSE)


class _Progress:
    """One line that is rewritten on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.printed = time.monotonic()

    def show(self, line: str) -> None:
        if self.live:
            print(f"\r\033[K{line[:150]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.printed >= QUIET:
            self.printed = time.monotonic()
            say(line)

    def close(self, line: str) -> None:
        if self.live:
            print("\r\033[K", end="", file=sys.stderr)
        say(line)
